package api_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"gancho/contracts"
	"gancho/internal/contract"
)

const triggered = `
contract: triggered
title: Triggered
records:
  thing: {title: Thing, key: id, schema: {type: object, required: [id], properties: {n: {type: integer}}}}
  note: {title: Note, key: id}
events:
  thing.changed: {title: Changed, on: thing, when: 'changed("n")'}
  thing.large: {title: Large, on: thing, when: 'new != null && new.size != null && new.size > 10'}
`

// withThings is a server with the contract triggered, and the path of its things.
func withThings(t *testing.T) (s *server, things string) {
	t.Helper()
	s = newServer(t)
	c, err := contract.Parse("triggered.yaml", []byte(triggered))
	if err != nil {
		t.Fatal(err)
	}
	s.contracts.Add(c.WithVersion(1))
	return s, s.tenant("acme") + "/records/triggered/thing"
}

// Documents that a decoder would change are returned as they were sent, alone and in lists. So are the parts of a
// document that a patch did not name.
func TestDocumentBytes(t *testing.T) {
	t.Parallel()
	s, things := withThings(t)
	notes := strings.Replace(things, "/thing", "/note", 1)
	for i, form := range []string{
		`{"id":"%d"}`, "{ \"a\" :\t[ 1 ,\r\n 2 ],\"id\":\"%d\" }\n", `{"n":-0.0,"m":1E400,"d":0.000907775311708679,"big":9007199254740993,"id":%d}`,
		`{"b":1,"a":2,"id":"%d","u":"\/ \u00e3 ã \ud83d\ude00 <b>&"}`, "{\"id\":%d,\"u\":\"\u2028\u2029\x7f\"}",
	} {
		key := fmt.Sprint(i)
		doc, second := fmt.Sprintf(form, i), fmt.Sprintf(form, 100+i)
		a := s.do("PUT", notes+"/"+key, doc).want(201)
		got := s.do("GET", notes+"/"+key, "").want(200)
		if got.Body != doc || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Last-Modified") == "" {
			t.Errorf("%q came back as %q, %v", doc, got.Body, got.Header)
		}
		if etag := got.Header.Get("ETag"); etag == "" || etag != a.Header.Get("ETag") || etag != a.str("etag") {
			t.Errorf("ETag %q, %q, %s", etag, a.Header.Get("ETag"), a.Body)
		}
		for _, list := range []string{notes, "/v1/tenants/acme/records?contract=triggered&kind=note", "/v1/tenants/acme/records"} {
			if l := s.do("GET", list, "").want(200); !strings.Contains(l.Body, `"key":"`+key+`"`) || !strings.Contains(l.Body, `"document":`+doc+`}`) {
				t.Errorf("%s: %q is not in %s", list, doc, l.Body)
			}
		}
		s.do("PATCH", notes+"/"+key, `{"new":1}`).want(200)
		s.do("PATCH", notes+"/"+key, `{"new":null}`).want(200)
		if got := s.do("GET", notes+"/"+key, "").want(200); got.Body != doc {
			t.Errorf("patched there and back, %q became %q", doc, got.Body)
		}
		batch := `{ "items" : [ {"contract":"triggered","kind":"note","document": ` + second + ` } ] }`
		s.do("POST", "/v1/tenants/acme/records", batch).want(200)
		if got := s.do("GET", fmt.Sprint(notes, "/", 100+i), "").want(200); got.Body != strings.TrimSpace(second) {
			t.Errorf("of the batch %s came back %q", batch, got.Body)
		}
	}
}

