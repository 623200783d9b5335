package api_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"gancho/internal/hook"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

// A payload or a document that cannot be decrypted is named, and harms nothing else: lists show the rest of its row, searching and
// erasing pass over it and find what is encrypted and opens, and its record can be deleted and put anew.
func TestUnreadablePayloads(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gancho.db")
	s := newServerOf(t, storetest.OpenAt(t, path, store.NewKey()))
	s.do("PUT", "/v1/tenants/acme", `{"seal_payloads":true}`).want(201)
	const (
		person  = `{"id":"$","contact":{"email":"ana@example.com"}}`
		records = "/v1/tenants/acme/records/cabaprop/conversation"
		search  = `{"path":"**.email","value":"ana@example.com"}`
	)
	ids := map[string]string{}
	for _, key := range []string{"damaged", "good"} {
		ids[key] = s.do("POST", "/v1/tenants/acme/events", `{"type":"person.seen","payload":`+person+`}`).want(202).str("id")
		s.do("PUT", records+"/"+key, strings.ReplaceAll(person, "$", key)).want(201)
	}
	damaged, err := hook.ParseEventID(ids["damaged"])
	if err != nil {
		t.Fatal(err)
	}
	disk, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	for _, damage := range []struct {
		text string
		row  any
	}{
		{`UPDATE events SET payload = substr(payload, 1, 30) WHERE id = ?`, damaged[:]},
		{`UPDATE records SET document = substr(document, 1, 30) WHERE key = ?`, "damaged"},
	} {
		res, err := disk.ExecContext(t.Context(), `PRAGMA busy_timeout = 60000; `+damage.text, damage.row)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			t.Fatalf("%s: %d rows (%v)", damage.text, n, err)
		}
	}

	event := "/v1/tenants/acme/events/" + ids["damaged"]
	if a := s.do("GET", event+"?payload=true", "").want(200); a.get("unreadable") != true || a.get("payload") != nil || a.str("type") != "person.seen" {
		t.Errorf("the event: %s", a.Body)
	}
	s.do("GET", event+"/payload", "").want(409).is("code", "unreadable")
	if a := s.do("GET", "/v1/tenants/acme/events", "").want(200); strings.Count(a.Body, `"person.seen"`) != 2 {
		t.Errorf("the list of events: %s", a.Body)
	}
	s.do("GET", records+"/damaged", "").want(409).is("code", "unreadable")
	if a := s.do("GET", records, "").want(200); a.get("items.0.unreadable") != true || a.get("items.0.document") != nil ||
		a.get("items.1.unreadable") != nil || a.str("items.1.document.contact.email") == "" {
		t.Errorf("the list of records: %s", a.Body)
	}
	s.do("PUT", records+"/damaged", `{"id":"damaged"}`).want(409).is("code", "record_unreadable")

	if items, _ := s.found(adminKey, "**.email", "ana@example.com"); len(items) != 2 {
		t.Errorf("the search finds %v", items)
	}
	if a := s.do("POST", "/v1/tenants/acme/erase-subject", search).want(200); !strings.Contains(a.Body, `"records":1,"events":1,`) {
		t.Errorf("erased: %s", a.Body)
	}
	if items, _ := s.found(adminKey, "**.email", "ana@example.com"); len(items) != 0 {
		t.Errorf("the search finds %v after erasing", items)
	}
	if a := s.do("GET", "/v1/tenants/acme/events/"+ids["good"], "").want(200); a.str("content_type") != hook.ErasedType {
		t.Errorf("the erased event: %s", a.Body)
	}

	s.do("DELETE", records+"/damaged", "").want(200)
	s.do("PUT", records+"/damaged", `{"id":"damaged"}`).want(201)
}
