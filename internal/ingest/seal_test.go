package ingest_test

import (
	"testing"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

// Events and records of a tenant are sealed from the moment that the answer to setting the option was given, and no more
// after it was taken back.
func TestTenantSealsPayloads(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newSetup(t, db)
		for _, seal := range []bool{false, true, false} {
			if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{SealPayloads: &seal}); err != nil {
				t.Fatal(err)
			}
			answer := b.accept(event("order.paid", `{"a":1}`))[0]
			e, err := db.Event(t.Context(), "acme", answer.ID)
			if err != nil || e.Sealed != seal || string(e.Payload) != `{"a":1}` {
				t.Errorf("option %v: %+v, %v", seal, e, err)
			}
		}
	})
}

// A contract seals its records and what they fire, whatever the tenant says, and no other contract's.
func TestContractSealsPayloads(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, _, _ := withCounter(t, db)
		c, err := contract.Parse("counter.yaml", []byte(counterContract+"\nseal_payloads: true\n"))
		if err != nil {
			t.Fatal(err)
		}
		b.Contracts.Add(c.WithVersion(2))
		changed := b.change(put("7", `{"id":7,"n":1}`))[0]
		if changed.Wrong != nil || len(changed.Events) == 0 {
			t.Fatalf("%+v", changed)
		}
		list, _, err := db.Records(t.Context(), "acme", "counter", "", hook.RecordName{}, 10)
		if err != nil || len(list) != 1 || !list[0].Sealed || list[0].Unreadable {
			t.Errorf("records: %+v, %v", list, err)
		}
		if e, err := db.Event(t.Context(), "acme", changed.Events[0].ID); err != nil || !e.Sealed || len(e.Payload) == 0 {
			t.Errorf("event: %+v, %v", e, err)
		}
		other := b.accept(event("order.paid", `{"a":1}`))[0]
		if e, err := db.Event(t.Context(), "acme", other.ID); err != nil || e.Sealed {
			t.Errorf("of another contract: %+v, %v", e, err)
		}
	})
}
