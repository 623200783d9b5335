package api_test

import (
	"strings"
	"testing"

	"gancho/internal/store"
	"gancho/internal/storetest"
)

// TestNul sends U+0000 to every operation. A payload may contain it. In any other text it is refused, whichever
// database is used, because PostgreSQL cannot store it.
func TestNul(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newServerOf(t, db)
		tenant := s.tenant("acme")
		endpoint, id := s.endpoint(tenant, `{"url":"`+nobody+`/"}`)
		const nul = `\u0000`
		event := s.do("POST", tenant+"/events", `{"type":"order.paid","payload":{"a":"`+nul+`"}}`).want(202)
		if got := s.do("GET", tenant+"/events/"+event.str("id"), "").want(200); !strings.Contains(got.Body, nul) {
			t.Errorf("the payload is not as it was sent: %s", got.Body)
		}
		s.do("PUT", tenant+"/records/kobra/visit/1", `{"visitID":"1","finished":false,"note":"`+nul+`"}`).want(201)
		s.do("PUT", tenant, `{"metadata":{"a":"`+nul+`"}}`).want(200)
		s.do("POST", tenant+"/records", `[{"op":"put","contract":"kobra","kind":"visit","key":"a`+nul+`","document":{}}]`).want(200).is("items.0.error.status", 422.0)
		for _, door := range []struct{ method, path, body string }{
			{"PUT", "/v1/tenants/a%00b", `{}`},
			{"GET", "/v1/tenants/a%00b", ``},
			{"GET", "/v1/tenants?cursor=a%00b", ``},
			{"PUT", tenant, `{"name":"a` + nul + `"}`},
			{"POST", tenant + "/endpoints", `{"name":"a` + nul + `","url":"` + nobody + `/"}`},
			{"POST", tenant + "/endpoints", `{"url":"` + nobody + `/` + nul + `"}`},
			{"POST", tenant + "/endpoints", `{"url":"` + nobody + `/","contract":"a` + nul + `"}`},
			{"POST", tenant + "/endpoints", `{"url":"` + nobody + `/","event_types":["a` + nul + `"]}`},
			{"POST", tenant + "/endpoints", `{"url":"` + nobody + `/","filter":"'a` + nul + `' == 'b'"}`},
			{"POST", tenant + "/endpoints", `{"url":"` + nobody + `/","headers":{"X-A":"a` + nul + `"}}`},
			{"POST", tenant + "/endpoints", `{"url":"` + nobody + `/","settings":{"a` + nul + `":"b"}}`},
			{"POST", tenant + "/endpoints", `{"url":"` + nobody + `/","secret":"whsec_a` + nul + `"}`},
			{"PATCH", endpoint, `{"name":"a` + nul + `"}`},
			{"GET", tenant + "/endpoints/" + id + "%00", ``},
			{"GET", tenant + "/endpoints?contract=a%00", ``},
			{"POST", "/v1/tenants/a%00b/events", `{"type":"order.paid","payload":1}`},
			{"POST", tenant + "/events", `{"type":"a` + nul + `","payload":1}`},
			{"POST", tenant + "/events", `{"type":"order.paid","id":"a` + nul + `","payload":1}`},
			{"POST", tenant + "/events", `{"type":"order.paid","contract":"a` + nul + `","payload":1}`},
			{"GET", tenant + "/events?type=a%00", ``},
			{"GET", tenant + "/events?type=a%ff", ``},
			{"GET", tenant + "/events/a%00", ``},
			{"GET", tenant + "/deliveries?type=a%00", ``},
			{"GET", tenant + "/deliveries?event=a%00", ``},
			{"PUT", tenant + "/records/kobra/visit/a%00", `{"visitID":"a` + nul + `"}`},
			{"PUT", tenant + "/records/a%00/visit/1", `{}`},
			{"PUT", "/v1/tenants/a%00b/records/kobra/visit/1", `{"visitID":"1"}`},
			{"GET", tenant + "/records/kobra/visit/a%00", ``},
			{"DELETE", tenant + "/records/kobra/visit/a%00", ``},
			{"GET", tenant + "/records?contract=kobra&kind=visit%00", ``},
			{"GET", "/v1/contracts/a%00", ``},
			{"POST", "/v1/contracts", "name: a\x00"},
			{"POST", "/v1/keys", `{"name":"a` + nul + `","role":"operator"}`},
			{"POST", "/v1/keys", `{"name":"a","role":"publish","tenant":"a` + nul + `"}`},
			{"POST", tenant + "/credentials", `{"contract":"cabaprop","name":"a` + nul + `","url":"` + nobody + `/"}`},
			{"POST", tenant + "/portal-links", `{"name":"a` + nul + `"}`},
			{"GET", "/v1/audit?tenant=a%00", ``},
			{"GET", "/v1/stats?tenant=a%00", ``},
			{"GET", "/v1/audit?object=a%00", ``},
			{"GET", tenant + "/schedules/a%00/b", ``},
			{"POST", tenant + "/schedules/prolibu/a%00/run", ``},
			{"POST", endpoint + "/test", `{"type":"a` + nul + `"}`},
			{"POST", endpoint + "/recover", `{"since":"2020-01-01T00:00:00Z","states":["a` + nul + `"]}`},
		} {
			a := s.do(door.method, door.path, door.body)
			if a.Status < 400 || a.Status >= 500 {
				t.Errorf("%s %s %s: status %d: %s", door.method, door.path, door.body, a.Status, a.Body)
			}
		}
	})
}
