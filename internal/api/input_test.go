package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// scenario is one request, and what its answer must and must not contain.
type scenario struct {
	name   string
	method string
	path   string // {t}: a tenant, {e}: one of its endpoints
	body   string
	header []string
	status int
	has    []string
	hasNot []string
}

func (s *server) run(t *testing.T, scenarios []scenario) {
	t.Helper()
	tenant := s.tenant("acme")
	endpoint, _ := s.endpoint(tenant, `{"url":"`+nobody+`/hook","headers":{"X-Team":"blue"}}`)
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			before := s.contents(tenant)
			path := strings.NewReplacer("{t}", tenant, "{e}", endpoint).Replace(sc.path)
			s := *s
			s.t = t
			a := s.as(adminKey, sc.method, path, sc.body, sc.header...)
			if a.Status != sc.status {
				t.Fatalf("status %d, want %d: %s", a.Status, sc.status, a.Body)
			}
			for _, want := range sc.has {
				if !strings.Contains(a.Body, want) {
					t.Errorf("%q is not in %s", want, a.Body)
				}
			}
			for _, bad := range append(sc.hasNot, "hunter2", "panic", "goroutine") {
				if strings.Contains(a.Body, bad) {
					t.Errorf("%q is in %s", bad, a.Body)
				}
			}
			if a.Status >= 400 {
				if after := s.contents(tenant); after != before {
					t.Errorf("something was stored:\n%s\nwas\n%s", after, before)
				}
			}
		})
	}
	if strings.Contains(s.log.String(), "hunter2") {
		t.Error("what was sent is in the log")
	}
}

// contents is everything that the API shows of a tenant.
func (s *server) contents(tenant string) string {
	s.t.Helper()
	var b strings.Builder
	for _, path := range []string{"", "/endpoints", "/events", "/deliveries"} {
		b.WriteString(s.do("GET", tenant+path, "").want(200).Body)
	}
	b.WriteString(s.do("GET", "/v1/tenants", "").want(200).Body)
	b.WriteString(s.do("GET", "/v1/keys", "").want(200).Body)
	return b.String()
}

// problem is what the body of a problem with one wrong place contains.
func problem(code, pointer string) []string {
	if pointer == "-" {
		return []string{`"code":"` + code + `"`}
	}
	if name, ok := strings.CutPrefix(pointer, "?"); ok {
		return []string{`"code":"` + code + `"`, `"parameter":"` + name + `"`}
	}
	return []string{`"code":"` + code + `"`, `"pointer":"` + pointer + `"`}
}

// A tenant reads from which addresses its requests come and to which hosts they may go, and changes neither.
func TestTenantReadsEgress(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.tenant("acme")
	s.do("PUT", "/v1/tenants/acme", `{"egress":{"allow":["*.example.com"]}}`).want(200)
	key := s.key(`{"role":"tenant","tenant":"acme"}`)
	s.as(key, "GET", "/v1/tenants/acme", "").want(200).is("sender_addresses", []any{"203.0.113.7", "2001:db8:20::/48"}).
		is("egress.allow", []any{"*.example.com"})
	s.as(key, "PUT", "/v1/tenants/acme", `{"egress":{}}`).want(403)
}

