package api_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gancho/internal/store"
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

// A retry of what was accepted gets its first answer when nothing is left of the month or the rate, and counts once.
func TestRetriesAtLimit(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newServerOf(t, db)
		for limit, code := range map[string]string{`"events_per_month":5`: "quota_used_up", `"events_per_second":1`: "rate_limited"} {
			acme := s.tenant(strings.ReplaceAll(code, "_", "-"))
			record := acme + "/records/catacliente/contact/7"
			requests := []struct {
				method, path, body, key string
				status                  int
			}{
				{"POST", acme + "/events", `{"type":"a","payload":1}`, "one", 202},
				{"POST", acme + "/events", `{"type":"a","payload":1,"id":"mine"}`, "", 202},
				{"POST", acme + "/events", `[{"type":"a","payload":1},{"type":""},{"type":"a","payload":2}]`, "many", 202},
				{"POST", acme + "/events", `[{"type":"a","payload":1,"id":"a"},{"type":"a","payload":1,"id":"mine"}]`, "", 202},
				{"PUT", record, `{"contact":{"id":7,"name":"Ana","interest_level":null}}`, "record", 201},
				{"POST", acme + "/records", `[{"contract":"catacliente","kind":"contact","key":"8","document":{"contact":{"id":8,"name":"Luz","interest_level":null}}}]`, "records", 200},
			}
			send := func(i int) answer {
				var header []string
				if requests[i].key != "" {
					header = []string{"Idempotency-Key", requests[i].key}
				}
				return s.as(adminKey, requests[i].method, requests[i].path, requests[i].body, header...)
			}
			first := make([]answer, len(requests))
			for i := range requests {
				first[i] = send(i).want(requests[i].status)
			}
			fresh := func() answer { return s.do("POST", acme+"/events", `{"type":"a","payload":1}`) }
			s.do("PUT", acme, `{"limits":{`+limit+`}}`).want(200)
			// Retries with something left of the rate take nothing from it: the large batch is still admitted, and owes so much
			// that nothing accrues while the test runs.
			if code == "rate_limited" {
				for range 20 {
					send(1).want(202)
				}
				s.do("POST", acme+"/events", "["+strings.Repeat(`{"type":"a","payload":1},`, 999)+`{"type":"a","payload":1}]`).want(202)
			}
			for i := 0; fresh().Status != 429; i++ {
				if i > 20 {
					t.Fatal("the limit does not come")
				}
			}
			used := s.do("GET", acme+"/usage", "").want(200)
			ids := regexp.MustCompile(`"evt_[^"]*"`)
			for i := range requests {
				again := send(i)
				if again.Status >= 300 || fmt.Sprint(ids.FindAllString(again.Body, -1)) != fmt.Sprint(ids.FindAllString(first[i].Body, -1)) ||
					!strings.Contains(again.Body, `"duplicate":true`) {
					t.Errorf("%s: retry of %v: %d %s, first %s", code, requests[i], again.Status, again.Body, first[i].Body)
				}
			}
			// What is new in a request beside what is known is still refused, as is other content under a known key.
			for _, body := range []string{
				`[{"type":"a","payload":1,"id":"mine"},{"type":"a","payload":1,"id":"new"}]`, `[{"type":"a","payload":1},{"type":"a","payload":1}]`,
			} {
				if a := s.do("POST", acme+"/events", body).want(429); a.str("code") != code {
					t.Error(a.Body)
				}
			}
			s.as(adminKey, "POST", acme+"/events", `{"type":"a","payload":2}`, "Idempotency-Key", "one").want(409)
			s.do("POST", acme+"/events", `{"type":"a","payload":2,"id":"mine"}`).want(409)
			s.as(adminKey, "PUT", record, `{"contact":{"id":7,"name":"Eva","interest_level":null}}`, "Idempotency-Key", "other").want(429)
			if now := s.do("GET", acme+"/usage", "").want(200); fmt.Sprint(now.get("events"), now.get("bytes")) != fmt.Sprint(used.get("events"), used.get("bytes")) {
				t.Errorf("%s: retries counted: %s, before %s", code, now.Body, used.Body)
			}
		}
	})
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

