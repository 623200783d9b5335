package api

import (
	"context"
	"net/http"
	"time"

	"gancho.example/client"
	"gancho/internal/hook"
)

func (a *API) routeKeys() {
	add(a, operation{
		id: "create-key", method: http.MethodPost, path: "/v1/keys", tag: "keys", access: operators, status: http.StatusCreated,
		summary: "Make an API key", description: "The answer is the only place that shows the key itself.",
		codes: []string{"key_input_invalid"},
	}, a.createKey)
	add(a, operation{
		id: "list-keys", method: http.MethodGet, path: "/v1/keys", tag: "keys", access: operators, summary: "List API keys",
		codes: []string{"cursor_invalid"},
	}, a.listKeys)
	add(a, operation{
		id: "delete-key", method: http.MethodDelete, path: "/v1/keys/{key}", tag: "keys", access: operators, status: http.StatusNoContent,
		summary: "Revoke an API key", description: "It stops working at once.", codes: []string{"key_not_found"},
	}, a.deleteKey)
}

func wireKey(k hook.Key) client.Key {
	return client.Key{
		ID: k.ID.String(), Name: k.Name, Role: string(k.Role), Tenant: k.Tenant, Hint: k.Hint,
		ExpiresAt: wireTime(k.ExpiresAt), CreatedAt: k.CreatedAt,
	}
}

func (a *API) createKey(ctx context.Context, in *struct{ Body client.KeyInput }) (*struct{ Body client.NewKey }, error) {
	k := hook.Key{
		ID: hook.NewKeyID(), Name: in.Body.Name, Role: hook.Role(in.Body.Role), Tenant: in.Body.Tenant,
		CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	wrong := func(pointer, detail string) error {
		return invalid("key_input_invalid", []hook.FieldError{{Pointer: pointer, Detail: detail}})
	}
	noTenant := wrong("/tenant", "There is no such tenant. Make it first.")
	switch {
	case k.Role == hook.RoleTenant && k.Tenant == "":
		return nil, wrong("/tenant", "A key of role tenant needs the id of its tenant.")
	case k.Role == hook.RoleOperator && k.Tenant != "":
		return nil, wrong("/tenant", "A key of role operator is good for all tenants. Leave the tenant out, or choose the role tenant.")
	case k.Tenant != "" && !hook.ValidTenantID(k.Tenant):
		return nil, noTenant
	}
	if e := in.Body.ExpiresAt; e != nil {
		if !e.After(k.CreatedAt) {
			return nil, wrong("/expires_at", "This time is past. Choose one in the future, or leave it out.")
		}
		k.ExpiresAt = e.UTC()
	}
	var text string
	text, k.Hash, k.Hint = newKeyText()
	if err := a.Store.CreateKey(ctx, k); hook.IsKind(err, hook.KindNotFound) {
		return nil, noTenant
	} else if err != nil {
		return nil, err
	}
	return &struct{ Body client.NewKey }{client.NewKey{Key: wireKey(k), Text: text}}, nil
}

func (a *API) listKeys(ctx context.Context, in *Paging) (*struct{ Body client.List[client.Key] }, error) {
	const list = "keys"
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	keys, next, err := a.Store.Keys(ctx, p)
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.List[client.Key] }{wireList(keys, next, list, wireKey)}, nil
}

func (a *API) deleteKey(ctx context.Context, in *struct {
	Key string `path:"key" doc:"Id of the key." example:"key_06ew2c6eqfy7d00000000000g0"`
},
) (*struct{}, error) {
	id, err := hook.ParseKeyID(in.Key)
	if err != nil {
		return nil, hook.NotFound("key", in.Key)
	}
	return nil, a.Store.DeleteKey(ctx, id)
}
