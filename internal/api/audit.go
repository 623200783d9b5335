package api

import (
	"context"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

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
	// VerifyAudit looks through the chain of a tenant, or of the installation and all tenants if tenant is "". expect is
	// a place that somebody noted earlier; nil: none.
	VerifyAudit(ctx context.Context, tenant string, expect *hook.Link) (hook.AuditProof, error)
	// ExportAudit notes that the chain is exported, and hands out its lines.
	ExportAudit(ctx context.Context, tenant string, line func([]byte) error) error
	// Note writes an entry about something that changes nothing else.
	Note(ctx context.Context, e hook.AuditEntry) error
}

// auditHandlers answer requests about who did what.
type auditHandlers struct {
	store AuditStore
	busy  *auditBusy
}

// auditBusy has who verifies or exports: one caller at a time with a key of each tenant, and one with a key of all
// tenants, because each reads a whole chain. Somebody who reads an export slowly keeps no other tenant waiting.
type auditBusy struct{ tenants sync.Map } // tenant of the key, "" if it is good for all → struct{}

// enter lets a caller verify or export, until leave is called. It fails with audit_busy if another one does already.
func (b *auditBusy) enter(k *hook.Key) (leave func(), err error) {
	if _, busy := b.tenants.LoadOrStore(k.Tenant, struct{}{}); busy {
		return nil, errAuditBusy
	}
	return func() { b.tenants.Delete(k.Tenant) }, nil
}

func (h auditHandlers) register(a *API) {
	add(a, operation{
		id: "list-audit", scope: "audit:read", method: http.MethodGet, path: "/v1/audit", tag: "watching", access: auth.AnyReaders,
		summary: "List who did what",
		description: "Changes of configuration, keys and contracts, deliveries that were sent again, sessions, secrets that were read, " +
			"and how often wrong keys were refused, newest first. " +
			"The entry about a change is stored in the same commit. " +
			"A key of one tenant sees that tenant only. Entries are kept as long as the rest of the history.",
		codes: []string{"tenant_not_found", "cursor_invalid"},
	}, h.list)
	add(a, operation{
		id: "verify-audit", scope: "audit:read", method: http.MethodGet, path: "/v1/audit/verify", tag: "watching",
		access:  auth.AnyReaders,
		summary: "Look for changed entries of the audit",
		description: "The entries are a chain of hashes. This finds those that were changed, removed, moved or inserted in " +
			"the database. The answer is 200 whether it finds any or not. Without a tenant, the chains of the installation " +
			"and of all tenants are looked through. A key of one tenant looks through that of its tenant. " +
			"Whoever can change the whole database can write the chain anew: to find that, keep a head elsewhere and expect it.",
		codes: []string{"tenant_not_found", "audit_busy"},
	}, h.verify)
	export := operation{
		id: "export-audit", scope: "audit:read", method: http.MethodGet, path: "/v1/audit/export", tag: "watching",
		access:  auth.AnyReaders,
		summary: "Export the audit",
		description: "JSON lines: first what the export is, then each entry with its hash, oldest first, so that somebody " +
			"else can check it, for example with gancho audit verify --file. That it was exported is an entry itself.",
		codes: []string{"tenant_not_found", "audit_busy"},
	}
	add(a, export, h.export)
	a.operation(export.method, export.path).Responses["200"] = &huma.Response{
		Description: "JSON lines.",
		Content: map[string]*huma.MediaType{"application/jsonl": {Schema: &huma.Schema{
			Type: huma.TypeString, Description: "A JSON object in each line.",
		}}},
	}
}

// actor is who makes a request.
func actor(r *http.Request, k *hook.Key) hook.Actor {
	if k == nil { // an operation that needs no key
		return hook.Actor{Kind: hook.ActorSystem, Address: auth.PeerText(r)}
	}
	out := hook.Actor{Kind: hook.ActorKey, Key: k.ID, Name: k.Name, Role: k.Role, Address: auth.PeerText(r)}
	switch {
	case k.Portal != nil:
		out.Kind = hook.ActorPortal
	case r.Header.Get("Authorization") == "":
		out.Kind = hook.ActorSession
	}
	return out
}

func wireAudit(e hook.AuditEntry) client.AuditEntry {
	out := client.AuditEntry{
		ID: e.ID.String(), At: hook.ID(e.ID).Time(), Tenant: e.Tenant, Action: string(e.Action), Object: e.Object,
		Name: e.Name, Fields: e.Fields, Count: e.Count, Reason: e.Reason,
		Actor: client.AuditActor{
			Kind: string(e.Actor.Kind), Name: e.Actor.Name, Role: string(e.Actor.Role), From: e.Actor.Address,
		},
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

var errAuditBusy = &hook.Error{
	Kind: hook.KindLimited, Code: "audit_busy",
	Detail: "Somebody is verifying or exporting the audit. Try again when they are done.",
}

func (h auditHandlers) verify(ctx context.Context, in *struct {
	Scope
	Expect string `query:"expect" maxLength:"90" doc:"A head that was noted earlier, in the form in which it was shown." example:"42:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
},
) (*struct{ Body client.AuditProof }, error) {
	tenant, err := in.of(ctx, h.store)
	if err != nil {
		return nil, err
	}
	var expect *hook.Link
	if in.Expect != "" {
		l, err := hook.ParseLink(in.Expect)
		if err != nil {
			return nil, hook.InvalidFields("request_invalid", hook.Field(hook.Parameter+"expect", "chain_head",
				"This is no head of a chain. Write the number and the hash that were shown, with a colon between them."))
		}
		expect = &l
	}
	leave, err := h.busy.enter(keyOf(ctx))
	if err != nil {
		return nil, err
	}
	defer leave()
	p, err := h.store.VerifyAudit(ctx, tenant, expect)
	if err != nil {
		return nil, err
	}
	out := client.AuditProof{
		OK: p.OK(), Chain: p.Chain, Head: p.Head.String(), Base: p.Base.String(), Entries: p.Entries, Erased: p.Erased,
		Adopted: p.Adopted, Uncounted: p.Uncounted, Pending: p.Pending, Findings: []client.AuditFinding{}, More: p.More,
	}
	for _, f := range p.Findings {
		w := client.AuditFinding{Kind: f.Kind, Chain: f.Chain, Seq: f.Seq, Until: f.Until, Detail: f.Text}
		if f.ID != (hook.AuditID{}) {
			w.ID = f.ID.String()
		}
		out.Findings = append(out.Findings, w)
	}
	return &struct{ Body client.AuditProof }{out}, nil
}

func (h auditHandlers) export(ctx context.Context, in *Scope) (*huma.StreamResponse, error) {
	tenant, err := in.of(ctx, h.store)
	if err != nil {
		return nil, err
	}
	leave, err := h.busy.enter(keyOf(ctx))
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(out huma.Context) {
		defer leave()
		r, w := humago.Unwrap(out)
		w.Header().Set("Content-Type", "application/jsonl")
		w.Header().Set("Content-Disposition", `attachment; filename="gancho-audit.jsonl"`)
		w.Header().Set("Cache-Control", "no-store")
		if r.Method == http.MethodHead {
			return
		}
		if err := h.store.ExportAudit(ctx, tenant, func(line []byte) error {
			_, err := w.Write(append(line, '\n'))
			return err
		}); err != nil {
			panic(http.ErrAbortHandler) // otherwise the caller would take a part for the whole
		}
	}}, nil
}
