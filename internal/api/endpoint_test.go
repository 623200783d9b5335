package api_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// TestPatch changes each member of an endpoint, and checks that the others stay as they are.
func TestPatch(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	path, id := s.endpoint(tenant, `{"contract":"kobra","name":"a","url":"`+nobody+`/a","headers":{"X-Team":"blue","X-Api-Token":"hunter2-header"},"settings":{"api_key":"hunter2-setting"},"retry":["0s","5s"],"rate_limit":{"per_second":5}}`)
	epID, err := hook.ParseEndpointID(id)
	if err != nil {
		t.Fatal(err)
	}
	stored := func() *hook.Endpoint {
		e, err := s.db.TenantEndpoint(t.Context(), "acme", epID)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	version := int64(1)
	for _, c := range []struct {
		patch  string
		has    []string
		config bool // the change makes a new version
	}{
		{`{}`, []string{`"name":"a"`}, false},
		{`{"name":"b"}`, []string{`"name":"b"`}, false},
		{`{"url":"` + nobody + `/b"}`, []string{`"url":"` + nobody + `/b"`}, true},
		{`{"headers":{"X-New":"1"}}`, []string{`"X-New":"1"`, `"X-Team":"blue"`, `"X-Api-Token":"********"`}, true},
		{`{"headers":{"x-team":null}}`, []string{`"X-New":"1"`, `"X-Api-Token":"********"`}, true},
		{`{"headers":{"X-Api-Token":"********","X-New":"2"}}`, []string{`"X-New":"2"`, `"X-Api-Token":"********"`}, true},
		{`{"headers":{"x-api-token":"********"}}`, []string{`"x-api-token":"********"`}, true},
		{`{"settings":{"api_key":"********"}}`, []string{`"api_key":"********"`}, false},
		{`{"retry":null,"rate_limit":null}`, []string{`"rate_limit":null`}, true},
		{`{"timeout_ms":2500,"concurrency":3,"ordered":false}`, []string{`"timeout_ms":2500`, `"concurrency":3`}, true},
		{`{"timeout_ms":2500}`, nil, false},
		{`{"give_up":{"after":"15","of":"deliveries","do":"pause"}}`, []string{`"give_up":{"after":"15","of":"deliveries","do":"pause"}`}, true},
		{`{"give_up":{"after":"5d","of":"time"}}`, []string{`"give_up":{"after":"120h","of":"time","do":"disable"}`}, true},
		{`{"give_up":{"do":"nothing"}}`, []string{`"give_up":{"do":"nothing"}`}, true},
		{`{"give_up":null}`, []string{`"give_up":null`}, true},
		{`{"event_types":["visit.finished"]}`, []string{`"event_types":["visit.finished"]`}, true},
		{`{"event_types":[],"filter":null,"concurrency":null}`, []string{`"event_types":[]`, `"filter":""`, `"concurrency":32`}, true},
		{`{"state":"paused"}`, []string{`"state":"paused"`, `"state_reason":"by_person"`}, false},
		{`{"state":null}`, []string{`"state":"active"`, `"state_reason":""`}, false},
		{`{"headers":null}`, []string{`"headers":{}`}, true},
		{`{"settings":{"api_key":"hunter2-new"}}`, []string{`"api_key":"********"`}, true},
	} {
		if c.config {
			version++
		}
		a := s.do("PATCH", path, c.patch).want(200)
		for _, want := range append(c.has, fmt.Sprintf(`"version":%d`, version)) {
			if !strings.Contains(a.Body, want) {
				t.Errorf("after %s: no %s in %s", c.patch, want, a.Body)
			}
		}
		if e := stored(); e.Version != version {
			t.Errorf("after %s: version %d", c.patch, e.Version)
		} else if !strings.Contains(c.patch, "hunter2-new") && string(e.Config.Settings) != `{"api_key":"hunter2-setting"}` {
			t.Errorf("after %s: settings %s", c.patch, e.Config.Settings)
		}
		if strings.Contains(c.patch, "pi-token") || strings.Contains(c.patch, "Api-Token") {
			for _, h := range stored().Config.Headers {
				if strings.EqualFold(h.Name, "x-api-token") && h.Value != "hunter2-header" {
					t.Errorf("after %s: the header is %q", c.patch, h.Value)
				}
			}
		}
	}
	if got := string(stored().Config.Settings); got != `{"api_key":"hunter2-new"}` {
		t.Errorf("settings %s", got)
	}
	// An endpoint that is read and sent back unchanged stays as it is.
	doc := s.do("GET", path, "").want(200)
	var members []string
	for _, m := range []string{"name", "contract", "url", "event_types", "filter", "headers", "settings", "state"} {
		members = append(members, fmt.Sprintf("%q:%s", m, jsonOf(t, doc.get(m))))
	}
	if a := s.do("PATCH", path, "{"+strings.Join(members, ",")+"}").want(200); a.get("version") != doc.get("version") {
		t.Errorf("sent back as read: %s", a.Body)
	}
	if strings.Contains(s.answers.String(), "hunter2") || strings.Contains(s.log.String(), "hunter2") {
		t.Error("a secret is in an answer or in the log")
	}
}

func TestPatchTogether(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	path, _ := s.endpoint(s.tenant("acme"), `{"url":"`+nobody+`/"}`)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() { s.do("PATCH", path, fmt.Sprintf(`{"headers":{"X-%d":"1"}}`, i)) })
	}
	wg.Wait()
	a := s.do("GET", path, "").want(200)
	for i := range 4 {
		if !strings.Contains(a.Body, fmt.Sprintf(`"X-%d":"1"`, i)) {
			t.Errorf("a change was lost: %s", a.Body)
		}
	}
}

