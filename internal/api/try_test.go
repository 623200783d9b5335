package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// An endpoint can be tried before it is stored, dry and really, and so can a change of one. Nothing is stored.
func TestTry(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	var got atomic.Int64
	var seen atomic.Pointer[http.Header]
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Add(1)
		h := r.Header.Clone()
		seen.Store(&h)
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(receiver.Close)
	body := `{"url":"` + receiver.URL + `/ok","headers":{"X-Team":"shop","Authorization":"Bearer secret-token"}}`
	dry := s.do("POST", tenant+"/endpoints/try", body).want(200)
	if dry.str("request.url") != receiver.URL+"/ok" || !strings.Contains(dry.Body, `"X-Team"`) || strings.Contains(dry.Body, "secret-token") || got.Load() != 0 {
		t.Errorf("dry, %d requests: %s", got.Load(), dry.Body)
	}
	real := s.do("POST", tenant+"/endpoints/try?send=true&lang=es", body).want(200)
	if real.get("result.passed") != true || real.str("result.diagnosis.language") != "es" || got.Load() != 1 || strings.Contains(real.Body, "secret-token") {
		t.Errorf("sent, %d requests: %s", got.Load(), real.Body)
	}
	if h := *seen.Load(); h.Get("Authorization") != "Bearer secret-token" || h.Get("Webhook-Signature") == "" {
		t.Errorf("the receiver got %v", h)
	}
	broken := s.do("POST", tenant+"/endpoints/try?send=true", strings.Replace(body, "/ok", "/broken", 1)).want(200)
	if broken.get("result.passed") != false || broken.str("result.error.class") != "status_5xx" {
		t.Error(broken.Body)
	}
	for body, pointer := range map[string]string{`{"url":""}`: "/url", `{"url":"https://a.example/","retry":["x"]}`: "/retry/0"} {
		if a := s.do("POST", tenant+"/endpoints/try", body).want(422); a.str("errors.0.pointer") != pointer {
			t.Errorf("%s: %s", body, a.Body)
		}
	}
	for _, list := range []string{"/endpoints", "/deliveries", "/events"} {
		if a := s.do("GET", tenant+list, "").want(200); a.get("items.0") != nil {
			t.Errorf("%s has something: %s", list, a.Body)
		}
	}
	// A change of a stored endpoint, whose secret it need not repeat.
	path, _ := s.endpoint(tenant, strings.Replace(body, "/ok", "/broken", 1))
	before := s.do("GET", path, "").want(200).str("etag")
	fixed := s.do("POST", path+"/try?send=true", `{"url":"`+receiver.URL+`/ok"}`).want(200)
	if fixed.get("result.passed") != true || seen.Load().Get("Authorization") != "Bearer secret-token" {
		t.Errorf("%v: %s", *seen.Load(), fixed.Body)
	}
	if now := s.do("GET", path, "").want(200); now.str("etag") != before || now.str("url") != receiver.URL+"/broken" || now.get("last_test") != nil {
		t.Errorf("it was changed: %s", now.Body)
	}
	// It is made for the endpoint that there is, also where the request names it.
	s.post("/v1/contracts", "contract: named\ntitle: {en: N}\nendpoint: {headers: {X-To: '${endpoint.id}'}}\nevents: {a: {title: {en: A}, example: '{}'}}\n").want(201)
	namedPath, named := s.endpoint(tenant, `{"url":"`+receiver.URL+`/ok","contract":"named"}`)
	s.do("POST", namedPath+"/try?send=true", `{"url":"`+receiver.URL+`/other"}`).want(200).is("result.passed", true)
	if got := seen.Load().Get("X-To"); got != named {
		t.Errorf("the trial of %s was sent to %q", named, got)
	}
	if a := s.do("POST", namedPath+"/try", `{"name":"n"}`).want(200); !strings.Contains(a.Body, named) {
		t.Errorf("not for %s: %s", named, a.Body)
	}
	// A secret does not go to another host because somebody tries it.
	if a := s.do("POST", path+"/try?send=true", `{"url":"https://elsewhere.example/"}`).want(422); !strings.Contains(a.Body, "secret_again") {
		t.Error(a.Body)
	}
}

