package contract

import (
	"fmt"
	"slices"
	"strings"

	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/schema"
	"gancho/internal/template"
	"gancho/internal/yamlfile"
)

// auth is the section "endpoint.auth": what a [hook.Auth] is made of, by the name of the member: "basic.user". A member
// that the contract leaves out is missing.
type auth map[string]*template.Template

// authMembers are the members of auth. An endpoint of which a needed one is not filled in sends no credentials.
var authMembers = []struct {
	name           string
	needed, secret bool
	of             func(*hook.Auth) *string // into a hook.Auth of that kind
}{
	{"basic.user", true, false, func(a *hook.Auth) *string { return &a.Basic.User }},
	{"basic.password", false, true, func(a *hook.Auth) *string { return &a.Basic.Password }},
	{"bearer", true, true, func(a *hook.Auth) *string { return &a.Bearer }},
	{"oauth2.token_url", true, false, func(a *hook.Auth) *string { return &a.OAuth2.TokenURL }},
	{"oauth2.client_id", true, false, func(a *hook.Auth) *string { return &a.OAuth2.ClientID }},
	{"oauth2.client_secret", true, true, func(a *hook.Auth) *string { return &a.OAuth2.ClientSecret }},
	{"oauth2.scope", false, false, func(a *hook.Auth) *string { return &a.OAuth2.Scope }},
	{"oauth2.audience", false, false, func(a *hook.Auth) *string { return &a.OAuth2.Audience }},
	{"oauth2.style", false, false, func(a *hook.Auth) *string { return &a.OAuth2.Style }},
}

const authFix = `Write one of these: auth: {basic: {user: "${settings.user}", password: "${settings.password}"}}, ` +
	`auth: {bearer: "${settings.token}"} or auth: {oauth2: {token_url: …, client_id: …, client_secret: …}}.`

// auth reads the section "auth". at is what its texts may name.
func (l *loader) auth(e *endpoint, n *yamlfile.Node, at template.Place) auth {
	o := l.Object(n, "auth", keysOf["endpoint.auth"])
	if o.Node != nil && len(o.Node.Pairs) != 1 {
		l.ProblemAt(n, "auth is one way in which requests authenticate.", authFix)
		return nil
	}
	if e.sets("Authorization") {
		l.ProblemAt(n, "headers has Authorization already, which auth is to fill.", "Keep one of the two.")
	}
	at.Roots = slices.DeleteFunc(slices.Clone(at.Roots), func(r string) bool { return r != "settings" && r != "credential" })
	out := auth{}
	var members yamlfile.Object
	if o.Node != nil {
		kind := o.Node.Pairs[0].Key
		if keys := keysOf["endpoint.auth."+kind]; keys != nil {
			members = l.Object(o.Get(kind), kind, keys)
		}
	}
	for _, m := range authMembers {
		kind, name, nested := strings.Cut(m.name, ".")
		v := o.Get(kind)
		if v == nil {
			continue
		}
		if nested {
			v = members.Get(name)
		}
		switch {
		case v == nil && m.needed:
			l.ProblemAt(o.Get(kind), fmt.Sprintf("%s has no %s.", kind, name), authFix)
		case v != nil:
			t := l.template(v, at)
			if t == nil {
				continue
			}
			out[m.name] = t
			if s := t.Setting(); m.secret && s != nil && !isAmong(e.settings.Secrets(), s) {
				l.ProblemAt(v, fmt.Sprintf("The setting %s holds a secret, and everybody would see it.", strings.Join(s, ".")),
					"Add secret: true to the setting.")
			}
			if m.name == "oauth2.style" && !slices.Contains(authStyles, t.Literals()) {
				l.OneOf(v, authStyles...)
			}
		}
	}
	return out
}

var authStyles = []string{hook.StyleHeader, hook.StyleBody}

// isAmong reports whether one of the patterns is the path.
func isAmong(patterns mask.Settings, path []string) bool {
	return slices.ContainsFunc(patterns, func(p []string) bool { return slices.Equal(p, path) })
}

// fill is the auth of an endpoint with these settings; nil if a needed one is not filled in. The error is that of a
// computed member, whose name comes before.
func (x auth) fill(settings []byte, credential *Credential) (_ *hook.Auth, member string, err error) {
	if x == nil {
		return nil, "", nil
	}
	out := new(hook.Auth)
	for _, m := range authMembers {
		t := x[m.name]
		if t == nil {
			continue
		}
		switch kind, _, _ := strings.Cut(m.name, "."); {
		case kind == "basic" && out.Basic == nil:
			out.Basic = new(hook.BasicAuth)
		case kind == "oauth2" && out.OAuth2 == nil:
			out.OAuth2 = new(hook.OAuth2)
		}
		v, ok, err := t.Render(&template.Inputs{Settings: settings, Credential: credential})
		if err != nil {
			return nil, m.name, err
		}
		if m.needed && (!ok || v == "") {
			return nil, "", nil
		}
		*m.of(out) = v
	}
	return out, "", nil
}

