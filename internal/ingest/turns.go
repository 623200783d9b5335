package ingest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"gancho/internal/hook"
)

// turns makes changes of the same record run one after the other once they conflict. Nearly all
// changes need no turn: a change is computed without a lock, and committed if the record is
// still as it was read. A change that was overtaken waits here for its turn before it tries
// again. While somebody has or waits for a turn at a record, every other change of the record
// on this node waits, too.
type turns struct {
	mu      sync.Mutex
	records map[recordOf]*turn // those that somebody has or waits for
	n       atomic.Int32       // len(records), to be read without the lock
}

// recordOf is a record of a tenant.
type recordOf struct {
	tenant string
	hook.RecordName
}

func (r recordOf) compare(o recordOf) int {
	return cmp.Or(cmp.Compare(r.Contract, o.Contract), cmp.Compare(r.Kind, o.Kind), cmp.Compare(r.Key, o.Key))
}

// turn is the turn at one record.
type turn struct {
	taken chan struct{} // has one value while somebody has the turn
	users int           // how many have it or wait for it
}

// needed reports whether somebody has or waits for a turn at one of the records.
func (t *turns) needed(tenant string, names []hook.RecordName) bool {
	if t.n.Load() == 0 {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(names, func(n hook.RecordName) bool { return t.records[recordOf{tenant, n}] != nil })
}

// wait waits for a turn at all of the records. release gives it up. If ctx ends first,
// wait returns its error and there is nothing to release.
func (t *turns) wait(ctx context.Context, tenant string, names []hook.RecordName) (release func(), err error) {
	records := make([]recordOf, len(names))
	for i, n := range names {
		records[i] = recordOf{tenant, n}
	}
	slices.SortFunc(records, recordOf.compare) // everybody waits in the same order: no deadlock
	records = slices.Compact(records)
	t.mu.Lock()
	if t.records == nil {
		t.records = map[recordOf]*turn{}
	}
	wanted := make([]*turn, len(records))
	for i, r := range records {
		if t.records[r] == nil {
			t.records[r] = &turn{taken: make(chan struct{}, 1)}
		}
		wanted[i] = t.records[r]
		wanted[i].users++
	}
	t.n.Store(int32(len(t.records)))
	t.mu.Unlock()

	got := 0 // of wanted
	release = func() {
		for _, w := range wanted[:got] {
			<-w.taken
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		for i, w := range wanted {
			if w.users--; w.users == 0 {
				delete(t.records, records[i])
			}
		}
		t.n.Store(int32(len(t.records)))
	}
	for _, w := range wanted {
		select {
		case w.taken <- struct{}{}:
			got++
		case <-ctx.Done():
			release()
			return nil, ctx.Err()
		}
	}
	return release, nil
}
