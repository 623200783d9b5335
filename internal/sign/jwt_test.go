package sign

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
)

func jwtDescription() Description {
	return Description{
		JWT: &JWT{
			Claims: []Claim{{"iss", "shop"}, {"sha256", "${body.sha256}"}, {"sent", "${timestamp}"}, {"jti", "${event.id}"}},
			Header: []Claim{{"kid", "k1"}}, Lifetime: time.Minute,
		},
		Places: []Place{{InHeader, []string{"Authorization"}, "Bearer ${signature}"}},
	}
}

// tokenOf is the token in the header of a signed message.
func tokenOf(m Message) string {
	text, _ := m.Header("Authorization")
	return strings.TrimPrefix(text, "Bearer ")
}

// withToken is a message with another token.
func withToken(m Message, token string) Message {
	m.Headers = []hook.Header{{Name: "Authorization", Value: "Bearer " + token}}
	return m
}

// A token has the form of RFC 7519, is verified by what it says, and refused if anything in it or in the request is changed.
func TestJWT(t *testing.T) {
	t.Parallel()
	now := time.Unix(specTime, 0)
	m := Message{ID: "evt_1", Time: now, Method: "POST", URL: "https://example.com/in", Body: []byte(`{"a":1}`)}
	const secret = "your-256-bit-secret"
	s := compileAll(t, jwtDescription())
	signed := signWith(t, s, m, secret)
	parts := strings.Split(tokenOf(signed), ".")
	if len(parts) != 3 {
		t.Fatalf("the token is %q", tokenOf(signed))
	}
	for i, want := range []string{
		`{"alg":"HS256","kid":"k1"}`,
		`{"iss":"shop","sha256":"015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862","sent":1614265330,"jti":"evt_1","iat":1614265330,"exp":1614265390}`,
	} {
		if b, err := base64.RawURLEncoding.DecodeString(parts[i]); err != nil || string(b) != want {
			t.Errorf("part %d is %s, want %s", i, b, want)
		}
	}
	if want := base64url(algorithms[0].sum(&material{shared: []byte(secret)}, []byte(parts[0]+"."+parts[1]))); parts[2] != want {
		t.Errorf("the signature is %s, want %s", parts[2], want)
	}
	if err := verifyWith(t, s, signed, now.Add(time.Minute), "another-secret", secret); err != nil {
		t.Error(err)
	}
	changed := signed
	changed.Body = []byte(`{"a":2}`)
	forge := func(head, claims string) Message {
		begin := base64url([]byte(head)) + "." + base64url([]byte(claims))
		return withToken(m, begin+"."+base64url(algorithms[0].sum(&material{shared: []byte(secret)}, []byte(begin))))
	}
	const claims = `{"iss":"shop","sha256":"015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862","sent":1614265330,"jti":"e"`
	for name, tt := range map[string]struct {
		m    Message
		at   time.Time
		want error
	}{
		"as it is":           {forge(`{"alg":"HS256","kid":"k1","typ":"JWT"}`, claims+`,"exp":1614265390}`), now, nil},
		"other body":         {changed, now, ErrNoMatch},
		"expired":            {signed, now.Add(time.Hour), ErrTooOld},
		"sent later":         {signed, now.Add(-time.Hour), ErrTooNew},
		"not in force":       {forge(`{"alg":"HS256","kid":"k1"}`, claims+`,"exp":1614275390,"nbf":1614275390}`), now, ErrTooNew},
		"no exp":             {forge(`{"alg":"HS256","kid":"k1"}`, claims+`}`), now, ErrNoMatch},
		"other issuer":       {forge(`{"alg":"HS256","kid":"k1"}`, strings.Replace(claims, "shop", "mall", 1)+`,"exp":1614265390}`), now, ErrNoMatch},
		"no id":              {forge(`{"alg":"HS256","kid":"k1"}`, strings.Replace(claims, "jti", "x", 1)+`,"exp":1614265390}`), now, ErrMissing},
		"algorithm none":     {withToken(m, base64url([]byte(`{"alg":"none"}`))+"."+parts[1]+"."), now, ErrNoMatch},
		"other algorithm":    {forge(`{"alg":"HS512","kid":"k1"}`, claims+`,"exp":1614265390}`), now, ErrNoMatch},
		"two algorithms":     {forge(`{"alg":"none","alg":"HS256","kid":"k1"}`, claims+`,"exp":1614265390}`), now, ErrNoMatch},
		"unknown extensions": {forge(`{"alg":"HS256","kid":"k1","crit":["x"]}`, claims+`,"exp":1614265390}`), now, ErrNoMatch},
		"other signature":    {withToken(m, parts[0]+"."+parts[1]+"."+parts[2][:len(parts[2])-2]+"AA"), now, ErrNoMatch},
		"two parts":          {withToken(m, parts[0]+"."+parts[1]), now, ErrNoMatch},
		"no token":           {m, now, ErrMissing},
	} {
		if err := verifyWith(t, s, tt.m, tt.at, secret); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// The token that RFC 7515 prints in A.1 is verified, and so is each algorithm's own.
func TestJWTAlgorithms(t *testing.T) {
	t.Parallel()
	now := time.Unix(specTime, 0)
	printed := "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ" +
		".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	d := Description{JWT: &JWT{}, Key: "base64", Places: []Place{{InHeader, []string{"Authorization"}, "Bearer ${signature}"}}}
	key := "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
	if err := verifyWith(t, compileAll(t, d), withToken(Message{}, printed), time.Unix(1300819000, 0), key); err != nil {
		t.Error(err)
	}
	for name := range jwtNames {
		for _, detached := range []bool{false, true} {
			d := Description{Algorithm: name, JWT: &JWT{Detached: detached, Header: []Claim{{"ts", "${timestamp}"}}}, Places: d.Places}
			s := compileAll(t, d)
			secret := s.sample()
			public, err := s.VerifyKey(secret)
			if err != nil {
				t.Fatal(err)
			}
			m := signWith(t, s, Message{Time: now, Body: []byte(`{"a":1}`)}, secret)
			if err := verifyWith(t, s, m, now, public); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if err := verifyWith(t, s, m, now.Add(time.Hour), public); !errors.Is(err, ErrTooOld) {
				t.Errorf("%s after an hour: %v", name, err)
			}
			other := m
			other.Body = []byte(`{"a":2}`)
			if err := verifyWith(t, s, other, now, public); detached != errors.Is(err, ErrNoMatch) {
				t.Errorf("%s, detached: %v, with another body: %v", name, detached, err)
			}
			if strings.Contains(tokenOf(m), "..") != detached {
				t.Errorf("%s: the token is %s", name, tokenOf(m))
			}
		}
	}
	for fix, change := range map[string]func(*Description){
		"Possible: hmac-sha256": func(d *Description) { d.Algorithm = "hmac-sha1" },
		"Remove it.":            func(d *Description) { d.Over = "${body}" },
		"or remove detached":    func(d *Description) { d.JWT.Detached = true },
		"Name parts":            func(d *Description) { d.JWT.Claims[0].Value = "${secret}" },
		"Make a claim of each":  func(d *Description) { d.JWT.Claims[0].Value = "${nonce}.${body.sha256}" },
		"Sign parts of the body": func(d *Description) {
			d.Places = []Place{{InBody, []string{"token"}, "${signature}"}}
		},
		"or put the signature into a header": func(d *Description) {
			d.JWT, d.Places = &JWT{Detached: true}, []Place{{InBody, []string{"token"}, "${signature}"}}
		},
		`Write for example join`: func(d *Description) { d.Join = new(".") },
		"or remove tolerance":    func(d *Description) { d.JWT, d.Tolerance = &JWT{Detached: true}, time.Minute },
	} {
		d := jwtDescription()
		change(&d)
		if _, problems := Compile(d); len(problems) == 0 || !strings.Contains(problems[0].Fix, fix) {
			t.Errorf("%+v, want %q", problems, fix)
		}
	}
}

// What stands in a header and in the token has to agree: the header alone is not signed.
func TestJWTVouchesForHeaders(t *testing.T) {
	t.Parallel()
	d := jwtDescription()
	d.JWT.Claims = append(d.JWT.Claims, Claim{"once", "${nonce}"})
	d.Places = append(d.Places, Place{InHeader, []string{"X-Id"}, "${event.id}"}, Place{InHeader, []string{"X-Once"}, "${nonce}"})
	now := time.Unix(specTime, 0)
	s := compileAll(t, d)
	signed := signWith(t, s, Message{ID: "evt_1", Time: now, Method: "POST", URL: "https://example.com/in", Body: []byte(`{"a":1}`)}, "your-256-bit-secret")
	if err := verifyWith(t, s, signed, now, "your-256-bit-secret"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"X-Id", "X-Once"} {
		changed := signed
		changed.Headers = slices.Clone(signed.Headers)
		for i := range changed.Headers {
			if changed.Headers[i].Name == name {
				changed.Headers[i].Value = "another"
			}
		}
		if err := verifyWith(t, s, changed, now, "your-256-bit-secret"); !errors.Is(err, ErrNoMatch) {
			t.Errorf("with another %s: %v, want no match", name, err)
		}
	}
}

// A list of signatures knows which headers and parts a token signs.
func TestJWTInAList(t *testing.T) {
	t.Parallel()
	d := jwtDescription()
	d.JWT.Claims = []Claim{{"sum", "${header.x-sum}"}}
	token := compileAll(t, d)
	if got := token.Description.NeedsHeaders(); !slices.Equal(got, []string{"x-sum"}) {
		t.Errorf("the headers that have to be there: %v", got)
	}
	sum := compileAll(t, Description{Places: []Place{{InHeader, []string{"X-Sum"}, "${signature}"}}})
	if _, err := Join(token, sum); err == nil || !strings.Contains(err.Error(), "put it first") {
		t.Errorf("a header that an earlier token signs: %v", err)
	}
	if _, err := Join(sum, token); err != nil {
		t.Error(err)
	}
}
