package window

import (
	"testing"
	"time"

	"gancho/internal/hook"
)

// The model in TestModel meets rare situations by chance. Here each has its example.

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// job is a delivery that is due at noon.
func job(n byte) *hook.Job {
	d := hook.Delivery{State: hook.Pending, CreatedAt: noon, NextAttemptAt: noon, QueueAt: noon, Mode: hook.AtLeastOnce}
	d.ID[15] = n
	return &hook.Job{Delivery: d, Event: &hook.Event{Payload: []byte("{}")}}
}

func with(j *hook.Job, change func(*hook.Job)) *hook.Job {
	change(j)
	return j
}

func id(n byte) hook.DeliveryID { return job(n).Delivery.ID }

func sending(j *hook.Job)    { j.Delivery.State = hook.Sending }
func atMostOnce(j *hook.Job) { j.Delivery.Mode = hook.AtMostOnce }
func later(j *hook.Job) {
	j.Delivery.NextAttemptAt, j.Delivery.QueueAt = noon.Add(time.Minute), noon.Add(time.Minute)
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// caughtUp returns a window that has read all of its queue.
func caughtUp(t *testing.T, limits Limits, ordered bool) (*Window, *memory) {
	t.Helper()
	m := &memory{max: 1 << 20}
	w := New(limits, m)
	want(t, "backlog of a new window", w.Backlog(), true)
	want(t, "a new window wants a page", w.WantsPage(), true)
	w.SetOrdered(ordered)
	w.BeginPage()
	w.EndPage(hook.DuePage{}, noon, true)
	want(t, "backlog after an empty page", w.Backlog(), false)
	want(t, "empty", w.Empty(), true)
	return w, m
}

// offer lets deliveries wait in memory.
func offer(t *testing.T, w *Window, jobs ...*hook.Job) {
	t.Helper()
	for _, j := range jobs {
		if !w.Expect(j.Delivery.ID, true) {
			t.Fatalf("delivery %d is not expected", j.Delivery.ID[15])
		}
		if unsent := w.Offer(j, noon, true); unsent != nil {
			t.Fatalf("delivery %d comes back", j.Delivery.ID[15])
		}
	}
}

// ids are the last bytes of the IDs.
func ids(jobs []hook.Job) (list string) {
	for _, j := range jobs {
		list += string('0' + rune(j.Delivery.ID[15]))
	}
	return list
}

func TestExpectNeedsRoomAndAnOpenEndpoint(t *testing.T) {
	t.Parallel()
	w, _ := caughtUp(t, small, false)
	want(t, "a closed endpoint expects", w.Expect(id(1), false), false)
	want(t, "an open one expects", w.Expect(id(1), true), true)
	want(t, "it expects twice", w.Expect(id(1), true), false)
	for n := byte(2); n <= 8; n++ {
		want(t, "there is room", w.Expect(id(n), true), true)
	}
	want(t, "the window is full", w.Expect(id(9), true), false)
	want(t, "call off", w.CallOff(id(8)), true)
	want(t, "call off again", w.CallOff(id(8)), false)
	want(t, "there is room again", w.Expect(id(9), true), true)
	want(t, "it is expected", w.Expects(id(9)) && !w.Expects(id(8)), true)

	behind := New(small, &memory{max: 9000})
	want(t, "something waits in the store", behind.Expect(id(1), true), false)
	behind.BeginPage()
	want(t, "it can follow the page", behind.Expect(id(1), true), true)
	looks := New(small, &memory{max: 9000})
	looks.BeginLook()
	want(t, "no page is read", looks.Expect(id(1), true), false)
}

// A delivery that was expected but finds no room, or a closed endpoint, stays in the store. If it is stored as being
// sent, it comes back, so that the caller stores that it was not.
func TestOfferWithoutRoom(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		limits Limits
		max    int
		open   bool
	}{
		"closed":       {small, 1 << 20, false},
		"bytes":        {Limits{Jobs: 8, Bytes: size(job(1))*2 - 1, Refill: 4, Deferred: 3}, 1 << 20, true},
		"other memory": {small, size(job(1)), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, m := caughtUp(t, tc.limits, false)
			m.max = tc.max
			offer(t, w, job(1))
			w.Expect(id(2), true)
			w.Expect(id(3), true)
			want(t, "comes back", ids(w.Offer(with(job(2), sending), noon, tc.open)), "2")
			want(t, "superseded", w.Superseded(id(2)), false)
			want(t, "known", w.Knows(id(2)), true)
			want(t, "backlog", w.Backlog(), true)
			want(t, "only waits", ids(w.Offer(job(3), noon, tc.open)), "")
			want(t, "known", w.Knows(id(3)), false)
			want(t, "bytes", m.used, size(job(1)))
			want(t, "a page is wanted", w.WantsPage(), true)
		})
	}
	w, _ := caughtUp(t, Limits{Jobs: 8, Bytes: 2 * size(job(1)), Refill: 4}, false)
	offer(t, w, job(1), job(2)) // as many bytes as there are
	want(t, "both wait", w.Len(), 2)
	w, _ = caughtUp(t, Limits{Jobs: 8, Bytes: 1, Refill: 4}, false)
	offer(t, w, job(1)) // a single one may be larger
	want(t, "it waits", w.Len(), 1)
}

