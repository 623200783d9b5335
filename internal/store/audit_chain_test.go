package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

// chained writes 12 entries, in turns about two tenants and about none.
func chained(t *testing.T, db *DB) {
	t.Helper()
	ctx := hook.WithActor(t.Context(), hook.Actor{Kind: hook.ActorKey, Name: "ana", Role: hook.RoleOperator, Address: "192.0.2.1"})
	for i := range 12 {
		tenant := []string{"acme", "other", ""}[i%3]
		if err := db.change(ctx, func(t *tx) error {
			return t.audit(hook.AuditEntry{Tenant: tenant, Action: hook.ActionEndpointChanged, Object: fmt.Sprint("object ", i), Name: "<é,&>", Fields: []string{"url", "a,b"}})
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// falsify runs SQL as somebody would who has the database. The trigger that keeps entries does not stop them.
func falsify(t *testing.T, db *DB, statements ...string) {
	t.Helper()
	if db.Cluster() != nil {
		statements = append([]string{`ALTER TABLE audit DISABLE TRIGGER audit_kept`}, statements...)
	}
	if err := db.change(t.Context(), func(t *tx) error {
		for _, s := range statements {
			if _, err := t.exec(s); err != nil {
				return fmt.Errorf("%s: %w", s, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// findings are the findings of a look through all chains, as kind, chain if it is that of a tenant, and place.
func findings(t *testing.T, db *DB, expect *hook.Link) (list []string) {
	t.Helper()
	proof, err := db.AuditLog().Verify(t.Context(), "", expect)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range proof.Findings {
		text := fmt.Sprint(f.Kind, " ", f.Seq)
		if f.Until != f.Seq {
			text += fmt.Sprint("-", f.Until)
		}
		if f.Chain != hook.ChainInstallation {
			text = strings.TrimPrefix(f.Chain, "tenant:") + " " + text
		}
		list = append(list, text)
	}
	return list
}

func head(t *testing.T, db *DB, tenant string) hook.Link {
	t.Helper()
	_, l, err := db.AuditLog().Ends(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// digestOf is the digest that the present content of an entry should have.
func digestOf(t *testing.T, db *DB, seq int64) (digest [32]byte, before hook.Link) {
	t.Helper()
	if err := db.AuditLog().Each(t.Context(), "", seq-2, seq, func(e *hook.ChainedEntry) error {
		if e.Place.Seq == seq-1 {
			before = e.Place
		}
		digest = e.DigestNow()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return digest, before
}

// blob is bytes in the SQL of a database.
func blob(db *DB, b [32]byte) string {
	if db.Cluster() != nil {
		return fmt.Sprintf(`'\x%x'::bytea`, b)
	}
	return fmt.Sprintf(`x'%x'`, b)
}

// TestAuditVerify changes an audit in the ways in which somebody with the database could, and looks for it.
func TestAuditVerify(t *testing.T) { each(t, testAuditVerify) }

func testAuditVerify(t *testing.T, db *DB) {
	swap := func(a, b int) []string {
		return []string{
			fmt.Sprintf(`UPDATE audit SET seq = -1 WHERE seq = %d`, a), fmt.Sprintf(`UPDATE audit SET seq = %d WHERE seq = %d`, a, b),
			fmt.Sprintf(`UPDATE audit SET seq = %d WHERE seq = -1`, b),
		}
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T, db *DB) []string
		want string
	}{
		{"nothing", func(*testing.T, *DB) []string { return nil }, ""},
		{"a name", func(*testing.T, *DB) []string { return []string{`UPDATE audit SET name = 'x' WHERE seq = 4`} }, "changed 4, acme changed 2"},
		{"an address", func(*testing.T, *DB) []string { return []string{`UPDATE audit SET address = '' WHERE seq = 6`} }, "changed 6"},
		{"the tenant", func(*testing.T, *DB) []string { return []string{`UPDATE audit SET tenant = 'other' WHERE seq = 4`} }, "changed 4, acme removed 2, other changed 2, other inserted 2, other changed 2, other changed 3"},
		{"a name, with its digest", func(t *testing.T, db *DB) []string {
			falsify(t, db, `UPDATE audit SET name = 'x' WHERE seq = 6`)
			digest, _ := digestOf(t, db, 6)
			return []string{`UPDATE audit SET digest = ` + blob(db, digest) + ` WHERE seq = 6`}
		}, "changed 6"},
		{"a name, with its digest and hash", func(t *testing.T, db *DB) []string {
			falsify(t, db, `UPDATE audit SET name = 'x' WHERE seq = 6`)
			digest, before := digestOf(t, db, 6)
			return []string{`UPDATE audit SET digest = ` + blob(db, digest) + `, hash = ` + blob(db, before.Next(hook.ChainInstallation, digest).Hash) + ` WHERE seq = 6`}
		}, "changed 7"}, // the one after it shows it
		{"one removed", func(*testing.T, *DB) []string { return []string{`DELETE FROM audit WHERE seq = 4`} }, "removed 4, acme removed 2"},
		{"several removed", func(*testing.T, *DB) []string { return []string{`DELETE FROM audit WHERE seq IN (6, 7, 8)`} }, "removed 6-8, acme removed 3, other removed 3"},
		{"the oldest removed", func(*testing.T, *DB) []string { return []string{`DELETE FROM audit WHERE seq <= 3`} }, "removed 1-3, acme removed 1, other removed 1"},
		{"one removed, the places closed up", func(*testing.T, *DB) []string {
			return []string{
				`DELETE FROM audit WHERE seq = 6`, `UPDATE audit SET seq = -seq WHERE seq > 6`, `UPDATE audit SET seq = -seq - 1 WHERE seq < 0`,
				`UPDATE audit_chains SET seq = 11 WHERE tenant = ''`,
			}
		}, "changed 6, moved 7, moved 8, moved 9, moved 10, changed 11"},
		{"the newest removed", func(*testing.T, *DB) []string { return []string{`DELETE FROM audit WHERE seq >= 12`} }, "removed 12"},
		{"all removed", func(*testing.T, *DB) []string { return []string{`DELETE FROM audit`} }, "removed 1-12, acme removed 1-4, other removed 1-4"},
		{"the newest removed, with a new head", func(*testing.T, *DB) []string {
			return []string{`DELETE FROM audit WHERE seq = 12`, `UPDATE audit_chains SET seq = 11 WHERE tenant = ''`}
		}, "head 11"},
		{"two that are apart change places", func(*testing.T, *DB) []string { return swap(3, 9) }, "moved 3, moved 9"},
		{"two neighbours change places", func(*testing.T, *DB) []string { return swap(5, 6) }, "moved 5, moved 6"},
		{"one inserted at the end", func(t *testing.T, db *DB) []string {
			return []string{`INSERT INTO audit (id, tenant, actor, actor_key, actor_name, actor_role, action, object, name, fields, reason, seq, digest, hash)
				SELECT ` + blob(db, [32]byte{1}) + `, tenant, actor, actor_key, actor_name, actor_role, action, object, name, fields, reason, 13, digest, hash FROM audit WHERE seq = 12`}
		}, "inserted 13"},
		{"one replaced by another", func(*testing.T, *DB) []string {
			return []string{`DELETE FROM audit WHERE seq = 6`, `UPDATE audit SET seq = 6 WHERE seq = 9`}
		}, "changed 6, changed 7, removed 9"},
		{"the head", func(t *testing.T, db *DB) []string {
			return []string{`UPDATE audit_chains SET hash = ` + blob(db, [32]byte{7}) + ` WHERE tenant = 'acme'`}
		}, "acme head 4"},
		{"the chain of a tenant forgotten", func(*testing.T, *DB) []string { return []string{`DELETE FROM audit_chains WHERE tenant = 'acme'`} }, "acme inserted 1-4"},
		{"a content erased without a cause", func(*testing.T, *DB) []string {
			return []string{`UPDATE audit SET erased = TRUE, name = '', object = '' WHERE seq = 6`}
		}, "erased 6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			falsify(t, db, `DELETE FROM audit`, `DELETE FROM audit_chains`)
			chained(t, db)
			falsify(t, db, c.do(t, db)...)
			if got := strings.Join(findings(t, db, nil), ", "); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// TestAuditExpectedHead sets the whole database back to an earlier state, which only a head that somebody noted shows.
func TestAuditExpectedHead(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		chained(t, db)
		noted := head(t, db, "")
		if parsed, err := hook.ParseLink(noted.String()); err != nil || parsed != noted {
			t.Fatalf("%v, %v", parsed, err)
		}
		chained(t, db) // it goes on from there
		if got := findings(t, db, &noted); len(got) > 0 {
			t.Errorf("an earlier head is not accepted: %v", got)
		}
		later := head(t, db, "")
		var before hook.Link
		if err := db.AuditLog().Each(t.Context(), "", 0, 9, func(e *hook.ChainedEntry) error { before = e.Place; return nil }); err != nil {
			t.Fatal(err)
		}
		falsify(t, db, `DELETE FROM audit WHERE seq > 9`, `UPDATE audit_chains SET seq = 9, hash = `+blob(db, before.Hash)+` WHERE tenant = ''`,
			`DELETE FROM audit_chains WHERE tenant <> ''`, `UPDATE audit SET tenant_seq = NULL, tenant_hash = NULL`)
		if got := findings(t, db, nil); len(got) > 0 {
			t.Errorf("the example does not hide what it did: %v", got)
		}
		if got := strings.Join(findings(t, db, &later), ", "); got != "removed 10-24" {
			t.Errorf("with the head before: %q", got)
		}
		other := hook.Link{Seq: 9, Hash: [32]byte{1}}
		if got := strings.Join(findings(t, db, &other), ", "); got != "head 9" {
			t.Errorf("with the head of another chain: %q", got)
		}
	})
}

// TestAuditRetention removes old entries: the rest can still be checked from where it begins.
func TestAuditRetention(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		chained(t, db)
		limit := time.Now().Add(time.Millisecond)
		for !time.Now().After(limit) {
			time.Sleep(time.Millisecond) //policy:allow time.Sleep: ids tell milliseconds apart, and the clock of the machine moves on
		}
		chained(t, db)
		early := hook.Link{Seq: 5}
		for range 3 { // in several transactions
			if _, err := db.expireAudit(t.Context(), limit, 5); err != nil {
				t.Fatal(err)
			}
		}
		base, last, err := db.AuditLog().Ends(t.Context(), "")
		if err != nil || base.Seq != 12 || last.Seq != 24 {
			t.Fatalf("from %v to %v, %v", base, last, err)
		}
		proof, err := db.AuditLog().Verify(t.Context(), "", nil)
		if err != nil || !proof.OK() || proof.Entries != 12 {
			t.Errorf("%+v, %v", proof, err)
		}
		if proof, err = db.AuditLog().Verify(t.Context(), "acme", nil); err != nil || !proof.OK() || proof.Entries != 4 || proof.Base.Seq != 4 {
			t.Errorf("of a tenant: %+v, %v", proof, err)
		}
		if got := strings.Join(findings(t, db, &early), ", "); got != "head 5" {
			t.Errorf("an expected head that was removed: %q", got)
		}
		if db.Cluster() == nil {
			return
		}
		// A program of the release before removes nothing that has a place.
		if err := db.change(t.Context(), func(x *tx) error {
			n, err := x.exec(`DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT 5)`)
			if n > 0 {
				t.Errorf("it removed %d", n)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestAuditErased removes the data of a tenant: nothing of it is left in the audit, and the chain says so.
func TestAuditErased(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{Name: new("Private Name")}); err != nil {
			t.Fatal(err)
		}
		chained(t, db)
		if err := db.DeleteTenant(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
		for more := true; more; {
			if got := findings(t, db, nil); len(got) > 0 {
				t.Errorf("while it is removed: %v", got)
			}
			var err error
			if more, err = db.Purge(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		proof, err := db.AuditLog().Verify(t.Context(), "", nil)
		if err != nil || !proof.OK() || proof.Erased != 5 {
			t.Errorf("%+v, %v", proof, err)
		}
		n := 0
		if err := db.AuditLog().Each(t.Context(), "", 0, proof.Head.Seq, func(e *hook.ChainedEntry) error {
			if n++; strings.Contains(string(e.Content()), "acme") && e.Action != hook.ActionTenantDeleted {
				t.Errorf("entry %s is left", e.Content())
			}
			return nil
		}); err != nil || n != 14 {
			t.Errorf("%d entries, %v", n, err)
		}
		list, _, err := db.AuditTrail(t.Context(), "", hook.Page{Limit: 100})
		if err != nil || len(list) != 9 {
			t.Errorf("%d entries are listed, %v", len(list), err)
		}
		// The same id again begins a new chain.
		if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{}); err != nil {
			t.Fatal(err)
		}
		if got := findings(t, db, nil); len(got) > 0 || head(t, db, "acme").Seq != 1 {
			t.Errorf("a tenant of the same id: %v, %v", got, head(t, db, "acme"))
		}
		// Somebody takes the reason away.
		falsify(t, db, `UPDATE audit SET action = 'tenant.changed' WHERE action = 'tenant.deleted'`)
		if got := strings.Join(findings(t, db, nil), ", "); got != "erased 11, changed 14" {
			t.Errorf("without the reason: %q", got)
		}
	})
}

// TestAuditErasedCount erases more entries than were erased with a tenant, and says that it was for that. The entry about
// the deletion says how many there were, so it is found. An entry of a program of the release before does not say it.
func TestAuditErasedCount(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		ctx := t.Context()
		addTenants(t, db)
		if _, _, err := db.PutTenant(ctx, "other", hook.TenantChange{}); err != nil {
			t.Fatal(err)
		}
		chained(t, db)
		purge := func() {
			t.Helper()
			for more := true; more; {
				var err error
				if more, err = db.Purge(ctx); err != nil {
					t.Fatal(err)
				}
				if got := findings(t, db, nil); len(got) > 0 {
					t.Errorf("while it is removed: %v", got)
				}
			}
		}
		if err := db.DeleteTenant(ctx, "acme"); err != nil {
			t.Fatal(err)
		}
		// A request that was under way writes an entry although the tenant is deleted.
		if err := db.NoteReveal(ctx, "acme", "late"); err != nil {
			t.Fatal(err)
		}
		purge()
		proof, err := db.AuditLog().Verify(ctx, "", nil)
		if err != nil || !proof.OK() || proof.Erased != 6 || proof.Uncounted != 0 {
			t.Fatalf("%+v, %v", proof, err)
		}
		const blank = `UPDATE audit SET actor = '', actor_key = '', actor_name = '', actor_role = '', action = '', object = '', name = '', fields = '',
			reason = '', address = '', salt = NULL, erased = TRUE,
			erased_by = (SELECT d.id FROM audit d WHERE d.action = 'tenant.deleted' ORDER BY d.seq LIMIT 1) `
		kept := func(place string) (seq int64) {
			t.Helper()
			if err := db.read.QueryRowContext(ctx, `SELECT seq FROM audit WHERE tenant = '' AND NOT erased AND action = 'endpoint.changed' AND seq `+place+` LIMIT 1`).Scan(&seq); err != nil {
				t.Fatal(err)
			}
			return seq
		}
		deletion := func() (seq int64) {
			t.Helper()
			if err := db.read.QueryRowContext(ctx, `SELECT MIN(seq) FROM audit WHERE action = 'tenant.deleted'`).Scan(&seq); err != nil {
				t.Fatal(err)
			}
			return seq
		}
		chained(t, db) // entries after the deletion
		for _, c := range []struct{ what, place, want string }{
			{"one more, between them", fmt.Sprintf("< %d", deletion()), fmt.Sprint("erased ", deletion())},
			{"one after the deletion", fmt.Sprintf("> %d", deletion()+3), "erased "},
		} {
			seq := kept(c.place)
			was := rowOfAudit(t, db, seq)
			falsify(t, db, blank+fmt.Sprintf(`WHERE seq = %d`, seq))
			if got := strings.Join(findings(t, db, nil), ", "); !strings.HasPrefix(got, c.want) || got == "" {
				t.Errorf("%s: %q", c.what, got)
			}
			if err := db.change(ctx, func(x *tx) error {
				_, err := x.exec(`UPDATE audit SET actor = $2, actor_name = $3, actor_role = $4, action = $5, object = $6, name = $7, fields = $8, address = $9,
					salt = $10, erased = FALSE, erased_by = NULL WHERE seq = $1`, append([]any{seq}, was...)...)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if got := findings(t, db, nil); len(got) > 0 {
				t.Fatalf("put back: %v", got)
			}
		}
		// The export says it, too.
		var lines []string
		if err := db.AuditLog().Export(ctx, "", func(b []byte) error { lines = append(lines, string(b)); return nil }); err != nil {
			t.Fatal(err)
		}
		if proof, err := hook.VerifyExport(strings.NewReader(strings.Join(lines, "\n")), nil); err != nil || !proof.OK() || proof.Erased != 6 {
			t.Errorf("exported: %+v, %v", proof, err)
		}

		// A program of the release before deletes a tenant, and this one removes what is left.
		id := hook.NewID()
		if err := db.change(ctx, func(x *tx) error {
			if _, err := x.exec(`UPDATE tenants SET deleted_at = 1 WHERE id = 'other'`); err != nil {
				return err
			}
			_, err := x.exec(`INSERT INTO audit (id, tenant, actor, actor_key, actor_name, actor_role, action, object, name, fields, reason)
				VALUES ($1, '', 'key', '', '', '', $2, 'other', '', '', '')`, id[:], string(hook.ActionTenantDeleted))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := db.ChainAudit(ctx, 10); err != nil {
			t.Fatal(err)
		}
		purge()
		if proof, err = db.AuditLog().Verify(ctx, "", nil); err != nil || !proof.OK() || proof.Uncounted != 1 || proof.Erased <= 6 {
			t.Errorf("deleted by a program of the release before: %+v, %v", proof, err)
		}
		// Retention removes a part of the erased entries: fewer than the count is right then, more is not.
		if err := db.change(ctx, func(x *tx) error {
			l, err := scanLink(x.row(`SELECT seq, hash FROM audit WHERE erased ORDER BY seq LIMIT 1`))
			if err != nil {
				return err
			}
			if _, err := x.exec(`UPDATE audit_chains SET base_seq = $1, base_hash = $2 WHERE tenant = ''`, l.Seq, l.Hash[:]); err != nil {
				return err
			}
			_, err = x.exec(`DELETE FROM audit WHERE seq <= $1`, l.Seq)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got := findings(t, db, nil); len(got) > 0 {
			t.Errorf("after retention: %v", got)
		}
	})
}

// rowOfAudit is the content of an entry about no tenant, to be put back.
func rowOfAudit(t *testing.T, db *DB, seq int64) []any {
	t.Helper()
	row := make([]any, 9)
	into := make([]any, len(row))
	for i := range row {
		into[i] = &row[i]
	}
	if err := db.read.QueryRowContext(t.Context(), `SELECT actor, actor_name, actor_role, action, object, name, fields, address, salt FROM audit WHERE seq = $1`,
		seq).Scan(into...); err != nil {
		t.Fatal(err)
	}
	return row
}

// TestAuditErasedMeanwhile looks through the chains while the entries of a deleted tenant are erased. That is no finding.
func TestAuditErasedMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		entries := func(tenant string, n int) {
			t.Helper()
			if err := db.change(t.Context(), func(t *tx) error {
				for range n {
					id := hook.NewID()
					if _, err := t.exec(`INSERT INTO audit (id, tenant, actor, actor_key, actor_name, actor_role, action, object, name, fields, reason)
						VALUES ($1, $2, 'system', '', '', '', 'endpoint.changed', 'x', '', '', '')`, id[:], tenant); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if err := db.ChainAudit(t.Context(), 1000); err != nil {
				t.Fatal(err)
			}
		}
		addTenants(t, db)
		entries("other", 2*verifyRows) // to be read before those of the tenant
		for range 3 {
			if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{}); err != nil {
				t.Fatal(err)
			}
			entries("acme", 20)
			ends, err := db.AuditLog().ends(t.Context(), "")
			if err != nil || ends["acme"].head.Seq < 20 {
				t.Fatalf("%+v, %v", ends, err)
			}
			erased := make(chan error, 1)
			go func() {
				_, err := db.EraseTenant(context.WithoutCancel(t.Context()), "acme")
				erased <- err
			}()
			if got := findings(t, db, nil); len(got) > 0 {
				t.Errorf("while a tenant is erased: %v", got)
			}
			if err := <-erased; err != nil {
				t.Fatal(err)
			}
			now, err := db.AuditLog().ends(t.Context(), "")
			if err != nil || !shortened(ends, now) || shortened(now, now) {
				t.Errorf("the end of a chain is not noticed: %+v, then %+v, %v", ends, now, err)
			}
		}
	})
}

// TestAuditOfOldPurge lets a program of the release before remove a deleted tenant. It cannot remove the entries, so
// that a newer program has to erase them.
func TestAuditOfOldPurge(t *testing.T) {
	t.Parallel()
	db := openPG(t)
	addTenants(t, db)
	chained(t, db)
	old := func(statement string, args ...any) {
		t.Helper()
		if err := db.change(t.Context(), func(t *tx) error { _, err := t.exec(statement, args...); return err }); err != nil {
			t.Fatal(err)
		}
	}
	old(`DELETE FROM audit WHERE tenant = 'acme'`)
	old(`DELETE FROM tenants WHERE id = 'acme'`)
	purge := func() {
		t.Helper()
		for more := true; more; {
			var err error
			if more, err = db.Purge(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := findings(t, db, nil); len(got) > 0 {
				t.Errorf("while it is removed: %v", got)
			}
		}
	}
	left := func() (n int) {
		t.Helper()
		if err := db.read.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM audit WHERE tenant = 'acme'`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	was := left()
	if purge(); was < 4 || left() != was { // nobody has deleted the tenant, so nothing may say that its entries were erased
		t.Errorf("%d entries, then %d", was, left())
	}
	id := hook.NewID()
	old(`INSERT INTO audit (id, tenant, actor, actor_key, actor_name, actor_role, action, object, name, fields, reason)
		VALUES ($1, '', 'key', '', '', '', $2, 'acme', '', '', '')`, id[:], string(hook.ActionTenantDeleted))
	if err := db.ChainAudit(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	if purge(); left() != 0 {
		t.Errorf("%d entries of a deleted tenant are left", left())
	}
}

// TestAuditAdopts finds entries that a program of the release before wrote, which knows no chain.
func TestAuditAdopts(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		old := func(n int) {
			t.Helper()
			for range n {
				if err := db.change(t.Context(), func(t *tx) error {
					id := hook.NewID()
					_, err := t.exec(`INSERT INTO audit (id, tenant, actor, actor_key, actor_name, actor_role, action, object, name, fields, reason)
						VALUES ($1, 'acme', 'system', '', '', '', 'endpoint.changed', 'x', '', '', '')`, id[:])
					return err
				}); err != nil {
					t.Fatal(err)
				}
			}
		}
		proof := func(pending, adopted, entries int64) {
			t.Helper()
			p, err := db.AuditLog().Verify(t.Context(), "", nil)
			if err != nil || !p.OK() || p.Pending != pending || p.Adopted != adopted || p.Entries != entries {
				t.Errorf("%+v, %v; want %d pending, %d adopted of %d", p, err, pending, adopted, entries)
			}
		}
		old(3)
		proof(3, 0, 0)
		chained(t, db) // the first one takes them along
		proof(0, 3, 15)
		old(adoptedAtOnce + 20)
		chained(t, db)
		proof(0, adoptedAtOnce+20+3+1, 15+adoptedAtOnce+20+12) // one of its own had to wait
		old(25)
		if err := db.ChainAudit(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		proof(0, adoptedAtOnce+20+3+1+25, 15+adoptedAtOnce+20+12+25)
		// One that is adopted cannot be changed any more.
		falsify(t, db, `UPDATE audit SET object = 'y' WHERE seq = 2`)
		if got := strings.Join(findings(t, db, nil), ", "); got != "changed 2, acme changed 2" {
			t.Errorf("an adopted one was changed: %q", got)
		}
	})
}

// TestAuditOfManyNodes lets three nodes write at the same time, with some transactions that fail on the way.
func TestAuditOfManyNodes(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, Migrate)
	var nodes []*DB
	for range 3 {
		nodes = append(nodes, run(t, Options{URL: url, Key: make([]byte, 32)}))
	}
	errPlanned := errors.New("planned")
	var wg sync.WaitGroup
	const writes = 20
	for _, db := range nodes {
		for writer := range 2 {
			wg.Go(func() {
				for i := range writes {
					err := db.change(context.Background(), func(t *tx) error {
						if err := t.audit(hook.AuditEntry{Tenant: []string{"acme", "other"}[writer], Action: hook.ActionEndpointChanged}); err != nil {
							return err
						}
						if i%5 == 4 {
							return errPlanned
						}
						return nil
					})
					if i%5 == 4 != errors.Is(err, errPlanned) || err != nil && i%5 != 4 {
						t.Errorf("write %d: %v", i, err)
					}
				}
			})
		}
	}
	wg.Wait()
	proof, err := nodes[0].AuditLog().Verify(t.Context(), "", nil)
	if want := int64(3 * 2 * writes * 4 / 5); err != nil || !proof.OK() || proof.Entries != want || proof.Head.Seq != want {
		t.Errorf("%+v, %v; want %d entries", proof, err, want)
	}
}

// TestAuditCrash ends the database's connection between an entry and its commit.
func TestAuditCrash(t *testing.T) {
	t.Parallel()
	db := openPG(t)
	chained(t, db)
	err := db.change(t.Context(), func(t *tx) error {
		if err := t.audit(hook.AuditEntry{Action: hook.ActionEndpointChanged}); err != nil {
			return err
		}
		_, err := t.exec(`SELECT pg_terminate_backend(pg_backend_pid())`)
		return err
	})
	if err == nil {
		t.Fatal("the change is reported as stored")
	}
	chained(t, db)
	proof, err := db.AuditLog().Verify(t.Context(), "", nil)
	if err != nil || !proof.OK() || proof.Entries != 24 {
		t.Errorf("%+v, %v", proof, err)
	}
}
