package store

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

func testSealer(t *testing.T, key []byte, form byte) *sealer {
	t.Helper()
	k, err := newSealKey(key)
	if err != nil {
		t.Fatal(err)
	}
	k.form = form
	s := &sealer{}
	s.keys.Store(&ring{active: k, keys: []*sealKey{k}})
	return s
}

// A sealed value opens as it is, in its row, under its key; and in no other way.
func TestSealedValues(t *testing.T) {
	t.Parallel()
	for _, form := range []byte{formPlain, formKeyed} {
		s, other := testSealer(t, make([]byte, 32), form), testSealer(t, NewKey(), form)
		row, next := []byte("row 1"), []byte("row 2")
		for _, text := range [][]byte{{}, []byte("x"), bytes.Repeat([]byte("long"), 10_000)} {
			sealed := s.sealBytes(text, row)
			if got, err := s.openBytes(sealed, row); err != nil || !bytes.Equal(got, text) {
				t.Errorf("form %d: got %q, %v", form, got, err)
			}
			if len(text) > 4 && bytes.Contains(sealed, text[:4]) {
				t.Error("the text is in the sealed value")
			}
			if bytes.Equal(sealed, s.sealBytes(text, row)) {
				t.Error("sealed twice, it is the same")
			}
			if _, err := s.openBytes(sealed, next); !errors.Is(err, hook.ErrUnreadable) {
				t.Errorf("opened in another row: %v", err)
			}
			if _, err := other.openBytes(sealed, row); !errors.Is(err, hook.ErrUnreadable) {
				t.Errorf("opened with another key: %v", err)
			}
			for n := range min(len(sealed), 60) {
				if _, err := s.openBytes(sealed[:n], row); !errors.Is(err, hook.ErrUnreadable) {
					t.Errorf("opened after %d of %d bytes: %v", n, len(sealed), err)
				}
				changed := slices.Clone(sealed)
				changed[n] ^= 1
				if _, err := s.openBytes(changed, row); !errors.Is(err, hook.ErrUnreadable) {
					t.Errorf("opened with byte %d changed: %v", n, err)
				}
			}
		}
	}
}

// eachOptions runs a test with the options of a fresh database of each kind.
func eachOptions(t *testing.T, fn func(t *testing.T, o Options)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		fn(t, Options{Path: filepath.Join(t.TempDir(), "gancho.db")})
	})
	t.Run("postgres", func(t *testing.T) { t.Parallel(); fn(t, Options{URL: pgtest.Database(t, Migrate)}) })
}

