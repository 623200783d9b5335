package client

import (
	"context"
	"net/url"
	"time"
)

// AuditEntry says who did what. It names what was changed, and never shows values.
type AuditEntry struct {
	ID     string     `json:"id" example:"aud_06ew2c6eqfy7d00000000000g0"`
	At     time.Time  `json:"at"`
	Tenant string     `json:"tenant" doc:"Empty if the action was not about a tenant." example:"acme"`
	Actor  AuditActor `json:"actor"`
	Action string     `json:"action" enum:"tenant.created,tenant.changed,tenant.deleted,tenant.erased,tenant.exported,tenant.imported,endpoint.created,endpoint.changed,endpoint.resumed,endpoint.paused,endpoint.disabled,endpoint.secret_changed,endpoint.deleted,credential.created,credential.changed,credential.paused,credential.resumed,credential.token_made,credential.deleted,key.created,key.revoked,key.rotated,key.earlier_ended,encryption_key.rotated,encryption_key.retired,contract.posted,contract.imported,contract.changed,recovery.started,recovery.stopped,bulk.started,bulk.stopped,bulk.done,delivery.retried,delivery.skipped,personal.revealed,personal.searched,personal.erased,portal_link.created,portal_link.revoked,portal_link.opened,session.opened,session.closed,access.refused,endpoint.secret_read,audit.exported"`
	Object string     `json:"object" doc:"Id of the object that was changed. For recovery.started and recovery.stopped it is the endpoint." example:"ep_06ew2c5e8m4b900000000000g0"`
	Name   string     `json:"name" doc:"Name of that object at the time. For a delivery it is the event type." example:"CRM"`
	Fields []string   `json:"fields" doc:"Which of its members were changed; empty if the action says it all." example:"[\"url\"]"`
	Count  int        `json:"count" doc:"How often, in one entry; more than 1 only for access.refused."`
	Reason string     `json:"reason" doc:"Why Gancho did it by itself: gone, failing_long, shipped, directory…" example:""`
}

// AuditActor is who did it.
type AuditActor struct {
	Kind string `json:"kind" enum:"key,session,portal,nobody,system" doc:"key: a program with an API key; session: a person in the console; portal: a person with a portal link; nobody: somebody without a right key; system: Gancho itself."`
	Key  string `json:"key" doc:"Id of the API key; empty: the admin key, or none." example:"key_06ew2c6eqfy7d00000000000g0"`
	Name string `json:"name" doc:"Name of the key, or of the person for whom the portal link was created." example:"checkout service"`
	Role string `json:"role" example:"tenant"`
	From string `json:"address" doc:"Address from which they came; empty if that is not known." example:"192.0.2.7"`
}

// AuditProof says what a look through the chain of the audit has shown.
type AuditProof struct {
	OK      bool   `json:"ok" doc:"Nothing is wrong: findings is empty."`
	Chain   string `json:"chain" doc:"installation, or tenant: and the id of the tenant." example:"installation"`
	Head    string `json:"head" doc:"The number of the last entry and its hash. Keep it elsewhere: give it as expect later, and nothing up to it can have been changed." example:"42:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	Base    string `json:"base" doc:"The same of the last entry that retention removed; 0 and zeros if it removed none."`
	Entries int64  `json:"entries" doc:"How many entries were looked at."`
	Erased  int64  `json:"erased" doc:"Of them, how many have only their digest left, because their tenant was deleted."`
	Adopted int64  `json:"adopted" doc:"Of them, how many were written by a version without a chain. What they prove begins when they got their place."`
	// Uncounted is about deletions that a version before wrote.
	Uncounted int64          `json:"uncounted" doc:"How many deleted tenants do not say how many entries were erased with them, because a version before deleted them."`
	Pending   int64          `json:"pending" doc:"How many entries have no place yet, so nothing is proven of them."`
	Findings  []AuditFinding `json:"findings" doc:"What is wrong, at most 100 for a chain."`
	More      bool           `json:"more" doc:"There are more findings than are listed."`
}

// AuditFinding is one thing that is wrong with the chain.
type AuditFinding struct {
	Kind   string `json:"kind" enum:"changed,removed,moved,inserted,head,erased"`
	Chain  string `json:"chain" example:"installation"`
	Seq    int64  `json:"seq" doc:"Number of the entry, or of the first one that is missing."`
	Until  int64  `json:"until" doc:"Number of the last one that is missing; otherwise the same as seq."`
	ID     string `json:"id" doc:"Id of the entry; empty if it is missing." example:"aud_06ew2c6eqfy7d00000000000g0"`
	Detail string `json:"detail"`
}

// VerifyAudit looks through the chain of the audit: of one tenant or, if tenant is "", of the installation and all
// tenants. expect is a head that was noted earlier; "": none.
func (c *Client) VerifyAudit(ctx context.Context, tenant, expect string) (*AuditProof, error) {
	q := url.Values{}
	set(q, "tenant", tenant)
	set(q, "expect", expect)
	return get[AuditProof](ctx, c, withQuery(path("audit", "verify"), q))
}

// Audit lists who did what in one tenant or, if tenant is "", in everything that
// the key may see, newest first.
func (c *Client) Audit(ctx context.Context, tenant string, p Paging) (*List[AuditEntry], error) {
	q := p.query()
	set(q, "tenant", tenant)
	return get[List[AuditEntry]](ctx, c, withQuery(path("audit"), q))
}
