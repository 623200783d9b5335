package api

import (
	"context"
	"net/http"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

// keyHandlers answer requests about API keys.
type keyHandlers struct{ keys admin.Keys }

func (h keyHandlers) register(a *API) {
	add(a, operation{
		id: "create-key", method: http.MethodPost, path: "/v1/keys", tag: "keys", access: auth.Operators,
		status:  http.StatusCreated,
		summary: "Create an API key", description: "Only this answer shows the key itself.",
		codes: []string{"key_input_invalid"},
	}, h.create)
	add(a, operation{
		id: "list-keys", method: http.MethodGet, path: "/v1/keys", tag: "keys", access: auth.Operators,
		summary: "List API keys",
		codes:   []string{"cursor_invalid"},
	}, h.list)
	add(a, operation{
		id: "delete-key", method: http.MethodDelete, path: "/v1/keys/{key}", tag: "keys", access: auth.Operators,
		status:  http.StatusNoContent,
		summary: "Revoke an API key", description: "It stops working at once.", codes: []string{"key_not_found"},
	}, h.delete)
}

func wireKey(k hook.Key) client.Key {
	return client.Key{
		ID: k.ID.String(), Name: k.Name, Role: string(k.Role), Tenant: k.Tenant, Hint: k.Hint,
		ExpiresAt: wireTime(k.ExpiresAt), CreatedAt: k.CreatedAt,
	}
}

func (h keyHandlers) create(ctx context.Context, in *struct{ Body client.KeyInput }) (*struct{ Body client.NewKey }, error) {
	spec := admin.KeySpec{Name: in.Body.Name, Role: hook.Role(in.Body.Role), Tenant: in.Body.Tenant}
	if e := in.Body.ExpiresAt; e != nil {
		spec.ExpiresAt = *e
	}
	k, text, err := h.keys.Create(ctx, spec)
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.NewKey }{client.NewKey{Key: wireKey(k), Text: text}}, nil
}

func (h keyHandlers) list(ctx context.Context, in *Paging) (*struct{ Body client.List[client.Key] }, error) {
	const list = "keys"
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	keys, next, err := h.keys.List(ctx, p)
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.List[client.Key] }{wireList(keys, next, list, wireKey)}, nil
}

func (h keyHandlers) delete(ctx context.Context, in *struct {
	Key string `path:"key" doc:"Id of the key." example:"key_06ew2c6eqfy7d00000000000g0"`
},
) (*struct{}, error) {
	return nil, h.keys.Delete(ctx, in.Key)
}
