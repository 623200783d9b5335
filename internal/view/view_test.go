package view

import (
	"testing"

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
