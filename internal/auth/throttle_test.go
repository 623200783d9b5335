package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"gancho/internal/auth"
	"gancho/internal/hook"
	"gancho/internal/store"
)

// codeOf is the code of an error for people, "" if there is none.
func codeOf(err error) string {
	if e, ok := errors.AsType[*hook.Error](err); ok {
		return e.Code
	}
	return ""
}

// doors are the ways to show a text, each of which answers wrong ones with its own code.
func doors(a *auth.Auth, from func(header ...string) *http.Request) map[string]func(text string) error {
	return map[string]func(string) error{
		"key_invalid": func(text string) error {
			_, err := a.Authenticate(from("Authorization", "Bearer "+text))
			return err
		},
		"session_ended": func(text string) error {
			_, err := a.Authenticate(from("Authorization", "Bearer gp_"+text))
			return err
		},
		"link_expired": func(text string) error {
			r := from()
			_, err := a.OpenLink(r.Context(), r, text)
			return err
		},
		"token_invalid": func(text string) error {
			r := from()
			if err := a.MayTry(r, auth.DoorLookup, text); err != nil {
				return err
			}
			return a.Tried(r, auth.DoorLookup, text, &hook.Error{Kind: hook.KindUnauthorized, Code: "token_invalid"})
		},
		"key_invalid at the console": func(text string) error {
			r := from()
			_, _, _, err := a.SignIn(r.Context(), r, text)
			return err
		},
	}
}

// TestWrongKeysWait tries wrong texts at each door, from this machine and from others, until it has to wait.
func TestWrongKeysWait(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:1", "[::1]:1", "198.51.100.7:1", "[2001:db8::7]:1"} {
		for name := range doors(nil, nil) {
			t.Run(name+" from "+address, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				synctest.Test(t, func(t *testing.T) { // its clock stands still, so no try comes back meanwhile
					a, db := newAuthIn(t, dir)
					addKey(t, db, "gk_used", time.Time{})
					addKey(t, db, "gk_new", time.Time{})
					at := func(address string) func(header ...string) *http.Request {
						return func(header ...string) *http.Request {
							r := request(t, "POST", header...)
							r.RemoteAddr = address
							return r
						}
					}
					use := func(address, text string) string {
						_, err := a.Authenticate(at(address)("Authorization", "Bearer "+text))
						return codeOf(err)
					}
					if code := use(address, "gk_used"); code != "" {
						t.Fatal(code)
					}
					limited := 0
					observed := 0
					a.Observe(func(_ auth.Door, wait bool) {
						if observed++; wait {
							limited++
						}
					})
					try := doors(a, at(address))[name]
					n := 0
					for ; n < 100; n++ {
						err := try(fmt.Sprint("text ", n, " of many"))
						if codeOf(err) == "too_many_tries" {
							if e, _ := errors.AsType[*hook.Error](err); e.Kind != hook.KindLimited || e.RetryAfter <= 0 || e.RetryAfter > time.Minute {
								t.Errorf("%+v", e)
							}
							break
						}
					}
					if n < 10 || n > 60 || limited != 1 || observed != n+1 {
						t.Errorf("has to wait after %d tries, %d of %d observed as limited", n, limited, observed)
					}
					if code := use(address, "gk_used"); code != "" {
						t.Errorf("a key that was right a moment ago: %s", code)
					}
					if code := use(address, operatorKey); code != "too_many_tries" {
						t.Errorf("a right key that was not used lately, from there: %q", code) // otherwise it could be guessed
					}
					for _, other := range []string{"127.0.0.9:1", "203.0.113.9:1", "[2001:db8:0:1::7]:1"} {
						if code := use(other, "gk_new"); code != "" {
							t.Errorf("a right key from %s: %s", other, code)
						}
					}
				})
			})
		}
	}
}

// TestBeginningOfAKey tries one beginning of a key from many addresses. Each gets a first try, because it could be the
// right one; a second one has to wait.
func TestBeginningOfAKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a, db := newAuthIn(t, dir)
		addKey(t, db, "gk_abcdefgh", time.Time{})
		try := func(host int, text string) string {
			r := request(t, "GET", "Authorization", "Bearer "+text)
			r.RemoteAddr = fmt.Sprintf("198.51.100.%d:1", host)
			_, err := a.Authenticate(r)
			return codeOf(err)
		}
		for host := range 60 {
			if code := try(host, fmt.Sprint("gk_abcdefg", host)); code != "key_invalid" {
				t.Fatalf("first try from host %d: %s", host, code)
			}
		}
		if code := try(0, "gk_abcdefgx"); code != "too_many_tries" {
			t.Errorf("second try from a host: %q", code)
		}
		if code := try(0, "gk_another beginning"); code != "key_invalid" {
			t.Errorf("another beginning: %q", code)
		}
		if code := try(99, "gk_abcdefgh"); code != "" {
			t.Errorf("the right key from an address that did not fail: %q", code)
		}
	})
}

