package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDeliveryHistory(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	_, id := s.endpoint(tenant, `{"url":"`+nobody+`/"}`)
	event := s.do("POST", tenant+"/events", `{"type":"a","payload":{"x": "é"}}`).want(202).str("id")
	d := s.deliveriesOf("acme", event)[0]
	path := tenant + "/deliveries/" + d.ID.String()
	at := time.Date(2026, 11, 21, 18, 0, 0, 123456000, time.UTC)
	s.finish(d, hook.Retrying, &hook.Attempt{
		Delivery: d.ID, Number: 1, StartedAt: at, Class: "status_5xx", Detail: "The receiver answered 500.",
		Request:  hook.Request{Method: "POST", URL: nobody + "/", Headers: []hook.Header{{Name: "B", Value: "1"}, {Name: "a", Value: "2"}}},
		Response: &hook.Response{Status: 500, Headers: []hook.Header{{Name: "X", Value: "y\xff"}}, Body: []byte("no\xff"), Truncated: true},
		Timing:   hook.Timing{DNS: 1500 * time.Microsecond, Connect: time.Millisecond, FirstByte: 3 * time.Millisecond, Total: 12345 * time.Microsecond},
	})
	a := s.do("GET", path, "").want(200)
	if a.str("state") != "retrying" || a.get("finished_at") != nil || a.str("next_attempt_at") == "" {
		t.Errorf("waiting: %s", a.Body)
	}
	want := `{"error":{"class":"status_5xx","detail":"The receiver answered 500."},"id":"att_` + strings.TrimPrefix(d.ID.String(), "dlv_") +
		`_1","interrupted":false,"request":{"body":"{\"x\": \"é\"}","headers":[["B","1"],["a","2"]],"method":"POST","url":"` + nobody + `/"},` +
		`"response":{"body":"","body_base64":"bm//","headers":[["X","y` + "\uFFFD" + `"]],"status":500,"truncated":true},"started_at":"2026-11-21T18:00:00.123456Z",` +
		`"timing_ms":{"connect":1,"dns":1.5,"first_byte":3,"tls":0,"total":12.345},"transport":"http"}`
	if diff := cmp.Diff(want, jsonOf(t, a.get("attempt_list.0"))); diff != "" {
		t.Errorf("attempt (-want +got):\n%s", diff)
	}
	d = s.deliveriesOf("acme", event)[0]
	s.finish(d, hook.Delivered, &hook.Attempt{
		Delivery: d.ID, Number: 2, Transport: "queue", StartedAt: at, Request: hook.Request{Method: "POST", URL: nobody + "/", Body: []byte("other")}, Response: &hook.Response{Status: 200, Body: []byte("ok")},
	})
	a = s.do("GET", path, "").want(200)
	if a.str("state") != "delivered" || a.get("next_attempt_at") != nil || a.str("attempt_list.1.request.body") != "other" || a.str("attempt_list.1.transport") != "queue" || a.get("attempt_list.1.error") != nil ||
		a.str("attempt_list.1.response.body") != "ok" || a.str("finished_at") == "" {
		t.Errorf("done: %s", a.Body)
	}
	for _, q := range []string{"endpoint=" + id, "event=" + event, "state=delivered", "type=a", "since=2020-01-01T00:00:00Z", "until=2999-01-01T00:00:00Z", "by=made&tests=false", "by=ended&until=2999-01-01T00:00:00Z"} {
		if got := ids(s.do("GET", tenant+"/deliveries?"+q, "").want(200)); len(got) != 1 || got[0] != d.ID.String() {
			t.Errorf("%s finds %v", q, got)
		}
	}
	for _, q := range []string{"endpoint=" + hook.NewEndpointID().String(), "event=" + hook.NewEventID().String(), "state=failed", "type=b", "until=2020-01-01T00:00:00Z", "since=2999-01-01T00:00:00Z", "by=ended&state=pending", "by=ended&until=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)} {
		if got := ids(s.do("GET", tenant+"/deliveries?"+q, "").want(200)); len(got) != 0 {
			t.Errorf("%s finds %v", q, got)
		}
	}
}

