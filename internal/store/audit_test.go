package store

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// trail is the audit log as text, oldest entry first, one entry in a line.
func trail(t *testing.T, db *DB, tenant string) (lines []string) {
	t.Helper()
	for p := (hook.Page{Limit: 3}); ; {
		list, next, err := db.AuditTrail(t.Context(), tenant, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			words := []string{string(e.Action), e.Name, strings.Join(e.Fields, "+"), e.Reason}
			lines = append([]string{strings.Join(strings.Fields(strings.Join(words, " ")), " ") + " by " + string(e.Actor.Kind) + e.Actor.Name}, lines...)
		}
		if p.Before = next; next.IsZero() {
			return lines
		}
	}
}

// TestAudit makes every kind of change, and some that change nothing, and reads the entries.
func TestAudit(t *testing.T) { each(t, testAudit) }

func testAudit(t *testing.T, db *DB) {
	ctx := hook.WithActor(t.Context(), hook.Actor{Kind: hook.ActorKey, Key: hook.NewKeyID(), Name: "-ana", Role: hook.RoleOperator})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(id string, name *string, metadata json.RawMessage) {
		t.Helper()
		_, _, err := db.PutTenant(ctx, id, hook.TenantChange{Name: name, Metadata: metadata})
		must(err)
	}
	put("acme", new("Acme"), nil)
	put("acme", new("Acme"), json.RawMessage(`{}`)) // changes nothing
	put("acme", new("ACME"), json.RawMessage(`{"a":1}`))
	put("other", nil, nil)

	e := newEndpoint(t, db, "acme") // by nobody in particular
	update := func(newConfig bool, change func(e *hook.Endpoint)) {
		t.Helper()
		now, err := db.TenantEndpoint(ctx, "acme", e.ID)
		must(err)
		change(now)
		if ok, err := db.UpdateEndpoint(ctx, now, newConfig); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	update(false, func(*hook.Endpoint) {})
	update(true, func(e *hook.Endpoint) { e.Name, e.Config.URL = "CRM", "http://secret-address/" })
	update(false, func(e *hook.Endpoint) { e.Secrets = []hook.Secret{{Text: "whsec_hidden"}} })
	update(false, func(e *hook.Endpoint) { e.State = hook.EndpointPaused })
	stale, err := db.TenantEndpoint(ctx, "acme", e.ID)
	must(err)
	must(db.SetEndpointState(ctx, e.ID, hook.EndpointActive, "", time.Now()))
	must(db.SetEndpointState(ctx, e.ID, hook.EndpointActive, "", time.Now())) // is so already
	stale.Name = "lost"
	if ok, err := db.UpdateEndpoint(ctx, stale, false); err != nil || ok { // was overtaken, so nothing happened
		t.Fatal(ok, err)
	}
	must(db.SetEndpointState(t.Context(), e.ID, hook.EndpointDisabled, hook.ReasonGone, time.Now()))
	must(db.SetEndpointState(ctx, e.ID, hook.EndpointActive, "", time.Now()))

	it := accepted("acme", "", `1`, e.ID)
	submit(t, db, it)
	d := it.Deliveries[0]
	d.State, d.FinishedAt = hook.Failed, time.Now()
	done := make(chan error, 1)
	db.SaveResult(hook.Result{Delivery: d}, func(err error) { done <- err })
	must(<-done)
	_, err = db.Retry(ctx, "acme", d.ID, false)
	must(err)
	if _, err := db.Retry(ctx, "acme", d.ID, false); !hook.IsKind(err, hook.KindConflict) { // and is not written down
		t.Error(err)
	}
	must(db.CreateRecovery(ctx, &hook.Recovery{
		ID: hook.NewRecoveryID(), Tenant: "acme", Endpoint: e.ID, Since: time.Now().Add(-time.Hour), Until: time.Now(), State: hook.RecoveryRunning, CreatedAt: time.Now(),
	}))
	k := hook.Key{ID: hook.NewKeyID(), Name: "app", Role: hook.RoleTenant, Tenant: "acme", CreatedAt: time.Now()}
	must(db.CreateKey(ctx, k))
	must(db.DeleteKey(ctx, k.ID))

	owned := &hook.Endpoint{ID: hook.NewEndpointID(), Tenant: "acme", Name: "own", Contract: "standard", State: hook.EndpointActive}
	c := &hook.Credential{ID: hook.NewCredentialID(), Tenant: "acme", Contract: "standard", Name: "portal", State: hook.CredentialActive, Generation: 1, TokenExpires: time.Now()}
	must(db.CreateCredential(ctx, c, owned, 0))
	for _, change := range []func(){
		func() { c.State = hook.CredentialPaused },
		func() { c.State = hook.CredentialActive },
		func() { c.Generation, c.TokenExpires = 2, time.Now().Add(time.Hour) },
		func() { c.Name, c.State = "site", hook.CredentialPaused },
		func() {},
	} {
		change()
		if ok, err := db.UpdateCredential(ctx, c, nil, false); err != nil || !ok {
			t.Fatal(ok, err)
		}
	}
	must(db.DeleteCredential(ctx, "acme", c.ID, hook.Precondition{}))
	must(db.CreatePortalLink(ctx, hook.PortalLink{ID: hook.NewPortalLinkID(), Tenant: "acme", Name: "Eva", Role: hook.RoleTenant}))
	must(db.DeleteEndpoint(ctx, "acme", e.ID, hook.Precondition{}))

	want := []string{
		"tenant.created Acme by key-ana",
		"tenant.changed ACME name+metadata by key-ana",
		"endpoint.created x by system",
		"endpoint.changed CRM name+url by key-ana",
		"endpoint.secret_changed CRM by key-ana",
		"endpoint.paused CRM by key-ana",
		"endpoint.resumed CRM by key-ana",
		"endpoint.disabled CRM gone by system",
		"endpoint.resumed CRM by key-ana",
		"delivery.retried order.paid by key-ana",
		"recovery.started CRM by key-ana",
		"key.created app by key-ana",
		"key.revoked app by key-ana",
		"endpoint.created own by key-ana",
		"credential.created portal by key-ana",
		"credential.paused portal by key-ana",
		"credential.resumed portal by key-ana",
		"credential.token_made portal by key-ana",
		"credential.changed site name+state by key-ana",
		"credential.deleted site by key-ana",
		"endpoint.deleted own credential by key-ana",
		"portal_link.created Eva by key-ana",
		"endpoint.deleted CRM by key-ana",
	}
	if diff := cmp.Diff(want, trail(t, db, "acme")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	// Entries that belong to no tenant are only in the list of all tenants.
	_, _, err = db.PutContract(ctx, "c", []byte("a"), hook.ContractShipped, hook.Precondition{})
	must(err)
	_, _, err = db.PutContract(ctx, "c", []byte("a"), hook.ContractShipped, hook.Precondition{})
	must(err)
	_, _, err = db.PutContract(ctx, "c", []byte("b"), hook.ContractPosted, hook.Precondition{})
	must(err)
	must(db.SetContractShaping(ctx, "c", new(true)))
	must(db.SetPublicDocs(ctx, "c", true))
	must(db.DeleteTenant(ctx, "acme"))
	for more := true; more; {
		more, err = db.Purge(ctx)
		must(err)
	}
	put("acme", nil, nil) // another company, perhaps
	if diff := cmp.Diff([]string{"tenant.created by key-ana"}, trail(t, db, "acme")); diff != "" {
		t.Errorf("entries of a new tenant with the same id (-want +got):\n%s", diff)
	}
	want = []string{
		"tenant.created by key-ana", // other
		"contract.imported shipped by key-ana",
		"contract.posted by key-ana",
		"contract.changed shaping by key-ana",
		"contract.changed public_docs by key-ana",
		"tenant.deleted ACME entries=23+places=1-24 by key-ana",
		"tenant.created by key-ana",
	}
	if diff := cmp.Diff(want, trail(t, db, "")); diff != "" {
		t.Errorf("entries of all tenants (-want +got):\n%s", diff)
	}

	if _, err := db.Expire(ctx, time.Now().Add(-time.Hour), 100); err != nil || len(trail(t, db, "")) != len(want) {
		t.Errorf("new entries were removed: %v", err)
	}
	if _, err := db.Expire(ctx, time.Now().Add(time.Hour), 100); err != nil || len(trail(t, db, "")) != 0 {
		t.Errorf("old entries are still there: %v", err)
	}
}
