package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync/atomic"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// sealer encrypts the values that must stay secret if the database file is stolen: the
// configuration of endpoints (URLs and headers contain tokens), signing secrets, rendered
// bodies and requests (a contract may put a key into them), and the texts of attempts.
//
// A sealed value has one of two forms:
//
//	1, nonce (12 bytes), ciphertext                  under a key with keyFormat 1
//	2, key id (4 bytes), nonce (12 bytes), ciphertext
//
// The cipher is AES-256-GCM. The id of the row is authenticated as well, so a sealed value is
// invalid in another row. The first key of a database writes form 1, which programs of earlier
// releases can read; keys that came by a rotation write form 2 (docs/adr/0029).
type sealer struct{ keys atomic.Pointer[ring] }

const (
	formPlain = 1 // without the id of the key
	formKeyed = 2

	keyIDLen = 4
)

// ring are the keys of this process. A ring never changes.
type ring struct {
	active *sealKey // seals; nil: nothing can be sealed, only opened
	keys   []*sealKey
}

// sealKey is a key, ready to be used.
type sealKey struct {
	id   hook.SealKeyID
	raw  [keyIDLen]byte // id as it stands in sealed values
	text []byte         // the key itself
	form byte           // of the values that it seals
	aead cipher.AEAD
}

// newSealKey prepares a key of 32 bytes. Its id follows from the key, and tells nothing about it.
func newSealKey(key []byte) (*sealKey, error) {
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
	k := &sealKey{text: key, form: formKeyed, aead: aead}
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte("gancho encryption key id")) // never fails, see hash.Hash
	copy(k.raw[:], mac.Sum(nil))
	k.id = hook.SealKeyID(hex.EncodeToString(k.raw[:]))
	return k, nil
}

// SealKeyID is the id of an encryption key. It fails if the key has not 32 bytes.
func SealKeyID(key []byte) (hook.SealKeyID, error) {
	k, err := newSealKey(key)
	if err != nil {
		return "", err
	}
	return k.id, nil
}

// sealJSON encrypts v as JSON for the row with an id.
func (s *sealer) sealJSON(v any, id []byte) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return s.sealBytes(plain, id), nil
}

// editJSON is next as JSON, to be stored in the place of stored, of which was is what this program understood. Members that it did
// not understand stay: a newer version of the program stored them ([rawjson.KeepUnknown]). stored is nil if there is nothing to keep.
func editJSON(stored []byte, was, next any) ([]byte, error) {
	text, err := json.Marshal(next)
	if err != nil || stored == nil {
		return text, err
	}
	understood, err := json.Marshal(was)
	return rawjson.KeepUnknown(stored, understood, text), err
}

// sealBytes encrypts text for the row with an id; nil stays nil.
func (s *sealer) sealBytes(text, id []byte) []byte {
	if text == nil {
		return nil
	}
	return s.keys.Load().active.seal(text, id)
}

// sealOverhead is how much longer than its text a sealed value is, at most.
const sealOverhead = 1 + keyIDLen + 12 + 16

func (k *sealKey) seal(text, id []byte) []byte {
	return k.appendSeal(make([]byte, 0, len(text)+sealOverhead), text, id)
}

// appendSeal appends the sealed text to a buffer, which must not overlap with text.
func (k *sealKey) appendSeal(to, text, id []byte) []byte {
	if to = append(to, k.form); k.form == formKeyed {
		to = append(to, k.raw[:]...)
	}
	return k.aead.Seal(to, nil, text, id)
}

// openJSON decrypts what sealJSON made.
func (s *sealer) openJSON(sealed []byte, id []byte, v any) error {
	_, err := s.openText(sealed, id, v)
	return err
}

// openText is openJSON, and returns the JSON text, too.
func (s *sealer) openText(sealed []byte, id []byte, v any) (plain []byte, err error) {
	if plain, err = s.openBytes(sealed, id); err != nil {
		return nil, err
	}
	if json.Unmarshal(plain, v) != nil { // cannot happen: what opens is what was sealed
		return nil, hook.ErrUnreadable
	}
	return plain, nil
}

// openBytes decrypts what sealBytes made. It fails with [hook.ErrUnreadable].
func (s *sealer) openBytes(sealed, id []byte) ([]byte, error) {
	if plain, _, ok := s.keys.Load().open(sealed, id); ok {
		return plain, nil
	}
	return nil, hook.ErrUnreadable
}

// open decrypts a value and returns the key that it was sealed under.
func (r *ring) open(sealed, id []byte) (plain []byte, by *sealKey, ok bool) {
	for _, k := range r.keys {
		if text := k.cut(sealed); text != nil {
			if plain, err := k.aead.Open(nil, nil, text, id); err == nil {
				return plain, k, true
			}
		}
	}
	return nil, nil, false
}

// cut returns nonce and ciphertext of a value that may be sealed under the key; nil: it is not.
func (k *sealKey) cut(sealed []byte) []byte {
	switch {
	case len(sealed) > 0 && sealed[0] == formPlain && k.form == formPlain:
		return sealed[1:]
	case len(sealed) > keyIDLen && sealed[0] == formKeyed && [keyIDLen]byte(sealed[1:]) == k.raw:
		return sealed[1+keyIDLen:]
	}
	return nil
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
	body := f.Body
	if body == nil { // no body is stored as an empty one
		body = []byte{}
	}
	out := &sealedRequest{body: s.sealBytes(body, id[:])}
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
