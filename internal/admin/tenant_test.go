package admin_test

import (
	"encoding/json"
	"strings"
	"testing"

	"gancho/internal/admin"
	"gancho/internal/hook"
	"gancho/internal/storetest"
)

func TestTenants(t *testing.T) {
	t.Parallel()
	tenants := admin.Tenants{Store: storetest.Open(t)}
	made, created, err := tenants.Put(t.Context(), "acme", hook.TenantChange{
		Name: new("Acme"), Metadata: json.RawMessage(`{"plan":"gold"}`),
		Limits: &hook.Limits{Endpoints: 3}, Egress: &hook.Hosts{Deny: []string{"10.0.0.0/8"}},
	})
	if err != nil || !created || made.Name != "Acme" {
		t.Fatalf("create: %+v, %t, %v", made, created, err)
	}
	changed, created, err := tenants.Put(t.Context(), "acme", hook.TenantChange{
		Metadata: json.RawMessage(`{}`), SealPayloads: new(true),
	})
	if err != nil || created || changed.Name != "Acme" || string(changed.Metadata) != `{}` ||
		changed.Policy.Limits.Endpoints != 3 || len(changed.Policy.Egress.Deny) != 1 || !changed.Policy.SealPayloads {
		t.Errorf("change: %+v, %t, %v", changed, created, err)
	}
	if _, _, err := tenants.Put(t.Context(), "beta", hook.TenantChange{}); err != nil {
		t.Fatal(err)
	}
	list, more, err := tenants.List(t.Context(), "acme", 10)
	if err != nil || more || len(list) != 1 || list[0].ID != "beta" {
		t.Errorf("list after acme: %+v, %t, %v", list, more, err)
	}
	if err := tenants.Delete(t.Context(), "beta"); err != nil {
		t.Fatal(err)
	}
	_, err = tenants.Get(t.Context(), "beta")
	refused(t, err, "tenant_not_found")
	refused(t, tenants.Delete(t.Context(), "beta"), "tenant_not_found")
}

func TestTenantsRefuse(t *testing.T) {
	t.Parallel()
	tenants := admin.Tenants{Store: storetest.Open(t)}
	for _, c := range []struct{ name, id, metadata, code, place string }{
		{"an empty id", "", `{}`, "tenant_invalid", "/id"},
		{"an id with a slash", "a/b", `{}`, "tenant_invalid", "/id"},
		{"an id that clients remove from paths", "..", `{}`, "tenant_invalid", "/id"},
		{"metadata that is a list", "acme", `[]`, "request_invalid", "/metadata"},
		{"metadata that is null", "acme", `null`, "request_invalid", "/metadata"},
		{"metadata that is too large", "acme", `{"a":"` + strings.Repeat("x", 17<<10) + `"}`, "request_invalid", "/metadata"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := tenants.Put(t.Context(), c.id, hook.TenantChange{Metadata: json.RawMessage(c.metadata)})
			refused(t, err, c.code, c.place)
		})
	}
	if list, _, err := tenants.List(t.Context(), "", 10); err != nil || len(list) > 0 {
		t.Errorf("stored although refused: %v, %v", list, err)
	}
}
