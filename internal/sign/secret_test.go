package sign

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

// The key pair and signature published in the specification's example headers
// and in the test suite of the reference server.
const (
	specPrivate = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	specSeed    = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="
	specPublic  = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	specShared  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

func shared(n int) string {
	return prefixSymmetric + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xa5", n)))
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		wrong      string // part of the error; "": none
	}{
		{"shared, 24 bytes", specShared, ""},
		{"shared, shortest", shared(24), ""},
		{"shared, longest", shared(64), ""},
		{"private with public", specPrivate, ""},
		{"private seed", specSeed, ""},

		{"empty", "", "must begin with whsec_"},
		{"a password", "correct horse battery staple", "must begin with whsec_"},
		{"base64 without prefix", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "put whsec_ before it"},
		{"base64 without prefix, longest", shared(64)[len(prefixSymmetric):], "put whsec_ before it"},
		{"base64 without prefix, longer than a key", shared(65)[len(prefixSymmetric):], "must begin with whsec_"},
		{"something long that is not base64", strings.Repeat("ab-_", 12), "must begin with whsec_"},
		{"begins as base64", strings.Repeat("abcd", 10) + "!", "must begin with whsec_"},
		{"a prefix without its line", "whsec", "must begin with whsec_"},
		{"other prefix", "hwsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "must begin with whsec_"},
		{"prefix in capitals", "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "must begin with whsec_"},
		{"nothing after the prefix", "whsec_", "has 0 bytes; it must have 24 to 64"},
		{"too short", shared(23), "has 23 bytes; it must have 24 to 64"},
		{"too long", shared(65), "has 65 bytes; it must have 24 to 64"},
		{"not base64", "whsec_%%%%", "is not base64"},
		{"a line break inside", "whsec_MfKQ9r8GKYqrTwjU\nPD8ILPZIo2LaLaSw", "is not base64"},
		{"a space at the end", specShared + " ", "is not base64"},
		{"URL alphabet", "whsec_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_-_", "URL form"},
		{"padding missing", strings.TrimRight(shared(32), "="), "multiple of 4"},
		{"public key", specPublic, "can only verify"},
		{"private too short", "whsk_AAAA", "has 3 bytes; an ed25519 private key has 32"},
		{"halves of two pairs", prefixPrivate + base64.StdEncoding.EncodeToString(make([]byte, 64)), "do not belong together"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := checkSecret(tt.text)
			if tt.wrong == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			if !errors.Is(err, ErrSecret) || !strings.Contains(err.Error(), tt.wrong) {
				t.Fatalf("error %v, want one that says %q", err, tt.wrong)
			}
			if rest := strings.TrimPrefix(tt.text, prefixSymmetric); len(rest) > 8 && strings.Contains(err.Error(), rest) {
				t.Fatalf("the error repeats the secret: %v", err)
			}
		})
	}
}

func TestNewSecrets(t *testing.T) {
	t.Parallel()
	a, b := newSecret(), newSecret()
	if a == b {
		t.Fatal("two new secrets are equal")
	}
	if err := checkSecret(a); err != nil {
		t.Fatal(err)
	}
	if got, err := verifyKey(a); err != nil || got != a {
		t.Fatalf("the key to verify with of a shared secret: %q, %v", got, err)
	}
	private, public := newKeyPair()
	if err := checkSecret(private); err != nil {
		t.Fatal(err)
	}
	if got, err := verifyKey(private); err != nil || got != public {
		t.Fatalf("verifyKey(private) = %q, %v; want %q", got, err, public)
	}
	for _, text := range []string{specPrivate, specSeed, specPublic} {
		if got, err := verifyKey(text); err != nil || got != specPublic {
			t.Errorf("verifyKey(%.10s…) = %q, %v; want %q", text, got, err, specPublic)
		}
	}
	if _, err := verifyKey("nonsense"); !errors.Is(err, ErrSecret) {
		t.Fatalf("the key to verify with of nonsense: %v", err)
	}
}