// TestPatchNumbers sends 5.0, which is a whole number for JSON Schema and none for Go.
func TestPatchNumbers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	path, _ := s.endpoint(s.tenant("acme"), `{"url":"`+nobody+`/"}`)
	s.do("PATCH", path, `{"timeout_ms":15000.0}`).want(422).is("errors.0.pointer", "/timeout_ms")
	s.do("PATCH", path, `{"concurrency":1E2}`).want(422).is("errors.0.pointer", "/concurrency")
	s.do("PATCH", path, `{"rate_limit":{"per_second":1E2}}`).want(200)
}

func TestStates(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	path, _ := s.endpoint(tenant, `{"url":"`+nobody+`/"}`)
	publish := func() any {
		return s.do("POST", tenant+"/events", `{"type":"a","payload":1}`).want(202).get("deliveries")
	}
	for _, step := range []struct{ verb, state, reason, deliveries string }{
		{"pause", "paused", "by_person", "1"},
		{"pause", "paused", "by_person", "1"},
		{"resume", "active", "", "1"},
		{"disable", "disabled", "by_person", "0"},
		{"pause", "paused", "by_person", "1"},
		{"disable", "disabled", "by_person", "0"},
		{"resume", "active", "", "1"},
	} {
		a := s.do("POST", path+"/"+step.verb, "").want(200)
		if got := fmt.Sprint(a.str("state"), " ", a.str("state_reason"), " ", publish()); got != step.state+" "+step.reason+" "+step.deliveries {
			t.Errorf("%s: %s, want %s %s %s", step.verb, got, step.state, step.reason, step.deliveries)
		}
	}
	s.do("DELETE", path, "").want(204)
	for _, method := range []string{"GET", "DELETE", "PATCH"} {
		s.do(method, path, "{}").want(404)
	}
	s.do("POST", path+"/resume", "").want(404)
	if publish() == "1" || s.do("GET", tenant+"/endpoints", "").want(200).get("items.0") != nil {
		t.Error("a deleted endpoint goes on")
	}
	if a := s.do("GET", tenant+"/deliveries", "").want(200); a.get("items.0") == nil {
		t.Error("the history went with the endpoint")
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	const given = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	path, _ := s.endpoint(tenant, `{"url":"`+nobody+`/","secret":"`+given+`"}`)
	a := s.do("GET", path+"/secret", "").want(200)
	if a.str("secret") != given || a.get("previous.0") != nil || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("secret: %v %s", a.Header, a.Body)
	}
	a = s.do("POST", path+"/rotate-secret", "").want(200)
	second := a.str("secret")
	if second == given || a.str("previous.0.secret") != given {
		t.Errorf("rotated: %s", a.Body)
	}
	if at, err := time.Parse(time.RFC3339Nano, a.str("previous.0.expires_at")); err != nil || time.Until(at) < 23*time.Hour || time.Until(at) > 25*time.Hour {
		t.Errorf("overlap until %v %v", at, err)
	}
	a = s.do("POST", path+"/rotate-secret", `{"overlap":"0s"}`).want(200)
	third := a.str("secret")
	if a.get("previous.0") != nil { // that of the first secret is over, too
		t.Errorf("rotated without overlap: %s", a.Body)
	}
	a = s.do("POST", path+"/rotate-secret", `{"secret":"`+third+`"}`).want(200)
	if a.str("secret") != third || strings.Count(a.Body, third) != 1 {
		t.Errorf("rotated to the same: %s", a.Body)
	}
	const private = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	a = s.do("POST", path+"/rotate-secret", `{"secret":"`+private+`"}`).want(200)
	if !strings.HasPrefix(a.str("public_key"), "whpk_") {
		t.Errorf("a key pair: %s", a.Body)
	}
	s.do("PATCH", path, `{"secret":"`+given+`"}`).want(200)
	if a := s.do("GET", path+"/secret", "").want(200); a.str("secret") != given || a.get("previous.0") != nil {
		t.Errorf("patched: %s", a.Body)
	}
	kobra, _ := s.endpoint(tenant, `{"url":"`+nobody+`/","contract":"kobra","settings":{"api_key":"k"}}`)
	s.do("GET", kobra+"/secret", "").want(404)
	s.do("POST", kobra+"/rotate-secret", "").want(404)
}

