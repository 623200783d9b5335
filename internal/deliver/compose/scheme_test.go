package compose

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/inbox"
	sendhttp "gancho/internal/send/http"
	"gancho/internal/sign"
)

const standard = `
contract: standard
title: {en: "Test", es: "Test", pt: "Test"}
events: {"*": {title: {en: "Any"}}}
`

// toy is a signature scheme unlike Standard Webhooks in all its parts: one header, which holds the newest secret's
// HMAC of the body in hexadecimal digits, no time, and secrets that begin with "toy-".
var toy = &sign.Scheme{
	Name:      "toy",
	Headers:   []string{"X-Toy"},
	Reserved:  "x-toy-",
	NewSecret: func() string { return "toy-new" },
	Check: func(secret string) error {
		if !strings.HasPrefix(secret, "toy-") {
			return fmt.Errorf("%w: it must begin with toy-", sign.ErrSecret)
		}
		return nil
	},
	VerifyKey: func(secret string) (string, error) { return secret, nil },
	NewSigner: func(secrets []hook.Secret) (sign.Signer, error) { return toyKey(secrets[0].Text), nil },
	NewVerifier: func(_ time.Duration, keys ...string) (sign.Verifier, error) {
		return toyKey(keys[0]), nil
	},
}

func init() { sign.Register(toy) } // before any test loads a contract

type toyKey string

func (k toyKey) sum(body []byte) string {
	mac := hmac.New(sha256.New, []byte(k))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func (k toyKey) Sign(m sign.Message) (sign.Message, error) {
	m.Headers = append(m.Headers, hook.Header{Name: "X-Toy", Value: k.sum(m.Body)})
	return m, nil
}

func (k toyKey) Verify(m sign.Message, _ time.Time) error {
	if given, _ := m.Header("x-toy"); given != k.sum(m.Body) {
		return sign.ErrNoMatch
	}
	return nil
}

// A request is signed in the scheme of the contract that renders it, and a receiver that knows scheme and secret
// verifies it.
func TestSchemeOfTheContract(t *testing.T) {
	t.Parallel()
	parse := func(scheme string) *contract.Contract {
		c, err := contract.Parse("standard.yaml", []byte(standard+"endpoint: {sign: "+scheme+"}\n"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	transport := sendhttp.New(sendhttp.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	defer transport.Close()
	for _, tc := range []struct {
		name   string
		scheme *sign.Scheme
		now    string // the scheme of the contract in force, if it has changed since the delivery's first attempt
		secret string
		names  []string
		refuse string // a header that nobody may give
	}{
		{"standard", sign.StandardWebhooks, "", sign.StandardWebhooks.NewSecret(), sign.StandardWebhooks.Headers, "webhook-x"},
		{"toy", toy, "", toy.NewSecret(), []string{"X-Toy"}, "X-Toy-Version"},
		{"the contract signs in another scheme now", toy, "standard-webhooks", sign.StandardWebhooks.NewSecret(), []string{"X-Toy"}, "x-toy"},
		{"the contract does not sign any more", toy, "none", "toy-old", []string{"X-Toy"}, "x-toy"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			receiver := inbox.New(inbox.Options{Scheme: tc.scheme, Secret: tc.secret})
			server := httptest.NewServer(receiver)
			defer server.Close()
			first, present := parse(tc.scheme.Name), parse(tc.scheme.Name)
			switch tc.now {
			case "":
			case "none":
				present, _ = contract.Parse("standard.yaml", []byte(standard))
			default:
				present = parse(tc.now)
			}
			e := &hook.Endpoint{
				ID: hook.NewEndpointID(), Secrets: []hook.Secret{{Text: tc.secret}},
				Config: hook.EndpointConfig{URL: server.URL, Headers: []hook.Header{{Name: "X-Own", Value: "1"}}},
			}
			f, err := NewForm(e, present)
			if err != nil {
				t.Fatal(err)
			}
			ev := &hook.Event{ID: hook.NewEventID(), Type: "t", CreatedAt: time.Now(), Payload: []byte(`{"total":1.0}`)}
			r := newRendering(first, e, e.Config)
			req, err := r.Render(ev)
			if err != nil {
				t.Fatal(err)
			}
			m, err := f.message(r, req, &hook.Job{Event: ev}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if reply := transport.Send(t.Context(), m); reply.Response == nil || reply.Response.Status != 200 {
				t.Fatalf("%+v", reply)
			}
			got := receiver.Requests()[0]
			if got.Signature != "valid" {
				t.Errorf("the receiver says: %s", got.Signature)
			}
			var names []string
			for _, h := range req.Headers {
				names = append(names, h.Name)
			}
			for i, h := range m.Headers {
				if want := append(names, tc.names...)[i]; h.Name != want {
					t.Errorf("header %d is %s, want %s", i, h.Name, want)
				}
			}
			if why := first.RefuseHeader(hook.Header{Name: tc.refuse, Value: "1"}); why == "" {
				t.Errorf("the header %s of the scheme can be given", tc.refuse)
			}
		})
	}
	// A receiver that knows another secret refuses it.
	receiver := inbox.New(inbox.Options{Scheme: toy, Secret: "toy-other"})
	req := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader("body"))
	req.Header.Set("X-Toy", toyKey("toy-new").sum([]byte("body")))
	receiver.ServeHTTP(httptest.NewRecorder(), req)
	if got := receiver.Requests()[0].Signature; got != sign.ErrNoMatch.Error() {
		t.Errorf("with another secret the receiver says: %s", got)
	}
	// An endpoint whose secret is of another scheme stays with the version of the contract that it was made for.
	e := &hook.Endpoint{Secrets: []hook.Secret{{Text: toy.NewSecret()}}, Config: hook.EndpointConfig{URL: "https://example.com"}}
	if wrong := parse("toy").Misfits(e); len(wrong) > 0 {
		t.Errorf("the scheme's own secret is refused: %v", wrong)
	}
	if wrong := parse("standard-webhooks").Misfits(e); len(wrong) != 1 || wrong[0].Code != "secret_of_other_scheme" {
		t.Errorf("a secret of another scheme: %v", wrong)
	}
}
