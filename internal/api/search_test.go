package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gancho/internal/hook"
)

// found searches to the end and returns what was found, and in how many pages.
func (s *server) found(key, path, value string) (items []map[string]any, pages int) {
	s.t.Helper()
	for cursor := ""; ; {
		body, err := json.Marshal(map[string]string{"path": path, "value": value, "cursor": cursor})
		if err != nil {
			s.t.Fatal(err)
		}
		a := s.as(key, "POST", "/v1/tenants/acme/search", string(body)).want(200)
		var page struct {
			Items []map[string]any `json:"items"`
			Next  *string          `json:"next_cursor"`
			Rows  int              `json:"rows"`
		}
		if err := json.Unmarshal([]byte(a.Body), &page); err != nil || page.Rows > 2050 {
			s.t.Fatal(page.Rows, err)
		}
		items, pages = append(items, page.Items...), pages+1
		if page.Next == nil {
			return items, pages
		}
		if cursor = *page.Next; pages > 100 {
			s.t.Fatal("the search has no end")
		}
	}
}

// A person's data is found wherever it stands, in this tenant only, a bounded page at a time, and the audit does not
// say whose it was.
func TestSearch(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.tenant("acme")
	s.tenant("other")
	const person = `{"id":1,"contact":{"email":"ana@example.com"},"items":[{"phone":3001},{"phone":3002}]}`
	for _, tenant := range []string{"acme", "other"} {
		s.do("PUT", "/v1/tenants/"+tenant+"/records/cabaprop/conversation/1", person).want(201)
		s.do("POST", "/v1/tenants/"+tenant+"/events", `{"type":"person.seen","payload":`+person+`}`).want(202)
	}
	for range 3 {
		one := `{"type":"a.b","payload":{"contact":{"email":"other@example.com"}}}`
		s.do("POST", "/v1/tenants/acme/events", "["+strings.TrimSuffix(strings.Repeat(one+",", 900), ",")+"]").want(202)
	}
	key := s.key(`{"role":"tenant","tenant":"acme"}`)
	read := 0 // pages
	for path, want := range map[string]struct{ value, paths string }{
		"contact.email": {"ana@example.com", "[contact.email]"},
		"**.email":      {"ana@example.com", "[contact.email]"},
		"items.*.phone": {"3002", `[items["1"].phone]`},
	} {
		items, pages := s.found(key, path, want.value)
		read += pages
		if pages < 2 {
			t.Errorf("%s: all in %d page", path, pages)
		}
		kinds := map[any]int{}
		for _, it := range items {
			kinds[it["kind"]]++
			if got := fmt.Sprint(it["paths"]); got != want.paths && got != strings.ReplaceAll(want.paths, `["1"]`, ".1") {
				t.Errorf("%s: found at %s", path, got)
			}
		}
		if kinds["event"] != 1 || kinds["record"] != 1 || len(items) != 2 {
			t.Errorf("%s: found %v", path, items)
		}
	}
	items, pages := s.found(key, "contact.email", "nobody@example.com")
	if read += pages; len(items) != 0 {
		t.Errorf("nobody was found: %v", items)
	}
	s.as(key, "POST", "/v1/tenants/acme/search", `{"path":"a..b","value":"x"}`).want(422).is("code", "request_invalid")
	s.as(key, "POST", "/v1/tenants/acme/search", `{"path":"a","value":"x","cursor":"AAAAAAAAAAAAAA"}`).want(422)
	s.as(s.key(`{"role":"read"}`), "POST", "/v1/tenants/acme/search", `{"path":"a","value":"x"}`).want(403)
	audit := s.do("GET", "/v1/audit?tenant=acme&limit=100", "").want(200).Body
	if n := strings.Count(audit, `"personal.searched"`); n != read {
		t.Errorf("%d pages were read, and the audit has %d of them: a caller can begin at any page", read, n)
	}
	if !strings.Contains(audit, `"personal.searched"`) || !strings.Contains(audit, `"items.*.phone"`) || strings.Contains(audit, "ana@example.com") {
		t.Errorf("the audit: %s", audit)
	}
}

// A form for a search offers the paths that contracts call sensitive, as they write them.
func TestSensitivePaths(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	source := strings.Replace(shop, "\nevents:", "\nsensitive: [contact.email, \"items.*.phone\", \"**.document\"]\nevents:", 1)
	s.post("/v1/contracts", source).want(201)
	s.do("GET", "/v1/contracts/shop", "").want(200).is("sensitive", []any{"contact.email", "items.*.phone", "**.document"})
	s.do("GET", "/v1/contracts/standard", "").want(200).is("sensitive", []any{})
}

