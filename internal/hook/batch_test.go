package hook

import (
	"testing"
	"time"
)

// The members of a batch come back at the same time. Whoever is retried by a person, or was never sent, leaves it.
func TestNextOfBatches(t *testing.T) {
	t.Parallel()
	batch := Batch{ID: NewBatchID(), Place: 1, Of: 2}
	member := func(set func(*Delivery)) Delivery {
		d := Delivery{ID: NewEventID().Delivery(1), Mode: AtLeastOnce, State: Sending, Batch: &batch, Attempts: 1}
		set(&d)
		return d
	}
	active := Standing{State: EndpointActive}
	failed := Trigger{Kind: OnAttempt, Outcome: Outcome{Class: ClassTimeout}}
	var at []time.Time
	for range 2 {
		next, ok := Next(member(func(*Delivery) {}), failed, normal, active, noon)
		if !ok || next.Delivery.State != Retrying || next.Delivery.InBatch() != batch {
			t.Fatalf("after a failure: %+v", next)
		}
		at = append(at, next.Delivery.NextAttemptAt)
	}
	if !at[0].Equal(at[1]) || at[0].Equal(noon.Add(time.Hour)) {
		t.Errorf("the members of a batch are due at %v", at)
	}
	for name, c := range map[string]struct {
		trigger TriggerKind
		set     func(*Delivery)
		stays   bool
	}{
		"interrupted":            {OnAttempt, func(*Delivery) {}, true},
		"put back":               {OnPutBack, func(*Delivery) {}, true},
		"put back, never sent":   {OnPutBack, func(d *Delivery) { d.Attempts = 0 }, false},
		"retried while it waits": {OnRetry, func(d *Delivery) { d.State = Retrying }, false},
		"retried in the end":     {OnRetry, func(d *Delivery) { d.State = Failed }, false},
		"recovered":              {OnRecover, func(d *Delivery) { d.State = Cancelled }, false},
	} {
		outcome := Outcome{Interrupted: true, Class: ClassInterrupted}
		next, ok := Next(member(c.set), Trigger{Kind: c.trigger, Outcome: outcome, Again: noon}, normal, active, noon)
		if !ok || (next.Delivery.Batch == nil) == c.stays {
			t.Errorf("%s: %+v, %v", name, next.Delivery, ok)
		}
	}
}
