package mask

import (
	"net/url"
	"slices"
	"strings"

	"gancho/internal/hook"
)

// What somebody sees who may see no secret at all. Nobody can tell which part of an address is a secret, so only scheme
// and host of it are shown, and of headers only those that are known to hold none.

// plainHeaders are headers, in lower case, whose values are no secrets.
var plainHeaders = []string{
	"accept", "allow", "cache-control", "connection", "content-encoding", "content-length", "content-type", "date", "host",
	"keep-alive", "retry-after", "server", "transfer-encoding", "user-agent", "vary", "webhook-id", "webhook-timestamp",
	"x-powered-by",
}

// Address is a URL with the mask in the place of everything but scheme, host and port.
func Address(address string) string {
	if address == "" {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return Text
	}
	shown := u.Scheme + "://" + u.Host
	if u.Path == "" || u.Path == "/" {
		shown += u.Path
	} else {
		shown += "/" + Text
	}
	if u.RawQuery != "" {
		shown += "?" + Text
	}
	return shown
}

// PlainHeaders is a list of headers with the mask in the place of each value that may be a secret.
func PlainHeaders(list []hook.Header) []hook.Header {
	list = slices.Clone(list)
	for i, h := range list {
		if h.Value != "" && !slices.Contains(plainHeaders, strings.ToLower(h.Name)) {
			list[i].Value = Text
		}
	}
	return list
}

// Auth is how an endpoint authenticates, with the mask in the place of everything but its kind and the host of its
// tokens.
func Auth(a *hook.Auth) *hook.Auth {
	a = a.Clone()
	hide := func(texts ...*string) {
		for _, s := range texts {
			if *s != "" {
				*s = Text
			}
		}
	}
	switch {
	case a == nil:
	case a.Basic != nil:
		hide(&a.Basic.User, &a.Basic.Password)
	case a.OAuth2 != nil:
		o := a.OAuth2
		hide(&o.ClientID, &o.ClientSecret, &o.Scope, &o.Audience)
		o.TokenURL = Address(o.TokenURL)
	default:
		hide(&a.Bearer)
	}
	return a
}

// minPart is the length in bytes from which a part of a URL or a header's value may be a secret by itself. Shorter ones
// tend to be words that stand everywhere.
const minPart = 8

// InAny lists what [Address] and [PlainHeaders] hide of a URL and headers, as far as it is long enough to be a secret.
func InAny(address string, headers []hook.Header) (secrets []string) {
	add := func(list ...string) {
		for _, s := range list {
			if len(s) >= minPart {
				secrets = append(secrets, s)
			}
		}
	}
	for _, h := range headers {
		if !slices.Contains(plainHeaders, strings.ToLower(h.Name)) {
			add(h.Value)
			add(behindWord(h.Value)...)
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return secrets
	}
	if password, ok := u.User.Password(); ok {
		add(password)
	}
	add(u.User.Username())
	for _, part := range slices.Concat(strings.Split(u.Path, "/"), strings.Split(u.EscapedPath(), "/")) {
		add(part)
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		add(value)
		if plain, err := url.QueryUnescape(value); err == nil {
			add(plain)
		}
	}
	return secrets
}
