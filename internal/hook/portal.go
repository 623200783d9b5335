package hook

import (
	"slices"
	"time"
)

// PortalLink is a link by which people of a tenant open the portal. Their sessions are
// valid until they expire, but only as long as the link is stored and the key that created it is good.
type PortalLink struct {
	ID        PortalLinkID
	Tenant    string
	Name      string // who it was made for
	Role      Role   // of those who open it
	Access    PortalAccess
	CreatedAt time.Time
	ExpiresAt time.Time // it cannot be opened after this time
	OpenedAt  time.Time // when it was opened last; zero: never
	EndsAt    time.Time // when the last session expires; not before ExpiresAt
	// MadeWith is the hash of the key that created the link, [Key.Hash]. Zero: the admin key created it, or a program of the
	// release before.
	MadeWith [32]byte
}

// PortalAccess says what people see and do in the portal. A list that is nil says nothing, and the next one decides: that
// of the link, then that of the tenant, then [UsualPortal]. A list that is empty and not nil allows nothing.
type PortalAccess struct {
	Contracts []string `json:"contracts,omitzero"` // by name
	Pages     []string `json:"pages,omitzero"`     // of PortalPages
	Actions   []string `json:"actions,omitzero"`   // of PortalActions
}

// portalPart is a page or an action of the portal, with the scopes that it opens.
type portalPart struct {
	name   string
	scopes []Scope
	usual  bool // everybody has it for whom nothing else was said
	writes bool // it is nothing for people who may only read
}

// Deliveries and tests name their endpoints, so their pages read endpoints, too.
var (
	portalPages = []portalPart{
		{name: "endpoints", scopes: []Scope{"endpoints:read"}, usual: true},
		{name: "test", scopes: []Scope{"endpoints:test", "endpoints:read"}, usual: true, writes: true},
		{name: "deliveries", scopes: []Scope{"deliveries:read", "endpoints:read"}, usual: true},
		{name: PageDocumentation, scopes: []Scope{"contracts:read"}, usual: true},
		{name: "credentials", scopes: []Scope{"credentials:read"}, usual: true},
		{name: "events", scopes: []Scope{"events:read"}},
		{name: "records", scopes: []Scope{"records:read"}},
		{name: "schedules", scopes: []Scope{"schedules:read"}},
		{name: "network", scopes: []Scope{"tenants:read"}},
	}
	portalActions = []portalPart{
		{name: "edit_endpoints", scopes: []Scope{"endpoints:write", "endpoints:secret"}, usual: true, writes: true},
		{name: "edit_credentials", scopes: []Scope{"credentials:write"}, usual: true, writes: true},
		{name: "retry", scopes: []Scope{"deliveries:retry"}, usual: true, writes: true},
		{name: "publish", scopes: []Scope{"events:publish"}, writes: true},
		{name: "edit_records", scopes: []Scope{"records:write"}, writes: true},
		{name: "run_schedules", scopes: []Scope{"schedules:run"}, writes: true},
		{name: "reveal", scopes: []Scope{ScopePersonal}, writes: true},
	}
	// What each page needs: the names of contracts, and the notices by which pages renew themselves.
	portalScopes = []Scope{ScopeSelf, "contracts:read", "stream:read"}
)

// PageDocumentation is the page of the portal with the documents of the contracts.
const PageDocumentation = "documentation"

func partNames(parts []portalPart, which func(portalPart) bool) []string {
	names := make([]string, 0, len(parts))
	for _, p := range parts {
		if which(p) {
			names = append(names, p.name)
		}
	}
	return names
}

func anyPart(portalPart) bool { return true }

// PortalPages are the pages that the portal can have, in the order in which people read them.
func PortalPages() []string { return partNames(portalPages, anyPart) }

// PortalActions are what people can do in the portal.
func PortalActions() []string { return partNames(portalActions, anyPart) }

// UsualPortal is what people see and do for whom nobody said anything else: of the contracts in use, pages about what they
// receive, and nothing that publishes events or changes records.
func UsualPortal() PortalAccess {
	usual := func(p portalPart) bool { return p.usual }
	return PortalAccess{Pages: partNames(portalPages, usual), Actions: partNames(portalActions, usual)}
}

// Or is the access with the lists of another one in the place of those that say nothing.
func (a PortalAccess) Or(other PortalAccess) PortalAccess {
	for _, l := range []struct{ list, other *[]string }{
		{&a.Contracts, &other.Contracts}, {&a.Pages, &other.Pages}, {&a.Actions, &other.Actions},
	} {
		if *l.list == nil {
			*l.list = *l.other
		}
	}
	return a
}

// Equal reports whether both say the same.
func (a PortalAccess) Equal(b PortalAccess) bool {
	same := func(x, y []string) bool { return (x == nil) == (y == nil) && slices.Equal(x, y) }
	return same(a.Contracts, b.Contracts) && same(a.Pages, b.Pages) && same(a.Actions, b.Actions)
}

// Shows reports whether a page belongs to the access.
func (a PortalAccess) Shows(page string) bool { return slices.Contains(a.Pages, page) }

// For is the part of the access that somebody of a role can use, with the scopes that may reports, and those scopes. There
// is always one.
func (a PortalAccess) For(role Role, may func(Scope) bool) (PortalAccess, []Scope) {
	scopes := slices.Clone(portalScopes)
	part := func(parts []portalPart, chosen []string) []string {
		return partNames(parts, func(p portalPart) bool {
			lacks := slices.ContainsFunc(p.scopes, func(s Scope) bool { return !may(s) })
			if !slices.Contains(chosen, p.name) || lacks || p.writes && role == RoleRead {
				return false
			}
			scopes = append(scopes, p.scopes...)
			return true
		})
	}
	a.Pages, a.Actions = part(portalPages, a.Pages), part(portalActions, a.Actions)
	scopes = slices.DeleteFunc(scopes, func(s Scope) bool { return s != ScopeSelf && !may(s) })
	slices.Sort(scopes)
	return a, slices.Compact(scopes)
}
