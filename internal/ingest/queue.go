package ingest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"gancho/internal/hook"
)

// queues are where changes wait that lost their record to another one. Nearly all
// changes meet nobody and never come here. Once somebody waits for a record, all
// who want to change it stand in line, so that each has its turn instead of most
// of them working in vain.
type queues struct {
	mu   sync.Mutex
	open map[place]*queue
	n    atomic.Int32 // how many are open
}

// place is a record of a tenant.
type place struct {
	tenant string
	hook.RecordName
}

type queue struct {
	turn  chan struct{} // holds one value while somebody has it
	users int
}

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.Contract, o.Contract), cmp.Compare(p.Kind, o.Kind), cmp.Compare(p.Key, o.Key))
}

// anyOf reports whether somebody waits for one of the records.
func (q *queues) anyOf(tenant string, names []hook.RecordName) bool {
	if q.n.Load() == 0 {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.ContainsFunc(names, func(n hook.RecordName) bool { return q.open[place{tenant, n}] != nil })
}

// enter waits for a turn at all of the records. leave gives it up.
func (q *queues) enter(ctx context.Context, tenant string, names []hook.RecordName) (leave func(), err error) {
	places := make([]place, len(names))
	for i, n := range names {
		places[i] = place{tenant, n}
	}
	slices.SortFunc(places, place.compare) // all in the same order, so nobody waits in a circle
	places = slices.Compact(places)
	q.mu.Lock()
	if q.open == nil {
		q.open = map[place]*queue{}
	}
	lines := make([]*queue, len(places))
	for i, p := range places {
		if q.open[p] == nil {
			q.open[p] = &queue{turn: make(chan struct{}, 1)}
		}
		lines[i] = q.open[p]
		lines[i].users++
	}
	q.n.Store(int32(len(q.open)))
	q.mu.Unlock()

	held := 0
	leave = func() {
		for _, l := range lines[:held] {
			<-l.turn
		}
		q.mu.Lock()
		defer q.mu.Unlock()
		for i, l := range lines {
			if l.users--; l.users == 0 {
				delete(q.open, places[i])
			}
		}
		q.n.Store(int32(len(q.open)))
	}
	for _, l := range lines {
		select {
		case l.turn <- struct{}{}:
			held++
		case <-ctx.Done():
			leave()
			return nil, ctx.Err()
		}
	}
	return leave, nil
}