// TestRightPortalTokensDoNotWait: behind one address somebody guesses until all guesses wait. Others there open their links
// and go on with their sessions; guesses still wait.
func TestRightPortalTokensDoNotWait(t *testing.T) {
	t.Parallel()
	a, db := newAuth(t)
	l := hook.PortalLink{ID: hook.NewPortalLinkID(), Tenant: "acme", Role: hook.RoleTenant, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour), EndsAt: time.Now().Add(time.Hour)}
	if err := db.CreatePortalLink(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	from := func(header ...string) *http.Request {
		r := request(t, "POST", header...)
		r.RemoteAddr = "198.51.100.7:1"
		return r
	}
	for name, door := range doors(a, from) {
		waits := false
		for i := 0; i < 1000 && !waits; i++ {
			waits = codeOf(door(fmt.Sprint("a guess ", i))) == "too_many_tries"
		}
		if !waits {
			t.Fatalf("%s: guesses never wait", name)
		}
	}
	link := a.LinkToken(&hook.Key{}, l, time.Hour, auth.Look{})
	s, err := a.OpenLink(t.Context(), from(), link)
	wants(t, err, "")
	for range 20 {
		_, err = a.Authenticate(from("Authorization", "Bearer "+s.Token))
		wants(t, err, "")
	}
	for name, door := range doors(a, from) {
		if code := codeOf(door("another guess")); code != "too_many_tries" {
			t.Errorf("%s: a guess after that: %q", name, code)
		}
	}
	// Revoked and ended ones are refused as such.
	if err := db.DeletePortalLink(t.Context(), "acme", l.ID); err != nil {
		t.Fatal(err)
	}
	_, err = a.Authenticate(from("Authorization", "Bearer "+s.Token))
	wants(t, err, "session_ended")
	_, err = a.OpenLink(t.Context(), from(), link)
	wants(t, err, "link_expired")
}

// TestAccessInAudit opens and ends sessions, fails from many addresses, and reads the audit.
func TestAccessInAudit(t *testing.T) {
	t.Parallel()
	a, db := newAuth(t)
	addKey(t, db, "gk_good", time.Time{})
	r := request(t, "POST")
	_, cookie, _, err := a.SignIn(t.Context(), r, "gk_good")
	wants(t, err, "")
	if _, err := a.SignOut(request(t, "DELETE", "Cookie", cookie.Name+"="+cookie.Value)); err != nil {
		t.Fatal(err)
	}
	l := hook.PortalLink{ID: hook.NewPortalLinkID(), Tenant: "acme", Name: "Ana", Role: hook.RoleRead, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour), EndsAt: time.Now().Add(time.Hour)}
	if err := db.CreatePortalLink(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	_, err = a.OpenLink(t.Context(), r, a.LinkToken(&hook.Key{}, l, time.Hour, auth.Look{}))
	wants(t, err, "")
	for host := range 5000 {
		r := request(t, "GET", "Authorization", "Bearer gk_wrong")
		r.RemoteAddr = fmt.Sprintf("10.0.%d.%d:1", host/250, host%250)
		_, _ = a.Authenticate(r)
		if host < 3 { // some fail more often
			_, _ = a.Authenticate(r)
		}
	}
	a.Flush(t.Context())
	entries := audit(t, db)
	if e := entries[hook.ActionSessionOpened]; len(e) != 1 || e[0].Actor.Kind != hook.ActorSession || e[0].Actor.Address != "192.0.2.1" || e[0].Tenant != "acme" {
		t.Errorf("signed in: %+v", e)
	}
	if e := entries[hook.ActionSessionClosed]; len(e) != 1 || e[0].Actor.Kind != hook.ActorSession {
		t.Errorf("signed out: %+v", e)
	}
	if e := entries[hook.ActionPortalOpened]; len(e) != 1 || e[0].Actor.Kind != hook.ActorPortal || e[0].Actor.Name != "Ana" || e[0].Object != l.ID.String() {
		t.Errorf("portal: %+v", e)
	}
	sum, of := 0, map[string]int{}
	for _, e := range entries[hook.ActionAccessRefused] {
		sum += e.Count
		of[e.Actor.Address] = e.Count
		if e.Name != "api" || e.Actor.Kind != hook.ActorNobody {
			t.Errorf("%+v", e)
		}
	}
	if sum != 5003 || len(of) > 20 || of["10.0.0.1"] != 2 {
		t.Errorf("%d refused in %d entries: %v", sum, len(of), of)
	}
	a.Flush(t.Context())
	if again := audit(t, db); len(again[hook.ActionAccessRefused]) != len(entries[hook.ActionAccessRefused]) {
		t.Error("nothing happened, and it is noted")
	}
}

// audit are the entries of the audit by their action.
func audit(t *testing.T, db *store.DB) map[hook.Action][]hook.AuditEntry {
	t.Helper()
	list, _, err := db.AuditTrail(t.Context(), "", hook.Page{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	out := map[hook.Action][]hook.AuditEntry{}
	for _, e := range list {
		out[e.Action] = append(out[e.Action], e)
	}
	return out
}
