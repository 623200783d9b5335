// Package bearer makes and checks the tokens of credentials: JWTs (RFC 7519) with which
// receivers read the records that events are about.
//
// A token is signed (HS256) with a key that belongs to one credential and that its kid
// names. So a token can never pass for one of another credential, whatever it claims, and
// a new key makes all tokens of the old one invalid. The contract decides the claims; only
// exp is read from them. A token never contains the secret.
//
// The package is pure except for the random numbers of new keys and ids.
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

// MaxLength is the largest size of a token in bytes. Longer texts are refused unread.
const MaxLength = 8 << 10

// What is wrong with a token. Only somebody with a genuine token is told that it has
// expired or that its credential is paused; for everybody else a token is just invalid.
var (
	ErrInvalid = unauthorized("token_invalid", "This token does not belong to a credential in force. Create a new one (POST …/credentials/{credential}/tokens).")
	ErrExpired = unauthorized("token_expired", "This token has expired. Create a new one (POST …/credentials/{credential}/tokens).")
	ErrPaused  = unauthorized("credential_paused", "The credential of this token is paused. Its tokens are valid again when it is active.")
)

func unauthorized(code, detail string) *hook.Error {
	return &hook.Error{Kind: hook.KindUnauthorized, Code: code, Detail: detail}
}

// Renew gives a credential a new key to sign its tokens with. Tokens that were made before
// become invalid.
func Renew(c *hook.Credential) {
	c.TokenKey = make([]byte, 32)
	_, _ = rand.Read(c.TokenKey) // never fails, see crypto/rand
	c.Generation++
}

// Issue makes a token and sets the credential's TokenExpires to the time until which it is
// valid.
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

// claims are written as the contract made them. Of a token that comes in, only exp is read.
type claims struct {
	jwt.RegisteredClaims `json:"-"` // not read: the claims of a contract may have any types

	Expires *jwt.NumericDate `json:"exp"`
	text    []byte
}

func (c claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.Expires, nil }

func (c claims) MarshalJSON() ([]byte, error) { return c.text, nil }

// keyID is the kid of a token: the credential and the number of its key.
func keyID(c *hook.Credential) string {
	return c.ID.String() + "." + strconv.FormatInt(c.Generation, 10)
}

// CredentialOf returns the credential that a token names. Whether the token is genuine is
// for [Check] to find out.
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

// Check returns an error unless a token belongs to the credential and is valid now.
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
