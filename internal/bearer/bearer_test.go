package bearer_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gancho/internal/bearer"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

func how(t testing.TB) contract.Credentials {
	t.Helper()
	c, err := contract.Parse("t.yaml", []byte("contract: t\ntitle: T\nevents: {e: {title: E}}\ncredentials:\n"+
		"  api_key: {length: 20, alphabet: a-z}\n  secret: {length: 20, alphabet: a-z}\n"+
		"  token: {lifetime: 730h, claims: {apiKey: \"${credential.api_key}\", sub: {id: \"${credential.id}\"}, nbf: later, name: \"${credential.name}\"}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	cr, _ := c.Credentials()
	return cr
}

func credential() *hook.Credential {
	c := &hook.Credential{ID: hook.NewCredentialID(), Tenant: "acme", Contract: "t", Name: `<Mi "App">`, APIKey: "k3y", State: hook.CredentialActive}
	bearer.Renew(c)
	return c
}

func issue(t *testing.T, c *hook.Credential, now time.Time) string {
	t.Helper()
	token, err := bearer.Issue(c, how(t), now)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

var start = time.Date(2023, 9, 23, 14, 9, 48, 0, time.UTC)

func TestLifetime(t *testing.T) {
	t.Parallel()
	c := credential()
	token := issue(t, c, start)
	if want := start.Add(730 * time.Hour); !c.TokenExpires.Equal(want) {
		t.Errorf("good until %v, want %v", c.TokenExpires, want)
	}
	if id, err := bearer.CredentialOf(token); err != nil || id != c.ID {
		t.Error(id, err)
	}
	for after, want := range map[time.Duration]error{0: nil, time.Hour: nil, 730*time.Hour - time.Second: nil, 730 * time.Hour: bearer.ErrExpired, 10000 * time.Hour: bearer.ErrExpired} {
		if err := bearer.Check(token, c, start.Add(after)); !errors.Is(err, want) {
			t.Errorf("after %v: %v, want %v", after, err, want)
		}
	}
	c.State = hook.CredentialPaused
	if err := bearer.Check(token, c, start); !errors.Is(err, bearer.ErrPaused) {
		t.Error("paused:", err)
	}
	if err := bearer.Check(token, c, start.Add(731*time.Hour)); !errors.Is(err, bearer.ErrExpired) {
		t.Error("paused and expired:", err)
	}
	c.State = hook.CredentialActive
	second := issue(t, c, start)
	if second == token {
		t.Error("two tokens of one moment are the same")
	}
	bearer.Renew(c)
	for _, old := range []string{token, second} {
		if err := bearer.Check(old, c, start); !errors.Is(err, bearer.ErrInvalid) {
			t.Error("after a new key:", err)
		}
	}
	if err := bearer.Check(issue(t, c, start), c, start); err != nil {
		t.Error("with the new key:", err)
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	c := credential()
	parts := strings.Split(issue(t, c, start), ".")
	var header, claims map[string]any
	for i, into := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatal(err)
		}
	}
	if header["alg"] != "HS256" || header["typ"] != "JWT" || header["kid"] != c.ID.String()+".1" {
		t.Errorf("header %v", header)
	}
	if claims["apiKey"] != "k3y" || claims["name"] != c.Name || claims["iat"] != 1695478188.0 || claims["exp"] != 1698106188.0 || claims["jti"] == "" {
		t.Errorf("claims %v", claims)
	}
}

// TestForged changes each part of a token.
func TestForged(t *testing.T) {
	t.Parallel()
	c, other := credential(), credential()
	token := issue(t, c, start)
	parts := strings.Split(token, ".")
	sign := func(m jwt.SigningMethod, key any, kid any, claims string) string {
		var parsed jwt.MapClaims
		if err := json.Unmarshal([]byte(claims), &parsed); err != nil {
			t.Fatal(err)
		}
		x := jwt.NewWithClaims(m, parsed)
		x.Header["kid"] = kid
		out, err := x.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	kid := c.ID.String() + ".1"
	const good = `{"exp":1698106188}`
	if err := bearer.Check(sign(jwt.SigningMethodHS256, c.TokenKey, kid, good), c, start); err != nil {
		t.Fatal("the forger does not know how:", err)
	}
	for name, forged := range map[string]string{
		"no algorithm":             sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, good),
		"another algorithm":        sign(jwt.SigningMethodHS512, c.TokenKey, kid, good),
		"another key":              sign(jwt.SigningMethodHS256, other.TokenKey, kid, good),
		"an empty key":             sign(jwt.SigningMethodHS256, []byte{}, kid, good),
		"another credential":       issue(t, other, start),
		"the other's kid":          sign(jwt.SigningMethodHS256, c.TokenKey, other.ID.String()+".1", good),
		"another generation":       sign(jwt.SigningMethodHS256, c.TokenKey, c.ID.String()+".2", good),
		"a kid that is no text":    sign(jwt.SigningMethodHS256, c.TokenKey, 1, good),
		"without an end":           sign(jwt.SigningMethodHS256, c.TokenKey, kid, `{}`),
		"an end that is null":      sign(jwt.SigningMethodHS256, c.TokenKey, kid, `{"exp":null}`),
		"an end that is text":      sign(jwt.SigningMethodHS256, c.TokenKey, kid, `{"exp":"later"}`),
		"another signature":        parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 32)),
		"no signature":             parts[0] + "." + parts[1] + ".",
		"two parts":                parts[0] + "." + parts[1],
		"other claims":             parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"exp":9999999999}`)) + "." + parts[2],
		"other claims, no JSON":    parts[0] + ".e30x." + parts[2],
		"padded":                   token + "=",
		"a space":                  " " + token,
		"very long":                token + strings.Repeat("A", bearer.MaxLength),
		"nothing":                  "",
		"dots":                     "..",
		"an API key":               "gk_0123456789abcdef",
		"spare bits":               token[:len(token)-1] + spare(token[len(token)-1]),
		"a member more than once?": parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"exp":9999999999,"exp":1698106188}`)) + "." + parts[2],
	} {
		if err := bearer.Check(forged, c, start); !errors.Is(err, bearer.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		if id, err := bearer.CredentialOf(forged); err != nil && !errors.Is(err, bearer.ErrInvalid) || err == nil && id != c.ID && id != other.ID {
			t.Errorf("%s: %v %v", name, id, err)
		}
	}
}

