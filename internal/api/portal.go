package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gancho.example/client"
	"gancho/internal/hook"
)

// A portal link and the token that it is exchanged for are sealed texts, good
// only as long as the link is stored. Each request looks for it (one row by its
// primary key), so revoking takes effect at once, on every node.

const (
	portalLinksPath = "/v1/tenants/{tenant}/portal-links"
	portalPrefix    = "gp_" // of tokens that the portal sends in the place of a key

	linkTime      = 10 * time.Minute
	portalTime    = 8 * time.Hour
	maxPortalTime = 24 * time.Hour
)

// sealedPortal is what a portal link, and then its token, hold.
type sealedPortal struct {
	Link      hook.PortalLinkID `json:"i"`
	Name      string            `json:"n,omitempty"`
	Tenant    string            `json:"t"`
	Role      hook.Role         `json:"r"`
	Language  string            `json:"l,omitempty"`
	Accent    string            `json:"a,omitempty"`
	Stay      time.Duration     `json:"s,omitempty"` // of a link: how long its token is good
	ExpiresAt time.Time         `json:"e"`
}

func (p *sealedPortal) key() *hook.Key {
	return &hook.Key{Name: p.Name, Role: p.Role, Tenant: p.Tenant, ExpiresAt: p.ExpiresAt, Portal: true}
}

// portalKey is the key that a portal token stands for.
func (k *keyring) portalKey(ctx context.Context, token string, now time.Time) (*hook.Key, error) {
	var p sealedPortal
	if !k.sealer.open(sealPortal, strings.TrimPrefix(token, portalPrefix), &p) || !now.Before(p.ExpiresAt) {
		return nil, errSessionEnded
	}
	if _, err := k.store.PortalLink(ctx, p.Link); hook.IsKind(err, hook.KindNotFound) { // revoked
		return nil, errSessionEnded
	} else if err != nil {
		return nil, err
	}
	return p.key(), nil
}

func (a *API) routePortal() {
	add(a, operation{
		id: "create-portal-link", method: http.MethodPost, path: portalLinksPath, tag: "sessions", access: managers, status: http.StatusCreated,
		bodyOptional: true, summary: "Make a portal link",
		description: "A link for the tenant's own people: it opens the pages of this tenant and nothing else. Fetch one when somebody wants in, and send them there, " +
			"or show it in an iframe on one of the origins that the operator configured. Opening it needs no cookie.",
		codes: []string{"portal_link_invalid", "from_portal"},
	}, a.createPortalLink)
	add(a, operation{
		id: "list-portal-links", method: http.MethodGet, path: portalLinksPath, tag: "sessions", access: managers,
		summary: "List portal links", description: "Those that can be opened, or by which somebody may be in, newest first. What they were opened with is not shown again.",
		codes: []string{"cursor_invalid", "from_portal"},
	}, a.listPortalLinks)
	add(a, operation{
		id: "delete-portal-link", method: http.MethodDelete, path: portalLinksPath + "/{link}", tag: "sessions", access: managers, status: http.StatusNoContent,
		summary: "Revoke a portal link", description: "It cannot be opened any more, and whoever came by it is out at once.",
		codes: []string{"portal_link_not_found", "from_portal"},
	}, a.deletePortalLink)
	add(a, operation{
		id: "create-portal-session", method: http.MethodPost, path: "/v1/portal-sessions", tag: "sessions", open: true, status: http.StatusCreated, limit: openBody,
		summary: "Open a portal link", description: "Exchanges the token of a link for one that is good in the place of an API key.",
		codes: []string{"link_expired", "tenant_not_found"},
	}, a.createPortalSession)
}

// notFromPortal refuses those who came by a link: else one could stay for ever by
// making the next.
func notFromPortal(ctx context.Context) error {
	if keyOf(ctx).Portal {
		return &hook.Error{Kind: hook.KindForbidden, Code: "from_portal", Detail: "Portal links are made and revoked with an API key, not from the portal."}
	}
	return nil
}

func wirePortalLink(l hook.PortalLink) client.PortalLink {
	return client.PortalLink{
		ID: l.ID.String(), Name: l.Name, ReadOnly: l.Role == hook.RoleRead, CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
		OpenedAt: wireTime(l.OpenedAt), EndsAt: l.EndsAt,
	}
}

