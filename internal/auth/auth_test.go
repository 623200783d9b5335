package auth_test

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gancho/internal/auth"
	"gancho/internal/hook"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

const operatorKey = "operator-key-0123456789"

func newAuth(t *testing.T) (*auth.Auth, *store.DB) {
	t.Helper()
	return newAuthIn(t, t.TempDir())
}

// newAuthIn is newAuth with its database in a directory.
func newAuthIn(t *testing.T, dir string) (*auth.Auth, *store.DB) {
	t.Helper()
	db := storetest.OpenAt(t, filepath.Join(dir, "gancho.db"), store.NewKey())
	if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{}); err != nil {
		t.Fatal(err)
	}
	a := auth.New(db, operatorKey, make([]byte, 32))
	db.Watch(a.Changed)
	return a, db
}

// addKey stores a key with a text.
func addKey(t *testing.T, db *store.DB, text string, ends time.Time) hook.KeyID {
	t.Helper()
	k := hook.Key{
		ID: hook.NewKeyID(), Role: hook.RoleTenant, Tenant: "acme", Hash: sha256.Sum256([]byte(text)), ExpiresAt: ends, CreatedAt: time.Now(),
	}
	if err := db.CreateKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	return k.ID
}

func hashOf(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// request is one with headers, given as names and values in turns.
func request(t *testing.T, method string, header ...string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/v1/tenants", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// wants checks the code of an error, "" for none.
func wants(t *testing.T, err error, code string) {
	t.Helper()
	got := ""
	if e, ok := err.(*hook.Error); ok { //lint:ignore errorlint the error comes from the method itself
		got = e.Code
	} else if err != nil {
		t.Fatal(err)
	}
	if got != code {
		t.Errorf("code %q, want %q", got, code)
	}
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	a, db := newAuth(t)
	id := addKey(t, db, "gk_good", time.Time{})
	addKey(t, db, "gk_expired", time.Now().Add(-time.Second))
	for _, c := range []struct{ header, code string }{
		{"Bearer " + operatorKey, ""},
		{"Bearer gk_good", ""},
		{"bearer  gk_good ", ""},
		{"Bearer gk_expired", "key_invalid"},
		{"Bearer gk_other", "key_invalid"},
		{"Bearer " + strings.Repeat("k", 600), "key_invalid"},
		{"Basic gk_good", "key_missing"},
		{"Bearer", "key_missing"},
		{"Bearer gp_nothing", "session_ended"},
	} {
		_, err := a.Authenticate(request(t, "GET", "Authorization", c.header))
		wants(t, err, c.code)
	}
	_, err := a.Authenticate(request(t, "GET"))
	wants(t, err, "key_missing")

	// A revoked key stops working at once, although it was remembered.
	if err := db.DeleteKey(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	_, err = a.Authenticate(request(t, "GET", "Authorization", "Bearer gk_good"))
	wants(t, err, "key_invalid")
}

func TestSessions(t *testing.T) {
	t.Parallel()
	a, db := newAuth(t)
	id := addKey(t, db, "gk_good", time.Time{})
	_, _, _, err := a.SignIn(t.Context(), request(t, "POST"), "gk_other")
	wants(t, err, "key_invalid")
	k, cookie, ends, err := a.SignIn(t.Context(), request(t, "POST"), " gk_good ")
	if err != nil || k.Tenant != "acme" || time.Until(ends) < 11*time.Hour || !cookie.HttpOnly {
		t.Fatalf("signed in: %+v until %v with %+v: %v", k, ends, cookie, err)
	}
	with := func(method, site string) error {
		_, err := a.Authenticate(request(t, method, "Cookie", cookie.Name+"="+cookie.Value, "Sec-Fetch-Site", site))
		return err
	}
	wants(t, with("POST", "same-origin"), "")
	wants(t, with("POST", "cross-site"), "cross_origin")
	cookie.Value = cookie.Value[1:]
	wants(t, with("GET", "same-origin"), "session_ended")
	_, cookie, _, err = a.SignIn(t.Context(), request(t, "POST"), "gk_good")
	wants(t, err, "")
	if err := db.DeleteKey(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	wants(t, with("GET", "same-origin"), "session_ended")
	if out, err := a.SignOut(request(t, "DELETE")); err != nil || out.MaxAge >= 0 {
		t.Errorf("signing out keeps the cookie: %+v, %v", out, err)
	}
}

func TestPortal(t *testing.T) {
	t.Parallel()
	a, db := newAuth(t)
	link := func(ends time.Time) hook.PortalLink {
		l := hook.PortalLink{ID: hook.NewPortalLinkID(), Tenant: "acme", Name: "Ana", Role: hook.RoleRead, CreatedAt: time.Now(), ExpiresAt: ends, EndsAt: ends}
		if err := db.CreatePortalLink(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := link(time.Now().Add(time.Hour))
	token := a.LinkToken(&hook.Key{}, l, time.Hour, auth.Look{Language: "es", Accent: "teal"})
	s, err := a.OpenLink(t.Context(), request(t, "POST"), token)
	if err != nil || s.Key.Portal == nil || s.Key.Role != hook.RoleRead || s.Tenant.ID != "acme" || s.Look.Language != "es" || s.Look.Accent != "teal" {
		t.Fatalf("session %+v, %v", s, err)
	}
	k, err := a.Authenticate(request(t, "GET", "Authorization", "Bearer "+s.Token))
	if err != nil || k.Tenant != "acme" || k.Name != "Ana" {
		t.Errorf("key %+v, %v", k, err)
	}
	// A link is no token, and a token is no link.
	_, err = a.Authenticate(request(t, "GET", "Authorization", "Bearer gp_"+token))
	wants(t, err, "session_ended")
	_, err = a.OpenLink(t.Context(), request(t, "POST"), strings.TrimPrefix(s.Token, "gp_"))
	wants(t, err, "link_expired")
	_, err = a.OpenLink(t.Context(), request(t, "POST"), a.LinkToken(&hook.Key{}, link(time.Now().Add(-time.Second)), time.Hour, auth.Look{}))
	wants(t, err, "link_expired")

	if err := db.DeletePortalLink(t.Context(), "acme", l.ID); err != nil {
		t.Fatal(err)
	}
	_, err = a.Authenticate(request(t, "GET", "Authorization", "Bearer "+s.Token))
	wants(t, err, "session_ended")
	_, err = a.OpenLink(t.Context(), request(t, "POST"), token)
	wants(t, err, "link_expired")
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	key := func(role hook.Role, tenant string) *hook.Key { return &hook.Key{Role: role, Tenant: tenant} }
	for _, c := range []struct {
		name     string
		access   auth.Access
		key      *hook.Key
		onTenant bool
		code     string
	}{
		{"an operator may everything", auth.Operators, key(hook.RoleOperator, ""), true, ""},
		{"a tenant does not do what operators do", auth.Operators, key(hook.RoleTenant, "acme"), true, "forbidden"},
		{"a tenant manages its own", auth.Managers, key(hook.RoleTenant, "acme"), true, ""},
		{"another tenant is not there", auth.Managers, key(hook.RoleTenant, "other"), true, "tenant_not_found"},
		{"a reader changes nothing", auth.Managers, key(hook.RoleRead, "acme"), true, "forbidden"},
		{"a reader of all reads", auth.Readers, key(hook.RoleRead, ""), false, ""},
		{"a reader of one tenant does not read what is about all", auth.Readers, key(hook.RoleRead, "acme"), false, "forbidden"},
		{"but may be shown its part", auth.AnyReaders, key(hook.RoleRead, "acme"), false, ""},
		{"a publisher publishes", auth.Publishers, key(hook.RolePublish, "acme"), true, ""},
		{"a reader does not publish", auth.Publishers, key(hook.RoleRead, "acme"), true, "forbidden"},
		{"a publisher may ask who it is", auth.Anyone, key(hook.RolePublish, "acme"), false, ""},
		{"an unknown role may nothing", auth.Anyone, key("owner", ""), false, "forbidden"},
	} {
		t.Run(c.name, func(t *testing.T) { wants(t, c.access.Admit(c.key, "acme", c.onTenant), c.code) })
	}
}