// during runs a store for as long as do runs.
func during(t *testing.T, o Options, do func(db *DB)) {
	t.Helper()
	db, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	do(db)
	stop()
	if err := errors.Join(<-done, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// tamper runs a statement as somebody who has the database would.
func tamper(t *testing.T, db *DB, text string, args ...any) {
	t.Helper()
	if err := db.change(t.Context(), func(tx *tx) error { _, err := tx.exec(text, args...); return err }); err != nil {
		t.Fatal(err)
	}
}

// A store opens only with the key that its database was sealed under, makes a key only if nothing
// is sealed, and leaves the database as it is otherwise.
func TestOpenNeedsTheKey(t *testing.T) {
	eachOptions(t, func(t *testing.T, o Options) {
		made := 0
		o.MakeKey = func() ([]byte, error) { made++; return bytes.Repeat([]byte{1}, 32), nil }
		var keys []hook.SealKey
		during(t, o, func(db *DB) {
			newTenant(t, db, "acme")
			newEndpoint(t, db, "acme")
			state, err := db.SealState(t.Context())
			if keys = state.Keys; err != nil || len(keys) != 1 || keys[0].State != hook.SealKeyActive {
				t.Fatalf("got %+v, %v", keys, err)
			}
		})
		if made != 1 {
			t.Fatalf("made %d keys", made)
		}
		wrong := NewKey()
		wrongID, err := SealKeyID(wrong)
		if err != nil {
			t.Fatal(err)
		}
		for _, adopted := range []bool{false, true} { // as is, and of a release that did not store ids
			for given, want := range map[string][]hook.SealKeyID{"": nil, string(wrong): {wrongID}} {
				with := o
				if given != "" {
					with.Key = []byte(given)
				}
				_, err := Open(t.Context(), with)
				e, ok := errors.AsType[*hook.SealKeysError](err)
				if !ok || !slices.Equal(e.Given, want) {
					t.Fatalf("adopted %v, %q: got %v", adopted, given, err)
				}
				if named := slices.Equal(e.Wanted, []hook.SealKeyID{keys[0].ID}); named == adopted {
					t.Errorf("adopted %v: wanted are %v", adopted, e.Wanted)
				}
			}
			right := o
			right.Key = bytes.Repeat([]byte{1}, 32)
			during(t, right, func(db *DB) {
				if list, err := db.TenantEndpoints(t.Context(), "acme"); err != nil || len(list) != 1 || list[0].Config.URL != "http://x/" {
					t.Errorf("got %+v, %v", list, err)
				}
				tamper(t, db, `DELETE FROM seal_keys`)
			})
		}
		if made != 1 {
			t.Error("a second key was made")
		}
	})
}

// A database in which something is sealed under each of two keys, as earlier releases let happen,
// opens with either, and everything in it with both.
func TestAdoptTwoKeys(t *testing.T) {
	eachOptions(t, func(t *testing.T, o Options) {
		a, b := NewKey(), NewKey()
		o.Key = a
		during(t, o, func(db *DB) {
			newTenant(t, db, "acme")
			newEndpoint(t, db, "acme")
			db.seal = testSealer(t, b, formPlain)
			newEndpoint(t, db, "acme")
			tamper(t, db, `DELETE FROM seal_keys`)
		})
		unreadable := func(given ...[]byte) (n int) {
			o := o
			o.Key, o.Keys = nil, func() ([][]byte, error) { return given, nil }
			during(t, o, func(db *DB) {
				list, err := db.TenantEndpoints(t.Context(), "acme")
				if err != nil || len(list) != 2 {
					t.Fatalf("got %+v, %v", list, err)
				}
				for _, e := range list {
					if e.Unreadable {
						n++
					}
				}
				tamper(t, db, `DELETE FROM seal_keys`)
			})
			return n
		}
		if n := unreadable(a); n != 1 {
			t.Errorf("with the first key %d are unreadable", n)
		}
		if n := unreadable(b); n != 1 {
			t.Errorf("with the second key %d are unreadable", n)
		}
		if n := unreadable(b, NewKey(), a); n != 0 {
			t.Errorf("with both keys %d are unreadable", n)
		}
	})
}

// One row that does not open, because somebody cut it, changed it or put in that of another row,
// is marked. Everything else works on.
func TestUnreadableRowsHarmOnlyThemselves(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		ctx := t.Context()
		newTenant(t, db, "acme")
		good, cut, swapped, moved := newEndpoint(t, db, "acme"), newEndpoint(t, db, "acme"), newEndpoint(t, db, "acme"), newEndpoint(t, db, "acme")
		tamper(t, db, `UPDATE endpoints SET config = substr(config, 1, 40) WHERE id = $1`, cut.ID[:])
		tamper(t, db, `UPDATE endpoints SET config = (SELECT config FROM endpoints WHERE id = $2) WHERE id = $1`, swapped.ID[:], good.ID[:])
		tamper(t, db, `UPDATE endpoints SET secrets = (SELECT secrets FROM endpoints WHERE id = $2) WHERE id = $1`, moved.ID[:], good.ID[:])
		tamper(t, db, `UPDATE endpoint_versions SET config = (SELECT config FROM endpoints WHERE id = $2) WHERE endpoint = $1`, swapped.ID[:], good.ID[:])
		want := map[hook.EndpointID]bool{good.ID: false, cut.ID: true, swapped.ID: true, moved.ID: true}
		check := func(what string, list []*hook.Endpoint, err error) {
			t.Helper()
			got := map[hook.EndpointID]bool{}
			for _, e := range list {
				got[e.ID] = e.Unreadable
				if e.Unreadable && (e.Config.URL != "" || e.Secrets != nil) || !e.Unreadable && e.Config.URL == "" {
					t.Errorf("%s: got %+v", what, e)
				}
			}
			if err != nil || !maps.Equal(got, want) {
				t.Errorf("%s: got %v, %v", what, got, err)
			}
		}
		list, err := db.TenantEndpoints(ctx, "acme")
		check("all", list, err)
		list, _, err = db.Endpoints(ctx, "acme", hook.Page{Limit: 10})
		check("page", list, err)
		if _, err := db.EndpointVersion(ctx, swapped.ID, 1); !errors.Is(err, hook.ErrUnreadable) {
			t.Errorf("version: %v", err)
		}

		// It can be entered again.
		e, err := db.TenantEndpoint(ctx, "acme", cut.ID)
		if err != nil {
			t.Fatal(err)
		}
		e.Config.URL, e.Unreadable = "http://again/", false
		if ok, err := db.UpdateEndpoint(ctx, e, true); err != nil || !ok {
			t.Fatalf("updated: %v, %v", ok, err)
		}
		if e, err = db.TenantEndpoint(ctx, "acme", cut.ID); err != nil || e.Unreadable || e.Config.URL != "http://again/" {
			t.Errorf("got %+v, %v", e, err)
		}
		if err := db.DeleteEndpoint(ctx, "acme", swapped.ID, hook.Precondition{}); err != nil {
			t.Error(err)
		}

		var credentials []*hook.Credential
		for range 2 {
			c := &hook.Credential{ID: hook.NewCredentialID(), Tenant: "acme", Contract: "x", State: hook.CredentialActive, TokenKey: []byte("k")}
			if err := db.CreateCredential(ctx, c, nil, 0); err != nil {
				t.Fatal(err)
			}
			credentials = append(credentials, c)
		}
		tamper(t, db, `UPDATE credentials SET sealed = (SELECT sealed FROM credentials WHERE id = $2) WHERE id = $1`,
			credentials[0].ID[:], credentials[1].ID[:])
		page, _, err := db.Credentials(ctx, "acme", hook.Page{Limit: 10})
		if err != nil || len(page) != 2 || page[0].Unreadable || !page[1].Unreadable {
			t.Errorf("credentials: got %+v, %v", page, err)
		}
		if _, err := db.Credential(ctx, credentials[0].ID); !errors.Is(err, hook.ErrUnreadable) { // its token key is empty
			t.Errorf("credential: %v", err)
		}

		// A delivery whose frozen request does not open does not hold up the others of its queue.
		body := []byte("body")
		var first hook.DeliveryID
		for i := range 2 {
			a := accepted("acme", "", `1`, good.ID)
			if _, err := db.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{a}}, time.Hour); err != nil {
				t.Fatal(err)
			}
			d := a.Deliveries[0]
			d.State, d.EndpointVersion, d.ContractVersion, d.Attempts = hook.Retrying, 1, 1, 1
			d.NextAttemptAt, d.QueueAt = d.CreatedAt, d.CreatedAt
			saved := make(chan error)
			db.SaveResult(hook.Result{Delivery: d, Frozen: &hook.Frozen{Body: body}}, func(err error) { saved <- err })
			if err := <-saved; err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = d.ID
			}
		}
		tamper(t, db, `UPDATE bodies SET body = substr(body, 1, 20) WHERE delivery = $1`, first[:])
		due, err := db.Due(ctx, good.ID, time.Now().Add(time.Hour), 10, 1<<20, func(hook.DeliveryID) bool { return false })
		if err != nil || len(due.Jobs) != 2 {
			t.Fatalf("got %+v, %v", due, err)
		}
		for _, j := range due.Jobs {
			if j.Unreadable != (j.Delivery.ID == first) || !j.Unreadable && string(j.Frozen.Body) != "body" {
				t.Errorf("got %+v", j)
			}
		}
	})
}

