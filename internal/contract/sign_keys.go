package contract

import (
	"fmt"
	"slices"
	"strings"

	"gancho/internal/nearest"
	"gancho/internal/sign"
	"gancho/internal/yamlfile"
)

// Whom a certificate is believed.
var keyTrusts = []string{"authority", "host"}

// algorithms reads the algorithm that signs, and those that a receiver takes as well.
func (l *loader) algorithms(n *yamlfile.Node) (first string, also []string) {
	if n.Kind != yamlfile.KindList {
		return l.Str(n), nil
	}
	for _, item := range n.Items {
		also = append(also, l.Str(item))
	}
	if len(also) == 0 {
		l.ProblemAt(n, "The list is empty.", "Write for example [rsa-sha256, rsa-sha1]: the first one signs, and a receiver takes any of them.")
		return "", nil
	}
	return also[0], also[1:]
}

// keySource reads where receivers find the public key.
func (l *loader) keySource(n *yamlfile.Node) *sign.KeySource {
	if n.Kind == yamlfile.KindText {
		return &sign.KeySource{URL: l.Str(n)}
	}
	o, out := l.Object(n, "keys", keysOf["endpoint.sign.keys"]), &sign.KeySource{}
	for key, into := range map[string]*string{"url": &out.URL, "form": &out.Form, "member": &out.Member, "name": &out.Name, "ca": &out.CA} {
		if v := o.Get(key); v != nil {
			*into = l.Str(v)
		}
	}
	if v := o.Get("hosts"); v != nil {
		for _, item := range l.List(v) {
			out.Hosts = append(out.Hosts, l.Str(item))
		}
	}
	if v := o.Get("trust"); v != nil {
		out.HostIsTrust = l.OneOf(v, keyTrusts...) == "host"
	}
	if v := o.Get("auth"); v != nil {
		kinds := l.Object(v, "auth", keysOf["endpoint.sign.keys.auth"])
		client := kinds.Get("oauth2")
		if client == nil {
			l.ProblemAt(v, "auth does not say how keys are fetched.", "Write oauth2: {token_url: …, client_id: …, client_secret: …}, or remove it.")
			return out
		}
		m := l.Object(client, "oauth2", keysOf["endpoint.sign.keys.auth.oauth2"])
		out.Auth = &sign.KeyAuth{}
		for key, into := range map[string]*string{
			"token_url": &out.Auth.TokenURL, "client_id": &out.Auth.ClientID, "client_secret": &out.Auth.ClientSecret, "scope": &out.Auth.Scope,
		} {
			if v := m.Get(key); v != nil {
				*into = l.Str(v)
			}
		}
	}
	return out
}

// signedSettings checks the settings that a signature names.
func (l *loader) signedSettings(e *endpoint, d *sign.Description, at *yamlfile.Node) {
	var names []string
	for _, s := range e.settings.List() {
		names = append(names, s.Name)
	}
	d.EachSetting(func(path []string, shown, proves bool) {
		switch whole := strings.Join(path, "."); {
		case !slices.Contains(names, path[0]):
			fix := "Describe it under endpoint: settings."
			if _, near := nearest.Word(path[0], names); near {
				fix = strings.TrimSpace(nearest.DidYouMean(path[0], names))
			}
			l.ProblemAt(at, fmt.Sprintf("The signature names the setting %s, which the contract does not have.", whole), fix)
		case shown && isAmong(e.settings.Secrets(), path):
			l.ProblemAt(at, fmt.Sprintf("The setting %s holds a secret, and would stand in the request.", whole), "Sign it in over, or name another setting.")
		case proves && !isAmong(e.settings.Secrets(), path):
			l.ProblemAt(at, fmt.Sprintf("The setting %s holds a secret, and everybody would see it.", whole), "Add secret: true to the setting.")
		}
	})
}
