package hook

import (
	"net/netip"
	"slices"
	"time"
)

// Role says what an API key may do.
type Role string

const (
	RoleOperator Role = "operator" // everything, all tenants
	RoleTenant   Role = "tenant"   // everything within one tenant
	RolePublish  Role = "publish"  // post events (of one tenant, or of all)
	RoleRead     Role = "read"     // read everything but secrets, change nothing
)

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool {
	switch r {
	case RoleOperator, RoleTenant, RolePublish, RoleRead:
		return true
	}
	return false
}

// Key is an API key as it is stored, with hashes in place of its texts. Scopes, contracts and addresses narrow what its
// role allows; each of them is nil if it narrows nothing.
type Key struct {
	ID        KeyID
	Name      string
	Role      Role
	Tenant    string   // "" for all tenants; never "" for RoleTenant
	Hash      [32]byte // SHA-256 of the whole key text; of a key found by an earlier text, of that one
	Hint      string   // the last 4 characters, to recognize it
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	LastUsed  time.Time // zero: not yet; written once a minute
	// Portal is what the session of a portal link may see and do; nil: the key is none of such a session. It is never stored.
	Portal *PortalAccess
	Link   PortalLinkID // of the session of a portal link: such a key has no ID

	Scopes    []Scope        // the only groups of operations that it may use
	Contracts []string       // the only contracts that it may touch
	Addresses []netip.Prefix // the only addresses that it may be used from
	Limits    Limits         // what it may use, beside its tenant's limits; endpoints and scripts are not counted by key
	Shared    []KeyBudget    // what it may use together with the keys by which it was created
	Earlier   []KeyText      // texts that a rotation replaced and that are still good, the one that ends last first
}

// KeyText is a text of a key that a rotation replaced.
type KeyText struct {
	Hint   string
	EndsAt time.Time
}

// KeyBudget is what a key, and the keys that it created, may use together. It holds on when that key is gone.
type KeyBudget struct {
	QuotaUser
	Limits Limits
}

// MaxShared is how many budgets a key can share: so many keys with limits can stand in one line, each created by the one
// before.
const MaxShared = 8

// Budgets are those from which all that is done with the key is taken: its own first, if it has limits.
func (k *Key) Budgets() []KeyBudget {
	if k.Limits == (Limits{}) {
		return k.Shared
	}
	return append([]KeyBudget{{QuotaUser{Tenant: k.Tenant, Key: k.ID.String()}, k.Limits}}, k.Shared...)
}

// Restricted reports whether the key may do less than its role allows.
func (k *Key) Restricted() bool {
	return len(k.Scopes) > 0 || len(k.Contracts) > 0 || len(k.Addresses) > 0
}

// Has reports whether the key may use the operations of a scope, if its role allows them.
func (k *Key) Has(s Scope) bool {
	return len(k.Scopes) == 0 || s == ScopeSelf || slices.Contains(k.Scopes, s)
}

// MayTouch reports whether the key may touch what belongs to a contract.
func (k *Key) MayTouch(contract string) bool {
	return len(k.Contracts) == 0 || slices.Contains(k.Contracts, contract)
}

// From reports whether the key may be used from an address. An invalid one is none that anybody allowed.
func (k *Key) From(a netip.Addr) bool {
	if len(k.Addresses) == 0 {
		return true
	}
	a = a.Unmap()
	return slices.ContainsFunc(k.Addresses, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Covers reports whether another key may do nothing that k may not. A key creates and changes only keys that it covers;
// otherwise somebody who has a narrow key could get a wide one. The other key has to share the budgets
// of k, as keys do that k created: otherwise somebody could add up the limits of many keys.
func (k *Key) Covers(o *Key) bool {
	within := len(k.Addresses) == 0 || len(o.Addresses) > 0
	for _, p := range o.Addresses {
		within = within && (len(k.Addresses) == 0 || slices.ContainsFunc(k.Addresses, func(q netip.Prefix) bool {
			return q.Bits() <= p.Bits() && q.Contains(p.Addr())
		}))
	}
	within = within && o.Limits.within(k.Limits)
	budgets := o.Budgets()
	for _, b := range k.Budgets() {
		within = within && slices.ContainsFunc(budgets, func(c KeyBudget) bool { return b.QuotaUser == c.QuotaUser })
	}
	return within && covers(k.Scopes, o.Scopes) && covers(k.Contracts, o.Contracts)
}

// covers reports whether all of inner are in outer. No list is one of everything.
func covers[T comparable](outer, inner []T) bool {
	if len(outer) == 0 {
		return true
	}
	return len(inner) > 0 && !slices.ContainsFunc(inner, func(v T) bool { return !slices.Contains(outer, v) })
}

// Scope names a group of operations that a key may be limited to, as in events:publish. Each operation of the API
// belongs to one.
type Scope string

// ScopeSelf is the scope of operations that say who one is. Every key has it.
const ScopeSelf Scope = "self:read"

// ScopeMove is the scope of exporting and importing tenants, with their secrets.
const ScopeMove Scope = "tenants:move"

// ScopeErase is the scope of erasing the data of a person.
const ScopeErase Scope = "personal:erase"

// ScopePersonal is the scope of looking at personal data.
const ScopePersonal Scope = "personal:read"

// Scopes are the scopes that a key can have, in the order in which people read them.
func Scopes() []Scope {
	return []Scope{
		"tenants:read", "tenants:write", ScopeMove,
		"endpoints:read", "endpoints:write", "endpoints:secret", "endpoints:test",
		"credentials:read", "credentials:write",
		"events:publish", "events:read",
		"records:read", "records:write",
		"deliveries:read", "deliveries:retry",
		"schedules:read", "schedules:run",
		"contracts:read", "contracts:write",
		"keys:read", "keys:write",
		"portal:read", "portal:write",
		"stats:read", "stream:read",
		"audit:read", ScopePersonal, ScopeErase,
		"system:read", "system:write",
	}
}

// Valid reports whether a key can have the scope.
func (s Scope) Valid() bool { return slices.Contains(Scopes(), s) }
