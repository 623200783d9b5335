package sign

import (
	"slices"
	"testing"

	"gancho/internal/hook"
)

func TestStandardWebhooks(t *testing.T) {
	t.Parallel()
	s := Lookup("standard-webhooks")
	if s != StandardWebhooks || !slices.Contains(Names(), s.Name) || Lookup("standard") != nil {
		t.Fatal("the table does not have the scheme under its name")
	}
	for name, want := range map[string][2]bool{
		"Webhook-ID": {true, true}, "webhook-signature": {true, true}, "Webhook-Retry": {false, true}, "x-webhook-id": {false, false},
	} {
		if got := [2]bool{s.Carries(name), s.Reserves(name)}; got != want {
			t.Errorf("%s: carries and reserves it: %v, want %v", name, got, want)
		}
	}
	secret := s.NewSecret()
	if err := s.Check(secret); err != nil {
		t.Error(err)
	}
	signer, err := s.NewSigner([]hook.Secret{{Text: secret}})
	if err != nil {
		t.Fatal(err)
	}
	before := []hook.Header{{Name: "a", Value: "1"}}
	m, err := signer.Sign(Message{ID: "x", Headers: before})
	if err != nil {
		t.Fatal(err)
	}
	got := m.Headers
	if got[0] != before[0] || len(got) != 1+len(s.Headers) {
		t.Fatalf("got %v, want the headers before and those of the signature", got)
	}
	for i, name := range s.Headers {
		if got[i+1].Name != name {
			t.Errorf("header %d is %s, and the scheme lists %s", i, got[i+1].Name, name)
		}
	}
}

// A contract can name a scheme that was registered. Not parallel: it adds to the list that all see.
func TestRegister(t *testing.T) {
	plain := &Scheme{Name: "plain", Headers: []string{"X-Sign"}}
	Register(plain)
	t.Cleanup(func() {
		schemes.Lock()
		defer schemes.Unlock()
		schemes.list = schemes.list[:len(schemes.list)-1]
	})
	if Lookup("plain") != plain || !slices.Equal(Names(), []string{StandardWebhooks.Name, "plain"}) {
		t.Errorf("the schemes are %v", Names())
	}
	if plain.Reserves("x-sign") {
		t.Error("a scheme that reserves nothing reserves a name")
	}
	Register(&Scheme{Name: "later"}) // would wait for ever if a look-up had kept the lock
	schemes.list = schemes.list[:len(schemes.list)-1]
}

func TestRegisterTwice(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("a second scheme of the same name is taken")
		}
	}()
	Register(&Scheme{Name: StandardWebhooks.Name})
}
