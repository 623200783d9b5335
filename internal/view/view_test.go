package view

import (
	"testing"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/mask"
)

// Who may see no secrets sees nothing of an answer in a coding that nobody here can look into.
func TestOpaqueAnswerIsHidden(t *testing.T) {
	t.Parallel()
	const body = "\x0b\x02\x80secret\x03"
	at := &hook.Attempt{Response: &hook.Response{
		Status: 200, Body: []byte(body), Headers: []hook.Header{{Name: "Content-Encoding", Value: "compress"}},
	}}
	for sight, want := range map[hook.Sight]string{
		{}: mask.Text, {Personal: true}: mask.Text, {Personal: true, Secrets: true}: body,
	} {
		if got := string(Views{}.Attempt(sight, nil, nil, at, nil).Response.Body); got != want {
			t.Errorf("%+v: %q", sight, got)
		}
	}
	if string(at.Response.Body) != body {
		t.Error("what is stored has changed")
	}
}

// What a request by a method without a body is said to have sent is what it sent.
func TestMethodsWithoutBody(t *testing.T) {
	t.Parallel()
	length := []hook.Header{{Name: "Content-Length", Value: "7"}}
	for _, tc := range []struct {
		request hook.Request
		want    string
	}{
		{hook.Request{Method: "GET"}, ""},
		{hook.Request{Method: "DELETE"}, ""},
		{hook.Request{Method: "GET", Headers: length}, `{"a":1}`}, // of an earlier release
		{hook.Request{Method: "POST"}, `{"a":1}`},
	} {
		at := Views{}.Attempt(hook.Sight{Personal: true, Secrets: true}, nil, nil, &hook.Attempt{Request: tc.request}, []byte(`{"a":1}`))
		if got := string(at.Request.Body); got != tc.want {
			t.Errorf("%+v: %q", tc.request, got)
		}
	}
}

// What a contract computes of personal data is personal, too.
func TestComputedPersonalData(t *testing.T) {
	t.Parallel()
	c, err := contract.Parse("c.yaml", []byte(`
contract: c
title: C
events: {e: {title: E}}
sensitive: [email]
endpoint: {body: {m: {$expr: payload.email.upperAscii()}, n: {$expr: payload.n + 1}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	set := &contract.Set{}
	set.Add(c)
	ev := &hook.Event{Contract: "c", Type: "e", Payload: []byte(`{"email":"ana@b.example","n":10000}`)}
	body := []byte(`{"m":"ANA@B.EXAMPLE","n":10001}`)
	at := &hook.Attempt{Request: hook.Request{Method: "POST"}}
	views := Views{Contracts: set}
	if got := string(views.Attempt(hook.Sight{Secrets: true}, nil, ev, at, body).Request.Body); got != `{"m":"********","n":10001}` {
		t.Error(got)
	}
	if got := views.Attempt(hook.Sight{Secrets: true, Personal: true}, nil, ev, at, body).Request.Body; string(got) != string(body) {
		t.Errorf("%s", got)
	}
}

// Of a posted event that was accepted although its schema refuses it, it is said what is wrong; of others, nothing.
func TestMisshapen(t *testing.T) {
	t.Parallel()
	set := new(contract.Set)
	for name, mode := range map[string]string{"lax": "report", "strict": "refuse"} {
		c, err := contract.Parse("a.yaml", []byte("contract: "+name+"\ntitle: A\nschema_on_post: "+mode+"\nevents: {a: {title: A, schema: {type: object, required: [id]}}, b: {title: B}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		set.Add(c)
	}
	posted := hook.Event{Contract: "lax", Type: "a", Door: hook.DoorAPI, Payload: []byte("{}")}
	for name, tc := range map[string]struct {
		change func(*hook.Event)
		want   int
	}{
		"posted":          {func(*hook.Event) {}, 1},
		"right":           {func(e *hook.Event) { e.Payload = []byte(`{"id":1}`) }, 0},
		"of a record":     {func(e *hook.Event) { e.Door = hook.DoorRecord }, 0},
		"no JSON":         {func(e *hook.Event) { e.ContentType = "text/plain" }, 0},
		"without schema":  {func(e *hook.Event) { e.Type = "b" }, 0},
		"strict contract": {func(e *hook.Event) { e.Contract = "strict" }, 0},
		"no contract":     {func(e *hook.Event) { e.Contract = "gone" }, 0},
	} {
		e := posted
		tc.change(&e)
		got := Views{set}.Misshapen(&e)
		if len(got) != tc.want || tc.want > 0 && got[0].Pointer != "/payload/id" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
