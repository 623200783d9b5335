package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"gancho/internal/hook"
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
		`endpoint.secret_changed [] portal Eva`, `endpoint.paused [] portal Eva`, `portal_link.opened [] portal Eva`, `portal_link.created [] key admin`,
		`endpoint.changed ["rate_limit","url"] session app`, `session.opened [] session app`, `endpoint.created [] key app`, `key.created [] key admin`, `tenant.created [] key admin`,
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

// number is a number in an answer.
func number(a answer, path string) int64 {
	a.t.Helper()
	v, ok := a.get(path).(json.Number)
	n, err := v.Int64()
	if !ok || err != nil {
		a.t.Fatalf("no number at %s: %s", path, a.Body)
	}
	return n
}

// TestAuditChain verifies and exports the audit over the API, with keys of all and of one tenant, and after somebody
// changed the database.
func TestAuditChain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	acme := s.tenant("acme")
	s.tenant("other")
	key := s.key(`{"role":"read","tenant":"acme"}`)
	s.endpoint(acme, `{"url":"http://192.0.2.1/"}`)
	all := s.do("GET", "/v1/audit/verify", "").want(200)
	if all.get("ok") != true || all.str("chain") != "installation" || number(all, "entries") < 4 || number(all, "pending") != 0 {
		t.Errorf("%s", all.Body)
	}
	own := s.as(key, "GET", "/v1/audit/verify?tenant=acme", "").want(200)
	if own.get("ok") != true || own.str("chain") != "tenant:acme" || number(own, "entries") >= number(all, "entries") {
		t.Errorf("%s", own.Body)
	}
	s.as(key, "GET", "/v1/audit/verify?tenant=other", "").want(404)
	s.as(key, "GET", "/v1/audit/export?tenant=other", "").want(404)
	s.do("GET", "/v1/audit/verify?expect=7", "").want(422)
	if got := s.do("GET", "/v1/audit/verify?expect="+all.str("head"), "").want(200); got.get("ok") != true {
		t.Errorf("the head before: %s", got.Body)
	}
	for name, as := range map[string]string{"installation": adminKey, "tenant:acme": key} {
		export := s.as(as, "GET", "/v1/audit/export", "").want(200)
		proof, err := hook.VerifyExport(strings.NewReader(export.Body), nil)
		if err != nil || !proof.OK() || proof.Chain != name || !strings.Contains(export.Body, "audit.exported") {
			t.Errorf("%s: %+v, %v", name, proof, err)
		}
		if strings.Contains(export.Body, "other") != (name == "installation") {
			t.Errorf("%s: %s", name, export.Body)
		}
		if proof, err = hook.VerifyExport(strings.NewReader(strings.Replace(export.Body, "endpoint.created", "endpoint.deleted", 1)), nil); err != nil || proof.OK() {
			t.Errorf("a changed export of %s: %+v, %v", name, proof, err)
		}
	}
	if got := s.do("GET", "/v1/audit?limit=1", "").want(200); got.str("items.0.actor.address") != "192.0.2.1" {
		t.Errorf("%s", got.Body)
	}
}

// TestSecretReadInAudit reads a signing secret, and fails to sign in.
func TestSecretReadInAudit(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	path, id := s.endpoint(s.tenant("acme"), `{"url":"https://example.com/"}`)
	s.do("GET", path+"/secret", "").want(200)
	if got := s.do("GET", "/v1/audit?limit=1", "").want(200); got.str("items.0.action") != "endpoint.secret_read" || got.str("items.0.object") != id {
		t.Errorf("%s", got.Body)
	}
	for n := 0; ; n++ {
		a := s.browser("", "same-origin", "POST", "/v1/session", `{"key":"gk_wrong"}`)
		if a.Status == 429 {
			if a.str("code") != "too_many_tries" || a.Header.Get("Retry-After") == "" || n < 5 {
				t.Errorf("after %d: %v %s", n, a.Header, a.Body)
			}
			break
		}
		if a.want(401); n > 100 {
			t.Fatal("never has to wait")
		}
	}
	s.do("GET", "/v1/tenants", "").want(200) // the operator's own key, from the same address
}
