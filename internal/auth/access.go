package auth

import (
	"slices"
	"strings"

	"gancho/internal/hook"
)

// Access says who may use an operation.
type Access struct {
	Roles []hook.Role
	// anyTenant lets a key of one tenant use an operation that is about no tenant, or about all. The operation then shows
	// it only what is its own.
	anyTenant bool
}

// The kinds of access that there are.
var (
	Operators  = Access{Roles: []hook.Role{hook.RoleOperator}}
	Managers   = Access{Roles: []hook.Role{hook.RoleOperator, hook.RoleTenant}}
	Readers    = Access{Roles: []hook.Role{hook.RoleOperator, hook.RoleTenant, hook.RoleRead}}
	AnyReaders = Access{Roles: Readers.Roles, anyTenant: true}
	Publishers = Access{Roles: []hook.Role{hook.RoleOperator, hook.RoleTenant, hook.RolePublish}}
	Anyone     = Access{
		Roles:     []hook.Role{hook.RoleOperator, hook.RoleTenant, hook.RoleRead, hook.RolePublish},
		anyTenant: true,
	}
)

// Admit decides whether a key may use an operation, on a tenant if it is about one. What belongs to another tenant is
// reported as not there.
func (a Access) Admit(k *hook.Key, tenant string, onTenant bool) error {
	if !slices.Contains(a.Roles, k.Role) {
		names := make([]string, len(a.Roles))
		for i, r := range a.Roles {
			names[i] = string(r)
		}
		return forbidden("A key of role " + string(k.Role) + " may not do this. Use one of role " + strings.Join(names,
			" or ") + ".")
	}
	switch {
	case k.Tenant == "" || a.anyTenant || onTenant && k.Tenant == tenant:
		return nil
	case onTenant:
		return hook.NotFound("tenant", tenant)
	}
	return forbidden("A key of one tenant may not do this. Use one that is good for all tenants.")
}

func forbidden(detail string) error {
	return &hook.Error{Kind: hook.KindForbidden, Code: "forbidden", Detail: detail}
}