func (a *API) createPortalLink(ctx context.Context, in *struct {
	TenantPath
	Body client.PortalLinkInput
},
) (*struct{ Body client.NewPortalLink }, error) {
	if err := notFromPortal(ctx); err != nil {
		return nil, err
	}
	opens, stays, err := portalTimes(in.Body)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	link := hook.PortalLink{
		ID: hook.NewPortalLinkID(), Tenant: in.Tenant, Name: in.Body.Name, Role: hook.RoleTenant, CreatedAt: now, ExpiresAt: now.Add(opens).Truncate(time.Second),
	}
	link.EndsAt = link.ExpiresAt
	if in.Body.ReadOnly {
		link.Role = hook.RoleRead
	}
	if err := a.Store.CreatePortalLink(ctx, link); err != nil {
		return nil, err
	}
	u := a.publicURL(requestOf(ctx)).JoinPath("portal")
	u.Fragment = a.keys.sealer.seal(sealLink, sealedPortal{
		Link: link.ID, Name: link.Name, Tenant: link.Tenant, Role: link.Role, Language: in.Body.Language, Accent: in.Body.Accent, Stay: stays, ExpiresAt: link.ExpiresAt,
	})
	return &struct{ Body client.NewPortalLink }{client.NewPortalLink{PortalLink: wirePortalLink(link), URL: u.String()}}, nil
}

// portalTimes are how long a link can be opened and how long one stays in by it.
func portalTimes(in client.PortalLinkInput) (opens, stays time.Duration, err error) {
	var wrong []hook.FieldError
	span := func(member, text string, otherwise time.Duration) time.Duration {
		if text == "" {
			return otherwise
		}
		d, err := parseDuration(text)
		if err != nil || d <= 0 || d > maxPortalTime {
			wrong = append(wrong, hook.Field("/"+member, "portal_time",
				"Write a length of time up to 24h, such as 10m."))
		}
		return d
	}
	opens, stays = span("expires_in", in.ExpiresIn, linkTime), span("session_for", in.SessionFor, portalTime)
	if len(wrong) > 0 {
		return 0, 0, hook.InvalidFields("portal_link_invalid", wrong...)
	}
	return opens, stays, nil
}

// publicURL is where browsers find this server: as configured, or as the
// request did.
func (a *API) publicURL(r *http.Request) *url.URL {
	if a.PublicURL != nil {
		return a.PublicURL
	}
	u := &url.URL{Scheme: "http", Host: r.Host}
	if secure(r) {
		u.Scheme = "https"
	}
	return u
}

func (a *API) listPortalLinks(ctx context.Context, in *struct {
	TenantPath
	Paging
},
) (*struct {
	Body client.List[client.PortalLink]
}, error,
) {
	if err := notFromPortal(ctx); err != nil {
		return nil, err
	}
	list := listName("portal-links", in.Tenant)
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	links, next, err := a.Store.PortalLinks(ctx, in.Tenant, p)
	if err != nil {
		return nil, err
	}
	return &struct {
		Body client.List[client.PortalLink]
	}{wireList(links, next, list, wirePortalLink)}, nil
}

func (a *API) deletePortalLink(ctx context.Context, in *struct {
	TenantPath
	Link string `path:"link" doc:"Id of the link." example:"ptl_06ew2c6eqfy7d00000000000g0"`
},
) (*struct{}, error) {
	if err := notFromPortal(ctx); err != nil {
		return nil, err
	}
	id, err := hook.ParsePortalLinkID(in.Link)
	if err != nil {
		return nil, hook.NotFound("portal_link", in.Link)
	}
	return nil, a.Store.DeletePortalLink(ctx, in.Tenant, id)
}

func (a *API) createPortalSession(ctx context.Context, in *struct{ Body client.PortalSessionInput }) (*struct {
	CacheControl string `header:"Cache-Control"`
	Body         client.PortalSession
}, error,
) {
	expired := &hook.Error{
		Kind: hook.KindUnauthorized, Code: "link_expired",
		Detail: "This link cannot be opened any more. Go back to where you found it and open it again.",
	}
	now := time.Now()
	var link sealedPortal
	if !a.keys.sealer.open(sealLink, in.Body.Token, &link) || !now.Before(link.ExpiresAt) {
		return nil, expired
	}
	tenant, err := a.Store.Tenant(ctx, link.Tenant)
	if err != nil {
		return nil, err
	}
	token := link
	token.Stay, token.ExpiresAt = 0, now.Add(link.Stay).UTC().Truncate(time.Second)
	if err := a.Store.OpenPortalLink(ctx, link.Link, now, token.ExpiresAt); hook.IsKind(err, hook.KindNotFound) { // revoked
		return nil, expired
	} else if err != nil {
		return nil, err
	}
	out := &struct {
		CacheControl string `header:"Cache-Control"`
		Body         client.PortalSession
	}{CacheControl: "no-store"}
	out.Body = client.PortalSession{
		Session: wireSession(token.key()), Token: portalPrefix + a.keys.sealer.seal(sealPortal, token),
		TenantName: tenant.Name, Language: link.Language, Accent: link.Accent, Logo: a.PortalLogo,
	}
	return out, nil
}
