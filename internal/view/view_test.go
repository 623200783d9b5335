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
