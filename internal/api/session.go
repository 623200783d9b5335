package api

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"gancho.example/client"
	"gancho/internal/hook"
)

// Sessions of people are not stored: a cookie or a token is the sealed text of
// what it stands for. A session of the console holds the hash of the key that it
// was opened with, one of the portal (portal.go) the id of its link; so each ends
// at once when that is revoked.

const (
	cookieName  = "gancho_session"
	sessionTime = 12 * time.Hour
)

// What a sealed text is for. One kind never passes for another.
const (
	sealSession = "session"
	sealLink    = "portal link"
	sealPortal  = "portal"
)

// sealedSession is what a console's cookie holds.
type sealedSession struct {
	Hash      []byte    `json:"h"` // of the key
	ExpiresAt time.Time `json:"e"`
}

// sealer encrypts and authenticates what a browser keeps for us.
type sealer struct{ aead cipher.AEAD }

// newSealer derives the key for sessions from the server's encryption key. nil
// makes one that ends with the process.
func newSealer(key []byte) sealer {
	if key == nil {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails, see crypto/rand
	}
	derived, err := hkdf.Key(sha256.New, key, nil, "gancho sessions", 32)
	if err != nil {
		panic("api: " + err.Error()) // only for lengths that no hash has
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		panic("api: " + err.Error())
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("api: " + err.Error())
	}
	return sealer{aead}
}

func (s sealer) seal(kind string, v any) string {
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, encode(v), []byte(kind)))
}

// open reads what seal made of the same kind; not ok if it is anything else.
func (s sealer) open(kind, text string, v any) (ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return false
	}
	plain, err := s.aead.Open(nil, nil, raw, []byte(kind))
	return err == nil && json.Unmarshal(plain, v) == nil
}

var errSessionEnded = &hook.Error{
	Kind: hook.KindUnauthorized, Code: "session_ended", Detail: "The session has ended. Sign in again, or open a new portal link.",
}

// cookieHash is the hash of the key that the session of a request was opened
// with. A browser adds cookies by itself, so what changes something must come
// from our own pages.
func (k *keyring) cookieHash(r *http.Request, now time.Time) (hash [32]byte, err error) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return hash, errKeyMissing
	}
	var s sealedSession
	if !k.sealer.open(sealSession, c.Value, &s) || !now.Before(s.ExpiresAt) || len(s.Hash) != len(hash) {
		return hash, errSessionEnded
	}
	if err := k.sameOrigin(r); err != nil {
		return hash, err
	}
	return [32]byte(s.Hash), nil
}

// sameOrigin refuses what a page of somebody else makes a browser send.
func (k *keyring) sameOrigin(r *http.Request) error {
	if err := k.cross.Check(r); err != nil {
		return &hook.Error{
			Kind: hook.KindForbidden, Code: "cross_origin", Err: err,
			Detail: "This request comes from a page of another origin. Use the console itself, or an API key in the header Authorization.",
		}
	}
	return nil
}

func (a *API) routeSessions() {
	add(a, operation{
		id: "create-session", method: http.MethodPost, path: "/v1/session", tag: "sessions", open: true, status: http.StatusCreated, limit: openBody,
		summary: "Sign in to the console",
		description: "Exchanges an API key for a cookie that scripts cannot read (HttpOnly, SameSite=Strict), good for 12 hours, or until the key is revoked. " +
			"With it, requests that change something are taken from the console's own origin only.",
		codes: []string{"key_invalid", "cross_origin"},
	}, a.createSession)
	add(a, operation{
		id: "get-session", method: http.MethodGet, path: "/v1/session", tag: "sessions", access: anyone,
		summary: "Read who one is", description: "For whom the key, cookie or portal token of this request stands.",
	}, a.getSession)
	add(a, operation{
		id: "delete-session", method: http.MethodDelete, path: "/v1/session", tag: "sessions", open: true, status: http.StatusNoContent,
		summary: "Sign out of the console", description: "Removes the cookie.", codes: []string{"cross_origin"},
	}, a.deleteSession)
}

// cookie is the session cookie; an empty value removes it.
func cookie(value string, from *http.Request) http.Cookie {
	c := http.Cookie{Name: cookieName, Value: value, Path: "/v1", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: secure(from), MaxAge: int(sessionTime.Seconds())}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// secure reports whether the browser came by TLS, perhaps through a proxy.
func secure(r *http.Request) bool {
	return r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

func wireSession(k *hook.Key) client.Session {
	return client.Session{Name: k.Name, Role: string(k.Role), Tenant: k.Tenant, Portal: k.Portal, ExpiresAt: wireTime(k.ExpiresAt)}
}

type sessionOutput struct {
	SetCookie    http.Cookie `header:"Set-Cookie"`
	CacheControl string      `header:"Cache-Control"`
	Body         client.Session
}

func (a *API) createSession(ctx context.Context, in *struct{ Body client.SessionInput }) (*sessionOutput, error) {
	r := requestOf(ctx)
	if err := a.keys.sameOrigin(r); err != nil {
		return nil, err
	}
	now := time.Now()
	text := strings.TrimSpace(in.Body.Key)
	key, err := a.keys.byHash(ctx, sha256.Sum256([]byte(text)), now)
	if err != nil {
		return nil, err
	}
	s := sealedSession{Hash: hashOf(text), ExpiresAt: now.Add(sessionTime).UTC().Truncate(time.Second)}
	if e := key.ExpiresAt; !e.IsZero() && e.Before(s.ExpiresAt) {
		s.ExpiresAt = e
	}
	out := &sessionOutput{SetCookie: cookie(a.keys.sealer.seal(sealSession, s), r), CacheControl: "no-store", Body: wireSession(key)}
	out.Body.ExpiresAt = wireTime(s.ExpiresAt)
	return out, nil
}

func hashOf(text string) []byte {
	hash := sha256.Sum256([]byte(text))
	return hash[:]
}

func (a *API) getSession(ctx context.Context, _ *struct{}) (*struct {
	CacheControl string `header:"Cache-Control"`
	Body         client.Session
}, error,
) {
	out := &struct {
		CacheControl string `header:"Cache-Control"`
		Body         client.Session
	}{CacheControl: "no-store", Body: wireSession(keyOf(ctx))}
	return out, nil
}

func (a *API) deleteSession(ctx context.Context, _ *struct{}) (*struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}, error,
) {
	r := requestOf(ctx)
	if err := a.keys.sameOrigin(r); err != nil {
		return nil, err
	}
	return &struct {
		SetCookie http.Cookie `header:"Set-Cookie"`
	}{cookie("", r)}, nil
}