// A person's data is erased wherever a search finds it, a page at a time, and a second search finds nothing.
func TestEraseSubject(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.tenant("acme")
	s.tenant("other")
	const person = `{"id":1,"contact":{"email":"ana@example.com"}}`
	var kept string // of another person, and of another tenant
	for _, tenant := range []string{"acme", "other"} {
		s.do("PUT", "/v1/tenants/"+tenant+"/records/cabaprop/conversation/1", person).want(201)
		s.do("POST", "/v1/tenants/"+tenant+"/events", `{"type":"person.seen","id":"ana","payload":`+person+`}`).want(202)
	}
	for range 3 { // more than a page
		one := `{"type":"a.b","payload":{"contact":{"email":"other@example.com"}}}`
		kept = s.do("POST", "/v1/tenants/acme/events", "["+strings.TrimSuffix(strings.Repeat(one+",", 900), ",")+"]").want(202).str("items.0.id")
	}
	ep, _ := s.endpoint("/v1/tenants/acme", `{"url":"`+nobody+`/","state":"paused"}`)
	waits := s.do("POST", "/v1/tenants/acme/events", `{"type":"person.waits","payload":`+person+`}`).want(202).str("id")

	erase := func(key string) (records, events int64, waiting []any) {
		t.Helper()
		cursor, pages := "", 0
		for {
			a := s.as(key, "POST", "/v1/tenants/acme/erase-subject", `{"path":"**.email","value":"ana@example.com","cursor":"`+cursor+`"}`).want(200)
			number := func(name string) int64 { n, _ := a.get(name).(json.Number).Int64(); return n }
			records, events = records+number("records"), events+number("events")
			waiting = append(waiting, a.get("waiting").([]any)...)
			if pages++; a.get("next_cursor") == nil {
				if pages < 2 {
					t.Error("everything fitted on one page, so this shows less than it should")
				}
				return records, events, waiting
			}
			cursor = a.str("next_cursor")
		}
	}
	for _, limited := range []string{`{"role":"read","tenant":"acme"}`, `{"role":"tenant","tenant":"acme","scopes":["personal:read"]}`, `{"role":"tenant","tenant":"other"}`} {
		if a := s.as(s.key(limited), "POST", "/v1/tenants/acme/erase-subject", `{"path":"**.email","value":"ana@example.com"}`); a.Status != 403 && a.Status != 404 {
			t.Errorf("with a key %s: %d %s", limited, a.Status, a.Body)
		}
	}
	s.do("POST", "/v1/tenants/acme/erase-subject", `{"path":"a..b","value":"x"}`).want(422)
	key := s.key(`{"role":"tenant","tenant":"acme","scopes":["personal:erase"]}`)
	if records, events, waiting := erase(key); records != 1 || events != 1 || len(waiting) != 1 || waiting[0] != waits {
		t.Errorf("erased %v records and %v events; %v waits", records, events, waiting)
	}
	if items, _ := s.found(adminKey, "**.email", "ana@example.com"); len(items) != 1 || items[0]["event"] != waits {
		t.Errorf("still there beside what waits: %v", items)
	}
	s.do("POST", ep+"/disable", "").want(200)
	for _, d := range s.deliveriesOf("acme", waits) { // as the lane of a disabled endpoint does
		s.finish(d, hook.Cancelled, nil)
	}
	if _, events, waiting := erase(key); events != 1 || len(waiting) != 0 {
		t.Errorf("erased %v events when nothing waited any more; %v waits", events, waiting)
	}
	if items, _ := s.found(adminKey, "**.email", "ana@example.com"); len(items) != 0 {
		t.Errorf("a second search finds %v", items)
	}
	s.do("GET", "/v1/tenants/acme/records/cabaprop/conversation/1", "").want(404)
	ev := s.do("GET", "/v1/tenants/acme/events/ana?reveal=true", "").want(200)
	if ev.str("content_type") != hook.ErasedType || !strings.HasPrefix(ev.str("payload"), "Erased at ") || strings.Contains(ev.Body, "example.com") {
		t.Errorf("the event: %s", ev.Body)
	}
	for _, at := range []string{"", "/payload"} { // nobody has to reveal it to read that nothing is there
		if ev := s.do("GET", "/v1/tenants/acme/events/ana"+at, "").want(200); !strings.Contains(ev.Body, "Erased at ") {
			t.Errorf("the event, masked: %s", ev.Body)
		}
	}
	if ev := s.do("GET", "/v1/tenants/acme/events/"+kept+"?reveal=true", "").want(200); !strings.Contains(ev.Body, "other@example.com") {
		t.Errorf("another person: %s", ev.Body)
	}
	if ev := s.do("GET", "/v1/tenants/other/events/ana?reveal=true", "").want(200); !strings.Contains(ev.Body, "ana@example.com") {
		t.Errorf("another tenant: %s", ev.Body)
	}
	audit := s.do("GET", "/v1/audit?tenant=acme&limit=100", "").want(200)
	if !strings.Contains(audit.Body, `"personal.erased"`) || !strings.Contains(audit.Body, "records=1") || strings.Contains(audit.Body, "ana@example.com") {
		t.Errorf("the audit: %s", audit.Body)
	}
}
