// Package sign signs outgoing requests and verifies incoming ones, as the
// Standard Webhooks specification says (spec/standard-webhooks.md in
// github.com/standard-webhooks/standard-webhooks): HMAC-SHA256 signatures v1
// with shared whsec_ secrets and ed25519 signatures v1a with whsk_/whpk_ key
// pairs, several of them at once while a secret is being replaced.
//
// It exists beside the official library because that one knows neither v1a nor
// several secrets, reads the clock itself, and decodes the key on every call.
// The official Go and JavaScript libraries are witnesses in the tests.
//
// The package is pure: no I/O but the system's random numbers for new secrets,
// and no clock; callers pass now. Bodies are signed as they are, byte for byte.
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

// Names of the headers, as the specification spells them.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// Signer signs for one endpoint. It is made once for the endpoint's secrets and
// used for every request; it is safe for concurrent use.
type Signer struct {
	keys []signingKey
	pool sync.Pool // *signing
}

type signingKey struct {
	key
	expires time.Time // zero: in force until replaced
}

// NewSigner decodes the secrets, newest first. With none, or with one that
// [Check] refuses, it fails; the error says which, by its place from 1.
func NewSigner(secrets []hook.Secret) (*Signer, error) {
	if len(secrets) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrSecret)
	}
	s := &Signer{keys: make([]signingKey, len(secrets))}
	for i, secret := range secrets {
		if err := Check(secret.Text); err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		k, _ := parse(secret.Text)
		s.keys[i] = signingKey{key: k, expires: secret.ExpiresAt}
	}
	return s, nil
}

// Signature is what a signed request says of itself.
type Signature struct {
	ID        string // webhook-id
	Timestamp string // webhook-timestamp: seconds since 1970
	Value     string // webhook-signature: one signature per secret in force, newest first
}

// Headers are the three header lines of the signature.
func (s Signature) Headers() [3]hook.Header {
	return [3]hook.Header{{Name: HeaderID, Value: s.ID}, {Name: HeaderTimestamp, Value: s.Timestamp}, {Name: HeaderSignature, Value: s.Value}}
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

// Sign signs the body with every secret that is in force at now. The newest
// secret always is. The id must be the same in every attempt of a delivery, and
// now the time of this attempt.
func (s *Signer) Sign(id string, now time.Time, body []byte) Signature {
	w, _ := s.pool.Get().(*signing)
	if w == nil {
		w = &signing{macs: make([]hash.Hash, len(s.keys))}
	}
	w.text = strconv.AppendInt(w.text[:0], now.Unix(), 10)
	stamp := len(w.text)
	w.prefix = append(append(append(append(w.prefix[:0], id...), '.'), w.text...), '.')
	w.message = w.message[:0]

	for i, k := range s.keys {
		if i > 0 && !k.expires.IsZero() && !now.Before(k.expires) {
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
			mac.Write(body)
			w.sum = mac.Sum(w.sum[:0])
			w.text = append(w.text, "v1,"...)
		} else {
			if len(w.message) == 0 {
				w.message = append(append(w.message, w.prefix...), body...)
			}
			w.sum = append(w.sum[:0], ed25519.Sign(k.private, w.message)...)
			w.text = append(w.text, "v1a,"...)
		}
		w.text = base64.StdEncoding.AppendEncode(w.text, w.sum)
	}
	text := string(w.text) // one string for both
	if cap(w.message) > keepMessage {
		w.message = nil
	}
	s.pool.Put(w)
	return Signature{ID: id, Timestamp: text[:stamp], Value: text[stamp:]}
}
