package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

// tenantHandlers answer requests about tenants.
type tenantHandlers struct {
	tenants admin.Tenants
	senders []string // addresses that requests come from
}

func (h tenantHandlers) register(a *API) {
	add(a, operation{
		id: "list-tenants", method: http.MethodGet, path: "/v1/tenants", tag: "tenants", access: auth.Readers,
		summary: "List tenants", description: "Ordered by id.", codes: []string{"cursor_invalid"},
	}, h.list)
	add(a, operation{
		id: "put-tenant", method: http.MethodPut, path: "/v1/tenants/{tenant}", tag: "tenants", access: auth.Operators,
		summary: "Create or change a tenant", newTenant: true, bodyOptional: true,
		description: "The caller chooses the id. Members that are left out stay as they are. Without a body, the tenant " +
			"is created if it does not exist. 201: it was created. 200: it existed.",
		codes: []string{"tenant_invalid", "tenant_being_deleted", "nodes_behind"},
	}, h.put)
	put := a.operation(http.MethodPut, "/v1/tenants/{tenant}")
	put.Responses["201"] = &huma.Response{Description: "The tenant was created.", Content: put.Responses["200"].Content}
	put.Responses["200"].Description = "The tenant existed."
	add(a, operation{
		id: "get-tenant", contracts: true, method: http.MethodGet, path: "/v1/tenants/{tenant}", tag: "tenants", access: auth.Readers,
		summary: "Read a tenant",
	}, h.get)
	add(a, operation{
		id: "delete-tenant", method: http.MethodDelete, path: "/v1/tenants/{tenant}", tag: "tenants", access: auth.Operators,
		status:  http.StatusNoContent,
		summary: "Delete a tenant",
		description: "The tenant, its endpoints and its keys are gone at once. The rest of its data is removed in the " +
			"background; until that is done the id cannot be used again.",
	}, h.delete)
	add(a, operation{
		id: "erase-tenant", method: http.MethodPost, path: "/v1/tenants/{tenant}/erase", tag: "tenants", access: auth.Operators,
		noBody: true, newTenant: true, scope: "tenants:write",
		summary: "Erase a tenant",
		description: "Deletes a tenant and removes all its data before the answer comes, which can take minutes. " +
			"The answer says how many rows each table had; the audit keeps it. With SQLite the data is overwritten in the file; " +
			"with PostgreSQL run VACUUM afterwards. If the request breaks off, it goes on, and the audit gets the report. " +
			"A tenant that was deleted and whose data is still being removed can be erased, too.",
		codes: []string{"tenant_not_found", "tenant_not_erased"},
	}, h.erase)
	h.registerFile(a)
}

// TenantPath is the path parameter of operations on what belongs to a tenant.
type TenantPath struct {
	Tenant string `path:"tenant" maxLength:"64" doc:"Id of the tenant." example:"acme"`
}

func (h tenantHandlers) wire(t hook.Tenant) client.Tenant {
	return client.Tenant{
		ID: t.ID, Name: t.Name, Metadata: t.Metadata, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
		Limits: client.Limits(t.Policy.Limits), Egress: client.Hosts(t.Policy.Egress), SealPayloads: t.Policy.SealPayloads,
		Portal:          client.PortalAccess(t.Policy.Portal),
		SenderAddresses: append([]string{}, h.senders...),
	}
}

type tenantOutput struct {
	Status int
	Body   client.Tenant
}

func (h tenantHandlers) list(ctx context.Context, in *Paging) (*struct{ Body client.List[client.Tenant] }, error) {
	const list = "tenants"
	after := ""
	if in.Cursor != "" {
		place, err := decodeCursor(list, in.Cursor)
		if err != nil {
			return nil, err
		}
		after = string(place)
	}
	tenants, more, err := h.tenants.List(ctx, after, in.Limit)
	if err != nil {
		return nil, err
	}
	out := wireList(tenants, hook.ID{}, list, h.wire)
	if more {
		out.NextCursor = encodeCursor(list, []byte(tenants[len(tenants)-1].ID))
	}
	return &struct{ Body client.List[client.Tenant] }{out}, nil
}

func (h tenantHandlers) put(ctx context.Context, in *struct {
	Tenant string `path:"tenant" doc:"Id of the tenant: 1 to 64 of a-z A-Z 0-9 _ . - (but not . or ..)." example:"acme"`
	Body   client.TenantInput
},
) (*tenantOutput, error) {
	t, created, err := h.tenants.Put(ctx, in.Tenant, hook.TenantChange{
		Name: in.Body.Name, Metadata: in.Body.Metadata, Limits: (*hook.Limits)(in.Body.Limits),
		Egress: (*hook.Hosts)(in.Body.Egress), SealPayloads: in.Body.SealPayloads,
		Portal: (*hook.PortalAccess)(in.Body.Portal),
	})
	if err != nil {
		return nil, placedAt(err, "/id", hook.Parameter+"tenant")
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return &tenantOutput{status, h.wire(t)}, nil
}

func (h tenantHandlers) get(ctx context.Context, in *TenantPath) (*tenantOutput, error) {
	t, err := h.tenants.Get(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	if keyOf(ctx).Portal != nil { // what the operator noted is not for the tenant's people
		t.Metadata, t.Policy.Portal = []byte("{}"), hook.PortalAccess{}
	}
	return &tenantOutput{http.StatusOK, h.wire(t)}, nil
}

func (h tenantHandlers) delete(ctx context.Context, in *TenantPath) (*struct{}, error) {
	return nil, h.tenants.Delete(ctx, in.Tenant)
}

func (h tenantHandlers) erase(ctx context.Context, in *TenantPath) (*struct{ Body client.Erasure }, error) {
	e, err := h.tenants.Erase(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.Erasure }{client.Erasure(e)}, nil
}
