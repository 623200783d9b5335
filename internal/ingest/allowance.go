package ingest

import (
	"sync"
	"time"

	"gancho/internal/hook"
)

// allowance limits how many deliveries are stored in one minute for one endpoint although they are left out. Without it, a
// filter that fails for every event would fill the history with rows that all say the same. Each node has its own.
type allowance struct {
	mu     sync.Mutex
	minute int64 // since 1970; used is of this minute
	used   map[hook.EndpointID]int
}

// take reports whether one more delivery of the endpoint may be stored.
func (a *allowance) take(id hook.EndpointID, now time.Time, limit int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if minute := now.Unix() / 60; minute != a.minute || a.used == nil {
		a.minute, a.used = minute, map[hook.EndpointID]int{}
	}
	if a.used[id] >= limit {
		return false
	}
	a.used[id]++
	return true
}
