// Package auth finds out who makes a request: with an API key, a session of the console, or a token of the portal.
//
// All of them end up as a [hook.Key], which says what its holder may do ([Access]). It promises:
//
//   - A revoked key or portal link stops working at once on the node where it was revoked; a key on other nodes within
//     30 seconds, a link at once there, too. A link and its sessions end at once, on all nodes, when the text of the key
//     that created it ends: the key was revoked, it expired, or a rotation replaced that text and the overlap is over.
//   - Only hashes of keys are kept and compared. The time that a comparison takes tells nothing about a key.
//   - Whoever tries wrong keys has to wait, by address and by the beginning of the key. Nobody can make the holder of a
//     right key at another address wait. Refused tries, sessions and opened links are in the audit.
//   - Sessions are not stored, only which of them were ended before their time. What a browser keeps is encrypted and
//     authenticated, and says what it is for, so that one kind never passes for another. Signing out ends a session on
//     all nodes at once.
//   - A request that a browser authenticates by itself, with a cookie, changes nothing if it comes from the page of
//     another origin.
package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gancho/internal/cache"
	"gancho/internal/hook"
)

// Each request needs its key, so keys are remembered for a while.
const (
	keyTTL    = 30 * time.Second
	keysKept  = 10_000
	maxKeyLen = 512 // the longest text, in characters, that is compared with keys
)

// Store is what [Auth] needs of the database.
type Store interface {
	Tenant(ctx context.Context, id string) (hook.Tenant, error)
	KeyByHash(ctx context.Context, hash [32]byte) (hook.Key, error)
	// PortalLink is a link of any tenant.
	PortalLink(ctx context.Context, id hook.PortalLinkID) (hook.PortalLink, error)
	// OpenPortalLink notes that somebody opened a link, and until when they may stay.
	OpenPortalLink(ctx context.Context, id hook.PortalLinkID, at, ends time.Time) error
	// ContractsInUse are the names of the contracts that a tenant uses.
	ContractsInUse(ctx context.Context, tenant string) ([]string, error)
	// EndSession notes that a session was ended, until it would have ended by itself; SessionEnded reports that.
	EndSession(ctx context.Context, id hook.SessionID, ends time.Time) error
	SessionEnded(ctx context.Context, id hook.SessionID) (bool, error)
	// KeysUsed notes when keys were used last.
	KeysUsed(ctx context.Context, at map[hook.KeyID]time.Time) error
	// Note writes an entry of the audit, in the name of the actor of the context.
	Note(ctx context.Context, e hook.AuditEntry) error
}

// Auth finds out who makes a request. Its methods may be called from any goroutine.
type Auth struct {
	store    Store
	admin    [32]byte // hash of the operator's key
	root     *hook.Key
	rootUsed atomic.Int64             // when the admin key was remembered as right, in seconds
	keys     *cache.Loader[*hook.Key] // by hash
	used     sync.Map                 // *hook.Key → *atomic.Int64, the minute in which it was used last; see [Auth.Run]
	throttle *throttle
	sealer   atomic.Pointer[sealer]
	cross    *http.CrossOriginProtection
}

// New makes an Auth. adminKey is the text of the operator's key. sessionKey are the 32 bytes with which sessions are
// encrypted; nil: a random key, so that sessions end with the process.
func New(store Store, adminKey string, sessionKey []byte) *Auth {
	a := &Auth{
		store: store, admin: sha256.Sum256([]byte(adminKey)), root: &hook.Key{Name: "admin", Role: hook.RoleOperator},
		throttle: newThrottle(), cross: http.NewCrossOriginProtection(),
	}
	a.SetSessionKeys(sessionKey)
	a.keys = cache.NewLoader(keysKept, keyTTL, func(ctx context.Context, hash string) (*hook.Key, error) {
		k, err := store.KeyByHash(ctx, [32]byte([]byte(hash)))
		if err != nil {
			return nil, err
		}
		a.remember(k.Hash)
		return &k, nil
	})
	return a
}

// SetSessionKeys replaces the keys with which sessions and portal links are encrypted. The first one encrypts them; what
// was encrypted with one of the others is still good.
func (a *Auth) SetSessionKeys(keys ...[]byte) { a.sealer.Store(newSealer(keys)) }

// Changed forgets a key that was revoked. It is called after each committed change of the configuration.
func (a *Auth) Changed(c hook.Change) {
	if c.Key.IsZero() && !c.Anything {
		return
	}
	a.keys.ForgetIf(func(_ string, k *hook.Key) bool { return c.Anything || k.ID == c.Key })
}

var (
	errKeyMissing = &hook.Error{
		Kind: hook.KindUnauthorized, Code: "key_missing",
		Detail: "Send an API key in the header Authorization, as in Authorization: Bearer gk_….",
	}
	errKeyInvalid = &hook.Error{
		Kind: hook.KindUnauthorized, Code: "key_invalid", Detail: "This API key does not exist, was revoked, or has expired.",
	}
	errAddress = &hook.Error{
		Kind: hook.KindForbidden, Code: "address_forbidden",
		Detail: "This API key may not be used from this address. Use it from one of its addresses, or add this one to a new key.",
	}
	errSessionEnded = &hook.Error{
		Kind: hook.KindUnauthorized, Code: "session_ended",
		Detail: "The session has ended. Sign in again, or open a new portal link.",
	}
)