func TestTenantInput(t *testing.T) {
	t.Parallel()
	newServer(t).run(t, []scenario{
		{name: "no body makes it", method: "PUT", path: "/v1/tenants/new1", status: 201, has: []string{`"id":"new1"`, `"metadata":{}`}},
		{name: "empty object makes it", method: "PUT", path: "/v1/tenants/new2", body: `{}`, status: 201},
		{name: "again", method: "PUT", path: "/v1/tenants/new2", body: `{"metadata":{"a": 9007199254740993}}`, status: 200, has: []string{`"metadata":{"a":9007199254740993}`}},
		{name: "name left out stays", method: "PUT", path: "{t}", body: `{"metadata":{}}`, status: 200, has: []string{`"name":"acme"`}},
		{name: "name as empty", method: "PUT", path: "/v1/tenants/new2", body: `{"name":""}`, status: 200, has: []string{`"name":""`, `9007199254740993`}},
		{name: "id with space", method: "PUT", path: "/v1/tenants/a%20b", status: 422, has: problem("tenant_invalid", "?tenant")},
		{name: "id with slash", method: "PUT", path: "/v1/tenants/a%2Fb", status: 422, has: problem("tenant_invalid", "?tenant")},
		{name: "id too long", method: "PUT", path: "/v1/tenants/" + strings.Repeat("a", 65), status: 422, has: problem("tenant_invalid", "?tenant")},
		{name: "longest id", method: "PUT", path: "/v1/tenants/" + strings.Repeat("a", 64), status: 201},
		{name: "id in other letters", method: "PUT", path: "/v1/tenants/caf%C3%A9", status: 422, has: problem("tenant_invalid", "?tenant")},
		{name: "name is a number", method: "PUT", path: "{t}", body: `{"name":12}`, status: 422, has: problem("request_invalid", "/name")},
		{name: "name is null", method: "PUT", path: "{t}", body: `{"name":null}`, status: 200, has: []string{`"name":"acme"`}},
		{name: "name too long", method: "PUT", path: "{t}", body: `{"name":"` + strings.Repeat("n", 201) + `"}`, status: 422, has: problem("request_invalid", "/name")},
		{name: "metadata is an array", method: "PUT", path: "{t}", body: `{"metadata":[1]}`, status: 422, has: problem("request_invalid", "/metadata")},
		{name: "metadata is null", method: "PUT", path: "{t}", body: `{"metadata":null}`, status: 422, has: problem("request_invalid", "/metadata")},
		{name: "metadata too large", method: "PUT", path: "{t}", body: `{"metadata":{"a":"` + strings.Repeat("x", 17<<10) + `"}}`, status: 422, has: problem("request_invalid", "/metadata")},
		{name: "unknown member", method: "PUT", path: "{t}", body: `{"nmae":"hunter2"}`, status: 422, has: problem("request_invalid", "/nmae")},
		{name: "member in other case", method: "PUT", path: "{t}", body: `{"Name":"hunter2"}`, status: 422, has: problem("request_invalid", "/Name")},
		{name: "member twice", method: "PUT", path: "{t}", body: `{"name":"hunter2","name":"b"}`, status: 400, has: problem("json_invalid", "/name")},
		{name: "member twice, deep", method: "PUT", path: "{t}", body: `{"metadata":{"a":{"b":1,"b":2}}}`, status: 400, has: problem("json_invalid", "/metadata/a/b")},
		{name: "broken", method: "PUT", path: "{t}", body: `{"name":"hunter2"`, status: 400, has: problem("json_invalid", "-")},
		{name: "text after", method: "PUT", path: "{t}", body: `{} {}`, status: 400, has: problem("json_invalid", "-")},
		{name: "invalid UTF-8", method: "PUT", path: "{t}", body: "{\"name\":\"a\xff\"}", status: 400, has: append(problem("json_invalid", "/name"), "UTF-8")},
		{name: "lone surrogate", method: "PUT", path: "{t}", body: `{"name":"\ud800"}`, status: 400, has: problem("json_invalid", "/name")},
		{name: "too deep", method: "PUT", path: "{t}", body: `{"metadata":{"a":` + strings.Repeat("[", 130) + strings.Repeat("]", 130) + `}}`, status: 400, has: []string{"128"}},
		{name: "an array", method: "PUT", path: "{t}", body: `[]`, status: 422, has: problem("request_invalid", "")},
		{name: "too large", method: "PUT", path: "{t}", body: `{"name":"` + strings.Repeat("n", 300<<10) + `"}`, status: 413, has: problem("body_too_large", "-")},
		{name: "compressed", method: "PUT", path: "{t}", body: "x", header: []string{"Content-Encoding", "gzip"}, status: 415, has: problem("encoding_unsupported", "-")},
		{name: "called a form", method: "PUT", path: "{t}", body: `{"name":"acme"}`, header: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 200},
		{name: "wants HTML", method: "GET", path: "{t}", header: []string{"Accept", "text/html"}, status: 200, has: []string{`"id":"acme"`}},
		{name: "not there", method: "GET", path: "/v1/tenants/nobody", status: 404, has: problem("tenant_not_found", "-")},
		{name: "invalid is not there", method: "GET", path: "/v1/tenants/a%20b", status: 404, has: problem("tenant_not_found", "-")},
		{name: "delete not there", method: "DELETE", path: "/v1/tenants/nobody", status: 404, has: problem("tenant_not_found", "-")},
	})
}

