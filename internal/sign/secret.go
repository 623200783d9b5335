package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
)

// Prefixes of secrets in text form ("Secret serialization" in the Standard
// Webhooks specification).
const (
	prefixSymmetric = "whsec_" // base64 of the shared key; signs v1
	prefixPrivate   = "whsk_"  // base64 of an ed25519 private key; signs v1a
	prefixPublic    = "whpk_"  // base64 of an ed25519 public key; verifies v1a
)

// Sizes of a shared key in bytes. The specification sets the limits.
const (
	minKey = 24
	maxKey = 64

	newKeySize = 32
)

// newSecret creates a shared secret (whsec_…) of 32 random bytes.
func newSecret() string {
	key := make([]byte, newKeySize)
	rand.Read(key) // never fails
	return prefixSymmetric + base64.StdEncoding.EncodeToString(key)
}

// checkSecret returns an error unless text can be signed with: whsec_ or whsk_ and
// the key in base64.
//
// The prefix is required. Some libraries take the base64 alone, but then a
// 32 byte shared key and an ed25519 seed look the same, and a plain password
// that happens to be base64 would silently mean other bytes than its owner
// thinks.
func checkSecret(text string) error {
	k, err := parse(text)
	if err == nil && k.private == nil && k.shared == nil {
		return fmt.Errorf("%w: this is a public key (%s…), which can only verify; give the private key (%s…)", ErrSecret, prefixPublic, prefixPrivate)
	}
	return err
}

// verifyKey is the secret itself for whsec_, the public key for whsk_ and whpk_.
func verifyKey(text string) (string, error) {
	k, err := parse(text)
	if err != nil {
		return "", err
	}
	if k.shared != nil {
		return text, nil
	}
	return prefixPublic + base64.StdEncoding.EncodeToString(k.public), nil
}

// key is a decoded secret: either shared, or public and perhaps private.
type key struct {
	shared  []byte
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

func parse(text string) (key, error) {
	fail := func(format string, args ...any) (key, error) {
		return key{}, fmt.Errorf("%w: %s", ErrSecret, fmt.Sprintf(format, args...))
	}
	prefix, rest, ok := strings.Cut(text, "_")
	prefix += "_"
	if !ok || prefix != prefixSymmetric && prefix != prefixPrivate && prefix != prefixPublic {
		if raw, err := base64.StdEncoding.DecodeString(text); err == nil && minKey <= len(raw) && len(raw) <= maxKey {
			return fail("it has no prefix; if it is the base64 of a shared key, put %s before it", prefixSymmetric)
		}
		return fail("it must begin with %s (a shared key) or %s (an ed25519 private key), followed by base64; to use a text of your own, write %s and the base64 of the text", prefixSymmetric, prefixPrivate, prefixSymmetric)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(rest)
	if err != nil || strings.ContainsAny(rest, "\r\n") { // which the decoder skips
		switch {
		case strings.ContainsAny(rest, "-_"):
			return fail("what follows %s uses the URL form of base64; write + and / instead of - and _", prefix)
		case len(rest)%4 != 0 && !strings.ContainsAny(rest, " \t\r\n"):
			return fail("what follows %s is not complete base64: its length must be a multiple of 4, padded with =", prefix)
		}
		return fail("what follows %s is not base64 (A-Z a-z 0-9 + / and = at the end)", prefix)
	}
	switch prefix {
	case prefixSymmetric:
		if len(raw) < minKey || len(raw) > maxKey {
			return fail("the key after %s has %d bytes; it must have %d to %d", prefix, len(raw), minKey, maxKey)
		}
		return key{shared: raw}, nil
	case prefixPublic:
		if len(raw) != ed25519.PublicKeySize {
			return fail("the key after %s has %d bytes; an ed25519 public key has %d", prefix, len(raw), ed25519.PublicKeySize)
		}
		return key{public: raw}, nil
	}
	switch len(raw) {
	case ed25519.SeedSize:
		raw = ed25519.NewKeyFromSeed(raw)
	case ed25519.PrivateKeySize:
		if !bytes.Equal(ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize]), raw) {
			return fail("the private and the public half of the key after %s do not belong together", prefix)
		}
	default:
		return fail("the key after %s has %d bytes; an ed25519 private key has %d, or %d with its public key", prefix, len(raw), ed25519.SeedSize, ed25519.PrivateKeySize)
	}
	private := ed25519.PrivateKey(raw)
	return key{private: private, public: private.Public().(ed25519.PublicKey)}, nil
}
