package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

// A tenant moves between databases of both kinds, each with a key of its own: everything is there under the same
// ids, secrets open, and what waited waits.
func TestMoveTenant(t *testing.T) {
	t.Parallel()
	lite := func(t *testing.T, key byte) *DB {
		return run(t, Options{Path: filepath.Join(t.TempDir(), "gancho.db"), Key: bytes.Repeat([]byte{key}, 32)})
	}
	pg := func(t *testing.T, key byte) *DB {
		return run(t, Options{URL: pgtest.Database(t, Migrate), Key: bytes.Repeat([]byte{key}, 32)})
	}
	for name, kinds := range map[string][2]func(*testing.T, byte) *DB{
		"sqlite to sqlite": {lite, lite}, "sqlite to postgres": {lite, pg}, "postgres to sqlite": {pg, lite},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testMoveTenant(t, kinds[0](t, 1), kinds[1](t, 2))
		})
	}
}

func opener(file []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(file)), nil }
}

func testMoveTenant(t *testing.T, from, to *DB) {
	ctx := t.Context()
	// The same contract has another version in each of them.
	if _, _, err := to.PutContract(ctx, "standard", []byte("older"), hook.ContractPosted, hook.Precondition{}); err != nil {
		t.Fatal(err)
	}
	there, _, err := from.PutContract(ctx, "standard", []byte("the text"), hook.ContractPosted, hook.Precondition{})
	if err != nil {
		t.Fatal(err)
	}
	erasable(t, from, "acme", "moved-marker")
	payloads := withPayloads(t, from, "acme", "sealed-marker", true)
	erasable(t, from, "globex", "staying-marker")
	e := newEndpoint(t, from, "acme")
	waits := accepted("acme", "waits", `{"waits":true}`, e.ID)
	submit(t, from, waits)
	d := waits.Deliveries[0]
	d.State, d.Attempts, d.Slot, d.EndpointVersion, d.ContractVersion = hook.Retrying, 1, 1, 1, there
	d.NextAttemptAt = time.Now().Add(time.Hour)
	d.QueueAt = d.NextAttemptAt
	saved := make(chan error, 1)
	from.SaveResult(hook.Result{Delivery: d, Attempt: &hook.Attempt{
		Delivery: d.ID, Number: 1, StartedAt: time.Now().UTC().Truncate(time.Microsecond), Class: "status_5xx", Transport: "http",
		Request:  hook.Request{Method: "POST", URL: "https://example.com/", Headers: []hook.Header{{Name: "A", Value: "b"}}},
		Response: &hook.Response{Status: 503, Body: []byte("later")},
	}}, func(err error) { saved <- err })
	if err := <-saved; err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	exported, err := from.ExportTenant(ctx, "acme", &file)
	rows := exported.Rows
	if err != nil || rows < 10 || exported.UnreadableCount != 0 || strings.Contains(file.String(), "staying-marker") {
		t.Fatalf("%d rows (%v)", rows, err)
	}
	if err := from.PauseTenant(ctx, "acme"); err != nil {
		t.Fatal(err)
	}
	if paused, err := from.TenantEndpoint(ctx, "acme", e.ID); err != nil || paused.State != hook.EndpointPaused {
		t.Errorf("the old installation would deliver, too: %v (%v)", paused.State, err)
	}
	imported := func(b []byte) error {
		f, err := to.ImportTenant(ctx, opener(b))
		if err == nil && (f.Rows != rows || f.Tenant != "acme") {
			t.Errorf("%+v of %d rows", f, rows)
		}
		return err
	}
	if err := imported(file.Bytes()); err == nil {
		// The contract is there under another text, so the delivery goes to the newest version.
		got, err := to.Delivery(ctx, "acme", d.ID)
		if err != nil || got.ContractVersion == 0 {
			t.Errorf("without the text of the contract: %+v (%v)", got, err)
		}
		if _, err := to.EraseTenant(ctx, "acme"); err != nil {
			t.Fatal(err)
		}
	} else {
		t.Fatal(err)
	}
	if _, _, err := to.PutContract(ctx, "standard", []byte("the text"), hook.ContractPosted, hook.Precondition{}); err != nil {
		t.Fatal(err)
	}
	here, _, err := to.PutContract(ctx, "standard", []byte("newer"), hook.ContractPosted, hook.Precondition{})
	if err != nil {
		t.Fatal(err)
	}
	for what, broken := range map[string][]byte{
		"cut off":     file.Bytes()[:file.Len()-100],
		"no last row": file.Bytes()[:bytes.LastIndexByte(bytes.TrimSpace(file.Bytes()), '\n')+1],
		"empty":       nil,
		"other":       []byte(`{"gancho_tenant":2,"tenant":"acme"}`),
	} {
		if err := imported(broken); err == nil {
			t.Errorf("%s: imported", what)
		}
		if found := inTables(t, to, "moved-marker"); len(found) > 0 {
			t.Errorf("%s: something is left in %v", what, found)
		}
	}
	if err := imported(file.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := imported(file.Bytes()); !hook.IsKind(err, hook.KindConflict) {
		t.Errorf("imported twice: %v", err)
	}
	// What it was and what it is now.
	was, err := from.rowsOfTenant(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	is, err := to.rowsOfTenant(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	for _, here := range []map[string]int64{was, is} {
		for _, left := range []string{"audit", "audit_chains", "portal_links"} {
			delete(here, left)
		}
	}
	if d := cmp.Diff(was, is); d != "" {
		t.Error(d)
	}
	got, err := to.TenantEndpoint(ctx, "acme", e.ID)
	if err != nil || got.State != hook.EndpointActive || cmp.Diff(e.Config, got.Config) != "" || cmp.Diff(e.Secrets, got.Secrets) != "" {
		t.Errorf("the endpoint: %+v (%v)", got, err)
	}
	delivery, err := to.Delivery(ctx, "acme", d.ID)
	if err != nil || delivery.State != hook.Retrying || delivery.ContractVersion == there || delivery.ContractVersion >= here {
		t.Errorf("the delivery that waits: %+v (%v)", delivery, err)
	}
	before, err := from.Attempts(ctx, d.ID, 10)
	if err != nil {
		t.Fatal(err)
	}
	after, err := to.Attempts(ctx, d.ID, 10)
	if err != nil || len(after) != 1 || cmp.Diff(before, after) != "" {
		t.Errorf("the history: %s (%v)", cmp.Diff(before, after), err)
	}
	ev, err := to.EventByExternalID(ctx, "acme", "waits")
	if err != nil || string(ev.Payload) != `{"waits":true}` {
		t.Errorf("the event: %v", err)
	}
	payloads(to)
	if found := inTables(t, to, "sealed-marker"); len(found) > 0 {
		t.Errorf("what was sealed stands in %v", found)
	}
	again, err := to.Submit(hook.Submission{Tenant: "acme", Items: []*hook.Accepted{accepted("acme", "waits", `{"waits":true}`)}}, time.Hour)
	if err != nil || !again.Items[0].Duplicate {
		t.Errorf("the id of an event that was moved is taken anew: %+v (%v)", again, err)
	}
}

// A file that somebody made for it cannot put anything under an id of another tenant, nor bring rights that no key of a
// tenant has.
func TestImportUnderForeignID(t *testing.T) {
	each(t, func(t *testing.T, to *DB) {
		ctx := t.Context()
		from := open(t)
		for _, db := range []*DB{from, to} {
			if _, _, err := db.PutContract(ctx, "standard", []byte("the text"), hook.ContractPosted, hook.Precondition{}); err != nil {
				t.Fatal(err)
			}
		}
		erasable(t, from, "acme", "moved-marker")
		erasable(t, to, "globex", "victim-marker")
		var file bytes.Buffer
		if _, err := from.ExportTenant(ctx, "acme", &file); err != nil {
			t.Fatal(err)
		}
		// idOf is an id as it is in a file.
		idOf := func(db *DB, query string) string {
			t.Helper()
			var id []byte
			if err := db.read.QueryRowContext(ctx, query).Scan(&id); err != nil {
				t.Fatal(err)
			}
			return base64.StdEncoding.EncodeToString(id)
		}
		// crafted is the file with another id in the rows of a table.
		crafted := func(table, was, is string) []byte {
			t.Helper()
			var out []byte
			changed := false
			for line := range bytes.Lines(file.Bytes()) {
				if bytes.HasPrefix(line, []byte(`{"t":"`+table+`"`)) {
					next := bytes.ReplaceAll(line, []byte(was), []byte(is))
					changed = changed || !bytes.Equal(next, line)
					line = next
				}
				out = append(out, line...)
			}
			if !changed {
				t.Fatalf("no row of %s has %s", table, was)
			}
			return out
		}
		const delivery, endpoint, key = `SELECT id FROM deliveries`, `SELECT id FROM endpoints`, `SELECT id FROM keys`
		files := map[string][]byte{
			"unknown column":     crafted("tenants", `"name":`, `"nickname":`),
			"another tenant":     crafted("records", `"acme"`, `"globex"`),
			"key of an operator": crafted("keys", `"role":"tenant"`, `"role":"operator"`),
			"key of no role":     crafted("keys", `"role":"tenant"`, `"role":"king"`),
			"limits of no key":   crafted("keys", `"limits":""`, `"limits":"{"`),
			"id that is a text":  crafted("deliveries", `{"b":"`+idOf(from, delivery)+`"}`, `"0123456789abcdef01"`),
		}
		for table, query := range map[string]string{
			"attempts": delivery, "bodies": delivery, "deliveries": endpoint, "endpoint_versions": endpoint, "endpoints": endpoint,
			"key_texts": key, "keys": key,
		} {
			files[table] = crafted(table, idOf(from, query), idOf(to, query))
		}
		own, others := idOf(from, delivery), idOf(to, delivery)
		var all []byte // without attempts and bodies: those of the other tenant would be in their way
		rows := -1     // the first line is no row
		for line := range bytes.Lines(file.Bytes()) {
			switch {
			case bytes.HasPrefix(line, []byte(`{"t":"attempts"`)), bytes.HasPrefix(line, []byte(`{"t":"bodies"`)):
			case bytes.HasPrefix(line, []byte(`{"rows":`)):
				all = fmt.Appendf(all, `{"rows":%d}`, rows)
			default:
				all = append(all, line...)
				rows++
			}
		}
		files["id of another tenant's delivery"] = bytes.ReplaceAll(all, []byte(own), []byte(others))
		was := inTables(t, to, "victim-marker")
		for what, crafted := range files {
			_, err := to.ImportTenant(ctx, opener(crafted))
			if !hook.IsKind(err, hook.KindMalformed) {
				t.Errorf("%s: %v", what, err)
			}
			if err == nil { // so that the next file is not refused because of this one
				if _, err := to.EraseTenant(ctx, "acme"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := to.ImportTenant(ctx, opener(file.Bytes())); err != nil {
			t.Errorf("the file as it was made: %v", err)
		}
		if is := inTables(t, to, "victim-marker"); cmp.Diff(was, is) != "" {
			t.Errorf("the other tenant: %s", cmp.Diff(was, is))
		}
	})
}

// An import may take longer than changes that servers wait for, and ends when its caller leaves.
func TestImportTakesLong(t *testing.T) {
	t.Parallel()
	db := openPG(t)
	left := func(within time.Duration) (left time.Duration) {
		t.Helper()
		if err := db.changeWithin(t.Context(), within, func(t *tx) error {
			ends, _ := t.ctx.Deadline()
			left = time.Until(ends)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return left
	}
	if usual, long := left(0), left(importTimeout); usual > changeTimeout || long < importTimeout/2 {
		t.Errorf("%v, %v", usual, long)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := db.ImportTenant(ctx, func() (io.ReadCloser, error) {
		cancel()
		return io.NopCloser(strings.NewReader(`{"gancho_tenant":1,"tenant":"acme"}` + "\n" + `{"t":"tenants","r":{"id":"acme"}}`)), nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("its caller has left: %v", err)
	}
}

// Values that no key opens do not end an export: they are listed, in the file too, and wherever the file is imported they are
// as unreadable as they were. Everything else is there.
func TestExportUnreadable(t *testing.T) {
	each(t, func(t *testing.T, from *DB) {
		ctx := t.Context()
		to := run(t, Options{Path: filepath.Join(t.TempDir(), "to.db"), Key: bytes.Repeat([]byte{9}, 32)})
		for _, db := range []*DB{from, to} {
			if _, _, err := db.PutContract(ctx, "standard", []byte("the text"), hook.ContractPosted, hook.Precondition{}); err != nil {
				t.Fatal(err)
			}
		}
		erasable(t, from, "acme", "moved-marker")
		good := newEndpoint(t, from, "acme")
		var delivery, endpoint []byte
		if err := from.read.QueryRowContext(ctx, `SELECT id, endpoint FROM deliveries`).Scan(&delivery, &endpoint); err != nil {
			t.Fatal(err)
		}
		stranger := &sealer{}
		k, err := newSealKey(bytes.Repeat([]byte{7}, 32))
		if err != nil {
			t.Fatal(err)
		}
		stranger.keys.Store(&ring{active: k, keys: []*sealKey{k}})
		if err := from.change(ctx, func(t *tx) error {
			at := hook.Attempt{Delivery: hook.DeliveryID(delivery), Number: 1, Class: "status_4xx"}
			for query, value := range map[string][]byte{
				`UPDATE endpoints SET config = $1 WHERE id = $2`:               stranger.sealBytes([]byte(`{}`), endpoint),
				`UPDATE bodies SET body = $1 WHERE delivery = $2`:              stranger.sealBytes([]byte(`{}`), delivery),
				`UPDATE attempts SET data = $1 WHERE delivery = $2`:            stranger.encodeAttempt(&at),
				`UPDATE endpoint_versions SET config = $1 WHERE endpoint = $2`: []byte("damaged"),
			} {
				id := delivery
				if strings.Contains(query, "endpoint") {
					id = endpoint
				}
				if n, err := t.exec(query, value, id); err != nil || n != 1 {
					return fmt.Errorf("%s: %d, %w", query, n, err)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		was, err := from.ExportTenant(ctx, "acme", &file)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range was.Unreadable {
			got = append(got, v.Table+"."+v.Column+" "+v.ID)
			if v.Why == "" {
				t.Errorf("%+v says no reason", v)
			}
		}
		ep, d := hook.EndpointID(endpoint).String(), hook.DeliveryID(delivery).String()
		want := []string{"endpoints.config " + ep, "endpoint_versions.config " + ep + ", version 1", "attempts.data " + d + ", attempt 1", "bodies.body " + d}
		if diff := cmp.Diff(want, got); diff != "" || was.UnreadableCount != 4 {
			t.Errorf("%d: %s", was.UnreadableCount, diff)
		}
		lines := bytes.Split(bytes.TrimSpace(file.Bytes()), []byte("\n"))
		if last := string(lines[len(lines)-1]); !strings.Contains(last, `"unreadable_count":4`) || !strings.Contains(last, ep) {
			t.Errorf("the file ends with %s", last)
		}
		is, err := to.ImportTenant(ctx, opener(file.Bytes()))
		if err != nil || cmp.Diff(was, is) != "" {
			t.Fatalf("imported: %s (%v)", cmp.Diff(was, is), err)
		}
		for _, db := range []*DB{from, to} {
			bad, err := db.TenantEndpoint(ctx, "acme", hook.EndpointID(endpoint))
			if err != nil || !bad.Unreadable {
				t.Errorf("the endpoint with the damaged configuration: %+v (%v)", bad, err)
			}
			if _, err := db.Body(ctx, hook.DeliveryID(delivery)); !errors.Is(err, hook.ErrUnreadable) {
				t.Errorf("the damaged body: %v", err)
			}
			if a, err := db.Attempt(ctx, hook.DeliveryID(delivery), 1); err != nil || !a.Unreadable || a.Class != "status_4xx" {
				t.Errorf("the damaged attempt: %+v (%v)", a, err)
			}
			if e, err := db.TenantEndpoint(ctx, "acme", good.ID); err != nil || e.Unreadable || cmp.Diff(good.Config, e.Config) != "" {
				t.Errorf("the good endpoint: %+v (%v)", e, err)
			}
		}
		// Its secrets were not damaged, so they have moved.
		secrets := func(db *DB) string {
			t.Helper()
			var sealed []byte
			if err := db.read.QueryRowContext(ctx, `SELECT secrets FROM endpoints WHERE id = $1`, endpoint).Scan(&sealed); err != nil {
				t.Fatal(err)
			}
			plain, err := db.seal.openBytes(sealed, endpoint)
			if err != nil {
				t.Error(err)
			}
			return string(plain)
		}
		if secrets(from) != secrets(to) {
			t.Error("the secrets that open did not move")
		}
	})
}

// firstWrite calls a function at the first write.
type firstWrite struct {
	bytes.Buffer
	once func()
}

func (w *firstWrite) Write(b []byte) (int, error) {
	if f := w.once; f != nil {
		w.once = nil
		f()
	}
	return w.Buffer.Write(b)
}

// An export is one moment. If something that waits in it is sent meanwhile, there is no complete file, since two
// installations would send it; what is published meanwhile waits here and is not in the file.
func TestExportBesideServer(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		ctx := t.Context()
		addTenants(t, db)
		if _, _, err := db.PutContract(ctx, "standard", []byte("the text"), hook.ContractPosted, hook.Precondition{}); err != nil {
			t.Fatal(err)
		}
		e := newEndpoint(t, db, "acme")
		var changes []hook.Change
		db.Watch(func(c hook.Change) { changes = append(changes, c) })
		first := accepted("acme", "first", `1`, e.ID)
		submit(t, db, first)
		bulk := hook.Bulk{ID: hook.BulkID(hook.NewID()), Tenant: "acme", Kind: hook.BulkRetry, State: hook.BulkRunning, CreatedAt: time.Now()}
		if err := db.CreateBulk(ctx, &bulk); err != nil {
			t.Fatal(err)
		}
		_, err := db.ExportTenant(ctx, "acme", io.Discard)
		for _, err := range []error{err, db.QuietTenant(ctx, "acme")} {
			if e, ok := errors.AsType[*hook.Error](err); !ok || e.Code != "tenant_bulk_running" {
				t.Errorf("while a bulk action runs: %v", err)
			}
		}
		if got, err := db.TenantEndpoint(ctx, "acme", e.ID); err != nil || got.State != hook.EndpointActive {
			t.Errorf("the endpoint while a bulk action runs: %+v (%v)", got, err)
		}
		if err := db.QuietTenant(ctx, "globex"); err != nil {
			t.Errorf("another tenant: %v", err)
		}
		if _, err := db.StopBulk(ctx, "acme", bulk.ID); err != nil {
			t.Fatal(err)
		}
		if err := db.QuietTenant(ctx, "acme"); err != nil {
			t.Fatal(err)
		}
		if got, err := db.TenantEndpoint(ctx, "acme", e.ID); err != nil || got.State != hook.EndpointPaused {
			t.Errorf("the endpoint: %+v (%v)", got, err)
		}
		if !slices.Contains(changes, hook.Change{Tenant: "acme", Endpoint: e.ID}) {
			t.Errorf("nobody who sends learns of it: %v", changes)
		}
		if entries, _, err := db.AuditTrail(ctx, "acme", hook.Page{Limit: 1}); err != nil || len(entries) != 1 || entries[0].Action != hook.ActionTenantExported {
			t.Errorf("the audit: %+v (%v)", entries, err)
		}
		published := &firstWrite{once: func() { submit(t, db, accepted("acme", "second", `2`, e.ID)) }}
		file, err := db.ExportTenant(ctx, "acme", published)
		if err != nil || !strings.Contains(published.String(), "first") || strings.Contains(published.String(), "second") {
			t.Errorf("with an event that was published meanwhile: %+v (%v)\n%s", file, err, published)
		}
		d := first.Deliveries[0]
		d.State, d.Attempts, d.FinishedAt = hook.Delivered, 1, time.Now()
		sent := &firstWrite{once: func() {
			saved := make(chan error, 1)
			db.SaveResult(hook.Result{Delivery: d, Attempt: &hook.Attempt{Delivery: d.ID, Number: 1}}, func(err error) { saved <- err })
			if err := <-saved; err != nil {
				t.Error(err)
			}
		}}
		if _, err := db.ExportTenant(ctx, "acme", sent); !hook.IsKind(err, hook.KindConflict) {
			t.Errorf("with an event that was sent meanwhile: %v", err)
		}
	})
}

// FuzzImportTenant: a file is stored as a whole, or it is refused with an error for the person who gives it and nothing of
// it stays.
func FuzzImportTenant(f *testing.F) {
	from := run(f, Options{Path: filepath.Join(f.TempDir(), "from.db"), Key: make([]byte, 32)})
	if _, _, err := from.PutTenant(f.Context(), "acme", hook.TenantChange{Metadata: json.RawMessage(`{"a":1}`)}); err != nil {
		f.Fatal(err)
	}
	var good bytes.Buffer
	if _, err := from.ExportTenant(f.Context(), "acme", &good); err != nil {
		f.Fatal(err)
	}
	f.Add(good.Bytes())
	const head = `{"gancho_tenant":1,"tenant":"acme"}`
	for _, s := range []string{
		`{"t":"schedules"}`, `{"t":"attempts"}`, `{"t":"endpoints","r":{}}`, `{"t":"tenants","r":{"id":"acme","colour":1}}` + "\n" + `{"rows":1}`,
		`{"t":"tenants","r":{"id":"acme"}}` + "\n" + `{"rows":1}`, `{"t":"records","r":{"tenant":["acme"]}}`, `{"t":"keys","r":{"id":{"b":"!"}}}`,
		`{"t":"events","r":{"tenant":"acme","id":[{}]}}`, `{"t":"deliveries","r":{"contract_version":1e9}}`, `{"rows":0}`, `{"t":"sqlite_master","r":{}}`,
		`{"t":"tenants","r":{"":1}}`,
	} {
		f.Add([]byte(head + "\n" + s))
	}
	to := run(f, Options{Path: filepath.Join(f.TempDir(), "to.db"), Key: make([]byte, 32)})
	f.Fuzz(func(t *testing.T, file []byte) {
		in, err := to.ImportTenant(t.Context(), opener(file))
		if err == nil {
			if in.Rows == 0 {
				t.Fatal("nothing is a tenant")
			}
			if _, err := to.EraseTenant(t.Context(), in.Tenant); err != nil {
				t.Fatalf("what was imported cannot be erased: %v", err)
			}
			return
		}
		if e, ok := errors.AsType[*hook.Error](err); !ok || e.Detail == "" || e.Code == "" {
			t.Fatalf("%T says nothing to the person: %v", err, err)
		}
		list, _, err := to.Tenants(t.Context(), "", 10)
		if err != nil || len(list) != 0 {
			t.Fatalf("%d tenants stay of a file that was refused (%v)", len(list), err)
		}
	})
}
