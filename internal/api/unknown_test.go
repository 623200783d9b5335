package api_test

import (
	"strings"
	"testing"
)

// If a contract, a kind of record or an event type is misspelled, every operation says which one was probably meant.
func TestUnknownNames(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const tenant = "/v1/tenants/acme"
	s.do("PUT", tenant, `{}`).want(201)
	for _, c := range []struct {
		method, path, body string
		status             int
		code, hint         string
	}{
		{"GET", "/v1/contracts/kobar", "", 404, "contract_not_found", "kobra"},
		{"GET", "/v1/contracts/kobar/docs", "", 404, "contract_not_found", "kobra"},
		{"GET", "/v1/contracts/kobar/openapi", "", 404, "contract_not_found", "kobra"},
		{"PATCH", "/v1/contracts/kobar", `{"shaping":"on"}`, 404, "contract_not_found", "kobra"},
		{"POST", "/v1/contracts/render", `{"contract":"kobar"}`, 404, "contract_not_found", "kobra"},
		{"POST", tenant + "/endpoints", `{"url":"http://x.example/","contract":"kobar"}`, 422, "contract_unknown", "kobra"},
		{"POST", tenant + "/endpoints", `{"url":"http://x.example/","contract":"kobra","settings":{"api_key":"x"},"event_types":["visit.finishd"]}`, 422, "endpoint_invalid", "visit.finished"},
		{"POST", tenant + "/credentials", `{"name":"a","contract":"cabarop","url":"http://x.example/"}`, 422, "contract_unknown", "cabaprop"},
		{"POST", tenant + "/events", `{"type":"a","contract":"kobar","payload":1}`, 422, "contract_unknown", "kobra"},
		{"POST", tenant + "/events", `{"type":"visit.finishd","contract":"kobra","payload":1}`, 422, "event_type_unknown", "visit.finished"},
		{"PUT", tenant + "/records/kobar/visit/1", `{"visitID":"1"}`, 422, "contract_unknown", "kobra"},
		{"PUT", tenant + "/records/kobra/vist/1", `{"visitID":"1"}`, 422, "record_kind_unknown", "visit"},
		{"PATCH", tenant + "/records/kobra/vist/1", `{}`, 422, "record_kind_unknown", "visit"},
		{"DELETE", tenant + "/records/kobra/vist/1", "", 422, "record_kind_unknown", "visit"},
		{"GET", tenant + "/records/kobar/visit/1", "", 404, "contract_not_found", "kobra"},
		{"GET", tenant + "/records/kobra/vist/1", "", 422, "record_kind_unknown", "visit"},
		{"GET", tenant + "/records/kobar/visit", "", 404, "contract_not_found", "kobra"},
		{"GET", tenant + "/records/kobra/vist", "", 422, "record_kind_unknown", "visit"},
		{"GET", tenant + "/records?contract=kobar", "", 404, "contract_not_found", "kobra"},
		{"POST", tenant + "/schedules/prolbu/proposal_metrics/run", "", 404, "schedule_not_found", "prolibu"},
		{"POST", tenant + "/schedules/prolibu/proposal_metric/run", "", 404, "schedule_not_found", "proposal_metrics"},
	} {
		a := s.do(c.method, c.path, c.body).want(c.status)
		if a.str("code") != c.code || !strings.Contains(a.Body, "Did you mean "+c.hint) {
			t.Errorf("%s %s %s: %s", c.method, c.path, c.body, a.Body)
		}
	}
	for _, path := range []string{"/records/kobra/visit", "/records?contract=kobra", "/records"} {
		s.do("GET", tenant+path, "").want(200)
	}
	if a := s.do("GET", tenant+"/records/kobra/visit/1", "").want(404); a.str("code") != "record_not_found" {
		t.Error(a.Body)
	}
}