func TestRecordAnswers(t *testing.T) {
	t.Parallel()
	s, things := withThings(t)
	s.endpoint("/v1/tenants/acme", `{"contract":"triggered","url":"`+nobody+`/"}`)
	made := s.do("PUT", things+"/a", `{"id":"a","n":1}`).want(201)
	if made.get("changed") != true || made.get("created") != true || made.get("duplicate") != false || made.str("events.0.type") != "thing.changed" ||
		fmt.Sprint(made.get("events.0.deliveries")) != "1" || made.str("key") != "a" {
		t.Errorf("made: %s", made.Body)
	}
	event := s.do("GET", "/v1/tenants/acme/events/"+made.str("events.0.id"), "").want(200)
	if event.str("source") != "record" || !strings.HasSuffix(event.Body, `"payload":{"id":"a","n":1}}`) {
		t.Errorf("event: %s", event.Body)
	}
	if n := len(s.deliveriesOf("acme", made.str("events.0.id"))); n != 1 {
		t.Errorf("%d deliveries", n)
	}
	same := s.do("PUT", things+"/a", `{"id":"a","n":1}`).want(200)
	if same.get("changed") != false || same.get("created") != false || same.get("events.0") != nil || same.str("etag") != made.str("etag") {
		t.Errorf("the same again: %s", same.Body)
	}
	failed := s.do("PUT", things+"/a", `{"id":"a","n":2,"size":"hunter2"}`).want(200)
	if failed.str("problems.0.type") != "thing.large" || fmt.Sprint(failed.get("problems.0.line")) != "9" || failed.str("problems.0.detail") == "" ||
		failed.str("events.0.type") != "thing.changed" || failed.get("events.1") != nil {
		t.Errorf("a condition that fails: %s", failed.Body)
	}
	if strings.Contains(s.log.String(), "hunter2") || !strings.Contains(s.log.String(), "condition failed") {
		t.Errorf("the log: %s", s.log)
	}
	if a := s.do("PATCH", things+"/a", `{"size":null}`).want(200); a.get("events.0") != nil || a.get("changed") != true {
		t.Errorf("patched: %s", a.Body)
	}
	gone := s.do("DELETE", things+"/a", "").want(200)
	if gone.get("etag") != nil || gone.Header.Get("ETag") != "" || gone.get("changed") != true {
		t.Errorf("deleted: %s", gone.Body)
	}
	s.do("GET", things+"/a", "").want(404)
	s.do("DELETE", things+"/a", "").want(404)
	s.do("PATCH", things+"/a", `{}`).want(404)
}

// Keys may hold anything that a path has to escape.
func TestRecordKeys(t *testing.T) {
	t.Parallel()
	s, things := withThings(t)
	for _, key := range []string{"a/b", "a b", "ñ", "..", "a%2Fb", "a?b=c#d", "//", "%", "+", strings.Repeat("x", contract.MaxRecordKey)} {
		at := things + "/" + strings.ReplaceAll(url.PathEscape(key), ".", "%2E")
		doc := fmt.Sprintf(`{"id":%q}`, key)
		if a := s.do("PUT", at, doc).want(201); a.str("key") != key {
			t.Errorf("%q: %s", key, a.Body)
		}
		if a := s.do("GET", at, "").want(200); a.Body != doc {
			t.Errorf("%q: %s", key, a.Body)
		}
		s.do("PATCH", at, `{"n":1}`).want(200)
		s.do("DELETE", at, "").want(200)
	}
}

func TestRecordPreconditions(t *testing.T) {
	t.Parallel()
	s, things := withThings(t)
	old := s.do("PUT", things+"/a", `{"id":"a","n":1}`).want(201).str("etag")
	now := s.do("PUT", things+"/a", `{"id":"a","n":2}`).want(200).str("etag")
	for _, c := range []struct {
		method, key, header, value string
		status                     int
		code                       string
	}{
		{"PUT", "a", "If-Match", old, 412, "record_changed"},
		{"PATCH", "a", "If-Match", old, 412, "record_changed"},
		{"DELETE", "a", "If-Match", old, 412, "record_changed"},
		{"PUT", "a", "If-Match", "W/" + now, 412, "record_changed"},
		{"PUT", "a", "If-Match", `"nothing of ours!"`, 412, "record_changed"},
		{"PUT", "b", "If-Match", "*", 412, "record_changed"},
		{"DELETE", "b", "If-Match", now, 412, "record_changed"},
		{"PUT", "a", "If-None-Match", "*", 412, "record_exists"},
		{"PUT", "a", "If-None-Match", now, 422, "precondition_invalid"},
		{"PUT", "a", "If-Match", old + ", " + now, 200, ""},
		{"PATCH", "a", "If-Match", "*", 200, ""},
		{"PUT", "c", "If-None-Match", "*", 201, ""},
		{"PUT", "a", "If-Match", strings.Trim(now, `"`), 200, ""},
	} {
		a := s.as(adminKey, c.method, things+"/"+c.key, fmt.Sprintf(`{"id":%q,"n":2}`, c.key), c.header, c.value).want(c.status)
		if c.code != "" && a.str("code") != c.code {
			t.Errorf("%s %s: %s %s: %s", c.method, c.key, c.header, c.value, a.Body)
		}
	}
	for value, want := range map[string]int{now: 304, "W/" + now: 304, old + "," + now: 304, "*": 304, old: 200, "x": 200} {
		a := s.as(adminKey, "GET", things+"/a", "", "If-None-Match", value).want(want)
		if (want == 304) != (a.Body == "") || a.Header.Get("ETag") != now {
			t.Errorf("If-None-Match %s: %q %v", value, a.Body, a.Header)
		}
	}
	s.do("HEAD", things+"/a", "").want(200)
}