// Many deliveries are counted, begun and stopped by one request each. A key that is limited to contracts reaches those of its
// contracts alone.
func TestBulkActionsOverAPI(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	_, id := s.endpoint(tenant, `{"url":"`+nobody+`/"}`)
	first := s.do("POST", tenant+"/events", `{"type":"a","payload":1}`).want(202).str("id")
	s.do("POST", tenant+"/events", `{"type":"b","payload":1}`).want(202)
	d := s.deliveriesOf("acme", first)[0]
	for body, want := range map[string]string{
		`{"action":"cancel"}`:                                       `{"states":{"pending":2},"changed":2,"final":0,"left":{},"at_least":false}`,
		`{"action":"cancel","types":["b"]}`:                         `{"states":{"pending":1},"changed":1,"final":0,"left":{},"at_least":false}`,
		`{"action":"cancel","event":"` + first + `"}`:               `{"states":{"pending":1},"changed":1,"final":0,"left":{},"at_least":false}`,
		`{"action":"cancel","since":"2999-01-01T00:00:00Z"}`:        `{"states":{},"changed":0,"final":0,"left":{},"at_least":false}`,
		`{"action":"retry","endpoints":["` + id + `"]}`:             `{"states":{},"changed":0,"final":0,"left":{},"at_least":false}`,
		`{"action":"retry","deliveries":["` + d.ID.String() + `"]}`: `{"states":{"pending":1},"changed":0,"final":0,"left":{"delivery_unfinished":1},"at_least":false}`,
	} {
		if a := s.do("POST", tenant+"/bulk-actions/preview", body).want(200); strings.TrimSpace(a.Body) != want {
			t.Errorf("preview of %s: %s", body, a.Body)
		}
	}
	for _, body := range []string{
		`{"action":"purge"}`, `{}`, `{"action":"retry","deliveries":["evt_1"]}`, `{"action":"retry","endpoints":["x"]}`,
		`{"action":"retry","since":"2026-01-02T00:00:00Z","until":"2026-01-01T00:00:00Z"}`, `{"action":"retry","event":"nothing"}`, `{"action":"retry","state":"failed"}`,
	} {
		s.do("POST", tenant+"/bulk-actions", body).want(422)
	}
	b := s.do("POST", tenant+"/bulk-actions", `{"action":"cancel","states":["pending","retrying"]}`).want(202)
	if b.str("state") != "running" || jsonOf(t, b.get("total")) != "2" || jsonOf(t, b.get("filter.states")) != `["pending","retrying"]` {
		t.Errorf("begun: %s", b.Body)
	}
	limited := s.limited(map[string]any{"contracts": []string{"kobra"}})
	s.as(limited, "GET", tenant+"/bulk-actions/"+b.str("id"), "").want(403)
	if a := s.as(limited, "GET", tenant+"/bulk-actions", "").want(200); a.get("items.0") != nil {
		t.Errorf("a limited key sees %s", a.Body)
	}
	if a := s.as(limited, "POST", tenant+"/bulk-actions/preview", `{"action":"cancel"}`).want(200); jsonOf(t, a.get("changed")) != "0" {
		t.Errorf("a limited key would cancel %s", a.Body)
	}
	s.as(limited, "POST", tenant+"/bulk-actions", `{"action":"cancel","contracts":["standard"]}`).want(403)
	s.as(limited, "POST", tenant+"/bulk-actions", `{"action":"cancel","endpoints":["`+id+`"]}`).want(403)
	s.as(limited, "POST", tenant+"/bulk-actions/"+b.str("id")+"/stop", "").want(403)
	if a := s.do("POST", tenant+"/bulk-actions/"+b.str("id")+"/stop", "").want(200); a.str("state") != "stopped" {
		t.Errorf("stopped: %s", a.Body)
	}
	if a := s.do("GET", tenant+"/bulk-actions", "").want(200); a.str("items.0.id") != b.str("id") || a.str("items.0.state") != "stopped" {
		t.Errorf("list: %s", a.Body)
	}
	s.do("GET", tenant+"/bulk-actions/nothing", "").want(404)
	f := s.do("POST", tenant+"/saved-filters", `{"name":"Yesterday","query":{"period":"yesterday","state":"failed"}}`).want(201)
	if a := s.do("GET", tenant+"/saved-filters", "").want(200); a.str("items.0.name") != "Yesterday" || a.str("items.0.query.period") != "yesterday" {
		t.Errorf("saved: %s", a.Body)
	}
	s.do("DELETE", tenant+"/saved-filters/"+f.str("id"), "").want(204)
	s.do("DELETE", tenant+"/saved-filters/"+f.str("id"), "").want(404)
}

