package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

func newCredential(tenant string) (*hook.Credential, *hook.Endpoint) {
	c := &hook.Credential{
		ID: hook.NewCredentialID(), Tenant: tenant, Contract: "x", Name: "a", APIKey: "hunter2-key", State: hook.CredentialActive,
		SecretHash: [32]byte{1}, TokenKey: []byte("hunter2-signs"), Generation: 1, TokenExpires: time.Now().UTC().Truncate(time.Second),
	}
	e := &hook.Endpoint{ID: hook.NewEndpointID(), Tenant: tenant, Contract: "x", State: hook.EndpointActive}
	e.Config = hook.EndpointConfig{URL: "http://x/", Credential: new(c.Identity())}
	return c, e
}

func TestCredentialStore(t *testing.T) { each(t, testCredentialStore) }

func testCredentialStore(t *testing.T, db *DB) {
	var n noted
	n.watch(db)
	ctx := t.Context()
	newTenant(t, db, "acme")
	newTenant(t, db, "other")
	n.list = nil
	c, e := newCredential("acme")
	if err := db.CreateCredential(ctx, c, e, 1); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]hook.Change{{Tenant: "acme", Endpoint: e.ID}}, n.list); d != "" {
		t.Error(d)
	}
	read := func() *hook.Credential {
		t.Helper()
		got, err := db.TenantCredential(ctx, "acme", c.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if d := cmp.Diff(c, read()); d != "" || c.Endpoint != e.ID {
		t.Errorf("(-created +read):\n%s", d)
	}
	if got, err := db.Credential(ctx, c.ID); err != nil || got.Tenant != "acme" {
		t.Error(got, err)
	}
	if got, err := db.TenantEndpoint(ctx, "acme", e.ID); err != nil || got.Config.Credential.APIKey != "hunter2-key" {
		t.Error(got, err)
	}
	// One endpoint too many: neither the credential nor the endpoint is stored.
	c2, e2 := newCredential("acme")
	if err := db.CreateCredential(ctx, c2, e2, 1); !hook.IsKind(err, hook.KindConflict) {
		t.Error(err)
	}
	for _, err := range []error{
		second(db.Credential(ctx, c2.ID)), second(db.Endpoint(ctx, e2.ID)), second(db.TenantCredential(ctx, "other", c.ID)),
		db.DeleteCredential(ctx, "other", c.ID, hook.Precondition{}), db.CreateCredential(ctx, &hook.Credential{ID: hook.NewCredentialID(), Tenant: "nobody"}, nil, 0),
	} {
		if !hook.IsKind(err, hook.KindNotFound) {
			t.Error(err)
		}
	}
	// If somebody else changes one of the two first, an update stores neither.
	a, b := read(), read()
	ea, eb := *e, *e
	a.State, ea.State = hook.CredentialPaused, hook.EndpointPaused
	if ok, err := db.UpdateCredential(ctx, a, &ea, false); !ok || err != nil {
		t.Fatal(ok, err)
	}
	b.Name, eb.Name = "late", "late"
	if ok, err := db.UpdateCredential(ctx, b, &eb, false); ok || err != nil {
		t.Fatal(ok, err)
	}
	b = read()
	b.Name = "late"
	if ok, err := db.UpdateCredential(ctx, b, &eb, false); ok || err != nil { // the endpoint is the older one
		t.Fatal(ok, err)
	}
	if got := read(); got.Name != "a" || got.State != hook.CredentialPaused {
		t.Errorf("%+v", got)
	}
	if got, err := db.TenantEndpoint(ctx, "acme", e.ID); err != nil || got.State != hook.EndpointPaused || got.Name != "" {
		t.Error(got, err)
	}
	for _, err := range []error{
		db.SetEndpointState(ctx, e.ID, hook.EndpointActive, "", time.Now()), db.DeleteEndpoint(ctx, "acme", e.ID, hook.Precondition{}),
	} {
		if !hook.IsKind(err, hook.KindConflict) {
			t.Error(err)
		}
	}
	if got, err := db.TenantEndpoint(ctx, "acme", e.ID); err != nil || got.State != hook.EndpointPaused {
		t.Error(got, err)
	}
	n.list = nil
	now := hook.CredentialURL{Credential: read(), URL: e.Config.URL}
	at := func(revision int64) hook.Precondition {
		return hook.Precondition{Present: true, Versions: []int64{revision}}
	}
	before := hook.CredentialURL{Credential: read(), URL: now.URL}
	before.UpdatedAt = before.UpdatedAt.Add(-time.Microsecond)
	elsewhere := now
	elsewhere.URL += "/elsewhere"
	for _, stale := range []hook.CredentialURL{before, elsewhere} { // the URL of its endpoint counts
		if err := db.DeleteCredential(ctx, "acme", c.ID, at(stale.Revision())); !errors.Is(err, hook.ErrChangedMeanwhile) {
			t.Errorf("deleted at another revision: %v", err)
		}
	}
	if err := db.DeleteCredential(ctx, "other", c.ID, at(now.Revision())); !hook.IsKind(err, hook.KindNotFound) {
		t.Errorf("deleted through another tenant: %v", err)
	}
	if len(n.list) > 0 {
		t.Errorf("changes %v", n.list)
	}
	if err := db.DeleteCredential(ctx, "acme", c.ID, at(now.Revision())); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]hook.Change{{Tenant: "acme", Endpoint: e.ID}}, n.list); d != "" {
		t.Error(d)
	}
	if got, err := db.Endpoint(ctx, e.ID); err != nil || got.State != hook.EndpointDeleted || got.StateReason != hook.ReasonCredential {
		t.Error(got, err)
	}
	if err := db.CreateCredential(ctx, c2, e2, 1); err != nil { // there is room again
		t.Error(err)
	}
	if err := db.DeleteTenant(ctx, "acme"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Credential(ctx, c2.ID); !hook.IsKind(err, hook.KindNotFound) {
		t.Error("a credential of a deleted tenant:", err)
	}
}

func TestCredentialsAreListed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db := openAt(t, filepath.Join(dir, "gancho.db"))
	newTenant(t, db, "acme")
	var made []hook.CredentialURL
	for i := range 5 {
		c, e := newCredential("acme")
		item := hook.CredentialURL{Credential: c}
		if i%2 == 0 {
			e = nil
		} else {
			e.Config.URL += strconv.Itoa(i)
			item.URL = e.Config.URL
		}
		if err := db.CreateCredential(t.Context(), c, e, 0); err != nil {
			t.Fatal(err)
		}
		made = append([]hook.CredentialURL{item}, made...)
	}
	var got []hook.CredentialURL
	for p := (hook.Page{Limit: 2}); ; {
		list, next, err := db.Credentials(t.Context(), "acme", p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, list...)
		if p.Before = next; next.IsZero() {
			break
		}
	}
	if d := cmp.Diff(made, got); d != "" {
		t.Error(d)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err != nil || bytes.Contains(b, []byte("hunter2")) {
			t.Errorf("%s contains a key, or cannot be read: %v", f, err)
		}
	}
	if list, _, err := db.Credentials(t.Context(), "other", hook.Page{Limit: 9}); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
}