func TestWrongRecords(t *testing.T) {
	t.Parallel()
	s, things := withThings(t)
	of := func(contract, kind string) string { return "/v1/tenants/acme/records/" + contract + "/" + kind + "/a" }
	s.do("PUT", things+"/a", `{"id":"a"}`).want(201)
	for _, c := range []struct {
		method, path, body string
		status             int
		code, where        string
	}{
		{"PUT", things + "/a", ``, 400, "body_missing", ""},
		{"PUT", things + "/a", ` `, 400, "body_missing", ""},
		{"PUT", things + "/a", `{"id":"a"`, 400, "json_invalid", ""},
		{"PUT", things + "/a", `{"id":"a","x":{"b":1,"b":2}}`, 400, "json_invalid", `"pointer":"/x/b"`},
		{"PUT", things + "/a", "{\"id\":\"a\",\"x\":\"\xff\"}", 400, "json_invalid", `"pointer":"/x"`},
		{"PUT", things + "/a", `{"id":"a","x":` + strings.Repeat("[", 128) + strings.Repeat("]", 128) + `}`, 400, "json_invalid", ""},
		{"PUT", things + "/a", `{"id":"a"} {}`, 400, "json_invalid", ""},
		{"PUT", things + "/a", `{"id":"a","x":"` + strings.Repeat("x", 64<<10) + `"}`, 413, "body_too_large", ""},
		{"PUT", things + "/a", `[]`, 422, "record_invalid", `"pointer":""`},
		{"PUT", things + "/a", `{"id":"a","n":"x"}`, 422, "record_invalid", `"pointer":"/n"`},
		{"PUT", things + "/a", `{"id":"b"}`, 422, "record_key_invalid", `"pointer":"/id"`},
		{"DELETE", things + "/x%00y", ``, 422, "record_key_invalid", `"parameter":"key"`},
		{"DELETE", things + "/%FF", ``, 422, "record_key_invalid", `"parameter":"key"`},
		{"GET", things + "/x%00y", ``, 422, "request_invalid", `"parameter":"key"`},
		{"GET", things + "/%FF", ``, 422, "request_invalid", `"parameter":"key"`},
		{"PUT", things + "/a", `{}`, 422, "record_invalid", `"pointer":"/id"`},
		{"PUT", of("nothing", "thing"), `{"id":"a"}`, 422, "contract_unknown", `"parameter":"contract"`},
		{"PUT", of("triggered", "nothing"), `{"id":"a"}`, 422, "record_kind_unknown", `"parameter":"kind"`},
		{"PUT", of("standard", "thing"), `{"id":"a"}`, 422, "record_kind_unknown", `"parameter":"kind"`},
		{"PATCH", things + "/a", `{"n":1.5}`, 422, "record_invalid", `"pointer":"/n"`},
		{"PATCH", things + "/a", `{"id":null}`, 422, "record_invalid", `"pointer":"/id"`},
		{"PATCH", things + "/a", `[]`, 422, "record_invalid", `"pointer":""`},
		{"PATCH", things + "/b", `{}`, 404, "record_not_found", ""},
		{"DELETE", things + "/b", ``, 404, "record_not_found", ""},
		{"GET", things + "/b", ``, 404, "record_not_found", ""},
		{"PUT", "/v1/tenants/nobody/records/triggered/thing/a", `{"id":"a"}`, 404, "tenant_not_found", ""},
		{"PUT", "/v1/tenants/NO BODY/records/triggered/thing/a", `{"id":"a"}`, 404, "tenant_not_found", ""},
		{"GET", "/v1/tenants/acme/records?kind=thing", ``, 422, "kind_invalid", `"parameter":"kind"`},
		{"GET", "/v1/tenants/acme/records?cursor=x", ``, 422, "cursor_invalid", ""},
		{"POST", "/v1/tenants/acme/records", `{}`, 422, "record_change_invalid", ""},
		{"POST", "/v1/tenants/acme/records", `{"items":[],"x":1}`, 422, "record_change_invalid", ""},
		{"POST", "/v1/tenants/acme/records", `{"items":{}}`, 422, "record_change_invalid", ""},
		{"POST", "/v1/tenants/acme/records", `"x"`, 422, "record_change_invalid", ""},
		{"POST", "/v1/tenants/acme/records", `[`, 400, "json_invalid", ""},
		{"POST", "/v1/tenants/acme/records", `[]`, 422, "too_many_records", ""},
		{"POST", "/v1/tenants/acme/records", `[` + strings.Repeat("1,", 1000) + `1]`, 422, "too_many_records", ""},
	} {
		a := s.do(c.method, strings.ReplaceAll(c.path, " ", "%20"), c.body).want(c.status)
		if a.str("code") != c.code || !strings.Contains(a.Body, c.where) {
			t.Errorf("%s %s %.60s: %s", c.method, c.path, c.body, a.Body)
		}
	}
	s.as(adminKey, "PUT", things+"/a", `{"id":"a"}`, "Content-Encoding", "gzip").want(http.StatusUnsupportedMediaType)
	s.as(adminKey, "PUT", things+"/a", `{"id":"a"}`, "Idempotency-Key", "").want(422)
	if a := s.do("GET", things+"/a", "").want(200); a.Body != `{"id":"a"}` {
		t.Errorf("now %s", a.Body)
	}
}

