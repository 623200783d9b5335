package window

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"gancho/internal/hook"
)

// Which deliveries leave together with the first one.
func TestGroup(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	old := hook.Batch{ID: hook.NewBatchID()}
	type job = func(*hook.Job)
	fresh := func(*hook.Job) {}
	sized := func(n int) job { return func(j *hook.Job) { j.Event.Payload = make([]byte, n) } }
	frozen := func(n int) job { return func(j *hook.Job) { j.Frozen = &hook.Frozen{Body: make([]byte, n)} } }
	later := func(j *hook.Job) { j.Delivery.NextAttemptAt = now.Add(time.Hour) }
	early := func(j *hook.Job) { j.Delivery.NextAttemptAt = now.Add(-time.Minute) }
	both := func(a, b job) job { return func(j *hook.Job) { a(j); b(j) } }
	once := func(j *hook.Job) { j.Delivery.Mode = hook.AtMostOnce }
	slot := func(j *hook.Job) { j.Delivery.Slot = 1 }
	versions := func(e, c int64) job {
		return func(j *hook.Job) { j.Delivery.EndpointVersion, j.Delivery.ContractVersion = e, c }
	}
	of := func(place, of int) job {
		return func(j *hook.Job) { j.Delivery.Batch = &hook.Batch{ID: old.ID, Place: place, Of: of} }
	}
	other := func(j *hook.Job) { j.Delivery.Batch = &hook.Batch{ID: hook.NewBatchID(), Of: 1} }
	for name, c := range map[string]struct {
		ordered bool
		jobs    []job
		want    string
	}{
		"one":                                {false, []job{fresh}, "[0] false"},
		"some, and there is room":            {false, []job{fresh, fresh}, "[0 1] false"},
		"full":                               {false, []job{fresh, fresh, fresh}, "[0 1 2] true"},
		"more than full":                     {false, []job{fresh, fresh, fresh, fresh}, "[0 1 2] true"},
		"bytes are full":                     {false, []job{sized(60), sized(50), fresh}, "[0] true"},
		"bytes are full exactly":             {false, []job{sized(49), sized(49)}, "[0 1] true"},
		"one that is too large":              {false, []job{sized(1000), fresh}, "[0] true"},
		"frozen bytes count":                 {false, []job{fresh, frozen(100)}, "[0] true"},
		"not due":                            {false, []job{fresh, later, fresh}, "[0 2] false"},
		"not due, in order":                  {true, []job{fresh, later, fresh}, "[0] true"},
		"other modes":                        {false, []job{fresh, once, fresh}, "[0 2] false"},
		"other modes, in order":              {true, []job{once, once, fresh}, "[0 1] true"},
		"other places in the schedule":       {false, []job{slot, fresh, slot}, "[0 2] false"},
		"other versions":                     {false, []job{fresh, versions(1, 1), versions(7, 2), versions(7, 3)}, "[0 2] false"},
		"a batch of before":                  {false, []job{of(0, 2), of(1, 2), fresh}, "[0 1] true"},
		"… in its order":                     {false, []job{of(1, 2), fresh, of(0, 2)}, "[2 0] true"},
		"… larger than batches are now":      {false, []job{of(0, 4), of(1, 4), of(2, 4), of(3, 4)}, "[0 1 2 3] true"},
		"… with more bytes than they have":   {false, []job{of(0, 1), sized(100)}, "[0] true"},
		"… of which some is gone":            {false, []job{of(0, 3), of(2, 3), fresh}, "[0 1 2] true"},
		"… of which some is not due":         {true, []job{of(0, 2), func(j *hook.Job) { of(1, 2)(j); later(j) }}, "[0] true"},
		"a batch behind goes past":           {false, []job{fresh, other, fresh}, "[1] true"},
		"a batch behind, in order":           {true, []job{fresh, other, fresh}, "[0] true"},
		"the rest of a batch and another":    {false, []job{of(1, 2), other, fresh}, "[1] true"},
		"others fill up and go past":         {false, []job{fresh, slot, slot, once, slot}, "[1 2 4] true"},
		"others are large and go past":       {false, []job{fresh, both(slot, sized(60)), both(slot, sized(60))}, "[1] true"},
		"one alone is large and goes past":   {false, []job{fresh, both(once, sized(100))}, "[1] true"},
		"others have waited and go past":     {false, []job{fresh, both(slot, early), once, slot}, "[1 3] true"},
		"the head has waited, too":           {false, []job{early, both(slot, early), fresh}, "[0 2] true"},
		"the head has waited, others fill":   {false, []job{early, slot, slot, slot, fresh}, "[0 4] true"},
		"nothing goes past, in order":        {true, []job{fresh, slot, slot, slot}, "[0] true"},
		"a batch that was numbered wrongly":  {false, []job{of(0, 2), of(0, 2)}, "[0 1] false"},
		"a batch of one that has come apart": {false, []job{of(1, 1), fresh}, "[0 1] false"},
	} {
		w := New(Limits{Jobs: 100, Bytes: 1 << 20, Deferred: 10, Refill: 4}, &memory{max: 1 << 20})
		w.SetOrdered(c.ordered)
		w.BeginPage()
		var page hook.DuePage
		for i, set := range c.jobs {
			j := hook.Job{Event: &hook.Event{}, Delivery: hook.Delivery{ID: hook.NewEventID().Delivery(i + 1), Mode: hook.AtLeastOnce, NextAttemptAt: now}}
			set(&j)
			page.Jobs = append(page.Jobs, j)
		}
		w.EndPage(page, now, true)
		rules := Grouping{Max: 3, Bytes: 100, Wait: time.Minute, EndpointVersion: 7, ContractVersion: 2}
		group, until := w.Group(rules, now)
		whole := group != nil
		if !whole {
			if !until.Equal(now.Add(rules.Wait)) || w.waiting != len(w.jobs) && !c.ordered {
				t.Errorf("%s: all wait until %v, %d of them in vain", name, until, w.waiting)
			}
			group, _ = w.Group(rules, until)
		}
		if got := fmt.Sprint(group, " ", whole); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		var want, rest []hook.DeliveryID
		for _, i := range group {
			want = append(want, page.Jobs[i].Delivery.ID)
		}
		for i := range page.Jobs {
			if !slices.Contains(group, i) {
				rest = append(rest, page.Jobs[i].Delivery.ID)
			}
		}
		ids := func(jobs []hook.Job) (list []hook.DeliveryID) {
			for i := range jobs {
				list = append(list, jobs[i].Delivery.ID)
			}
			return list
		}
		taken := w.TakeGroup(group)
		if !slices.Equal(ids(taken), want) || !slices.Equal(ids(w.jobs), rest) {
			t.Errorf("%s: took %v, left %v", name, ids(taken), ids(w.jobs))
		}
		w.Return(taken)
		if !slices.Equal(ids(w.jobs), append(want, rest...)) || w.taken != 0 {
			t.Errorf("%s: after all of it came back, %v wait", name, ids(w.jobs))
		}
	}
}

