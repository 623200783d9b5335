package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gancho/internal/api"
)

// browser makes a request as a browser does for a page: with the cookie, and with the header that says whether the page
// is of the same origin.
func (s *server) browser(cookie, site, method, path, body string) answer {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Sec-Fetch-Site", site)
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	return s.serve(r)
}

func TestSession(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	made := s.do("POST", "/v1/keys", `{"role":"tenant","tenant":"acme","name":"Ana"}`).want(201)

	a := s.browser("", "same-origin", "POST", "/v1/session", `{"key":"`+made.str("key")+`"}`).want(201)
	set := a.Header.Get("Set-Cookie")
	for _, part := range []string{"HttpOnly", "SameSite=Strict", "Path=/v1", "Max-Age="} {
		if !strings.Contains(set, part) {
			t.Errorf("the cookie is not %s: %s", part, set)
		}
	}
	if strings.Contains(set, made.str("key")) || strings.Contains(set, "Secure") {
		t.Errorf("cookie %s", set)
	}
	cookie, _, _ := strings.Cut(set, ";")
	who := s.browser(cookie, "same-origin", "GET", "/v1/session", "").want(200)
	if who.str("name") != "Ana" || who.str("tenant") != "acme" || who.get("portal") != false {
		t.Errorf("session %s", who.Body)
	}
	endpoint := `{"url":"` + nobody + `/"}`
	s.browser(cookie, "same-origin", "GET", tenant+"/endpoints", "").want(200)
	s.browser(cookie, "same-origin", "POST", tenant+"/endpoints", endpoint).want(201)
	s.browser(cookie, "same-origin", "POST", tenant+"/events", `{"type":"a","payload":1}`).want(202)
	for _, path := range []string{tenant + "/endpoints", tenant + "/events"} {
		if a := s.browser(cookie, "cross-site", "POST", path, endpoint).want(403); a.str("code") != "cross_origin" {
			t.Errorf("from another site: %s", a.Body)
		}
	}
	s.browser("", "cross-site", "POST", "/v1/session", `{"key":"`+adminKey+`"}`).want(403)
	s.browser(cookie, "cross-site", "DELETE", "/v1/session", "").want(403)

	out := s.browser(cookie, "same-origin", "DELETE", "/v1/session", "").want(204)
	if set := out.Header.Get("Set-Cookie"); !strings.Contains(set, "Max-Age=0") {
		t.Errorf("signing out sets %s", set)
	}
	if a := s.browser("", "same-origin", "POST", "/v1/session", `{"key":"gk_wrong"}`).want(401); a.str("code") != "key_invalid" || a.Header.Get("Set-Cookie") != "" {
		t.Errorf("a wrong key: %s", a.Body)
	}
	for _, broken := range []string{"gancho_session=x", cookie + "x", cookie[:len(cookie)-4]} {
		if a := s.browser(broken, "same-origin", "GET", "/v1/session", "").want(401); a.str("code") != "session_ended" {
			t.Errorf("cookie %q: %s", broken, a.Body)
		}
	}
	s.do("DELETE", "/v1/keys/"+made.str("id"), "").want(204)
	if a := s.browser(cookie, "same-origin", "GET", "/v1/session", "").want(401); a.str("code") != "session_ended" {
		t.Errorf("after the key was revoked: %s", a.Body)
	}
	s.browser("", "same-origin", "GET", "/v1/session", "").want(401)
}

func TestSessionCookieIsSecureOverTLS(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for scheme, want := range map[string]bool{"https": true, "http": false} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/session", strings.NewReader(`{"key":"`+adminKey+`"}`))
		r.Header.Set("X-Forwarded-Proto", "https") // anybody can write this
		r.URL.Scheme = scheme                      // package listen writes this
		if set := s.serve(r).want(201).Header.Get("Set-Cookie"); strings.Contains(set, "Secure") != want {
			t.Errorf("by %s: cookie %s", scheme, set)
		}
	}
}

func TestPortal(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	other := s.tenant("other")
	link := s.do("POST", tenant+"/portal-links", `{"name":"Ana","lang":"es","accent":"#0b7285"}`).want(201)
	before, token, _ := strings.Cut(link.str("url"), "#")
	if before != "http://example.com/portal" {
		t.Errorf("link %s", link.Body)
	}
	in := s.as("", "POST", "/v1/portal-sessions", `{"token":"`+token+`"}`).want(201)
	if in.str("lang") != "es" || in.str("accent") != "#0b7285" || in.str("tenant") != "acme" || in.get("portal") != true {
		t.Errorf("session %s", in.Body)
	}
	bearer := in.str("token")
	if who := s.as(bearer, "GET", "/v1/session", "").want(200); who.str("name") != "Ana" || who.get("portal") != true {
		t.Errorf("session %s", who.Body)
	}
	s.as(bearer, "POST", tenant+"/endpoints", `{"url":"`+nobody+`/"}`).want(201)
	s.as(bearer, "GET", other+"/endpoints", "").want(404)
	s.as(bearer, "GET", "/v1/tenants", "").want(403)
	s.as(bearer, "GET", "/v1/keys", "").want(403)

	// A token of one kind is refused where another kind is expected.
	s.as("gp_"+token, "GET", "/v1/session", "").want(401)
	s.as("", "POST", "/v1/portal-sessions", `{"token":"`+strings.TrimPrefix(bearer, "gp_")+`"}`).want(401)
	s.as(bearer[:len(bearer)-2], "GET", "/v1/session", "").want(401)

	read := s.do("POST", tenant+"/portal-links", `{"read_only":true}`).want(201)
	_, token, _ = strings.Cut(read.str("url"), "#")
	bearer = s.as("", "POST", "/v1/portal-sessions", `{"token":"`+token+`"}`).want(201).str("token")
	s.as(bearer, "GET", tenant+"/endpoints", "").want(200)
	s.as(bearer, "POST", tenant+"/endpoints", `{"url":"`+nobody+`/"}`).want(403)

	for _, body := range []string{`{"expires_in":"2d"}`, `{"session_for":"-1s"}`, `{"expires_in":"soon"}`, `{"accent":"red"}`, `{"lang":"fr"}`} {
		s.do("POST", tenant+"/portal-links", body).want(422)
	}
	s.do("DELETE", other, "").want(204)
}