// What keys and portal sessions use that a key created is taken from the limits of that key, however many there are.
func TestLimitsAreShared(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newServerOf(t, db)
		acme := s.tenant("acme")
		create := func(by, body string) answer { return s.as(by, "POST", "/v1/keys", body) }
		root := create(adminKey, `{"role":"operator","limits":{"events_per_month":10,"bytes_per_month":1000}}`).want(201)
		by := root.str("key")
		for _, body := range []string{
			`{"role":"publish","tenant":"acme","limits":{"events_per_month":11}}`, `{"role":"publish","tenant":"acme","limits":{"events_per_month":5,"bytes_per_month":1001}}`,
		} {
			if a := create(by, body).want(403); a.str("code") != "key_wider" {
				t.Error(a.Body)
			}
		}
		same := create(by, `{"role":"publish","tenant":"acme"}`).want(201).is("limits.events_per_month", 10).is("limits.bytes_per_month", 1000).str("key")
		middle := create(by, `{"role":"operator","limits":{"events_per_month":3}}`).want(201)
		one := create(middle.str("key"), `{"role":"publish","tenant":"acme","limits":{"events_per_month":3}}`).want(201)
		two := create(middle.str("key"), `{"role":"publish","tenant":"acme","limits":{"events_per_month":3}}`).want(201).str("key")
		// It cannot take another key of the operator's with limits as low as its own, which has a budget of its own.
		other := create(adminKey, `{"role":"publish","tenant":"acme","limits":{"events_per_month":3,"bytes_per_month":10}}`).want(201)
		s.as(by, "POST", "/v1/keys/"+other.str("id")+"/rotate", `{}`).want(403)
		rotated := s.as(by, "POST", "/v1/keys/"+one.str("id")+"/rotate", `{}`).want(201).str("key")

		publish := func(key string) answer { return s.as(key, "POST", acme+"/events", `{"type":"a","payload":1}`) }
		publish(rotated).want(202)
		publish(one.str("key")).want(202)
		publish(two).want(202)
		if a := publish(two).want(429); a.str("code") != "quota_used_up" { // the three of middle are used up
			t.Error(a.Body)
		}
		publish(same).want(202)
		// A portal session is no way out.
		link := s.as(by, "POST", acme+"/portal-links", `{"actions":["publish"]}`).want(201).str("url")
		_, token, _ := strings.Cut(link, "#")
		portal := s.as("", "POST", "/v1/portal-sessions", `{"token":"`+token+`"}`).want(201).str("token")
		publish(portal).want(202)
		// Nor does it help that a key in between is gone.
		s.do("DELETE", "/v1/keys/"+middle.str("id"), "").want(204)
		publish(two).want(429)
		for range 5 {
			publish(same).want(202)
		}
		for _, key := range []string{same, by, portal, create(by, `{"role":"publish","tenant":"acme"}`).want(201).str("key")} {
			publish(key).want(429)
		}
		// A line of keys ends somewhere.
		for i := 0; ; i++ {
			a := create(by, `{"role":"operator"}`)
			if a.Status == 403 && i > 4 {
				break
			}
			by = a.want(201).str("key")
		}
	})
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

// A repeat of an accepted event gets its first answer when its contract has become stricter, also when nothing is left of the month.
func TestRepeatsAfterAStricterContract(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newServerOf(t, db)
		acme := s.tenant("acme")
		const head = "contract: shop\ntitle: {en: Shop}\nevents:\n  order.paid:\n    title: {en: Paid}\n"
		s.post("/v1/contracts", head+"  order.gone: {title: {en: Gone}}\n").want(201)
		paid, gone := `{"contract":"shop","type":"order.paid","id":"a","payload":{"n":1}}`, `{"contract":"shop","type":"order.gone","id":"b","payload":{}}`
		keyed := func() answer {
			return s.as(adminKey, "POST", acme+"/events", `{"contract":"shop","type":"order.gone","payload":7}`, "Idempotency-Key", "k")
		}
		send := func(body string) answer { return s.do("POST", acme+"/events", body) }
		first := send(paid).want(202)
		second := send("[" + gone + "]").want(202)
		third := keyed().want(202)
		s.post("/v1/contracts", head+"    schema: {type: object, required: [total]}\n").want(201)

		repeats := func() {
			t.Helper()
			send(paid).want(202).is("id", first.str("id")).is("external_id", "a").is("deliveries", 0.0).is("duplicate", true)
			send("["+paid+","+gone+"]").want(202).is("items.0.id", first.str("id")).is("items.1.id", second.str("items.0.id")).is("items.1.duplicate", true)
			keyed().want(202).is("id", third.str("id")).is("duplicate", true)
		}
		repeats()
		if a := send(strings.Replace(paid, `"a"`, `"c"`, 1)).want(422); a.str("code") != "payload_invalid" {
			t.Error(a.Body)
		}
		s.do("GET", acme+"/usage", "").want(200).is("events", 3)
		s.do("PUT", acme, `{"limits":{"events_per_month":3}}`).want(200)
		if a := send(`{"type":"a","payload":1}`).want(429); a.str("code") != "quota_used_up" {
			t.Error(a.Body)
		}
		repeats()
		s.do("GET", acme+"/usage", "").want(200).is("events", 3)
	})
}
