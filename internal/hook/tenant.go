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

// Change says that a change of the configuration was committed, so caches are out of date.
type Change struct {
	Tenant   string     // "" if the change concerns no tenant
	Endpoint EndpointID // zero if it concerns the tenant itself
	Key      KeyID      // an API key was revoked
	Contract string     // this contract has a new version
	Anything bool       // anything may have changed: all caches may be out of date
}
