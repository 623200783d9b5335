package hook

import (
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	at := func(d time.Duration) EventID { return EventID(IDAt(since.Add(d))) }
	for _, c := range []struct {
		name string
		r    Recovery
		want float64
	}{
		{"nothing to do", Recovery{State: RecoveryRunning}, 0},
		{"by events", Recovery{State: RecoveryRunning, Total: 200, Examined: 50}, 0.25},
		{"more came in", Recovery{State: RecoveryRunning, Total: 200, Examined: 300}, 1},
		{"cancelled", Recovery{State: RecoveryCancelled, Total: 200, Examined: 50}, 0.25},
		{"done", Recovery{State: RecoveryDone, Total: 200, Examined: 50}, 1},
		{"too many to count, at the start", Recovery{State: RecoveryRunning, Total: MaxRecoveryTotal}, 0},
		{"too many to count", Recovery{State: RecoveryRunning, Total: MaxRecoveryTotal, Examined: 5, Cursor: at(15 * time.Minute)}, 0.25},
	} {
		c.r.Since, c.r.Until = since, since.Add(time.Hour)
		if got := c.r.Progress(); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
