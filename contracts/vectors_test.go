package contracts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho/contracts"
	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/sign"
)

// published is a signature that somebody published.
type published struct {
	library string // the contract of the library
	header  string // the signature stands in it
	text    string // the header as it was published
	secret  string
	m       sign.Message // without the headers of the signature
}

// vector is one entry of vectors.json.
type vector struct {
	Scheme, Secret, Token, Private, ID, Method, URI, URL, Body, Signature string
	Timestamp                                                             int64
	Params                                                                map[string]string
}

// vectors reads the published signatures, those of package sign and some more.
func vectors(t *testing.T) (list []published) {
	t.Helper()
	raw, err := os.ReadFile("../internal/sign/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	type section struct{ Vectors []vector }
	var file struct {
		GitHub, Shopify, Slack, Twilio section
		HubSpot                        struct{ V1, V3 section }
		Standard                       struct{ Positive []vector } `json:"standard-webhooks"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	add := func(library, header string, vectors []vector) {
		for _, v := range vectors {
			p := published{library: library, header: header, text: v.Signature, secret: v.Secret + v.Token + v.Private}
			if n := len(p.secret); n < 8 { // too short for a secret; the HMAC is the same with zeros behind it
				p.secret += strings.Repeat("\x00", 8-n)
			}
			if library == "standard-webhooks" && !strings.HasPrefix(p.secret, "wh") {
				p.secret = "whsec_" + p.secret // the built-in scheme demands it
			}
			p.m = sign.Message{ID: v.ID, Method: v.Method, URL: v.URI + v.URL, Body: []byte(v.Body), Time: time.Unix(v.Timestamp, 0)}
			if v.Timestamp > 1e11 {
				p.m.Time = time.UnixMilli(v.Timestamp)
			}
			if v.Params != nil {
				form := url.Values{}
				for name, value := range v.Params {
					form.Set(name, value)
				}
				p.m.Body = []byte(form.Encode())
				p.m.Headers = []hook.Header{{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}}
			}
			list = append(list, p)
		}
	}
	add("github", "X-Hub-Signature-256", file.GitHub.Vectors)
	add("shopify", "X-Shopify-Hmac-Sha256", file.Shopify.Vectors)
	add("slack-events", "X-Slack-Signature", file.Slack.Vectors)
	add("twilio", "X-Twilio-Signature", file.Twilio.Vectors)
	add("hubspot", "X-HubSpot-Signature", file.HubSpot.V1.Vectors)
	add("hubspot", "X-HubSpot-Signature-v3", file.HubSpot.V3.Vectors)
	add("standard-webhooks", "webhook-signature", file.Standard.Positive)
	if len(list) != 18 {
		t.Errorf("%d of the file, want 18: all but the two of HubSpot's second version, which package sign has", len(list))
	}
	// What the system's own library signs. Its tests write the address with a space in it.
	list = append(list, published{
		library: "contentful", header: "X-Contentful-Signature", secret: strings.Repeat("a", 32) + strings.Repeat("b", 32),
		text: "8dec81505760a10b542fbc36d3aa0a772b11f759eca7b2351daaf5bba8c7c6f1",
		m: sign.Message{
			Method: "POST", URL: "https://a.example/trigger/SW5zdGFuY2VGbG93Q29uZmlnOjE=", Time: time.UnixMilli(1767225600000),
			Body:    []byte(contentfulBody),
			Headers: []hook.Header{{Name: "Content-Type", Value: "application/vnd.contentful.management.v1+json"}, {Name: "X-Contentful-Topic", Value: "ContentManagement.Entry.publish"}},
		},
	})
	return list
}

const contentfulBody = `{"sys":{"id":"5KsDBWseXY6QegucYAoacS","type":"Entry"},"fields":{"title":{"en-US":"Hello, World!"}}}`

// schemeOf is the signature of a contract of the library that stands in a header.
func schemeOf(t *testing.T, library, header string) *sign.Scheme {
	t.Helper()
	c, _, err := contract.NewLibrary(contracts.Library()).Find(library)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(slices.Clone(c.Scheme().Parts), c.Scheme()) {
		if s.Carries(header) {
			return s
		}
	}
	t.Fatalf("%s has no signature in %s", library, header)
	return nil
}

// The contracts of the library make the signatures that were published, and verify them.
func TestPublishedSignatures(t *testing.T) {
	t.Parallel()
	for i, p := range vectors(t) {
		t.Run(fmt.Sprint(p.library, " ", i), func(t *testing.T) {
			t.Parallel()
			s := schemeOf(t, p.library, p.header)
			signer, err := s.NewSigner([]hook.Secret{{Text: p.secret}})
			if err != nil {
				t.Fatal(err)
			}
			signed, err := signer.Sign(p.m)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := signed.Header(p.header); got != p.text {
				t.Errorf("it is signed %s, and %s was published", got, p.text)
			}
			key, err := s.VerifyKey(p.secret)
			if err != nil {
				t.Fatal(err)
			}
			verifies(t, s, signed, p.m.Time, nil, key)
			other := signed
			other.Body = []byte("{}")
			verifies(t, s, other, p.m.Time, sign.ErrNoMatch, key)
		})
	}
}

func verifies(t *testing.T, s *sign.Scheme, m sign.Message, now time.Time, want error, keys ...string) {
	t.Helper()
	v, err := s.NewVerifier(0, keys...)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Verify(m, now); !errors.Is(err, want) || want == nil && err != nil {
		t.Errorf("got %v, want %v", err, want)
	}
}

// A request as another sender writes it: with a list of other headers, and with a query.
func TestPublishedContentful(t *testing.T) {
	t.Parallel()
	m := sign.Message{
		Method: "POST", URL: "https://a.example/trigger/abc?foo=bar baz&x=1", Body: []byte(contentfulBody),
		Headers: []hook.Header{
			{Name: "x-contentful-webhook-name", Value: " My Hook "},
			{Name: "x-contentful-signature", Value: "c8c83deb1a865012752f66594e6228056c826fd7227a70361b3a304e124555ec"},
			{Name: "x-contentful-signed-headers", Value: "x-contentful-signed-headers,x-contentful-timestamp,x-contentful-webhook-name"},
			{Name: "x-contentful-timestamp", Value: "1767225600000"},
		},
	}
	s, secret := schemeOf(t, "contentful", "X-Contentful-Signature"), strings.Repeat("a", 32)+strings.Repeat("b", 32)
	verifies(t, s, m, time.UnixMilli(1767225600000), nil, secret)
	verifies(t, s, m, time.UnixMilli(1767225631000), sign.ErrTooOld, secret)
	m.Headers[0].Value = "Another"
	verifies(t, s, m, time.UnixMilli(1767225600000), sign.ErrNoMatch, secret)
}

// The examples in the tests of Hook0's clients, whose secret is shorter than ours may be.
func TestPublishedHook0(t *testing.T) {
	t.Parallel()
	s, secret, now := schemeOf(t, "hook0", "X-Hook0-Signature"), "secret\x00\x00", time.Unix(1636936200, 0)
	signer, err := s.NewSigner([]hook.Secret{{Text: secret}})
	if err != nil {
		t.Fatal(err)
	}
	m := sign.Message{Time: now, Body: []byte("hello !"), Headers: []hook.Header{
		{Name: "X-EVENT-TYPE", Value: "service.resource.verb"}, {Name: "X-Event-Id", Value: "1a01cb48-5142-4d9b-8f90-d20cca61f0ee"},
	}}
	signed, err := signer.Sign(m)
	if err != nil {
		t.Fatal(err)
	}
	const want = "t=1636936200,h=x-event-id x-event-type,v1=bc521546ba5de381b12f135782d2008b028c3065c191760b12b76850a8fc8f51"
	if got, _ := signed.Header("X-Hook0-Signature"); got != want {
		t.Errorf("it is signed %s, and %s was published", got, want)
	}
	verifies(t, s, signed, now, nil, secret)
	signed.Headers[0].Value = "service.resource.noun"
	verifies(t, s, signed, now, sign.ErrNoMatch, secret)
	other := sign.Message{Body: []byte("hello !"), Headers: []hook.Header{
		{Name: "X-Test", Value: "val1"},
		{Name: "X-Test2", Value: "val2"},
		{Name: "X-Hook0-Signature", Value: "t=1636936200,h=x-test x-test2,v1=493c35f05443fdb74cb99fd4f00e0e7653c2ab6b24fbc97f4a7bd4d56b31758a"},
	}}
	verifies(t, s, other, now, nil, secret)
	other.Headers = other.Headers[1:]
	verifies(t, s, other, now, sign.ErrMissing, secret)
}

// What the official libraries of Standard Webhooks accept and refuse.
func TestPublishedCases(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../internal/sign/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Standard struct {
			Now   int64 `json:"now_for_checks"`
			Cases []struct {
				Name, Secret, Body, Expect string
				Headers                    map[string]string
				Now                        int64
			}
		} `json:"standard-webhooks"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if n := len(file.Standard.Cases); n != 17 {
		t.Errorf("%d cases, want 17", n)
	}
	for _, x := range file.Standard.Cases {
		v, err := sign.StandardWebhooks.NewVerifier(0, x.Secret)
		if strings.HasPrefix(x.Expect, "constructor error") {
			if err == nil || sign.StandardWebhooks.Check(x.Secret) == nil {
				t.Errorf("%s: the secret is taken", x.Name)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", x.Name, err)
			continue
		}
		m, now := sign.Message{Body: []byte(x.Body)}, file.Standard.Now
		for name, value := range x.Headers {
			m.Headers = append(m.Headers, hook.Header{Name: name, Value: value})
		}
		if x.Now != 0 {
			now = x.Now
		}
		// On the edge of the tolerance the libraries differ. Ours counts whole seconds and accepts it.
		want := x.Expect == "ok" || x.Expect == "implementation-defined"
		if err := v.Verify(m, time.Unix(now, 0)); want != (err == nil) {
			t.Errorf("%s: %v, and %s is expected", x.Name, err, x.Expect)
		}
	}
}