// A saved filter belongs to contracts: a key that is limited to others neither sees nor changes it.
func TestSavedFilterWalls(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	const filters = "/saved-filters"
	save := func(key, name, query string) answer {
		t.Helper()
		return s.as(key, "POST", tenant+filters, `{"name":"`+name+`","query":`+query+`}`)
	}
	names := func(key string) (out []string) {
		t.Helper()
		for _, it := range s.as(key, "GET", tenant+filters, "").want(200).get("items").([]any) {
			out = append(out, it.(map[string]any)["name"].(string))
		}
		return out
	}
	kobra, two := s.limited(map[string]any{"contracts": []string{"kobra"}}), s.limited(map[string]any{"contracts": []string{"kobra", "upnify"}})
	all := save(adminKey, "all", `{"state":"failed"}`).want(201)
	upnify := save(adminKey, "upnify", `{"contract":"upnify"}`).want(201)
	save(adminKey, "kobra", `{"contract":"kobra","state":"failed"}`).want(201)
	if a := save(kobra, "mine", `{"state":"failed"}`).want(201); jsonOf(t, a.get("contracts")) != `["kobra"]` {
		t.Errorf("saved: %s", a.Body)
	}
	save(two, "both", `{"contract":"kobra,upnify"}`).want(201)
	for key, want := range map[string][]string{
		adminKey: {"all", "both", "kobra", "mine", "upnify"}, kobra: {"kobra", "mine"}, two: {"both", "kobra", "mine", "upnify"},
	} {
		if diff := cmp.Diff(want, names(key)); diff != "" {
			t.Error(diff)
		}
	}
	save(kobra, "new", `{"contract":"kobra,upnify"}`).want(403)
	for _, name := range []string{"all", "upnify", "both"} { // which it does not see, so it does not replace them
		if a := save(kobra, name, `{}`).want(409); a.str("code") != "filter_name_taken" {
			t.Errorf("%s: %s", name, a.Body)
		}
	}
	s.as(kobra, "DELETE", tenant+filters+"/"+upnify.str("id"), "").want(404)
	s.as(two, "DELETE", tenant+filters+"/"+all.str("id"), "").want(404)
	s.as(two, "DELETE", tenant+filters+"/"+upnify.str("id"), "").want(204)

	// Each member has a name that is known, and a limit; a text that is searched for is not kept.
	for query, want := range map[string]string{
		`{"contains":"Ana"}`: "/query/contains filter_text", `{"stat":"failed"}`: "/query/stat member_unknown",
		`{"type":"` + strings.Repeat("ñ", 2001) + `"}`: "/query/type too_long",
	} {
		a := save(adminKey, "wrong", query).want(422)
		if got := a.str("errors.0.pointer") + " " + a.str("errors.0.code"); a.str("code") != "saved_filter_invalid" || got != want {
			t.Errorf("%.40s: %s", query, a.Body)
		}
	}
	save(adminKey, "long", `{"type":"`+strings.Repeat("ñ", 2000)+`"}`).want(201)
	save(adminKey, "", `{}`).want(422)
	save(adminKey, strings.Repeat("n", 101), `{}`).want(422)
	for i := len(names(adminKey)); i < 200; i++ {
		save(adminKey, fmt.Sprint("n", i), `{}`).want(201)
	}
	if a := save(adminKey, "more", `{}`).want(409); a.str("code") != "too_many_filters" {
		t.Errorf("the 201st: %s", a.Body)
	}
	save(adminKey, "long", `{}`).want(201)
}