// rotate does all steps of a rotation that is under way, and returns how often a page was sealed.
func rotate(t *testing.T, db *DB) {
	t.Helper()
	db.settle = time.Nanosecond
	for range 10_000 {
		rotating, err := db.FollowKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !rotating {
			return
		}
		if _, err := db.LeadRotation(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the rotation does not end")
}

// withSealed stores something in each table that has sealed values, and returns how to check that all of
// it is there.
func withSealed(t *testing.T, db *DB) (check func(*DB)) {
	t.Helper()
	ctx := t.Context()
	newTenant(t, db, "acme")
	e := newEndpoint(t, db, "acme")
	c := &hook.Credential{ID: hook.NewCredentialID(), Tenant: "acme", Contract: "x", State: hook.CredentialActive, APIKey: "the key", TokenKey: []byte("k")}
	if err := db.CreateCredential(ctx, c, nil, 0); err != nil {
		t.Fatal(err)
	}
	var deliveries []hook.DeliveryID
	for range resealRows + 10 {
		a := accepted("acme", "", `1`, e.ID)
		if _, err := db.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{a}}, time.Hour); err != nil {
			t.Fatal(err)
		}
		d := a.Deliveries[0]
		d.State, d.EndpointVersion, d.ContractVersion, d.Attempts = hook.Retrying, 1, 1, 1
		d.NextAttemptAt, d.QueueAt = d.CreatedAt, d.CreatedAt
		saved := make(chan error)
		frozen := &hook.Frozen{Body: []byte("body"), Head: &hook.Head{URL: "http://head/"}}
		db.SaveResult(hook.Result{Delivery: d, Frozen: frozen, Attempt: sampleAttempt(d.ID, 1, "secret")}, func(err error) { saved <- err })
		if err := <-saved; err != nil {
			t.Fatal(err)
		}
		deliveries = append(deliveries, d.ID)
	}
	payloads := withPayloads(t, db, "acme", "sealed-text", true)
	addOmissions(t, db, omitted("acme", "a", "sealed key", time.Now()))
	return func(db *DB) {
		t.Helper()
		payloads(db)
		if list := omissions(t, db, hook.OmissionFilter{}, 9); len(list) != 1 || len(list[0].Examples) != 1 || list[0].Examples[0].Key != "sealed key" {
			t.Errorf("what errors left out: %+v", list)
		}
		if e, err := db.Endpoint(ctx, e.ID); err != nil || e.Unreadable || cmp.Diff(withAuth("http://x/"), e.Config) != "" || e.Secrets[0].Text != "whsec_a" {
			t.Errorf("endpoint %+v, %v", e, err)
		}
		if v, err := db.EndpointVersion(ctx, e.ID, 1); err != nil || cmp.Diff(withAuth("http://x/"), v) != "" {
			t.Errorf("version %+v, %v", v, err)
		}
		if c, err := db.Credential(ctx, c.ID); err != nil || c.APIKey != "the key" {
			t.Errorf("credential %+v, %v", c, err)
		}
		for _, id := range deliveries {
			f, err1 := db.frozen(ctx, id)
			a, err2 := db.Attempt(ctx, id, 1)
			if err := errors.Join(err1, err2); err != nil || string(f.Body) != "body" || f.Head.URL != "http://head/" ||
				a.Unreadable || string(a.Request.Body) != "secret" {
				t.Fatalf("%+v, %+v, %v", f, a, err)
			}
		}
	}
}

