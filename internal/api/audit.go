package api

import (
	"context"
	"net/http"

	"gancho.example/client"
	"gancho/internal/hook"
)

func (a *API) routeAudit() {
	add(a, operation{
		id: "list-audit", method: http.MethodGet, path: "/v1/audit", tag: "watching", access: anyReaders,
		summary: "Who did what",
		description: "Changes of configuration, keys and contracts, and what was sent again, newest first. Each is written in one commit with what it tells. " +
			"A key of one tenant sees that tenant. Entries are kept as long as other history.",
		codes: []string{"tenant_not_found", "cursor_invalid"},
	}, a.listAudit)
}

// actor is who makes a request.
func actor(r *http.Request, k *hook.Key) hook.Actor {
	if k == nil { // an operation that needs no key
		return hook.Actor{Kind: hook.ActorSystem}
	}
	out := hook.Actor{Kind: hook.ActorKey, Key: k.ID, Name: k.Name, Role: k.Role}
	switch {
	case k.Portal:
		out.Kind = hook.ActorPortal
	case r.Header.Get("Authorization") == "":
		out.Kind = hook.ActorSession
	}
	return out
}

func wireAudit(e hook.AuditEntry) client.AuditEntry {
	out := client.AuditEntry{
		ID: e.ID.String(), At: hook.ID(e.ID).Time(), Tenant: e.Tenant, Action: string(e.Action), Object: e.Object, Name: e.Name, Fields: e.Fields, Reason: e.Reason,
		Actor: client.AuditActor{Kind: string(e.Actor.Kind), Name: e.Actor.Name, Role: string(e.Actor.Role)},
	}
	if !e.Actor.Key.IsZero() {
		out.Actor.Key = e.Actor.Key.String()
	}
	if out.Fields == nil {
		out.Fields = []string{}
	}
	return out
}

type auditOutput struct {
	Body client.List[client.AuditEntry]
}

func (a *API) listAudit(ctx context.Context, in *struct {
	Scope
	Paging
},
) (*auditOutput, error) {
	tenant, err := in.of(ctx, a)
	if err != nil {
		return nil, err
	}
	list := listName("audit", tenant)
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	entries, next, err := a.Store.AuditTrail(ctx, tenant, p)
	if err != nil {
		return nil, err
	}
	return &auditOutput{wireList(entries, next, list, wireAudit)}, nil
}
