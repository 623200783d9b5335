package ingest_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

// omissions collects what errors left out.
type omissions struct {
	mu   sync.Mutex
	list []hook.Omission
}

func (o *omissions) add(x *hook.Omission) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, *x)
}

// take returns what came since the last call.
func (o *omissions) take() []hook.Omission {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.list
	o.list = nil
	return list
}

// A filter that fails for every event leaves no more than so many rows in a minute. The others are counted, and `recover`
// brings them all back once the filter was corrected.
func TestLeftOutIsBounded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newSetup(t, db)
		now := time.Now().Truncate(time.Minute)
		var seen omissions
		var kept []hook.Delivery
		b.Now, b.KeepLeftOut, b.Omitted = func() time.Time { return now }, 3, seen.add
		b.LeftOut = func(d *hook.Delivery) { kept = append(kept, *d) }
		e := b.endpoint("standard", hook.EndpointActive, hook.EndpointConfig{Filter: `payload.total > 50`})
		other := b.endpoint("standard", hook.EndpointActive, hook.EndpointConfig{Filter: `payload.all > 50`})
		publish := func(n int) (events []hook.EventID) {
			t.Helper()
			for i := range n {
				item := event("t", `{"amount":60}`)
				item.ExternalID = fmt.Sprint(now.Unix(), "-", i)
				a := b.accept(item)[0]
				if a.Wrong != nil || a.Deliveries != 0 || a.LeftOut != 2 {
					t.Fatalf("answer %d: %+v", i, a)
				}
				if again := b.accept(item)[0]; !again.Duplicate || again.LeftOut != 2 {
					t.Errorf("answer %d again: %+v", i, again)
				}
				events = append(events, a.ID)
			}
			return events
		}
		events := publish(10)
		of := map[hook.EndpointID][2]int64{}
		for _, o := range seen.take() {
			n := of[o.Endpoint]
			of[o.Endpoint] = [2]int64{n[0] + o.Count, n[1] + o.Unkept}
			if o.Reason != hook.ReasonFilterFailed || o.Contract != "standard" || len(o.Examples) != 1 || !o.Examples[0].At.Equal(now) || o.Examples[0].Event.IsZero() {
				t.Errorf("%+v", o)
			}
		}
		// A repeat of an event takes one place of the minute each, and is not counted.
		stored := 0
		for _, id := range events {
			stored += len(b.stored(id))
		}
		for id, n := range of {
			if n[0] != 10 || n[1] < 7 || n[1] == 10 {
				t.Errorf("of endpoint %v %d are counted, %d of them not kept", id, n[0], n[1])
			}
		}
		if len(of) != 2 || stored != int(20-of[e.ID][1]-of[other.ID][1]) || stored != len(kept) {
			t.Errorf("%d deliveries are stored, %d told, and %v counted", stored, len(kept), of)
		}

		now = now.Add(time.Minute) // a new minute has room again
		later := publish(1)
		if n := len(b.stored(later[0])); n != 2 {
			t.Errorf("in the next minute %d are stored", n)
		}
		events = append(events, later...)

		next := *e
		next.Config.Filter = `has(payload.amount) && payload.amount > 50`
		if ok, err := db.UpdateEndpoint(t.Context(), &next, true); err != nil || !ok {
			t.Fatal(ok, err)
		}
		r := hook.Recovery{
			ID: hook.NewRecoveryID(), Tenant: "acme", Endpoint: e.ID, Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour),
			States: []hook.State{hook.Cancelled}, Missing: true, State: hook.RecoveryRunning, CreatedAt: time.Now(),
		}
		if err := db.CreateRecovery(t.Context(), &r); err != nil {
			t.Fatal(err)
		}
		b.runUntilDone(r.ID)
		for i, id := range events {
			if d := b.stored(id)[e.ID]; d.State != hook.Pending {
				t.Errorf("event %d after the replay: %+v", i, d)
			}
		}
	})
}

// What fails of a change of a record is told with its reason and its place, once.
func TestChangeOmits(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, _, _ := withCounter(t, db)
		var seen omissions
		b.Omitted = seen.add
		b.change(put("a", `{"id":"a","n":1}`))
		if got := seen.take(); len(got) != 0 {
			t.Errorf("a change that does not fail: %+v", got)
		}
		request := hook.RecordChanges{Tenant: "acme", RequestKey: "k", Items: []hook.RecordChange{put("a", `{"id":"a","n":1,"x":"text"}`)}}
		for range 2 {
			if _, err := b.Change(t.Context(), request); err != nil {
				t.Fatal(err)
			}
		}
		got := seen.take()
		if len(got) != 1 {
			t.Fatalf("%+v", got)
		}
		o, x := got[0], got[0].Examples[0]
		if o.Tenant != "acme" || o.Contract != "counter" || o.Type != "large" || o.Reason != hook.ReasonConditionFailed || !o.Endpoint.IsZero() ||
			o.Count != 1 || o.Unkept != 1 || x.Kind != "count" || x.Key != "a" || x.Line == 0 || x.Detail == "" || x.At.IsZero() {
			t.Errorf("%+v", o)
		}
		b.change(hook.RecordChange{
			RecordName: hook.RecordName{Contract: "counter", Kind: "free", Key: "f"}, Op: hook.RecordPut,
			Document: fmt.Appendf(nil, `{"id":"f","text":"%0600d"}`, 1),
		})
		if got := seen.take(); len(got) != 1 || got[0].Type != "both" || got[0].Reason != hook.ReasonPayloadTooLarge {
			t.Errorf("a payload that is too large: %+v", got)
		}
		b.EventWork = 1
		b.change(put("b", `{"id":"b","n":1}`))
		for _, o := range seen.take() {
			if o.Reason != hook.ReasonOverBudget {
				t.Errorf("nothing is left of the budget: %+v", o)
			}
		}
	})
}
