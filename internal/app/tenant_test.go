package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho.example/client"
)

// A tenant moves to another installation: what waited is delivered there, once, and not by the old one.
func TestMoveTenant(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	rc := newReceiver(t, nil)
	old, fresh := place{dir: t.TempDir()}, place{dir: t.TempDir()}
	p := startAt(t, old)
	e := p.endpoint(client.EndpointInput{Name: "moved", URL: rc.URL + "/hidden-path", State: "paused"})
	secret, err := p.EndpointSecret(ctx, "acme", e.ID)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for range 5 {
		a, err := p.PublishEvent(ctx, "acme", client.NewEvent{Type: "order.paid", Payload: json.RawMessage(`{"n":1}`)})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.ID)
	}
	key := Installation{Key: sharedKey()}
	from, to := key, key
	from.Data, to.Data = old.dir, fresh.dir
	file := filepath.Join(t.TempDir(), "acme.age")
	const phrase = "correct horse battery"
	if _, err := ExportTenant(ctx, from, "acme", phrase, file); err == nil || !strings.Contains(err.Error(), "another gancho uses") {
		t.Errorf("exported beside a running server: %v", err)
	}
	p.stop()
	exported, err := ExportTenant(ctx, from, "acme", phrase, file)
	if err != nil || exported.Rows < 10 {
		t.Fatal(exported, err)
	}
	if _, err := ExportTenant(ctx, from, "acme", phrase, file); err == nil {
		t.Error("a file was written over")
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), "hidden-path") || strings.Contains(string(text), "order.paid") {
		t.Errorf("the file can be read without the passphrase (%v)", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others can read the file: %v (%v)", info.Mode(), err)
	}
	q := startAt(t, fresh)
	q.stop()
	if _, err := ImportTenant(ctx, to, "another passphrase", file); err == nil || !strings.Contains(err.Error(), "passphrase") {
		t.Errorf("a wrong passphrase: %v", err)
	}
	in, err := ImportTenant(ctx, to, phrase, file)
	if err != nil || in.Tenant != "acme" || in.Rows != exported.Rows {
		t.Fatal(in, err)
	}
	q, p = startAt(t, fresh), startAt(t, old)
	if _, err := q.ResumeEndpoint(ctx, "acme", e.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all that waited has arrived", func() bool { events, _ := rc.counts(); return events == len(ids) })
	for _, id := range ids {
		if !rc.has(id) {
			t.Errorf("%s has not arrived under its id", id)
		}
	}
	if _, requests := rc.counts(); requests != len(ids) {
		t.Errorf("%d requests for %d events", requests, len(ids))
	}
	if s, err := q.EndpointSecret(ctx, "acme", e.ID); err != nil || s.Secret != secret.Secret {
		t.Errorf("the secret is another one (%v)", err)
	}
	if _, err := p.EraseTenant(ctx, "acme"); err != nil {
		t.Error(err)
	}
}

// file calls an operation on a tenant's file, and reads the answer to its end.
func (p *process) file(path, phrase string, body io.Reader) (status int, answer []byte, trailer http.Header) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testKey)
	r.Header.Set("Gancho-Passphrase", phrase)
	res, err := (&http.Client{Timeout: 4 * time.Minute}).Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	if answer, err = io.ReadAll(res.Body); err != nil {
		p.t.Fatal(err)
	}
	return res.StatusCode, answer, res.Trailer
}

