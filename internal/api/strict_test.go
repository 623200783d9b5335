package api_test

import (
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
)

// Who looks sees what holds a strict queue, and what waits behind it, and may skip the one that holds it.
func TestStrictQueue(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	s.post("/v1/contracts", "contract: strict\ntitle: Strict\nevents: {a: {title: A}}\ndelivery: {ordered: strict}\n").want(201)
	path, _ := s.endpoint(tenant, `{"contract":"strict","url":"`+nobody+`/"}`)
	var list []hook.Delivery
	for range 2 {
		event := s.do("POST", tenant+"/events", `{"contract":"strict","type":"a","payload":1}`).want(202).str("id")
		list = append(list, s.deliveriesOf("acme", event)...)
	}
	if got := s.do("GET", path, "").want(200); strings.Contains(got.Body, "held_by") {
		t.Errorf("held before anything failed: %s", got.Body)
	}
	d := list[0]
	d.State, d.Reason, d.Attempts, d.Slot, d.NextAttemptAt, d.QueueAt = hook.Retrying, hook.ClassStatus5xx, 1, 1, time.Time{}, d.CreatedAt
	at := &hook.Attempt{Delivery: d.ID, Number: 1, Transport: "http", StartedAt: time.Now(), Class: hook.ClassStatus5xx, Request: hook.Request{Method: "POST"}}
	done := make(chan error, 1)
	s.db.SaveResult(hook.Result{Delivery: d, Attempt: at}, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	holds, behind := tenant+"/deliveries/"+d.ID.String(), tenant+"/deliveries/"+list[1].ID.String()
	s.do("GET", path, "").want(200).is("held_by", d.ID.String())
	s.do("GET", holds, "").want(200).is("held", true).is("state", "retrying").is("next_attempt_at", nil).is("why.next.code", "holds_the_queue")
	s.do("GET", behind, "").want(200).is("held_by", d.ID.String()).is("state", "pending").is("why.next.code", "held_behind").is("why.next.cause", d.ID.String())
	s.do("POST", behind+"/skip", "").want(409).is("code", "delivery_not_held")
	woken := len(s.worker.woken)
	s.do("POST", holds+"/skip", "").want(202).is("state", "cancelled").is("reason", "skipped")
	if len(s.worker.woken) != woken+1 {
		t.Error("nobody told the queue to go on")
	}
	s.do("GET", holds, "").want(200).is("why.next.code", "skipped")
	if got := s.do("GET", behind, "").want(200).is("why.next.code", "first_attempt"); strings.Contains(got.Body, "held_by") {
		t.Errorf("still held: %s", got.Body)
	}
}