func TestEndpointInput(t *testing.T) {
	t.Parallel()
	const post, patch = "POST", "PATCH"
	with := func(members string) string {
		return `{"url":"` + nobody + `/","secret":"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",` + members + `}`
	}
	bad := func(name, body, code, pointer string) scenario {
		return scenario{name: name, method: post, path: "{t}/endpoints", body: body, status: 422, has: problem(code, pointer)}
	}
	const invalid = "endpoint_invalid"
	newServer(t).run(t, []scenario{
		bad("no url", `{}`, "request_invalid", "/url"),
		bad("empty url", `{"url":""}`, invalid, "/url"),
		bad("url is no URL", `{"url":"hunter2"}`, invalid, "/url"),
		bad("url of another scheme", `{"url":"ftp://example.com/"}`, invalid, "/url"),
		bad("url with password", `{"url":"https://me:hunter2@example.com/"}`, invalid, "/url"),
		bad("url with fragment", `{"url":"https://example.com/#hunter2"}`, invalid, "/url"),
		bad("url too long", `{"url":"https://example.com/`+strings.Repeat("a", 2048)+`"}`, "request_invalid", "/url"),
		bad("url without host", `{"url":"https:///x"}`, invalid, "/url"),
		bad("unknown member", with(`"retries":3`), "request_invalid", "/retries"),
		bad("unknown contract", with(`"contract":"standart"`), "contract_unknown", "/contract"),
		bad("method of another world", with(`"method":"BREW"`), invalid, "/method"),
		bad("event types are no list", with(`"event_types":"order.*"`), "request_invalid", "/event_types"),
		bad("event type is a number", with(`"event_types":["a",2]`), "request_invalid", "/event_types/1"),
		bad("event type is malformed", with(`"event_types":["a","b c"]`), invalid, "/event_types/1"),
		bad("filter is no CEL", with(`"filter":"payload.total >"`), invalid, "/filter"),
		bad("filter is no condition", with(`"filter":"1 + 1"`), invalid, "/filter"),
		bad("header name", with(`"headers":{"X Bad":"hunter2"}`), invalid, "/headers/X Bad"),
		bad("header with line break", with(`"headers":{"X-A":"hunter2\r\nX-B: 1"}`), invalid, "/headers/X-A"),
		bad("header is a number", with(`"headers":{"X-A":1}`), "request_invalid", "/headers/X-A"),
		bad("header with dots is a number", with(`"headers":{"X.A.b":1}`), "request_invalid", "/headers/X.A.b"),
		bad("header Host", with(`"headers":{"Host":"hunter2"}`), invalid, "/headers/Host"),
		bad("header of the signature", with(`"headers":{"webhook-id":"hunter2"}`), invalid, "/headers/webhook-id"),
		bad("header twice", with(`"headers":{"X-A":"1","x-a":"2"}`), invalid, "/headers/x-a"),
		bad("header is a mask", with(`"headers":{"Authorization":"********"}`), invalid, "/headers/Authorization"),
		bad("settings are an array", with(`"settings":[]`), "request_invalid", "/settings"),
		bad("unknown setting", with(`"settings":{"token":"hunter2"}`), invalid, "/settings/token"),
		bad("missing setting", `{"url":"`+nobody+`/","contract":"kobra"}`, invalid, "/settings/api_key"),
		bad("secret too short", `{"url":"`+nobody+`/","secret":"whsec_hunter2"}`, "secret_invalid", "/secret"),
		bad("secret without prefix", `{"url":"`+nobody+`/","secret":"hunter2hunter2hunter2hunter2"}`, "secret_invalid", "/secret"),
		bad("secret where none is used", `{"url":"`+nobody+`/","contract":"kobra","settings":{"api_key":"t"},"secret":"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}`, "secret_invalid", "/secret"),
		bad("timeout 0", with(`"timeout_ms":0`), "request_invalid", "/timeout_ms"),
		bad("timeout too long", with(`"timeout_ms":300001`), "request_invalid", "/timeout_ms"),
		bad("timeout is a text", with(`"timeout_ms":"15s"`), "request_invalid", "/timeout_ms"),
		bad("timeout is broken", with(`"timeout_ms":1.5`), "request_invalid", "/timeout_ms"),
		bad("timeout is huge", with(`"timeout_ms":1e300`), "request_invalid", "/timeout_ms"),
		bad("empty retry", with(`"retry":[]`), "request_invalid", "/retry"),
		bad("retry is no duration", with(`"retry":["0s","5s","hunter2"]`), invalid, "/retry/2"),
		bad("retry is a number", with(`"retry":["0s",5]`), "request_invalid", "/retry/1"),
		bad("retry is negative", with(`"retry":["0s","-5s"]`), invalid, "/retry/1"),
		bad("retry too long", with(`"retry":["0s","8d"]`), invalid, "/retry/1"),
		bad("retry is NaN days", with(`"retry":["NaNd"]`), invalid, "/retry/0"),
		bad("retry too often", with(`"retry":[`+strings.Repeat(`"0s",`, 100)+`"0s"]`), "request_invalid", "/retry"),
		bad("rate 0", with(`"rate_limit":{"per_second":0}`), "request_invalid", "/rate_limit/per_second"),
		bad("rate without number", with(`"rate_limit":{}`), "request_invalid", "/rate_limit/per_second"),
		bad("rate with another", with(`"rate_limit":{"per_second":1,"per_minute":2}`), "request_invalid", "/rate_limit/per_minute"),
		bad("rate is a number", with(`"rate_limit":5`), "request_invalid", "/rate_limit"),
		bad("concurrency 0", with(`"concurrency":0`), "request_invalid", "/concurrency"),
		bad("concurrency 1001", with(`"concurrency":1001`), "request_invalid", "/concurrency"),
		bad("ordered is a text", with(`"ordered":"yes"`), "request_invalid", "/ordered"),
		bad("mode", with(`"mode":"exactly_once"`), "request_invalid", "/mode"),
		bad("state", with(`"state":"deleted"`), "request_invalid", "/state"),
		bad("name too long", with(`"name":"`+strings.Repeat("é", 201)+`"`), "request_invalid", "/name"),
		{name: "two things at once", method: post, path: "{t}/endpoints", body: `{"url":"hunter2","retry":["x"]}`, status: 422, has: []string{`"/url"`, `"/retry/0"`}},
		{name: "no body", method: post, path: "{t}/endpoints", status: 400, has: problem("body_missing", "-")},
		{name: "null", method: post, path: "{t}/endpoints", body: `null`, status: 422, has: problem("request_invalid", "")},
		{name: "known names are told", method: post, path: "{t}/endpoints", body: `{"url":"` + nobody + `/","contract":"zzzzzz"}`, status: 422, has: []string{"kobra", "standard"}},
		{
			name: "everything", method: post, path: "{t}/endpoints", status: 201,
			body: with(`"name":"Ñandú","event_types":["order.*","a"],"filter":"payload.total > 100","headers":{"X-A":"1"},"settings":{},"timeout_ms":1,"retry":["0s","1.5h","2d","90s"],"rate_limit":{"per_second":0.5},"concurrency":1000,"ordered":false,"mode":"at_most_once","state":"paused","contract":"standard","method":"PUT"`),
			has:  []string{`"retry":["0s"]`, `"state":"paused"`, `"state_reason":"by_person"`, `"per_second":0.5`, `"method":"PUT"`}, hasNot: []string{"whsec_"},
		},
		{name: "durations", method: post, path: "{t}/endpoints", status: 201, body: with(`"retry":["0s","1.5h","2d","90s","250ms"]`), has: []string{`"retry":["0s","1h30m","48h","1m30s","250ms"]`}},
		{name: "defaults", method: post, path: "{t}/endpoints", status: 201, body: `{"url":"https://example.com"}`, has: []string{
			`"contract":"standard"`, `"timeout_ms":15000`, `"concurrency":32`, `"mode":"at_least_once"`, `"rate_limit":null`, `"last_run":null`, `"last_status":""`,
			`"retry":["0s","5s","5m","30m","2h","5h","10h","14h","20h","24h"]`, `"event_types":[]`, `"headers":{}`, `"settings":{}`, `"method":"POST"`,
		}},

		{name: "patch nothing", method: patch, path: "{e}", body: `{}`, status: 200, has: []string{`"version":1`}},
		{name: "patch unknown", method: patch, path: "{e}", body: `{"retries":3}`, status: 422, has: problem("request_invalid", "/retries")},
		{name: "patch url away", method: patch, path: "{e}", body: `{"url":null}`, status: 422, has: problem("request_invalid", "/url")},
		{name: "patch bad url", method: patch, path: "{e}", body: `{"url":"hunter2"}`, status: 422, has: problem(invalid, "/url")},
		{name: "patch contract", method: patch, path: "{e}", body: `{"contract":"kobra"}`, status: 422, has: problem(invalid, "/contract")},
		{name: "patch same contract", method: patch, path: "{e}", body: `{"contract":"standard"}`, status: 200},
		{name: "patch retry", method: patch, path: "{e}", body: `{"retry":["0s",7]}`, status: 422, has: problem("request_invalid", "/retry/1")},
		{name: "patch header", method: patch, path: "{e}", body: `{"headers":{"X-B":7}}`, status: 422, has: problem("request_invalid", "/headers/X-B")},
		{name: "patch array", method: patch, path: "{e}", body: `[]`, status: 422, has: problem("request_invalid", "")},
		{name: "patch secret away", method: patch, path: "{e}", body: `{"secret":null}`, status: 422, has: problem("secret_invalid", "/secret")},
		{name: "patch bad secret", method: patch, path: "{e}", body: `{"secret":"hunter2"}`, status: 422, has: problem("secret_invalid", "/secret")},
		{name: "patch no endpoint", method: patch, path: "{t}/endpoints/ep_06ew2c5e8m4b900000000000g0", body: `{}`, status: 404, has: problem("endpoint_not_found", "-")},
		{name: "no endpoint id", method: "GET", path: "{t}/endpoints/hunter", status: 404, has: problem("endpoint_not_found", "-")},
		{name: "id of another kind", method: "GET", path: "{t}/endpoints/evt_06ew2c5e8m4b900000000000g0", status: 404, has: problem("endpoint_not_found", "-")},
		{name: "rotate: bad overlap", method: post, path: "{e}/rotate-secret", body: `{"overlap":"forever"}`, status: 422, has: problem("request_invalid", "/overlap")},
		{name: "rotate: long overlap", method: post, path: "{e}/rotate-secret", body: `{"overlap":"31d"}`, status: 422, has: problem("request_invalid", "/overlap")},
		{name: "rotate: bad secret", method: post, path: "{e}/rotate-secret", body: `{"secret":"hunter2"}`, status: 422, has: problem("secret_invalid", "/secret")},
		{name: "recover: no time", method: post, path: "{e}/recover", body: `{}`, status: 422, has: problem("request_invalid", "/since")},
		{name: "recover: no body", method: post, path: "{e}/recover", status: 400, has: problem("body_missing", "-")},
		{name: "recover: odd time", method: post, path: "{e}/recover", body: `{"since":"yesterday"}`, status: 422, has: problem("request_invalid", "/since")},
		{name: "recover: the future", method: post, path: "{e}/recover", body: `{"since":"2999-01-01T00:00:00Z"}`, status: 422, has: problem("recovery_invalid", "/since")},
		{name: "recover: backwards", method: post, path: "{e}/recover", body: `{"since":"2020-01-02T00:00:00Z","until":"2020-01-01T00:00:00Z"}`, status: 422, has: problem("recovery_invalid", "/since")},
		{name: "recover: odd state", method: post, path: "{e}/recover", body: `{"since":"2020-01-02T00:00:00Z","states":["failed","pending"]}`, status: 422, has: problem("request_invalid", "/states/1")},
		{name: "recover: no state", method: post, path: "{e}/recover", body: `{"since":"2020-01-02T00:00:00Z","states":[]}`, status: 422, has: problem("recovery_invalid", "/states")},
	})
}

