package app

import (
	"encoding/json"
	"testing"

	"gancho.example/client"
	"gancho/internal/pgtest"
	"gancho/internal/store"
)

// A server on the moved database goes on with what waited on the old one.
func TestMoveGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir)
	rc := newReceiver(t, nil)
	e := p.endpoint(client.EndpointInput{URL: rc.URL, State: "paused"})
	var ids []string
	for range 20 {
		a, err := p.PublishEvent(t.Context(), "acme", client.NewEvent{Type: "x", Payload: json.RawMessage(`1`)})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, a.ID)
	}
	if _, err := Move(t.Context(), "sqlite:"+dir, "postgres://nowhere", "", func(Moved) {}); err == nil {
		t.Error("moved while a server runs")
	}
	p.stop()
	url := pgtest.Database(t, store.Migrate)
	key := sharedKey()
	if _, err := Move(t.Context(), "sqlite:"+dir, url, key, func(Moved) {}); err != nil {
		t.Fatal(err)
	}
	p = startAt(t, place{dir: t.TempDir(), database: url})
	if _, err := p.ResumeEndpoint(t.Context(), "acme", e.ID); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what waited arrives", func() bool {
		rc.mu.Lock()
		defer rc.mu.Unlock()
		for _, id := range ids {
			if rc.got[id] != 1 {
				return false
			}
		}
		return true
	})
	p.stop()
}