// TestNoSecretShows calls every operation on an endpoint full of secrets, and searches all answers and the log for
// them.
func TestNoSecretShows(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	const secret = "whsec_aHVudGVyMi1odW50ZXIyLWh1bnRlcjItaHVudGVyMg=="
	reader := s.key(`{"role":"read"}`)
	manager := s.key(`{"role":"tenant","tenant":"acme"}`)
	s.answers.b.Reset() // the first answers show the keys, as they should
	body := `{"url":"` + nobody + `/","secret":"` + secret + `","headers":{"Authorization":"Bearer hunter2","X-API-Key":"hunter2","Cookie":"a=hunter2","X-Access-Token":"hunter2","Signature":"hunter2"}}`
	path, id := s.endpoint(tenant, body)
	kobra, _ := s.endpoint(tenant, `{"url":"`+nobody+`/","contract":"kobra","settings":{"api_key":"hunter2"}}`)
	for _, key := range []string{adminKey, reader, manager} {
		for _, p := range []string{path, kobra} {
			s.as(key, "GET", p, "").want(200)
			s.as(key, "PATCH", p, `{"name":"x"}`)
			s.as(key, "PATCH", p, `{"url":"hunter2","headers":{"Authorization":"hunter2\n"},"secret":"`+secret+`x"}`)
			s.as(key, "POST", p+"/pause", "")
			s.as(key, "POST", p+"/resume", "")
		}
		s.as(key, "GET", tenant+"/endpoints", "").want(200)
		s.as(key, "POST", tenant+"/endpoints", strings.Replace(body, nobody, "http://", 1))
		s.as(key, "POST", tenant+"/endpoints", body+"}")
		s.as(key, "POST", tenant+"/endpoints", strings.Replace(body, `"secret"`, `"sceret"`, 1))
		s.as(key, "GET", tenant, "", "X-Request-Id", "hunter2")
	}
	s.as(reader, "GET", path+"/secret", "").want(403)
	s.as("hunter2-hunter2", "GET", path, "").want(401)
	s.as(adminKey, "GET", tenant+"/deliveries?endpoint="+id+"&cursor=hunter2", "").want(422)
	for where, text := range map[string]string{"answer": s.answers.String(), "log": s.log.String()} {
		for _, bad := range []string{"hunter2", "aHVudGVyMi1", adminKey, reader, manager} {
			if i := strings.Index(text, bad); i >= 0 {
				t.Errorf("%q is in an %s: …%s…", bad, where, text[max(0, i-200):min(len(text), i+50)])
			}
		}
	}
	if !strings.Contains(s.log.String(), "status=401") {
		t.Error("requests are not logged")
	}
}

