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
		summary: "Create an API key",
		description: "Only this answer shows the key itself. A key that is limited itself creates and changes only keys " +
			"with no other scopes, contracts and addresses than its own, and with the same limits.",
		codes: []string{"key_input_invalid", "key_wider"}, once: true,
	}, h.create)
	add(a, operation{
		id: "list-keys", method: http.MethodGet, path: "/v1/keys", tag: "keys", access: auth.Operators,
		summary: "List API keys",
		codes:   []string{"cursor_invalid"},
	}, h.list)
	add(a, operation{
		id: "delete-key", method: http.MethodDelete, path: "/v1/keys/{key}", tag: "keys", access: auth.Operators,
		status:  http.StatusNoContent,
		summary: "Revoke an API key", description: "It stops working at once.", codes: []string{"key_not_found", "key_wider"},
	}, h.delete)
	add(a, operation{
		id: "rotate-key", method: http.MethodPost, path: "/v1/keys/{key}/rotate", tag: "keys", access: auth.Operators,
		status: http.StatusCreated, bodyOptional: true,
		summary: "Give an API key a new text",
		description: "Only this answer shows the new text. The one until now works until the overlap ends, so that " +
			"programs have time to change. Everything else about the key stays as it is.",
		codes: []string{"key_not_found", "key_wider"}, once: true,
	}, h.rotate)
	add(a, operation{
		id: "end-earlier-key-texts", method: http.MethodDelete, path: "/v1/keys/{key}/earlier", tag: "keys",
		access: auth.Operators, status: http.StatusNoContent,
		summary:     "End the replaced texts of an API key",
		description: "Only its present text works from now on.",
		codes:       []string{"key_not_found", "key_wider"},
	}, h.endEarlier)
}

func wireKey(k hook.Key) client.Key {
	out := client.Key{
		ID: k.ID.String(), Name: k.Name, Role: string(k.Role), Tenant: k.Tenant, Hint: k.Hint,
		ExpiresAt: wireTime(k.ExpiresAt), CreatedAt: k.CreatedAt, LastUsed: wireTime(k.LastUsed),
		Scopes: wireScopes(k.Scopes), Contracts: append([]string{}, k.Contracts...), Addresses: []string{},
		Earlier: []client.KeyText{},
	}
	out.Limits = client.KeyLimits{
		EventsPerSecond: k.Limits.EventsPerSecond, EventsPerMonth: k.Limits.EventsPerMonth, BytesPerMonth: k.Limits.BytesPerMonth,
	}
	for _, p := range k.Addresses {
		if p.IsSingleIP() {
			out.Addresses = append(out.Addresses, p.Addr().String())
		} else {
			out.Addresses = append(out.Addresses, p.String())
		}
	}
	for _, t := range k.Earlier {
		out.Earlier = append(out.Earlier, client.KeyText{Hint: t.Hint, EndsAt: t.EndsAt})
	}
	return out
}

func wireScopes(scopes []hook.Scope) []string {
	out := []string{}
	for _, s := range scopes {
		out = append(out, string(s))
	}
	return out
}

func (h keyHandlers) create(ctx context.Context, in *struct{ Body client.KeyInput }) (*struct{ Body client.NewKey }, error) {
	spec := admin.KeySpec{
		Name: in.Body.Name, Role: hook.Role(in.Body.Role), Tenant: in.Body.Tenant, Scopes: in.Body.Scopes,
		Contracts: in.Body.Contracts, Addresses: in.Body.Addresses, Limits: keyLimits(in.Body.Limits),
	}
	if e := in.Body.ExpiresAt; e != nil {
		spec.ExpiresAt = *e
	}
	k, text, err := h.keys.Create(ctx, keyOf(ctx), spec)
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

// KeyPath is the path parameter of operations on one key.
type KeyPath struct {
	Key string `path:"key" doc:"Id of the key." example:"key_06ew2c6eqfy7d00000000000g0"`
}

func (h keyHandlers) rotate(ctx context.Context, in *struct {
	KeyPath
	Body client.KeyRotation
},
) (*struct{ Body client.NewKey }, error) {
	k, text, err := h.keys.Rotate(ctx, keyOf(ctx), in.Key, optionalDuration(in.Body.Overlap))
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.NewKey }{client.NewKey{Key: wireKey(k), Text: text}}, nil
}

func (h keyHandlers) endEarlier(ctx context.Context, in *KeyPath) (*struct{}, error) {
	return nil, h.keys.EndEarlier(ctx, keyOf(ctx), in.Key)
}

func (h keyHandlers) delete(ctx context.Context, in *KeyPath) (*struct{}, error) {
	return nil, h.keys.Delete(ctx, keyOf(ctx), in.Key)
}

// keyLimits are the limits of a new key; nil: none.
func keyLimits(in *client.KeyLimits) (l hook.Limits) {
	if in != nil {
		l.EventsPerSecond, l.EventsPerMonth, l.BytesPerMonth = in.EventsPerSecond, in.EventsPerMonth, in.BytesPerMonth
	}
	return l
}