func TestListInput(t *testing.T) {
	t.Parallel()
	var all []scenario
	for _, list := range []string{"/v1/tenants", "{t}/endpoints", "{t}/events", "{t}/deliveries", "/v1/keys", "{e}/recoveries"} {
		for _, q := range []struct{ query, parameter string }{
			{"limit=0", "limit"},
			{"limit=201", "limit"},
			{"limit=-1", "limit"},
			{"limit=hunter2", "limit"},
			{"limit=1.5", "limit"},
			{"limit=99999999999999999999", "limit"},
			{"cursor=hunter2", "cursor"},
			{"cursor=%00", "cursor"},
			{"cursor=AAAA", "cursor"},
			{"cursor=" + strings.Repeat("A", 600), "cursor"},
			{"cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "cursor"},
			{"lmiit=5", "lmiit"},
		} {
			all = append(all, scenario{name: list + " " + q.query[:min(20, len(q.query))], method: "GET", path: list + "?" + q.query, status: 422, has: []string{`"parameter":"` + q.parameter + `"`}})
		}
	}
	for _, q := range []struct{ query, parameter string }{
		{"state=hunter2", "state"},
		{"endpoint=hunter2", "endpoint"},
		{"endpoint=evt_06ew2c5e8m4b900000000000g0", "endpoint"},
		{"since=hunter2", "since"},
		{"until=2026-13-01T00:00:00Z", "until"},
		{"since=2026-11-21", "since"},
		{"type=" + strings.Repeat("a", 129), "type"},
	} {
		all = append(all, scenario{name: "deliveries " + q.query[:min(20, len(q.query))], method: "GET", path: "{t}/deliveries?" + q.query, status: 422, has: []string{`"parameter":"` + q.parameter + `"`}})
	}
	all = append(all,
		scenario{name: "unknown event", method: "GET", path: "{t}/deliveries?event=nothing", status: 200, has: []string{`"items":[]`, `"next_cursor":null`}},
		scenario{name: "times", method: "GET", path: "{t}/events?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00%2B02:00", status: 200, has: []string{`"items":[]`}},
		scenario{name: "times before 1970", method: "GET", path: "{t}/events?since=1200-01-01T00:00:00Z&until=1300-01-02T00:00:00Z", status: 200, has: []string{`"items":[]`}},
		scenario{name: "times after all", method: "GET", path: "{t}/deliveries?since=9998-01-01T00:00:00Z&until=9999-01-02T00:00:00Z", status: 200, has: []string{`"items":[]`}},
	)
	newServer(t).run(t, all)
}

func TestKeyInput(t *testing.T) {
	t.Parallel()
	const keys, post = "/v1/keys", "POST"
	newServer(t).run(t, []scenario{
		{name: "no role", method: post, path: keys, body: `{}`, status: 422, has: problem("request_invalid", "/role")},
		{name: "odd role", method: post, path: keys, body: `{"role":"hunter2"}`, status: 422, has: problem("request_invalid", "/role")},
		{name: "tenant without tenant", method: post, path: keys, body: `{"role":"tenant"}`, status: 422, has: problem("key_input_invalid", "/tenant")},
		{name: "operator with tenant", method: post, path: keys, body: `{"role":"operator","tenant":"acme"}`, status: 422, has: problem("key_input_invalid", "/tenant")},
		{name: "tenant that is not", method: post, path: keys, body: `{"role":"tenant","tenant":"nobody"}`, status: 422, has: problem("key_input_invalid", "/tenant")},
		{name: "tenant that cannot be", method: post, path: keys, body: `{"role":"publish","tenant":"../x"}`, status: 422, has: problem("key_input_invalid", "/tenant")},
		{name: "past", method: post, path: keys, body: `{"role":"read","expires_at":"2020-01-01T00:00:00Z"}`, status: 422, has: problem("key_input_invalid", "/expires_at")},
		{name: "odd time", method: post, path: keys, body: `{"role":"read","expires_at":"tomorrow"}`, status: 422, has: problem("request_invalid", "/expires_at")},
		{name: "chosen key", method: post, path: keys, body: `{"role":"read","key":"hunter2"}`, status: 422, has: problem("request_invalid", "/key")},
		{name: "right", method: post, path: keys, body: `{"role":"publish","tenant":"acme","name":"x","expires_at":"2999-01-01T00:00:00Z"}`, status: 201, has: []string{`"key":"gk_`, `"tenant":"acme"`}},
		{name: "delete none", method: "DELETE", path: keys + "/key_06ew2c6eqfy7d00000000000g0", status: 404, has: problem("key_not_found", "-")},
		{name: "delete odd", method: "DELETE", path: keys + "/hunter", status: 404, has: problem("key_not_found", "-")},
	})
}

func TestEventInput(t *testing.T) {
	t.Parallel()
	bad := func(name, body string, status int, code, pointer string) scenario {
		return scenario{name: name, method: "POST", path: "{t}/events", body: body, status: status, has: problem(code, pointer)}
	}
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	newServer(t).run(t, []scenario{
		bad("empty", ``, 400, "json_invalid", "-"),
		bad("space", " \n ", 400, "json_invalid", "-"),
		bad("a text", `"hunter2"`, 422, "event_invalid", ""),
		bad("null", `null`, 422, "event_invalid", ""),
		bad("broken", `{"type":"a","payload":{"hunter2":1}`, 400, "json_invalid", "-"),
		bad("text after", `{"type":"a","payload":{}} hunter2`, 400, "json_invalid", "-"),
		bad("single quotes", `{'type':'a'}`, 400, "json_invalid", "-"),
		bad("NaN", `{"type":"a","payload":NaN}`, 400, "json_invalid", "/payload"),
		bad("trailing comma", `{"type":"a","payload":{},}`, 400, "json_invalid", "-"),
		bad("no type", `{"payload":{}}`, 422, "event_type_invalid", "/type"),
		bad("empty type", `{"type":"","payload":{}}`, 422, "event_type_invalid", "/type"),
		bad("type is a number", `{"type":5,"payload":{}}`, 422, "event_type_invalid", "/type"),
		bad("type with space", `{"type":"order paid","payload":{}}`, 422, "event_type_invalid", "/type"),
		bad("type too long", `{"type":"`+strings.Repeat("a", 129)+`","payload":{}}`, 422, "event_type_invalid", "/type"),
		bad("type much too long", `{"type":"`+strings.Repeat("a", 5000)+`","payload":{}}`, 422, "event_type_invalid", "/type"),
		bad("no payload", `{"type":"a"}`, 422, "payload_missing", "/payload"),
		bad("empty id", `{"type":"a","id":"","payload":{}}`, 422, "event_id_invalid", "/id"),
		bad("id with space", `{"type":"a","id":"my id","payload":{}}`, 422, "event_id_invalid", "/id"),
		bad("id is a number", `{"type":"a","id":5,"payload":{}}`, 422, "event_id_invalid", "/id"),
		bad("id is null", `{"type":"a","id":null,"payload":{}}`, 422, "event_id_invalid", "/id"),
		bad("id too long", `{"type":"a","id":"`+strings.Repeat("a", 129)+`","payload":{}}`, 422, "event_id_invalid", "/id"),
		bad("unknown contract", `{"type":"a","contract":"hunter","payload":{}}`, 422, "contract_unknown", "/contract"),
		bad("contract is null", `{"type":"a","contract":null,"payload":{}}`, 422, "contract_unknown", "/contract"),
		bad("type that the contract has not", `{"type":"a","contract":"kobra","payload":{}}`, 422, "event_type_unknown", "/type"),
		bad("unknown member", `{"type":"a","data":{"x":"hunter2"},"payload":{}}`, 422, "event_invalid", "/data"),
		bad("unknown member first", `{"a/b~c":1,"type":"a","payload":{}}`, 422, "event_invalid", "/a~1b~0c"),
		bad("other case", `{"Type":"a","payload":{}}`, 422, "event_invalid", "/Type"),
		bad("type twice", `{"type":"a","type":"b","payload":{}}`, 400, "json_invalid", "/type"),
		bad("type twice, spelled otherwise", `{"type":"a","ty\u0070e":"b","payload":{}}`, 400, "json_invalid", "/type"),
		bad("payload twice", `{"type":"a","payload":1,"payload":2}`, 400, "json_invalid", "/payload"),
		bad("twice in the payload", `{"type":"a","payload":{"x":{"hunter":1,"hunter":2}}}`, 400, "json_invalid", "/payload/x/hunter"),
		bad("invalid UTF-8", "{\"type\":\"a\",\"payload\":{\"x\":\"\xff\"}}", 400, "json_invalid", "/payload/x"),
		bad("lone surrogate", `{"type":"a","payload":{"x":"\ud800"}}`, 400, "json_invalid", "/payload/x"),
		bad("control character", "{\"type\":\"a\",\"payload\":{\"x\":\"a\nb\"}}", 400, "json_invalid", "/payload/x"),
		bad("too deep", `{"type":"a","payload":`+deep(129)+`}`, 422, "payload_invalid", "/payload"),
		bad("much too deep", `{"type":"a","payload":`+deep(20000)+`}`, 400, "json_invalid", "-"),
		bad("too large", `{"type":"a","payload":"`+strings.Repeat("x", 64<<10)+`"}`, 413, "payload_too_large", "/payload"),
		bad("empty array", `[]`, 422, "too_many_events", ""),
		bad("1001", `[`+strings.Repeat(`{"type":"a","payload":1},`, 1000)+`{"type":"a","payload":1}]`, 422, "too_many_events", ""),
		bad("broken array", `[{"type":"a","payload":1},{"type":"a"`, 400, "json_invalid", "-"),
		bad("array and more", `[{"type":"a","payload":1}] 1`, 400, "json_invalid", "-"),
		{name: "compressed", method: "POST", path: "{t}/events", body: "x", header: []string{"Content-Encoding", "gzip"}, status: 415, has: problem("encoding_unsupported", "-")},
		{name: "empty key", method: "POST", path: "{t}/events", body: `{"type":"a","payload":1}`, header: []string{"Idempotency-Key", ""}, status: 422, has: problem("idempotency_invalid", "?Idempotency-Key")},
		{name: "long key", method: "POST", path: "{t}/events", body: `{"type":"a","payload":1}`, header: []string{"Idempotency-Key", strings.Repeat("k", 256)}, status: 422, has: problem("idempotency_invalid", "?Idempotency-Key")},
		{name: "odd key", method: "POST", path: "{t}/events", body: `{"type":"a","payload":1}`, header: []string{"Idempotency-Key", "ké"}, status: 422, has: problem("idempotency_invalid", "?Idempotency-Key")},
		{name: "no tenant", method: "POST", path: "/v1/tenants/nobody/events", body: `{"type":"a","payload":1}`, status: 404, has: problem("tenant_not_found", "-")},
		{name: "odd tenant", method: "POST", path: "/v1/tenants/a%20b/events", body: `{"type":"a","payload":1}`, status: 404, has: problem("tenant_not_found", "-")},
		{name: "called a text", method: "POST", path: "{t}/events", body: `{"type":"a","payload":1}`, header: []string{"Content-Type", "text/plain; charset=latin1"}, status: 202},
		{name: "no event", method: "GET", path: "{t}/events/evt_06ew2c5e8m4b900000000000g0", status: 404, has: problem("event_not_found", "-")},
		{name: "no event of that id", method: "GET", path: "{t}/events/nothing", status: 404, has: problem("event_not_found", "-")},
		{name: "odd event", method: "GET", path: "{t}/events/a%20b", status: 404, has: problem("event_not_found", "-")},
		{name: "no delivery", method: "GET", path: "{t}/deliveries/dlv_06ew2c5e8m4b900000000000g4", status: 404, has: problem("delivery_not_found", "-")},
		{name: "odd delivery", method: "GET", path: "{t}/deliveries/nothing", status: 404, has: problem("delivery_not_found", "-")},
		{name: "retry no delivery", method: "POST", path: "{t}/deliveries/dlv_06ew2c5e8m4b900000000000g4/retry", status: 404, has: problem("delivery_not_found", "-")},
	})
}

// TestBodyLimits checks that a body that is too large is not read much further than the limit.
func TestBodyLimits(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	for _, c := range []struct {
		path string
		size int64
	}{{tenant + "/events", 33 << 20}, {tenant + "/endpoints", 300 << 10}, {"/v1/keys", 300 << 10}, {"/v1/session", 32 << 10}, {"/v1/portal-sessions", 32 << 10}} {
		for _, known := range []bool{true, false} {
			body := &endless{}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, c.path, body)
			r.Header.Set("Authorization", "Bearer "+adminKey)
			r.ContentLength = -1
			if known {
				r.ContentLength = 1 << 40
			}
			s.serve(r).want(413)
			if body.read > c.size {
				t.Errorf("%s: %d bytes were read", c.path, body.read)
			}
		}
	}
}

