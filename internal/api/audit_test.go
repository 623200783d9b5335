package api_test

import (
	"strings"
	"testing"
)

func TestAudit(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	acme, other := s.tenant("acme"), s.tenant("other")
	made := s.do("POST", "/v1/keys", `{"role":"tenant","tenant":"acme","name":"app"}`).want(201)
	key, id := made.str("key"), made.str("id")

	// A program, a person in the console, a person in the portal, and Gancho itself.
	path := acme + "/endpoints/" + s.as(key, "POST", acme+"/endpoints", `{"url":"`+nobody+`/","name":"CRM","secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}`).want(201).str("id")
	set, _, _ := strings.Cut(s.browser("", "same-origin", "POST", "/v1/session", `{"key":"`+key+`"}`).want(201).Header.Get("Set-Cookie"), ";")
	s.browser(set, "same-origin", "PATCH", path, `{"url":"`+nobody+`/?private=1","rate_limit":{"per_second":5}}`).want(200)
	_, link, _ := strings.Cut(s.do("POST", acme+"/portal-links", `{"name":"Eva"}`).want(201).str("url"), "#")
	portal := s.as("", "POST", "/v1/portal-sessions", `{"token":"`+link+`"}`).want(201).str("token")
	s.as(portal, "POST", path+"/pause", "").want(200)
	s.as(portal, "POST", path+"/rotate-secret", "").want(200)
	s.endpoint(other, `{"url":"`+nobody+`/","name":"theirs"}`)
	s.as(key, "PATCH", path, `{"url":"nonsense"}`).want(422) // a refused change leaves no entry

	a := s.as(key, "GET", "/v1/audit", "").want(200)
	var got []string
	for _, e := range a.get("items").([]any) {
		e := e.(map[string]any)
		who := e["actor"].(map[string]any)
		got = append(got, e["action"].(string)+" "+jsonOf(t, e["fields"])+" "+who["kind"].(string)+" "+who["name"].(string))
		if who["name"] == "app" && who["key"] != id || who["name"] != "app" && who["key"] != "" {
			t.Errorf("actor %v", who)
		}
		if e["tenant"] != "acme" {
			t.Errorf("tenant of %v", e)
		}
	}
	want := []string{
		`endpoint.secret_changed [] portal Eva`, `endpoint.paused [] portal Eva`, `portal_link.created [] key admin`,
		`endpoint.changed ["rate_limit","url"] session app`, `endpoint.created [] key app`, `key.created [] key admin`, `tenant.created [] key admin`,
	}
	if jsonOf(t, got) != jsonOf(t, want) {
		t.Errorf("got %s", strings.Join(got, "\n"))
	}
	for _, secret := range []string{"private", "MfKQ", "whsec", key} {
		if strings.Contains(a.Body, secret) {
			t.Errorf("%s is shown: %s", secret, a.Body)
		}
	}

	// Paging, and which key sees which entries.
	all := s.do("GET", "/v1/audit?limit=4", "").want(200)
	second := s.do("GET", "/v1/audit?limit=100&cursor="+all.str("next_cursor"), "").want(200)
	if all.str("items.0.name") != "theirs" || second.get("next_cursor") != nil || !strings.Contains(second.Body, `"contract.imported"`) {
		t.Errorf("all: %s %s", all.Body, second.Body)
	}
	s.do("GET", "/v1/audit?tenant=acme&cursor="+all.str("next_cursor"), "").want(422)
	s.as(key, "GET", "/v1/audit?tenant=other", "").want(404)
	if b := s.do("GET", "/v1/audit?tenant=acme", "").want(200); b.Body != a.Body {
		t.Errorf("the operator sees of it %s", b.Body)
	}
}