// A text is found in what the caller may see of payloads, sealed and compressed ones too. A page says how far it looked.
func TestSearchInPayloads(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	s.do("PUT", tenant, `{"seal_payloads":true}`).want(200)
	s.endpoint(tenant, `{"url":"`+nobody+`/"}`)
	found := func(key, query string) string {
		t.Helper()
		a := s.as(key, "GET", tenant+"/deliveries?"+query, "").want(200)
		items, _ := a.get("items").([]any)
		return fmt.Sprint(len(items), " of ", a.get("searched.deliveries"))
	}
	s.do("POST", tenant+"/events", `{"type":"a","payload":{"order":"A-17","note":"ma\u00f1ana"}}`).want(202)
	s.do("POST", tenant+"/events", `{"type":"b","payload":{"order":"A-18","long":"`+strings.Repeat("x", 60_000)+`"}}`).want(202)
	for query, want := range map[string]string{
		"contains=A-1": "2 of 2", "contains=A-18": "1 of 2", "contains=A-18&type=a": "0 of 1", "contains=a-17": "0 of 2",
		"contains=A-17&since=2999-01-01T00:00:00Z": "0 of 0", "contains=%22A-17%22": "1 of 2",
	} {
		if got := found(adminKey, query); got != want {
			t.Errorf("%s finds %s, want %s", query, got, want)
		}
	}
	// What a contract calls sensitive is found only by somebody who may see it and says so.
	s.post("/v1/contracts", "contract: private\ntitle: {en: P}\nabout: {en: P.}\nsensitive: [mail]\nevents: {p: {title: {en: P}, example: '{}'}}\n").want(201)
	s.endpoint(tenant, `{"url":"`+nobody+`/","contract":"private"}`)
	s.do("POST", tenant+"/events", `{"type":"p","contract":"private","payload":{"mail":"ana@example.com"}}`).want(202)
	for key, query := range map[string]string{adminKey: "contains=ana@&contract=private", s.key(`{"role":"read"}`): "contains=ana@&contract=private"} {
		if got := found(key, query); got != "0 of 1" {
			t.Errorf("what is hidden is found: %s", got)
		}
	}
	if got := found(adminKey, "contains=ana@&contract=private&reveal=true"); got != "1 of 1" {
		t.Errorf("revealed, it finds %s", got)
	}
	// A bulk action is about exactly what the search finds, for whoever may do both.
	for body, want := range map[string]string{
		`"contains":"A-1"`: "2", `"contains":"A-18"`: "1", `"contains":"A-18","types":["a"]`: "0", `"contains":"a-17"`: "0",
		`"contains":"mañana"`: "1", `"contains":"A-17","since":"2999-01-01T00:00:00Z"`: "0", `"contains":"ana@"`: "0",
		`"contains":"ana@","contracts":["private"],"reveal":true`: "1", `"reveal":true`: "3",
	} {
		if a := s.do("POST", tenant+"/bulk-actions/preview", `{"action":"cancel",`+body+`}`).want(200); jsonOf(t, a.get("changed")) != want {
			t.Errorf("%s: %s, want %s", body, a.Body, want)
		}
	}
	scoped := s.limited(map[string]any{"scopes": []string{"deliveries:retry"}})
	s.as(scoped, "POST", tenant+"/bulk-actions", `{"action":"cancel","contains":"ana@","reveal":true}`).want(403)
	b := s.as(scoped, "POST", tenant+"/bulk-actions", `{"action":"cancel","contains":"A-17"}`).want(202)
	if b.get("searched") != true || jsonOf(t, b.get("total")) != "1" || strings.Contains(b.Body, "A-17") {
		t.Errorf("begun: %s", b.Body)
	}
	s.do("POST", tenant+"/bulk-actions", `{"action":"cancel","contains":"`+strings.Repeat("x", 201)+`"}`).want(422)
	s.as(s.key(`{"role":"read"}`), "GET", tenant+"/deliveries?contains=ana@&reveal=true", "").want(403)
}

