package auth

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

	"gancho/internal/hook"
)

// CookieName is the name of the cookie of a session of the console.
const CookieName = "gancho_session"

const sessionTime = 12 * time.Hour

// What a sealed text is for.
const (
	sealSession = "session"
	sealLink    = "portal link"
	sealPortal  = "portal"
)

// sealedSession is what the cookie of a session holds. The hash is the one of the key that the session was opened with,
// so the session ends when the key is revoked.
type sealedSession struct {
	Hash      []byte    `json:"h"`
	ExpiresAt time.Time `json:"e"`
}

// sealer encrypts and authenticates what a browser keeps for us.
type sealer struct {
	aeads []cipher.AEAD // the first one seals, all open
}

// newSealer derives keys for sessions from the server's encryption keys.
func newSealer(keys [][]byte) *sealer {
	s := &sealer{}
	for _, key := range keys {
		s.aeads = append(s.aeads, sessionCipher(key))
	}
	return s
}

// sessionCipher derives the key for sessions from an encryption key. nil makes a random one.
func sessionCipher(key []byte) cipher.AEAD {
	if key == nil {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails, see crypto/rand
	}
	derived, err := hkdf.Key(sha256.New, key, nil, "gancho sessions", 32)
	if err != nil {
		panic("auth: " + err.Error()) // only for lengths that no hash has
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		panic("auth: " + err.Error())
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("auth: " + err.Error())
	}
	return aead
}

func (s *sealer) seal(kind string, v any) string {
	plain, err := json.Marshal(v)
	if err != nil {
		panic("auth: " + err.Error()) // our own types always encode
	}
	return base64.RawURLEncoding.EncodeToString(s.aeads[0].Seal(nil, nil, plain, []byte(kind)))
}

// open reads what seal made of the same kind. It is not ok if the text is anything else.
func (s *sealer) open(kind, text string, v any) (ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return false
	}
	for _, aead := range s.aeads {
		if plain, err := aead.Open(nil, nil, raw, []byte(kind)); err == nil {
			return json.Unmarshal(plain, v) == nil
		}
	}
	return false
}

// sessionID names the session of a sealed text, however its base64 is written.
func sessionID(text string) (id hook.SessionID) {
	raw, _ := base64.RawURLEncoding.DecodeString(text) // it was opened before
	hash := sha256.Sum256(raw)
	copy(id[:], hash[:])
	return id
}

// notEnded fails with session_ended if somebody has ended the session of a sealed text, on this node or another.
func (a *Auth) notEnded(ctx context.Context, text string) error {
	ended, err := a.store.SessionEnded(ctx, sessionID(text))
	if err == nil && ended {
		err = errSessionEnded
	}
	return err
}

// cookieHash is the hash of the key that the session of a request was opened with.
func (a *Auth) cookieHash(r *http.Request, now time.Time) (hash [32]byte, err error) {
	c, err := r.Cookie(CookieName)
	if err != nil {
		return hash, errKeyMissing
	}
	var s sealedSession
	if !a.sealer.Load().open(sealSession, c.Value, &s) || !now.Before(s.ExpiresAt) || len(s.Hash) != len(hash) {
		return hash, errSessionEnded
	}
	if err := a.SameOrigin(r); err != nil { // a browser adds cookies by itself
		return hash, err
	}
	return [32]byte(s.Hash), a.notEnded(r.Context(), c.Value)
}

// SameOrigin refuses a request that changes something and that the page of another origin made a browser send. The code
// of its error is cross_origin.
func (a *Auth) SameOrigin(r *http.Request) error {
	if err := a.cross.Check(r); err != nil {
		return &hook.Error{
			Kind: hook.KindForbidden, Code: "cross_origin", Err: err,
			Detail: "This request comes from a page of another origin. Use the console itself, or an API key in the header " +
				"Authorization.",
		}
	}
	return nil
}

