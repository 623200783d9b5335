package admin_test

import (
	"encoding/json"
	"strings"
	"testing"

	"gancho/internal/admin"
	"gancho/internal/hook"
	"gancho/internal/mask"
)

// Contracts whose requests carry secrets in other ways than [settings].
const (
	static = `contract: static
title: {en: Static token}
endpoint: {sign: {algorithm: token, headers: {X-Token: "${signature}"}}}
events: {order.paid: {title: {en: Paid}}}
`
	tokens = `contract: tokens
title: {en: Tokens}
endpoint:
  settings: {type: object, properties: {server: {type: string, title: {en: Server}}, secret: {type: string, title: {en: Secret}, secret: true}}}
  auth: {oauth2: {token_url: "${settings.server}", client_id: gancho, client_secret: "${settings.secret}"}}
events: {order.paid: {title: {en: Paid}}}
`
)

// Who may change an endpoint and not see its secrets cannot let it send them to a host of their own.
func TestSecretsDoNotMove(t *testing.T) {
	t.Parallel()
	const evil = "https://evil.example.com/hooks"
	oauth := func() *hook.Auth {
		return &hook.Auth{OAuth2: &hook.OAuth2{TokenURL: "https://login.example.com/token", ClientID: "id", ClientSecret: "hunter22"}}
	}
	to := func(url string) admin.EndpointPatch { return admin.EndpointPatch{URL: &url} }
	with := func(p admin.EndpointPatch, change func(*admin.EndpointPatch)) admin.EndpointPatch {
		change(&p)
		return p
	}
	setting := func(text string) func(*admin.EndpointPatch) {
		return func(p *admin.EndpointPatch) { p.Settings = json.RawMessage(text) }
	}
	auth := func(text string) func(*admin.EndpointPatch) {
		return func(p *admin.EndpointPatch) { p.Auth = json.RawMessage(text) }
	}
	headers := func(values map[string]*string) func(*admin.EndpointPatch) {
		return func(p *admin.EndpointPatch) { p.Headers = values }
	}
	shop := admin.EndpointSpec{Contract: "shop", Config: hook.EndpointConfig{URL: address, Settings: json.RawMessage(`{"token":"hunter22","region":"eu"}`)}}
	header := admin.EndpointSpec{Config: hook.EndpointConfig{URL: address, Headers: []hook.Header{{Name: "X-Api-Key", Value: "hunter22"}, {Name: "X-Team", Value: "blue"}}}}
	basic := admin.EndpointSpec{Config: hook.EndpointConfig{URL: address, Auth: &hook.Auth{Basic: &hook.BasicAuth{User: "u", Password: "hunter22"}}}}
	bearer := admin.EndpointSpec{Config: hook.EndpointConfig{URL: address, Auth: &hook.Auth{Bearer: "hunter22"}}}
	client := admin.EndpointSpec{Config: hook.EndpointConfig{URL: address, Auth: oauth()}}
	ofContract := admin.EndpointSpec{Contract: "tokens", Config: hook.EndpointConfig{
		URL: address, Settings: json.RawMessage(`{"server":"https://login.example.com/token","secret":"hunter22"}`),
	}}
	bare := admin.EndpointSpec{Contract: "static", Secret: "hunter22hunter22", Config: hook.EndpointConfig{URL: address}}
	signed := admin.EndpointSpec{Config: hook.EndpointConfig{URL: address}}
	plain := admin.EndpointSpec{Config: hook.EndpointConfig{URL: "http://crm.example.com/hooks", Auth: &hook.Auth{Bearer: "hunter22"}}}
	const elsewhere = `{"oauth2":{"token_url":"https://evil.example.com/token"`
	for name, tc := range map[string]struct {
		made  admin.EndpointSpec
		patch admin.EndpointPatch
		want  string // where the secrets are that have to be given again
	}{
		"a setting that is left out":      {shop, to(evil), "/settings/token"},
		"a setting that is masked":        {shop, with(to(evil), setting(`{"token":"`+mask.Text+`"}`)), "/settings/token"},
		"a setting that is given":         {shop, with(to(evil), setting(`{"token":"hunter22"}`)), ""},
		"another path":                    {shop, to("https://crm.example.com/other?a=1"), ""},
		"the same host, spelled anew":     {shop, to("https://CRM.example.com:443/hooks"), ""},
		"another port":                    {shop, to("https://crm.example.com:8443/hooks"), "/settings/token"},
		"without TLS":                     {shop, to("http://crm.example.com/hooks"), "/settings/token"},
		"with TLS":                        {plain, to("https://crm.example.com/hooks"), ""},
		"with TLS, on a port of somebody": {plain, to("https://crm.example.com:8443/hooks"), "/auth/bearer"},
		"a header":                        {header, to(evil), "/headers/X-Api-Key"},
		"a header that is masked":         {header, with(to(evil), headers(map[string]*string{"x-api-key": new(mask.Text)})), "/headers/x-api-key"},
		"a header that is given":          {header, with(to(evil), headers(map[string]*string{"x-api-key": new("hunter22")})), ""},
		"a header that is removed":        {header, with(to(evil), headers(map[string]*string{"x-api-key": nil})), ""},
		"a password":                      {basic, to(evil), "/auth/basic/password"},
		"a password that is given":        {basic, with(to(evil), auth(`{"basic":{"password":"hunter22"}}`)), ""},
		"a bearer token":                  {bearer, to(evil), "/auth/bearer"},
		"a bearer token that is masked":   {bearer, with(to(evil), auth(`{"bearer":"`+mask.Text+`"}`)), "/auth/bearer"},
		"a bearer token that is removed":  {bearer, with(to(evil), auth(`null`)), ""},
		"tokens for somebody else":        {client, to(evil), "/auth/oauth2/client_secret"},
		"another server of tokens":        {client, with(admin.EndpointPatch{}, auth(elsewhere+`}}`)), "/auth/oauth2/client_secret"},
		"another server, masked":          {client, with(admin.EndpointPatch{}, auth(elsewhere+`,"client_secret":"`+mask.Text+`"}}`)), "/auth/oauth2/client_secret"},
		"another server, given":           {client, with(admin.EndpointPatch{}, auth(elsewhere+`,"client_secret":"hunter22"}}`)), ""},
		"a first server of tokens": {header, with(admin.EndpointPatch{}, auth(
			`{"oauth2":{"token_url":"https://login.example.com/","client_id":"a","client_secret":"b"}}`)), ""},
		"another server in a setting":        {ofContract, with(admin.EndpointPatch{}, setting(`{"server":"https://evil.example.com/"}`)), "/settings/secret"},
		"another server, and a new secret":   {ofContract, with(admin.EndpointPatch{}, setting(`{"server":"https://evil.example.com/","secret":"x"}`)), ""},
		"tokens of a setting":                {ofContract, to(evil), "/settings/secret"},
		"a token that signs":                 {bare, to(evil), "/secret"},
		"a token that signs, and is given":   {bare, with(to(evil), func(p *admin.EndpointPatch) { p.Secret = new("hunter22hunter22") }), ""},
		"a token that the caller may read":   {bare, with(to(evil), func(p *admin.EndpointPatch) { p.Knows.Signing = true }), ""},
		"a secret that only signs":           {signed, to(evil), ""},
		"all else of an endpoint may change": {client, admin.EndpointPatch{Name: new("CRM"), Method: new("POST"), Concurrency: new(3)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, tenant := newEndpoints(t)
			x.Contracts = newSet(t, signing, settings, static, tokens)
			e := must(x.Create(t.Context(), tenant, tc.made))(t)
			_, err := x.Patch(t.Context(), tenant, e.ID.String(), tc.patch)
			if tc.want != "" {
				refused(t, err, "endpoint_invalid", tc.want)
				if strings.Contains(err.Error(), "hunter22") {
					t.Errorf("the error shows the secret: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A server of tokens cannot be removed in one step and another one be entered in the next.
func TestSecretsDoNotMoveInTwoSteps(t *testing.T) {
	t.Parallel()
	x, tenant := newEndpoints(t)
	x.Contracts = newSet(t, signing, tokens)
	e := must(x.Create(t.Context(), tenant, admin.EndpointSpec{Contract: "tokens", Config: hook.EndpointConfig{
		URL: address, Settings: json.RawMessage(`{"server":"https://login.example.com/token","secret":"hunter22"}`),
	}}))(t)
	must(x.Patch(t.Context(), tenant, e.ID.String(), admin.EndpointPatch{Settings: json.RawMessage(`{"server":null}`)}))(t)
	_, err := x.Patch(t.Context(), tenant, e.ID.String(), admin.EndpointPatch{Settings: json.RawMessage(`{"server":"https://evil.example.com/"}`)})
	refused(t, err, "endpoint_invalid", "/settings/secret")
}

// The key of a credential stands in requests, too, and whoever may change only endpoints cannot send it elsewhere.
func TestCredentialDoesNotMove(t *testing.T) {
	t.Parallel()
	db, tenant := newTenant(t)
	carrying := strings.NewReplacer("%s", "keyed", "%t", "true").Replace(keyed) + "endpoint: {headers: {X-Key: \"${credential.api_key}\"}, settings: {properties: {pin: {type: string, title: {en: Pin}, secret: true}}}}\n"
	x, _ := newEndpoints(t)
	x.Store, x.Contracts = db, newSet(t, carrying)
	y := admin.Credentials{Store: db, Contracts: x.Contracts, Egress: x.Egress}
	made := must(y.Create(t.Context(), tenant, admin.CredentialSpec{Contract: "keyed", Endpoint: hook.EndpointConfig{URL: address, Settings: json.RawMessage(`{"pin":"hunter22"}`)}}))(t)
	endpoint, evil := made.Endpoint.String(), "https://evil.example.com/"
	_, err := x.Patch(t.Context(), tenant, endpoint, admin.EndpointPatch{URL: &evil})
	refused(t, err, "endpoint_invalid", "/url", "/settings/pin")
	_, err = x.Patch(t.Context(), tenant, endpoint, admin.EndpointPatch{URL: &evil, Settings: json.RawMessage(`{"pin":"1"}`)})
	refused(t, err, "endpoint_invalid", "/url")
	_, err = y.Patch(t.Context(), tenant, made.ID.String(), admin.CredentialPatch{URL: &evil})
	refused(t, err, "endpoint_invalid", "/url")
	must(x.Patch(t.Context(), tenant, endpoint, admin.EndpointPatch{Settings: json.RawMessage(`{"pin":null}`)}))(t)
	must(y.Patch(t.Context(), tenant, made.ID.String(), admin.CredentialPatch{URL: &evil}))(t)
	must(x.Patch(t.Context(), tenant, endpoint, admin.EndpointPatch{URL: new(address), Knows: admin.Knows{Credential: true}}))(t)
}
