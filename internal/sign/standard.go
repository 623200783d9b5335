package sign

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"strconv"
	"sync"
	"time"

	"gancho/internal/hook"
)

// StandardWebhooks is the scheme of the Standard Webhooks specification (spec/standard-webhooks.md in
// github.com/standard-webhooks/standard-webhooks): HMAC-SHA256 signatures v1 with shared whsec_ secrets and ed25519
// signatures v1a with whsk_/whpk_ key pairs, several of them at once while a secret is being replaced.
//
// It exists beside the official library because that one supports neither v1a nor several secrets, reads the clock
// itself, and decodes the key on every call. The tests compare both with the official Go and JavaScript libraries.
var StandardWebhooks = &Scheme{
	Name:        "standard-webhooks",
	Headers:     []string{headerID, headerTimestamp, headerSignature},
	Reserved:    "webhook-",
	Several:     true,
	NewSecret:   newSecret,
	Check:       checkSecret,
	VerifyKey:   verifyKey,
	NewSigner:   newStandardSigner,
	NewVerifier: newStandardVerifier,
}

// Names of the headers, as the specification spells them.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
)

// standardSigner has the decoded secrets of one endpoint.
type standardSigner struct {
	keys []signingKey
	pool sync.Pool // *signing
}

type signingKey struct {
	key
	expires time.Time // zero: in force until replaced
}

// newStandardSigner decodes the secrets. An error says which secret is wrong, by its place from 1.
func newStandardSigner(secrets []hook.Secret) (Signer, error) {
	if len(secrets) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrSecret)
	}
	s := &standardSigner{keys: make([]signingKey, len(secrets))}
	for i, secret := range secrets {
		if err := checkSecret(secret.Text); err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		k, _ := parse(secret.Text)
		s.keys[i] = signingKey{key: k, expires: secret.ExpiresAt}
	}
	return s, nil
}

// signing is the memory that one call of Sign needs.
type signing struct {
	macs    []hash.Hash // per key; nil for ed25519
	sum     []byte
	text    []byte // timestamp and signatures, as text
	prefix  []byte // id.timestamp.
	message []byte // prefix and body, for ed25519 only
}

// keepMessage is how large a message buffer is worth keeping.
const keepMessage = 64 << 10

// Sign makes one text of timestamp and signatures and cuts the two header values out of it, so that it allocates once
// beside the headers.
func (s *standardSigner) Sign(m Message) (Message, error) {
	w, _ := s.pool.Get().(*signing)
	if w == nil {
		w = &signing{macs: make([]hash.Hash, len(s.keys))}
	}
	w.text = strconv.AppendInt(w.text[:0], m.Time.Unix(), 10)
	stamp := len(w.text)
	w.prefix = append(append(append(append(w.prefix[:0], m.ID...), '.'), w.text...), '.')
	w.message = w.message[:0]

	for i, k := range s.keys {
		if i > 0 && !k.expires.IsZero() && !m.Time.Before(k.expires) {
			continue
		}
		if len(w.text) > stamp {
			w.text = append(w.text, ' ')
		}
		if k.shared != nil {
			if w.macs[i] == nil {
				w.macs[i] = hmac.New(sha256.New, k.shared)
			}
			mac := w.macs[i]
			mac.Reset()
			mac.Write(w.prefix)
			mac.Write(m.Body)
			w.sum = mac.Sum(w.sum[:0])
			w.text = append(w.text, "v1,"...)
		} else {
			if len(w.message) == 0 {
				w.message = append(append(w.message, w.prefix...), m.Body...)
			}
			w.sum = append(w.sum[:0], ed25519.Sign(k.private, w.message)...)
			w.text = append(w.text, "v1a,"...)
		}
		w.text = base64.StdEncoding.AppendEncode(w.text, w.sum)
	}
	text := string(w.text)
	if cap(w.message) > keepMessage {
		w.message = nil
	}
	s.pool.Put(w)
	m.Headers = append(m.Headers,
		hook.Header{Name: headerID, Value: m.ID},
		hook.Header{Name: headerTimestamp, Value: text[:stamp]},
		hook.Header{Name: headerSignature, Value: text[stamp:]})
	return m, nil
}