// SignIn opens a session of the console with the text of an API key. It returns the key and until when the session is
// good. The codes of its errors are key_invalid, address_forbidden and too_many_tries.
func (a *Auth) SignIn(ctx context.Context, r *http.Request, text string) (k *hook.Key, c http.Cookie, ends time.Time, err error) {
	now := time.Now()
	text = strings.TrimSpace(text)
	hash := sha256.Sum256([]byte(text))
	if err := a.MayTry(r, DoorConsole, text); err != nil {
		return nil, c, ends, err
	}
	k, err = a.byHash(ctx, hash, now)
	err = a.Tried(r, DoorConsole, text, err)
	if k, err = a.from(r, k, err); err != nil {
		return nil, c, ends, err
	}
	ends = now.Add(sessionTime).UTC().Truncate(time.Second)
	if e := k.ExpiresAt; !e.IsZero() && e.Before(ends) {
		ends = e
	}
	if err := a.store.Note(byPerson(ctx, r, k), sessionEntry(hook.ActionSessionOpened, k)); err != nil {
		return nil, c, ends, err
	}
	return k, cookie(a.sealer.Load().seal(sealSession, sealedSession{Hash: hash[:], ExpiresAt: ends}), r), ends, nil
}

// SignOut ends the session of a request, that of its cookie or that of a portal's token, on all nodes: a copy of what the
// browser kept is worth nothing. If the session had not ended, the audit notes it. It returns the cookie that removes
// the one of the session.
func (a *Auth) SignOut(r *http.Request) (c http.Cookie, err error) {
	ctx, now := r.Context(), time.Now()
	var text string
	var ends time.Time
	var holder *hook.Key // nil: the session has ended before
	if token, ok := BearerToken(r); ok && strings.HasPrefix(token, portalPrefix) {
		var p sealedPortal
		if text = strings.TrimPrefix(token, portalPrefix); a.sealer.Load().open(sealPortal, text, &p) {
			ends = p.ExpiresAt
			holder, _ = a.portalKey(ctx, token, now)
		}
	} else if kept, err := r.Cookie(CookieName); err == nil {
		var s sealedSession
		if text = kept.Value; a.sealer.Load().open(sealSession, text, &s) {
			ends = s.ExpiresAt
			if hash, err := a.cookieHash(r, now); err == nil {
				holder, _ = a.byHash(ctx, hash, now)
			}
		}
	}
	if now.Before(ends) {
		if err := a.store.EndSession(ctx, sessionID(text), ends); err != nil {
			return c, err
		}
	}
	if holder != nil {
		if err := a.store.Note(byPerson(ctx, r, holder), sessionEntry(hook.ActionSessionClosed, holder)); err != nil {
			return c, err
		}
	}
	return cookie("", r), nil
}

// byPerson is a context in which a person with a key does what a request asks for.
func byPerson(ctx context.Context, r *http.Request, k *hook.Key) context.Context {
	actor := hook.Actor{Kind: hook.ActorSession, Key: k.ID, Name: k.Name, Role: k.Role, Address: PeerText(r)}
	if k.Portal != nil {
		actor.Kind = hook.ActorPortal
	}
	return hook.WithActor(ctx, actor)
}

// sessionEntry is the audit's entry about a session that was opened with a key.
func sessionEntry(what hook.Action, k *hook.Key) hook.AuditEntry {
	e := hook.AuditEntry{Tenant: k.Tenant, Action: what, Name: k.Name}
	if !k.ID.IsZero() {
		e.Object = k.ID.String()
	}
	return e
}

// cookie is the cookie of a session, without its path, which is the caller's to say. An empty value removes it.
func cookie(value string, from *http.Request) http.Cookie {
	c := http.Cookie{
		Name: CookieName, Value: value, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: Secure(from),
		MaxAge: int(sessionTime.Seconds()),
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// Secure reports whether a browser made a request by TLS, perhaps to a trusted proxy before us: package listen writes
// that into the URL.
func Secure(r *http.Request) bool { return r.TLS != nil || r.URL.Scheme == "https" }
