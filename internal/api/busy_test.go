package api

import (
	"errors"
	"testing"

	"gancho/internal/hook"
)

// TestAuditBusy: one caller of each tenant, and one with a key of all tenants, verify or export at the same time.
func TestAuditBusy(t *testing.T) {
	t.Parallel()
	b := new(auditBusy)
	acme := &hook.Key{Tenant: "acme"}
	leave, err := b.enter(acme)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.enter(acme); !errors.Is(err, errAuditBusy) {
		t.Errorf("a second one of the same tenant: %v", err)
	}
	for _, other := range []*hook.Key{{Tenant: "other"}, {}} {
		if _, err := b.enter(other); err != nil {
			t.Errorf("one with a key of %q waits for acme: %v", other.Tenant, err)
		}
	}
	leave()
	if _, err := b.enter(acme); err != nil {
		t.Errorf("after the first one left: %v", err)
	}
}
