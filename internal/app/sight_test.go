package app

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/andybalholm/brotli"

	"gancho.example/client"
)

// peopleContract puts a secret and personal data into every part of a request.
const peopleContract = `
contract: people
title: {en: People}
records:
  person: {title: {en: Person}, key: id, schema: {type: object, required: [id]}}
events:
  person.changed: {title: {en: Changed}, on: person, when: "new != null"}
  "*": {title: {en: Any}}
endpoint:
  shaping: on
  settings:
    properties:
      token: {type: string, secret: true, title: {en: Token}}
      contact: {type: object, title: {en: Contact}, properties: {email: {type: string, title: {en: Email}}}}
  headers:
    x-of-person: ${payload.contact.email}
  body: {key: "${settings.token}", who: "${payload.contact.email}", payload: "${payload}"}
sensitive: [contact.email, "items.*.phone", "**.document"]
`

// Everything that can be read is read, by a key of role read and by one that may manage the tenant. No
// secret is in any answer to the first, and personal data in none at all, unless it was asked for.
func TestNothingIsShownToWhoMayNotSeeIt(t *testing.T) { eachPlace(t, testNothingIsShown) }

func testNothingIsShown(t *testing.T, at place) {
	ctx := t.Context()
	secrets := []string{
		"path-token-71", "query-token-72", "strange-header-73", "auth-header-74", "setting-token-75", "script-token-76", "cookie-token-77",
	}
	personal := []string{"ana@marker.example", "300555marker", "doc-marker-88", "57118899", "boss@marker.example"}
	var mu sync.Mutex
	var arrived []string // everything that the receivers got
	echo := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		all := fmt.Sprint(r.URL, " ", r.Header, " ", string(body))
		mu.Lock()
		arrived = append(arrived, all)
		mu.Unlock()
		w.Header().Set("Set-Cookie", "session=cookie-token-77")
		w.Header().Set("X-Echo", r.URL.String())
		if as := r.URL.Query().Get("as"); as != "" {
			w.Header().Set("Content-Encoding", as)
			w.WriteHeader(http.StatusBadRequest)
			var z io.WriteCloser = gzip.NewWriter(w)
			if as == "br" {
				z = brotli.NewWriter(w)
			}
			defer z.Close()
			_, _ = io.WriteString(z, "you sent "+all)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, "you sent "+all)
	}
	url := listening(t, echo) + "/hooks/path-token-71?id=query-token-72"
	p := startAt(t, at)
	if _, err := p.PutTenant(ctx, "acme", client.TenantInput{}); err != nil {
		t.Fatal(err)
	}
	key := func(role, scopes string) string {
		var made struct {
			Key string `json:"key"`
		}
		status, answer := p.call(testKey, "POST", "/v1/keys", `{"name":"k","role":"`+role+`","tenant":"acme"`+scopes+`}`)
		if err := json.Unmarshal(answer, &made); err != nil || made.Key == "" {
			t.Fatal(status, string(answer))
		}
		return made.Key
	}
	read, tenant := key("read", ""), key("tenant", "")
	limited := key("tenant", `,"scopes":["events:read","records:read","deliveries:read"]`)
	must := func(method, path, body string) map[string]any {
		t.Helper()
		status, answer := p.call(testKey, method, path, body)
		if status >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, status, answer)
		}
		var out map[string]any
		_ = json.Unmarshal(answer, &out)
		return out
	}
	source, err := json.Marshal(map[string]string{"source": peopleContract})
	if err != nil {
		t.Fatal(err)
	}
	must("POST", "/v1/contracts", string(source))
	// The stream is read by the key that may see least.
	stream, watch := &tail{}, make(chan struct{})
	streaming, stop := context.WithCancel(ctx)
	defer func() { stop(); <-watch }()
	go func() {
		defer close(watch)
		r, err := http.NewRequestWithContext(streaming, http.MethodGet, p.url+"/v1/stream", nil)
		if err != nil {
			return
		}
		r.Header.Set("Authorization", "Bearer "+read)
		answer, err := new(http.Client).Do(r)
		if err != nil {
			return
		}
		defer answer.Body.Close()
		lines := bufio.NewScanner(answer.Body)
		for lines.Scan() {
			_, _ = io.WriteString(stream, lines.Text()+"\n")
		}
	}()
	headers := `"headers":{"X-Strange":"strange-header-73","Authorization":"Bearer auth-header-74"},"retry":["0s"]`
	script := `function handler(webhook) { webhook.headers["x-of-script"] = "script-token-76"; return webhook }`
	scripted, _ := json.Marshal(script)
	ids := map[string][]string{}
	for i, more := range []string{
		`"contract":"standard",` + headers,
		`"contract":"people",` + headers + `,"settings":{"token":"setting-token-75","contact":{"email":"boss@marker.example"}}`,
		`"contract":"people",` + headers + `,"settings":{"token":"setting-token-75"},"transformation":` + string(scripted),
		`"contract":"standard",` + headers, // these two get compressed answers
		`"contract":"people",` + headers + `,"settings":{"token":"setting-token-75","contact":{"email":"boss@marker.example"}}`,
	} {
		as := ""
		if i >= 3 {
			as = "&as=" + []string{"gzip", "br"}[i-3]
		}
		status, answer := p.call(testKey, "POST", "/v1/tenants/acme/endpoints", `{"name":"e","url":"`+url+as+`",`+more+`}`)
		var e struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(answer, &e); err != nil || status != 201 {
			t.Fatal(status, string(answer))
		}
		ids["endpoint"] = append(ids["endpoint"], e.ID)
	}
	const document = `{"id":7,"contact":{"email":"ana@marker.example"},"items":[{"phone":"300555marker"},{"phone":57118899}],"deep":{"x":[{"document":{"n":"doc-marker-88"}}]}}`
	must("PUT", "/v1/tenants/acme/records/people/person/7", document)
	for _, e := range []string{
		`{"contract":"people","type":"person.seen","id":"seen","payload":` + document + `}`,
		`{"contract":"standard","type":"order.paid","payload":{"n":1}}`,
	} {
		must("POST", "/v1/tenants/acme/events", e)
	}
	eventually(t, "all deliveries have failed", func() bool {
		_, answer := p.call(testKey, "GET", "/v1/tenants/acme/deliveries?state=failed", "")
		return strings.Count(string(answer), `"failed"`) >= 8
	})
	for _, kind := range []string{"event", "deliverie"} {
		list := must("GET", "/v1/tenants/acme/"+kind+"s", "")
		for _, it := range list["items"].([]any) {
			ids[kind] = append(ids[kind], it.(map[string]any)["id"].(string))
		}
	}
	for i, e := range ids["endpoint"] { // tests and previews show requests, too
		if i%3 == 0 { // of contract standard, which calls nothing personal
			continue
		}
		for _, body := range []string{`{"event":"seen"}`, `{"event":"seen","transformation":` + string(scripted) + `}`} {
			_, answer := p.call(tenant, "POST", "/v1/tenants/acme/endpoints/"+e+"/render", body)
			none(t, "render", answer, personal)
		}
		status, answer := p.call(tenant, "POST", "/v1/tenants/acme/endpoints/"+e+"/test", `{"event_type":"person.seen","payload":`+document+`}`)
		if status != 200 {
			t.Fatal(status, string(answer))
		}
		none(t, "test", answer, personal)
	}
	paths, attempts := p.readPaths(ids)
	calls, echoes := 0, 0
	for _, path := range paths {
		for _, as := range []struct {
			key     string
			markers []string
		}{{read, append(secrets, personal...)}, {tenant, personal}, {testKey, personal}} {
			status, answer := p.call(as.key, "GET", path, "")
			if status >= 400 && status != 403 && status != 404 {
				t.Errorf("%s: %d %s", path, status, answer)
			}
			none(t, path, answer, as.markers)
			calls++
			if text := string(answer); strings.Contains(path, "/deliveries/") {
				if strings.Contains(text, "body_base64") {
					t.Errorf("%s shows bytes that nobody can read: %s", path, text)
				}
				echoes += strings.Count(text, "you sent ")
			}
		}
	}
	if echoes < 3*len(ids["deliverie"]) { // each of the three keys sees each answer
		t.Errorf("only %d answers can be read", echoes)
	}
	if attempts < 5 || calls < 100 {
		t.Errorf("%d attempts and %d calls: too few to show anything", attempts, calls)
	}
	none(t, "stream", []byte(stream.String()), append(secrets, personal...))
	if !strings.Contains(stream.String(), "event: attempt") {
		t.Errorf("the stream shows nothing: %s", stream)
	}
	none(t, "log", []byte(p.log.String()), append(secrets, personal...))
	// Receivers got every byte.
	mu.Lock()
	wire := strings.Join(arrived, "\n")
	mu.Unlock()
	for _, marker := range []string{"ana@marker.example", "300555marker", "57118899", "doc-marker-88", "setting-token-75", "strange-header-73", "script-token-76", "query-token-72"} {
		if !strings.Contains(wire, marker) {
			t.Errorf("%s never arrived", marker)
		}
	}
	// Who has the right sees it on request, and the audit says so.
	for _, path := range []string{
		"/v1/tenants/acme/events/seen", "/v1/tenants/acme/events/seen/payload", "/v1/tenants/acme/records/people/person/7",
		"/v1/tenants/acme/records", "/v1/tenants/acme/records/people/person",
	} {
		if status, answer := p.call(tenant, "GET", path+"?reveal=true", ""); status != 200 || !strings.Contains(string(answer), document) {
			t.Errorf("%s revealed: %d %s", path, status, answer)
		}
		for _, k := range []string{read, limited} {
			if status, answer := p.call(k, "GET", path+"?reveal=true", ""); status != 403 || !strings.Contains(string(answer), "personal_forbidden") {
				t.Errorf("%s revealed to somebody without the right: %d %s", path, status, answer)
			}
		}
	}
	if _, answer := p.call(tenant, "GET", "/v1/audit", ""); strings.Count(string(answer), `"personal.revealed"`) != 5 {
		t.Errorf("the audit: %s", answer)
	}
}