func TestRetryAndRecover(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	path, id := s.endpoint(tenant, `{"url":"`+nobody+`/"}`)
	event := s.do("POST", tenant+"/events", `{"type":"a","payload":1}`).want(202).str("id")
	d := s.deliveriesOf("acme", event)[0]
	at := tenant + "/deliveries/" + d.ID.String()
	if a := s.do("POST", at+"/retry", "").want(409); a.str("code") != "delivery_unfinished" {
		t.Errorf("pending: %s", a.Body)
	}
	s.finish(d, hook.Failed, nil)
	a := s.do("POST", at+"/retry", "whatever").want(202)
	if a.str("state") != "pending" || a.get("finished_at") != nil || len(s.worker.woken) != 1 || s.worker.woken[0].String() != id {
		t.Errorf("retried: %s, woken %v", a.Body, s.worker.woken)
	}
	s.finish(s.deliveriesOf("acme", event)[0], hook.Failed, nil)
	s.do("POST", path+"/disable", "").want(200)
	if a := s.do("POST", at+"/retry", "").want(409); a.str("code") != "endpoint_disabled" {
		t.Errorf("disabled: %s", a.Body)
	}
	if a := s.do("POST", path+"/recover", `{"since":"2020-01-01T00:00:00Z"}`).want(409); a.str("code") != "endpoint_disabled" {
		t.Errorf("disabled: %s", a.Body)
	}
	if a := s.do("POST", path+"/recover/preview", `{"since":"2020-01-01T00:00:00Z"}`).want(409); a.str("code") != "endpoint_disabled" {
		t.Errorf("disabled: %s", a.Body)
	}
	s.do("POST", path+"/resume", "").want(200)
	for body, want := range map[string]string{
		`{"since":"2020-01-01T00:00:00Z"}`:                                `{"examined":1,"deliveries":1,"at_least":false}`,
		`{"since":"2020-01-01T00:00:00Z","states":["delivered"]}`:         `{"examined":1,"deliveries":0,"at_least":false}`,
		`{"since":"2020-01-01T00:00:00Z","until":"2021-01-01T00:00:00Z"}`: `{"examined":0,"deliveries":0,"at_least":false}`,
	} {
		if a := s.do("POST", path+"/recover/preview", body).want(200); strings.TrimSpace(a.Body) != want {
			t.Errorf("preview of %s: %s", body, a.Body)
		}
	}
	s.do("POST", path+"/recover/preview", `{"since":"2999-01-01T00:00:00Z"}`).want(422)
	if a := s.do("GET", path+"/recoveries", "").want(200); a.get("items.0") != nil {
		t.Errorf("a preview began: %s", a.Body)
	}
	r := s.do("POST", path+"/recover", `{"since":"2020-01-01T00:00:00+01:00","until":"2999-01-01T00:00:00Z","states":["failed","missing"]}`).want(202)
	if r.str("state") != "running" || jsonOf(t, r.get("states")) != `["failed","missing"]` || r.str("since") != "2019-12-31T23:00:00Z" || strings.HasPrefix(r.str("until"), "2999") {
		t.Errorf("recovery: %s", r.Body)
	}
	if jsonOf(t, r.get("total")) != "1" || jsonOf(t, r.get("progress")) != "0" {
		t.Errorf("recovery: %s", r.Body)
	}
	if got := s.do("GET", path+"/recoveries/"+r.str("id"), "").want(200); got.Body != r.Body {
		t.Errorf("read back: %s", got.Body)
	}
	other, _ := s.endpoint(tenant, `{"url":"`+nobody+`/","mode":"at_most_once"}`)
	s.do("GET", other+"/recoveries/"+r.str("id"), "").want(404)
	s.do("GET", path+"/recoveries/nothing", "").want(404)
	if a := s.do("POST", other+"/recover", `{"since":"2020-01-01T00:00:00Z"}`).want(409); a.str("code") != "at_most_once" {
		t.Errorf("at most once: %s", a.Body)
	}
	once := s.do("POST", tenant+"/events", `{"type":"b","payload":1}`).want(202).str("id")
	for _, d := range s.deliveriesOf("acme", once) {
		if d.Mode == hook.AtMostOnce {
			s.finish(d, hook.Unknown, nil)
			if a := s.do("POST", tenant+"/deliveries/"+d.ID.String()+"/retry", "").want(409); a.str("code") != "at_most_once" {
				t.Errorf("at most once: %s", a.Body)
			}
		}
	}
	s.finish(s.deliveriesOf("acme", event)[0], hook.Failed, nil)
	s.do("DELETE", path, "").want(204)
	if a := s.do("POST", at+"/retry", "").want(409); a.str("code") != "endpoint_deleted" {
		t.Errorf("deleted: %s", a.Body)
	}
}

func TestDeletedTenant(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	path, _ := s.endpoint(tenant, `{"url":"`+nobody+`/"}`)
	key := s.key(`{"role":"tenant","tenant":"acme"}`)
	s.as(key, "POST", tenant+"/events", `{"type":"a","payload":1}`).want(202)
	s.do("DELETE", tenant, "").want(204)
	s.as(key, "POST", tenant+"/events", `{"type":"a","payload":1}`).want(401)
	s.do("POST", tenant+"/events", `{"type":"a","payload":1}`).want(404)
	for _, p := range []string{tenant, path, tenant + "/events", tenant + "/deliveries", tenant + "/endpoints"} {
		s.do("GET", p, "").want(404)
	}
	s.do("DELETE", tenant, "").want(404)
	if a := s.do("PUT", tenant, "").want(409); a.str("code") != "tenant_being_deleted" {
		t.Errorf("made again: %s", a.Body)
	}
	for more := true; more; {
		var err error
		if more, err = s.db.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.do("PUT", tenant, "").want(201)
	if a := s.do("GET", tenant+"/deliveries", "").want(200); a.get("items.0") != nil {
		t.Errorf("the new tenant has %s", a.Body)
	}
}

func TestContractsShow(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	list := s.do("GET", "/v1/contracts", "").want(200)
	if !strings.Contains(list.Body, `"name":"standard"`) || !strings.Contains(list.Body, `"name":"kobra"`) {
		t.Errorf("list: %s", list.Body)
	}
	c := s.do("GET", "/v1/contracts/kobra?lang=es", "").want(200)
	if c.get("settings.properties.api_key") == nil || c.get("signing") != false || c.str("event_types.0.name") == "" || c.str("methods.0") == "" {
		t.Errorf("kobra: %s", c.Body)
	}
	s.do("GET", "/v1/contracts/nothing", "").want(404)
	s.do("GET", "/v1/contracts/kobra?lang=xx", "").want(422)
}
