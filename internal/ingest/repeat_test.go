package ingest_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/ingest"
)

// lookups counts how often keys are looked up apart from the commit.
type lookups struct {
	ingest.Store
	n int
}

func (l *lookups) KnownKeys(ctx context.Context, tenant, requestKey string, ids []string) (bool, map[string]hook.KnownID, error) {
	l.n++
	return l.Store.KnownKeys(ctx, tenant, requestKey, ids)
}

// put puts a version of the contract named shop in force.
func (b *setup) put(version int64, source string) {
	b.t.Helper()
	shop, err := contract.Parse("shop.yaml", []byte("contract: shop\ntitle: {en: Shop}\n"+source))
	if err != nil {
		b.t.Fatal(err)
	}
	b.contracts.Add(shop.WithVersion(version))
	b.Forget(hook.Change{})
}

const stricter = `
events:
  order.changed:
    title: {en: Changed}
    schema: {type: object, required: [paid]}
`

// A repeat of what was accepted gets the first answer, whatever its contract says by then: a stricter schema, or no
// such event type. What was not accepted is refused, and an id used for something else, too.
func TestRepeatUnderAnotherVersion(t *testing.T) {
	t.Parallel()
	delayed(t, "{}", func(t *testing.T, b *setup, c *clock) {
		counted := &lookups{Store: b.db}
		b.Ingest = ingest.New(ingest.Options{
			Store: counted, Dispatcher: b.dispatcher, Contracts: b.contracts, KeepKeys: time.Hour, Now: c.now, Log: slog.New(slog.DiscardHandler),
		})
		b.put(2, "redact: [card]\nevents: {order.changed: {title: {en: Changed}}, order.gone: {title: {en: Gone}}}")
		b.endpoint("shop", hook.EndpointActive, hook.EndpointConfig{})
		b.endpoint("shop", hook.EndpointActive, hook.EndpointConfig{Filter: "payload.total > 1"}) // fails without a total
		named := func(id, kind, payload string) hook.NewEvent {
			return hook.NewEvent{Contract: "shop", Type: kind, Door: hook.DoorAPI, ExternalID: id, Payload: []byte(payload)}
		}
		changed, gone := named("a", "order.changed", `{"card":"4111"}`), named("b", "order.gone", `{"total":5}`)
		alone, kept := b.accept(changed)[0], b.accept(gone)[0]
		keyed := hook.NewEvents{Tenant: "acme", RequestKey: "r", RequestHash: [32]byte{1}, Items: []hook.NewEvent{named("", "order.gone", `{}`)}}
		first, err := b.Accept(t.Context(), keyed)
		if err != nil || first[0].Wrong != nil {
			t.Fatal(err, first)
		}
		if again := b.accept(changed)[0]; !again.Duplicate || counted.n != 0 {
			t.Fatalf("%+v, %d look-ups", again, counted.n)
		}

		b.put(3, "redact: [card]"+stricter)
		repeated := func(a, first hook.EventAnswer) {
			t.Helper()
			first.Duplicate = true
			if diff := cmp.Diff(first, a); diff != "" {
				t.Errorf("the answer to a repeat (-first +again):\n%s", diff)
			}
		}
		refused := func(a hook.EventAnswer, code string) {
			t.Helper()
			if a.Wrong == nil || a.Wrong.Code != code {
				t.Errorf("%+v, want %s", a, code)
			}
		}
		repeated(b.accept(changed)[0], alone)
		repeated(b.accept(gone)[0], kept)
		if alone.LeftOut != 1 || counted.n != 2 {
			t.Errorf("%d left out, %d look-ups", alone.LeftOut, counted.n)
		}

		// In a request of many, each by itself.
		batch := []hook.NewEvent{
			changed, named("c", "order.changed", `{}`), gone, named("d", "order.changed", `{"paid":true}`), named("a", "order.changed", `{"n":1}`),
			named("a", "order.changed", `{"paid":true}`), named("", "order.changed", `{}`),
		}
		ask, err := b.Fresh(t.Context(), hook.NewEvents{Tenant: "acme", Items: batch})
		if want := (hook.QuotaAsk{Items: 3, Events: 3, Bytes: int64(len(`{}{"paid":true}{}`))}); err != nil || ask != want {
			t.Errorf("%+v is new of the request, want %+v (%v)", ask, want, err)
		}
		// PostgreSQL refuses to compare a text with NUL.
		ask, err = b.Fresh(t.Context(), hook.NewEvents{Tenant: "acme", Items: []hook.NewEvent{named("a\x00", "order.changed", `{}`)}})
		if want := (hook.QuotaAsk{Items: 1, Events: 1, Bytes: 2}); err != nil || ask != want {
			t.Errorf("%+v is new of an id that is not valid, want %+v (%v)", ask, want, err)
		}
		counted.n = 0
		list := b.accept(batch...)
		repeated(list[0], alone)
		refused(list[1], "payload_invalid")
		repeated(list[2], kept)
		if list[3].Wrong != nil || list[3].Duplicate {
			t.Errorf("a new one: %+v", list[3])
		}
		refused(list[4], "payload_invalid")
		refused(list[5], "event_id_reused")
		refused(list[6], "payload_invalid")
		if counted.n != 1 {
			t.Errorf("%d look-ups for one request", counted.n)
		}

		// A whole request with a key.
		again, err := b.Accept(t.Context(), keyed)
		if err != nil {
			t.Fatal(err)
		}
		repeated(again[0], first[0])

		// A key is forgotten after its time. The clock of the store is that of the test.
		c.pass(2 * time.Hour)
		refused(b.accept(changed)[0], "payload_invalid")
	})
}

