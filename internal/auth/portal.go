package auth

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"gancho/internal/hook"
)

// portalPrefix begins the tokens that the portal sends in the place of a key.
const portalPrefix = "gp_"

// sealedPortal is what a portal link holds, and then the token that it is exchanged for. Both are good only as long as
// the link is stored and the key that created it is good: each request looks for both, a row by its primary key each, so
// revoking takes effect at once on every node. So does a change of what the tenant's people see and do, which is not sealed
// in here either.
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

// sessionKey is the key that a session stands for, and that sees and does what the link and its tenant say.
func (a *Auth) sessionKey(ctx context.Context, p *sealedPortal, l hook.PortalLink, t hook.Tenant) (*hook.Key, error) {
	access := l.Access.Or(t.Policy.Portal).Or(hook.UsualPortal())
	if access.Contracts == nil { // those in use; if there are none, any can be the first
		used, err := a.store.ContractsInUse(ctx, p.Tenant)
		if err != nil {
			return nil, err
		}
		if len(used) > 0 {
			access.Contracts = used
		}
	}
	maker := hook.Key{Scopes: p.Scopes, Contracts: p.Contracts}
	if access.Contracts == nil {
		access.Contracts = p.Contracts
	} else if access.Contracts = slices.DeleteFunc(access.Contracts, func(c string) bool { return !maker.MayTouch(c) }); len(access.Contracts) == 0 {
		return nil, ErrPortal
	}
	k := &hook.Key{
		Name: p.Name, Role: p.Role, Tenant: p.Tenant, ExpiresAt: p.ExpiresAt, Contracts: access.Contracts, Shared: p.Budgets,
		Link: p.Link,
	}
	access, k.Scopes = access.For(p.Role, maker.Has)
	k.Portal = &access
	return k, nil
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
	link, _, err := a.goodLink(ctx, &p, now)
	if err == nil {
		var tenant hook.Tenant
		if tenant, err = a.store.Tenant(ctx, p.Tenant); err == nil {
			return a.sessionKey(ctx, &p, link, tenant)
		}
	}
	if hook.IsKind(err, hook.KindNotFound) {
		err = errSessionEnded
	}
	return nil, err
}

// goodLink reads a link, and finds out until when it is good because of the key that created it; zero: until it ends by
// itself. It fails with KindNotFound if the link was revoked, or if that key is not good any more. It asks the database
// each time, so the link ends at once on every node.
func (a *Auth) goodLink(ctx context.Context, p *sealedPortal, now time.Time) (l hook.PortalLink, ends time.Time, err error) {
	ended := hook.NotFound("portal_link", p.Link.String())
	if p.Admin != nil && !bytes.Equal(p.Admin, a.admin[:]) {
		return l, ends, ended
	}
	l, err = a.store.PortalLink(ctx, p.Link)
	if err != nil || l.MadeWith == [32]byte{} {
		return l, ends, err
	}
	k, err := a.store.KeyByHash(ctx, l.MadeWith)
	if err == nil && !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) {
		err = ended
	}
	return l, k.ExpiresAt, err
}

// Look is how the portal looks to those who come by a link.
type Look struct {
	Language string // en, es or pt; "": as their browser says
	Accent   string // colour; "": the portal's own
}

// LinkToken is the secret part of the address of a portal link that somebody creates with the key by. stay is how long
// a session lasts that begins with it. The session may do no more than the key, and shares its budgets.
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
	stored, ends, err := a.goodLink(ctx, &link, now)
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
	key, err := a.sessionKey(ctx, &session, stored, tenant)
	if err != nil {
		return nil, err
	}
	if err := a.store.Note(byPerson(ctx, r, key), hook.AuditEntry{
		Tenant: link.Tenant, Action: hook.ActionPortalOpened, Object: link.Link.String(), Name: link.Name,
	}); err != nil {
		return nil, err
	}
	return &PortalSession{
		key, portalPrefix + a.sealer.Load().seal(sealPortal, session), tenant,
		Look{link.Language, link.Accent},
	}, nil
}