// If items of a batch are wrong, each has an error of its own, and the others are applied.
func TestRecordBatch(t *testing.T) {
	t.Parallel()
	s, _ := withThings(t)
	item := func(rest string) string { return `{"contract":"triggered","kind":"thing",` + rest + `}` }
	cases := []struct{ item, want string }{
		{item(`"document":{"id":"a","n":1}`), `"key":"a"`},
		{item(`"key":"a","patch":{"n":2}`), `"type":"thing.changed"`},
		{item(`"patch":{"id":"a","n":2}`), `"changed":false`},
		{item(`"document":{"id":7}`), `"key":"7"`},
		{item(`"key":7,"delete":true`), `"etag":null`},
		{item(`"key":"7","delete":true`), `"code":"record_not_found"`},
		{item(`"key":"x","document":{"id":"y"}`), `"pointer":"/items/%d/document/id"`},
		{item(`"document":{"id":"x","n":"x"}`), `"pointer":"/items/%d/document/n"`},
		{item(`"patch":{"id":"a","n":"x"}`), `"pointer":"/items/%d/patch/n"`},
		{item(`"key":"x"`), `"code":"record_change_invalid"`},
		{item(`"key":"x","patch":{},"delete":true`), `"code":"record_change_invalid"`},
		{item(`"key":"x","delete":false`), `"pointer":"/items/%d/delete"`},
		{item(`"key":true,"delete":true`), `"pointer":"/items/%d/key"`},
		{item(`"key":"x","delete":true,"a/b":1`), `"pointer":"/items/%d/a~1b"`},
		{`{"contract":"none","kind":"thing","document":{"id":"x"}}`, `"pointer":"/items/%d/contract"`},
		{`{"contract":"triggered","kind":"none","document":{"id":"x"}}`, `"pointer":"/items/%d/kind"`},
		{`{"kind":"thing","document":{"id":"x"}}`, `"pointer":"/items/%d/contract"`},
		{`5`, `"code":"record_change_invalid"`},
		{item(`"document":{"id":"x","t":"` + strings.Repeat("x", 64<<10) + `"}`), `"code":"document_too_large"`},
		{item(`"document":{"id":"z","size":"q"}`), `"type":"thing.large"}]`},
	}
	var items []string
	for _, c := range cases {
		items = append(items, c.item)
	}
	body := strings.Join(items, ",\n")
	a := s.do("POST", "/v1/tenants/acme/records", `{"items":[`+body+`]}`).want(200)
	got := a.get("items").([]any)
	for i, c := range cases {
		want := strings.ReplaceAll(c.want, "%d", fmt.Sprint(i))
		one, err := json.Marshal(got[i])
		if err != nil || !strings.Contains(string(one), want) {
			t.Errorf("%d: %.80s\n got %s\nwant %s", i, c.item, one, want)
		}
	}
	// Items that break the rules of JSON, in a bare array.
	a = s.do("POST", "/v1/tenants/acme/records", `[`+item(`"document":{"id":"b","n":1,"n":2}`)+`,`+item(`"document":{"id":"b","n":3}`)+`,`+item(`"document":{"id":"c","x":"`+"\xff"+`"}`)+`]`).want(200)
	if a.str("items.0.error.code") != "json_invalid" || a.str("items.1.key") != "b" || a.str("items.2.error.code") != "json_invalid" || !strings.Contains(a.Body, `"/0/document/n"`) {
		t.Errorf("%s", a.Body)
	}
	// A thousand changes are accepted, and the same ones again change nothing.
	items = items[:0]
	for i := range 1000 {
		items = append(items, item(fmt.Sprintf(`"document":{"id":"m%d","n":%d}`, i, i)))
	}
	body = "[" + strings.Join(items, ",") + "]"
	first := s.as(adminKey, "POST", "/v1/tenants/acme/records", body, "Idempotency-Key", "k").want(200)
	if n := strings.Count(first.Body, `"changed":true`); n != 1000 {
		t.Errorf("%d changed", n)
	}
	again := s.as(adminKey, "POST", "/v1/tenants/acme/records", body, "Idempotency-Key", "k").want(200)
	if again.Body != strings.ReplaceAll(first.Body, `"duplicate":false`, `"duplicate":true`) {
		t.Errorf("again: %.300s", again.Body)
	}
	s.as(adminKey, "POST", "/v1/tenants/acme/records", "["+items[0]+"]", "Idempotency-Key", "k").want(409)
	s.as(adminKey, "POST", "/v1/tenants/acme/events", body, "Idempotency-Key", "k").want(409)
	if plain := s.do("POST", "/v1/tenants/acme/records", body).want(200); strings.Contains(plain.Body, `"changed":true`) {
		t.Errorf("without the key: %.300s", plain.Body)
	}
	// The list goes through all of them.
	seen, cursor := map[string]bool{}, ""
	for {
		page := s.do("GET", "/v1/tenants/acme/records/triggered/thing?limit=200"+cursor, "").want(200)
		for _, it := range page.get("items").([]any) {
			key := it.(map[string]any)["key"].(string)
			if seen[key] {
				t.Errorf("%s twice", key)
			}
			seen[key] = true
		}
		next, ok := page.get("next_cursor").(string)
		if !ok {
			break
		}
		cursor = "&cursor=" + next
	}
	if len(seen) != 1003 { // and a, b, z
		t.Errorf("%d listed", len(seen))
	}
}

