package app

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
	rows, err := ExportTenant(ctx, from, "acme", phrase, file)
	if err != nil || rows < 10 {
		t.Fatal(rows, err)
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
	if _, _, err := ImportTenant(ctx, to, "another passphrase", file); err == nil || !strings.Contains(err.Error(), "passphrase") {
		t.Errorf("a wrong passphrase: %v", err)
	}
	tenant, n, err := ImportTenant(ctx, to, phrase, file)
	if err != nil || tenant != "acme" || n != rows {
		t.Fatal(tenant, n, err)
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
