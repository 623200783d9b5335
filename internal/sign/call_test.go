package sign

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"
)

// Functions take sources, texts in quotes and other functions, one after the other.
func TestFunctions(t *testing.T) {
	t.Parallel()
	sum := func(s string) string { b := sha256.Sum256([]byte(s)); return hex.EncodeToString(b[:]) }
	m := Message{Method: "post", URL: "https://A.example/in/x?b=2&a=1", Body: []byte("{}")}
	for template, want := range map[string]string{
		`${sha256(method, '&', path, "&", query)}`: sum("post&/in/x&b=2&a=1"),
		`${upper(method)}`:                         "POST",
		`${upper( method , '-' , lower("AbC") )}`:  "POST-ABC",
		`${sha256(sha256(body), ', ()')}`:          sum(sum("{}") + ", ()"),
		`${urlencode("a b+c/~é&=*'")}`:             "a%20b%2Bc%2F~%C3%A9%26%3D%2A%27",
		`${urlencode(urlencode(' '), path)}`:       "%2520%2Fin%2Fx",
		`${base64(body, '~')}`:                     "e31+",
		`${sha256('')}`:                            sum(""),
		`a[${lower(header.x)}]b`:                   "ab",
		`a[${sha256(method, header.x)}]b`:          "ab",
		`${upper(url.query.sorted)}`:               "A=1&B=2",
	} {
		text, err := parseText(template)
		if err != nil {
			t.Errorf("%s: %v", template, err)
			continue
		}
		if got, absent := text.render(&values{m: &m}); got != want || absent != nil {
			t.Errorf("%s is %q (absent: %v), want %q", template, got, absent, want)
		}
	}
	for template, want := range map[string]string{
		`${sha256(method, path}`: "cannot be read",
		`${sha256()}`:            "cannot be read",
		`${sha256(method,)}`:     "cannot be read",
		`${sha256(method path)}`: "cannot be read",
		`${sha256('a)}`:          "cannot be read",
		`${md4(method)}`:         "Functions: ",
		`${sha256(payload)}`:     "there is no ${payload}",
		`${` + strings.Repeat("lower(", 20) + `url` + strings.Repeat(")", 20) + `}`: "inside one another",
	} {
		if _, err := parseText(template); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", template, err, want)
		}
	}
}

// The query in its canonical forms, as those print them who demand them.
func TestCanonicalQuery(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][2]string{
		// developer.atlassian.com, Understanding JWT: the example for a query string hash
		"http://localhost:2990/path/to/service?zee_last=param&repeated=parameter 1&first=param&repeated=parameter 2": {
			"first=param&repeated=parameter%201&repeated=parameter%202&zee_last=param",
			"first=param&repeated=parameter%201,parameter%202&zee_last=param",
		},
		"https://a.example":                       {"", ""},
		"https://a.example?":                      {"", ""},
		"https://a.example/?b&a=&B=%2a+%7e&b=%2C": {"B=%2A%20~&a=&b=&b=%2C", "B=%2A%20~&a=&b=,%2C"},
		"https://a.example/?a=2&a=10&a-b=1&&":     {"a=10&a=2&a-b=1", "a=10,2&a-b=1"},
		"https://a.example/?a=%zz&jwt=x":          {"a=%25zz", "a=%25zz"},
	} {
		v := values{m: &Message{URL: address}, strip: []string{"jwt"}}
		for i, source := range []string{"${url.query.sorted}", "${url.query.grouped}"} {
			text, err := parseText(source)
			if err != nil {
				t.Fatal(err)
			}
			if got, absent := text.render(&v); got != want[i] || absent != nil {
				t.Errorf("%s of %s is %q (absent: %v), want %q", source, address, got, absent, want[i])
			}
		}
	}
}

// A claim can be the sum of parts of the request. The sum is the one that Atlassian's document for Bitbucket prints for
// GET&/test&param=value.
func TestClaimOfTheAddress(t *testing.T) {
	t.Parallel()
	d := Description{
		JWT: &JWT{
			Claims:   []Claim{{"iss", "jira"}, {"qsh", "${sha256(upper(method), '&', path, '&', url.query.grouped)}"}},
			Lifetime: 3 * time.Minute,
		},
		Places: []Place{inHeader("Authorization", "JWT ${signature}")},
	}
	s, now := compileAll(t, d), time.Unix(specTime, 0)
	m := signWith(t, s, Message{Time: now, Method: "GET", URL: "https://api.bitbucket.org/test?param=value"}, "shared-secret")
	text, _ := m.Header("Authorization")
	claims, _ := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[1])
	if got := member(claims, "qsh"); got != "be16910858a41fd19ea5c1b4e9decca9a784d1024cb00b2158defe2f29dc86dd" {
		t.Errorf("qsh is %s", got)
	}
	if err := verifyWith(t, s, m, now, "shared-secret"); err != nil {
		t.Error(err)
	}
	for _, address := range []string{"https://api.bitbucket.org/test?param=other", "https://api.bitbucket.org/other?param=value"} {
		other := m
		other.URL = address
		if err := verifyWith(t, s, other, now, "shared-secret"); err == nil {
			t.Errorf("the token is accepted at %s", address)
		}
	}
	// what a receiver reads back from the token cannot be changed there
	for _, value := range []string{"${sha256(timestamp)}", "${upper(event.id)}", "${lower(nonce, 'x')}"} {
		d.JWT = &JWT{Claims: []Claim{{"x", value}}}
		if _, problems := Compile(d); len(problems) != 1 || !strings.Contains(problems[0].Message, "reads back") {
			t.Errorf("%s: %+v", value, problems)
		}
	}
}

// A claim that is a setting is compared if the receiver was told the setting, and otherwise left to the key.
func TestClaimOfASetting(t *testing.T) {
	t.Parallel()
	d := Description{
		JWT:    &JWT{Claims: []Claim{{"iss", "${settings.client_key}"}, {"sha256", "${body.sha256}"}}},
		Places: []Place{inHeader("Authorization", "JWT ${signature}")},
	}
	s := compileAll(t, d)
	m := signWith(t, s, Message{Body: []byte("{}"), Settings: []byte(`{"client_key":"a"}`)}, "shared-secret")
	for settings, fits := range map[string]bool{`{"client_key":"a"}`: true, `{"client_key":"b"}`: false, `{}`: false, "": true} {
		if m.Settings = []byte(settings); settings == "" {
			m.Settings = nil
		}
		if err := verifyWith(t, s, m, time.Now(), "shared-secret"); fits != (err == nil) {
			t.Errorf("with the settings %s: %v", settings, err)
		}
	}
}

// A published key can be that of many senders, so a claim that is a setting is not left to it.
func TestClaimOfASettingWithAPublishedKey(t *testing.T) {
	t.Parallel()
	s := mustCompile(t, Description{
		Algorithm: "ed25519", JWT: &JWT{Claims: []Claim{{"aud", "${settings.app}"}}},
		Places: []Place{inHeader("Authorization", "JWT ${signature}")}, Keys: &KeySource{URL: "https://login.example/jwks.json"},
	})
	secret := s.NewSecret()
	m := signedBy(t, s, secret, Message{Settings: []byte(`{"app":"theirs"}`)})
	doc, err := s.PublishKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	for settings, want := range map[string]error{`{"app":"theirs"}`: nil, `{"app":"ours"}`: ErrNoMatch, "": ErrNoMatch} {
		if m.Settings = []byte(settings); settings == "" {
			m.Settings = nil
		}
		if err := verify(s, m, string(doc), publishedAt); !errors.Is(err, want) {
			t.Errorf("with the settings %s: %v, want %v", settings, err, want)
		}
	}
}
