package mask

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"gancho/internal/hook"
)

// NamesCredential reports whether a header or query parameter of that name holds a credential: the name speaks of a
// token, key, secret, password, signature, cookie, session or authorization.
func NamesCredential(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"auth", "cookie", "token", "key", "secret", "passw", "signature", "credential", "session"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// Header is the value of a configured header as people may see it: the mask if its name is that of a credential.
func Header(h hook.Header) string {
	if NamesCredential(h.Name) && h.Value != "" {
		return Text
	}
	return h.Value
}

// InRequest lists the secrets that a URL and headers hold under names that speak of credentials, and what such a
// header has behind a word such as "Bearer".
func InRequest(address string, headers []hook.Header) (secrets []string) {
	for _, h := range headers {
		if NamesCredential(h.Name) {
			secrets = append(secrets, h.Value)
			secrets = append(secrets, behindWord(h.Value)...)
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return secrets
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if !NamesCredential(name) {
			continue
		}
		secrets = append(secrets, value) // as it stands in the URL…
		if plain, err := url.QueryUnescape(value); err == nil {
			secrets = append(secrets, plain) // …and as a receiver may send it back
		}
	}
	return secrets
}

// InSetting lists the secrets in the value of a secret setting: the value, and what it has behind a word such as
// "Bearer".
func InSetting(value string) []string {
	secrets := []string{value}
	if word, _, ok := strings.Cut(value, " "); ok && slices.Contains(authWords, strings.ToLower(word)) {
		secrets = append(secrets, behindWord(value)...)
	}
	return secrets
}

// authWords stand before a secret and are no secrets themselves.
var authWords = []string{"basic", "bearer", "token", "apikey"}

// minPassword is the length in bytes from which the password in "Basic …" is hidden where it stands alone. Shorter ones
// tend to be words that stand everywhere.
const minPassword = 8

// behindWord lists what a value such as "Bearer …" holds behind its first word. Of a name and password (RFC 7617) these
// are also the two as a receiver reads them.
func behindWord(value string) (secrets []string) {
	word, rest, _ := strings.Cut(value, " ")
	rest = strings.TrimSpace(rest)
	secrets = append(secrets, rest)
	if plain, err := base64.StdEncoding.DecodeString(rest); err == nil && strings.EqualFold(word, "basic") {
		secrets = append(secrets, string(plain))
		if _, password, _ := strings.Cut(string(plain), ":"); len(password) >= minPassword {
			secrets = append(secrets, password)
		}
	}
	return secrets
}
