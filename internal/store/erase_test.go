package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
)

// erasable is a tenant with something in every table, each with the marker.
func erasable(t *testing.T, db *DB, tenant, marker string) {
	t.Helper()
	ctx := t.Context()
	name := marker + " name"
	if _, _, err := db.PutTenant(ctx, tenant, hook.TenantChange{Name: &name, Metadata: json.RawMessage(`{"m":"` + marker + `"}`)}); err != nil {
		t.Fatal(err)
	}
	e := newEndpoint(t, db, tenant)
	a := accepted(tenant, marker+"-external", `{"m":"`+marker+`","big":"`+strings.Repeat(marker, 5000)+`"}`, e.ID)
	sub := hook.Submission{Tenant: tenant, Items: []*hook.Accepted{a}}
	if _, err := db.Submit(sub, time.Hour); err != nil {
		t.Fatal(err)
	}
	d := a.Deliveries[0]
	d.State, d.Attempts, d.FinishedAt = hook.Failed, 1, time.Now()
	done := make(chan error, 1)
	db.SaveResult(hook.Result{Delivery: d, Frozen: &hook.Frozen{Body: []byte(marker)}, Attempt: &hook.Attempt{
		Delivery: d.ID, Number: 1, Class: "status_4xx", Request: hook.Request{Method: "POST", URL: "https://" + marker + ".example/"},
	}}, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	k := hook.Key{ID: hook.NewKeyID(), Name: marker, Role: hook.RoleTenant, Tenant: tenant, Hash: sha256.Sum256([]byte(tenant)), CreatedAt: time.Now()}
	if err := db.CreateKey(ctx, k); err != nil {
		t.Fatal(err)
	}
	l := hook.PortalLink{ID: hook.NewPortalLinkID(), Tenant: tenant, Name: marker, Role: hook.RoleRead, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour), EndsAt: time.Now().Add(time.Hour)}
	if err := db.CreatePortalLink(ctx, l); err != nil {
		t.Fatal(err)
	}
	if err := db.AddStats(ctx, []hook.StatsRow{{StatsKey: hook.StatsKey{Tenant: tenant, Span: 60, At: time.Now().Truncate(time.Minute)}}}); err != nil {
		t.Fatal(err)
	}
	if err := db.NoteReveal(ctx, tenant, marker); err != nil {
		t.Fatal(err)
	}
	if err := db.change(ctx, func(x *tx) error {
		_, err := x.exec(`INSERT INTO records (tenant, contract, kind, key, version, created_at, updated_at, document)
			VALUES ($1, 'c', 'k', $2, 1, 1, 1, $3)`, tenant, marker, []byte(`{"m":"`+marker+`"}`))
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// inTables lists the columns of all tables, also those that this package does not know, that
// hold a text.
func inTables(t *testing.T, db *DB, text string) (found []string) {
	t.Helper()
	names := `SELECT name FROM sqlite_master WHERE type = 'table'`
	if db.cluster != nil {
		names = `SELECT tablename FROM pg_tables WHERE schemaname = current_schema()`
	}
	tables, err := collect(t.Context(), db.read, one[string], names)
	if err != nil || len(tables) < len(Tables()) {
		t.Fatal(tables, err)
	}
	for _, table := range tables {
		found = append(found, inTable(t, db, table, text)...)
	}
	return found
}

// inTable is inTables for one table.
func inTable(t *testing.T, db *DB, table, text string) (found []string) {
	t.Helper()
	rows, err := db.read.QueryContext(t.Context(), `SELECT * FROM `+table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			b, ok := v.([]byte)
			if !ok {
				b = fmt.Append(nil, v)
			}
			if text, err := unpack(b); err == nil {
				b = text
			}
			if bytes.Contains(b, []byte(text)) {
				found = append(found, table+"."+columns[i])
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEraseTenant(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "gancho.db")
		db := openAt(t, path)
		testEraseTenant(t, db)
		if onDisk(t, path, "erased-marker") {
			t.Error("the files still have something of the tenant")
		}
		if !onDisk(t, path, "spared-marker") {
			t.Error("the other tenant is not in the files, so this test shows nothing")
		}
	})
	t.Run("postgres", func(t *testing.T) { t.Parallel(); testEraseTenant(t, openPG(t)) })
}

func testEraseTenant(t *testing.T, db *DB) {
	ctx := t.Context()
	erasable(t, db, "acme", "erased-marker")
	erasable(t, db, "globex", "spared-marker")
	spared := inTables(t, db, "spared-marker")
	if before := inTables(t, db, "erased-marker"); len(before) < 10 || len(before) != len(spared) {
		t.Fatalf("the marker is in %v only", before)
	}
	interrupted, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := db.EraseTenant(interrupted, "acme"); err == nil {
		t.Error("an erasure goes on although its caller has left")
	}
	report, err := db.EraseTenant(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	if report.Rows["events"] != 1 || report.Rows["attempts"] != 1 || report.Rows["tenants"] != 1 || report.Rows["keys"] != 1 || len(report.Rows) < 10 {
		t.Errorf("the report: %v", report.Rows)
	}
	sum := sha256.Sum256([]byte(report.Text()))
	if report.Hash != hex.EncodeToString(sum[:]) {
		t.Error("the hash is not that of the report")
	}
	if found := inTables(t, db, "erased-marker"); len(found) > 0 {
		t.Errorf("it is still in %v", found)
	}
	for _, column := range inTables(t, db, "acme") {
		// Nodes read in signals that the tenant is gone; retention removes them.
		if column != "audit.object" && column != "signals.tenant" {
			t.Errorf("the id is still in %s", column)
		}
	}
	if found := inTables(t, db, "spared-marker"); len(found) != len(spared) {
		t.Errorf("of the other tenant %v of %v is left", found, spared)
	}
	entries, _, err := db.AuditTrail(ctx, "", hook.Page{Limit: 1})
	if err != nil || len(entries) != 1 || entries[0].Action != hook.ActionTenantErased || entries[0].Object != "acme" ||
		!strings.Contains(strings.Join(entries[0].Fields, " "), "events=1") || !strings.Contains(strings.Join(entries[0].Fields, " "), report.Hash) {
		t.Errorf("the audit: %+v (%v)", entries, err)
	}
	if _, err := db.EraseTenant(ctx, "acme"); !hook.IsKind(err, hook.KindNotFound) {
		t.Errorf("again: %v", err)
	}
	erasable(t, db, "acme", "new-marker") // the id can be used again
}