// endless is a body of spaces that never ends.
type endless struct{ read int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	e.read += int64(len(p))
	if e.read > 1<<30 {
		return 0, fmt.Errorf("too much was read")
	}
	return len(p), nil
}

// FuzzBodies sends any body to every operation that takes one from a person or a program, through the real handler to a
// real store. The answer never is a failure of Gancho's, and always conforms to the API's description (see serve).
func FuzzBodies(f *testing.F) {
	operations := [][2]string{
		{"PUT", "/v1/tenants/fuzz"},
		{"POST", "/v1/tenants/fuzz/endpoints"},
		{"PATCH", "/v1/tenants/fuzz/endpoints/{e}"},
		{"POST", "/v1/keys"},
		{"POST", "/v1/tenants/fuzz/events"},
		{"POST", "/v1/tenants/fuzz/records"},
		{"PUT", "/v1/tenants/fuzz/records/cabaprop/conversation/7"},
		{"PATCH", "/v1/tenants/fuzz/records/cabaprop/conversation/7"},
		{"POST", "/v1/tenants/fuzz/credentials"},
		{"POST", "/v1/tenants/fuzz/schedules"},
		{"POST", "/v1/tenants/fuzz/recoveries"},
		{"POST", "/v1/tenants/fuzz/portal-links"},
		{"PUT", "/v1/contracts/fuzz"},
	}
	for i, body := range []string{
		`{"name":"a","metadata":{"a":1},"limits":{"events_per_second":1},"egress":{"allow":["*.example.com"]}}`,
		`{"url":"https://münchen.example:8443/x?y#z","headers":{"X-Team":"blue"},"filter":"payload.a > 1","event_types":["a.*"]}`,
		`{"url":"http://[::1%25x]/","filter":null,"rate_limit":{"requests":1,"per":"1s"}}`, `{"name":"k","role":"publisher","tenant":"fuzz","expires_at":"2030-01-01T00:00:00Z"}`,
		`[{"type":"a","payload":{}},{"type":"","payload":1}]`, `[{"contract":"cabaprop","kind":"conversation","key":"7","document":{"id":7}}]`,
		`{"id":7}`, `{"id":null}`, `{"contract":"cabaprop","name":"a","url":"http://127.0.0.1:1/"}`, `{"text":"a","member":"payload.a"}`,
		`{"since":"2026-01-01T00:00:00Z"}`, `{"endpoints":[]}`, "contract: fuzz\ntitle: F\nevents: {a: {title: A}}\n",
	} {
		f.Add(uint8(i), body)
	}
	s := newServer(f)
	s.tenant("fuzz")
	_, endpoint := s.endpoint("/v1/tenants/fuzz", `{"url":"`+nobody+`/hook"}`)
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		op := operations[int(which)%len(operations)]
		s := *s
		s.t, s.answers = t, &syncBuffer{}
		a := s.as(adminKey, op[0], strings.ReplaceAll(op[1], "{e}", endpoint), body)
		if a.Status >= 500 || a.Status < 200 {
			t.Fatalf("%s %s answers %d: %s", op[0], op[1], a.Status, a.Body)
		}
		if a.Body != "" && !json.Valid([]byte(a.Body)) || !utf8.ValidString(a.Body) {
			t.Fatalf("%s %s answers what is not JSON: %q", op[0], op[1], a.Body)
		}
	})
}

