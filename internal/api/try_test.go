package api_test

import (
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
	// A secret does not go to another host because somebody tries it.
	if a := s.do("POST", path+"/try?send=true", `{"url":"https://elsewhere.example/"}`).want(422); !strings.Contains(a.Body, "secret_again") {
		t.Error(a.Body)
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