// Auth is how the requests of an endpoint authenticate: as the contract says, or else as the endpoint does; nil if they
// do not.
func (c *Contract) Auth(cfg hook.EndpointConfig) *hook.Auth { return c.authFor(cfg, cfg.Credential) }

func (c *Contract) authFor(cfg hook.EndpointConfig, credential *Credential) *hook.Auth {
	if c.endpoint.auth != nil {
		a, _, err := c.endpoint.auth.fill(cfg.Settings, credential)
		if err != nil { // checkAuth reports it
			return nil
		}
		return a
	}
	return cfg.Auth
}

// OwnsAuth reports whether the contract says how requests authenticate, so that an endpoint cannot choose.
func (c *Contract) OwnsAuth() bool {
	return c.endpoint.auth != nil || c.endpoint.sets("Authorization") ||
		slices.ContainsFunc(c.headersOfTypes(), func(h headerTemplate) bool { return strings.EqualFold(h.name, "Authorization") })
}

// AuthKind is how the contract authenticates: "basic", "bearer" or "oauth2"; "" if it leaves that to endpoints.
func (c *Contract) AuthKind() string {
	for name := range c.endpoint.auth {
		kind, _, _ := strings.Cut(name, ".")
		return kind
	}
	return ""
}

// checkAuth reports what is wrong with how an endpoint authenticates. Of a contract's auth the problem is in the settings.
func (c *Contract) checkAuth(r *report, cfg hook.EndpointConfig) {
	a := c.Auth(cfg)
	at := func(member string) string { return "/auth" + schema.Pointer(strings.Split(member, ".")...) }
	switch {
	case c.endpoint.auth != nil:
		at = func(member string) string { return "/settings" + schema.Pointer(c.endpoint.auth[member].Setting()...) }
	case a != nil && c.OwnsAuth():
		r.add("/auth", "auth_of_contract",
			"The contract {contract} says how its requests authenticate, so an endpoint cannot.", "contract", c.Name)
		return
	}
	if cfg.Auth != nil && c.endpoint.auth != nil {
		r.add("/auth", "auth_of_contract",
			"The contract {contract} says how its requests authenticate, so an endpoint cannot.", "contract", c.Name)
	}
	if a == nil {
		if member, err := c.authError(cfg); err != nil {
			r.add(at(member), "auth_undecided",
				"With these settings the contract cannot make its {member}: {problem}.", "member", member, "problem", err)
		}
		return
	}
	kinds := 0
	for _, given := range []bool{a.Basic != nil, a.Bearer != "", a.OAuth2 != nil} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		r.add("/auth", "auth_one", "Fill in one of basic, bearer and oauth2, and set the others to null.")
		return
	}
	if i := slices.IndexFunc(cfg.Headers, isAuthorization); i >= 0 {
		r.add("/headers"+schema.Pointer(cfg.Headers[i].Name), "auth_and_header",
			"auth fills in this header already. Keep one of the two.")
	}
	for _, p := range c.endpoint.pairsIn(cfg.Settings) {
		if p.place == inHeader && isAuthorization(hook.Header{Name: p.key}) {
			r.add(p.at+"/key", "auth_and_header", "auth fills in this header already. Keep one of the two.")
		}
	}
	checkAuthValues(r, a, at)
}

// authError is the error of a member of the contract's auth that cannot be computed of the settings.
func (c *Contract) authError(cfg hook.EndpointConfig) (member string, err error) {
	_, member, err = c.endpoint.auth.fill(cfg.Settings, cfg.Credential)
	return member, err
}

func isAuthorization(h hook.Header) bool { return strings.EqualFold(h.Name, "Authorization") }

// checkAuthValues checks the members of an auth that is of one kind. at says where each of them stands.
func checkAuthValues(r *report, a *hook.Auth, at func(member string) string) {
	for _, m := range authMembers {
		kind, _, _ := strings.Cut(m.name, ".")
		if kind == "basic" && a.Basic == nil || kind == "bearer" && a.Bearer == "" || kind == "oauth2" && a.OAuth2 == nil {
			continue
		}
		v := *m.of(a)
		f, bad := wrongValue(v)
		if kind == "basic" && f.Code == "header_value_space" { // in base64 no space is lost
			bad = false
		}
		switch {
		case v == "" && m.needed:
			r.add(at(m.name), "required", "This is required.")
		case v == mask.Text:
			r.add(at(m.name), "value_masked", "This is the mask that is shown in the place of a secret. Give the value itself.")
		case bad:
			r.wrong(f.At(at(m.name)))
		case m.name == "basic.user" && strings.Contains(v, ":"):
			r.add(at(m.name), "auth_user_colon",
				"A user name cannot contain a colon: the receiver would take what follows for the password (RFC 7617).")
		case m.name == "oauth2.style" && v != "" && !slices.Contains(authStyles, v):
			r.wrong(notPossible(v, authStyles...).At(at(m.name)))
		case m.name == "oauth2.token_url":
			r.url(at(m.name), v, nil)
		}
	}
}
