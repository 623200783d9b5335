package hook

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write testdata anew")

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// happening is a trigger with what else of a delivery decides about it.
type happening struct {
	name    string
	trigger Trigger
	set     func(*Delivery)
	giveUp  GiveUp
	strict  bool     // the endpoint's queue
	failing Failures // of the endpoint
}

// happenings are all that can happen, with and without places left in the schedule.
func happenings() (list []happening) {
	for _, h := range []struct {
		name    string
		outcome Outcome
	}{
		{"an attempt succeeds", Outcome{OK: true}},
		{"an attempt fails", Outcome{Class: ClassTimeout}},
		{"an attempt fails for good", Outcome{Class: ClassRender, Final: true}},
		{"an attempt is answered with 410, which disables the endpoint", Outcome{Class: ClassGone, Then: ThenDisable}},
		{"an attempt is answered with 410, and the contract says that it means nothing", Outcome{Class: ClassGone}},
		{"an attempt succeeds, and disable_if holds", Outcome{OK: true, Then: ThenDisable}},
		{"an attempt succeeds, and stop_if holds", Outcome{OK: true, Then: ThenStop}},
		{"an attempt succeeds, and pause_if holds", Outcome{OK: true, Then: ThenPause}},
		{"an attempt would succeed, and retry_if holds", Outcome{Class: ClassAnswerRule, Then: ThenRetry}},
		{"an attempt fails, and disable_if holds", Outcome{Class: ClassStatus4xx, Then: ThenDisable}},
		{"an attempt fails, and stop_if holds", Outcome{Class: ClassStatus4xx, Then: ThenStop}},
		{"an attempt fails, and pause_if holds", Outcome{Class: ClassStatus4xx, Then: ThenPause}},
		{"an attempt fails, and retry_if holds", Outcome{Class: ClassStatus4xx, Then: ThenRetry}},
		{"an attempt is interrupted", Outcome{Class: ClassInterrupted, Interrupted: true}},
		{"a script cancels the delivery", Outcome{Class: ClassScriptCancel, Cancel: ReasonScript}},
		{"an attempt was a trial without sending", Outcome{Class: ClassShadow, Cancel: ReasonShadow}},
	} {
		for slot, left := range []string{"places left in the schedule", "no place left in the schedule"} {
			list = append(list, happening{
				name: h.name + ", " + left, trigger: Trigger{Kind: OnAttempt, Outcome: h.outcome},
				set: func(d *Delivery) { d.Slot = slot },
			})
		}
	}
	row := Failures{Since: noon.Add(-time.Hour), Attempts: 3, Deliveries: 2}
	for _, g := range []struct {
		name string
		rule GiveUp
	}{
		{"the third attempt in a row fails, and give_up disables after 3", GiveUp{Of: GiveUpAttempts, Count: 3, Do: GiveUpDisable}},
		{"the third attempt in a row fails, and give_up pauses after 3", GiveUp{Of: GiveUpAttempts, Count: 3, Do: GiveUpPause}},
		{"the third attempt in a row fails, and give_up disables after 4", GiveUp{Of: GiveUpAttempts, Count: 4, Do: GiveUpDisable}},
		{"the third delivery in a row fails if this one does, and give_up disables after 3", GiveUp{Of: GiveUpDeliveries, Count: 3, Do: GiveUpDisable}},
		{"the third delivery in a row fails if this one does, and give_up disables after 4", GiveUp{Of: GiveUpDeliveries, Count: 4, Do: GiveUpDisable}},
		{"an attempt fails after an hour of failures, and give_up disables after one", GiveUp{Of: GiveUpTime, Time: time.Hour, Do: GiveUpDisable}},
		{"an attempt fails after an hour of failures, and give_up pauses after one", GiveUp{Of: GiveUpTime, Time: time.Hour, Do: GiveUpPause}},
		{"an attempt fails after an hour of failures, and give_up disables after more", GiveUp{Of: GiveUpTime, Time: time.Hour + 1, Do: GiveUpDisable}},
		{"an attempt fails after an hour of failures, and give_up does nothing", GiveUp{Of: GiveUpTime, Time: time.Hour, Do: GiveUpNothing}},
	} {
		for slot, left := range []string{"places left in the schedule", "no place left in the schedule"} {
			list = append(list, happening{
				name: g.name + ", " + left, trigger: Trigger{Kind: OnAttempt, Outcome: Outcome{Class: ClassTimeout}},
				set: func(d *Delivery) { d.Slot = slot }, giveUp: g.rule, failing: row,
			})
		}
	}
	for slot, left := range []string{"places left in the schedule", "no place left in the schedule"} {
		list = append(list, happening{
			name: "an attempt fails in a strict queue, " + left, trigger: Trigger{Kind: OnAttempt, Outcome: Outcome{Class: ClassTimeout}},
			set: func(d *Delivery) { d.Slot = slot }, strict: true,
		})
	}
	for _, then := range []Then{ThenStop, ThenDisable} {
		list = append(list, happening{
			name:    "an attempt fails in a strict queue, and " + string(then) + "_if holds",
			trigger: Trigger{Kind: OnAttempt, Outcome: Outcome{Class: ClassStatus4xx, Then: then}}, set: func(*Delivery) {}, strict: true,
		})
	}
	list = append(list, happening{
		name:    "an attempt succeeds after an hour of failures, and give_up disables after one",
		trigger: Trigger{Kind: OnAttempt, Outcome: Outcome{OK: true}}, set: func(*Delivery) {},
		giveUp: GiveUp{Of: GiveUpTime, Time: time.Hour, Do: GiveUpDisable}, failing: row,
	})
	nothing := func(*Delivery) {}
	return slices.Concat([]happening{{name: "a sender takes the delivery", trigger: Trigger{Kind: OnTake}, set: nothing}}, list, []happening{
		{
			name: "a sender puts the delivery back, never attempted", trigger: Trigger{Kind: OnPutBack, Again: noon},
			set: func(d *Delivery) { d.Attempts = 0 },
		},
		{name: "a sender puts the delivery back, attempted before", trigger: Trigger{Kind: OnPutBack, Again: noon}, set: nothing},
		{name: "a newer snapshot supersedes the delivery", trigger: Trigger{Kind: OnSupersede}, set: nothing},
		{name: "the endpoint was disabled or deleted", trigger: Trigger{Kind: OnEndpointStop}, set: nothing},
		{
			name: "the delivery is made, and left out for the budget of work", trigger: Trigger{Kind: OnLeaveOut, Reason: ReasonOverBudget},
			set: func(d *Delivery) { d.Attempts = 0 },
		},
		{
			name: "the delivery is made, and left out because its filter failed", trigger: Trigger{Kind: OnLeaveOut, Reason: ReasonFilterFailed},
			set: func(d *Delivery) { d.Attempts = 0 },
		},
		{name: "a person retries the delivery", trigger: Trigger{Kind: OnRetry}, set: nothing},
		{
			name: "a person retries the delivery, which was left out for the budget of work", trigger: Trigger{Kind: OnRetry},
			set: func(d *Delivery) { d.Reason = ReasonOverBudget },
		},
		{
			name: "a person retries the delivery, which was left out because its filter failed", trigger: Trigger{Kind: OnRetry},
			set: func(d *Delivery) { d.Reason = ReasonFilterFailed },
		},
		{name: "a person skips the delivery, which does not hold its queue", trigger: Trigger{Kind: OnSkip}, set: nothing},
		{name: "a person skips the delivery, which holds its queue if it is retrying", trigger: Trigger{Kind: OnSkip}, set: func(d *Delivery) { d.NextAttemptAt = time.Time{} }},
		{name: "a person retries the delivery, which holds its queue if it is retrying", trigger: Trigger{Kind: OnRetry}, set: func(d *Delivery) { d.NextAttemptAt = time.Time{} }},
		{name: "a person cancels what waits", trigger: Trigger{Kind: OnCancel}, set: nothing},
		{
			name: "an attempt succeeds of a delivery that a person cancelled meanwhile", trigger: Trigger{Kind: OnAttempt, Outcome: Outcome{OK: true}},
			set: func(d *Delivery) { d.Reason = ReasonByPerson },
		},
		{
			name: "an attempt fails of a delivery that a person cancelled meanwhile", trigger: Trigger{Kind: OnAttempt, Outcome: Outcome{Class: ClassTimeout}},
			set: func(d *Delivery) { d.Reason = ReasonByPerson },
		},
		{
			name: "a bulk replay recovers the delivery, which a person cancelled if it is cancelled", trigger: Trigger{Kind: OnRecover},
			set: func(d *Delivery) { d.Reason = ReasonByPerson },
		},
		{name: "a bulk replay recovers the delivery", trigger: Trigger{Kind: OnRecover}, set: nothing},
		{
			name: "a bulk replay recovers the delivery, which was a trial", trigger: Trigger{Kind: OnRecover},
			set: func(d *Delivery) { d.Reason = ReasonShadow },
		},
	})
}

