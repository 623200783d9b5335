package store

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

func TestPortalLinks(t *testing.T) { each(t, testPortalLinks) }

// TestContractsInUse counts what a tenant has, and nothing that is deleted or belongs to another.
func TestContractsInUse(t *testing.T) { each(t, testContractsInUse) }

func testContractsInUse(t *testing.T, db *DB) {
	ctx := t.Context()
	addTenants(t, db)
	used := func(tenant string, want ...string) {
		t.Helper()
		if got, err := db.ContractsInUse(ctx, tenant); err != nil || !slices.Equal(got, want) {
			t.Errorf("contracts of %s: %q, want %q, %v", tenant, got, want, err)
		}
	}
	used("acme")
	endpoint := &hook.Endpoint{ID: hook.NewEndpointID(), Tenant: "acme", Contract: "of-endpoint", State: hook.EndpointActive, Config: hook.EndpointConfig{URL: "http://x"}}
	if err := db.CreateEndpoint(ctx, endpoint); err != nil {
		t.Fatal(err)
	}
	c := &hook.Credential{ID: hook.NewCredentialID(), Tenant: "acme", Contract: "of-credential", Name: "c", State: hook.CredentialActive, Generation: 1, TokenExpires: time.Now()}
	if err := db.CreateCredential(ctx, c, nil, 0); err != nil {
		t.Fatal(err)
	}
	for _, contract := range []string{"of-record-a", "of-record-b"} {
		for _, key := range []string{"1", "2"} {
			if err := db.change(ctx, func(x *tx) error {
				_, err := x.exec(`INSERT INTO records (tenant, contract, kind, key, version, created_at, updated_at, document)
					VALUES ('acme', $1, 'k', $2, 1, 1, 1, $3)`, contract, key, []byte("{}"))
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for tenant, contract := range map[string]string{"acme": "of-event", "globex": "of-other"} {
		h := &history{events: []*hook.Event{{ID: hook.NewEventID(), Tenant: tenant, Contract: contract, Type: "t", Door: hook.DoorAPI, CreatedAt: start, Payload: []byte("{}")}}}
		h.store(t, db)
	}
	used("acme", "of-credential", "of-endpoint", "of-event", "of-record-a", "of-record-b")
	used("globex", "of-other")
	if err := db.DeleteEndpoint(ctx, "acme", endpoint.ID, hook.Precondition{}); err != nil {
		t.Fatal(err)
	}
	used("acme", "of-credential", "of-event", "of-record-a", "of-record-b")
}

func testPortalLinks(t *testing.T, db *DB) {
	ctx := t.Context()
	for _, tenant := range []string{"acme", "other"} {
		if _, _, err := db.PutTenant(ctx, tenant, hook.TenantChange{}); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	link := func(tenant string, ends time.Duration) hook.PortalLink {
		t.Helper()
		l := hook.PortalLink{ID: hook.NewPortalLinkID(), Tenant: tenant, Name: "Ana", Role: hook.RoleRead, CreatedAt: now, ExpiresAt: now.Add(ends), EndsAt: now.Add(ends)}
		if tenant == "acme" {
			l.Access = hook.PortalAccess{Contracts: []string{"kobra"}, Actions: []string{}}
		}
		if err := db.CreatePortalLink(ctx, l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	first, second, over, others := link("acme", time.Hour), link("acme", time.Hour), link("acme", -time.Hour), link("other", time.Hour)
	if err := db.CreatePortalLink(ctx, hook.PortalLink{ID: hook.NewPortalLinkID(), Tenant: "none"}); !hook.IsKind(err, hook.KindNotFound) {
		t.Errorf("link of a tenant that does not exist: %v", err)
	}

	// Opening a link can make it end later, but never earlier.
	for _, ends := range []time.Duration{9 * time.Hour, 2 * time.Hour} {
		first.OpenedAt = now.Add(ends / 2)
		if err := db.OpenPortalLink(ctx, first.ID, first.OpenedAt, now.Add(ends)); err != nil {
			t.Fatal(err)
		}
	}
	first.EndsAt = now.Add(9 * time.Hour)
	if got, err := db.PortalLink(ctx, first.ID); err != nil || !cmp.Equal(first, got) {
		t.Errorf("%v (-want +got):\n%s", err, cmp.Diff(first, got))
	}

	list := func(p hook.Page) ([]hook.PortalLink, hook.ID) {
		t.Helper()
		l, next, err := db.PortalLinks(ctx, "acme", p)
		if err != nil {
			t.Fatal(err)
		}
		return l, next
	}
	page, next := list(hook.Page{Limit: 2})
	rest, end := list(hook.Page{Limit: 2, Before: next})
	if diff := cmp.Diff([]hook.PortalLink{over, second, first}, append(page, rest...)); diff != "" || !end.IsZero() {
		t.Errorf("list (-want +got):\n%s", diff)
	}

	if err := db.DeletePortalLink(ctx, "other", second.ID); !hook.IsKind(err, hook.KindNotFound) {
		t.Errorf("deleted through another tenant: %v", err)
	}
	if err := db.DeletePortalLink(ctx, "acme", second.ID); err != nil {
		t.Fatal(err)
	}
	gone := func(id hook.PortalLinkID) {
		t.Helper()
		if _, err := db.PortalLink(ctx, id); !hook.IsKind(err, hook.KindNotFound) {
			t.Errorf("still there: %v", err)
		}
		if err := db.OpenPortalLink(ctx, id, now, now); !hook.IsKind(err, hook.KindNotFound) {
			t.Errorf("opened: %v", err)
		}
	}
	gone(second.ID)
	if _, err := db.Expire(ctx, now.Add(-time.Hour), 10); err != nil {
		t.Fatal(err)
	}
	gone(over.ID)
	if err := db.DeleteTenant(ctx, "acme"); err != nil {
		t.Fatal(err)
	}
	gone(first.ID)
	if _, err := db.PortalLink(ctx, others.ID); err != nil {
		t.Error(err)
	}
}
