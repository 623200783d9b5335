package hook

import (
	"errors"
	"testing"
	"time"
)

// What becomes of an endpoint when an attempt of one of its deliveries ends, and the reason that people see.
func TestEndpointOfAnAttempt(t *testing.T) {
	row := Failures{Since: noon.Add(-time.Hour), Attempts: 3, Deliveries: 2}
	failure := Outcome{Class: ClassTimeout}
	for _, c := range []struct {
		name    string
		giveUp  GiveUp
		failing Failures
		outcome Outcome
		last    bool // no place is left in the schedule
		want    EndpointState
		why     string
	}{
		{"as many attempts", GiveUp{Of: GiveUpAttempts, Count: 3, Do: GiveUpDisable}, row, failure, false, EndpointDisabled, "failing_often"},
		{"more attempts", GiveUp{Of: GiveUpAttempts, Count: 2, Do: GiveUpPause}, row, failure, false, EndpointPaused, "failing_often"},
		{"fewer attempts", GiveUp{Of: GiveUpAttempts, Count: 4, Do: GiveUpDisable}, row, failure, true, "", ""},
		{"as many deliveries, with this one", GiveUp{Of: GiveUpDeliveries, Count: 3, Do: GiveUpPause}, row, failure, true, EndpointPaused, "failing_often"},
		{"this delivery is tried again", GiveUp{Of: GiveUpDeliveries, Count: 3, Do: GiveUpPause}, row, failure, false, "", ""},
		{"fewer deliveries", GiveUp{Of: GiveUpDeliveries, Count: 4, Do: GiveUpPause}, row, failure, true, "", ""},
		{"as long", GiveUp{Of: GiveUpTime, Time: time.Hour, Do: GiveUpDisable}, row, failure, false, EndpointDisabled, "failing_long"},
		{"as long, and it is paused", GiveUp{Of: GiveUpTime, Time: time.Hour, Do: GiveUpPause}, row, failure, false, EndpointPaused, "failing_long"},
		{"not as long", GiveUp{Of: GiveUpTime, Time: time.Hour + 1, Do: GiveUpDisable}, row, failure, true, "", ""},
		{"tried for ever", GiveUp{Of: GiveUpAttempts, Count: 1, Do: GiveUpNothing}, row, failure, true, "", ""},
		{"nothing is counted", GiveUp{Do: GiveUpDisable}, row, failure, true, "", ""},
		{"the attempt says nothing of the endpoint", GiveUp{Of: GiveUpTime, Time: time.Hour, Do: GiveUpDisable}, Failures{}, failure, true, "", ""},
		{"a success", GiveUp{Of: GiveUpAttempts, Count: 3, Do: GiveUpDisable}, row, Outcome{OK: true}, false, "", ""},
		{"410", GiveUp{}, row, Outcome{Class: ClassGone, Then: ThenDisable}, false, EndpointDisabled, "gone"},
		{"disable_if", GiveUp{}, row, Outcome{Class: ClassStatus4xx, Then: ThenDisable}, false, EndpointDisabled, "answer_rule"},
		{"pause_if", GiveUp{}, row, Outcome{Class: ClassStatus4xx, Then: ThenPause}, false, EndpointPaused, "answer_rule"},
		{"pause_if goes before give_up", GiveUp{Of: GiveUpAttempts, Count: 3, Do: GiveUpDisable}, row, Outcome{Class: ClassStatus4xx, Then: ThenPause}, false, EndpointPaused, "answer_rule"},
	} {
		d := Delivery{ID: NewEventID().Delivery(1), State: Sending, Mode: AtLeastOnce}
		policy := Policy{Retry: []time.Duration{0, time.Minute}, GiveUp: c.giveUp}
		if c.last {
			policy.Retry = policy.Retry[:1]
		}
		got, ok := Next(d, Trigger{Kind: OnAttempt, Outcome: c.outcome}, policy, Standing{State: EndpointActive, Failing: c.failing}, noon)
		if !ok || got.Endpoint != c.want || got.Why != c.why {
			t.Errorf("%s: %q because of %q, want %q because of %q", c.name, got.Endpoint, got.Why, c.want, c.why)
		}
	}
}

func TestGiveUpSays(t *testing.T) {
	for _, c := range []struct {
		of           GiveUp
		zero, counts bool
	}{
		{GiveUp{}, true, false},
		{GiveUp{Do: GiveUpNothing}, false, false},
		{GiveUp{Of: GiveUpAttempts, Count: 3, Do: GiveUpDisable}, false, true},
		{GiveUp{Of: GiveUpDeliveries, Count: 3, Do: GiveUpPause}, false, true},
		{GiveUp{Of: GiveUpTime, Time: time.Hour, Do: GiveUpDisable}, false, false},
		{GiveUp{Of: GiveUpAttempts, Count: 3, Do: GiveUpNothing}, false, false},
	} {
		if c.of.IsZero() != c.zero || c.of.Counts() != c.counts {
			t.Errorf("%+v: says nothing %t, counts %t", c.of, c.of.IsZero(), c.of.Counts())
		}
	}
}

// All deliveries of a batch come back at the same time, and two batches, or two deliveries, as a rule do not.
func TestBatchesAreSpread(t *testing.T) {
	again := func(b *Batch) time.Time {
		d := Delivery{ID: NewEventID().Delivery(1), State: Sending, Mode: AtLeastOnce, Batch: b}
		next, _ := Next(d, Trigger{Kind: OnAttempt, Outcome: Outcome{Class: ClassTimeout}},
			Policy{Retry: []time.Duration{0, time.Hour}}, Standing{State: EndpointActive}, noon)
		return next.Delivery.NextAttemptAt
	}
	one := &Batch{ID: NewBatchID()}
	if a, b := again(one), again(one); !a.Equal(b) {
		t.Errorf("two deliveries of a batch are due at %v and %v", a, b)
	}
	if !(Batch{}).IsZero() || one.IsZero() {
		t.Error("a batch is none, or none is one")
	}
	batches, alone := map[time.Time]bool{}, map[time.Time]bool{}
	for range 20 {
		batches[again(&Batch{ID: NewBatchID()})], alone[again(nil)] = true, true
	}
	if len(batches) < 15 || len(alone) < 15 {
		t.Errorf("20 batches are due at %d times, 20 deliveries at %d", len(batches), len(alone))
	}
}

func TestNotWaiting(t *testing.T) {
	var err error = NotWaiting{NewEventID().Delivery(1), NewEventID().Delivery(2)}
	if want := "2 deliveries: " + ErrNotWaiting.Error(); !errors.Is(err, ErrNotWaiting) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// Only what is being made is left out because of its filter: what was tried before goes on.
func TestLeaveOutOfTheTried(t *testing.T) {
	d := Delivery{ID: NewEventID().Delivery(1), State: Pending, Mode: AtLeastOnce, Attempts: 1}
	if got, ok := Next(d, Trigger{Kind: OnLeaveOut, Reason: ReasonOverBudget}, Policy{}, Standing{State: EndpointActive}, noon); ok {
		t.Errorf("%+v", got.Delivery)
	}
}