// TestPortalExpires waits until links and sessions have expired.
func TestPortalExpires(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	open := func(body string) answer {
		_, token, _ := strings.Cut(s.do("POST", tenant+"/portal-links", body).want(201).str("url"), "#")
		var a answer
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
			if a = s.as("", "POST", "/v1/portal-sessions", `{"token":"`+token+`"}`); strings.Contains(body, "session_for") || a.Status != 201 {
				break
			}
		}
		return a
	}
	if a := open(`{"expires_in":"1ms"}`).want(401); a.str("code") != "link_expired" {
		t.Errorf("an old link: %s", a.Body)
	}
	bearer := open(`{"session_for":"1ms"}`).want(201).str("token")
	a := s.as(bearer, "GET", tenant+"/endpoints", "")
	for deadline := time.Now().Add(time.Minute); a.Status == 200 && time.Now().Before(deadline); { // a millisecond may not be over yet
		a = s.as(bearer, "GET", tenant+"/endpoints", "")
	}
	if a.want(401).str("code") != "session_ended" {
		t.Errorf("an old session: %s", a.Body)
	}
}

// TestPortalRevoked revokes links. Their sessions end as well.
func TestPortalRevoked(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant, other := s.tenant("acme"), s.tenant("other")
	make := func() (id, token string) {
		link := s.do("POST", tenant+"/portal-links", `{"name":"Ana"}`).want(201)
		_, token, _ = strings.Cut(link.str("url"), "#")
		return link.str("id"), token
	}
	open := func(token string) answer { return s.as("", "POST", "/v1/portal-sessions", `{"token":"`+token+`"}`) }
	kept, keptToken := make()
	stays := open(keptToken).want(201).str("token")
	id, token := make()
	list := s.do("GET", tenant+"/portal-links", "").want(200)
	if list.str("items.0.id") != id || list.get("items.0.opened_at") != nil || list.str("items.1.id") != kept || list.str("items.1.opened_at") == "" || list.str("items.1.name") != "Ana" {
		t.Errorf("list %s", list.Body)
	}
	if list.str("items.1.ends_at") <= list.str("items.1.expires_at") || strings.Contains(string(list.Body), "url") {
		t.Errorf("list %s", list.Body)
	}
	first, second := open(token).want(201).str("token"), open(token).want(201).str("token")
	s.do("DELETE", other+"/portal-links/"+id, "").want(404)
	s.do("DELETE", tenant+"/portal-links/nonsense", "").want(404)
	s.as(first, "GET", tenant+"/endpoints", "").want(200)
	for _, method := range []string{"POST", "GET"} { // otherwise a session could be extended for ever
		if a := s.as(first, method, tenant+"/portal-links", "").want(403); a.str("code") != "portal_forbidden" {
			t.Errorf("%s from the portal: %s", method, a.Body)
		}
	}
	s.as(first, "DELETE", tenant+"/portal-links/"+kept, "").want(403)

	s.do("DELETE", tenant+"/portal-links/"+id, "").want(204)
	for _, bearer := range []string{first, second} {
		if a := s.as(bearer, "GET", tenant+"/endpoints", "").want(401); a.str("code") != "session_ended" {
			t.Errorf("after the link was revoked: %s", a.Body)
		}
	}
	if a := open(token).want(401); a.str("code") != "link_expired" {
		t.Errorf("a revoked link: %s", a.Body)
	}
	s.do("DELETE", tenant+"/portal-links/"+id, "").want(404)
	s.as(stays, "GET", tenant+"/endpoints", "").want(200)
	if audit := s.do("GET", "/v1/audit?tenant=acme", "").want(200); audit.str("items.0.action") != "portal_link.revoked" || audit.str("items.0.name") != "Ana" {
		t.Errorf("audit %s", audit.Body)
	}
	s.do("DELETE", tenant, "").want(204)
	s.as(stays, "GET", "/v1/session", "").want(401)
}

// pages answers every GET request.
type pages struct{}

func (pages) Takes(r *http.Request) bool { return r.Method == http.MethodGet }

func (pages) ServeHTTP(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }

// TestConsoleAnswersWhatTheAPIDoesNot checks which requests the API passes to the console.
func TestConsoleAnswersWhatTheAPIDoesNot(t *testing.T) {
	t.Parallel()
	a := api.New(api.Options{Console: pages{}})
	for path, want := range map[string]int{
		"GET /": 418, "GET /t/acme": 418, "POST /": 404, "GET /v1": 404, "GET /v1/nothing": 404, "PUT /v1/keys": 405, "GET /healthz": 200,
	} {
		method, at, _ := strings.Cut(path, " ")
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, at, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
}