func TestOfferUnexpected(t *testing.T) {
	t.Parallel()
	w, _ := caughtUp(t, small, false)
	w.Offer(with(job(1), later), noon, true)
	want(t, "backlog", w.Backlog(), false)
	want(t, "next", w.NextDue(), noon.Add(time.Minute))
	want(t, "caught up", w.CaughtUp(), true)
	w.Offer(job(2), noon, true)
	want(t, "what is due makes a backlog", w.Backlog(), true)
	want(t, "and does not wait here", w.Len(), 0)

	ordered, _ := caughtUp(t, small, true)
	ordered.Offer(with(job(1), later), noon, true)
	want(t, "in an ordered queue it has a place", ordered.Backlog(), true)
	want(t, "no time", ordered.NextDue(), time.Time{})
	// One that is expected is let in, even if it is not due for a moment.
	w, _ = caughtUp(t, small, false)
	offer(t, w, with(job(1), later))
	want(t, "waits", w.Len(), 1)
}

// What comes due in the store makes a backlog at that time, and once.
func TestAdvanceWhenDue(t *testing.T) {
	t.Parallel()
	w, _ := caughtUp(t, small, false)
	w.Offer(with(job(1), later), noon, true)
	w.Advance(noon.Add(time.Minute-1), true)
	want(t, "too early", w.Backlog(), false)
	w.Advance(noon.Add(time.Minute), true)
	want(t, "due", w.Backlog(), true)
	want(t, "no next", w.NextDue(), time.Time{})
	// A page that was begun before that may lack it.
	w, _ = caughtUp(t, small, false)
	w.Offer(with(job(1), later), noon, true)
	w.Announce()
	w.BeginPage()
	w.Advance(noon.Add(time.Minute), true)
	w.EndPage(hook.DuePage{}, noon, true)
	want(t, "due while the page was read", w.Backlog(), true)
}

func TestAdvanceWhenAnnounced(t *testing.T) {
	t.Parallel()
	w, _ := caughtUp(t, small, false)
	want(t, "nothing announced", ids(w.Advance(noon, false)), "")
	want(t, "backlog", w.Backlog(), false)
	offer(t, w, job(1), job(2), job(3))
	w.Announce()
	w.Advance(noon, true)
	want(t, "few wait, so it is only read", w.Backlog(), false)
	want(t, "it is read", w.WantsPage(), true)
	offer(t, w, job(4))
	want(t, "as many wait as suffice", w.WantsPage(), false)
	w.Advance(noon, true)
	want(t, "many wait, so it comes first", w.Backlog(), true)
	want(t, "all still wait", w.Len(), 4)

	w, _ = caughtUp(t, small, false)
	w.Announce()
	w.Advance(noon, false)
	want(t, "a paused endpoint has a backlog", w.Backlog(), true)
	w.BeginPage()
	w.EndPage(hook.DuePage{}, noon, true)
	want(t, "the announcement is read", w.CaughtUp(), true)
	w.Announce()
	w.Advance(noon, false)
	w.backlog = false
	want(t, "an announcement becomes a backlog, and ends so", w.CaughtUp(), true)
}

