package store

import (
	"path/filepath"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

// A process started while the machine's clock was three hours ahead, and the clock was put right since. The clock of the
// process goes on from where it was. Schedules, and what is good until a time, still follow the machine's clock.
func TestClockThatWasAhead(t *testing.T) {
	t.Parallel()
	ahead := func() time.Time { return time.Now().Add(3 * time.Hour) }
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		testClockThatWasAhead(t, run(t, Options{Path: filepath.Join(t.TempDir(), "gancho.db"), Key: make([]byte, 32), Now: ahead}))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		testClockThatWasAhead(t, run(t, Options{URL: pgtest.Database(t, Migrate), Key: make([]byte, 32), Now: ahead}))
	})
}

func testClockThatWasAhead(t *testing.T, db *DB) {
	ctx := t.Context()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	newTenant(t, db, "acme")
	now := time.Now().UTC().Truncate(time.Microsecond)
	soon := now.Add(time.Hour)

	check(db.ArrangeSchedules(ctx, []hook.Schedule{{
		ScheduleName: hook.ScheduleName{Tenant: "acme", Contract: "c", Type: "t"}, Rhythm: "1d", Start: now, NextAt: soon,
	}}))
	if wait, _, err := db.NextSchedule(ctx); err != nil || wait == 0 {
		t.Errorf("the run in an hour is due: %v", err)
	}
	if list, _, err := db.ClaimSchedules(ctx, "single", time.Minute, 1); err != nil || len(list) > 0 {
		t.Errorf("the run in an hour is made now: %v, %v", list, err)
	}

	link := hook.PortalLink{ID: hook.NewPortalLinkID(), Tenant: "acme", CreatedAt: now, ExpiresAt: soon}
	check(db.CreatePortalLink(ctx, link))
	old, present := [32]byte{1}, [32]byte{2}
	key := hook.Key{ID: hook.NewKeyID(), Role: hook.RoleOperator, Hash: old, Hint: "_old", CreatedAt: now}
	check(db.CreateKey(ctx, key))
	check(db.RotateKey(ctx, key.ID, present, "_new", soon))
	_, err := db.Expire(ctx, now.Add(-24*time.Hour), 100)
	check(err)
	if _, err := db.PortalLink(ctx, link.ID); err != nil {
		t.Errorf("a link that is good for an hour: %v", err)
	}
	if k, err := db.Key(ctx, key.ID); err != nil || len(k.Earlier) != 1 {
		t.Errorf("an earlier text that is good for an hour is not listed: %+v, %v", k, err)
	}
	if k, err := db.KeyByHash(ctx, old); err != nil || !k.ExpiresAt.Equal(soon) {
		t.Errorf("a text that is good for an hour: %+v, %v", k, err)
	}
	check(db.EndEarlierTexts(ctx, key.ID))
	if k, err := db.KeyByHash(ctx, old); err != nil || k.ExpiresAt.After(time.Now()) {
		t.Errorf("a text that was ended is good until %v, %v", k.ExpiresAt, err)
	}

	first, second := hook.SessionID{1}, hook.SessionID{2}
	check(db.EndSession(ctx, first, soon))
	check(db.EndSession(ctx, second, soon))
	if ended, err := db.SessionEnded(ctx, first); err != nil || !ended {
		t.Errorf("somebody signed out, and a copy of the cookie is good again: %v", err)
	}
}
