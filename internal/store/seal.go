package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"gancho/internal/hook"
)

// sealer encrypts the values that must stay secret if the database file is stolen: the
// configuration of endpoints (URLs and headers contain tokens), signing secrets, and rendered
// bodies and requests (a contract may put a key into them).
//
// The form is 1 byte version, 12 bytes nonce, AES-256-GCM ciphertext. The id of the row is
// authenticated as well, so a sealed value is invalid in another row.
type sealer struct{ aead cipher.AEAD }

const sealVersion = 1

func newSealer(key []byte) (*sealer, error) {
	if len(key) != 32 {
		return nil, fmt.Errorf("the encryption key must be 32 bytes, this one has %d", len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead}, nil
}

// sealJSON encrypts v as JSON for the row with an id.
func (s *sealer) sealJSON(v any, id []byte) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return s.sealBytes(plain, id), nil
}

// sealBytes encrypts text for the row with an id; nil stays nil.
func (s *sealer) sealBytes(text, id []byte) []byte {
	if text == nil {
		return nil
	}
	return s.aead.Seal([]byte{sealVersion}, nil, text, id)
}

var errSeal = errors.New("cannot decrypt: the encryption key is not the one this database was written with")

// openJSON decrypts what sealJSON made.
func (s *sealer) openJSON(sealed []byte, id []byte, v any) error {
	plain, err := s.openBytes(sealed, id)
	if err != nil {
		return err
	}
	return json.Unmarshal(plain, v)
}

// openBytes decrypts what sealBytes made.
func (s *sealer) openBytes(sealed, id []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != sealVersion {
		return nil, errSeal
	}
	plain, err := s.aead.Open(nil, nil, sealed[1:], id)
	if err != nil {
		return nil, errSeal
	}
	return plain, nil
}

// sealedRequest is a [hook.Frozen], encrypted. head is nil if there is none.
type sealedRequest struct {
	body []byte
	head any // []byte, or nil for NULL
}

// sealRequest encrypts the frozen part of a delivery's request; nil stays nil.
func (s *sealer) sealRequest(f *hook.Frozen, id hook.DeliveryID) *sealedRequest {
	if f == nil {
		return nil
	}
	out := &sealedRequest{body: s.sealBytes(f.Body, id[:])}
	if f.Head != nil {
		head, err := json.Marshal(f.Head)
		if err != nil { // cannot happen: a head has only texts
			panic(err)
		}
		out.head = s.sealBytes(head, id[:])
	}
	return out
}

// NewKey makes a key for [Options].
func NewKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	return key
}