// TestCursors reads lists page by page, and uses cursors with other lists and filters.
func TestCursors(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant, other := s.tenant("acme"), s.tenant("other")
	path, id := s.endpoint(tenant, `{"url":"`+nobody+`/"}`)
	for range 6 {
		s.endpoint(tenant, `{"url":"`+nobody+`/","event_types":["none"]}`)
		s.key(`{"role":"read"}`)
		s.tenant("t" + hook.NewEventID().String())
		s.do("POST", path+"/recover", `{"since":"2020-01-01T00:00:00Z"}`).want(202)
	}
	s.do("POST", tenant+"/events", `[`+strings.Repeat(`{"type":"a","payload":1},`, 6)+`{"type":"b","payload":1}]`).want(202)
	for _, list := range []string{
		"/v1/tenants?", "/v1/keys?", tenant + "/endpoints?", tenant + "/events?", tenant + "/deliveries?", path + "/recoveries?", tenant + "/events?type=a&",
		tenant + "/deliveries?type=a&", tenant + "/deliveries?state=pending&", tenant + "/deliveries?endpoint=" + id + "&", tenant + "/deliveries?since=2020-01-01T00:00:00Z&",
	} {
		all := ids(s.do("GET", list+"limit=200", "").want(200))
		if len(all) < 6 {
			t.Fatalf("%s has only %d items", list, len(all))
		}
		for _, limit := range []int{1, 2, len(all) - 1, len(all)} {
			var got []string
			cursor := ""
			for {
				a := s.do("GET", fmt.Sprintf("%slimit=%d%s", list, limit, cursor), "").want(200)
				got = append(got, ids(a)...)
				next, more := a.get("next_cursor").(string)
				if !more {
					break
				}
				cursor = "&cursor=" + next
			}
			if diff := cmp.Diff(all, got); diff != "" {
				t.Errorf("%s by %d (-want +got):\n%s", list, limit, diff)
			}
		}
	}
	cursor := s.do("GET", tenant+"/deliveries?limit=2&type=a", "").want(200).str("next_cursor")
	for _, list := range []string{
		tenant + "/deliveries?", tenant + "/deliveries?type=b&", tenant + "/deliveries?type=a&state=pending&", tenant + "/deliveries?type=a&endpoint=" + id + "&",
		tenant + "/deliveries?type=a&since=2020-01-01T00:00:00Z&", tenant + "/events?type=a&", other + "/deliveries?type=a&", "/v1/tenants?", "/v1/keys?",
	} {
		if a := s.do("GET", list+"cursor="+cursor, "").want(422); a.str("code") != "cursor_invalid" {
			t.Errorf("%s: %s", list, a.Body)
		}
	}
	s.do("GET", tenant+"/deliveries?limit=5&type=a&cursor="+cursor, "").want(200) // another length is fine
	for _, bad := range []string{cursor[:len(cursor)-2], cursor + "AA", "A" + cursor[1:], cursor + "=", strings.ToLower(cursor)} {
		s.do("GET", tenant+"/deliveries?type=a&cursor="+bad, "").want(422)
	}
}

func ids(a answer) (out []string) {
	a.t.Helper()
	list, _ := a.get("items").([]any)
	for _, it := range list {
		out = append(out, it.(map[string]any)["id"].(string))
	}
	return out
}