// spare is another letter of base64 that decodes to the same bytes at the end of a text.
func spare(last byte) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(letters[slices.Index([]byte(letters), last)^1])
}

// FuzzToken: only the token that was issued is taken, and whatever else comes is refused with one of three errors.
func FuzzToken(f *testing.F) {
	c := credential()
	token, err := bearer.Issue(c, how(f), start)
	if err != nil {
		f.Fatal(err)
	}
	parts := strings.Split(token, ".")
	decode := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	head, claims, signature := decode(parts[0]), decode(parts[1]), decode(parts[2])
	f.Add(head, claims, signature)
	f.Add([]byte(`{"alg":"none","kid":"`+c.ID.String()+`.1"}`), claims, []byte{})
	f.Add([]byte(`{"alg":"HS256","kid":7}`), []byte(`{"exp":1e400}`), signature)
	f.Add([]byte(`{"alg":"HS256","kid":"`+c.ID.String()+`.1"}`), []byte(`{"exp":"x"}`), []byte("x"))
	f.Fuzz(func(t *testing.T, a, b, sum []byte) {
		text := base64.RawURLEncoding.EncodeToString(a) + "." + base64.RawURLEncoding.EncodeToString(b) + "." + base64.RawURLEncoding.EncodeToString(sum)
		for _, token := range []string{text, string(a), string(a) + "." + string(b)} {
			if _, err := bearer.CredentialOf(token); err != nil && !errors.Is(err, bearer.ErrInvalid) {
				t.Fatalf("%q: %v", token, err)
			}
			err := bearer.Check(token, c, start)
			if err == nil && (string(a) != string(head) || string(b) != string(claims) || string(sum) != string(signature)) {
				t.Fatalf("%q is taken, and was never issued", token)
			}
			if err != nil && !errors.Is(err, bearer.ErrInvalid) {
				t.Fatalf("%q: %v", token, err)
			}
		}
	})
}
