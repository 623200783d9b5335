package api_test

import (
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
)

const timed = `contract: timed
title: {en: Timed}
records:
  order: {title: {en: Order}, key: id}
events:
  orders.open: {title: {en: Open orders, es: Pedidos abiertos}, every: 1h, select: order, where: record.status == "open"}
  orders.daily: {title: {en: Daily}, cron: "0 6 * * *", timezone: America/Bogota, select: order, max_body: 1KiB}
`

func TestSchedules(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	s.post("/v1/contracts", timed).want(201)
	mine := func() answer {
		t.Helper()
		a := s.do("GET", tenant+"/schedules?lang=es", "").want(200)
		items, _ := a.get("items").([]any)
		for i, item := range items {
			if item.(map[string]any)["contract"] == "timed" {
				if i+2 > len(items) {
					t.Fatalf("schedules: %s", a.Body)
				}
				a.Body = a.Body[strings.Index(a.Body, `{"contract":"timed"`):]
				a.Body = `{"items":[` + a.Body
				return a
			}
		}
		t.Fatalf("schedules: %s", a.Body)
		return a
	}
	a := mine().is("items.0.event_type", "orders.open").is("items.0.title", "Pedidos abiertos").is("items.0.every", "1h").is("items.0.state", "resting")
	a.is("items.0.next_run", nil).is("items.0.last_run", nil).is("items.1.cron", "0 6 * * *").is("items.1.timezone", "America/Bogota")

	run := tenant + "/schedules/timed/orders.open/run"
	s.do("POST", run, "").want(200).is("state", "skipped").is("code", "no_endpoint").is("event", nil).is("manual", true)
	s.endpoint(tenant, `{"contract":"timed","url":"`+nobody+`/"}`)
	s.do("POST", run, "").want(200).is("state", "skipped").is("code", "nothing_to_send")
	for key, doc := range map[string]string{"1": `{"id":1,"status":"open"}`, "2": `{"id":2,"status":"closed"}`, "3": `{"id":3,"status":"open","big":"` + strings.Repeat("x", 2000) + `"}`} {
		s.do("PUT", tenant+"/records/timed/order/"+key, doc).want(201)
	}
	r := s.do("POST", run, "").want(200).is("state", "sent").is("records", 2).is("examined", 3).is("deliveries", 1).is("left_out", 0)
	s.do("GET", tenant+"/events/"+r.str("event"), "").want(200).is("source", "schedule").is("type", "orders.open")
	s.do("POST", tenant+"/schedules/timed/orders.daily/run", "").want(200).is("state", "failed").is("code", "too_large").is("event", nil)
	mine().is("items.0.last_run.event", r.str("event")).is("items.1.last_run.code", "too_large")

	clock := []hook.Schedule{{ScheduleName: hook.ScheduleName{Tenant: "acme", Contract: "timed", Type: "orders.open"}, NextAt: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}}
	if err := s.db.ArrangeSchedules(t.Context(), clock); err != nil {
		t.Fatal(err)
	}
	mine().is("items.0.state", "waiting").is("items.0.next_run", "2100-01-01T00:00:00Z").is("items.0.last_run.records", 2)

	s.do("POST", tenant+"/schedules/timed/orders.none/run", "").want(404).is("code", "schedule_not_found")
	s.do("POST", tenant+"/schedules/none/orders.open/run", "").want(404).is("code", "schedule_not_found")
	s.do("POST", "/v1/tenants/nobody/schedules/timed/orders.open/run", "").want(404).is("code", "tenant_not_found")
	s.tenant("other")
	key := s.key(`{"role":"tenant","tenant":"other"}`)
	s.as(key, "POST", run, "").want(404)
	s.as(key, "GET", tenant+"/schedules", "").want(404)
}