// A rotation seals everything again under the new key, also if it is interrupted on the way, while
// others write. Afterwards the old key is not needed any more.
func TestRotateKey(t *testing.T) {
	eachOptions(t, func(t *testing.T, o Options) {
		keys := [][]byte{NewKey()}
		o.Keys = func() ([][]byte, error) { return keys, nil }
		o.MakeKey = func() ([]byte, error) { k := NewKey(); keys = append(keys, k); return k, nil }
		var check func(*DB)
		var late hook.EndpointID
		during(t, o, func(db *DB) {
			check = withSealed(t, db)
			for range 2 { // asked twice, it is one rotation
				if err := db.RotateSealKey(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if len(keys) != 2 {
				t.Fatalf("%d keys", len(keys))
			}
			late = newEndpoint(t, db, "acme").ID // sealed under the old key
			check(db)
			// Until something is sealed under the new key, and in the middle of a table.
			for db.sweep == nil || db.sweep.resealed < resealRows {
				if _, err := db.FollowKeys(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := db.LeadRotation(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			check(db)
			if s, err := db.SealState(t.Context()); err != nil || len(s.Keys) != 2 || s.Keys[0].State != hook.SealKeyOld || s.Done == 0 || s.Total <= s.Done {
				t.Errorf("on the way: %+v, %v", s, err)
			}
		})
		both := keys
		for i, one := range [][][]byte{both[:1], both[1:]} { // neither key is enough on the way
			keys = one
			if _, err := Open(t.Context(), o); err == nil {
				t.Errorf("opened on the way with key %d alone", i)
			}
		}
		keys = [][]byte{both[1], both[0]}
		during(t, o, func(db *DB) { // another process goes on
			check(db)
			rotate(t, db)
			check(db)
			s, err := db.SealState(t.Context())
			if err != nil || s.Keys[0].State != hook.SealKeyRetired || s.Keys[1].State != hook.SealKeyActive || s.Done != s.Total {
				t.Errorf("at the end: %+v, %v", s, err)
			}
		})
		keys = both[1:]
		during(t, o, func(db *DB) {
			check(db)
			if e, err := db.Endpoint(t.Context(), late); err != nil || e.Unreadable {
				t.Errorf("%+v, %v", e, err)
			}
			if err := db.RotateSealKey(t.Context()); err != nil { // once more, from a key that is not the first
				t.Fatal(err)
			}
			rotate(t, db)
			check(db)
		})
		if len(keys) != 2 {
			t.Fatalf("%d keys", len(keys))
		}
		keys = keys[1:]
		during(t, o, check)
	})
}

// A node that leads again begins its pass anew: it does not know which nodes came while another one led.
func TestRotationLedAgain(t *testing.T) {
	eachOptions(t, func(t *testing.T, o Options) {
		keys := [][]byte{NewKey(), NewKey()}
		o.Keys = func() ([][]byte, error) { return keys, nil }
		during(t, o, func(db *DB) {
			check := withSealed(t, db)
			if err := db.RotateSealKey(t.Context()); err != nil {
				t.Fatal(err)
			}
			lead := func(ctx context.Context) *sweep {
				t.Helper()
				if _, err := db.FollowKeys(ctx); err != nil {
					t.Fatal(err)
				}
				if _, err := db.LeadRotation(ctx); err != nil {
					t.Fatal(err)
				}
				return db.sweep
			}
			first, end := context.WithCancel(t.Context())
			for lead(first) == nil || db.sweep.resealed == 0 {
			}
			was := db.sweep
			if lead(first) != was {
				t.Error("a pass begins anew although nobody else led")
			}
			end()
			if now := lead(t.Context()); now == was || now.since.Before(was.since) || now.since.Equal(was.since) {
				t.Errorf("it goes on with the pass of an earlier time: %+v, then %+v", was, now)
			}
			rotate(t, db)
			check(db)
		})
	})
}

// Without a key to seal with, nothing is opened, and a server that runs says so and keeps the keys that it has.
func TestNoActiveKey(t *testing.T) {
	eachOptions(t, func(t *testing.T, o Options) {
		o.Key = NewKey()
		during(t, o, func(db *DB) {
			newTenant(t, db, "acme")
			tamper(t, db, `UPDATE seal_keys SET state = 'retired'`)
			if _, err := db.FollowKeys(t.Context()); !errors.Is(err, errNoActiveKey) {
				t.Errorf("while it runs: %v", err)
			}
			newEndpoint(t, db, "acme")
		})
		if _, err := Open(t.Context(), o); !errors.Is(err, errNoActiveKey) {
			t.Errorf("opened: %v", err)
		}
	})
}

// With several nodes, a new key seals only when all of them have it, and the old one is retired only
// when all seal with the new one.
func TestRotationWaitsForAllNodes(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, Migrate)
	first, second := NewKey(), NewKey()
	var mu sync.Mutex
	given := map[string][][]byte{"a": {first, second}, "b": {first}}
	node := func(name string) *DB {
		db := run(t, Options{URL: url, Keys: func() ([][]byte, error) { mu.Lock(); defer mu.Unlock(); return given[name], nil }})
		db.settle = time.Nanosecond
		if _, err := db.cluster.Join(t.Context(), name, time.Minute, false); err != nil {
			t.Fatal(err)
		}
		return db
	}
	a, b := node("a"), node("b")
	newTenant(t, a, "acme")
	e := newEndpoint(t, b, "acme")
	if err := a.RotateSealKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	step := func() {
		t.Helper()
		for _, db := range []*DB{a, b} {
			if _, err := db.FollowKeys(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := a.LeadRotation(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		step()
	}
	s, err := b.SealState(t.Context())
	if err != nil || s.Keys[1].State != hook.SealKeyNext || !slices.Equal(s.Waiting, []string{"b"}) {
		t.Fatalf("node b lacks the key: %+v, %v", s, err)
	}
	mu.Lock()
	given["b"] = [][]byte{first, second}
	mu.Unlock()
	step()
	// Now a seals with the new key and b does not know yet: both read what the other writes.
	if _, err := a.FollowKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := newEndpoint(t, a, "acme")
	for range 5 {
		if _, err := a.LeadRotation(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s, err = a.SealState(t.Context()); err != nil || s.Keys[0].State != hook.SealKeyOld || !slices.Equal(s.Waiting, []string{"b"}) {
		t.Fatalf("node b seals with the old key: %+v, %v", s, err)
	}
	for _, db := range []*DB{a, b} {
		for _, id := range []hook.EndpointID{e.ID, other.ID} {
			if got, err := db.Endpoint(t.Context(), id); err != nil || got.Unreadable {
				t.Errorf("%+v, %v", got, err)
			}
		}
	}
	for range 50 {
		step()
	}
	if s, err = b.SealState(t.Context()); err != nil || s.Keys[0].State != hook.SealKeyRetired || len(s.Waiting) > 0 {
		t.Fatalf("at the end: %+v, %v", s, err)
	}
	if _, err := Open(t.Context(), Options{URL: url, Key: first}); err == nil {
		t.Error("opened with the old key alone")
	}
}

// What does not open under any key stays, and is counted by each rotation: once, however many passes it takes.
func TestRotationCountsDamage(t *testing.T) {
	eachOptions(t, func(t *testing.T, o Options) {
		keys := [][]byte{NewKey()}
		o.Keys = func() ([][]byte, error) { return keys, nil }
		o.MakeKey = func() ([]byte, error) { k := NewKey(); keys = append(keys, k); return k, nil }
		during(t, o, func(db *DB) {
			newTenant(t, db, "acme")
			if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{SealPayloads: new(true)}); err != nil {
				t.Fatal(err)
			}
			good, bad := newEndpoint(t, db, "acme"), newEndpoint(t, db, "acme")
			sealed := accepted("acme", "", `{"a":1}`, good.ID)
			sealed.Event.Sealed = true
			do := hook.Submission{Tenant: "acme", Seal: true, Items: []*hook.Accepted{sealed, accepted("acme", "", `{"b":1}`, good.ID)}}
			if _, err := db.Submit(do, time.Hour); err != nil {
				t.Fatal(err)
			}
			other := db.seal.sealBytes([]byte("{}"), []byte("another row"))
			tamper(t, db, `UPDATE endpoints SET config = $2 WHERE id = $1`, bad.ID[:], other)
			id := sealed.Event.ID
			tamper(t, db, `UPDATE events SET payload = $2 WHERE id = $1`, id[:], append(bytes.Clone(sealedMark), other...))
			for n := range 2 {
				if err := db.RotateSealKey(t.Context()); err != nil {
					t.Fatal(err)
				}
				rotate(t, db)
				s, err := db.SealState(t.Context())
				if err != nil || len(s.Keys) != n+2 || s.Keys[n].State != hook.SealKeyRetired || s.Keys[n].Damaged != 2 || s.Keys[n+1].Damaged != 0 {
					t.Errorf("rotation %d: got %+v, %v", n, s, err)
				}
			}
			if e, err := db.Endpoint(t.Context(), good.ID); err != nil || e.Unreadable {
				t.Errorf("the endpoint beside it: %+v, %v", e, err)
			}
		})
	})
}
