package contract

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

const authFilled = `
contract: p
title: P
events: {e: {title: E}}
endpoint:
  settings:
    required: [user]
    properties:
      user: {title: User, type: string}
      password: {title: Password, type: string, secret: true}
      token: {title: Token, type: string, secret: true}
      url: {title: URL, type: string}
  auth: `

// How a contract authenticates is filled in from settings, and what is wrong with them is said where they are.
func TestAuthOfContract(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		auth, settings string
		want           *hook.Auth
		header, wrong  string
	}{
		"basic": {
			`{basic: {user: "${settings.user}", password: "${settings.password}"}}`, `{"user":"josé","password":"contraseña:1"}`,
			&hook.Auth{Basic: &hook.BasicAuth{User: "josé", Password: "contraseña:1"}}, "Basic am9zw6k6Y29udHJhc2XDsWE6MQ==", "",
		},
		"a key as the user": {
			`{basic: {user: "${settings.user}", password: X}}`, `{"user":"key"}`,
			&hook.Auth{Basic: &hook.BasicAuth{User: "key", Password: "X"}}, "Basic a2V5Olg=", "",
		},
		"no password": {
			`{basic: {user: "${settings.user}", password: "${settings.password}"}}`, `{"user":"key"}`,
			&hook.Auth{Basic: &hook.BasicAuth{User: "key"}}, "Basic a2V5Og==", "",
		},
		"colon": {`{basic: {user: "${settings.user}"}}`, `{"user":"a:b"}`, nil, "", "/settings/user auth_user_colon"},
		"line":  {`{basic: {user: "${settings.user}", password: "${settings.password}"}}`, `{"user":"a","password":"a\nb"}`, nil, "", "/settings/password header_value_control"},
		"bearer": {
			`{bearer: "${settings.token}"}`, `{"user":"u","token":"t"}`, &hook.Auth{Bearer: "t"}, "Bearer t", "",
		},
		"spaces":          {`{bearer: "${settings.token}"}`, `{"user":"u","token":"t "}`, nil, "", "/settings/token header_value_space"},
		"not filled in":   {`{bearer: "${settings.token}"}`, `{"user":"u"}`, nil, "", ""},
		"computed":        {`{bearer: {$expr: settings.token + "!"}}`, `{"user":"u","token":"t"}`, &hook.Auth{Bearer: "t!"}, "Bearer t!", ""},
		"cannot be":       {`{bearer: {$expr: settings.token + "!"}}`, `{"user":"u"}`, nil, "", "/settings/token auth_undecided"},
		"empty":           {`{bearer: "${settings.token}"}`, `{"user":"u","token":""}`, nil, "", ""},
		"address of none": {`{oauth2: {token_url: "${settings.url}", client_id: "${settings.user}", client_secret: "${settings.token}"}}`, `{"user":"u","token":"t","url":"ftp://x"}`, nil, "", "/settings/url url_scheme"},
		"oauth2": {
			`{oauth2: {token_url: "https://login.example/token", client_id: "${settings.user}", client_secret: "${settings.token}", scope: a b, audience: aud, style: body}}`,
			`{"user":"u","token":"t"}`,
			&hook.Auth{OAuth2: &hook.OAuth2{TokenURL: "https://login.example/token", ClientID: "u", ClientSecret: "t", Scope: "a b", Audience: "aud", Style: "body"}},
			"", "",
		},
	} {
		c := parseContract(t, authFilled+tc.auth)
		cfg := hook.EndpointConfig{URL: "http://example.com/", Settings: []byte(tc.settings)}
		if got := found(c.CheckEndpoint(cfg)); got != tc.wrong {
			t.Errorf("%s: got %q, want %q", name, got, tc.wrong)
		}
		if tc.wrong != "" {
			continue
		}
		if d := cmp.Diff(tc.want, c.Auth(cfg)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		r, err := c.Render(cfg, event(`{}`))
		if err != nil {
			t.Fatal(name, err)
		}
		want := headers("Content-Type", "application/json")
		if tc.header != "" {
			want = append(want, hook.Header{Name: "Authorization", Value: tc.header})
		}
		if d := cmp.Diff(append(want, headers("User-Agent", "Gancho")...), r.Headers); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if tc.header != "" && c.Mask(cfg).Headers(want)[1].Value != "********" {
			t.Errorf("%s: the header is shown: %v", name, c.Mask(cfg).Headers(want))
		}
	}
}

