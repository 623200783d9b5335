package admin_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"gancho/internal/admin"
	"gancho/internal/contract"
	"gancho/internal/egress"
	"gancho/internal/hook"
	"gancho/internal/store"
)

func newCredentials(t *testing.T) (x admin.Credentials, db *store.DB, tenant string) {
	t.Helper()
	db, tenant = newTenant(t)
	set := newSet(t, signing, fmt.Sprintf(keyed, "keyed", true), fmt.Sprintf(keyed, "bare", false))
	return admin.Credentials{Store: db, Egress: egress.NewKeeper(db, nil), Contracts: set}, db, tenant
}

func TestCreateCredential(t *testing.T) {
	t.Parallel()
	x, db, tenant := newCredentials(t)
	made := must(x.Create(t.Context(), tenant, admin.CredentialSpec{Contract: "keyed", Name: "App", Endpoint: hook.EndpointConfig{URL: address}}))(t)
	if len(made.APIKey) != 20 || len(made.Secret) != 24 || made.URL != address || made.Token == "" {
		t.Errorf("made %+v", made)
	}
	e := must(db.TenantEndpoint(t.Context(), tenant, made.Endpoint))(t)
	if e.Name != "App" || e.Config.Credential == nil || e.Config.Credential.APIKey != made.APIKey || e.State != hook.EndpointActive {
		t.Errorf("its endpoint: %+v", e)
	}
	lookups := admin.Lookups{Store: db}
	c, _ := x.Contracts.Lookup("keyed")
	if cr := must(lookups.Enter(t.Context(), c, made.Token))(t); cr.ID != made.ID {
		t.Errorf("the token is one of %s", cr.ID)
	}
	given := must(x.Create(t.Context(), tenant, admin.CredentialSpec{Contract: "bare", APIKey: strings.Repeat("k", 20), Secret: strings.Repeat("s", 24)}))(t)
	if given.APIKey != strings.Repeat("k", 20) || given.SecretHash != sha256.Sum256([]byte(strings.Repeat("s", 24))) || !given.Endpoint.IsZero() {
		t.Errorf("taken over: %+v", given)
	}
	if list, _, err := x.List(t.Context(), tenant, hook.Page{Limit: 10}); err != nil || len(list) != 2 {
		t.Errorf("list %v, %v", list, err)
	}
}

func TestCreateCredentialRefuses(t *testing.T) {
	t.Parallel()
	x, _, tenant := newCredentials(t)
	for _, c := range []struct {
		name   string
		spec   admin.CredentialSpec
		code   string
		places []string
	}{
		{"no such contract", admin.CredentialSpec{Contract: "keyd"}, "contract_unknown", []string{"/contract"}},
		{"a contract without credentials", admin.CredentialSpec{Contract: "standard"}, "no_credentials", []string{"/contract"}},
		{
			"a name, key and secret of the wrong form",
			admin.CredentialSpec{Contract: "bare", Name: strings.Repeat("n", 201), APIKey: "K", Secret: "S"},
			"credential_invalid",
			[]string{"/name", "/apiKey", "/secret"},
		},
		{"a URL where there is no endpoint", admin.CredentialSpec{Contract: "bare", Endpoint: hook.EndpointConfig{URL: address}}, "credential_invalid", []string{"/url"}},
		{"no URL where there is an endpoint", admin.CredentialSpec{Contract: "keyed"}, "endpoint_invalid", []string{"/url"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := x.Create(t.Context(), tenant, c.spec)
			refused(t, err, c.code, c.places...)
		})
	}
	if list, _, err := x.List(t.Context(), tenant, hook.Page{Limit: 10}); err != nil || len(list) > 0 {
		t.Errorf("stored although refused: %v, %v", list, err)
	}
}

func TestPatchCredential(t *testing.T) {
	t.Parallel()
	x, db, tenant := newCredentials(t)
	made := must(x.Create(t.Context(), tenant, admin.CredentialSpec{Contract: "keyed", Name: "App", Endpoint: hook.EndpointConfig{URL: address}}))(t)
	id := made.ID.String()
	got := must(x.Patch(t.Context(), tenant, id, admin.CredentialPatch{Name: new("New"), State: new(hook.CredentialPaused), URL: new(address + "/2")}))(t)
	e := must(db.TenantEndpoint(t.Context(), tenant, made.Endpoint))(t)
	if got.Name != "New" || got.State != hook.CredentialPaused || got.URL != address+"/2" {
		t.Errorf("credential %+v", got)
	}
	if e.Name != "New" || e.Config.Credential.Name != "New" || e.State != hook.EndpointPaused || e.StateReason != hook.ReasonCredential || e.Config.URL != address+"/2" {
		t.Errorf("endpoint %+v", e)
	}
	must(x.Patch(t.Context(), tenant, id, admin.CredentialPatch{State: new(hook.CredentialActive)}))(t)
	if e := must(db.TenantEndpoint(t.Context(), tenant, made.Endpoint))(t); e.State != hook.EndpointActive || e.StateReason != "" {
		t.Errorf("resumed endpoint %+v", e)
	}
	// Its endpoint goes only with it.
	refused(t, admin.Endpoints{Store: db, Egress: egress.NewKeeper(db, nil), Contracts: x.Contracts}.Delete(t.Context(), tenant, made.Endpoint.String(), hook.Precondition{}), "endpoint_of_credential")
	if err := x.Delete(t.Context(), tenant, id, hook.Precondition{}); err != nil {
		t.Fatal(err)
	}
	_, err := x.Get(t.Context(), tenant, id)
	refused(t, err, "credential_not_found")
}

