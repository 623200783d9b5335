package auth

import (
	"slices"
	"strings"

	"gancho/internal/hook"
)

// Access says who may use an operation.
type Access struct {
	Roles []hook.Role
	// Scope is the group that the operation belongs to. A key that is limited to other scopes may not use it. The zero
	// value belongs to no key with scopes.
	Scope hook.Scope
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

// In is the same access to an operation of a scope.
func (a Access) In(s hook.Scope) Access {
	a.Scope = s
	return a
}

// Admit decides whether a key may use an operation, on a tenant if it is about one. What belongs to another tenant is
// reported as not there.
func (a Access) Admit(k *hook.Key, tenant string, onTenant bool) error {
	if k.Portal != nil && (!slices.Contains(a.Roles, k.Role) || !k.Has(a.Scope) || !onTenant && !a.anyTenant) {
		return ErrPortal
	}
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
	case onTenant:
		return hook.NotFound("tenant", tenant)
	default:
		return forbidden("A key of one tenant may not do this. Use one that is good for all tenants.")
	}
	return AdmitScope(k, a.Scope)
}

// AdmitScope decides whether a key may do what belongs to a scope.
func AdmitScope(k *hook.Key, s hook.Scope) error {
	switch {
	case k.Has(s):
		return nil
	case k.Portal != nil:
		return ErrPortal
	}
	return &hook.Error{
		Kind: hook.KindForbidden, Code: "scope_missing",
		Detail: "This key lacks the scope " + string(s) + ". Use a key that has it.",
	}
}

// AdmitContract decides whether a key may touch what belongs to a contract.
func AdmitContract(k *hook.Key, contract string) error {
	if k.MayTouch(contract) {
		return nil
	}
	return OtherContract(k)
}

// OtherContract is the error for what belongs to a contract that a key may not touch.
func OtherContract(k *hook.Key) *hook.Error {
	if k.Portal != nil {
		return ErrPortal
	}
	return errOtherContract
}

var errOtherContract = &hook.Error{
	Kind: hook.KindForbidden, Code: "contract_forbidden",
	Detail: "This key is limited to other contracts. Use a key that may use this one.",
}

// ErrPortal is the error for what the session of a portal link may not see or do.
var ErrPortal = &hook.Error{
	Kind: hook.KindForbidden, Code: "portal_forbidden",
	Detail: "Your portal does not include this. Ask the company that gave you the link to it.",
}

// AdmitPage decides whether a key may use an operation that belongs to a page of the portal. Only sessions of portal links
// can lack a page; "" is one that they all lack.
func AdmitPage(k *hook.Key, page string) error {
	if k.Portal == nil || page != "" && k.Portal.Shows(page) {
		return nil
	}
	return ErrPortal
}

// AdmitEverything decides whether a key may use an operation that is about all contracts.
func AdmitEverything(k *hook.Key) error {
	switch {
	case len(k.Contracts) == 0:
		return nil
	case k.Portal != nil:
		return ErrPortal
	}
	return &hook.Error{
		Kind: hook.KindForbidden, Code: "contract_forbidden",
		Detail: "This operation is about all contracts, and this key is limited to some. Use a key without that limit.",
	}
}

func forbidden(detail string) error {
	return &hook.Error{Kind: hook.KindForbidden, Code: "forbidden", Detail: detail}
}
