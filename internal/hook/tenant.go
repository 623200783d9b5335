package hook

import (
	"encoding/json"
	"regexp"
	"time"
)

// Tenant is one customer company of the product that sends webhooks.
type Tenant struct {
	ID        string // chosen by the caller, see [ValidTenantID]
	Name      string
	Metadata  json.RawMessage // a JSON object that the caller chooses; never nil
	Policy    TenantPolicy
	CreatedAt time.Time
	UpdatedAt time.Time
}

var tenantID = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)

// ValidTenantID reports whether s can be the id of a tenant. "." and ".." cannot, because
// HTTP clients remove them from paths.
func ValidTenantID(s string) bool { return tenantID.MatchString(s) && s != "." && s != ".." }

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

// Key is an API key as it is stored, with a hash in place of its text.
type Key struct {
	ID        KeyID
	Name      string
	Role      Role
	Tenant    string   // "" for all tenants; never "" for RoleTenant
	Hash      [32]byte // SHA-256 of the whole key text
	Hint      string   // the last 4 characters, to recognize it
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
	Portal    bool      // made for the session of a portal link, and never stored
}

// Change says that a change of the configuration was committed, so caches are out of date.
type Change struct {
	Tenant   string     // "" if the change concerns no tenant
	Endpoint EndpointID // zero if it concerns the tenant itself
	Key      KeyID      // an API key was revoked
	Contract string     // this contract has a new version
	Anything bool       // anything may have changed: all caches may be out of date
}