// call makes a request with a key and returns what came back.
func (p *process) call(key, method, path, body string) (status int, answer []byte) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	got, err := new(http.Client).Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer got.Body.Close()
	if answer, err = io.ReadAll(got.Body); err != nil {
		p.t.Fatal(err)
	}
	return got.StatusCode, answer
}

// readPaths are the paths of all operations that read, for all objects of the test, and the number of attempts.
func (p *process) readPaths(ids map[string][]string) (paths []string, attempts int) {
	p.t.Helper()
	_, text := p.call(testKey, "GET", "/openapi.json", "")
	var doc struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		p.t.Fatal(err)
	}
	expand := func(list []string, name string, values []string) (out []string) {
		for _, path := range list {
			if !strings.Contains(path, name) {
				out = append(out, path)
				continue
			}
			for _, v := range values {
				out = append(out, strings.ReplaceAll(path, name, v))
			}
		}
		return out
	}
	for path, operations := range doc.Paths {
		if operations["get"] == nil || path == "/v1/stream" || !strings.HasPrefix(path, "/v1/") {
			continue
		}
		list := []string{path}
		if strings.HasSuffix(path, "/explain") {
			list = []string{path + "?endpoint={endpoint}"}
		}
		if path == "/v1/stats/tenants" {
			list = []string{path + "?since=2026-01-01T00:00:00Z&until=2100-01-01T00:00:00Z"}
		}
		list = expand(list, "{tenant}", []string{"acme"})
		list = expand(list, "{endpoint}", ids["endpoint"])
		list = expand(list, "{event}", ids["event"])
		list = expand(list, "{contract}/{kind}", []string{"people/person"})
		list = expand(list, "{key}", []string{"7"})
		list = expand(list, "{name}", []string{"people", "standard"})
		for _, d := range ids["deliverie"] {
			for _, at := range expand(list, "{delivery}", []string{d}) {
				attempt := "att_" + strings.TrimPrefix(d, "dlv_") + "_1"
				if strings.Contains(at, "{attempt}") {
					attempts++
				}
				paths = append(paths, strings.ReplaceAll(at, "{attempt}", attempt))
			}
			if !strings.Contains(path, "{delivery}") {
				break
			}
		}
	}
	return paths, attempts
}

func none(t *testing.T, what string, text []byte, markers []string) {
	t.Helper()
	for _, m := range markers {
		if at := strings.Index(string(text), m); at >= 0 {
			t.Errorf("%s shows %s: …%s…", what, m, text[max(at-200, 0):min(at+100, len(text))])
		}
	}
}