// An endpoint chooses how it authenticates where its contract does not say it.
func TestAuthOfEndpoint(t *testing.T) {
	t.Parallel()
	free := parseContract(t, paired)
	const base = "contract: p\ntitle: P\nevents: {e: {title: E}}\nendpoint: "
	oauth := func(change func(*hook.OAuth2)) *hook.Auth {
		o := &hook.OAuth2{TokenURL: "https://login.example/token", ClientID: "u", ClientSecret: "t"}
		change(o)
		return &hook.Auth{OAuth2: o}
	}
	cfg := func(a *hook.Auth) hook.EndpointConfig {
		return hook.EndpointConfig{URL: "http://example.com/", Auth: a}
	}
	withHeader := cfg(&hook.Auth{Bearer: "t"})
	withHeader.Headers = headers("authorization", "x")
	withPair := cfg(&hook.Auth{Bearer: "t"})
	withPair.Settings = []byte(`{"pairs":[{"key":"Authorization","value":"x"}]}`)
	withTLS := func(cfg hook.EndpointConfig, url string) hook.EndpointConfig {
		cfg.URL, cfg.TLS = url, &hook.TLS{CA: "x"}
		return cfg
	}
	for name, tc := range map[string]struct {
		c    *Contract
		cfg  hook.EndpointConfig
		want string
	}{
		"https":        {free, withTLS(cfg(nil), "https://a.example/"), "/tls/ca pem_certificate"},
		"http":         {free, withTLS(cfg(nil), "HTTP://a.example/"), "/tls/ca pem_certificate, /url tls_over_http"},
		"http tokens":  {free, withTLS(cfg(oauth(func(o *hook.OAuth2) { o.TokenURL = "http://a.example/" })), "http://a.example/"), "/tls/ca pem_certificate, /url tls_over_http"},
		"https tokens": {free, withTLS(cfg(oauth(func(o *hook.OAuth2) { o.TokenURL = "https://a.example/" })), "http://a.example/"), "/tls/ca pem_certificate"},
		"redirects":    {parseContract(t, base+"{}\ndelivery: {redirects: 1}\n"), withTLS(cfg(nil), "http://a.example/"), "/tls/ca pem_certificate"},
		"basic":        {free, cfg(&hook.Auth{Basic: &hook.BasicAuth{User: "a"}}), ""},
		"no user":      {free, cfg(&hook.Auth{Basic: &hook.BasicAuth{Password: "a"}}), "/auth/basic/user required"},
		"masked":       {free, cfg(&hook.Auth{Basic: &hook.BasicAuth{User: "a", Password: "********"}}), "/auth/basic/password value_masked"},
		"colon":        {free, cfg(&hook.Auth{Basic: &hook.BasicAuth{User: "a:b"}}), "/auth/basic/user auth_user_colon"},
		"space":        {free, cfg(&hook.Auth{Basic: &hook.BasicAuth{User: "a", Password: " b "}}), ""},
		"bearer":       {free, cfg(&hook.Auth{Bearer: "t\x00"}), "/auth/bearer header_value_control"},
		"nothing":      {free, cfg(&hook.Auth{}), "/auth auth_one"},
		"two":          {free, cfg(&hook.Auth{Bearer: "t", Basic: &hook.BasicAuth{User: "a"}}), "/auth auth_one"},
		"three":        {free, cfg(&hook.Auth{Bearer: "t", Basic: &hook.BasicAuth{User: "a"}, OAuth2: &hook.OAuth2{}}), "/auth auth_one"},
		"oauth2":       {free, cfg(oauth(func(*hook.OAuth2) {})), ""},
		"style":        {free, cfg(oauth(func(o *hook.OAuth2) { o.Style = "query" })), "/auth/oauth2/style not_possible"},
		"token_url":    {free, cfg(oauth(func(o *hook.OAuth2) { o.TokenURL = "https://u:p@x/" })), "/auth/oauth2/token_url url_password"},
		"empty":        {free, cfg(oauth(func(o *hook.OAuth2) { *o = hook.OAuth2{} })), "/auth/oauth2/token_url required, /auth/oauth2/client_id required, /auth/oauth2/client_secret required"},
		"header, too":  {free, withHeader, "/headers/authorization auth_and_header"},
		"pair, too":    {free, withPair, "/settings/pairs/0/key auth_and_header"},
		"of contract":  {parseContract(t, authFilled+`{bearer: "${settings.token}"}`), hook.EndpointConfig{URL: "http://e.com", Settings: []byte(`{"user":"u"}`), Auth: &hook.Auth{Bearer: "t"}}, "/auth auth_of_contract"},
		"its header":   {parseContract(t, base+"{headers: {authorization: x}}"), cfg(&hook.Auth{Bearer: "t"}), "/auth auth_of_contract"},
		"header alone": {free, hook.EndpointConfig{URL: "http://example.com/", Headers: headers("Authorization", "x")}, ""},
	} {
		if got := found(tc.c.CheckEndpoint(tc.cfg)); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
	plan := free.Plan(cfg(oauth(func(*hook.OAuth2) {})))
	if plan.OAuth2() == nil || free.Plan(cfg(nil)).OAuth2() != nil {
		t.Error("the plan does not say where the token comes from")
	}
}
