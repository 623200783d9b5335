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
	if _, _, err := to.PutContract(ctx, "standard", []byte("older"), hook.ContractPosted); err != nil {
		t.Fatal(err)
	}
	there, _, err := from.PutContract(ctx, "standard", []byte("the text"), hook.ContractPosted)
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
	rows, err := from.ExportTenant(ctx, "acme", &file)
	if err != nil || rows < 10 || strings.Contains(file.String(), "staying-marker") {
		t.Fatalf("%d rows (%v)", rows, err)
	}
	if err := from.PauseTenant(ctx, "acme"); err != nil {
		t.Fatal(err)
	}
	if paused, err := from.TenantEndpoint(ctx, "acme", e.ID); err != nil || paused.State != hook.EndpointPaused {
		t.Errorf("the old installation would deliver, too: %v (%v)", paused.State, err)
	}
	imported := func(b []byte) error {
		_, n, err := to.ImportTenant(ctx, opener(b))
		if err == nil && n != rows {
			t.Errorf("%d rows of %d", n, rows)
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
	if _, _, err := to.PutContract(ctx, "standard", []byte("the text"), hook.ContractPosted); err != nil {
		t.Fatal(err)
	}
	here, _, err := to.PutContract(ctx, "standard", []byte("newer"), hook.ContractPosted)
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

// A file that somebody made for it cannot put anything under an id of another tenant.
func TestImportUnderForeignID(t *testing.T) {
	each(t, func(t *testing.T, to *DB) {
		ctx := t.Context()
		from := open(t)
		for _, db := range []*DB{from, to} {
			if _, _, err := db.PutContract(ctx, "standard", []byte("the text"), hook.ContractPosted); err != nil {
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
			"unknown column":    crafted("tenants", `"name":`, `"nickname":`),
			"another tenant":    crafted("records", `"acme"`, `"globex"`),
			"id that is a text": crafted("deliveries", `{"b":"`+idOf(from, delivery)+`"}`, `"0123456789abcdef01"`),
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
			_, _, err := to.ImportTenant(ctx, opener(crafted))
			if !hook.IsKind(err, hook.KindMalformed) {
				t.Errorf("%s: %v", what, err)
			}
			if err == nil { // so that the next file is not refused because of this one
				if _, err := to.EraseTenant(ctx, "acme"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, _, err := to.ImportTenant(ctx, opener(file.Bytes())); err != nil {
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
	_, _, err := db.ImportTenant(ctx, func() (io.ReadCloser, error) {
		cancel()
		return io.NopCloser(strings.NewReader(`{"gancho_tenant":1,"tenant":"acme"}` + "\n" + `{"t":"tenants","r":{"id":"acme"}}`)), nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("its caller has left: %v", err)
	}
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
		tenant, rows, err := to.ImportTenant(t.Context(), opener(file))
		if err == nil {
			if rows == 0 {
				t.Fatal("nothing is a tenant")
			}
			if _, err := to.EraseTenant(t.Context(), tenant); err != nil {
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