var endpointStates = []EndpointState{EndpointActive, EndpointPaused, EndpointDisabled, EndpointDeleted}

// kinds are the deliveries that [Next] tells apart whatever their state.
var kinds = []struct {
	name string
	mode Mode
	test bool
}{
	{"at least once", AtLeastOnce, false},
	{"at most once", AtMostOnce, false},
	{"test, at least once", AtLeastOnce, true},
	{"test, at most once", AtMostOnce, true},
}

var normal = Policy{Retry: []time.Duration{0, time.Hour}}

// TestNext compares testdata/states.txt with what Next says of every state, with and
// without the flag Superseded, in every mode, of tests and others, at endpoints in every
// state, for everything that can happen. -update writes the file anew: read the
// difference, line by line.
func TestNext(t *testing.T) {
	t.Parallel()
	var titles, tables []string
	for _, h := range happenings() {
		table := h.table()
		if i := slices.Index(tables, table); i >= 0 {
			titles[i] += "\nor " + h.name
			continue
		}
		titles, tables = append(titles, h.name), append(tables, table)
	}
	var all strings.Builder
	all.WriteString(`What becomes of a delivery, by hook.Next. Renewed by: go test ./internal/hook -run TestNext -update

A row is a state before; a column is a kind of delivery. A cell is the state after, then:
  its reason; +1 or =0: the place in the schedule moves on, or to the beginning
  +superseded, -superseded: the flag is set, or cleared
  held: it waits until a person retries or skips it
  unversioned: the next attempt renders the delivery anew
  stop, pause: the endpoint is to be disabled, or paused
"-": nothing changes. Waiting deliveries with the flag superseded never come about; they
are here because Next is defined for everything.
`)
	for i := range tables {
		fmt.Fprintf(&all, "\n# %s\n\n%s", titles[i], tables[i])
	}
	file := filepath.Join("testdata", "states.txt")
	if *update {
		if err := os.WriteFile(file, []byte(all.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(all.String(), "\n")); diff != "" {
		t.Errorf("(-testdata/states.txt +Next)\n%s", diff)
	}
}

// table has a row for each state before and each state of the endpoint. States with
// equal rows share one, and so do the states of the endpoint.
func (h happening) table() string {
	type group struct{ name, cells string }
	merge := func(list []group, all int) (out []group) {
		for _, g := range list {
			if i := slices.IndexFunc(out, func(o group) bool { return o.cells == g.cells }); i >= 0 {
				out[i].name += ", " + g.name
			} else {
				out = append(out, g)
			}
		}
		if len(out) == 1 && all > 1 {
			out[0].name = "any"
		}
		return out
	}
	var rows []group
	for _, state := range States {
		for _, superseded := range []bool{false, true} {
			var variants []group
			for _, endpoint := range endpointStates {
				var cells []string
				for _, k := range kinds {
					d := Delivery{
						State: state, Reason: "before", Superseded: superseded, Mode: k.mode, Test: k.test,
						Attempts: 1, Slot: 1, EndpointVersion: 3, ContractVersion: 4, NextAttemptAt: noon,
					}
					h.set(&d)
					p := normal
					p.GiveUp = h.giveUp
					next, ok := Next(d, h.trigger, p, Standing{State: endpoint, Failing: h.failing, Strict: h.strict, Ordered: h.strict}, noon)
					cells = append(cells, fmt.Sprintf("%-44s", cell(d, next, ok)))
				}
				variants = append(variants, group{string(endpoint), strings.TrimRight(strings.Join(cells, ""), " ")})
			}
			name := string(state)
			if superseded {
				name += "+superseded"
			}
			var lines []string
			for _, v := range merge(variants, len(endpointStates)) {
				lines = append(lines, fmt.Sprintf("    %-34s%s\n", "endpoint "+v.name, v.cells))
			}
			rows = append(rows, group{name, strings.Join(lines, "")})
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%38s", "")
	for _, k := range kinds {
		fmt.Fprintf(&out, "%-44s", k.name)
	}
	var text strings.Builder
	text.WriteString(strings.TrimRight(out.String(), " ") + "\n")
	for _, r := range merge(rows, len(rows)) {
		text.WriteString(r.name + "\n" + r.cells)
	}
	return text.String()
}

// cell says in a few words what changed.
func cell(d Delivery, next Transition, ok bool) string {
	n := next.Delivery
	if !ok {
		return "-"
	}
	words := []string{string(n.State)}
	if n.Reason != "" {
		words = append(words, n.Reason)
	}
	switch {
	case n.Slot == d.Slot+1:
		words = append(words, "+1")
	case n.Slot == 0 && d.Slot != 0:
		words = append(words, "=0")
	case n.Slot != d.Slot:
		words = append(words, fmt.Sprint("slot ", n.Slot))
	}
	if n.Superseded != d.Superseded {
		words = append(words, map[bool]string{true: "+superseded", false: "-superseded"}[n.Superseded])
	}
	if n.Held() {
		words = append(words, "held")
	}
	if n.EndpointVersion != d.EndpointVersion {
		words = append(words, "unversioned")
	}
	switch next.Endpoint {
	case EndpointDisabled:
		words = append(words, "stop")
	case EndpointPaused:
		words = append(words, "pause")
	case "", EndpointActive, EndpointDeleted:
	}
	return strings.Join(words, " ")
}

// What the table does not show: times.
func TestNextTimes(t *testing.T) {
	t.Parallel()
	created, again := noon.Add(-time.Hour), noon.Add(time.Second)
	sending := Delivery{State: Sending, Mode: AtLeastOnce, CreatedAt: created, NextAttemptAt: noon.Add(-time.Minute)}
	failed := func(after time.Duration) Trigger {
		return Trigger{Kind: OnAttempt, Outcome: Outcome{Class: ClassRateLimited, RetryAfter: after}}
	}
	p := Policy{Retry: []time.Duration{0, 0}}
	retried := Delivery{State: Failed, CreatedAt: created, FinishedAt: created}
	take, retry := Trigger{Kind: OnTake}, Trigger{Kind: OnRetry}
	succeeded, back := Trigger{Kind: OnAttempt, Outcome: Outcome{OK: true}}, Trigger{Kind: OnPutBack, Again: again}
	var none time.Time
	for _, c := range []struct {
		name                string
		d                   Delivery
		t                   Trigger
		ordered             bool
		next, due, finished time.Time
	}{
		{"taken", Delivery{State: Pending, NextAttemptAt: created, QueueAt: created}, take, false, noon, created, none},
		{"failed", sending, failed(0), false, noon, noon, none},
		{"failed, ordered", sending, failed(0), true, noon, created, none},
		{"Retry-After", sending, failed(time.Minute), false, noon.Add(time.Minute), noon.Add(time.Minute), none},
		{"too long", sending, failed(1000 * time.Hour), false, noon.Add(MaxRetryAfter), noon.Add(MaxRetryAfter), none},
		{"succeeded", sending, succeeded, true, none, none, noon},
		{"put back", sending, back, false, sending.NextAttemptAt, again, none},
		{"put back, ordered", sending, back, true, sending.NextAttemptAt, created, none},
		{"retried", retried, retry, false, noon, noon, none},
		{"retried, ordered", retried, retry, true, noon, created, none},
	} {
		got, ok := Next(c.d, c.t, p, Standing{State: EndpointActive, Ordered: c.ordered}, noon)
		n := got.Delivery
		if !ok || n.NextAttemptAt != c.next || n.QueueAt != c.due || n.FinishedAt != c.finished {
			t.Errorf("%s: %t, next attempt %v, queue %v, finished %v", c.name, ok, n.NextAttemptAt, n.QueueAt, n.FinishedAt)
		}
	}
}

// Whatever happens: a delivery either is finished or waits for something; what cannot be
// sent again is not; finished deliveries come back only if somebody asks; the wait is
// the schedule's within the jitter; and equal arguments give equal results.
func TestNextProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var p Policy
		for range rapid.IntRange(1, 12).Draw(t, "tries") {
			p.Retry = append(p.Retry, time.Duration(rapid.Int64Range(0, int64(MaxRetryDelay)).Draw(t, "delay")))
		}
		d := Delivery{
			ID: NewEventID().Delivery(1), CreatedAt: noon.Add(-time.Hour),
			State:      rapid.SampledFrom(States).Draw(t, "state"),
			Mode:       rapid.SampledFrom([]Mode{AtLeastOnce, AtMostOnce}).Draw(t, "mode"),
			Test:       rapid.Bool().Draw(t, "test"),
			Superseded: rapid.Bool().Draw(t, "superseded"),
			Slot:       rapid.IntRange(0, len(p.Retry)).Draw(t, "slot"),
		}
		if d.State.Finished() {
			d.FinishedAt = noon.Add(-time.Minute)
		} else {
			d.NextAttemptAt, d.QueueAt = noon.Add(-time.Minute), noon.Add(-time.Minute)
		}
		if d.Superseded && !d.State.Finished() {
			d.Reason = rapid.SampledFrom([]string{ReasonSuperseded, ReasonByPerson}).Draw(t, "reason")
		}
		d.Attempts = d.Slot + rapid.IntRange(0, 2).Draw(t, "interrupted before")
		h := rapid.SampledFrom(happenings()).Draw(t, "happening")
		h.trigger.Outcome.RetryAfter = rapid.SampledFrom([]time.Duration{0, 0, time.Minute}).Draw(t, "retry after")
		e := Standing{State: rapid.SampledFrom(endpointStates).Draw(t, "endpoint"), Ordered: rapid.Bool().Draw(t, "ordered"), Failing: h.failing, Strict: h.strict}
		e.Ordered = e.Ordered || e.Strict
		p.GiveUp = h.giveUp

		got, ok := Next(d, h.trigger, p, e, noon)
		if again, _ := Next(d, h.trigger, p, e, noon); again != got {
			t.Fatal("not a function of its arguments")
		}
		n, asked := got.Delivery, h.trigger.Kind == OnRetry || h.trigger.Kind == OnRecover
		switch {
		case !ok && got != Transition{Delivery: d}:
			t.Fatalf("changed although nothing changes: %+v", got)
		case n.Held() && !(e.Strict && n.QueueAt == n.CreatedAt):
			t.Fatalf("held although its queue is not strict, or without its place: %+v", n)
		case !n.Held() && n.State.Finished() != n.NextAttemptAt.IsZero(), n.State.Finished() == n.FinishedAt.IsZero(),
			n.State.Waiting() && n.QueueAt.IsZero():
			t.Fatalf("neither finished nor due, or both: %+v", n)
		case d.Superseded && d.State.Waiting(): // never comes about, and the rest need not hold
		case n.State.Waiting() && n.Superseded:
			t.Fatalf("superseded, and waits to be sent: %+v", n)
		case !n.State.Finished() && n.Superseded != (n.Reason == ReasonSuperseded || n.Reason == ReasonByPerson):
			t.Fatalf("unfinished, and the reason does not say whether it is still wanted, which the store relies on: %+v", n)
		case d.State.Finished() && !n.State.Finished() && (!asked || d.Mode == AtMostOnce || d.Test || !e.takes()):
			t.Fatalf("sent again although nobody may: %+v", n)
		case (d.Mode == AtMostOnce || d.Test) && h.trigger.Kind == OnAttempt && !n.State.Finished():
			t.Fatalf("would be sent again: %+v", n)
		case n.State.Waiting() && ok && e.stopped():
			t.Fatalf("waits for an endpoint that takes nothing: %+v", n)
		case h.trigger.Kind == OnAttempt && ok != (n.Attempts == d.Attempts+1),
			h.trigger.Kind != OnAttempt && n.Attempts != d.Attempts:
			t.Fatalf("%d attempts of %d", n.Attempts, d.Attempts)
		case !asked && n.Slot < d.Slot, n.State == Retrying && h.trigger.Kind == OnAttempt && (n.Slot != d.Slot+1) != (h.trigger.Outcome.Then == ThenPause):
			t.Fatalf("schedule moves from %d to %d", d.Slot, n.Slot)
		case n.State.Waiting() && e.Ordered && ok && n.QueueAt != n.CreatedAt:
			t.Fatalf("loses its place in the order: %+v", n)
		case n.Held():
		case n.State == Retrying && h.trigger.Outcome.Then == ThenPause:
			if !n.NextAttemptAt.Equal(noon) || got.Endpoint == "" && e.State == EndpointActive {
				t.Fatalf("does not wait for its endpoint: %+v", got)
			}
		case n.State == Retrying && h.trigger.Kind == OnAttempt:
			want, wait := p.Retry[n.Slot], n.NextAttemptAt.Sub(noon)
			if low, high := want-want/10-1, max(want+want/10+1, h.trigger.Outcome.RetryAfter); wait < low || wait > high {
				t.Fatalf("waits %v, schedule says %v", wait, want)
			}
		}
	})
}
