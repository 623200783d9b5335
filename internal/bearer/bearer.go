// Package bearer makes and checks the tokens of credentials: JWTs (RFC 7519) with
// which receivers read the records that they were told of.
//
// A token is signed with a key of its credential alone (HS256), which its kid
// names. So a token of one credential can never pass for one of another, whatever
// it claims, and a new key ends all tokens that were made with the old one. The
// claims are the contract's; nothing is read from them but exp. A token never
// carries the secret.
//
// The package is pure but for the randomness of new keys and ids.
package bearer

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// MaxLength bounds what is looked at as a token, in bytes.
const MaxLength = 8 << 10

// What is wrong with a token. None of them tells more than its holder may know:
// only who has a token that is genuine learns that it has expired, or that its
// credential is paused.
var (
	ErrInvalid = unauthorized("token_invalid", "This token is not one of a credential that is in force. Make a new one (POST …/credentials/{credential}/tokens).")
	ErrExpired = unauthorized("token_expired", "This token has expired. Make a new one (POST …/credentials/{credential}/tokens).")
	ErrPaused  = unauthorized("credential_paused", "The credential of this token is paused. Its tokens are good again when it is active.")
)

func unauthorized(code, detail string) *hook.Error {
	return &hook.Error{Kind: hook.KindUnauthorized, Code: code, Detail: detail}
}

// Renew gives a credential a new key to sign its tokens with: those made before
// are good no more.
func Renew(c *hook.Credential) {
	c.TokenKey = make([]byte, 32)
	_, _ = rand.Read(c.TokenKey) // never fails, see crypto/rand
	c.Generation++
}

// Issue makes a token, and notes in the credential until when it is good.
func Issue(c *hook.Credential, how contract.Credentials, now time.Time) (token string, err error) {
	var id [12]byte
	_, _ = rand.Read(id[:])
	text, expires := how.Claims(c.Identity(), base64.RawURLEncoding.EncodeToString(id[:]), now)
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{text: text})
	t.Header["kid"] = keyID(c)
	if token, err = t.SignedString(c.TokenKey); err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	c.TokenExpires = expires
	return token, nil
}

// claims are written as the contract made them; only when they end is read.
type claims struct {
	jwt.RegisteredClaims `json:"-"` // they may be of any form, so none is read

	Expires *jwt.NumericDate `json:"exp"`
	text    []byte
}

func (c claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.Expires, nil }

func (c claims) MarshalJSON() ([]byte, error) { return c.text, nil }

// keyID names the key that signs: the credential, and which of its keys.
func keyID(c *hook.Credential) string {
	return c.ID.String() + "." + strconv.FormatInt(c.Generation, 10)
}

// CredentialOf is the credential that a token says it is of. It says nothing about
// whether that is true: see [Check].
func CredentialOf(token string) (hook.CredentialID, error) {
	if len(token) > MaxLength {
		return hook.CredentialID{}, ErrInvalid
	}
	t, _, err := jwt.NewParser().ParseUnverified(token, &claims{})
	if err != nil {
		return hook.CredentialID{}, ErrInvalid
	}
	kid, _ := t.Header["kid"].(string)
	name, _, _ := strings.Cut(kid, ".")
	id, err := hook.ParseCredentialID(name)
	if err != nil {
		return id, ErrInvalid
	}
	return id, nil
}

// Check reports whether a token is one of the credential, and good now.
func Check(token string, c *hook.Credential, now time.Time) error {
	p := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return now }))
	_, err := p.ParseWithClaims(token, &claims{}, func(t *jwt.Token) (any, error) {
		if t.Header["kid"] != keyID(c) {
			return nil, ErrInvalid
		}
		return c.TokenKey, nil
	})
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return ErrExpired
	case err != nil:
		return ErrInvalid
	case c.State != hook.CredentialActive:
		return ErrPaused
	}
	return nil
}
