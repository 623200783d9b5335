package admin

import (
	"net/url"
	"slices"
	"strings"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/mask"
)

// Knows says which secrets of an endpoint its caller could read or replace anyway, so that they need not be given again.
type Knows struct {
	Signing    bool // it may read the signing secret
	Credential bool // it may change the endpoint's credential
}

// masked is a configuration with masks in the place of its secrets. Its contract c may be nil: then nobody knows which
// settings are secret, and there are none.
func masked(c *contract.Contract, cfg hook.EndpointConfig) hook.EndpointConfig {
	cfg.Headers = slices.Clone(cfg.Headers)
	for i, h := range cfg.Headers {
		cfg.Headers[i].Value = mask.Header(h)
	}
	cfg.Auth, cfg.TLS = maskedAuth(cfg.Auth), maskedTLS(cfg.TLS)
	switch {
	case c == nil:
		cfg.Settings = nil
	case len(cfg.Settings) > 0:
		cfg.Settings = c.SecretSettings().Hide(cfg.Settings)
	}
	return cfg
}

// restored is a configuration with stored secrets in the place of their masks. A mask that stands for no stored secret
// stays, and is refused later.
func restored(c *contract.Contract, given, stored hook.EndpointConfig) hook.EndpointConfig {
	given.Headers = slices.Clone(given.Headers)
	for i, h := range given.Headers {
		if was, ok := header(stored, h.Name); ok && h.Value == mask.Text {
			given.Headers[i].Value = was
		}
	}
	given.Auth, given.TLS = restoreAuth(given.Auth, stored.Auth), restoreTLS(given.TLS, stored.TLS)
	if given.Settings != nil {
		given.Settings = c.SecretSettings().Restore(given.Settings, stored.Settings)
	}
	return given
}

// header is the value of a header, whatever the case of its name.
func header(cfg hook.EndpointConfig, name string) (string, bool) {
	i := slices.IndexFunc(cfg.Headers, func(h hook.Header) bool { return strings.EqualFold(h.Name, name) })
	if i < 0 {
		return "", false
	}
	return cfg.Headers[i].Value, true
}

// checkMoved refuses a change that sends stored secrets to another host than before: who may change an endpoint, and not
// see its secrets, would get them there. given is the configuration as the caller sees it, with masks for what is kept;
// now is the same with the secrets. Private keys and secrets that only sign stay where they are, so they need not be given
// again.
func checkMoved(c *contract.Contract, e *hook.Endpoint, given, now hook.EndpointConfig, p EndpointPatch) error {
	urlMoved, tokenMoved := moved(e.Config.URL, now.URL), moved(tokenURL(c, e.Config), tokenURL(c, now))
	var wrong []hook.FieldError
	again := func(pointer, to string) {
		wrong = append(wrong, hook.Field(pointer, "secret_again",
			"This secret would go to another address than before: {url}. Give the secret again, or null to remove it.", "url", origin(to)))
	}
	if urlMoved {
		for _, h := range given.Headers {
			if was, ok := header(e.Config, h.Name); ok && was != "" && h.Value == mask.Text {
				again("/headers/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(h.Name), now.URL)
			}
		}
		if c.Scheme() != nil && c.Scheme().Bare && len(e.Secrets) > 0 && p.Secret == nil && !p.Knows.Signing {
			again("/secret", now.URL)
		}
		if e.Config.Credential != nil && c.NeedsCredential() && !p.Knows.Credential {
			wrong = append(wrong, hook.Field("/url", "url_of_credential",
				"The requests carry the key of a credential, and would go to another address than before: {url}. "+
					"Changing that takes a key that may change credentials.", "url", origin(now.URL)))
		}
	}
	to := now.URL
	if tokenMoved {
		to = tokenURL(c, now)
	}
	for i, secret := range given.Auth.Secrets() {
		names := [...]string{"basic/password", "bearer", "oauth2/client_secret"} // in the order of Secrets
		if secret != nil && *secret == mask.Text && (urlMoved || tokenMoved && i == 2) {
			again("/auth/"+names[i], to)
		}
	}
	if urlMoved || tokenMoved && c.OwnsAuth() {
		for _, pointer := range c.MaskedSettings(given.Settings) {
			again(pointer, to)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return hook.InvalidFields("endpoint_invalid", wrong...)
}

// moved reports whether what was sent to one URL and is sent to another from now on goes to another server, or leaves TLS.
// "" is no URL. A change from http to https on the usual ports is no move.
func moved(was, now string) bool {
	if now == "" || was == now {
		return false
	}
	a, errA := url.Parse(was)
	b, errB := url.Parse(now)
	if errA != nil || errB != nil || !strings.EqualFold(a.Hostname(), b.Hostname()) {
		return true
	}
	port := func(u *url.URL) string {
		if p := u.Port(); p != "" {
			return p
		}
		return map[string]string{"http": "80", "https": "443"}[strings.ToLower(u.Scheme)]
	}
	if strings.EqualFold(a.Scheme, b.Scheme) {
		return port(a) != port(b)
	}
	return !strings.EqualFold(a.Scheme, "http") || port(a) != "80" || port(b) != "443"
}

// origin is a URL without what follows its host.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil { // never: it was checked
		return address
	}
	return u.Scheme + "://" + u.Host
}
