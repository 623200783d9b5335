package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"

	"gancho/internal/hook"
)

// access is who may use an operation.
type access int

const (
	operators  access = iota // operator
	managers                 // operator, tenant
	readers                  // operator, tenant, read
	anyReaders               // the same, also with a key of one tenant on what belongs to none
	publishers               // operator, tenant, publish
	anyone                   // every key
)

// roles are the roles that each access admits.
var roles = map[access][]hook.Role{
	operators:  {hook.RoleOperator},
	managers:   {hook.RoleOperator, hook.RoleTenant},
	readers:    {hook.RoleOperator, hook.RoleTenant, hook.RoleRead},
	anyReaders: {hook.RoleOperator, hook.RoleTenant, hook.RoleRead},
	publishers: {hook.RoleOperator, hook.RoleTenant, hook.RolePublish},
	anyone:     {hook.RoleOperator, hook.RoleTenant, hook.RoleRead, hook.RolePublish},
}

func (a access) admits(r hook.Role) bool {
	switch r {
	case hook.RoleOperator:
		return true
	case hook.RoleTenant:
		return a != operators
	case hook.RoleRead:
		return a == readers || a == anyReaders || a == anyone
	case hook.RolePublish:
		return a == publishers || a == anyone
	}
	return false
}

// Keys are remembered for a while, since each request needs one. A revoked key
// stops working at once on the node where it was revoked, and within keyTTL on
// others.
const (
	keyTTL   = 30 * time.Second
	keyCache = 10_000
)

// keyring finds the key of a request.
type keyring struct {
	store interface {
		Keys
		PortalLinks
	}
	admin [32]byte // hash of the admin key
	root  *hook.Key

	sealer sealer
	cross  *http.CrossOriginProtection

	mu     sync.RWMutex
	keys   map[[32]byte]*cachedKey
	change uint64 // counts invalidations, so that a lookup that one overtakes is not remembered
}

type cachedKey struct {
	key   hook.Key
	until time.Time
}

func newKeyring(store Store, admin string, sessionKey []byte) *keyring {
	return &keyring{
		store: store, admin: sha256.Sum256([]byte(admin)), keys: map[[32]byte]*cachedKey{},
		sealer: newSealer(sessionKey), cross: http.NewCrossOriginProtection(),
		root: &hook.Key{Name: "admin", Role: hook.RoleOperator},
	}
}

// changed forgets what a revoked key was.
func (k *keyring) changed(c hook.Change) {
	if c.Key.IsZero() && !c.Anything {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.change++
	for hash, cached := range k.keys {
		if cached.key.ID == c.Key || c.Anything {
			delete(k.keys, hash)
		}
	}
}

var errKeyMissing = &hook.Error{
	Kind: hook.KindUnauthorized, Code: "key_missing",
	Detail: "Send an API key in the header Authorization, as in Authorization: Bearer gk_….",
}

var errKeyInvalid = &hook.Error{
	Kind: hook.KindUnauthorized, Code: "key_invalid", Detail: "This API key does not exist, was revoked, or has expired.",
}

// authenticate finds the key that a request was made with: that of its header
// Authorization, or, without one, that of its session.
func (k *keyring) authenticate(r *http.Request) (*hook.Key, error) {
	now := time.Now()
	values := r.Header["Authorization"]
	if len(values) == 0 {
		hash, err := k.cookieHash(r, now)
		if err != nil {
			return nil, err
		}
		key, err := k.byHash(r.Context(), hash, now)
		if hook.IsKind(err, hook.KindUnauthorized) { // the key is gone
			err = errSessionEnded
		}
		return key, err
	}
	text, ok := bearerToken(r)
	if !ok {
		return nil, errKeyMissing
	}
	if strings.HasPrefix(text, portalPrefix) {
		return k.portalKey(r.Context(), text, now)
	}
	if len(text) > 512 {
		return nil, errKeyInvalid
	}
	return k.byHash(r.Context(), sha256.Sum256([]byte(text)), now)
}

// byHash finds a key by the hash of its text.
func (k *keyring) byHash(ctx context.Context, hash [32]byte, now time.Time) (*hook.Key, error) {
	// Only hashes are compared, so the time it takes tells nothing of a key.
	if subtle.ConstantTimeCompare(hash[:], k.admin[:]) == 1 {
		return k.root, nil
	}
	k.mu.RLock()
	cached, change := k.keys[hash], k.change
	k.mu.RUnlock()
	if cached == nil || now.After(cached.until) {
		key, err := k.store.KeyByHash(ctx, hash)
		if hook.IsKind(err, hook.KindNotFound) {
			return nil, errKeyInvalid
		}
		if err != nil {
			return nil, err
		}
		cached = &cachedKey{key: key, until: now.Add(keyTTL)}
		k.remember(hash, cached, change)
	}
	if subtle.ConstantTimeCompare(hash[:], cached.key.Hash[:]) != 1 {
		return nil, errKeyInvalid
	}
	if e := cached.key.ExpiresAt; !e.IsZero() && !now.Before(e) {
		return nil, errKeyInvalid
	}
	return &cached.key, nil
}

// remember keeps a key unless one was revoked since it was looked up.
func (k *keyring) remember(hash [32]byte, c *cachedKey, change uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.change != change {
		return
	}
	for old := range k.keys {
		if len(k.keys) < keyCache {
			break
		}
		delete(k.keys, old)
	}
	k.keys[hash] = c
}

// admit decides whether a key may use an operation, on a tenant if it is on one.
// Another tenant's things do not exist for it.
func admit(k *hook.Key, who access, tenant string, onTenant bool) error {
	if !who.admits(k.Role) {
		return forbidden(k, who)
	}
	if k.Tenant == "" || who == anyReaders || who == anyone || onTenant && k.Tenant == tenant {
		return nil
	}
	if onTenant {
		return hook.NotFound("tenant", tenant)
	}
	return forbidden(k, who)
}

func forbidden(k *hook.Key, who access) error {
	names := make([]string, 0, 4)
	for _, r := range roles[who] {
		names = append(names, string(r))
	}
	detail := "A key of role " + string(k.Role) + " may not do this. Use one of role " + strings.Join(names, " or ") + "."
	if k.Tenant != "" && who.admits(k.Role) {
		detail = "A key of one tenant may not do this. Use one that is good for all tenants."
	}
	return &hook.Error{Kind: hook.KindForbidden, Code: "forbidden", Detail: detail}
}

type contextKey int

const (
	idOfRequest contextKey = iota
	callOf
)

// call is what an operation may know of its request beside its input.
type call struct {
	request *http.Request
	key     *hook.Key // nil where an operation needs none
}

func requestOf(ctx context.Context) *http.Request { return ctx.Value(callOf).(call).request }

func keyOf(ctx context.Context) *hook.Key { return ctx.Value(callOf).(call).key }
