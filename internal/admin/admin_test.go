package admin_test

import (
	"errors"
	"slices"
	"testing"

	"gancho/internal/admin"
	"gancho/internal/hook"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

// newTenant is a fresh database with one tenant.
func newTenant(t *testing.T) (db *store.DB, tenant string) {
	t.Helper()
	db = storetest.Open(t)
	if _, _, err := (admin.Tenants{Store: db}).Put(t.Context(), "acme", hook.TenantChange{}); err != nil {
		t.Fatal(err)
	}
	return db, "acme"
}

// refused checks that an error is one for people, with a code, about the given places.
func refused(t *testing.T, err error, code string, places ...string) {
	t.Helper()
	e, ok := errors.AsType[*hook.Error](err)
	if !ok {
		t.Fatalf("error %v, want one with the code %s", err, code)
	}
	var got []string
	for _, f := range e.Fields {
		got = append(got, f.Pointer)
	}
	if e.Code != code || !slices.Equal(got, places) {
		t.Errorf("error %s at %q, want %s at %q: %v", e.Code, got, code, places, e)
	}
	if e.Detail == "" {
		t.Errorf("%s does not say what to change", code)
	}
}

// must is the value of a call that must not fail.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
