package api_test

import (
	"strings"
	"sync"
	"testing"
)

// A request that changes the configuration is carried out once, however often it is sent with the same Idempotency-Key.
func TestConfigurationOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	endpoint, _ := s.endpoint(tenant, `{"url":"`+nobody+`/","name":"first"}`)
	credential := s.do("POST", tenant+"/credentials", `{"contract":"cabaprop","name":"c","url":"https://c.example/"}`).want(201).str("id")
	key := s.do("POST", "/v1/keys", `{"role":"read"}`).want(201).str("id")
	for i, c := range []struct{ path, body, list string }{
		{tenant + "/endpoints", `{"url":"https://a.example/","name":"once"}`, tenant + "/endpoints"},
		{tenant + "/credentials", `{"contract":"cabaprop","name":"c","url":"https://c.example/"}`, tenant + "/credentials"},
		{tenant + "/credentials/" + credential + "/tokens", `{}`, ""},
		{tenant + "/portal-links", `{}`, tenant + "/portal-links"},
		{"/v1/keys", `{"role":"tenant","tenant":"acme"}`, "/v1/keys"},
		{"/v1/keys/" + key + "/rotate", `{"overlap":"1h"}`, ""},
		{endpoint + "/rotate-secret", `{"overlap":"1h"}`, endpoint + "/secrets"},
		{endpoint + "/recover", `{"since":"2026-01-01T00:00:00Z"}`, endpoint + "/recoveries"},
	} {
		before := 0
		if c.list != "" {
			before = strings.Count(s.do("GET", c.list, "").want(200).Body, `"created_at"`)
		}
		once := "key-" + string(rune('a'+i))
		first := s.as(adminKey, "POST", c.path, c.body, "Idempotency-Key", once)
		again := s.as(adminKey, "POST", c.path, c.body, "Idempotency-Key", once)
		if first.Status/100 != 2 || again.Status != first.Status || again.Body != first.Body {
			t.Errorf("%s: %d %s\nagain: %d %s", c.path, first.Status, first.Body, again.Status, again.Body)
		}
		if first.Header.Get("Idempotency-Replayed") != "" || again.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s: replayed says %q, %q", c.path, first.Header.Get("Idempotency-Replayed"), again.Header.Get("Idempotency-Replayed"))
		}
		for _, h := range []string{"Content-Type", "Cache-Control", "ETag", "Location"} {
			if first.Header.Get(h) != again.Header.Get(h) {
				t.Errorf("%s: %s is %q, again %q", c.path, h, first.Header.Get(h), again.Header.Get(h))
			}
		}
		if c.list != "" {
			if after := strings.Count(s.do("GET", c.list, "").want(200).Body, `"created_at"`); after != before+1 {
				t.Errorf("%s: %d before, %d after", c.path, before, after)
			}
		}
		if a := s.as(adminKey, "POST", c.path, strings.Replace(c.body, "{", "{ ", 1), "Idempotency-Key", once).want(409); a.str("code") != "idempotency_key_reused" {
			t.Errorf("%s: another body: %s", c.path, a.Body)
		}
	}
	// A refused request claims nothing: its correction goes under the same key.
	s.as(adminKey, "POST", tenant+"/endpoints", `{"url":"nothing"}`, "Idempotency-Key", "refused").want(422)
	s.as(adminKey, "POST", tenant+"/endpoints", `{"url":"https://b.example/"}`, "Idempotency-Key", "refused").want(201)
	// Somebody else's key gets nothing of the answer, which may have a secret in it.
	other := s.key(`{"role":"operator","name":"other"}`)
	if a := s.as(other, "POST", "/v1/keys", `{"role":"tenant","tenant":"acme"}`, "Idempotency-Key", "key-e").want(409); a.str("code") != "idempotency_key_reused" {
		t.Errorf("another caller: %s", a.Body)
	}
	if a := s.as(adminKey, "POST", tenant+"/endpoints", `{}`, "Idempotency-Key", "\x01").want(422); a.str("code") != "idempotency_invalid" {
		t.Errorf("a key that is none: %s", a.Body)
	}
}

// The session of a portal link gets no answer that was for another one.
func TestConfigurationOncePortal(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	for i, by := range []string{s.portalToken(tenant, map[string]any{}), s.portalToken(tenant, map[string]any{}), adminKey} {
		a := s.as(by, "POST", tenant+"/endpoints", `{"url":"https://a.example/"}`, "Idempotency-Key", "k")
		if want := map[bool]int{true: 201, false: 409}[i == 0]; a.Status != want || i > 0 && a.str("code") != "idempotency_key_reused" {
			t.Errorf("%d: %d %s", i, a.Status, a.Body)
		}
	}
}

