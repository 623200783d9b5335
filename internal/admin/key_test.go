package admin_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"gancho/internal/admin"
	"gancho/internal/hook"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	db, tenant := newTenant(t)
	keys := admin.Keys{Store: db}
	k, text, err := keys.Create(t.Context(), admin.KeySpec{Name: "app", Role: hook.RoleTenant, Tenant: tenant, ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text, "gk_") || len(text) != 46 || !strings.HasSuffix(text, k.Hint) {
		t.Errorf("text %q, hint %q", text, k.Hint)
	}
	stored, err := db.KeyByHash(t.Context(), sha256.Sum256([]byte(text)))
	if err != nil || stored.ID != k.ID || stored.Role != hook.RoleTenant || stored.Tenant != tenant || stored.ExpiresAt.IsZero() {
		t.Errorf("stored %+v, %v", stored, err)
	}
	list, _, err := keys.List(t.Context(), hook.Page{Limit: 10})
	if err != nil || len(list) != 1 || list[0].ID != k.ID {
		t.Errorf("list %+v, %v", list, err)
	}
	if err := keys.Delete(t.Context(), k.ID.String()); err != nil {
		t.Fatal(err)
	}
	refused(t, keys.Delete(t.Context(), k.ID.String()), "key_not_found")
	refused(t, keys.Delete(t.Context(), "key_nothing"), "key_not_found")
}

func TestKeysRefuse(t *testing.T) {
	t.Parallel()
	db, tenant := newTenant(t)
	keys := admin.Keys{Store: db}
	for _, c := range []struct {
		name  string
		spec  admin.KeySpec
		place string
	}{
		{"no role", admin.KeySpec{}, "/role"},
		{"an unknown role", admin.KeySpec{Role: "owner"}, "/role"},
		{"role tenant without a tenant", admin.KeySpec{Role: hook.RoleTenant}, "/tenant"},
		{"role operator with a tenant", admin.KeySpec{Role: hook.RoleOperator, Tenant: tenant}, "/tenant"},
		{"a tenant that is not there", admin.KeySpec{Role: hook.RoleRead, Tenant: "nobody"}, "/tenant"},
		{"a tenant that cannot be", admin.KeySpec{Role: hook.RolePublish, Tenant: "../x"}, "/tenant"},
		{"an end in the past", admin.KeySpec{Role: hook.RoleRead, ExpiresAt: time.Now().Add(-time.Minute)}, "/expires_at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, text, err := keys.Create(t.Context(), c.spec)
			refused(t, err, "key_input_invalid", c.place)
			if text != "" {
				t.Error("a key was returned")
			}
		})
	}
	if list, _, err := keys.List(t.Context(), hook.Page{Limit: 10}); err != nil || len(list) > 0 {
		t.Errorf("stored although refused: %v, %v", list, err)
	}
}
