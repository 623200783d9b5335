package app

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gancho.example/client"
	"gancho/internal/hook"
	"gancho/internal/pgtest"
	"gancho/internal/refused"
	"gancho/internal/store"
)

// refusal tries to start a server and returns why it did not start. The files of its data
// directory must be as before, except for those that any start writes.
func refusal(t *testing.T, cfg Config) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out bytes.Buffer
	stopWhenReady := writerFunc(func(p []byte) (int, error) { cancel(); return out.Write(p) })
	err := Run(ctx, cfg, stopWhenReady, t.Output())
	if err == nil || errors.Is(err, context.Canceled) || out.Len() > 0 {
		t.Fatalf("the server started: %v, %s", err, out.String())
	}
	return err.Error()
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// configured is the configuration of a server on SQLite whose key is in its data directory.
func configured(dir string) Config {
	cfg := DefaultConfig()
	cfg.Data, cfg.Listen = dir, "127.0.0.1:0"
	return cfg
}

func keyFile(dir string) string { return filepath.Join(dir, "encryption.key") }

func wantText(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not say %q", text, part)
		}
	}
}

// used makes a data directory in which a server has stored an endpoint, with its own key file, and
// returns the id of the key.
func used(t *testing.T) (dir string, key []byte, id hook.SealKeyID) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "admin.key"), []byte(testKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := startAt(t, place{dir: dir, ownKeys: true})
	p.endpoint(client.EndpointInput{URL: refused.URL() + "/"})
	p.stop()
	text, err := os.ReadFile(keyFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := parseKeys(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if id, err = store.SealKeyID(keys[0]); err != nil {
		t.Fatal(err)
	}
	return dir, text, id
}

func TestServerWithoutItsKeyDoesNotStart(t *testing.T) {
	t.Parallel()
	dir, right, id := used(t)
	file := keyFile(dir)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	wantText(t, refusal(t, configured(dir)), string(id), file+" does not exist", "GANCHO_ENCRYPTION_KEY", "backup")
	if _, err := os.Stat(file); err == nil {
		t.Error("a new key was made")
	}

	other := store.NewKey()
	otherID, err := store.SealKeyID(other)
	if err != nil {
		t.Fatal(err)
	}
	wrong := base64.StdEncoding.EncodeToString(other)
	if err := os.WriteFile(file, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	wantText(t, refusal(t, configured(dir)), string(id), string(otherID), file, "backup")
	cfg := configured(dir)
	cfg.EncryptionKey = Secret(wrong)
	wantText(t, refusal(t, cfg), string(id), string(otherID), "--encryption-key")

	for _, text := range []string{"", "not base64 at all", string(right)[:20]} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		wantText(t, refusal(t, configured(dir)), file, "backup")
	}

	// With the right key everything is there.
	if err := os.WriteFile(file, right, 0o600); err != nil {
		t.Fatal(err)
	}
	p := startAt(t, place{dir: dir, ownKeys: true})
	list, err := p.Endpoints(t.Context(), "acme", client.Paging{})
	if err != nil || len(list.Items) != 1 || list.Items[0].URL != refused.URL()+"/" {
		t.Errorf("got %+v, %v", list, err)
	}
	p.stop()
}

// With PostgreSQL, a second server that was given no key does not make one of its own.
func TestSecondServerNeedsTheKey(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	p := startAt(t, place{dir: t.TempDir(), database: url})
	p.stop()
	dir := t.TempDir()
	cfg := configured(dir)
	cfg.Database = Secret(url)
	wantText(t, refusal(t, cfg), keyFile(dir)+" does not exist", "copy it from another server")
	if _, err := os.Stat(keyFile(dir)); err == nil {
		t.Error("a new key was made")
	}
}

func TestEmptyDatabaseBesideKeysIsRefused(t *testing.T) {
	t.Parallel()
	for _, left := range []string{"encryption.key", "admin.key"} {
		dir, _, _ := used(t)
		for _, name := range []string{"encryption.key", "admin.key", "gancho.db-wal", "gancho.db-shm"} {
			if name != left {
				_ = os.Remove(filepath.Join(dir, name))
			}
		}
		if err := os.Truncate(filepath.Join(dir, databaseFile), 0); err != nil {
			t.Fatal(err)
		}
		text := refusal(t, configured(dir))
		wantText(t, text, databaseFile, "0 bytes", left, "backup")
		if _, err := Move(t.Context(), "sqlite:"+dir, "postgres://nowhere", "", func(Moved) {}); err == nil ||
			!strings.Contains(err.Error(), "0 bytes") {
			t.Errorf("moved: %v", err)
		}
	}
}

// Keys that others could read are taken away from them.
func TestKeyFilesAreTightened(t *testing.T) {
	t.Parallel()
	dir, _, _ := used(t)
	files := []string{keyFile(dir), filepath.Join(dir, "admin.key")}
	for _, file := range files {
		if err := os.Chmod(file, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	startAt(t, place{dir: dir, ownKeys: true}).stop()
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
}

// An endpoint whose configuration somebody damaged is marked and sends nothing; what waits for it is
// kept until somebody enters the configuration again. The other endpoints go on.
func TestDamagedEndpointHoldsItsDeliveries(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir)
	good, bad := newReceiver(t, nil), newReceiver(t, nil)
	p.endpoint(client.EndpointInput{URL: good.URL, State: "active"})
	e := p.endpoint(client.EndpointInput{URL: bad.URL, State: "paused"})
	publish := func() string {
		a, err := p.PublishEvent(t.Context(), "acme", client.NewEvent{Type: "x", Payload: json.RawMessage(`1`)})
		if err != nil {
			t.Fatal(err)
		}
		return a.ID
	}
	first := publish()
	p.stop()

	db, err := sql.Open("sqlite", filepath.Join(dir, databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), `UPDATE endpoints SET config = zeroblob(60), state = 'active' WHERE state = 'paused'`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}

	p = start(t, dir)
	second := publish()
	arrived := func(rc *receiver, id string) func() bool {
		return func() bool { rc.mu.Lock(); defer rc.mu.Unlock(); return rc.got[id] == 1 }
	}
	eventually(t, "the other endpoint gets both", func() bool { return arrived(good, first)() && arrived(good, second)() })
	list, err := p.Endpoints(t.Context(), "acme", client.Paging{})
	if err != nil || len(list.Items) != 2 || !list.Items[0].Unreadable || list.Items[1].Unreadable {
		t.Fatalf("got %+v, %v", list, err)
	}
	waiting, err := p.Deliveries(t.Context(), "acme", client.DeliveryFilter{Endpoint: e.ID})
	if err != nil || len(waiting.Items) != 1 || waiting.Items[0].State != "pending" {
		t.Fatalf("got %+v, %v", waiting, err)
	}
	if _, err := p.PatchEndpoint(t.Context(), "acme", e.ID, map[string]any{"url": bad.URL}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what waited arrives", arrived(bad, first))
	p.stop()
}

// The URL of an endpoint, its headers and what a receiver answers are in no file of the database,
// also after they were in an attempt.
func TestHistoryIsSealed(t *testing.T) {
	eachPlace(t, func(t *testing.T, at place) {
		const secret, answer = "t0ken-of-the-customer", "what the receiver says about a person"
		p := startAt(t, at)
		rc := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Seen", r.Header.Get("X-Odd"))
			w.WriteHeader(500)
			_, _ = io.WriteString(w, answer+r.URL.String())
		})
		e := p.endpoint(client.EndpointInput{
			URL: rc.URL + "/" + secret + "/path?token=" + secret, Headers: map[string]string{"X-Odd": secret}, Retry: []string{"0s"},
		})
		a, err := p.PublishEvent(t.Context(), "acme", client.NewEvent{Type: "x", Payload: json.RawMessage(`1`)})
		if err != nil {
			t.Fatal(err)
		}
		var d client.DeliveryDetail
		eventually(t, "the delivery has failed", func() bool {
			list, err := p.Deliveries(t.Context(), "acme", client.DeliveryFilter{Endpoint: e.ID})
			if err != nil || len(list.Items) != 1 || list.Items[0].State != "failed" {
				return false
			}
			got, err := p.Delivery(t.Context(), "acme", list.Items[0].ID)
			if err != nil {
				t.Fatal(err)
			}
			d = *got
			return true
		})
		if len(d.AttemptList) != 1 || d.AttemptList[0].Response == nil || !strings.Contains(d.AttemptList[0].Response.Body, answer) || d.Event != a.ID {
			t.Errorf("the history has not what was answered: %+v", d.AttemptList)
		}
		for _, text := range []string{secret, answer} {
			found(t, at, text) // while the log of changes is not in the database's file yet
		}
		p.stop()
		for _, text := range []string{secret, answer} {
			found(t, at, text)
		}
	})
}

// found fails if a text is in a file of a SQLite database, or in a row of a PostgreSQL database.
func found(t *testing.T, at place, text string) {
	t.Helper()
	if at.database == "" {
		files, err := filepath.Glob(filepath.Join(at.dir, databaseFile+"*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files: %v", err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if bytes.Contains(raw, []byte(text)) {
				t.Errorf("%q is in %s", text, filepath.Base(file))
			}
		}
		return
	}
	db, err := sql.Open("pgx", at.database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	names, err := db.QueryContext(t.Context(), `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'`)
	if err != nil {
		t.Fatal(err)
	}
	defer names.Close()
	tables := 0
	for names.Next() {
		var name string
		if err := names.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables++
		var n int
		// Binary columns are shown as hexadecimal digits, text as it is.
		if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM "`+name+`" AS r WHERE r::text LIKE '%' || $1 || '%' OR r::text LIKE '%' || encode(convert_to($1, 'UTF8'), 'hex') || '%'`, text).
			Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			t.Errorf("%q is in %d rows of %s", text, n, name)
		}
	}
	if err := names.Err(); err != nil || tables < 10 {
		t.Fatalf("%d tables, %v", tables, err)
	}
}

// A key is replaced while the server works and is killed again and again. Afterwards the old key can
// be removed: everything is there, and sessions that began under the old one go on as long as it is.
func TestRotateKeyThroughKills(t *testing.T) {
	t.Parallel()
	dir, _, first := used(t)
	at := place{dir: dir, ownKeys: true}
	p := startAt(t, at)
	rc := newReceiver(t, nil)
	e := p.endpoint(client.EndpointInput{URL: rc.URL})
	var ids []string
	publish := func(p *process, n int) {
		t.Helper()
		for range n {
			events := make([]client.NewEvent, 50)
			for i := range events {
				events[i] = client.NewEvent{Type: "x", Payload: json.RawMessage(`1`)}
			}
			a, err := p.PublishEvents(t.Context(), "acme", events)
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range a.Items {
				ids = append(ids, item.ID)
			}
		}
	}
	allArrive := func() {
		t.Helper()
		eventually(t, "all arrive", func() bool {
			rc.mu.Lock()
			defer rc.mu.Unlock()
			for _, id := range ids {
				if rc.got[id] == 0 {
					return false
				}
			}
			return true
		})
	}
	publish(p, 20)
	allArrive()
	if _, err := p.RotateEncryptionKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	state := func(p *process) *client.EncryptionKeys {
		t.Helper()
		s, err := p.EncryptionKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for range 3 {
		eventually(t, "something is sealed again", func() bool {
			s := state(p)
			return s.Done > 0 || !s.Rotating
		})
		p.kill()
		p = startAt(t, at)
		publish(p, 2)
	}
	eventually(t, "the rotation ends", func() bool { return !state(p).Rotating })
	s := state(p)
	if len(s.Keys) != 2 || s.Keys[0].ID != string(first) || s.Keys[0].State != "retired" || s.Keys[1].State != "active" {
		t.Errorf("got %+v", s)
	}
	allArrive()
	p.stop()

	text, err := os.ReadFile(keyFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Fields(string(text))
	if len(lines) != 2 {
		t.Fatalf("%d keys in the file", len(lines))
	}
	if err := os.WriteFile(keyFile(dir), []byte(lines[1]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p = startAt(t, at)
	if got, err := p.Endpoint(t.Context(), "acme", e.ID); err != nil || got.Unreadable || got.URL != rc.URL {
		t.Errorf("got %+v, %v", got, err)
	}
	list, err := p.Deliveries(t.Context(), "acme", client.DeliveryFilter{Endpoint: e.ID, Paging: client.Paging{Limit: 100}})
	if err != nil || len(list.Items) != 100 {
		t.Fatalf("%d, %v", len(list.Items), err)
	}
	for _, d := range list.Items {
		got, err := p.Delivery(t.Context(), "acme", d.ID)
		if err != nil || len(got.AttemptList) == 0 || got.AttemptList[0].Unreadable {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
	if got := len(state(p).Keys); got != 2 {
		t.Errorf("%d keys", got)
	}
	p.stop()
	if err := os.WriteFile(keyFile(dir), []byte(lines[0]+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantText(t, refusal(t, configured(dir)), string(first), s.Keys[1].ID)
}

// With the keys in an option, a new one has to be given; the server makes none.
func TestRotateNeedsANewKeyInTheOption(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	_, err := p.RotateEncryptionKey(t.Context())
	problem, ok := errors.AsType[*client.Problem](err)
	if !ok || problem.Code != "key_not_given" {
		t.Errorf("got %v", err)
	}
	p.stop()
}