func TestPatchCredentialRefuses(t *testing.T) {
	t.Parallel()
	x, _, tenant := newCredentials(t)
	bare := must(x.Create(t.Context(), tenant, admin.CredentialSpec{Contract: "bare"}))(t).ID.String()
	with := must(x.Create(t.Context(), tenant, admin.CredentialSpec{Contract: "keyed", Endpoint: hook.EndpointConfig{URL: address}}))(t).ID.String()
	for _, c := range []struct {
		name, id string
		patch    admin.CredentialPatch
		code     string
		places   []string
	}{
		{"no id", "nothing", admin.CredentialPatch{}, "credential_not_found", nil},
		{"no such credential", hook.NewCredentialID().String(), admin.CredentialPatch{}, "credential_not_found", nil},
		{"a URL where there is no endpoint", bare, admin.CredentialPatch{URL: new(address)}, "credential_invalid", []string{"/url"}},
		{"a state that is none", bare, admin.CredentialPatch{State: new(hook.CredentialState("gone"))}, "credential_invalid", []string{"/state"}},
		{"no URL", with, admin.CredentialPatch{URL: new("nothing")}, "endpoint_invalid", []string{"/url"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := x.Patch(t.Context(), tenant, c.id, c.patch)
			refused(t, err, c.code, c.places...)
		})
	}
	x.Contracts = newSet(t, signing)
	_, err := x.Patch(t.Context(), tenant, with, admin.CredentialPatch{URL: new(address + "/2")})
	refused(t, err, "contract_not_found")
	refused(t, x.Delete(t.Context(), "other", with, hook.Precondition{}), "credential_not_found")
}

func TestTokens(t *testing.T) {
	t.Parallel()
	x, db, tenant := newCredentials(t)
	made := must(x.Create(t.Context(), tenant, admin.CredentialSpec{Contract: "bare"}))(t)
	id := made.ID.String()
	lookups := admin.Lookups{Store: db}
	c, _ := x.Contracts.Lookup("bare")
	second, expires, err := x.NewToken(t.Context(), tenant, id, false)
	if err != nil || !expires.After(made.CreatedAt) {
		t.Fatalf("second token until %v: %v", expires, err)
	}
	must(lookups.Enter(t.Context(), c, made.Token))(t) // the first is still good
	third, _, err := x.NewToken(t.Context(), tenant, id, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, revoked := range []string{made.Token, second} {
		_, err = lookups.Enter(t.Context(), c, revoked)
		refused(t, err, "token_invalid")
	}
	must(lookups.Enter(t.Context(), c, third))(t)
	other, _ := x.Contracts.Lookup("keyed")
	_, err = lookups.Enter(t.Context(), other, third)
	refused(t, err, "token_invalid")
	_, err = lookups.Enter(t.Context(), c, "nothing")
	refused(t, err, "token_invalid")

	must(x.Patch(t.Context(), tenant, id, admin.CredentialPatch{State: new(hook.CredentialPaused)}))(t)
	_, err = lookups.Enter(t.Context(), c, third)
	refused(t, err, "credential_paused")
	_, _, err = x.NewToken(t.Context(), tenant, id, false)
	refused(t, err, "credential_paused")
	x.Contracts = new(contract.Set)
	_, _, err = x.NewToken(t.Context(), tenant, id, false)
	refused(t, err, "contract_not_found")
}

func TestLookups(t *testing.T) {
	t.Parallel()
	x, db, tenant := newCredentials(t)
	made := must(x.Create(t.Context(), tenant, admin.CredentialSpec{Contract: "bare"}))(t)
	lookups := admin.Lookups{Store: db}
	for _, key := range []string{"7", "no\nkey"} {
		_, err := lookups.Record(t.Context(), made.Credential, "visit", key)
		refused(t, err, "visit_not_found")
	}
}