// A key of one tenant cannot read or change the records of another.
func TestRecordsAreApart(t *testing.T) {
	t.Parallel()
	s, things := withThings(t)
	s.tenant("other")
	key := s.key(`{"role":"tenant","tenant":"other"}`)
	s.do("PUT", things+"/a", `{"id":"a"}`).want(201)
	theirs := strings.Replace(things, "acme", "other", 1)
	for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
		s.as(key, method, things+"/a", `{"id":"a","n":9}`).want(404)
	}
	s.as(key, "GET", theirs+"/a", "").want(404)
	s.as(key, "PATCH", theirs+"/a", "{}").want(404)
	if a := s.as(key, "GET", "/v1/tenants/other/records", "").want(200); a.get("items.0") != nil {
		t.Errorf("%s", a.Body)
	}
	s.as(key, "PUT", theirs+"/a", `{"id":"a","n":2}`).want(201)
	if a := s.do("GET", things+"/a", "").want(200); a.Body != `{"id":"a"}` {
		t.Errorf("ours is now %s", a.Body)
	}
}

// The same request with the same Idempotency-Key gets the same answer.
func TestRecordOnce(t *testing.T) {
	t.Parallel()
	s, things := withThings(t)
	first := s.as(adminKey, "PUT", things+"/a", `{"id":"a","n":1}`, "Idempotency-Key", "k").want(201)
	s.do("DELETE", things+"/a", "").want(200)
	again := s.as(adminKey, "PUT", things+"/a", `{"id":"a","n":1}`, "Idempotency-Key", "k").want(200)
	if again.get("duplicate") != true || again.str("events.0.id") != first.str("events.0.id") || again.Header.Get("ETag") != first.Header.Get("ETag") {
		t.Errorf("first %s\nagain %s", first.Body, again.Body)
	}
	s.do("GET", things+"/a", "").want(404)
	s.as(adminKey, "PUT", things+"/b", `{"id":"a","n":1}`, "Idempotency-Key", "k").want(409)
	s.as(adminKey, "PATCH", things+"/a", `{"id":"a","n":1}`, "Idempotency-Key", "k").want(409)
}

