package api_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"gancho/internal/storetest"
)

// What is over a limit is refused with 429 and stored nowhere; answers say what is left.
func TestLimits(t *testing.T) {
	t.Parallel()
	s := newServerOf(t, storetest.Open(t))
	acme := s.tenant("acme")
	got := s.do("PUT", acme, `{"limits":{"events_per_second":1,"events_per_month":12,"endpoints":1}}`).want(200)
	if got.Header.Get("RateLimit-Limit") != "" || fmt.Sprint(got.get("limits.endpoints")) != "1" {
		t.Fatal(got.Body)
	}
	left := func(a answer) int {
		t.Helper()
		n, err := strconv.Atoi(a.Header.Get("RateLimit-Remaining"))
		if err != nil || a.Header.Get("RateLimit-Limit") == "" || a.Header.Get("RateLimit-Reset") == "" {
			t.Fatalf("RateLimit headers: %v", a.Header)
		}
		return n
	}
	s.endpoint(acme, `{"name":"a","url":"http://127.0.0.1:1024"}`)
	if a := s.do("POST", acme+"/endpoints", `{"name":"b","url":"http://127.0.0.1:1024"}`).want(409); a.str("code") != "too_many_endpoints" {
		t.Error(a.Body)
	}
	event := `{"type":"a","payload":1}`
	first := s.do("POST", acme+"/events", event).want(202)
	if n := left(first); n != 9 {
		t.Errorf("%d are left of a burst of 10", n)
	}
	var batch strings.Builder
	batch.WriteString("[" + event)
	for range 10 {
		batch.WriteString("," + event)
	}
	s.do("POST", acme+"/events", batch.String()+"]").want(202)
	a := s.do("POST", acme+"/events", event).want(429)
	if a.str("code") != "quota_used_up" || a.Header.Get("Retry-After") == "" || left(a) != 0 {
		t.Errorf("%v %s", a.Header, a.Body)
	}
	s.do("PUT", acme, `{"limits":{"events_per_second":1}}`).want(200)
	if a := s.do("POST", acme+"/events", event).want(429); a.str("code") != "rate_limited" || left(a) != 0 {
		t.Errorf("%v %s", a.Header, a.Body)
	}
	s.do("GET", acme+"/usage", "").want(200).is("events", 12).is("bytes", 12).is("endpoints", 1)
	if items := s.do("GET", acme+"/events", "").want(200).get("items").([]any); len(items) != 12 {
		t.Errorf("%d events are stored", len(items))
	}
	s.do("PUT", acme, `{"limits":{}}`).want(200)
	if a := s.do("POST", acme+"/events", event).want(202); a.Header.Get("RateLimit-Limit") != "" {
		t.Errorf("without a limit: %v", a.Header)
	}
	s.do("PUT", acme, `{"limits":{"endpoints":-1}}`).want(422)
	s.do("PUT", acme, `{"limits":{"emails":1}}`).want(422)
}

// Changes of records are limited as events are.
func TestLimitsOfRecords(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	acme := s.tenant("acme")
	s.do("PUT", acme, `{"limits":{"bytes_per_month":100}}`).want(200)
	record := acme + "/records/catacliente/contact/7"
	s.do("PUT", record, `{"contact":{"id":7,"name":"Ana","interest_level":3}}`).want(201)
	if a := s.do("PUT", record, `{"contact":{"id":7,"name":"Ana María","interest_level":1}}`).want(429); a.str("code") != "quota_used_up" {
		t.Error(a.Body)
	}
	many := `[{"contract":"catacliente","kind":"contact","key":"8","document":{"contact":{"id":8,"name":"Luz","interest_level":1}}}]`
	s.do("POST", acme+"/records", many).want(429)
	s.do("GET", acme+"/records/catacliente/contact/8", "").want(404)
}

// Changes that fire nothing use none of the events of a month.
func TestLimitsOfEventsAndRecords(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	acme := s.tenant("acme")
	s.do("PUT", acme, `{"limits":{"events_per_month":2}}`).want(200)
	var many strings.Builder
	for i := range 10 {
		fmt.Fprintf(&many, `,{"contract":"catacliente","kind":"contact","key":"%d","document":{"contact":{"id":%[1]d,"name":"Luz","interest_level":null}}}`, i+1)
	}
	batch := "[" + many.String()[1:] + "]"
	for _, item := range s.do("POST", acme+"/records", batch).want(200).get("items").([]any) {
		if item.(map[string]any)["error"] != nil {
			t.Error(item)
		}
	}
	s.do("GET", acme+"/usage", "").want(200).is("events", 0)
}

// A key's own limits hold beside those of its tenant, and only for that key.
func TestLimitsOfKey(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	acme := s.tenant("acme")
	made := s.do("POST", "/v1/keys", `{"role":"publish","tenant":"acme","limits":{"events_per_month":2}}`).want(201).is("limits.events_per_month", 2)
	s.do("GET", "/v1/keys", "").want(200).is("items.0.limits.events_per_month", 2)
	event := `{"type":"a","payload":1}`
	for range 2 {
		s.as(made.str("key"), "POST", acme+"/events", event).want(202)
	}
	if a := s.as(made.str("key"), "POST", acme+"/events", event).want(429); a.str("code") != "quota_used_up" {
		t.Error(a.Body)
	}
	s.do("POST", acme+"/events", event).want(202)
	s.do("GET", acme+"/usage", "").want(200).is("events", 3)
}
