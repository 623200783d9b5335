package sign

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// A token is the secret itself, in a header, in the query or in the body, as text or in Base64.
func TestToken(t *testing.T) {
	t.Parallel()
	now := time.Unix(specTime, 0)
	for name, tt := range map[string]struct {
		place    Place
		encoding string
		secret   string
		want     Message
	}{
		"header": {
			Place{InHeader, []string{"X-Gitlab-Token"}, "${signature}"},
			"", "glpat-12345678",
			Message{URL: "https://example.com/in", Body: []byte(`{"a":1}`), Headers: []hook.Header{{Name: "X-Gitlab-Token", Value: "glpat-12345678"}}},
		},
		"bearer": {
			Place{InHeader, []string{"Authorization"}, "Bearer ${signature}"},
			"text", "t0ken/t0ken==",
			Message{URL: "https://example.com/in", Body: []byte(`{"a":1}`), Headers: []hook.Header{{Name: "Authorization", Value: "Bearer t0ken/t0ken=="}}},
		},
		"basic": {
			Place{InHeader, []string{"Authorization"}, "Basic ${signature}"}, "base64", "Aladdin:open sesame", // RFC 7617
			Message{
				URL: "https://example.com/in", Body: []byte(`{"a":1}`),
				Headers: []hook.Header{{Name: "Authorization", Value: "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}},
			},
		},
		"query": {
			Place{InQuery, []string{"token"}, "${signature}"},
			"", "12345678&9",
			Message{URL: "https://example.com/in?token=12345678%269", Body: []byte(`{"a":1}`)},
		},
		"body": {
			Place{InBody, []string{"hottok"}, "${signature}"},
			"", "12345678",
			Message{URL: "https://example.com/in", Body: []byte(`{"a":1,"hottok":"12345678"}`)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := compileAll(t, Description{Algorithm: "token", Encoding: tt.encoding, Places: []Place{tt.place}})
			if !s.Bare {
				t.Error("the scheme does not say that the secret stands in requests")
			}
			signed := signWith(t, s, Message{URL: "https://example.com/in", Body: []byte(`{"a":1}`)}, tt.secret)
			if diff := cmp.Diff(tt.want, signed); diff != "" {
				t.Error(diff)
			}
			if err := verifyWith(t, s, signed, now, "another-token", tt.secret); err != nil {
				t.Error(err)
			}
			for _, wrong := range []string{"another-token", tt.secret + "x", strings.ToUpper(tt.secret) + "Y"} {
				if err := verifyWith(t, s, signed, now, wrong); !errors.Is(err, ErrNoMatch) {
					t.Errorf("with %q: %v, want no match", wrong, err)
				}
			}
			if err := verifyWith(t, s, Message{URL: "https://example.com/in", Body: []byte(`{"a":1}`)}, now, tt.secret); !errors.Is(err, ErrMissing) {
				t.Errorf("without the token: %v, want missing", err)
			}
		})
	}
	plain := Description{Algorithm: "token", Places: []Place{{InHeader, []string{"X-Token"}, "${signature}"}}}
	if err := compileAll(t, plain).Check("with a space"); !errors.Is(err, ErrSecret) {
		t.Errorf("a token with a space in it: %v", err)
	}
	for _, tt := range []struct {
		change func(*Description)
		fix    string
	}{
		{func(d *Description) { d.Over = "${body}" }, "Remove over"},
		{func(d *Description) { d.Key = "hex" }, "Possible: text."},
		{func(d *Description) { d.Algorithm, d.Encoding = "", "text" }, "Write hex, base64 or base64url."},
	} {
		d := plain
		tt.change(&d)
		if _, problems := Compile(d); len(problems) == 0 || !strings.Contains(problems[0].Fix, tt.fix) {
			t.Errorf("%+v gives %+v, want %q", d, problems, tt.fix)
		}
	}
}

// A signature over several lines, with the header Date and a sum of the body in the header Digest, as HTTP signatures
// (draft-cavage-http-signatures) have them.
func TestLinesDateAndDigest(t *testing.T) {
	t.Parallel()
	d := Description{
		Over:      "(request-target): ${lower(method)} ${path}\nhost: ${host}\ndate: ${timestamp}\ndigest: ${header.digest}\nurl: ${sha256(url)}",
		Timestamp: "http", Encoding: "base64",
		Places: []Place{
			{InHeader, []string{"Date"}, "${timestamp}"},
			{InHeader, []string{"Digest"}, "sha-256=${body.sha256.base64}"},
			{InHeader, []string{"Signature"}, `keyid="a", signature="${signature}", headers="(request-target) host date digest"`},
		},
	}
	now := time.Unix(specTime, 0)
	s := compileAll(t, d)
	m := Message{Method: "POST", URL: "https://example.com:8443?a=1", Body: []byte(`{"a":1}`), Time: now}
	signed := signWith(t, s, m, "secret-secret")
	sum := sha256.Sum256(m.Body)
	digest := "sha-256=" + base64.StdEncoding.EncodeToString(sum[:])
	over := "(request-target): post /\nhost: example.com:8443\ndate: Thu, 25 Feb 2021 15:02:10 GMT\ndigest: " + digest +
		"\nurl: " + functions["sha256"]("https://example.com:8443/?a=1")
	mac := base64.StdEncoding.EncodeToString(algorithms[0].sum(&material{shared: []byte("secret-secret")}, []byte(over)))
	want := []hook.Header{
		{Name: "Date", Value: "Thu, 25 Feb 2021 15:02:10 GMT"},
		{Name: "Digest", Value: digest},
		{Name: "Signature", Value: `keyid="a", signature="` + mac + `", headers="(request-target) host date digest"`},
	}
	if diff := cmp.Diff(want, signed.Headers); diff != "" {
		t.Error(diff)
	}
	if err := verifyWith(t, s, signed, now.Add(time.Minute), "secret-secret"); err != nil {
		t.Error(err)
	}
	if err := verifyWith(t, s, signed, now.Add(time.Hour), "secret-secret"); !errors.Is(err, ErrTooOld) {
		t.Errorf("after an hour: %v, want too old", err)
	}
	changed := signed
	changed.Body = []byte(`{"a":2}`)
	if err := verifyWith(t, s, changed, now, "secret-secret"); !errors.Is(err, ErrNoMatch) {
		t.Errorf("with another body: %v, want no match", err)
	}
	if _, problems := Compile(Description{Places: []Place{{InHeader, []string{"X-A"}, "a\n${signature}"}}}); len(problems) == 0 {
		t.Error("a header with a line break is accepted")
	}
}
