package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gancho/internal/hook"
)

// noted collects the changes of which watchers are notified.
type noted struct{ list []hook.Change }

func (n *noted) watch(db *DB) { db.Watch(func(c hook.Change) { n.list = append(n.list, c) }) }

func newEndpoint(t *testing.T, db *DB, tenant string) *hook.Endpoint {
	t.Helper()
	e := &hook.Endpoint{
		ID: hook.NewEndpointID(), Tenant: tenant, Name: "x", Contract: "standard", State: hook.EndpointActive,
		Config: withAuth("http://x/"), Secrets: []hook.Secret{{Text: "whsec_a"}},
	}
	if err := db.CreateEndpoint(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return e
}

// withAuth is a configuration with secrets, which no table may hold in plain text.
func withAuth(url string) hook.EndpointConfig {
	return hook.EndpointConfig{
		URL:  url,
		Auth: &hook.Auth{OAuth2: &hook.OAuth2{TokenURL: "http://x/tokens", ClientID: "me", ClientSecret: "sealed-marker 1"}},
		TLS:  &hook.TLS{Certificate: "c", Key: "sealed-marker 2", CA: "a"},
	}
}

func newTenant(t *testing.T, db *DB, id string) {
	t.Helper()
	if _, _, err := db.PutTenant(t.Context(), id, hook.TenantChange{}); err != nil {
		t.Fatal(err)
	}
}

func TestTenants(t *testing.T) { each(t, testTenants) }

func testTenants(t *testing.T, db *DB) {
	ctx := t.Context()
	name := "Acme"
	got, created, err := db.PutTenant(ctx, "acme", hook.TenantChange{Name: &name})
	if err != nil || !created || got.Name != "Acme" || string(got.Metadata) != "{}" {
		t.Fatalf("made: %+v %v %v", got, created, err)
	}
	got, created, err = db.PutTenant(ctx, "acme", hook.TenantChange{Metadata: json.RawMessage(`{"a":1}`)})
	if err != nil || created || got.Name != "Acme" || string(got.Metadata) != `{"a":1}` || !got.UpdatedAt.After(got.CreatedAt) {
		t.Fatalf("changed: %+v %v %v", got, created, err)
	}
	for _, id := range []string{"b", "a", "c"} {
		newTenant(t, db, id)
	}
	var ids []string
	after := ""
	for more := true; more; {
		var list []hook.Tenant
		if list, more, err = db.Tenants(ctx, after, 2); err != nil {
			t.Fatal(err)
		}
		for _, x := range list {
			ids = append(ids, x.ID)
			after = x.ID
		}
	}
	if diff := cmp.Diff([]string{"a", "acme", "b", "c"}, ids); diff != "" {
		t.Error(diff)
	}
	if _, err := db.Tenant(ctx, "nobody"); !hook.IsKind(err, hook.KindNotFound) {
		t.Error(err)
	}
	if err := db.CreateEndpoint(ctx, &hook.Endpoint{ID: hook.NewEndpointID(), Tenant: "nobody"}); !hook.IsKind(err, hook.KindNotFound) {
		t.Error(err)
	}
	if _, err := db.TenantEndpoints(ctx, "nobody"); !hook.IsKind(err, hook.KindNotFound) {
		t.Error(err)
	}
	if list, err := db.TenantEndpoints(ctx, "a"); err != nil || len(list) != 0 {
		t.Error(list, err)
	}
}

// TestDeleteTenant checks that a deleted tenant is not found any more, that its data is
// removed in short transactions, and that the data of another tenant stays.
func TestDeleteTenant(t *testing.T) { each(t, testDeleteTenant) }

func testDeleteTenant(t *testing.T, db *DB) {
	var n noted
	n.watch(db)
	ctx := t.Context()
	h := makeHistory(t, db, 900)
	sub := hook.Submission{Tenant: "acme", Items: []*hook.Accepted{accepted("acme", "ext", "{}", h.endpoints["acme"][0])}}
	if _, err := db.Submit(sub, time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, tenant := range []string{"acme", "other"} {
		k := hook.Key{ID: hook.NewKeyID(), Role: hook.RoleTenant, Tenant: tenant, Hash: [32]byte{tenant[0]}, CreatedAt: time.Now()}
		if err := db.CreateKey(ctx, k); err != nil {
			t.Fatal(err)
		}
		r := &hook.Recovery{ID: hook.NewRecoveryID(), Tenant: tenant, Endpoint: h.endpoints[tenant][0], State: hook.RecoveryRunning, CreatedAt: time.Now()}
		if err := db.CreateRecovery(ctx, r); err != nil {
			t.Fatal(err)
		}
	}
	for i := range h.deliveries {
		if i%3 == 0 {
			d := h.deliveries[i]
			done := make(chan error, 1)
			db.SaveResult(hook.Result{Delivery: d, Attempt: &hook.Attempt{Delivery: d.ID, Number: 1}, Frozen: &hook.Frozen{Body: []byte("x")}}, func(err error) { done <- err })
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	}
	others := func() string {
		var s strings.Builder
		for _, q := range []string{
			`SELECT count(*) FROM deliveries WHERE tenant = 'other'`, `SELECT count(*) FROM events WHERE tenant = 'other'`,
			`SELECT count(*) FROM endpoints WHERE tenant = 'other' AND state = 'active'`, `SELECT count(*) FROM keys WHERE tenant = 'other'`,
			`SELECT count(*) FROM attempts a JOIN deliveries d ON d.id = a.delivery WHERE d.tenant = 'other'`,
			`SELECT count(*) FROM bodies a JOIN deliveries d ON d.id = a.delivery WHERE d.tenant = 'other'`,
			`SELECT count(*) FROM recoveries WHERE tenant = 'other'`,
		} {
			var k int
			if err := db.read.QueryRow(q).Scan(&k); err != nil {
				t.Fatal(err)
			}
			s.WriteString(fmt.Sprint(k, " "))
		}
		return s.String()
	}
	before := others()
	n.list = nil
	if err := db.DeleteTenant(ctx, "acme"); err != nil {
		t.Fatal(err)
	}
	if len(n.list) != 1+3+1 || n.list[0] != (hook.Change{Tenant: "acme"}) || n.list[4].Key.IsZero() {
		t.Errorf("watchers got %+v", n.list)
	}
	for _, err := range []error{
		second(db.Tenant(ctx, "acme")), second(db.TenantEndpoints(ctx, "acme")), second(db.TenantEndpoint(ctx, "acme", h.endpoints["acme"][0])),
		second(db.KeyByHash(ctx, [32]byte{'a'})), db.DeleteTenant(ctx, "acme"),
	} {
		if !hook.IsKind(err, hook.KindNotFound) {
			t.Errorf("after deleting: %v", err)
		}
	}
	if _, _, err := db.PutTenant(ctx, "acme", hook.TenantChange{}); !hook.IsKind(err, hook.KindConflict) {
		t.Errorf("created again at once: %v", err)
	}
	rows := func() (sum int) {
		for _, table := range []string{"tenants", "events", "deliveries", "attempts", "bodies", "idempotency", "endpoints", "endpoint_versions", "recoveries", "audit WHERE NOT erased", "stats"} {
			sum += count(t, db, table)
		}
		return sum
	}
	for was, more := rows(), true; more; {
		var err error
		if more, err = db.Purge(ctx); err != nil {
			t.Fatal(err)
		}
		now := rows()
		if was-now > purgeRows || more && was == now {
			t.Fatalf("one step removed %d rows", was-now)
		}
		was = now
	}
	if after := others(); after != before {
		t.Errorf("the other tenant has %s, had %s", after, before)
	}
	for _, q := range []string{
		`SELECT count(*) FROM tenants WHERE id = 'acme'`, `SELECT count(*) FROM events WHERE tenant = 'acme'`, `SELECT count(*) FROM deliveries WHERE tenant = 'acme'`,
		`SELECT count(*) FROM idempotency WHERE tenant = 'acme'`, `SELECT count(*) FROM endpoints WHERE tenant = 'acme'`, `SELECT count(*) FROM recoveries WHERE tenant = 'acme'`,
		`SELECT count(*) FROM attempts WHERE delivery NOT IN (SELECT id FROM deliveries)`, `SELECT count(*) FROM bodies WHERE delivery NOT IN (SELECT id FROM deliveries)`,
		`SELECT count(*) FROM endpoint_versions WHERE endpoint NOT IN (SELECT id FROM endpoints)`,
	} {
		var k int
		if err := db.read.QueryRow(q).Scan(&k); err != nil || k != 0 {
			t.Errorf("%s: %d %v", q, k, err)
		}
	}
	if _, created, err := db.PutTenant(ctx, "acme", hook.TenantChange{}); err != nil || !created {
		t.Errorf("created again: %v %v", created, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestMaxEndpoints(t *testing.T) { each(t, testMaxEndpoints) }

func testMaxEndpoints(t *testing.T, db *DB) {
	db.maxEndpoints = 3
	newTenant(t, db, "acme")
	newTenant(t, db, "other")
	var wg sync.WaitGroup
	var refused atomic.Int64
	for i := range 9 { // at once, of several contracts, some with a credential
		wg.Go(func() {
			c, e := newCredential("acme")
			e.Contract = strconv.Itoa(i % 3)
			var err error
			if i%2 == 0 {
				err = db.CreateCredential(t.Context(), c, e, 0)
			} else {
				e.Config.Credential = nil
				err = db.CreateEndpoint(t.Context(), e)
			}
			if problem, ok := errors.AsType[*hook.Error](err); ok && problem.Kind == hook.KindConflict && problem.Code == "too_many_endpoints" {
				refused.Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, err := db.TenantEndpoints(t.Context(), "acme")
	if err != nil || len(list) != 3 || refused.Load() != 6 {
		t.Fatalf("%d endpoints, %d refused, %v", len(list), refused.Load(), err)
	}
	newEndpoint(t, db, "other")
	e := newEndpoint(t, db, "other")
	if err := db.DeleteEndpoint(t.Context(), "other", e.ID, hook.Precondition{}); err != nil {
		t.Fatal(err)
	}
	newEndpoint(t, db, "other")
	newEndpoint(t, db, "other") // the deleted one does not count
}

func TestEndpointVersions(t *testing.T) { each(t, testEndpointVersions) }

func testEndpointVersions(t *testing.T, db *DB) {
	var n noted
	n.watch(db)
	ctx := t.Context()
	newTenant(t, db, "acme")
	e := newEndpoint(t, db, "acme")
	read := func() *hook.Endpoint {
		t.Helper()
		got, err := db.TenantEndpoint(ctx, "acme", e.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if diff := cmp.Diff(e, read()); diff != "" {
		t.Errorf("(-created +read):\n%s", diff)
	}
	a, b := read(), read()
	a.Config.URL, b.Name = "http://y/", "late"
	if ok, err := db.UpdateEndpoint(ctx, a, true); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if ok, err := db.UpdateEndpoint(ctx, b, false); ok || err != nil {
		t.Fatalf("a change was stored although somebody else changed the endpoint: %v %v", ok, err)
	}
	if diff := cmp.Diff(a, read()); diff != "" || a.Version != 2 {
		t.Errorf("after the change, version %d (-want +got):\n%s", a.Version, diff)
	}
	for version, url := range map[int64]string{1: "http://x/", 2: "http://y/"} {
		cfg, err := db.EndpointVersion(ctx, e.ID, version)
		if err != nil || cfg.URL != url {
			t.Errorf("version %d: %+v %v", version, cfg, err)
		}
	}
	if _, err := db.EndpointVersion(ctx, e.ID, 3); !hook.IsKind(err, hook.KindNotFound) {
		t.Error(err)
	}
	// An update is also refused if only the state was changed in between.
	c := read()
	if err := db.SetEndpointState(ctx, e.ID, hook.EndpointPaused, hook.ReasonByPerson, time.Now()); err != nil {
		t.Fatal(err)
	}
	if ok, _ := db.UpdateEndpoint(ctx, c, false); ok {
		t.Error("an update undid a pause")
	}
	if got := read(); got.State != hook.EndpointPaused || got.StateReason != hook.ReasonByPerson || got.Version != 2 {
		t.Errorf("paused: %+v", got)
	}
	// An update does not change the health; resuming ends a failure.
	run := time.Now().UTC().Truncate(time.Microsecond)
	db.SaveHealth(e.ID, hook.Health{LastRun: run, LastStatus: "timeout", FailingSince: run})
	if err := db.Ready(ctx); err != nil { // commits it too
		t.Fatal(err)
	}
	c = read()
	c.Name = "renamed"
	if ok, err := db.UpdateEndpoint(ctx, c, false); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if got := read(); got.Health.FailingSince != run || got.Name != "renamed" || got.Version != 2 {
		t.Errorf("renamed: %+v", got)
	}
	// A correction ends a failure, too.
	for _, correct := range []func(*hook.Endpoint){
		func(e *hook.Endpoint) { e.Config.URL += "/corrected" },
		func(e *hook.Endpoint) { e.Secrets = append([]hook.Secret{{Text: "whsec_new"}}, e.Secrets...) },
	} {
		db.SaveHealth(e.ID, hook.Health{LastRun: run, LastStatus: "timeout", FailingSince: run})
		if err := db.Ready(ctx); err != nil {
			t.Fatal(err)
		}
		c = read()
		correct(c)
		if ok, err := db.UpdateEndpoint(ctx, c, false); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if got := read(); !got.Health.FailingSince.IsZero() || got.Health.LastRun != run || !c.Health.FailingSince.IsZero() {
			t.Errorf("corrected: %+v, %+v", got.Health, c.Health)
		}
	}
	db.SaveHealth(e.ID, hook.Health{LastRun: run, LastStatus: "timeout", FailingSince: run})
	if err := db.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	if err := db.SetEndpointState(ctx, e.ID, hook.EndpointActive, "", time.Now()); err != nil {
		t.Fatal(err)
	}
	if got := read(); !got.Health.FailingSince.IsZero() || got.Health.LastStatus != "timeout" || got.StateReason != "" {
		t.Errorf("resumed: %+v", got)
	}
	n.list = nil
	if err := db.DeleteEndpoint(ctx, "other", e.ID, hook.Precondition{}); !hook.IsKind(err, hook.KindNotFound) {
		t.Errorf("deleted through another tenant: %v", err)
	}
	// Who read it before somebody changed it does not delete the change.
	known := hook.Precondition{Present: true, Versions: []int64{read().Revision()}}
	if err := db.DeleteEndpoint(ctx, "acme", e.ID, hook.Precondition{Present: true, Versions: []int64{read().Revision() - 1}}); !errors.Is(err, hook.ErrChangedMeanwhile) {
		t.Errorf("deleted at another revision: %v", err)
	}
	if got := read(); got.State == hook.EndpointDeleted || len(n.list) > 0 {
		t.Errorf("%+v, changes %v", got, n.list)
	}
	if err := db.DeleteEndpoint(ctx, "acme", e.ID, known); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]hook.Change{{Tenant: "acme", Endpoint: e.ID}}, n.list); diff != "" {
		t.Errorf("changes that watchers got (-want +got):\n%s", diff)
	}
	if _, err := db.TenantEndpoint(ctx, "acme", e.ID); !hook.IsKind(err, hook.KindNotFound) {
		t.Error(err)
	}
	if got, err := db.Endpoint(ctx, e.ID); err != nil || got.State != hook.EndpointDeleted {
		t.Errorf("read without its tenant: %+v %v", got, err)
	}
	if ok, _ := db.UpdateEndpoint(ctx, c, false); ok {
		t.Error("an update brought a deleted endpoint back")
	}
}

func TestKeyStore(t *testing.T) { each(t, testKeyStore) }

func testKeyStore(t *testing.T, db *DB) {
	var n noted
	n.watch(db)
	ctx := t.Context()
	newTenant(t, db, "acme")
	var made []hook.Key
	for i := range 5 {
		k := hook.Key{
			ID: hook.NewKeyID(), Name: fmt.Sprint(i), Role: hook.RoleTenant, Tenant: "acme", Hash: [32]byte{byte(i)}, Hint: "abcd",
			CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
		}
		if i == 2 {
			k.ExpiresAt = k.CreatedAt.Add(time.Hour)
		}
		if err := db.CreateKey(ctx, k); err != nil {
			t.Fatal(err)
		}
		made = append([]hook.Key{k}, made...)
	}
	var got []hook.Key
	p := hook.Page{Limit: 2}
	for {
		list, next, err := db.Keys(ctx, p)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, list...)
		if p.Before = next; next.IsZero() {
			break
		}
	}
	if diff := cmp.Diff(made, got); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if k, err := db.KeyByHash(ctx, [32]byte{3}); err != nil || k.Name != "3" {
		t.Error(k, err)
	}
	if err := db.CreateKey(ctx, hook.Key{ID: hook.NewKeyID(), Tenant: "nobody", Hash: [32]byte{9}}); !hook.IsKind(err, hook.KindNotFound) {
		t.Error(err)
	}
	n.list = nil
	if err := db.DeleteKey(ctx, made[0].ID); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]hook.Change{{Key: made[0].ID}}, n.list); diff != "" {
		t.Error(diff)
	}
	if err := db.DeleteKey(ctx, made[0].ID); !hook.IsKind(err, hook.KindNotFound) {
		t.Error(err)
	}
}

func TestContracts(t *testing.T) { each(t, testContracts) }

func testContracts(t *testing.T, db *DB) {
	ctx := t.Context()
	for i, source := range []string{"a", "a", "b", "b", "a"} {
		v, created, err := db.PutContract(ctx, "x", []byte(source), hook.ContractPosted, hook.Precondition{})
		if want := []int64{1, 1, 2, 2, 3}[i]; err != nil || v != want || created != []bool{true, false, true, false, true}[i] {
			t.Errorf("%d: version %d (%v), want %d: %v", i, v, created, want, err)
		}
	}
	if _, _, err := db.PutContract(ctx, "w", []byte("w"), hook.ContractShipped, hook.Precondition{}); err != nil {
		t.Fatal(err)
	}
	list, err := db.ContractVersions(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]hook.ContractText{
		{Name: "w", Version: 1, Origin: hook.ContractShipped},
		{Name: "x", Version: 1, Origin: hook.ContractPosted},
		{Name: "x", Version: 2, Origin: hook.ContractPosted},
		{Name: "x", Version: 3, Origin: hook.ContractPosted},
	}, list, cmpopts.IgnoreFields(hook.ContractText{}, "CreatedAt")); diff != "" {
		t.Error(diff)
	}
	if c, err := db.ContractAt(ctx, "x", 2); err != nil || string(c.Source) != "b" {
		t.Error(c, err)
	}
	if _, err := db.ContractAt(ctx, "x", 4); !hook.IsKind(err, hook.KindNotFound) {
		t.Error(err)
	}
}

// The contracts of an operator survive restarts, upgrades and downgrades.
func TestContractOrigins(t *testing.T) {
	t.Parallel()
	const (
		shipped, directory, posted = hook.ContractShipped, hook.ContractDirectory, hook.ContractPosted
	)
	type step struct {
		origin hook.ContractOrigin
		source string
		want   string // in force then
	}
	for name, steps := range map[string][]step{
		"upgrade":                         {{shipped, "a", "a"}, {shipped, "b", "b"}, {shipped, "b", "b"}},
		"downgrade":                       {{shipped, "a", "a"}, {shipped, "b", "b"}, {shipped, "a", "b"}},
		"posted survives restart":         {{shipped, "a", "a"}, {posted, "p", "p"}, {shipped, "a", "p"}},
		"posted survives upgrade":         {{shipped, "a", "a"}, {posted, "p", "p"}, {shipped, "b", "p"}},
		"posted back to the shipped one":  {{shipped, "a", "a"}, {posted, "p", "p"}, {posted, "a", "a"}},
		"file replaces the shipped one":   {{shipped, "a", "a"}, {directory, "d", "d"}, {shipped, "b", "d"}, {directory, "d", "d"}},
		"file that says what is shipped":  {{shipped, "a", "a"}, {directory, "a", "a"}, {shipped, "b", "a"}},
		"posted over a file":              {{directory, "d", "d"}, {posted, "p", "p"}, {directory, "d", "p"}, {directory, "e", "e"}},
		"a file put back to what it said": {{directory, "d", "d"}, {directory, "e", "e"}, {directory, "d", "d"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			for i, s := range steps {
				version, _, err := db.PutContract(t.Context(), "x", []byte(s.source), s.origin, hook.Precondition{})
				if err != nil {
					t.Fatal(err)
				}
				c, err := db.ContractAt(t.Context(), "x", version)
				if err != nil || string(c.Source) != s.want {
					t.Errorf("step %d, %s %s: %q is in force, want %q (%v)", i, s.origin, s.source, c.Source, s.want, err)
				}
			}
		})
	}
}

func TestRetry(t *testing.T) { each(t, testRetry) }

func testRetry(t *testing.T, db *DB) {
	ctx := t.Context()
	newTenant(t, db, "acme")
	e := newEndpoint(t, db, "acme")
	put := func(change func(*hook.Delivery)) hook.Delivery {
		t.Helper()
		a := accepted("acme", "", "{}", e.ID)
		submit(t, db, a)
		d := a.Deliveries[0]
		d.Attempts, d.Slot, d.EndpointVersion = 3, 3, 1
		change(&d)
		done := make(chan error, 1)
		db.SaveResult(hook.Result{Delivery: d}, func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		return d
	}
	finished := func(s hook.State) func(*hook.Delivery) {
		return func(d *hook.Delivery) { d.State, d.Reason, d.FinishedAt = s, "status_5xx", time.Now() }
	}
	for _, state := range []hook.State{hook.Failed, hook.Cancelled, hook.Delivered, hook.Unknown} {
		d := put(finished(state))
		got, err := db.Retry(ctx, "acme", d.ID, false)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := db.Delivery(ctx, "acme", d.ID)
		if err != nil || stored.State != hook.Pending || stored.Slot != 0 || stored.Attempts != 3 || stored.Reason != "" || !stored.FinishedAt.IsZero() ||
			stored.QueueAt.After(time.Now()) || stored.EndpointVersion != 1 || got.State != hook.Pending {
			t.Errorf("%s: %+v %v", state, stored, err)
		}
		due, err := db.Due(ctx, e.ID, time.Now(), 10, 1<<20, func(id hook.DeliveryID) bool { return id != d.ID })
		if err != nil || len(due.Jobs) != 1 {
			t.Errorf("%s is not due: %+v %v", state, due, err)
		}
	}
	waiting := func(d *hook.Delivery) {
		d.State, d.Reason, d.NextAttemptAt = hook.Retrying, "timeout", time.Now().Add(time.Hour)
		d.QueueAt = d.NextAttemptAt
	}
	d := put(waiting)
	if got, err := db.Retry(ctx, "acme", d.ID, false); err != nil || got.State != hook.Retrying || got.Slot != 3 || got.NextAttemptAt.After(time.Now()) {
		t.Errorf("retrying: %+v %v", got, err)
	}
	d = put(finished(hook.Failed))
	if got, err := db.Retry(ctx, "acme", d.ID, true); err != nil || !got.QueueAt.Equal(got.CreatedAt) {
		t.Errorf("ordered: %+v %v", got, err)
	}
	held := put(func(d *hook.Delivery) {
		d.State, d.Reason, d.Slot, d.NextAttemptAt, d.QueueAt = hook.Retrying, "timeout", 3, time.Time{}, d.CreatedAt
	})
	if got, err := db.Delivery(ctx, "acme", held.ID); err != nil || !got.Held() {
		t.Errorf("held: %+v %v", got, err)
	}
	if got, err := db.Retry(ctx, "acme", held.ID, true); err != nil || got.State != hook.Pending || got.Slot != 0 || got.Held() || !got.QueueAt.Equal(got.CreatedAt) {
		t.Errorf("held, and retried: %+v %v", got, err)
	}
	if _, err := db.Skip(ctx, "acme", held.ID); !hook.IsKind(err, hook.KindConflict) {
		t.Errorf("skipped what is not held any more: %v", err)
	}
	held = put(func(d *hook.Delivery) {
		d.State, d.Reason, d.Slot, d.NextAttemptAt, d.QueueAt = hook.Retrying, "timeout", 3, time.Time{}, time.UnixMicro(1)
	})
	if got, err := db.Holder(ctx, e.ID); err != nil || got == nil || got.ID != held.ID {
		t.Errorf("the holder: %+v %v", got, err)
	}
	if _, err := db.Skip(ctx, "other", held.ID); !hook.IsKind(err, hook.KindNotFound) {
		t.Errorf("skipped through another tenant: %v", err)
	}
	skipped, err := db.Skip(ctx, "acme", held.ID)
	if err != nil || skipped.State != hook.Cancelled || skipped.Reason != hook.ReasonSkipped || skipped.FinishedAt.IsZero() {
		t.Errorf("skipped: %+v %v", skipped, err)
	}
	if got, err := db.Delivery(ctx, "acme", held.ID); err != nil || got.State != hook.Cancelled || !got.FinishedAt.Equal(skipped.FinishedAt) || !got.NextAttemptAt.IsZero() {
		t.Errorf("skipped, and read: %+v %v", got, err)
	}
	if got, err := db.Holder(ctx, e.ID); err != nil || got != nil {
		t.Errorf("the holder after that: %+v %v", got, err)
	}
	refused := func(name, code string, change func(*hook.Delivery)) {
		t.Helper()
		d := put(change)
		before, _ := db.Delivery(ctx, "acme", d.ID)
		_, err := db.Retry(ctx, "acme", d.ID, false)
		if e, ok := errors.AsType[*hook.Error](err); !ok || e.Kind != hook.KindConflict || e.Code != code {
			t.Errorf("%s: %v", name, err)
		}
		if after, _ := db.Delivery(ctx, "acme", d.ID); after != before {
			t.Errorf("%s: changed to %+v", name, after)
		}
	}
	refused("pending", "delivery_unfinished", func(d *hook.Delivery) { d.State = hook.Pending })
	refused("sending", "delivery_unfinished", func(d *hook.Delivery) { d.State = hook.Sending })
	if _, err := db.Retry(ctx, "other", d.ID, false); !hook.IsKind(err, hook.KindNotFound) {
		t.Errorf("through another tenant: %v", err)
	}
	for _, state := range []hook.EndpointState{hook.EndpointDisabled, hook.EndpointDeleted} { // in this order: deleted is the end
		code := "endpoint_" + string(state)
		if err := db.SetEndpointState(ctx, e.ID, state, hook.ReasonByPerson, time.Now()); err != nil {
			t.Fatal(err)
		}
		refused(string(state), code, finished(hook.Failed))
	}
}

func TestRetryAtMostOnce(t *testing.T) { each(t, testRetryAtMostOnce) }

func testRetryAtMostOnce(t *testing.T, db *DB) {
	ctx := t.Context()
	newTenant(t, db, "acme")
	e := newEndpoint(t, db, "acme")
	a := accepted("acme", "", "{}", e.ID)
	a.Deliveries[0].Mode = hook.AtMostOnce
	submit(t, db, a)
	d := a.Deliveries[0]
	for _, s := range []hook.State{hook.Failed, hook.Unknown, hook.Cancelled} {
		d.State, d.FinishedAt = s, time.Now()
		done := make(chan error, 1)
		db.SaveResult(hook.Result{Delivery: d}, func(err error) { done <- err })
		<-done
		if _, err := db.Retry(ctx, "acme", d.ID, false); !hook.IsKind(err, hook.KindConflict) {
			t.Errorf("%s: %v", s, err)
		}
		var moves []move
		err := db.change(ctx, func(x *tx) (err error) {
			moves, err = x.requeueAll("acme", []hook.DeliveryID{d.ID}, hook.Standing{State: hook.EndpointActive}, time.Now())
			return err
		})
		if len(moves) != 0 || err != nil {
			t.Errorf("%s: requeued %v %v", s, moves, err)
		}
	}
}

// TestRecovery goes through a history in pages, with some deliveries to send again, some to
// create, and a crash between two pages.
func TestRecovery(t *testing.T) { each(t, testRecovery) }

func testRecovery(t *testing.T, db *DB) {
	ctx := t.Context()
	h := makeHistory(t, db, 200)
	ep := h.endpoints["acme"][1]
	r := &hook.Recovery{
		ID: hook.NewRecoveryID(), Tenant: "acme", Endpoint: ep, Since: start.Add(30 * time.Minute), Until: start.Add(150 * time.Minute),
		States: []hook.State{hook.Failed, hook.Cancelled}, Missing: true, State: hook.RecoveryRunning, CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	if err := db.CreateRecovery(ctx, r); err != nil {
		t.Fatal(err)
	}
	own := map[hook.EventID]hook.Delivery{}
	for _, d := range h.deliveries {
		if d.Endpoint == ep {
			own[d.ID.Event()] = d
		}
	}
	var seen, want []string
	wantRequeued, wantMade := 0, 0
	for _, e := range h.events {
		if e.Tenant == "acme" && !e.CreatedAt.Before(r.Since) && e.CreatedAt.Before(r.Until) {
			want = append(want, e.ID.String())
			if d, ok := own[e.ID]; !ok {
				wantMade++
			} else if d.State == hook.Failed || d.State == hook.Cancelled {
				wantRequeued++
			}
		}
	}
	for range 1000 {
		running, err := db.NextRecoveries(ctx) // as after a restart
		if err != nil {
			t.Fatal(err)
		}
		if len(running) == 0 {
			break
		}
		cur := &running[0]
		page, err := db.RecoveryPage(ctx, cur, 7)
		if err != nil {
			t.Fatal(err)
		}
		step := hook.RecoveryStep{Examined: len(page), Done: len(page) < 7, Cursor: cur.Cursor}
		for _, it := range page {
			seen = append(seen, it.Event.ID.String())
			step.Cursor = it.Event.ID
			if it.Event.Payload != nil {
				t.Error("payloads are read although the endpoint has no filter")
			}
			switch {
			case it.Delivery == nil:
				step.Create = append(step.Create, hook.Delivery{ID: it.Event.ID.Delivery(1), Type: it.Event.Type, Mode: hook.AtLeastOnce, CreatedAt: it.Event.CreatedAt, NextAttemptAt: time.Now(), QueueAt: time.Now(), State: hook.Pending})
			case it.Delivery.Endpoint != ep:
				t.Errorf("another endpoint's delivery %+v", it.Delivery)
			case it.Delivery.State == hook.Failed || it.Delivery.State == hook.Cancelled:
				step.Requeue = append(step.Requeue, it.Delivery.ID)
			}
		}
		stale := *cur
		if err := db.AdvanceRecovery(ctx, cur, step); err != nil {
			t.Fatal(err)
		}
		if err := db.AdvanceRecovery(ctx, &stale, step); len(page) > 0 && !hook.IsKind(err, hook.KindConflict) {
			t.Errorf("the same step twice: %v", err)
		}
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	got, err := db.Recovery(ctx, "acme", r.ID)
	if err != nil || got.State != hook.RecoveryDone || got.Examined != int64(len(want)) || got.Requeued != int64(wantRequeued+wantMade) || got.FinishedAt.IsZero() || !got.Missing {
		t.Errorf("%+v %v, want %d examined, %d requeued", got, err, len(want), wantRequeued+wantMade)
	}
	if wantRequeued == 0 || wantMade == 0 {
		t.Fatal("the history has nothing to recover")
	}
	list, _, err := db.Deliveries(ctx, "acme", hook.DeliveryFilter{Endpoints: []hook.EndpointID{ep}, Since: r.Since, Until: r.Until}, hook.Page{Limit: 200})
	if err != nil || len(list) != len(want) {
		t.Errorf("%d deliveries, want one of each of %d events: %v", len(list), len(want), err)
	}
	if n := count(t, db, "deliveries"); n != len(h.deliveries)+wantMade {
		t.Errorf("%d deliveries are stored, want %d", n, len(h.deliveries)+wantMade)
	}
	if _, err := db.Recovery(ctx, "other", r.ID); !hook.IsKind(err, hook.KindNotFound) {
		t.Error(err)
	}

	// If the endpoint is disabled while a recovery runs, the recovery ends.
	r.ID = hook.NewRecoveryID()
	if err := db.CreateRecovery(ctx, r); err != nil {
		t.Fatal(err)
	}
	if err := db.SetEndpointState(ctx, ep, hook.EndpointDisabled, hook.ReasonByPerson, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := db.AdvanceRecovery(ctx, r, hook.RecoveryStep{Requeue: []hook.DeliveryID{list[0].ID}, Examined: 1, Cursor: list[0].ID.Event()}); err != nil {
		t.Fatal(err)
	}
	if r.State != hook.RecoveryCancelled || r.Requeued != 0 {
		t.Errorf("recovery after its endpoint was disabled: %+v", r)
	}
	r.ID = hook.NewRecoveryID()
	if err := db.CreateRecovery(ctx, r); !hook.IsKind(err, hook.KindConflict) {
		t.Errorf("of a disabled endpoint: %v", err)
	}
}

// TestExpire checks that only finished and old data is removed, and in which steps.
func TestExpire(t *testing.T) {
	t.Parallel()
	db := open(t)
	ctx := t.Context()
	h := makeHistory(t, db, 400)
	for i, d := range h.deliveries {
		if i%2 == 0 && d.State.Finished() {
			done := make(chan error, 1)
			db.SaveResult(hook.Result{Delivery: d, Attempt: &hook.Attempt{Delivery: d.ID, Number: 1}, Frozen: &hook.Frozen{Body: []byte("x")}}, func(err error) { done <- err })
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	}
	before := start.Add(300 * time.Minute)
	// One old delivery was finished a short time ago.
	late := -1
	for i, d := range h.deliveries {
		if d.State.Finished() && d.CreatedAt.Before(before) {
			late = i
			break
		}
	}
	h.deliveries[late].FinishedAt = before.Add(time.Hour)
	done := make(chan error, 1)
	db.SaveResult(hook.Result{Delivery: h.deliveries[late]}, func(err error) { done <- err })
	<-done
	// And an old idempotency key.
	sub := hook.Submission{Tenant: "acme", Items: []*hook.Accepted{accepted("acme", "ext", "{}")}}
	if _, err := db.Submit(sub, -time.Hour); err != nil {
		t.Fatal(err)
	}
	keepEvent, keepDelivery := map[hook.EventID]bool{}, 0
	for _, d := range h.deliveries {
		if !d.State.Finished() || !d.FinishedAt.Before(before) {
			keepEvent[d.ID.Event()] = true
			keepDelivery++
		}
	}
	keep := 1
	for _, e := range h.events {
		if keepEvent[e.ID] || !e.CreatedAt.Before(before) {
			keep++
		}
	}
	removed, err := db.Expire(ctx, before, 50)
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "deliveries"); n != keepDelivery {
		t.Errorf("%d deliveries are left, want %d", n, keepDelivery)
	}
	if n := count(t, db, "events"); n != keep {
		t.Errorf("%d events are left, want %d", n, keep)
	}
	if want := len(h.deliveries) - keepDelivery + len(h.events) + 1 - keep + 1; removed != want {
		t.Errorf("%d removed, want %d", removed, want)
	}
	for _, q := range []string{
		`SELECT count(*) FROM attempts WHERE delivery NOT IN (SELECT id FROM deliveries)`, `SELECT count(*) FROM bodies WHERE delivery NOT IN (SELECT id FROM deliveries)`,
		`SELECT count(*) FROM idempotency`,
	} {
		var n int
		if err := db.read.QueryRow(q).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d %v", q, n, err)
		}
	}
	if again, err := db.Expire(ctx, before, 50); again != 0 || err != nil {
		t.Errorf("again: %d %v", again, err)
	}
	// A deleted endpoint is kept as long as a delivery refers to it, and then removed.
	for _, id := range h.endpoints["acme"] {
		if err := db.DeleteEndpoint(ctx, "acme", id, hook.Precondition{}); err != nil {
			t.Fatal(err)
		}
	}
	future := time.Now().Add(time.Hour)
	if _, err := db.Expire(ctx, future, 50); err != nil {
		t.Fatal(err)
	}
	var left, named int
	if err := db.read.QueryRow(`SELECT count(*) FROM endpoints WHERE tenant = 'acme'`).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if err := db.read.QueryRow(`SELECT count(DISTINCT endpoint) FROM deliveries WHERE tenant = 'acme'`).Scan(&named); err != nil {
		t.Fatal(err)
	}
	if left != named || named == 0 {
		t.Errorf("%d deleted endpoints are left, unfinished deliveries refer to %d", left, named)
	}
}

// An event that comes after its tenant was deleted is refused, also when the data of the
// tenant is already removed. A new tenant with the same id starts empty.
func TestPublishToDeletedTenant(t *testing.T) { each(t, testPublishToDeletedTenant) }

func testPublishToDeletedTenant(t *testing.T, db *DB) {
	addTenants(t, db)
	if err := db.DeleteTenant(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	late := func() error {
		_, err := db.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{accepted("acme", "", `1`)}}, time.Hour)
		return err
	}
	if err := late(); !hook.IsKind(err, hook.KindNotFound) {
		t.Errorf("while it is being removed: %v", err)
	}
	for more := true; more; {
		var err error
		if more, err = db.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := late(); !hook.IsKind(err, hook.KindNotFound) {
		t.Errorf("after it was removed: %v", err)
	}
	if n := count(t, db, "events"); n != 0 {
		t.Errorf("%d events remain", n)
	}
	newTenant(t, db, "acme")
	if err := late(); err != nil {
		t.Errorf("a new tenant: %v", err)
	}
}

// How often an endpoint failed in a row is stored with its health, and counts as long as that row of failures lasts: also
// where a program of the release before, which does not know the columns, has begun another one.
func TestFailuresCounted(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		addTenants(t, db)
		ctx := t.Context()
		since := time.Now().UTC().Truncate(time.Microsecond)
		for name, c := range map[string]struct {
			then func(e *hook.Endpoint) error // what happens after 3 attempts and 2 deliveries failed
			want hook.Health
		}{
			"nothing else": {
				func(*hook.Endpoint) error { return nil },
				hook.Health{FailingSince: since, FailedAttempts: 3, FailedDeliveries: 2},
			},
			"it is given up": {
				func(e *hook.Endpoint) error {
					return db.SetEndpointState(ctx, e.ID, hook.EndpointPaused, hook.ReasonFailingOften, time.Now())
				},
				hook.Health{FailingSince: since, FailedAttempts: 3, FailedDeliveries: 2},
			},
			"a person resumes it": {
				func(e *hook.Endpoint) error {
					if err := db.SetEndpointState(ctx, e.ID, hook.EndpointPaused, hook.ReasonFailingOften, time.Now()); err != nil {
						return err
					}
					return db.SetEndpointState(ctx, e.ID, hook.EndpointActive, "", time.Now())
				},
				hook.Health{},
			},
			"a person corrects it": {
				func(e *hook.Endpoint) error {
					e.Config.URL += "/corrected"
					_, err := db.UpdateEndpoint(ctx, e, true)
					return err
				},
				hook.Health{},
			},
			"the release before fails on": {
				func(e *hook.Endpoint) error { return saveHealthAsBefore(db, e.ID, since) },
				hook.Health{FailingSince: since, FailedAttempts: 3, FailedDeliveries: 2},
			},
			"the release before had a success and fails again": {
				func(e *hook.Endpoint) error { return saveHealthAsBefore(db, e.ID, since.Add(time.Hour)) },
				hook.Health{FailingSince: since.Add(time.Hour)},
			},
			"the release before had a success": {
				func(e *hook.Endpoint) error { return saveHealthAsBefore(db, e.ID, time.Time{}) },
				hook.Health{},
			},
		} {
			e := newEndpoint(t, db, "acme")
			db.SaveHealth(e.ID, hook.Health{LastRun: since, LastStatus: "timeout", FailingSince: since, FailedAttempts: 3, FailedDeliveries: 2})
			if err := db.Ready(ctx); err != nil { // commits it too
				t.Fatal(err)
			}
			if err := c.then(e); err != nil {
				t.Fatal(name, err)
			}
			got, err := db.Endpoint(ctx, e.ID)
			if err != nil {
				t.Fatal(err)
			}
			c.want.LastRun, c.want.LastStatus = since, "timeout"
			if diff := cmp.Diff(c.want, got.Health); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// saveHealthAsBefore stores when an endpoint began to fail as the release before does.
func saveHealthAsBefore(db *DB, id hook.EndpointID, since time.Time) error {
	return db.change(context.Background(), func(t *tx) error {
		_, err := t.exec(`UPDATE endpoints SET failing_since = $2 WHERE id = $1`, id[:], micros(since))
		return err
	})
}