// errForged is for a token of a portal session that we did not make. Its caller gets the same answer as for one that has
// ended, but it counts as a wrong key, and one that has ended does not: a page may go on asking with it.
var errForged = &hook.Error{Kind: errSessionEnded.Kind, Code: errSessionEnded.Code, Detail: errSessionEnded.Detail}

// Authenticate finds the key that a request was made with: that of its header Authorization or, without one, that of
// its session. The codes of its errors are key_missing, key_invalid, session_ended, address_forbidden,
// too_many_tries and cross_origin.
func (a *Auth) Authenticate(r *http.Request) (*hook.Key, error) {
	now := time.Now()
	if len(r.Header["Authorization"]) == 0 {
		hash, err := a.cookieHash(r, now)
		if err != nil {
			return nil, err
		}
		k, err := a.byHash(r.Context(), hash, now)
		if hook.IsKind(err, hook.KindUnauthorized) { // the key is gone
			err = errSessionEnded
		}
		return a.from(r, k, err)
	}
	text, ok := BearerToken(r)
	if !ok {
		return nil, errKeyMissing
	}
	if strings.HasPrefix(text, portalPrefix) {
		k, err := a.portalKey(r.Context(), text, now)
		if err != errForged { //lint:ignore errorlint it is the value itself that is meant
			// It was sealed here, so it is no guess, and does not wait for others who guess behind the same address.
			return a.from(r, k, err)
		}
		if err := a.MayTry(r, DoorAPI, text); err != nil {
			return nil, err
		}
		return nil, a.Tried(r, DoorAPI, text, err)
	}
	if err := a.MayTry(r, DoorAPI, text); err != nil {
		return nil, err
	}
	k, err := a.byText(r.Context(), text, now)
	if err != nil {
		return nil, a.Tried(r, DoorAPI, text, err)
	}
	return a.from(r, k, nil)
}

// from checks that a key may be used from the address of a request, and notes that it was used.
func (a *Auth) from(r *http.Request, k *hook.Key, err error) (*hook.Key, error) {
	if err != nil {
		return nil, err
	}
	if !k.From(Peer(r)) {
		return nil, errAddress
	}
	a.note(k, time.Now())
	return k, nil
}

// Admin reports whether a request has the operator's own key in its header Authorization. Whoever tries wrong ones has to
// wait, as everywhere.
func (a *Auth) Admin(r *http.Request) bool {
	if len(r.Header["Authorization"]) == 0 { // a cookie does not do
		return false
	}
	k, err := a.Authenticate(r)
	return err == nil && k == a.root
}

// Peer is the address that a request comes from. It is invalid if that is not known.
func Peer(r *http.Request) netip.Addr {
	p, _ := netip.ParseAddrPort(r.RemoteAddr)
	return p.Addr().Unmap()
}

// Enter finds the key that a request was made with, and decides whether it may use an operation, on a tenant if it is
// about one. Every operation that needs a key begins here.
func (a *Auth) Enter(r *http.Request, access Access, tenant string, onTenant bool) (*hook.Key, error) {
	k, err := a.Authenticate(r)
	if err != nil {
		return nil, err
	}
	return k, access.Admit(k, tenant, onTenant)
}

// BearerToken is what a request has after Authorization: Bearer.
func BearerToken(r *http.Request) (token string, ok bool) {
	values := r.Header["Authorization"]
	if len(values) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

// PeerText is [Peer] as text, "" if it is not known.
func PeerText(r *http.Request) string {
	if a := Peer(r); a.IsValid() {
		return a.String()
	}
	return ""
}

// byText finds a key by its text.
func (a *Auth) byText(ctx context.Context, text string, now time.Time) (*hook.Key, error) {
	if len(text) > maxKeyLen {
		return nil, errKeyInvalid
	}
	return a.byHash(ctx, sha256.Sum256([]byte(text)), now)
}

// byHash finds a key by the hash of its text.
func (a *Auth) byHash(ctx context.Context, hash [32]byte, now time.Time) (*hook.Key, error) {
	if subtle.ConstantTimeCompare(hash[:], a.admin[:]) == 1 {
		if at := a.rootUsed.Load(); now.Unix()-at > 60 {
			a.rootUsed.Store(now.Unix())
			a.remember(hash)
		}
		return a.root, nil
	}
	k, err := a.keys.Get(ctx, string(hash[:]))
	if hook.IsKind(err, hook.KindNotFound) {
		return nil, errKeyInvalid
	}
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(hash[:], k.Hash[:]) != 1 || !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) {
		return nil, errKeyInvalid
	}
	return k, nil
}
