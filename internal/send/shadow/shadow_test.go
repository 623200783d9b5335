package shadow

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// real is a transport that must not send.
type real struct{ t *testing.T }

func (real) Name() string { return "real" }

func (r real) Send(context.Context, *send.Message) *send.Reply {
	r.t.Error("something was sent")
	return &send.Reply{Response: &hook.Response{Status: 200}}
}

func (real) Headers(m *send.Message) (headers []hook.Header, refusal string) {
	if m.Body == nil {
		return nil, "There is no body, so nothing was sent."
	}
	return append([]hook.Header{{Name: "To", Value: m.Target}}, m.Headers...), ""
}

func TestNothingIsSent(t *testing.T) {
	t.Parallel()
	transports := send.Transports{"https": real{t}}
	withScheme := send.Transports{"https": real{t}, Scheme: New(transports)}
	for _, tt := range []struct {
		name       string
		transports send.Transports
		target     string
		to         string // whose headers are recorded; "": the message is refused
	}{
		{"in the place of another", All(transports), "https://a.example/", "https://a.example/"},
		{"by its scheme", withScheme, "shadow:https://a.example/", "https://a.example/"},
		{"by its scheme, spelled otherwise", withScheme, "Shadow:https://a.example/", "https://a.example/"},
		{"both", All(withScheme), "shadow:https://a.example/", "https://a.example/"},
		{"a scheme that nothing can send to", withScheme, "shadow:ftp://a.example/", ""},
		{"a shadow of a shadow", withScheme, "shadow:shadow:https://a.example/", ""},
		{"no target", withScheme, "shadow:", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := &send.Message{Target: tt.target, Headers: []hook.Header{{Name: "a", Value: "1"}}, Body: []byte("x")}
			transport := tt.transports.For(tt.target)
			r := transport.Send(t.Context(), m)
			if transport.Name() != "shadow" || r.Response != nil || !r.Unsent || r.Resent || r.Detail == "" || r.StartedAt.IsZero() || m.Target != tt.target {
				t.Errorf("%+v", r)
			}
			if tt.to == "" {
				if r.Class != hook.ClassRender || r.Sent != nil {
					t.Errorf("not refused: %+v", r)
				}
				return
			}
			want := []hook.Header{{Name: "To", Value: tt.to}, {Name: "a", Value: "1"}}
			if diff := cmp.Diff(want, r.Sent); diff != "" || r.Class != hook.ClassShadow {
				t.Errorf("%s %s", r.Class, diff)
			}
		})
	}
}

// What the real transport would refuse is refused with its words.
func TestRefusalOfTheRealTransport(t *testing.T) {
	t.Parallel()
	m := &send.Message{Target: "https://a.example/"}
	r := All(send.Transports{"https": real{t}}).For(m.Target).Send(t.Context(), m)
	if r.Class != hook.ClassRender || r.Detail != "There is no body, so nothing was sent." || !r.Unsent || r.Sent != nil {
		t.Errorf("%+v", r)
	}
}
