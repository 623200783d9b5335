package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
)

// Whoever made the database readable for others, and whatever the directory allows: only the
// owner can read its files once the store has opened them.
func TestFilesAreTheOwners(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "gancho.db")
	t.Run("made before", func(t *testing.T) {
		db := openAt(t, path)
		addTenants(t, db)
	})
	for _, end := range []string{"", "-journal"} {
		if err := os.WriteFile(path+end, nil, 0o600); end != "" && err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path+end, 0o664); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{path, filepath.Join(dir, "new.db")} {
		db := openAt(t, name)
		addTenants(t, db)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files, want two databases with a log and shared memory each (%v)", len(files), err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the permissions %v (%v)", f, info.Mode().Perm(), err)
		}
	}
}

// filled writes half a megabyte of events for each count, with finished deliveries and their attempts.
func filled(t *testing.T, db *DB, tenant, marker string, count int) {
	t.Helper()
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = "0123456789abcdef"[rand.N(16)]
	}
	text := func(n int) string { at := rand.N(len(noise) - n); return string(noise[at : at+n]) }
	ep := hook.NewEndpointID()
	for range count {
		var items []*hook.Accepted
		for i, n := range []int{600, 600, 3000, 5000, 20_000, 60_000, 200_000} {
			for range 1 + 4/(i+1) {
				items = append(items, accepted(tenant, marker+text(8), fmt.Sprintf(`{"m":"%s","p":"%s","n":"%s"}`, marker, text(n), marker), ep))
			}
		}
		submit(t, db, items...)
		done := make(chan error, len(items))
		for _, a := range items {
			d := a.Deliveries[0]
			d.State, d.Attempts, d.FinishedAt = hook.Delivered, 1, time.Now()
			db.SaveResult(hook.Result{Delivery: d, Attempt: &hook.Attempt{
				Delivery: d.ID, Number: 1, Request: hook.Request{Method: "POST", URL: "https://example.com/" + marker},
				Response: &hook.Response{Status: 200, Body: []byte(strings.Repeat(marker, 5))},
			}}, func(err error) { done <- err })
		}
		for range items {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
	}
}

// publishing adds events of a tenant until the returned function is called.
func publishing(t *testing.T, db *DB, tenant string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			sub := hook.Submission{Tenant: tenant, Items: []*hook.Accepted{accepted(tenant, "", `{"other":true}`)}}
			if _, err := db.Submit(sub, time.Hour); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func compacted(t *testing.T, db *DB) {
	t.Helper()
	for {
		more, err := db.Compact(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			return
		}
	}
}

// onDisk fails if a file of the database has the marker in it.
func onDisk(t *testing.T, path, marker string) (found bool) {
	t.Helper()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		found = found || bytes.Contains(b, []byte(marker))
	}
	return found
}

// The file and its log are small again after the old rows were removed, while others publish.
func TestFileShrinks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gancho.db")
	db := openAt(t, path)
	addTenants(t, db)
	filled(t, db, "acme", "marker-of-acme", 24)
	full, err := sizeOf(path, companions...)
	if err != nil || full < 8<<20 {
		t.Fatalf("the file has %d bytes only (%v)", full, err)
	}
	stop := publishing(t, db, "globex")
	defer stop()
	if _, err := db.Expire(t.Context(), time.Now().Add(time.Second), 500); err != nil {
		t.Fatal(err)
	}
	var size int64
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		compacted(t, db)
		if size, err = sizeOf(path, companions...); err != nil {
			t.Fatal(err)
		}
		if size < full/3 {
			return
		}
		if err := rest(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Errorf("after retention the file and its log have %d of %d bytes", size, full)
}

