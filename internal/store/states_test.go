package store

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// every is a delivery of an event in each state, with and without the flag superseded, in
// each mode, stored as such. Only what comes about: nothing superseded waits.
func every(t *testing.T, db *DB, event hook.EventID) (list []hook.Delivery) {
	t.Helper()
	at := hook.ID(event).Time()
	for _, state := range hook.States {
		for _, reason := range []string{"", hook.ReasonSuperseded, hook.ReasonByPerson} {
			superseded := reason != ""
			for _, mode := range []hook.Mode{hook.AtLeastOnce, hook.AtMostOnce} {
				if superseded && (state.Waiting() || state == hook.Sending && mode == hook.AtMostOnce) {
					continue
				}
				d := hook.Delivery{
					ID: event.Delivery(len(list) + 1), Tenant: "acme", Endpoint: hook.NewEndpointID(), Type: "x", Mode: mode, State: state,
					Superseded: superseded, Attempts: 1, Slot: 1, CreatedAt: at, EndpointVersion: 1, ContractVersion: 1,
				}
				d.Reason = reason
				if state.Finished() {
					d.FinishedAt = at
				} else {
					d.NextAttemptAt, d.QueueAt = at, at
				}
				list = append(list, d)
			}
		}
	}
	err := db.change(t.Context(), func(t *tx) error {
		for _, d := range list {
			if _, err := t.exec(`INSERT INTO deliveries (tenant, id, endpoint, type, mode, state, reason, superseded, test, attempts, slot,
				due_at, next_attempt_at, created_at, finished_at, endpoint_version, contract_version)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, FALSE, $9, $10, $11, $12, $13, $14, 1, 1)`,
				d.Tenant, d.ID[:], d.Endpoint[:], d.Type, string(d.Mode), string(d.State), d.Reason, d.Superseded, d.Attempts, d.Slot,
				dueAt(&d), micros(d.NextAttemptAt), d.CreatedAt.UnixMicro(), micros(d.FinishedAt)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// shown is what is compared of a delivery. QueueAt means nothing while it is sent.
func shown(d hook.Delivery) string {
	if !d.State.Waiting() {
		d.QueueAt = time.Time{}
	}
	return fmt.Sprintf("%s %q superseded=%t attempts=%d slot=%d next=%v queue=%v finished=%v version=%d", d.State, d.Reason, d.Superseded,
		d.Attempts, d.Slot, micros(d.NextAttemptAt), micros(d.QueueAt), micros(d.FinishedAt), d.EndpointVersion)
}

// What the statements do to a row in any state is what hook.Next decides about it,
// although whoever calls the store may not know what the row has become.
func TestStatesByNext(t *testing.T) { each(t, testStatesByNext) }

func testStatesByNext(t *testing.T, db *DB) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	db.now = func() time.Time { return now }
	addTenants(t, db)
	before := now.Add(-time.Hour)
	number := 0
	check := func(name string, trigger hook.Trigger, known func(hook.Delivery) bool, write func(row hook.Delivery) error) {
		t.Helper()
		number++
		for _, row := range every(t, db, hook.EventID(hook.IDAt(before.Add(time.Duration(number)*time.Second)))) {
			if !known(row) {
				continue
			}
			policy := hook.Policy{Retry: []time.Duration{0, time.Hour, time.Hour}}
			want, ok := hook.Next(row, trigger, policy, hook.Standing{State: hook.EndpointActive}, now)
			if err := write(row); (err == nil) != ok {
				t.Errorf("%s of %s: stored: %v, want %t", name, shown(row), err, ok)
			}
			got, err := db.Delivery(t.Context(), "acme", row.ID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(shown(want.Delivery), shown(got)); diff != "" {
				t.Errorf("%s of %s (-Next +row)\n%s", name, shown(row), diff)
			}
		}
	}
	anything := func(hook.Delivery) bool { return true }

	check("take", hook.Trigger{Kind: hook.OnTake}, anything, func(row hook.Delivery) error {
		row.State, row.Reason, row.NextAttemptAt = hook.Sending, "", now // as a sender has it
		return db.Intend(hook.Result{Delivery: row})
	})
	// A result of a delivery that the lane has as being sent. The store may have noted
	// meanwhile that it is superseded, or have cancelled it while it did not know of the sending.
	unfinished := func(row hook.Delivery) bool {
		return !row.State.Finished() || row.State == hook.Cancelled && row.Superseded && row.Mode == hook.AtLeastOnce
	}
	for name, trigger := range map[string]hook.Trigger{
		"success":      {Kind: hook.OnAttempt, Outcome: hook.Outcome{OK: true}},
		"failure":      {Kind: hook.OnAttempt, Outcome: hook.Outcome{Class: hook.ClassTimeout}},
		"interruption": {Kind: hook.OnAttempt, Outcome: hook.Outcome{Class: hook.ClassInterrupted, Interrupted: true}},
	} {
		save := func(lane hook.Delivery) error {
			lane.State, lane.Reason = hook.Sending, ""
			policy := hook.Policy{Retry: []time.Duration{0, time.Hour, time.Hour}}
			next, _ := hook.Next(lane, trigger, policy, hook.Standing{State: hook.EndpointActive}, now)
			stored := make(chan error, 1)
			db.SaveResult(hook.Result{Delivery: next.Delivery}, func(err error) { stored <- err })
			return <-stored
		}
		check(name, trigger, unfinished, func(row hook.Delivery) error { row.Superseded = false; return save(row) })
		check(name+", and the lane was told", trigger, unfinished, save)
	}
	refused := errors.New("nothing was changed")
	var changed map[hook.DeliveryID]bool // by the one statement for all deliveries of an event
	check("newer snapshot", hook.Trigger{Kind: hook.OnSupersede}, anything, func(row hook.Delivery) error {
		if changed == nil {
			changed = map[hook.DeliveryID]bool{}
			if err := db.change(t.Context(), func(t *tx) error {
				list, err := t.supersede(hook.ScheduleName{Tenant: "acme", Contract: "c", Type: "x"}, row.ID.Event(), now)
				for _, d := range list {
					changed[d.ID] = true
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		if !changed[row.ID] {
			return refused
		}
		return nil
	})
	var cancelled map[hook.DeliveryID]bool
	check("cancel", hook.Trigger{Kind: hook.OnCancel}, anything, func(row hook.Delivery) error {
		if cancelled == nil {
			cancelled = map[hook.DeliveryID]bool{}
			if err := db.change(t.Context(), func(t *tx) error {
				q := query{}
				q.and("tenant = %s", "acme")
				event, last := row.ID.Event(), row.ID.Event().Delivery(hook.MaxFanout)
				q.and("id > %s", event[:])
				q.and("id <= %s", last[:])
				list, err := t.follow(edges(hook.OnCancel, now), q)
				for _, d := range list {
					cancelled[d.ID] = true
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		if !cancelled[row.ID] {
			return refused
		}
		return nil
	})
	for name, kind := range map[string]hook.TriggerKind{"retry": hook.OnRetry, "recovery": hook.OnRecover} {
		check(name, hook.Trigger{Kind: kind}, anything, func(row hook.Delivery) error {
			return db.change(t.Context(), func(t *tx) error {
				next, ok := requeued(row, kind, hook.Standing{State: hook.EndpointActive}, now)
				if !ok {
					return refused
				}
				saved, err := t.saveQueued(&next, row.State)
				if err == nil && !saved {
					err = refused
				}
				return err
			})
		})
	}
}

// After the migration, rows of the release before are read as what their reason says.
func TestSupersededMigration(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		file := "migrations/sqlite/0011_superseded.sql"
		if _, ok := db.dialect.(*postgres); ok {
			file = "migrations/postgres/0015_superseded_column.sql"
		}
		text, err := migrations.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		list := every(t, db, hook.NewEventID())
		statements := append([]string{`ALTER TABLE deliveries DROP COLUMN superseded`}, strings.Split(regexp.MustCompile(`(?m)^--.*$`).ReplaceAllString(string(text), ""), ";")...)
		err = db.change(t.Context(), func(t *tx) error {
			for _, s := range statements {
				if s = strings.TrimSpace(s); s == "" {
					continue
				}
				if _, err := t.exec(s); err != nil {
					return fmt.Errorf("%s: %w", s, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			got, err := db.Delivery(t.Context(), "acme", d.ID)
			if err != nil {
				t.Fatal(err)
			}
			if got.Superseded != d.Superseded {
				t.Errorf("%s: superseded %t after the migration", shown(d), got.Superseded)
			}
		}
	})
}

// A program of the release before shares the database. It writes reason and does not know the
// column superseded, in both directions.
func TestSupersededByReleaseBefore(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		addTenants(t, db)
		policy := hook.Policy{Retry: []time.Duration{0, time.Hour, time.Hour}}
		for _, row := range every(t, db, hook.NewEventID()) {
			id := row.ID
			exec := func(set string) {
				t.Helper()
				if err := db.change(t.Context(), func(t *tx) error {
					_, err := t.exec(`UPDATE deliveries SET `+set+` WHERE tenant = 'acme' AND id = $1`, id[:])
					return err
				}); err != nil {
					t.Fatal(err)
				}
			}
			// fail stores a failed attempt by a lane that was not notified.
			fail := func() hook.Delivery {
				t.Helper()
				lane := row
				lane.State, lane.Reason, lane.Slot, lane.Superseded, lane.FinishedAt = hook.Sending, "", 0, false, time.Time{}
				failure := hook.Trigger{Kind: hook.OnAttempt, Outcome: hook.Outcome{Class: hook.ClassTimeout}}
				next, _ := hook.Next(lane, failure, policy, hook.Standing{State: hook.EndpointActive}, time.Now())
				stored := make(chan error, 1)
				db.SaveResult(hook.Result{Delivery: next.Delivery}, func(err error) { stored <- err })
				if err := <-stored; err != nil {
					t.Fatal(err)
				}
				got, err := db.Delivery(t.Context(), "acme", id)
				if err != nil {
					t.Fatal(err)
				}
				return got
			}
			switch {
			case row.Mode != hook.AtLeastOnce || row.Test:
			case row.State == hook.Sending && !row.Superseded:
				exec(`reason = 'superseded'`) // it supersedes what this program sends
				if err := db.Intend(hook.Result{Delivery: row}); !errors.Is(err, hook.ErrNotWaiting) {
					t.Errorf("%s, superseded by the release before: taken: %v", shown(row), err)
				}
				if got := fail(); got.State != hook.Cancelled || got.Reason != hook.ReasonSuperseded || !got.Superseded {
					t.Errorf("%s, superseded by the release before and failed: %s", shown(row), shown(got))
				}
			case row.State == hook.Cancelled && row.Superseded:
				exec(`state = 'pending', reason = '', slot = 0, due_at = 1, next_attempt_at = 1, finished_at = NULL`) // it retries this one
				if got, err := db.Delivery(t.Context(), "acme", id); err != nil || got.Superseded {
					t.Errorf("%s, retried by the release before: %s, %v", shown(row), shown(got), err)
				}
				if got := fail(); got.State != hook.Retrying || got.Superseded {
					t.Errorf("%s, retried by the release before and failed: %s", shown(row), shown(got))
				}
				var column bool
				if err := db.read.QueryRow(`SELECT superseded FROM deliveries WHERE tenant = 'acme' AND id = $1`, id[:]).Scan(&column); err != nil || column {
					t.Errorf("the column was not corrected: %t, %v", column, err)
				}
			}
		}
	})
}

// A result waits for a transaction that supersedes its delivery, and is then written as what
// becomes of a superseded delivery.
func TestResultBesideSupersede(t *testing.T) {
	t.Parallel()
	db := openPG(t)
	addTenants(t, db)
	event := hook.NewEventID()
	var row hook.Delivery
	for _, d := range every(t, db, event) {
		if d.State == hook.Sending && d.Mode == hook.AtLeastOnce && !d.Superseded {
			row = d
		}
	}
	policy := hook.Policy{Retry: []time.Duration{0, time.Hour, time.Hour}}
	failure := hook.Trigger{Kind: hook.OnAttempt, Outcome: hook.Outcome{Class: hook.ClassTimeout}}
	failed, _ := hook.Next(row, failure, policy, hook.Standing{State: hook.EndpointActive}, time.Now())
	stored := make(chan error, 1)
	err := db.change(t.Context(), func(x *tx) error {
		if _, err := x.supersede(hook.ScheduleName{Tenant: "acme", Contract: "c", Type: "x"}, event, time.Now()); err != nil {
			return err
		}
		db.SaveResult(hook.Result{Delivery: failed.Delivery}, func(err error) { stored <- err })
		eventually(t, "the result waits for the row", func() (waits bool) {
			err := db.read.QueryRow(`SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted
				AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database()))`).Scan(&waits)
			if err != nil {
				t.Fatal(err)
			}
			return waits
		})
		return nil
	})
	if err := errors.Join(err, <-stored); err != nil {
		t.Fatal(err)
	}
	got, err := db.Delivery(t.Context(), "acme", row.ID)
	if err != nil || got.State != hook.Cancelled || got.Reason != hook.ReasonSuperseded || got.Attempts != row.Attempts+1 {
		t.Errorf("%s, %v", shown(got), err)
	}
}
