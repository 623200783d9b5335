package contracts_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho/contracts"
	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/sign"
)

// Each contract of the library loads from its file alone, says what people look for, passes its tests, and verifies
// what it signs.
func TestLibrary(t *testing.T) {
	t.Parallel()
	library := contract.NewLibrary(contracts.Library())
	list, err := library.List()
	if err != nil {
		t.Fatal(err)
	}
	titles := map[string]string{}
	for _, e := range list {
		if other := titles[e.Title.En]; other != "" {
			t.Errorf("%s and %s have the same title", e.Name, other)
		}
		titles[e.Title.En] = e.Name
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			c, source, err := library.Find(e.Name)
			if err != nil {
				t.Fatal(err)
			}
			if c.Name != e.Name {
				t.Errorf("the file of %s calls itself %s", e.Name, c.Name)
			}
			if u, err := url.Parse(c.Document); err != nil || u.Scheme != "https" {
				t.Errorf("its document is %q, want an https address", c.Document)
			}
			if !slices.Contains(contract.Categories, c.Category) {
				t.Error("it has no category")
			}
			if bytes.ContainsRune(source, '\t') || !bytes.HasSuffix(source, []byte("\n")) {
				t.Error("its file has a tab, or no line break at its end")
			}
			if wrong := c.FailedTests(e.Name + ".yaml"); wrong != nil {
				t.Error(wrong)
			}
			if s := c.Scheme(); s != nil {
				roundTrip(t, c, s)
			}
		})
	}
}

// roundTrip signs requests of a contract for its examples, and verifies them, on the side of who receives.
func roundTrip(t *testing.T, c *contract.Contract, s *sign.Scheme) {
	t.Helper()
	now := time.Unix(1_700_000_000, 0)
	secret := s.NewSecret()
	if err := s.Check(secret); err != nil {
		t.Fatal(err)
	}
	key, err := s.VerifyKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := s.NewSigner([]hook.Secret{{Text: secret}})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := s.NewVerifier(0, key)
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.VerifyKey(s.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := s.NewVerifier(0, other)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range c.EventTypes() {
		ev := hook.Event{ID: hook.NewEventID(), Contract: c.Name, Type: strings.ReplaceAll(e.Name, "*", "thing.happened"), Payload: e.Example}
		if ev.Payload == nil {
			ev.Payload = e.Sample()
		}
		cfg := hook.EndpointConfig{URL: "https://receiver.example/in?a=1", Settings: settings(c)}
		r, err := c.Render(cfg, &ev)
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		m := sign.Message{ID: ev.ID.String(), Time: now, Method: r.Method, URL: r.URL, Headers: r.Headers, Body: r.Body, Settings: cfg.Settings}
		signed, err := signer.Sign(m)
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		if err := verifier.Verify(signed, now); err != nil {
			t.Errorf("%s: its own signature is refused: %v\n%+v", e.Name, err, signed)
		}
		if err := stranger.Verify(signed, now); !errors.Is(err, sign.ErrNoMatch) {
			t.Errorf("%s: with another secret: %v, want no match", e.Name, err)
		}
		if err := verifier.Verify(m, now); err == nil {
			t.Errorf("%s: a request without signature is accepted", e.Name)
		}
	}
}

// settings fills in each setting of a contract.
func settings(c *contract.Contract) []byte {
	values := map[string]string{}
	for _, s := range c.Settings() {
		values[s.Name] = "value-of-" + s.Name
	}
	b, err := json.Marshal(values)
	if err != nil {
		panic(err) // cannot happen: these are texts
	}
	return b
}
