package hook

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestNext(t *testing.T) {
	t.Parallel()
	normal := Policy{Retry: []time.Duration{0, 0, time.Hour}, Mode: AtLeastOnce}
	once := Policy{Retry: []time.Duration{0}, Mode: AtMostOnce}
	for _, c := range []struct {
		name string
		d    Delivery
		o    Outcome
		p    Policy
		want Transition
	}{
		{"success", Delivery{}, Outcome{OK: true}, normal, Transition{State: Delivered, Slot: 1}},
		{"first failure", Delivery{}, Outcome{Class: ClassTimeout}, normal, Transition{State: Retrying, Reason: ClassTimeout, Slot: 1, NextAttemptAt: noon}},
		{"last failure", Delivery{Slot: 2}, Outcome{Class: ClassStatus5xx}, normal, Transition{State: Failed, Reason: ClassStatus5xx, Slot: 3}},
		{
			"interrupted uses no slot",
			Delivery{Slot: 2},
			Outcome{Interrupted: true, Class: ClassInterrupted},
			normal,
			Transition{State: Pending, Reason: ReasonInterrupted, Slot: 2, NextAttemptAt: noon},
		},
		{"final", Delivery{}, Outcome{Class: ClassRender, Final: true}, normal, Transition{State: Failed, Reason: ClassRender, Slot: 1}},
		{"gone", Delivery{Slot: 2}, Outcome{Class: ClassGone}, normal, Transition{State: Failed, Reason: ClassGone, Slot: 3, Disable: ReasonGone}},
		{"gone, tries left", Delivery{}, Outcome{Class: ClassGone}, normal, Transition{State: Failed, Reason: ClassGone, Slot: 1, Disable: ReasonGone}},
		{
			"retry-after",
			Delivery{},
			Outcome{Class: ClassRateLimited, RetryAfter: time.Minute},
			normal,
			Transition{State: Retrying, Reason: ClassRateLimited, Slot: 1, NextAttemptAt: noon.Add(time.Minute)},
		},
		{
			"retry-after beyond the limit",
			Delivery{},
			Outcome{Class: ClassRateLimited, RetryAfter: 1000 * time.Hour},
			normal,
			Transition{State: Retrying, Reason: ClassRateLimited, Slot: 1, NextAttemptAt: noon.Add(MaxRetryAfter)},
		},
		{"once: success", Delivery{}, Outcome{OK: true}, once, Transition{State: Delivered, Slot: 1}},
		{"once: timeout", Delivery{}, Outcome{Class: ClassTimeout}, once, Transition{State: Failed, Reason: ClassTimeout, Slot: 1}},
		{"once: interrupted", Delivery{}, Outcome{Interrupted: true}, once, Transition{State: Unknown, Reason: ReasonInterrupted, Slot: 1}},
		{"once: gone", Delivery{}, Outcome{Class: ClassGone}, once, Transition{State: Failed, Reason: ClassGone, Slot: 1, Disable: ReasonGone}},
		{"test: success", Delivery{Test: true}, Outcome{OK: true}, normal, Transition{State: Delivered, Slot: 1}},
		{"test: failure", Delivery{Test: true}, Outcome{Class: ClassStatus5xx}, normal, Transition{State: Failed, Reason: ClassStatus5xx, Slot: 1}},
		{"test: gone", Delivery{Test: true}, Outcome{Class: ClassGone}, normal, Transition{State: Failed, Reason: ClassGone, Slot: 1}},
		{"test: interrupted", Delivery{Test: true}, Outcome{Interrupted: true, Class: ClassInterrupted}, normal, Transition{State: Failed, Reason: ReasonInterrupted, Slot: 1}},
		{"test once: interrupted", Delivery{Test: true}, Outcome{Interrupted: true, Class: ClassInterrupted}, once, Transition{State: Failed, Reason: ReasonInterrupted, Slot: 1}},
	} {
		if diff := cmp.Diff(c.want, Next(c.d, c.o, c.p, noon)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", c.name, diff)
		}
	}
}

// Whatever happens, a delivery either ends or comes closer to its end, the wait
// is the schedule's within the jitter, and equal arguments give equal answers.
func TestNextProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{Mode: rapid.SampledFrom([]Mode{AtLeastOnce, AtMostOnce}).Draw(t, "mode")}
		for range rapid.IntRange(1, 12).Draw(t, "tries") {
			p.Retry = append(p.Retry, time.Duration(rapid.Int64Range(0, int64(MaxRetryDelay)).Draw(t, "delay")))
		}
		d := Delivery{ID: NewEventID().Delivery(1), Slot: rapid.IntRange(0, len(p.Retry)).Draw(t, "slot"), Mode: p.Mode}
		o := Outcome{
			OK: rapid.Bool().Draw(t, "ok"), Interrupted: rapid.Bool().Draw(t, "interrupted"), Final: rapid.Bool().Draw(t, "final"),
			Class: rapid.SampledFrom([]string{ClassTimeout, ClassGone, ClassStatus5xx}).Draw(t, "class"),
		}
		got := Next(d, o, p, noon)
		if got != Next(d, o, p, noon) {
			t.Fatal("not a function of its arguments")
		}
		switch {
		case got.State.Finished() != got.NextAttemptAt.IsZero():
			t.Fatalf("finished and waiting at once: %+v", got)
		case p.Mode == AtMostOnce && !got.State.Finished():
			t.Fatalf("at-most-once would be sent again: %+v", got)
		case got.Slot < d.Slot || !got.State.Finished() && !o.Interrupted && got.Slot != d.Slot+1:
			t.Fatalf("schedule moves from %d to %d", d.Slot, got.Slot)
		case got.State == Retrying:
			want, wait := p.Retry[got.Slot], got.NextAttemptAt.Sub(noon)
			if low, high := want-want/10-1, want+want/10+1; wait < low || wait > high {
				t.Fatalf("waits %v, schedule says %v", wait, want)
			}
		}
	})
}

func TestIDs(t *testing.T) {
	t.Parallel()
	last := ""
	for range 10_000 {
		e := NewEventID()
		d := e.Delivery(MaxFanout)
		if s := e.String(); s <= last {
			t.Fatalf("%s after %s", s, last)
		} else {
			last = s
		}
		if back, err := ParseEventID(e.String()); err != nil || back != e {
			t.Fatalf("%s reads back as %s, %v", e, back, err)
		}
		if d.Event() != e || d.Number() != MaxFanout {
			t.Fatalf("delivery %s of %s: event %s, number %d", d, e, d.Event(), d.Number())
		}
	}
	for _, s := range []string{"", "evt_", "evt_0", "dlv_" + last[4:], last + "0", last[:len(last)-1] + "I", "evt_zzzzzzzzzzzzzzzzzzzzzzzzzz"} {
		if id, err := ParseEventID(s); err == nil {
			t.Errorf("%q is read as %s", s, id)
		}
	}
	before := EventID(IDAt(time.Now().Add(-time.Second)))
	if e := NewEventID(); before.String() >= e.String() {
		t.Errorf("%s is not before %s", before, e)
	}
}