// What comes back was superseded meanwhile, or the queue was cleared: then the store has it as it is.
func TestReturnToTheStore(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	for _, ordered := range []bool{false, true} {
		memory := &memory{max: 1 << 20}
		w := New(small, memory)
		w.SetOrdered(ordered)
		w.BeginPage()
		var page hook.DuePage
		for i := range 3 {
			d := hook.Delivery{ID: hook.NewEventID().Delivery(i + 1), Mode: hook.AtLeastOnce, State: hook.Pending, NextAttemptAt: now}
			page.Jobs = append(page.Jobs, hook.Job{Event: &hook.Event{}, Delivery: d})
		}
		page.Jobs[2].Delivery.State = hook.Sending
		w.EndPage(page, now, true)
		group, _ := w.Group(Grouping{Max: 3, Bytes: 100}, now) // which waits for nothing
		jobs := w.TakeGroup(group)
		w.Supersede(jobs[1].Delivery.ID)
		w.Supersede(jobs[2].Delivery.ID)
		if ordered {
			w.Clear()
		}
		unsent := w.Return(jobs)
		if len(unsent) != 1 || unsent[0].Delivery.ID != jobs[2].Delivery.ID || w.taken != 1 {
			t.Errorf("ordered %v: %d are to be put back, %d are taken", ordered, len(unsent), w.taken)
		}
		want := 1
		if ordered {
			want = 0
		}
		if w.Len() != want || len(w.known) != want+w.taken || w.Backlog() != ordered || memory.used != w.bytes {
			t.Errorf("ordered %v: %d wait, backlog %v", ordered, w.Len(), w.Backlog())
		}
	}
}

