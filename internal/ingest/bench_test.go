package ingest_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"gancho/contracts"
	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/ingest"
	"gancho/internal/storetest"
)

const chainContract = `
contract: counter
title: {en: Counter}
records:
  count:
    title: {en: Count}
    key: id
    schema: {type: object, required: [id, n], properties: {n: {type: integer}}}
  free: {title: Free, key: id}
events:
  counted:
    title: Counted
    on: count
    when: old != null && new != null && changed("n")
    payload: {id: "${new.id}", from: "${old.n}", to: "${new.n}"}
`

// BenchmarkPatches makes 100 patches of one record of 1 MB in one request: of one long text, or of 30,000 members; with
// schema and conditions (count), or without (free).
func BenchmarkPatches(b *testing.B) {
	texts := strings.Repeat("x", 1<<20-100)
	var many strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&many, `,"member%d":"some text"`, i)
	}
	for name, rest := range map[string]string{"text": `,"pad":"` + texts + `"`, "members": many.String()} {
		for _, kind := range []string{"count", "free"} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				db := storetest.Open(b)
				c, err := contract.Parse("counter.yaml", []byte(chainContract))
				if err != nil {
					b.Fatal(err)
				}
				set := new(contract.Set)
				set.Add(c.WithVersion(1))
				in := ingest.New(ingest.Options{Store: db, Dispatcher: &dispatcher{}, Contracts: set, KeepKeys: time.Hour, Log: slog.New(slog.DiscardHandler)})
				if _, _, err := db.PutTenant(b.Context(), "acme", hook.TenantChange{}); err != nil {
					b.Fatal(err)
				}
				change := func(op hook.RecordOp, doc string) hook.RecordChange {
					return hook.RecordChange{RecordName: hook.RecordName{Contract: "counter", Kind: kind, Key: "a"}, Op: op, Document: []byte(doc)}
				}
				do := func(items ...hook.RecordChange) {
					answers, err := in.Change(b.Context(), hook.RecordChanges{Tenant: "acme", Items: items})
					if err != nil {
						b.Fatal(err)
					}
					for _, a := range answers {
						if a.Wrong != nil {
							b.Fatal(a.Wrong)
						}
					}
				}
				do(change(hook.RecordPut, `{"id":"a","n":0`+rest+`}`))
				n := 0
				for b.Loop() {
					items := make([]hook.RecordChange, 100)
					for i := range items {
						n++
						items[i] = change(hook.RecordPatch, fmt.Sprintf(`{"n":%d}`, n))
					}
					do(items...)
				}
			})
		}
	}
}

// BenchmarkFilterBomb accepts an event of 1.4 kB for 300 endpoints with dear filters, each another one.
func BenchmarkFilterBomb(b *testing.B) {
	db := storetest.Open(b)
	c, err := contract.Load(contracts.Files, "standard.yaml")
	if err != nil {
		b.Fatal(err)
	}
	set := new(contract.Set)
	set.Add(c)
	in := ingest.New(ingest.Options{Store: db, Dispatcher: &dispatcher{}, Contracts: set, KeepKeys: time.Hour, Log: slog.New(slog.DiscardHandler)})
	if _, _, err := db.PutTenant(b.Context(), "acme", hook.TenantChange{}); err != nil {
		b.Fatal(err)
	}
	for n := range 300 {
		e := &hook.Endpoint{
			ID: hook.NewEndpointID(), Tenant: "acme", Contract: "standard", State: hook.EndpointActive,
			Config: hook.EndpointConfig{URL: "http://receiver.example/", Filter: dearFilter(n)},
		}
		if err := db.CreateEndpoint(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := in.Accept(b.Context(), hook.NewEvents{Tenant: "acme", Items: []hook.NewEvent{event("t", dearPayload)}}); err != nil {
			b.Fatal(err)
		}
	}
}