// A repeat in a request of many gets its answer although the items before it have used up what a request may make or
// cost by now.
func TestRepeatBeyondTheLimits(t *testing.T) {
	t.Parallel()
	delayed(t, "{}", func(t *testing.T, b *setup, _ *clock) {
		list := make([]hook.NewEvent, 4)
		for i := range list {
			list[i] = changed(i, "1")
			list[i].ExternalID = fmt.Sprint(i)
		}
		first := b.accept(list...)
		for name, o := range map[string]ingest.Options{"deliveries": {MaxDeliveries: 1}, "work": {EventWork: 1}} {
			o.Store, o.Dispatcher, o.Contracts, o.KeepKeys, o.Log = b.db, b.dispatcher, b.contracts, time.Hour, slog.New(slog.DiscardHandler)
			small := ingest.New(o)
			for range 3 {
				b.endpoint("shop", hook.EndpointActive, hook.EndpointConfig{Filter: "payload.total > 0"})
			}
			again, err := small.Accept(t.Context(), hook.NewEvents{Tenant: "acme", Items: list})
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range again {
				if !a.Duplicate || a.ID != first[i].ID || a.Deliveries != 0 {
					t.Errorf("%s: item %d: %+v", name, i, a)
				}
			}
		}
	})
}

// The same holds for changes of records, whose requests have keys: a document that a stricter schema would refuse, of a
// kind that may be gone.
func TestRepeatOfAChange(t *testing.T) {
	t.Parallel()
	delayed(t, "{}", func(t *testing.T, b *setup, _ *clock) {
		const record = "records: {order: {title: {en: Order}, key: id%s}}\nevents: {order.changed: {title: {en: Changed}, on: order, payload: {n: \"${new.n}\"}}}\n"
		b.put(2, fmt.Sprintf(record, ""))
		b.endpoint("shop", hook.EndpointActive, hook.EndpointConfig{})
		r := hook.RecordChanges{
			Tenant: "acme", RequestKey: "r", RequestHash: [32]byte{1},
			Items: []hook.RecordChange{{
				RecordName: hook.RecordName{Contract: "shop", Kind: "order", Key: "1"}, Op: hook.RecordPut, Document: []byte(`{"id":"1","n":1}`),
			}},
		}
		first, err := b.Change(t.Context(), r)
		if err != nil || first[0].Wrong != nil || len(first[0].Events) != 1 {
			t.Fatalf("%+v %v", first, err)
		}
		for version, source := range map[int64]string{3: fmt.Sprintf(record, ", schema: {type: object, required: [paid]}"), 4: stricter} {
			b.put(version, source)
			again, err := b.Change(t.Context(), r)
			if err != nil || !again[0].Duplicate || again[0].Version != first[0].Version || cmp.Diff(first[0].Events, again[0].Events) != "" {
				t.Errorf("version %d: %+v %v", version, again, err)
			}
		}
	})
}