// A tenant moves between servers that run and deliver: what was delivered stays so, what waits is delivered by the new one,
// each event once, also while another tenant goes on.
func TestMoveTenantBesideServers(t *testing.T) {
	eachPlace(t, func(t *testing.T, at place) {
		ctx := t.Context()
		rc := newReceiver(t, nil)
		dir := t.TempDir()
		old, fresh := startAt(t, at), startAt(t, place{dir: dir})
		e := old.endpoint(client.EndpointInput{Name: "moved", URL: rc.URL + "/hidden-path", RateLimit: &client.RateLimit{PerSecond: 40}})
		const events = 200 // five seconds of deliveries, so some wait when the export begins
		var batch []client.NewEvent
		for range events {
			batch = append(batch, client.NewEvent{Type: "order.paid", Payload: json.RawMessage(`{"n":"moved-payload"}`)})
		}
		if _, err := old.PublishEvents(ctx, "acme", batch); err != nil {
			t.Fatal(err)
		}
		eventually(t, "some are delivered", func() bool { n, _ := rc.counts(); return n > 0 })
		const phrase = "correct horse battery"
		status, file, trailer := old.file("/v1/tenants/acme/export", phrase, nil)
		if status != 200 || trailer.Get("Gancho-Unreadable") != "0" {
			t.Fatalf("%d %v: %.300s", status, trailer, file)
		}
		before, _ := rc.counts()
		if before >= events {
			t.Fatalf("all %d were delivered before the export, so this shows nothing", before)
		}
		for _, secret := range []string{"hidden-path", "moved-payload", "gancho_tenant"} {
			if bytes.Contains(file, []byte(secret)) {
				t.Errorf("%s can be read without the passphrase", secret)
			}
		}
		refused := func(what, code string, status int, phrase string, body io.Reader) {
			t.Helper()
			got, text, _ := fresh.file("/v1/tenants/import", phrase, body)
			if got != status || !bytes.Contains(text, []byte(code)) {
				t.Errorf("%s: %d %s", what, got, text)
			}
			if list, err := fresh.Tenants(ctx, client.Paging{}); err != nil || len(list.Items) != 0 {
				t.Errorf("%s: %v is there (%v)", what, list, err)
			}
		}
		refused("another passphrase", "passphrase_wrong", 400, "correct horse batter?", bytes.NewReader(file))
		refused("a short one", "passphrase_short", 422, "short", bytes.NewReader(file))
		refused("half a file", "tenant_file_invalid", 400, phrase, bytes.NewReader(file[:len(file)/2]))
		refused("something else", "passphrase_wrong", 400, phrase, strings.NewReader("hello"))

		// An upload that breaks off leaves nothing, in the database or beside it.
		conn, err := net.Dial("tcp", strings.TrimPrefix(fresh.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(conn, "POST /v1/tenants/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nGancho-Passphrase: %s\r\nContent-Length: %d\r\n\r\n%s",
			testKey, phrase, len(file), file[:len(file)/2]); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		status, text, _ := fresh.file("/v1/tenants/import", phrase, bytes.NewReader(file))
		if status != 201 || !bytes.Contains(text, []byte(`"unreadable_count":0`)) {
			t.Fatalf("%d %s", status, text)
		}
		if status, text, _ = fresh.file("/v1/tenants/import", phrase, bytes.NewReader(file)); status != 409 || !bytes.Contains(text, []byte("tenant_exists")) {
			t.Errorf("imported twice: %d %s", status, text)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "import-*")); err != nil || len(left) > 0 {
			t.Errorf("left beside the database: %v (%v)", left, err)
		}
		if paused, err := old.Endpoint(ctx, "acme", e.ID); err != nil || paused.State != "paused" {
			t.Errorf("the old endpoint: %+v (%v)", paused, err)
		}
		if _, err := fresh.ResumeEndpoint(ctx, "acme", e.ID); err != nil {
			t.Fatal(err)
		}
		eventually(t, "what waited has arrived", func() bool { n, _ := rc.counts(); return n == events })
		if n, requests := rc.counts(); requests != n {
			t.Errorf("%d requests for %d events", requests, n)
		}
		for what, p := range map[string]*process{"tenant.exported": old, "tenant.imported": fresh} {
			if list, err := p.Audit(ctx, "acme", client.Paging{Limit: 100}); err != nil || !slices.ContainsFunc(list.Items, func(e client.AuditEntry) bool {
				return e.Action == what && e.Actor.Name == "admin"
			}) {
				t.Errorf("no %s in the audit: %+v (%v)", what, list, err)
			}
		}
	})
}