// FuzzLookUp asks for a record with any token, path and search parameters: strangers see none, and no question makes the
// program fail.
func FuzzLookUp(f *testing.F) {
	f.Add("Bearer x", "44444", "cursor=x&limit=0")
	f.Add("bearer a.b.c", "%00", "state=none&tenant=%ff")
	f.Add("Basic Og==", "..%2f..", ";;&=&limit=1&limit=2&since=2026")
	s := newServer(f)
	s.tenant("fuzz")
	s.record("fuzz", "cabaprop", "conversation", "44444", talk)
	f.Fuzz(func(t *testing.T, authorization, key, query string) {
		s := *s
		s.t, s.answers = t, &syncBuffer{}
		for path, admin := range map[string]bool{conversation + key: false, "/v1/tenants/fuzz/events?" + query: true, "/v1/tenants/fuzz/deliveries?" + query: true} {
			u, err := url.Parse(path)
			if err != nil || !strings.HasPrefix(u.Path, "/") {
				continue
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			r.URL, r.RequestURI = u, u.RequestURI()
			if r.Header.Set("Authorization", authorization); admin {
				r.Header.Set("Authorization", "Bearer "+adminKey)
			}
			a := s.serve(r)
			if a.Status >= 500 || strings.Contains(a.Body, "interesado") {
				t.Fatalf("%q answers %d: %s", path, a.Status, a.Body)
			}
		}
	})
}