// TestRecordStories changes records of the shipped contracts as the products do, and checks which events each change
// fires.
func TestRecordStories(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	example := func(name string) string {
		b, err := fs.ReadFile(contracts.Files, "examples/"+name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	visit, contact := example("kobra-finish-visit.as-documented.json"), example("catacliente-test.as-documented.json")
	for _, c := range []struct{ method, record, body, fires string }{
		{"PUT", "prolibu/proposal/p1", `{"id":"p1","status":"Ready","CCI":0.000907775311708679}`, ""},
		{"PATCH", "prolibu/proposal/p1", `{"status":"Draft"}`, ""},
		{"DELETE", "prolibu/proposal/p1", ``, ""},

		{"PUT", "cabaprop/conversation/44444", `{"id":44444,"messages":[]}`, ""},
		{"PUT", "cabaprop/message/1", `{"id":1,"conversationId":44444}`, "create.message"},
		{"PUT", "cabaprop/message/1", `{"id":1,"conversationId":44444}`, ""},
		{"PUT", "cabaprop/message/1", `{"id":1,"conversationId":44444,"text":"x"}`, ""},
		{"PUT", "cabaprop/message/2", `{"id":2,"conversationId":null,"visitor":{"name":"Ana","email":"a@b.c","phone":"1","message":"Hola","propertyId":7}}`, "create.message"},
		{"DELETE", "cabaprop/message/1", ``, ""},

		{"PUT", "upnify/cliente/C-1", `{"id":"C-1","fase":"Nuevo","etiquetas":["a"]}`, "cliente.nuevo"},
		{"PATCH", "upnify/cliente/C-1", `{"fase":"Contactado"}`, "cliente.cambio_fase"},
		{"PATCH", "upnify/cliente/C-1", `{"archivado":true}`, "cliente.archivado"},
		{"PATCH", "upnify/cliente/C-1", `{"compartido_con":["U-2"]}`, "cliente.compartido"},
		{"PATCH", "upnify/cliente/C-1", `{"compartido_con":null}`, "cliente.no_compartido"},
		{"PATCH", "upnify/cliente/C-1", `{"etiquetas":["a","b"]}`, "cliente.etiquetado"},
		{"PATCH", "upnify/cliente/C-1", `{"nombre":"Ana"}`, "cliente.editado"},
		{"PATCH", "upnify/cliente/C-1", `{"nombre":"Ana"}`, ""},
		{"PATCH", "upnify/cliente/C-1", `{"fase":"Cierre","nombre":"Ana T."}`, "cliente.cambio_fase cliente.editado"},
		{"DELETE", "upnify/cliente/C-1", ``, ""},

		{"PUT", "kobra/visit/9A1190V5974", `{"visitID":"9A1190V5974","productID":1,"finished":false}`, ""},
		{"PUT", "kobra/visit/9A1190V5974", visit, "visit.finished"},
		{"PUT", "kobra/visit/9A1190V5974", visit, ""},
		{"PATCH", "kobra/visit/9A1190V5974", `{"comment":"x"}`, ""},
		{"DELETE", "kobra/visit/9A1190V5974", ``, ""},

		{"PUT", "catacliente/contact/0", `{"contact":{"id":0,"interest_level":null}}`, ""},
		{"PUT", "catacliente/contact/0", contact, "interest_level"},
		{"PUT", "catacliente/contact/0", contact, ""},
		{"PATCH", "catacliente/contact/0", `{"contact":{"name":"B"}}`, ""},
		{"PATCH", "catacliente/contact/0", `{"contact":{"interest_level":null}}`, ""},
		{"PATCH", "catacliente/contact/0", `{"contact":{"interest_level":1}}`, "interest_level"},
	} {
		a := s.do(c.method, tenant+"/records/"+c.record, c.body)
		if a.Status >= 300 {
			t.Errorf("%s %s %.60s: %d %s", c.method, c.record, c.body, a.Status, a.Body)
			continue
		}
		var fired []string
		for _, e := range a.get("events").([]any) {
			e := e.(map[string]any)
			fired = append(fired, e["type"].(string))
			if event := s.do("GET", tenant+"/events/"+e["id"].(string), "").want(200); c.method == "PUT" && !strings.HasSuffix(event.Body, `"payload":`+c.body+`}`) {
				t.Errorf("%s: the payload is not the document: %s", c.record, event.Body)
			}
		}
		if got := strings.Join(fired, " "); got != c.fires || a.get("problems.0") != nil {
			t.Errorf("%s %s %.60s: fires %q, want %q: %s", c.method, c.record, c.body, got, c.fires, a.Body)
		}
	}
}
