package auth

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"gancho/internal/hook"
)

// portalPrefix begins the tokens that the portal sends in the place of a key.
const portalPrefix = "gp_"

// sealedPortal is what a portal link holds, and then the token that it is exchanged for. Both are good only as long as
// the link is stored and the key that created it is good: each request looks for both, a row by its primary key each, so
// revoking takes effect at once on every node.
type sealedPortal struct {
	Link      hook.PortalLinkID `json:"i"`
	Name      string            `json:"n,omitempty"`
	Tenant    string            `json:"t"`
	Role      hook.Role         `json:"r"`
	Language  string            `json:"l,omitempty"`
	Accent    string            `json:"a,omitempty"`
	Stay      time.Duration     `json:"s,omitempty"` // of a link: how long its token is good
	ExpiresAt time.Time         `json:"e"`

	// What the key that created the link was limited to. Otherwise its holder could do more with a link than without.
	Scopes    []hook.Scope `json:"sc,omitempty"`
	Contracts []string     `json:"co,omitempty"`

	Budgets []hook.KeyBudget `json:"bu,omitempty"` // from which all that is done with the link is taken
	// Admin is the hash of the admin key, if that created the link. A person may have chosen that key, and its hash would
	// let others guess it. So it is in no row of the database, but sealed in here.
	Admin []byte `json:"ad,omitempty"`
}

func (p *sealedPortal) key() *hook.Key {
	return &hook.Key{
		Name: p.Name, Role: p.Role, Tenant: p.Tenant, ExpiresAt: p.ExpiresAt, Portal: true, Scopes: p.Scopes,
		Contracts: p.Contracts, Shared: p.Budgets,
	}
}

// portalKey is the key that a token of the portal stands for.
func (a *Auth) portalKey(ctx context.Context, token string, now time.Time) (*hook.Key, error) {
	var p sealedPortal
	text := strings.TrimPrefix(token, portalPrefix)
	if !a.sealer.Load().open(sealPortal, text, &p) {
		return nil, errForged
	}
	if !now.Before(p.ExpiresAt) {
		return nil, errSessionEnded
	}
	if err := a.notEnded(ctx, text); err != nil {
		return nil, err
	}
	if _, err := a.goodLink(ctx, &p, now); hook.IsKind(err, hook.KindNotFound) {
		return nil, errSessionEnded
	} else if err != nil {
		return nil, err
	}
	return p.key(), nil
}

// goodLink finds out until when a link is good because of the key that created it; zero: until it ends by itself. It
// fails with KindNotFound if the link was revoked, or if that key is not good any more. It asks the database each time,
// so the link ends at once on every node.
func (a *Auth) goodLink(ctx context.Context, p *sealedPortal, now time.Time) (ends time.Time, err error) {
	ended := hook.NotFound("portal_link", p.Link.String())
	if p.Admin != nil && !bytes.Equal(p.Admin, a.admin[:]) {
		return ends, ended
	}
	l, err := a.store.PortalLink(ctx, p.Link)
	if err != nil || l.MadeWith == [32]byte{} {
		return ends, err
	}
	k, err := a.store.KeyByHash(ctx, l.MadeWith)
	if err == nil && !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) {
		err = ended
	}
	return k.ExpiresAt, err
}

// Look is how the portal looks to those who come by a link.
type Look struct {
	Language string // en, es or pt; "": as their browser says
	Accent   string // colour; "": the portal's own
}

// LinkToken is the secret part of the address of a portal link that somebody creates with the key by. stay is how long
// a session lasts that begins with it. The session has the scopes and contracts that the key has, and its budgets.
func (a *Auth) LinkToken(by *hook.Key, l hook.PortalLink, stay time.Duration, look Look) string {
	p := sealedPortal{
		Link: l.ID, Name: l.Name, Tenant: l.Tenant, Role: l.Role, Language: look.Language, Accent: look.Accent, Stay: stay,
		ExpiresAt: l.ExpiresAt, Scopes: by.Scopes, Contracts: by.Contracts, Budgets: by.Budgets(),
	}
	if by.ID.IsZero() {
		p.Admin = a.admin[:]
	}
	return a.sealer.Load().seal(sealLink, p)
}

// PortalSession is a session that began with a portal link.
type PortalSession struct {
	Key    *hook.Key
	Token  string // to send in the place of an API key
	Tenant hook.Tenant
	Look   Look
}

// OpenLink exchanges the token of a portal link for a session. The codes of its errors are
// link_expired, also if the link was revoked, too_many_tries and tenant_not_found.
func (a *Auth) OpenLink(ctx context.Context, r *http.Request, token string) (*PortalSession, error) {
	expired := &hook.Error{
		Kind: hook.KindUnauthorized, Code: "link_expired",
		Detail: "This link cannot be opened any more. Go back to where you found it and open it again.",
	}
	now := time.Now()
	var link sealedPortal
	// What opens was sealed here, and is no guess: its holder does not wait for others behind the same address.
	if !a.sealer.Load().open(sealLink, token, &link) || !now.Before(link.ExpiresAt) {
		if err := a.MayTry(r, DoorPortal, token); err != nil {
			return nil, err
		}
		return nil, a.Tried(r, DoorPortal, token, expired)
	}
	tenant, err := a.store.Tenant(ctx, link.Tenant)
	if err != nil {
		return nil, err
	}
	session := link
	session.Stay, session.ExpiresAt = 0, now.Add(link.Stay).UTC().Truncate(time.Second)
	ends, err := a.goodLink(ctx, &link, now)
	if err == nil {
		if !ends.IsZero() && ends.Before(session.ExpiresAt) {
			session.ExpiresAt = ends
		}
		err = a.store.OpenPortalLink(ctx, link.Link, now, session.ExpiresAt)
	}
	if hook.IsKind(err, hook.KindNotFound) { // revoked, or the key that created it is gone
		return nil, expired
	}
	if err != nil {
		return nil, err
	}
	if err := a.store.Note(byPerson(ctx, r, session.key()), hook.AuditEntry{
		Tenant: link.Tenant, Action: hook.ActionPortalOpened, Object: link.Link.String(), Name: link.Name,
	}); err != nil {
		return nil, err
	}
	return &PortalSession{
		session.key(), portalPrefix + a.sealer.Load().seal(sealPortal, session), tenant,
		Look{link.Language, link.Accent},
	}, nil
}