// What was deleted cannot be read in the files any more, although the file does not shrink as
// far as it could.
func TestDeletedIsGoneFromFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gancho.db")
	db := openAt(t, path)
	addTenants(t, db)
	stop := publishing(t, db, "globex")
	filled(t, db, "acme", "marker-of-acme", 4)
	filled(t, db, "globex", "marker-of-globex", 1)
	if err := db.DeleteTenant(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		var err error
		if more, err = db.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.emptyLog(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	if onDisk(t, path, "marker-of-acme") {
		t.Error("a file has what was deleted")
	}
	if !onDisk(t, path, "marker-of-globex") {
		t.Error("the payloads of another tenant are not found either, so this test shows nothing")
	}
}

// A reader of an old state keeps what was deleted in the log. emptyLog says so.
func TestEmptyLogBesideReader(t *testing.T) {
	t.Parallel()
	db := withTenants(t)
	submit(t, db, accepted("acme", "", `1`), accepted("acme", "", `2`))
	rows, err := db.read.QueryContext(t.Context(), `SELECT id FROM events`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	rows.Next()
	submit(t, db, accepted("acme", "", `3`))
	//policy:allow time: it is expected to go on until then
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := db.emptyLog(ctx); err == nil {
		t.Error("the log counts as empty while somebody reads from it")
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.emptyLog(t.Context()); err != nil {
		t.Error(err)
	}
}

// oldFile is a database as the first versions made it: its free pages stay, with what was deleted.
func oldFile(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "gancho.db")
	db, err := sql.Open("sqlite", sqliteDSN(path, "auto_vacuum(NONE)", "secure_delete(OFF)", "journal_mode(WAL)"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, text := range []string{
		`CREATE TABLE old (id INTEGER PRIMARY KEY, text TEXT)`,
		`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
			INSERT INTO old SELECT i, 'marker-of-old' || hex(randomblob(500)) FROM n`,
		`DELETE FROM old WHERE id > 10`,
		`UPDATE old SET text = 'kept'`,
	} {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// autoVacuum is how a database treats free pages: 2 if it can give them back.
func autoVacuum(t *testing.T, db *DB) (mode int) {
	t.Helper()
	if err := db.read.QueryRowContext(t.Context(), `PRAGMA auto_vacuum`).Scan(&mode); err != nil {
		t.Fatal(err)
	}
	return mode
}

// A small file of an earlier version is rewritten when it is opened, a large one by Rewrite.
func TestOldFile(t *testing.T) {
	t.Parallel()
	kept := func(t *testing.T, db *DB) {
		t.Helper()
		var n int
		if err := db.read.QueryRowContext(t.Context(), `SELECT count(*) FROM old WHERE text = 'kept'`).Scan(&n); err != nil || n != 10 {
			t.Errorf("%d of 10 rows are left (%v)", n, err)
		}
		if mode := autoVacuum(t, db); mode != 2 {
			t.Errorf("auto_vacuum is %d, so the file never gets smaller", mode)
		}
	}
	t.Run("opened", func(t *testing.T) {
		t.Parallel()
		path := oldFile(t)
		if !onDisk(t, path, "marker-of-old") {
			t.Fatal("the old file has nothing of what was deleted, so this test shows nothing")
		}
		db := openAt(t, path)
		kept(t, db)
		fresh := filepath.Join(t.TempDir(), "gancho.db")
		openAt(t, fresh)
		empty, err := sizeOf(fresh, companions...)
		if err != nil {
			t.Fatal(err)
		}
		if size, err := sizeOf(path, companions...); err != nil || size > empty+1<<18 || onDisk(t, path, "marker-of-old") {
			t.Errorf("%d bytes, where a new database has %d (%v)", size, empty, err)
		}
	})
	t.Run("rewritten", func(t *testing.T) {
		t.Parallel()
		path := oldFile(t)
		for _, left := range []string{"", "left by an interrupted Rewrite"} {
			if left != "" {
				if err := os.WriteFile(path+".new", []byte(left), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			before, after, err := Rewrite(t.Context(), path, slog.New(slog.DiscardHandler))
			if err != nil || after > 1<<20 || left == "" && before < 2<<20 {
				t.Fatalf("from %d to %d bytes (%v)", before, after, err)
			}
		}
		if files, err := filepath.Glob(path + "*"); err != nil || len(files) != 1 || onDisk(t, path, "marker-of-old") {
			t.Errorf("the marker is in one of %v, or more than the database is left (%v)", files, err)
		}
		kept(t, openAt(t, path))
	})
	t.Run("in use", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "gancho.db")
		db := openAt(t, path)
		addTenants(t, db)
		if _, _, err := Rewrite(t.Context(), path, slog.New(slog.DiscardHandler)); err == nil {
			t.Error("a file that a store uses was replaced under it")
		}
		addTenants(t, db)
	})
}

// A person retries a delivery after retention has found it to be old: it stays. The writer is
// held up, so that the retry is committed between the two.
func TestExpireSparesRetried(t *testing.T) {
	t.Parallel()
	db := withTenants(t)
	ep := newEndpoint(t, db, "acme")
	a := accepted("acme", "", `1`, ep.ID)
	submit(t, db, a)
	d := a.Deliveries[0]
	d.State, d.FinishedAt = hook.Failed, time.Now().Add(-time.Hour)
	saved := make(chan error, 1)
	db.SaveResult(hook.Result{Delivery: d}, func(err error) { saved <- err })
	if err := <-saved; err != nil {
		t.Fatal(err)
	}
	hold, held := make(chan struct{}), make(chan struct{})
	errs := make(chan error, 3)
	go func() {
		errs <- db.change(t.Context(), func(*tx) error { close(held); <-hold; return nil })
	}()
	<-held
	waiting := func(n int) {
		for deadline := time.Now().Add(time.Minute); ; {
			db.gathering.mu.Lock()
			have := len(db.gathering.next.changes)
			db.gathering.mu.Unlock()
			if have >= n {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d changes wait, want %d", have, n)
			}
			if err := rest(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	go func() {
		_, err := db.Retry(t.Context(), "acme", d.ID, false)
		errs <- err
	}()
	waiting(1)
	go func() {
		_, err := db.expireDeliveries(t.Context(), "acme", time.Now().Add(time.Minute), 500)
		errs <- err
	}()
	waiting(2)
	close(hold)
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	got, err := db.Delivery(t.Context(), "acme", d.ID)
	if err != nil || got.State != hook.Pending {
		t.Errorf("the delivery that was retried is %q (%v)", got.State, err)
	}
}
