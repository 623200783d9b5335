package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// PortalLinkStore is what [PortalLinks] need of the database.
type PortalLinkStore interface {
	CreatePortalLink(ctx context.Context, l hook.PortalLink) error
	PortalLinks(ctx context.Context, tenant string, p hook.Page) (list []hook.PortalLink, next hook.ID, err error)
	DeletePortalLink(ctx context.Context, tenant string, id hook.PortalLinkID) error
}

// PortalLinks are the use cases of portal links, by which people of a tenant open its pages without an API key.
type PortalLinks struct{ Store PortalLinkStore }

// How long a portal link can be opened, and how long a session lasts after somebody opens it.
const (
	defaultLinkTime   = 10 * time.Minute
	defaultPortalTime = 8 * time.Hour
	maxPortalTime     = 24 * time.Hour
)

// PortalLinkSpec is a new portal link as somebody requests it. Times are more than 0 and at most 24 hours.
type PortalLinkSpec struct {
	Name      string // whom it is for
	ReadOnly  bool
	Access    hook.PortalAccess // what they see and do; nil lists: as the tenant says
	OpensFor  *time.Duration    // nil: 10 minutes
	StaysOpen *time.Duration    // how long a session lasts that begins with it; nil: 8 hours
}

// Create creates a portal link of a tenant in the name of the holder of by, and the link ends with that key. stays is how
// long a session lasts after somebody opens the link. The code of its error is portal_link_invalid.
func (x PortalLinks) Create(ctx context.Context, by *hook.Key, tenant string, in PortalLinkSpec) (l hook.PortalLink, stays time.Duration, err error) {
	opens, stays := defaultLinkTime, defaultPortalTime
	set(&opens, in.OpensFor)
	set(&stays, in.StaysOpen)
	var wrong []hook.FieldError
	for _, span := range []struct {
		pointer string
		time.Duration
	}{{"/expires_in", opens}, {"/session_for", stays}} {
		if span.Duration <= 0 || span.Duration > maxPortalTime {
			wrong = append(wrong, hook.Field(span.pointer, "portal_time", "Write a length of time up to 24h, such as 10m."))
		}
	}
	if wrong = append(wrong, checkPortal(in.Access, "")...); len(wrong) > 0 {
		return l, 0, hook.InvalidFields("portal_link_invalid", wrong...)
	}
	l = hook.PortalLink{ID: hook.NewPortalLinkID(), Tenant: tenant, Name: in.Name, Role: hook.RoleTenant, Access: in.Access, CreatedAt: now(), MadeWith: by.Hash}
	if in.ReadOnly {
		l.Role = hook.RoleRead
	}
	l.ExpiresAt = l.CreatedAt.Add(opens).Truncate(time.Second)
	if ends := by.ExpiresAt; !ends.IsZero() && ends.Before(l.ExpiresAt) {
		l.ExpiresAt = ends
	}
	l.EndsAt = l.ExpiresAt
	return l, stays, x.Store.CreatePortalLink(ctx, l)
}

// List lists the portal links of a tenant that can still be opened, or whose sessions may still last, newest first.
func (x PortalLinks) List(ctx context.Context, tenant string, p hook.Page) (list []hook.PortalLink, next hook.ID, err error) {
	return x.Store.PortalLinks(ctx, tenant, p)
}

// Delete revokes a portal link, and ends the sessions that began with it. The code of its error is
// portal_link_not_found.
func (x PortalLinks) Delete(ctx context.Context, tenant, id string) error {
	parsed, err := hook.ParsePortalLinkID(id)
	if err != nil {
		return hook.NotFound("portal_link", id)
	}
	return x.Store.DeletePortalLink(ctx, tenant, parsed)
}

// checkPortal finds what is wrong with the lists of what people see and do in the portal, which stand in a request at a
// place. A contract need not exist yet.
func checkPortal(a hook.PortalAccess, at string) (wrong []hook.FieldError) {
	for i, name := range a.Contracts {
		if !contract.ValidName(name) {
			wrong = append(wrong, hook.Field(fmt.Sprintf("%s/contracts/%d", at, i), "contract_name_invalid",
				"This cannot be the name of a contract."))
		}
	}
	for i, name := range a.Pages {
		if known := hook.PortalPages(); !slices.Contains(known, name) {
			wrong = append(wrong, hook.Field(fmt.Sprintf("%s/pages/%d", at, i), "portal_page_unknown",
				"The portal has no such page. Its pages are {names}.", "names", strings.Join(known, ", ")))
		}
	}
	for i, name := range a.Actions {
		if known := hook.PortalActions(); !slices.Contains(known, name) {
			wrong = append(wrong, hook.Field(fmt.Sprintf("%s/actions/%d", at, i), "portal_action_unknown",
				"There is no such action. The actions are {names}.", "names", strings.Join(known, ", ")))
		}
	}
	return wrong
}