// Announced work may come before what waits, so an ordered queue is read anew from its head.
func TestAdvanceOrdered(t *testing.T) {
	t.Parallel()
	w, m := caughtUp(t, small, true)
	offer(t, w, with(job(1), sending), job(2))
	w.Announce()
	want(t, "comes back", ids(w.Advance(noon, true)), "1")
	want(t, "memory", m.used, 0)
	want(t, "waits", w.Len(), 0)
	want(t, "backlog", w.Backlog(), true)
	want(t, "while one is with the caller, no page is read", w.WantsPage(), false)
	w.Settle(id(1), noon)
	want(t, "then it is", w.WantsPage(), true)
	w.BeginPage()
	want(t, "one page at a time", w.WantsPage(), false)
	// Work that is announced while a page is read may have changed the times in it.
	w.Announce()
	w.Advance(noon, true)
	page := hook.DuePage{Jobs: []hook.Job{*with(job(1), func(j *hook.Job) { later(j); sending(j) })}}
	want(t, "the page is not used", ids(w.EndPage(page, noon, true)), "1")
	want(t, "nothing waits", w.Len(), 0)

	w, _ = caughtUp(t, small, true)
	w.Announce()
	w.BeginPage()
	w.Announce()
	w.Advance(noon, true)
	w.EndPage(hook.DuePage{Jobs: []hook.Job{*job(3)}}, noon, true)
	want(t, "what is due in it is", w.Len(), 1)
	want(t, "and the rest is read", w.Backlog(), true)

	w, _ = caughtUp(t, small, true)
	w.Announce()
	w.BeginPage()
	w.EndPage(hook.DuePage{Jobs: []hook.Job{*with(job(1), later)}}, noon, true)
	want(t, "nothing was announced meanwhile", w.Len(), 1)
}

func TestPage(t *testing.T) {
	t.Parallel()
	w, m := caughtUp(t, small, false)
	w.Expect(id(1), true)
	w.Announce()
	w.BeginPage()
	w.NoteTest(id(2))
	w.Expect(id(3), true)
	w.CallOff(id(3))
	page := hook.DuePage{
		Jobs: []hook.Job{*job(1), *job(2), *job(3), *with(job(4), func(j *hook.Job) { j.Frozen = &hook.Frozen{Body: []byte("12345")} })},
		More: true, Next: noon.Add(time.Hour),
	}
	w.EndPage(page, noon, true)
	want(t, "only the unknown one waits", w.Len(), 1)
	want(t, "memory", m.used, len("{}")+700+5)
	want(t, "more", w.Backlog(), true)
	want(t, "next", w.NextDue(), noon.Add(time.Hour))
	want(t, "what was called off while the page was read is forgotten", w.Knows(id(3)), false)
	w.CallOff(id(1))
	w.Take()
	w.Settle(id(4), time.Time{})
	want(t, "empty but for the test", w.Empty(), false)
	want(t, "next", w.NextDue(), noon.Add(time.Hour))
	w.Settle(id(2), noon.Add(time.Minute))
	want(t, "empty", w.Empty(), true)
	want(t, "the earlier time", w.NextDue(), noon.Add(time.Minute))
}

