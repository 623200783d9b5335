package admin_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"gancho/internal/admin"
	"gancho/internal/hook"
)

// root is a key that may do everything.
var root = &hook.Key{Role: hook.RoleOperator}

func TestKeys(t *testing.T) {
	t.Parallel()
	db, tenant := newTenant(t)
	keys := admin.Keys{Store: db}
	k, text, err := keys.Create(t.Context(), root, admin.KeySpec{Name: "app", Role: hook.RoleTenant, Tenant: tenant, ExpiresAt: time.Now().Add(time.Hour)})
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
	if err := keys.Delete(t.Context(), root, k.ID.String()); err != nil {
		t.Fatal(err)
	}
	refused(t, keys.Delete(t.Context(), root, k.ID.String()), "key_not_found")
	refused(t, keys.Delete(t.Context(), root, "key_nothing"), "key_not_found")
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
		{"a scope that is none", admin.KeySpec{Role: hook.RoleRead, Scopes: []string{"events:read", "events:everything"}}, "/scopes/1"},
		{"the scope that every key has", admin.KeySpec{Role: hook.RoleRead, Scopes: []string{string(hook.ScopeSelf)}}, "/scopes/0"},
		{"a contract that cannot be", admin.KeySpec{Role: hook.RoleRead, Contracts: []string{"Big Contract"}}, "/contracts/0"},
		{"an address that is none", admin.KeySpec{Role: hook.RoleRead, Addresses: []string{"192.0.2.1", "192.0.2.0/33"}}, "/allowed_addresses/1"},
		{"an address within a network card", admin.KeySpec{Role: hook.RoleRead, Addresses: []string{"fe80::1%eth0"}}, "/allowed_addresses/0"},
		{"an end in the past", admin.KeySpec{Role: hook.RoleRead, ExpiresAt: time.Now().Add(-time.Minute)}, "/expires_at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, text, err := keys.Create(t.Context(), root, c.spec)
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

// TestKeyRotation rotates a key twice, and ends what is left of its earlier texts.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	db, _ := newTenant(t)
	keys := admin.Keys{Store: db}
	ctx := t.Context()
	k, first, err := keys.Create(ctx, root, admin.KeySpec{Role: hook.RoleRead, Addresses: []string{"192.0.2.7/24"}})
	if err != nil {
		t.Fatal(err)
	}
	good := func(text string) bool {
		t.Helper()
		found, err := db.KeyByHash(ctx, sha256.Sum256([]byte(text)))
		if err != nil {
			t.Fatal(err)
		}
		if found.ID != k.ID || len(found.Addresses) != 1 || found.Addresses[0].String() != "192.0.2.0/24" {
			t.Errorf("found %+v", found)
		}
		return found.ExpiresAt.IsZero() || time.Now().Before(found.ExpiresAt)
	}
	rotate := func(overlap time.Duration) (text string, earlier int) {
		t.Helper()
		after, text, err := keys.Rotate(ctx, root, k.ID.String(), &overlap)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(text, after.Hint) {
			t.Errorf("text %q, hint %q", text, after.Hint)
		}
		return text, len(after.Earlier)
	}
	began := time.Now()
	second, n := rotate(time.Hour)
	ended := time.Now()
	if found, err := db.KeyByHash(ctx, sha256.Sum256([]byte(first))); err != nil || found.ExpiresAt.Before(began.Add(time.Hour-time.Second)) ||
		found.ExpiresAt.After(ended.Add(time.Hour)) {
		t.Errorf("the first text is good until %v, %v", found.ExpiresAt, err)
	}
	if n != 1 || !good(first) || !good(second) {
		t.Errorf("after the first rotation: %d earlier texts", n)
	}
	third, n := rotate(2 * time.Hour)
	if n != 2 || !good(first) || !good(second) || !good(third) {
		t.Errorf("after the second rotation: %d earlier texts", n)
	}
	fourth, n := rotate(0) // ends all of them, not only the latest
	if n != 0 || good(first) || good(second) || good(third) || !good(fourth) {
		t.Errorf("after a rotation without overlap: %d earlier texts", n)
	}
	fifth, _ := rotate(time.Hour)
	if err := keys.EndEarlier(ctx, root, k.ID.String()); err != nil || good(fourth) || !good(fifth) {
		t.Errorf("earlier texts ended: %v", err)
	}
	_, _, err = keys.Rotate(ctx, root, k.ID.String(), new(31*24*time.Hour))
	refused(t, err, "request_invalid", "/overlap")
	_, _, err = keys.Rotate(ctx, root, hook.NewKeyID().String(), nil)
	refused(t, err, "key_not_found")
}

// TestKeysNarrow tries to get a wider key with a narrow one: by creating it, and by a new text of one that exists.
func TestKeysNarrow(t *testing.T) {
	t.Parallel()
	db, _ := newTenant(t)
	keys := admin.Keys{Store: db}
	ctx := t.Context()
	narrow := admin.KeySpec{
		Role: hook.RoleOperator, Scopes: []string{"keys:read", "keys:write"}, Contracts: []string{"standard", "kobra"},
		Addresses: []string{"192.0.2.0/24", "2001:db8::/32"},
	}
	by, _, err := keys.Create(ctx, root, narrow)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*admin.KeySpec){
		"no scopes":       func(s *admin.KeySpec) { s.Scopes = nil },
		"another scope":   func(s *admin.KeySpec) { s.Scopes = []string{"keys:read", "events:read"} },
		"no contracts":    func(s *admin.KeySpec) { s.Contracts = nil },
		"another one":     func(s *admin.KeySpec) { s.Contracts = []string{"upnify"} },
		"no addresses":    func(s *admin.KeySpec) { s.Addresses = nil },
		"another address": func(s *admin.KeySpec) { s.Addresses = []string{"192.0.3.1"} },
		"a wider range":   func(s *admin.KeySpec) { s.Addresses = []string{"192.0.0.0/16"} },
	} {
		spec := narrow
		change(&spec)
		_, _, err := keys.Create(ctx, &by, spec)
		t.Run(name, func(t *testing.T) { refused(t, err, "key_wider") })
		wide, _, err := keys.Create(ctx, root, spec)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = keys.Rotate(ctx, &by, wide.ID.String(), nil)
		refused(t, err, "key_wider")
		refused(t, keys.EndEarlier(ctx, &by, wide.ID.String()), "key_wider")
		refused(t, keys.Delete(ctx, &by, wide.ID.String()), "key_wider")
	}
	narrower := narrow
	narrower.Scopes, narrower.Contracts, narrower.Addresses = []string{"keys:read"}, []string{"kobra"}, []string{"192.0.2.9", "2001:db8:1::/48"}
	if _, _, err := keys.Create(ctx, &by, narrower); err != nil {
		t.Errorf("a narrower key: %v", err)
	}
	if _, _, err := keys.Rotate(ctx, &by, by.ID.String(), nil); err != nil {
		t.Errorf("its own text: %v", err)
	}
	by.ExpiresAt = time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		ends time.Time
		code string
	}{
		"never ends": {time.Time{}, "key_wider"}, "ends later": {by.ExpiresAt.Add(time.Second), "key_wider"},
		"ends with it": {by.ExpiresAt, ""}, "ends before it": {by.ExpiresAt.Add(-time.Minute), ""},
	} {
		narrower.ExpiresAt = c.ends
		_, _, err := keys.Create(ctx, &by, narrower)
		if c.code != "" {
			t.Run(name, func(t *testing.T) { refused(t, err, c.code) })
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
