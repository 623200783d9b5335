package auth_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/hook"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

// TestSignOut ends sessions on one of two nodes. Copies of what the browser kept are worth nothing on either, however
// they are written; other sessions of the same person go on.
func TestSignOut(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{}); err != nil {
			t.Fatal(err)
		}
		key := make([]byte, 32)
		here, there := auth.New(db, operatorKey, key), auth.New(db, operatorKey, key)
		addKey(t, db, "gk_good", time.Time{})
		signIn := func(text string) string {
			t.Helper()
			_, c, _, err := here.SignIn(t.Context(), request(t, "POST"), text)
			if err != nil {
				t.Fatal(err)
			}
			return c.Name + "=" + c.Value
		}
		check := func(code, header, value string) {
			t.Helper()
			for _, a := range []*auth.Auth{here, there} {
				_, err := a.Authenticate(request(t, "GET", header, value))
				wants(t, err, code)
			}
		}
		signOut := func(header, value string) {
			t.Helper()
			if c, err := here.SignOut(request(t, "DELETE", header, value)); err != nil || c.MaxAge >= 0 {
				t.Fatalf("signing out: %+v, %v", c, err)
			}
		}
		for _, who := range []string{operatorKey, "gk_good"} {
			ended, other := signIn(who), signIn(who)
			check("", "Cookie", ended)
			signOut("Cookie", ended)
			check("session_ended", "Cookie", ended)
			signOut("Cookie", ended) // once more does no harm
			// The last character of base64 has bits that do not count, so the same session can be written in other ways.
			for _, last := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
				check("session_ended", "Cookie", ended[:len(ended)-1]+string(last))
			}
			check("", "Cookie", other)
		}

		l := hook.PortalLink{
			ID: hook.NewPortalLinkID(), Tenant: "acme", Role: hook.RoleTenant, CreatedAt: time.Now(),
			ExpiresAt: time.Now().Add(time.Hour), EndsAt: time.Now().Add(time.Hour),
		}
		if err := db.CreatePortalLink(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		open := func() string {
			t.Helper()
			s, err := here.OpenLink(t.Context(), request(t, "POST"), here.LinkToken(&hook.Key{Role: hook.RoleTenant}, l, time.Hour, auth.Look{}))
			if err != nil {
				t.Fatal(err)
			}
			return "Bearer " + s.Token
		}
		ended, other := open(), open()
		signOut("Authorization", ended)
		check("session_ended", "Authorization", ended)
		check("", "Authorization", other)

		// Signing out without a session, or with a broken one, is no mistake and stores nothing.
		for _, odd := range []string{"gancho_session=x", "gancho_session=", "other=y"} {
			signOut("Cookie", odd)
		}
		signOut("Authorization", "Bearer gp_nothing")
		signOut("Authorization", "Bearer "+operatorKey)
		check("", "Authorization", "Bearer "+operatorKey)
	})
}

// TestSessionTime: a cookie is good for twelve hours, even if the browser keeps it longer, and never longer than its key.
func TestSessionTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db := storetest.OpenAt(t, filepath.Join(dir, "gancho.db"), store.NewKey())
		if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{}); err != nil {
			t.Fatal(err)
		}
		a := auth.New(db, operatorKey, make([]byte, 32))
		soon := time.Now().Add(time.Hour).UTC()
		addKey(t, db, "gk_short", soon)
		addKey(t, db, "gk_long", time.Now().Add(1000*time.Hour))
		sessions := map[string]string{}
		for key, want := range map[string]time.Time{
			"gk_short": soon, "gk_long": time.Now().Add(12 * time.Hour), operatorKey: time.Now().Add(12 * time.Hour),
		} {
			_, c, ends, err := a.SignIn(t.Context(), request(t, "POST"), key)
			if err != nil || ends.After(want) || want.Sub(ends) > time.Second {
				t.Fatalf("%s: a session until %v, want %v: %v", key, ends, want, err)
			}
			sessions[key] = c.Name + "=" + c.Value
		}
		check := func(key, code string) {
			t.Helper()
			_, err := a.Authenticate(request(t, "GET", "Cookie", sessions[key]))
			wants(t, err, code)
		}
		time.Sleep(time.Hour - time.Second)
		check("gk_short", "")
		time.Sleep(time.Second)
		check("gk_short", "session_ended")
		time.Sleep(11*time.Hour - 2*time.Second)
		check("gk_long", "")
		check(operatorKey, "")
		time.Sleep(3 * time.Second)
		check("gk_long", "session_ended")
		check(operatorKey, "session_ended")
		_, err := a.Authenticate(request(t, "GET", "Authorization", "Bearer gk_long"))
		wants(t, err, "") // the key itself is good
	})
}

// pausing is a database that stops, when it has read a key, until it is told to go on.
type pausing struct {
	*store.DB
	read, goOn chan struct{}
}

func (p *pausing) KeyByHash(ctx context.Context, hash [32]byte) (hook.Key, error) {
	k, err := p.DB.KeyByHash(ctx, hash)
	p.read <- struct{}{}
	<-p.goOn
	return k, err
}