// While a page is read, a few offered deliveries wait for it.
func TestDeferred(t *testing.T) {
	t.Parallel()
	begin := func() (*Window, *memory) {
		m := &memory{max: 1 << 20}
		w := New(small, m)
		w.BeginPage()
		for n := byte(1); n <= 4; n++ {
			w.Expect(id(n), true)
			want(t, "comes back", ids(w.Offer(with(job(n), sending), noon, true)), map[bool]string{true: "4"}[n == 4])
		}
		want(t, "memory", m.used, 3*size(job(1)))
		return w, m
	}
	w, m := begin()
	unsent, isTaken := w.Supersede(id(2))
	want(t, "superseded", ids(unsent), "2")
	want(t, "taken", isTaken, false)
	want(t, "superseded", w.Superseded(id(2)), true)
	want(t, "memory", m.used, 2*size(job(1)))
	want(t, "comes back", ids(w.EndPage(hook.DuePage{}, noon, true)), "13") // for 4 is in the store, and comes before
	want(t, "superseded", w.Superseded(id(3)), false)

	w, m = begin()
	want(t, "comes back", ids(w.FailPage()), "123")
	want(t, "superseded", w.Superseded(id(1)), false)
	want(t, "memory", m.used, 0)
	want(t, "a page is wanted", w.WantsPage(), true)
	want(t, "backlog", w.Backlog(), true)

	for _, open := range []bool{true, false} {
		w = New(small, m)
		w.BeginPage()
		w.Expect(id(1), true)
		w.Offer(with(job(1), sending), noon, true)
		w.EndPage(hook.DuePage{}, noon, open)
		want(t, "waits, unless the endpoint was paused meanwhile", w.Len() == 1, open)
	}

	w, m = begin()
	w.Discard()
	want(t, "memory", m.used, 0)
	want(t, "known", len(w.known), 1)
	want(t, "nothing follows", ids(w.EndPage(hook.DuePage{}, noon, true)), "")
}

// In an ordered queue nothing overtakes a delivery that may be sent again.
func TestOrderedHead(t *testing.T) {
	t.Parallel()
	ready := func(w *Window) bool { _, ready := w.Head(); return ready }
	w, _ := caughtUp(t, small, true)
	want(t, "nothing waits", ready(w), false)
	offer(t, w, with(job(1), atMostOnce), with(job(2), atMostOnce), job(3))
	want(t, "others wait", w.OthersWait(), true)
	want(t, "the first", ready(w), true)
	w.Take()
	want(t, "the one before is being sent", ready(w), false)
	w.Over(id(2)) // which is not taken
	want(t, "the one before is being sent", ready(w), false)
	w.Over(id(1))
	w.Over(id(1))
	want(t, "the one before is over", ready(w), true)
	w.Take()
	w.Over(id(2))
	want(t, "at least once waits for their results", ready(w), false)
	w.Settle(id(1), time.Time{})
	want(t, "and for the second", ready(w), false)
	w.Settle(id(2), time.Time{})
	want(t, "all are durable", ready(w), true)
	taken := w.Take()
	want(t, "nothing else waits", w.OthersWait(), false)
	w.Announce()
	want(t, "the store has something", w.OthersWait(), true)
	w.Requeue(&taken)
	want(t, "its result is not durable", ready(w), false)
	want(t, "settled", w.Settle(id(3), noon), true)
	want(t, "now it is", ready(w), true)
	want(t, "no time", w.NextDue(), time.Time{})
	w.Take()
	want(t, "settled", w.Settle(id(3), noon), false)
}

// A delivery that was requeued waits for its result. A window that is given up leaves it to its caller.
func TestRequeued(t *testing.T) {
	t.Parallel()
	w, m := caughtUp(t, small, false)
	offer(t, w, job(1), job(2), job(3))
	first, second := w.Take(), w.Take()
	w.Requeue(&first)
	w.Requeue(&second)
	want(t, "settled", w.Settle(id(2), noon), true)
	_, ready := w.Head()
	want(t, "the second is ready while the first is not", ready, true)
	w.Take()
	_, ready = w.Head()
	want(t, "the first is not", ready, false)
	want(t, "memory", m.used, 2*size(job(1)))
	w.Discard()
	want(t, "memory", m.used, 0)
	want(t, "the third is not known", w.Knows(id(3)), false)
	want(t, "nothing else waits", w.OthersWait(), false)
	want(t, "superseded", w.Superseded(id(1)), false)
	want(t, "its result is still to come", w.Settle(id(1), time.Time{}), false)
	w.Settle(id(2), time.Time{})
	want(t, "empty", w.Empty(), true)
}