// Of many equal requests at the same time one is carried out.
func TestConfigurationOnceAtOnce(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	var all sync.WaitGroup
	answers := make([]answer, 20)
	for i := range answers {
		all.Go(func() {
			answers[i] = s.as(adminKey, "POST", tenant+"/endpoints", `{"url":"https://a.example/"}`, "Idempotency-Key", "k")
		})
	}
	all.Wait()
	made := ""
	for _, a := range answers {
		switch {
		case a.Status == 201 && (made == "" || made == a.str("id")):
			made = a.str("id")
		case a.Status == 409 && a.str("code") == "idempotency_unanswered":
		default:
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	if n := strings.Count(s.do("GET", tenant+"/endpoints", "").want(200).Body, `"url"`); n != 1 || made == "" {
		t.Errorf("%d endpoints, answered %q", n, made)
	}
}

// If-Match keeps two people from overwriting each other's changes.
func TestConditionalChanges(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	path, _ := s.endpoint(tenant, `{"url":"https://a.example/","name":"a"}`)
	credential := tenant + "/credentials/" + s.do("POST", tenant+"/credentials", `{"contract":"cabaprop","name":"c","url":"https://c.example/"}`).want(201).str("id")
	own := tenant + "/endpoints/" + s.do("GET", credential, "").want(200).str("endpoint")
	for _, object := range []string{path, credential} {
		read := s.do("GET", object, "").want(200)
		tag := read.Header.Get("ETag")
		if tag == "" || read.str("etag") != tag {
			t.Fatalf("%s: ETag %q, etag %s", object, tag, read.Body)
		}
		first := s.as(adminKey, "PATCH", object, `{"name":"first"}`, "If-Match", tag).want(200)
		if first.Header.Get("ETag") == tag || first.Header.Get("ETag") != s.do("GET", object, "").Header.Get("ETag") {
			t.Errorf("%s: the tag after a change: %q", object, first.Header.Get("ETag"))
		}
		for _, stale := range []string{tag, `"zzz"`, "W/" + first.Header.Get("ETag")} {
			if a := s.as(adminKey, "PATCH", object, `{"name":"second"}`, "If-Match", stale).want(412); a.str("code") != "changed_meanwhile" {
				t.Errorf("%s, If-Match %s: %s", object, stale, a.Body)
			}
		}
		s.as(adminKey, "DELETE", object, "", "If-Match", tag).want(412)
		if got := s.do("GET", object, "").want(200).str("name"); got != "first" {
			t.Errorf("%s has the name %q", object, got)
		}
		s.as(adminKey, "PATCH", object, `{"name":"third"}`, "If-Match", "*").want(200)
		s.as(adminKey, "PATCH", object, `{"name":"fourth"}`, "If-Match", tag+", "+s.do("GET", object, "").Header.Get("ETag")).want(200)
	}
	// The address of a credential is that of its endpoint, so it has another tag if that changed.
	tag := s.do("GET", credential, "").Header.Get("ETag")
	s.do("PATCH", own, `{"url":"https://d.example/"}`).want(200)
	s.as(adminKey, "PATCH", credential, `{"url":"https://e.example/"}`, "If-Match", tag).want(412)
	s.as(adminKey, "DELETE", credential, "", "If-Match", s.do("GET", credential, "").Header.Get("ETag")).want(204)
	s.as(adminKey, "DELETE", path, "", "If-Match", s.do("GET", path, "").Header.Get("ETag")).want(204)

	const text = "contract: mine\ntitle: {en: TITLE}\nevents: {a: {title: {en: A}}}\n"
	made := s.as(adminKey, "POST", "/v1/contracts", strings.Replace(text, "TITLE", "One", 1), "Content-Type", "application/yaml", "If-None-Match", "*").want(201)
	s.as(adminKey, "POST", "/v1/contracts", strings.Replace(text, "TITLE", "Two", 1), "Content-Type", "application/yaml", "If-None-Match", "*").want(412)
	read := s.do("GET", "/v1/contracts/mine", "").want(200).Header.Get("ETag")
	if made.Header.Get("ETag") != read || read == "" {
		t.Errorf("the tag of a new contract is %q, read %q", made.Header.Get("ETag"), read)
	}
	s.as(adminKey, "POST", "/v1/contracts", strings.Replace(text, "TITLE", "Two", 1), "Content-Type", "application/yaml", "If-Match", read).want(201)
	if a := s.as(adminKey, "POST", "/v1/contracts", strings.Replace(text, "TITLE", "Three", 1), "Content-Type", "application/yaml", "If-Match", read).want(412); a.str("code") != "changed_meanwhile" {
		t.Error(a.Body)
	}
	s.as(adminKey, "POST", "/v1/contracts", strings.Replace(text, "mine", "other", 1), "Content-Type", "application/yaml", "If-Match", "*").want(412)
}
