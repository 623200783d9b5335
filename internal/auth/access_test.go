package auth_test

import (
	"net/netip"
	"testing"
	"time"

	"gancho/internal/auth"
	"gancho/internal/hook"
)

// TestAdmitScope checks that a scope narrows what a role allows, and widens nothing.
func TestAdmitScope(t *testing.T) {
	t.Parallel()
	scoped := func(role hook.Role, scopes ...hook.Scope) *hook.Key { return &hook.Key{Role: role, Scopes: scopes} }
	reading := auth.Readers.In("events:read")
	for _, c := range []struct {
		name   string
		access auth.Access
		key    *hook.Key
		code   string
	}{
		{"without scopes the role decides", reading, scoped(hook.RoleRead), ""},
		{"the scope", reading, scoped(hook.RoleRead, "stats:read", "events:read"), ""},
		{"another scope", reading, scoped(hook.RoleRead, "events:publish"), "scope_missing"},
		{"the scope without the role", reading, scoped(hook.RolePublish, "events:read"), "forbidden"},
		{"who one is", auth.Anyone.In(hook.ScopeSelf), scoped(hook.RolePublish, "events:publish"), ""},
		{"an operation of no scope", auth.Anyone, scoped(hook.RoleOperator, "events:read"), "scope_missing"},
	} {
		t.Run(c.name, func(t *testing.T) { wants(t, c.access.Admit(c.key, "acme", true), c.code) })
	}
}

// TestAddresses uses a key from addresses that it allows, and from others: in the header, and to sign in.
func TestAddresses(t *testing.T) {
	t.Parallel()
	a, db := newAuth(t)
	k := hook.Key{
		ID: hook.NewKeyID(), Role: hook.RoleTenant, Tenant: "acme", Hash: hashOf("gk_office"), CreatedAt: time.Now(),
		Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("::1/128")},
	}
	if err := db.CreateKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	for from, code := range map[string]string{
		"192.0.2.9:1000": "", "[::1]:1000": "", "[::ffff:192.0.2.9]:1000": "", "192.0.3.9:1000": "address_forbidden",
		"127.0.0.1:1000": "address_forbidden", "": "address_forbidden", "@": "address_forbidden",
	} {
		r := request(t, "GET", "Authorization", "Bearer gk_office")
		r.RemoteAddr = from
		_, err := a.Authenticate(r)
		wants(t, err, code)
		_, cookie, _, err := a.SignIn(t.Context(), r, "gk_office")
		wants(t, err, code)
		if code != "" {
			continue
		}
		r = request(t, "GET", "Cookie", cookie.Name+"="+cookie.Value) // the session elsewhere
		r.RemoteAddr = "198.51.100.1:1000"
		_, err = a.Authenticate(r)
		wants(t, err, "address_forbidden")
	}
}

// TestLastUsed checks that a use of a key is stored once, and that an earlier time does not replace a later one.
func TestLastUsed(t *testing.T) {
	t.Parallel()
	a, db := newAuth(t)
	id := addKey(t, db, "gk_good", time.Time{})
	used := func() time.Time {
		k, err := db.Key(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return k.LastUsed
	}
	a.Flush(t.Context())
	if at := used(); !at.IsZero() {
		t.Errorf("used at %v before anybody did", at)
	}
	before := time.Now().Add(-time.Minute)
	for range 3 {
		_, err := a.Authenticate(request(t, "GET", "Authorization", "Bearer gk_good"))
		wants(t, err, "")
	}
	a.Flush(t.Context())
	if at := used(); at.Before(before) || at.After(time.Now()) {
		t.Errorf("used at %v", at)
	}
	if err := db.KeysUsed(t.Context(), map[hook.KeyID]time.Time{id: before.Add(-time.Hour)}); err != nil || used().Before(before) {
		t.Errorf("used at %v, %v", used(), err)
	}
}
