package api

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

const portalLinksPath = "/v1/tenants/{tenant}/portal-links"

// portalHandlers answer requests about portal links, and open them.
type portalHandlers struct {
	links     admin.PortalLinks
	auth      *auth.Auth
	addresses addresses
	logo      string // path of the operator's picture; "": none
	accent    string // the operator's colour; "": none
}

func (h portalHandlers) register(a *API) {
	add(a, operation{
		id: "create-portal-link", scope: "portal:write", method: http.MethodPost, path: portalLinksPath, tag: "sessions", access: auth.Managers,
		status:       http.StatusCreated,
		bodyOptional: true, summary: "Create a portal link",
		description: "A link for the tenant's own people: it opens pages of this tenant and nothing else. What it does not say " +
			"about contracts, pages and actions, the tenant's member portal says; what that does not say either is usual: the " +
			"contracts that the tenant uses, the pages " + strings.Join(hook.UsualPortal().Pages, ", ") + ", and the actions " +
			strings.Join(hook.UsualPortal().Actions, ", ") + ". Create one " +
			"when somebody wants to open the portal, and redirect their browser to it, " +
			"or show it in an iframe on one of the origins that the operator configured. Opening it needs no cookie. " +
			"The link and its sessions end with the key that created it, at the latest.",
		codes: []string{"portal_link_invalid"}, once: true,
	}, h.create)
	add(a, operation{
		id: "list-portal-links", scope: "portal:read", method: http.MethodGet, path: portalLinksPath, tag: "sessions", access: auth.Managers,
		summary: "List portal links",
		description: "Links that can be opened, or whose sessions may still be open, newest first. The secret part of a " +
			"link is not shown again.",
		codes: []string{"cursor_invalid"},
	}, h.list)
	add(a, operation{
		id: "delete-portal-link", scope: "portal:write", method: http.MethodDelete, path: portalLinksPath + "/{link}", tag: "sessions",
		access: auth.Managers, status: http.StatusNoContent,
		summary:     "Revoke a portal link",
		description: "It cannot be opened any more, and the sessions that began with it end at once.",
		codes:       []string{"portal_link_not_found"},
	}, h.delete)
	add(a, operation{
		id: "create-portal-session", method: http.MethodPost, path: "/v1/portal-sessions", tag: "sessions", open: true,
		status: http.StatusCreated, limit: openBody,
		summary: "Open a portal link", description: "Exchanges the token of a link for a token that is used like an API key.",
		codes: []string{"link_expired", "tenant_not_found", "too_many_tries", "portal_forbidden"},
	}, h.open)
}

func wirePortalLink(l hook.PortalLink) client.PortalLink {
	return client.PortalLink{
		ID: l.ID.String(), Name: l.Name, ReadOnly: l.Role == hook.RoleRead, CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
		OpenedAt: wireTime(l.OpenedAt), EndsAt: l.EndsAt, PortalAccess: client.PortalAccess(l.Access),
	}
}

func (h portalHandlers) create(ctx context.Context, in *struct {
	TenantPath
	Body client.PortalLinkInput
},
) (*struct{ Body client.NewPortalLink }, error) {
	link, stays, err := h.links.Create(ctx, keyOf(ctx), in.Tenant, admin.PortalLinkSpec{
		Name: in.Body.Name, ReadOnly: in.Body.ReadOnly, OpensFor: optionalDuration(in.Body.ExpiresIn),
		StaysOpen: optionalDuration(in.Body.SessionFor), Access: hook.PortalAccess(in.Body.PortalAccess),
	})
	if err != nil {
		return nil, err
	}
	u := h.addresses.url(requestOf(ctx), "/portal")
	u.Fragment = h.auth.LinkToken(keyOf(ctx), link, stays, auth.Look{Language: in.Body.Language, Accent: in.Body.Accent})
	return &struct{ Body client.NewPortalLink }{client.NewPortalLink{PortalLink: wirePortalLink(link), URL: u.String()}},
		nil
}

func (h portalHandlers) list(ctx context.Context, in *struct {
	TenantPath
	Paging
},
) (*struct {
	Body client.List[client.PortalLink]
}, error,
) {
	list := listName("portal-links", in.Tenant)
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	links, next, err := h.links.List(ctx, in.Tenant, p)
	if err != nil {
		return nil, err
	}
	return &struct {
		Body client.List[client.PortalLink]
	}{wireList(links, next, list, wirePortalLink)}, nil
}

func (h portalHandlers) delete(ctx context.Context, in *struct {
	TenantPath
	Link string `path:"link" doc:"Id of the link." example:"ptl_06ew2c6eqfy7d00000000000g0"`
},
) (*struct{}, error) {
	return nil, h.links.Delete(ctx, in.Tenant, in.Link)
}

func (h portalHandlers) open(ctx context.Context, in *struct{ Body client.PortalSessionInput }) (
	*struct{ Body client.PortalSession }, error,
) {
	s, err := h.auth.OpenLink(ctx, requestOf(ctx), in.Body.Token)
	if err != nil {
		return nil, err
	}
	logo := h.logo
	if logo != "" {
		logo = h.addresses.path(logo)
	}
	return &struct{ Body client.PortalSession }{client.PortalSession{
		Session: wireSession(s.Key), Token: s.Token, TenantName: s.Tenant.Name, Language: s.Look.Language,
		Accent: cmp.Or(s.Look.Accent, h.accent), Logo: logo,
	}}, nil
}