// What waits again although its last result is not durable joins nobody, and holds back what is behind it.
func TestGroupWaitsForResults(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	w := New(small, &memory{max: 1 << 20})
	w.SetOrdered(true)
	w.BeginPage()
	var page hook.DuePage
	for i := range 3 {
		d := hook.Delivery{ID: hook.NewEventID().Delivery(i + 1), NextAttemptAt: now}
		page.Jobs = append(page.Jobs, hook.Job{Event: &hook.Event{}, Delivery: d})
	}
	w.EndPage(page, now, true)
	rules := Grouping{Max: 2, Bytes: 100, Wait: time.Minute}
	group, _ := w.Group(rules, now)
	jobs := w.TakeGroup(group)
	w.Requeue(&jobs[1])
	w.Requeue(&jobs[0])
	w.Settle(jobs[0].Delivery.ID, time.Time{})
	if group, until := w.Group(rules, now); !slices.Equal(group, []int{0}) || !until.Equal(now.Add(time.Minute)) {
		t.Errorf("before the result of the second is durable, %v go, until %v", group, until)
	}
	w.Settle(jobs[1].Delivery.ID, time.Time{})
	if group, _ := w.Group(rules, now); !slices.Equal(group, []int{0, 1}) {
		t.Errorf("then %v go", group)
	}
}

// More kinds than can wait beside each other wait one behind the other. Whatever waits, no memory is taken to find out.
func TestManyKindsWait(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	w := New(Limits{Jobs: 1000, Bytes: 1 << 20, Deferred: 10, Refill: 4}, &memory{max: 1 << 20})
	w.BeginPage()
	var page hook.DuePage
	for i := range 3 * maxKinds {
		page.Jobs = append(page.Jobs, hook.Job{Event: &hook.Event{}, Delivery: hook.Delivery{
			ID: hook.NewEventID().Delivery(i + 1), Slot: i % (maxKinds + 1), NextAttemptAt: now.Add(time.Duration(-i)),
		}})
	}
	w.EndPage(page, now, true)
	rules := Grouping{Max: 5, Bytes: 1000, Wait: time.Minute}
	group, until := w.Group(rules, now)
	if first := now.Add(time.Minute - (maxKinds - 1)); group != nil || !until.Equal(first) || len(w.kinds) != maxKinds {
		t.Fatalf("%v, until %v, want %v, %d kinds", group, until, first, len(w.kinds))
	}
	if n := testing.AllocsPerRun(10, func() { w.Group(rules, now) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if w.Announce(); !w.WantsPage() {
		t.Error("those that wait keep others from being read")
	}
	if group, _ = w.Group(rules, until); fmt.Sprint(group) != fmt.Sprint([]int{maxKinds - 1, 2 * maxKinds}) || w.waiting != 0 || w.WantsPage() {
		t.Errorf("then %v, %d wait", group, w.waiting)
	}
}

// A lane looks at what waits each time that an event comes.
func BenchmarkGroup(b *testing.B) {
	now := time.Unix(1_000_000, 0)
	w := New(Limits{Jobs: 10_000, Bytes: 1 << 30, Deferred: 10, Refill: 4}, &memory{max: 1 << 30})
	w.BeginPage()
	var page hook.DuePage
	for i := range 99 {
		page.Jobs = append(page.Jobs, hook.Job{Event: &hook.Event{}, Delivery: hook.Delivery{ID: hook.NewEventID().Delivery(i + 1), NextAttemptAt: now}})
	}
	w.EndPage(page, now, true)
	b.ReportAllocs()
	for b.Loop() {
		w.Group(Grouping{Max: 100, Bytes: 1 << 20}, now)
	}
}