func TestSupersede(t *testing.T) {
	t.Parallel()
	w, m := caughtUp(t, small, false)
	offer(t, w, job(1), with(job(2), sending), job(3))
	w.Expect(id(4), true)
	w.Take()
	for n, tc := range map[byte]struct {
		unsent  string
		isTaken bool
	}{1: {"", true}, 2: {"2", false}, 3: {"", false}, 4: {"", false}, 5: {"", false}} {
		unsent, isTaken := w.Supersede(id(n))
		if ids(unsent) != tc.unsent || isTaken != tc.isTaken {
			t.Errorf("delivery %d: %q comes back, taken: %t", n, ids(unsent), isTaken)
		}
		want(t, "superseded", w.Superseded(id(n)), n == 1 || n == 2 || n == 4)
	}
	want(t, "memory", m.used, 0)
	want(t, "comes back", ids(w.Offer(with(job(4), sending), noon, true)), "4")
	want(t, "superseded", w.Superseded(id(4)), true)
	want(t, "backlog", w.Backlog(), false)
}

// A paused endpoint keeps nothing in memory.
func TestClear(t *testing.T) {
	t.Parallel()
	w, m := caughtUp(t, small, false)
	w.Clear()
	want(t, "nothing was cleared", w.Backlog(), false)
	offer(t, w, job(1), with(job(2), sending))
	want(t, "comes back", ids(w.Clear()), "2")
	want(t, "superseded", w.Superseded(id(2)), false)
	want(t, "memory", m.used, 0)
	want(t, "backlog", w.Backlog(), true)
	w.Settle(id(2), noon)
	want(t, "next", w.NextDue(), noon)

	w, _ = caughtUp(t, small, true)
	offer(t, w, job(1), with(job(2), sending))
	w.Take()
	want(t, "comes back", ids(w.Restart()), "2")
	want(t, "backlog", w.Backlog(), true)
}

// Deliveries that go back while a page is read come before what it shows, if the order counts.
func TestRestartWhileAPageIsRead(t *testing.T) {
	t.Parallel()
	for _, ordered := range []bool{true, false} {
		w := New(small, &memory{max: 9000})
		w.SetOrdered(ordered)
		w.BeginPage()
		w.Restart()
		w.EndPage(hook.DuePage{Jobs: []hook.Job{*job(1)}}, noon, true)
		want(t, "the page is used", w.Len() == 1, !ordered)
		want(t, "backlog", w.Backlog(), true)

		// 1 is expected when 2 finds the endpoint closed: the page may show only 2.
		w = New(small, &memory{max: 9000})
		w.SetOrdered(ordered)
		w.BeginPage()
		w.Expect(id(2), false)
		w.EndPage(hook.DuePage{Jobs: []hook.Job{*job(2)}}, noon, true)
		want(t, "nothing is expected, so the page is used", w.Len(), 1)
		w.Announce()
		w.BeginPage()
		w.Expect(id(1), true)
		w.Expect(id(3), false)
		w.EndPage(hook.DuePage{Jobs: []hook.Job{*job(3)}}, noon, true)
		want(t, "the page is used", w.Len() == 2, !ordered)
	}
}

// A look at the whole store shows whether anything waits there.
func TestLook(t *testing.T) {
	t.Parallel()
	w := New(small, &memory{max: 9000})
	w.EndLook(true) // of a window that began none
	want(t, "backlog", w.Backlog(), true)
	w.BeginLook()
	w.EndLook(false)
	want(t, "not all was handled", w.Backlog(), true)
	w.BeginLook()
	want(t, "no page beside it", w.WantsPage(), false)
	w.EndLook(true)
	want(t, "all was handled", w.Backlog(), false)
	w.BeginLook()
	w.Offer(job(1), noon, true)
	w.EndLook(true)
	want(t, "one came meanwhile", w.Backlog(), true)
	// A look does not change what a page finds.
	w, _ = caughtUp(t, small, false)
	w.BeginLook()
	w.Expect(id(1), true)
	want(t, "no place behind a page", ids(w.Offer(with(job(1), sending), noon, false)), "1")
}

// An ordered queue is read only while all that is known waits.
func TestOrderedPage(t *testing.T) {
	t.Parallel()
	for _, ordered := range []bool{true, false} {
		w, _ := caughtUp(t, small, ordered)
		offer(t, w, job(1), job(2))
		w.Announce()
		want(t, "all wait", w.WantsPage(), true)
		w.Take()
		want(t, "one is being sent", w.WantsPage(), !ordered)
	}
}
