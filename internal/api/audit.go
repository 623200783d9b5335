package api

import (
	"context"
	"net/http"

	"gancho.example/client"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

// AuditStore is what [Options] need of the database about who did what. Changes write their entries themselves, in the
// name of the [hook.Actor] of their context.
type AuditStore interface {
	tenantReader
	// AuditTrail is of one tenant, or of everything if tenant is "".
	AuditTrail(ctx context.Context, tenant string, p hook.Page) (list []hook.AuditEntry, next hook.ID, err error)
}

// auditHandlers answer requests about who did what.
type auditHandlers struct{ store AuditStore }

func (h auditHandlers) register(a *API) {
	add(a, operation{
		id: "list-audit", scope: "audit:read", method: http.MethodGet, path: "/v1/audit", tag: "watching", access: auth.AnyReaders,
		summary: "List who did what",
		description: "Changes of configuration, keys and contracts, and deliveries that were sent again, newest first. " +
			"Each entry is stored in the same commit as the change that it describes. " +
			"A key of one tenant sees that tenant only. Entries are kept as long as the rest of the history.",
		codes: []string{"tenant_not_found", "cursor_invalid"},
	}, h.list)
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
		ID: e.ID.String(), At: hook.ID(e.ID).Time(), Tenant: e.Tenant, Action: string(e.Action), Object: e.Object,
		Name: e.Name, Fields: e.Fields, Reason: e.Reason,
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

func (h auditHandlers) list(ctx context.Context, in *struct {
	Scope
	Paging
},
) (*auditOutput, error) {
	tenant, err := in.of(ctx, h.store)
	if err != nil {
		return nil, err
	}
	list := listName("audit", tenant)
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	entries, next, err := h.store.AuditTrail(ctx, tenant, p)
	if err != nil {
		return nil, err
	}
	return &auditOutput{wireList(entries, next, list, wireAudit)}, nil
}