// TestKeyRevokedDuringLookUp revokes a key between the moment in which it was read and the one in which it would be
// remembered. It is not remembered.
func TestKeyRevokedDuringLookUp(t *testing.T) {
	t.Parallel()
	_, db := newAuth(t)
	p := &pausing{DB: db, read: make(chan struct{}), goOn: make(chan struct{})}
	a := auth.New(p, operatorKey, make([]byte, 32))
	db.Watch(a.Changed)
	id := addKey(t, db, "gk_good", time.Time{})
	ask := func() chan error {
		done := make(chan error, 1)
		go func() {
			_, err := a.Authenticate(request(t, "GET", "Authorization", "Bearer gk_good"))
			done <- err
		}()
		return done
	}
	first := ask()
	<-p.read
	if err := db.DeleteKey(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	p.goOn <- struct{}{}
	<-first // it was asked before the key was revoked, so either answer is right
	second := ask()
	select {
	case <-p.read:
		p.goOn <- struct{}{}
		wants(t, <-second, "key_invalid")
	case err := <-second:
		t.Errorf("a revoked key was remembered: %v", err)
	}
}

// TestEndedSessionsAreForgotten: a row is needed only as long as the session could be used.
func TestEndedSessionsAreForgotten(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		old, fresh := hook.SessionID([]byte(strings.Repeat("o", 16))), hook.SessionID([]byte(strings.Repeat("f", 16)))
		if err := db.EndSession(t.Context(), old, time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		if err := db.EndSession(t.Context(), fresh, time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[hook.SessionID]bool{old: false, fresh: true} {
			if got, err := db.SessionEnded(t.Context(), id); err != nil || got != want {
				t.Errorf("%s: %v, %v", id[:1], got, err)
			}
		}
	})
}

// TestPortalEndsWithKey ends the key that made a link, in each way in which it can end. The link and a session that began
// with it end on both nodes, also where the key was used a moment before; what other keys made goes on.
func TestPortalEndsWithKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		if _, _, err := db.PutTenant(ctx, "acme", hook.TenantChange{}); err != nil {
			t.Fatal(err)
		}
		sealed := make([]byte, 32)
		here, there := auth.New(db, operatorKey, sealed), auth.New(db, operatorKey, sealed)
		db.Watch(here.Changed)
		replaced := auth.New(db, "another operator's key", sealed) // as after a restart with another admin key
		links := admin.PortalLinks{Store: db}
		type made struct{ link, bearer string }
		// with creates a link with a key, and opens it.
		with := func(text string) made {
			t.Helper()
			by, err := here.Authenticate(request(t, "POST", "Authorization", "Bearer "+text))
			if err != nil {
				t.Fatal(err)
			}
			l, stays, err := links.Create(ctx, by, "acme", admin.PortalLinkSpec{})
			if err != nil {
				t.Fatal(err)
			}
			stored, err := db.PortalLink(ctx, l.ID)
			if isKey := stored.MadeWith == hashOf(text); err != nil || isKey != strings.HasPrefix(text, "gk_") {
				t.Errorf("the hash of %s is stored: %v (%v)", text, isKey, err)
			}
			m := made{link: here.LinkToken(by, l, stays, auth.Look{})}
			s, err := here.OpenLink(ctx, request(t, "POST"), m.link)
			if err != nil {
				t.Fatal(err)
			}
			if m.bearer = "Bearer " + s.Token; !by.ExpiresAt.IsZero() && s.Key.ExpiresAt.After(by.ExpiresAt) {
				t.Errorf("the session ends at %v, its key at %v", s.Key.ExpiresAt, by.ExpiresAt)
			}
			return m
		}
		check := func(what string, m made, goes bool, nodes ...*auth.Auth) {
			t.Helper()
			for i, a := range nodes {
				_, err := a.Authenticate(request(t, "GET", "Authorization", m.bearer))
				_, opens := a.OpenLink(ctx, request(t, "POST"), m.link)
				if (err == nil) != goes || (opens == nil) != goes {
					t.Errorf("%s, node %d: the session: %v; the link: %v", what, i, err, opens)
				}
			}
		}
		revoked := addKey(t, db, "gk_revoked", time.Time{})
		addKey(t, db, "gk_kept", time.Time{})
		rotated, expires := addKey(t, db, "gk_rotated", time.Time{}), time.Now().Add(20*time.Second) // which a busy machine needs until the key has been used
		addKey(t, db, "gk_expires", expires)
		byExpiring := with("gk_expires")
		byRevoked, byKept, byOld, byAdmin := with("gk_revoked"), with("gk_kept"), with("gk_rotated"), with(operatorKey)
		for _, m := range []made{byRevoked, byKept, byOld, byAdmin} {
			check("before", m, true, here, there)
		}
		if err := db.DeleteKey(ctx, revoked); err != nil {
			t.Fatal(err)
		}
		check("revoked", byRevoked, false, there, here)
		list, _, err := links.List(ctx, "acme", hook.Page{Limit: 10})
		if err != nil || len(list) != 4 {
			t.Errorf("%d links are listed, %v", len(list), err)
		}

		// A rotation: what the old text made goes on through the overlap, and ends with it; what the new one makes stays.
		if err := db.RotateKey(ctx, rotated, hashOf("gk_new"), "_new", time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		byNew := with("gk_new")
		check("during the overlap", byOld, true, there, here)
		if err := db.EndEarlierTexts(ctx, rotated); err != nil {
			t.Fatal(err)
		}
		check("after the overlap", byOld, false, there, here)
		check("of the new text", byNew, true, there, here)
		if err := db.DeleteKey(ctx, rotated); err != nil {
			t.Fatal(err)
		}
		check("of the new text, revoked", byNew, false, there, here)

		<-time.After(time.Until(expires))
		check("expired", byExpiring, false, there, here)
		check("of another key", byKept, true, there, here)
		check("of the admin key", byAdmin, true, there, here)
		check("of an admin key that was replaced", byAdmin, false, replaced)
		if err := db.DeleteTenant(ctx, "acme"); err != nil {
			t.Fatal(err)
		}
		check("of a deleted tenant", byKept, false, there, here)
	})
}