// A contract can be tried at an address before it is stored, with what it asks of an endpoint. Nothing is stored.
func TestTryContract(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	type sent struct {
		header http.Header
		body   string
	}
	requests, release := make(chan sent, 10), make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- sent{r.Header, string(body)}
		switch r.URL.Path {
		case "/created":
			w.WriteHeader(http.StatusCreated)
		case "/slow":
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
	}))
	t.Cleanup(receiver.Close)
	t.Cleanup(func() { close(release) }) // before the receiver waits for its requests
	type form = map[string]any
	draft := strings.NewReplacer("order.paid:", "order.sent:", "about: {en: A shop.}", "sensitive: [mail]\nabout: {en: A shop.}",
		`{"id":1,`, `{"id":1,"mail":"ana@example.com",`, "timeout: 3s", "timeout: 250ms").Replace(shop)
	by := adminKey
	try := func(more form) answer {
		t.Helper()
		in := form{
			"source": draft, "tenant": "acme", "url": receiver.URL + "/ok",
			"settings": form{"token": "token-of-the-receiver"}, "headers": form{"X-Team": "shop"},
		}
		for name, value := range more {
			in[name] = value
			if value == nil {
				delete(in, name)
			}
		}
		body, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		return s.as(by, "POST", "/v1/contracts/try?lang=es", string(body))
	}
	a := try(nil).want(200).is("passed", true).is("response.status", 200.0).is("type", "order.sent").is("diagnosis.level", "ok").
		is("diagnosis.language", "es").is("delivery", "").is("event", "")
	got := <-requests
	if got.body != `{"id":1,"mail":"ana@example.com","total":45.50}` || got.header.Get("X-Token") != "token-of-the-receiver" ||
		got.header.Get("X-Team") != "shop" {
		t.Errorf("the receiver got %s with %v", got.body, got.header)
	}
	// What the draft calls secret or sensitive is hidden, although nothing that is stored says so.
	if strings.Contains(a.Body, "token-of-the-receiver") || strings.Contains(a.Body, "ana@example.com") {
		t.Errorf("shown: %s", a.Body)
	}
	// The draft's own rule and timeout decide, not those of the version in force.
	s.post("/v1/contracts", strings.ReplaceAll(shop, "order.paid", "order.sent")).want(201)
	try(form{"url": receiver.URL + "/created"}).want(200).is("passed", false).is("error.class", "status_unexpected")
	<-requests
	a = try(form{"url": receiver.URL + "/slow"}).want(200).is("passed", false).is("error.class", "timeout")
	if advice := a.str("diagnosis.title") + a.str("diagnosis.advice"); !strings.Contains(advice, "250") {
		t.Errorf("the limit of the draft is not said: %s", advice)
	}
	<-requests
	s.do("POST", "/v1/contracts/render", `{"source":`+quoted(draft)+`}`).want(200).is("signing", false)
	s.do("POST", "/v1/contracts/render", `{"contract":"standard"}`).want(200).is("signing", true)
	// One that is in force, by its name, and a payload.
	try(form{"source": nil, "contract": "shop", "payload": form{"id": 7}}).want(200).is("passed", true)
	if got := <-requests; got.body != `{"id":7}` {
		t.Errorf("the receiver got %s", got.body)
	}
	// A signature is made with the secret that the receiver knows.
	try(form{"source": nil, "contract": "standard", "settings": nil, "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}).want(200)
	if got := <-requests; got.header.Get("Webhook-Signature") == "" {
		t.Errorf("not signed: %v", got.header)
	}

	for name, c := range map[string]struct {
		in            form
		status        int
		code, pointer string
	}{
		"mistakes in the draft": {form{"source": strings.Replace(draft, "timeout: 250ms", "timeout: 30", 1)}, 422, "contract_invalid", ""},
		"a setting is missing":  {form{"settings": nil}, 422, "endpoint_invalid", "/settings/token"},
		"settings are a list":   {form{"settings": []int{}}, 422, "request_invalid", "/settings"},
		"no address":            {form{"url": nil}, 422, "endpoint_invalid", "/url"},
		"no web address":        {form{"url": "ftp://x.example/"}, 422, "endpoint_invalid", "/url"},
		"a reserved header":     {form{"headers": form{"Content-Length": "1"}}, 422, "endpoint_invalid", "/headers/Content-Length"},
		"no such event":         {form{"event_type": "order.gone"}, 422, "event_type_unknown", "/event_type"},
		"payload of another":    {form{"payload": form{"total": 1}}, 422, "payload_invalid", "/payload/id"},
		"a secret for nothing":  {form{"secret": "0123456789"}, 422, "secret_invalid", "/secret"},
		"no tenant":             {form{"tenant": nil}, 422, "request_invalid", "/tenant"},
		"another tenant":        {form{"tenant": "nobody"}, 404, "tenant_not_found", ""},
		"two contracts":         {form{"contract": "shop"}, 422, "request_invalid", "/contract"},
		"a large payload":       {form{"payload": strings.Repeat("x", 70<<10)}, 413, "payload_too_large", ""},
	} {
		a := try(c.in).want(c.status).is("code", c.code)
		if c.pointer != "" && a.str("errors.0.pointer") != c.pointer {
			t.Errorf("%s: %s", name, a.Body)
		}
	}
	// A private address is refused as it is for an endpoint, and it is said what to do.
	a = try(form{"url": "http://10.1.2.3/"}).want(200).is("passed", false).is("error.class", "private_address")
	if a.str("diagnosis.advice") == "" {
		t.Error(a.Body)
	}
	// The rules of the tenant hold.
	s.do("PUT", "/v1/tenants/strict", `{"egress":{"allow":["*.example.com"]}}`).want(201)
	try(form{"tenant": "strict"}).want(422).is("code", "endpoint_invalid").is("errors.0.pointer", "/url")
	// A key needs both scopes, and nobody else may.
	for key, code := range map[string]string{
		`{"role":"operator","scopes":["contracts:write"]}`: "scope_missing", `{"role":"operator","scopes":["endpoints:test"]}`: "scope_missing",
		`{"role":"tenant","tenant":"acme"}`: "forbidden",
	} {
		by = s.key(key)
		try(nil).want(403).is("code", code)
	}
	by = s.key(`{"role":"operator","scopes":["contracts:write","endpoints:test"]}`)
	try(nil).want(200).is("passed", true)
	<-requests
	// A tenant has one trial at a time.
	by = adminKey
	slow := strings.Replace(draft, "timeout: 250ms", "timeout: 60s", 1)
	first := make(chan answer, 1)
	go func() { first <- try(form{"source": slow, "url": receiver.URL + "/slow"}) }()
	<-requests
	try(nil).want(429).is("code", "test_running")
	release <- struct{}{}
	(<-first).want(200).is("passed", true)
	select {
	case more := <-requests:
		t.Errorf("sent for nothing: %v", more)
	default:
	}
	for _, list := range []string{"/endpoints", "/deliveries", "/events"} {
		if a := s.do("GET", tenant+list, "").want(200); a.get("items.0") != nil {
			t.Errorf("%s has something: %s", list, a.Body)
		}
	}
}

// To send a trial takes the right to test endpoints, of keys and of portal links; to see what would be sent does not.
func TestTryTakesScope(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("something was sent to %s", r.URL)
	}))
	t.Cleanup(receiver.Close)
	body := `{"url":"` + receiver.URL + `/"}`
	path, _ := s.endpoint(tenant, body)
	for by, code := range map[string]string{
		s.key(`{"role":"tenant","tenant":"acme","scopes":["endpoints:write","endpoints:read"]}`):                     "scope_missing",
		s.portalToken(tenant, map[string]any{"pages": []string{"endpoints"}, "actions": []string{"edit_endpoints"}}): "portal_forbidden",
	} {
		for _, at := range []string{tenant + "/endpoints/try", path + "/try"} {
			s.as(by, "POST", at, body).want(200)
			if a := s.as(by, "POST", at+"?send=true", body).want(403); a.str("code") != code {
				t.Errorf("%s: %s", at, a.Body)
			}
		}
	}
}

// The list of endpoints has the result of the latest test, which is no run.
func TestLastTest(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	receiver := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(receiver.Close)
	path, _ := s.endpoint(tenant, `{"url":"`+receiver.URL+`/"}`)
	if a := s.do("GET", path, "").want(200); a.get("last_test") != nil {
		t.Error(a.Body)
	}
	s.do("POST", path+"/test", "").want(200)
	for _, from := range []string{path, tenant + "/endpoints"} {
		a := s.do("GET", from, "").want(200)
		at := "last_test"
		if from != path {
			at = "items.0.last_test"
		}
		if a.str(at+".status") != "status_4xx" || a.str(at+".at") == "" || !strings.Contains(a.Body, `"last_run":null`) {
			t.Errorf("%s: %s", from, a.Body)
		}
	}
}
