package deliver

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/deliver/compose"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/send"
	"gancho/internal/send/shadow"
)

// counting is a contract whose requests say which attempt they are.
const counting = standard + `endpoint:
  headers:
    X-Try: "${attempt.number} ${attempt.unix}"
    X-First: "${attempt.first_at}"
    X-Last: "${attempt.last_status} ${attempt.last_error}"
    X-Error: "${attempt.last_error}"
  body: {v: 1, try: "${attempt.number}", p: "${payload}", last: "${attempt.last_error}"}
`

// header is the value of a header of a message, "" if it has none.
func header(m *send.Message, name string) string {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// tries are the requests so far, in one line each: headers and body.
func (x *world) tries() (out []string) {
	for _, s := range x.rc.requests() {
		m := s.message
		if unix := fmt.Sprint(s.at.Unix()); !strings.HasSuffix(header(&m, "X-Try"), " "+unix) {
			x.t.Errorf("X-Try: %s, sent at %s", header(&m, "X-Try"), unix)
		}
		number, _, _ := strings.Cut(header(&m, "X-Try"), " ")
		out = append(out, fmt.Sprintf("%s|%s|%s|%s", number, header(&m, "X-Last"), header(&m, "X-Error"), m.Body))
	}
	return out
}

// kept are the bodies that the history shows for the attempts of a delivery.
func (x *world) kept(id hook.DeliveryID) (out []string) {
	x.t.Helper()
	list, err := x.db.Attempts(x.t.Context(), id, 100)
	if err != nil {
		x.t.Fatal(err)
	}
	for _, a := range list {
		out = append(out, string(a.Request.Body))
	}
	return out
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func (x *world) retry(id hook.DeliveryID) {
	x.t.Helper()
	if _, err := x.db.Retry(x.t.Context(), "acme", id, false); err != nil {
		x.t.Fatal(err)
	}
	x.w.Wake(x.endpoint.ID)
	settle()
}

// What names attempt.* is made anew for each attempt, by the contract that made the first one, and the history has the
// body that each attempt had. Everything else is that of the first attempt. A person's retry begins anew.
func TestEachAttemptIsMadeAnew(t *testing.T) {
	t.Parallel()
	for _, ordered := range []bool{false, true} {
		t.Run(fmt.Sprint("ordered ", ordered), func(t *testing.T) {
			t.Parallel()
			cfg := hook.EndpointConfig{Ordered: ordered, Timeout: time.Second, Retry: []time.Duration{0, time.Minute, time.Hour}}
			answer := func(n int, _ *send.Message) *send.Reply {
				switch n {
				case 1:
					return status(503)
				case 2:
					return nil // times out
				case 3:
					return status(400)
				}
				return status(200)
			}
			bubble(t, time.Minute, cfg, answer, func(t *testing.T, x *world) {
				x.setContract(counting)
				id := x.publish(x.endpoint, `{"id":1.50}`)
				settle()
				c := strings.Replace(counting, "v: 1", "v: 2", 1)
				next, _ := x.w.Contracts.Lookup("standard")
				x.setContractVersion(c, next.Version+1) // what was attempted stays with its version
				time.Sleep(3 * time.Hour)
				settle()
				bodies := []string{
					`{"v":1,"try":1,"p":{"id":1.50}}`,
					`{"v":1,"try":2,"p":{"id":1.50},"last":"status_5xx"}`,
					`{"v":1,"try":3,"p":{"id":1.50},"last":"timeout"}`,
				}
				want := []string{"1|||" + bodies[0], "2|503 status_5xx|status_5xx|" + bodies[1], "3||timeout|" + bodies[2]}
				same(t, "sent", x.tries(), want)
				same(t, "kept", x.kept(id), bodies)
				first := x.rc.requests()[0].at.UTC().Format("2006-01-02T15:04:05.000Z")
				for _, s := range x.rc.requests() {
					if got := header(&s.message, "X-First"); got != first {
						t.Errorf("first_at %s, want %s", got, first)
					}
				}
				if d := x.delivery(id); d.State != hook.Failed || d.Attempts != 3 {
					t.Fatalf("%+v", d)
				}
				x.retry(id)
				bodies = append(bodies, bodies[0])
				same(t, "after a person's retry", x.tries(), append(want, want[0]))
				same(t, "kept", x.kept(id), bodies)
				if d := x.delivery(id); d.State != hook.Delivered || d.Attempts != 4 {
					t.Errorf("%+v", d)
				}
			})
		})
	}
}

// An attempt that a crash interrupted does not count, because it uses up no place in the schedule; the next one is by
// the versions that the interrupted one was by.
func TestAttemptAfterACrash(t *testing.T) {
	t.Parallel()
	var gate chan struct{} // made inside the bubble
	answer := func(n int, _ *send.Message) *send.Reply {
		switch n {
		case 1:
			return status(500)
		case 2:
			<-gate
		}
		return status(200)
	}
	cfg := hook.EndpointConfig{Timeout: time.Hour, Retry: []time.Duration{0, time.Minute, time.Hour}}
	bubble(t, tickEvery, cfg, answer, func(t *testing.T, x *world) {
		gate = make(chan struct{})
		defer close(gate)
		x.setContract(counting)
		x.rejoin(1)
		id := x.publish(x.endpoint, `1`)
		pass(2 * time.Minute)
		if d := x.delivery(id); d.State != hook.Sending || d.Slot != 1 {
			t.Fatalf("in flight: %+v", d)
		}
		x.rejoin(2) // finds it as a restart would
		pass(time.Minute)
		second := `2|500 status_5xx|status_5xx|{"v":1,"try":2,"p":1,"last":"status_5xx"}`
		same(t, "sent", x.tries(), []string{`1|||{"v":1,"try":1,"p":1}`, second, second})
		if d := x.delivery(id); d.State != hook.Delivered || d.Attempts != 3 {
			t.Errorf("%+v", d)
		}
		if kept := x.kept(id); len(kept) != 3 || kept[1] != mask.Text { // and not the payload, which was never sent
			t.Errorf("kept: %q", kept)
		}
	})
}

// A body that does not name its attempt stays frozen, although headers do.
func TestHeadersPerAttemptLeaveTheBodyFrozen(t *testing.T) {
	t.Parallel()
	text := strings.Replace(counting, `try: "${attempt.number}", p: "${payload}", last: "${attempt.last_error}"`, `p: "${payload}"`, 1)
	cfg := hook.EndpointConfig{Retry: []time.Duration{0, time.Minute}}
	answer := func(n int, _ *send.Message) *send.Reply { return status(map[bool]int{true: 500, false: 200}[n == 1]) }
	bubble(t, time.Minute, cfg, answer, func(t *testing.T, x *world) {
		x.setContract(text)
		id := x.publish(x.endpoint, `1`)
		time.Sleep(time.Hour)
		settle()
		same(t, "sent", x.tries(), []string{`1|||{"v":1,"p":1}`, `2|500 status_5xx|status_5xx|{"v":1,"p":1}`})
		same(t, "kept beside the frozen one", x.kept(id), []string{"", ""})
	})
}

// A script runs again for each attempt of a contract that names the attempt. The body that it made the first time stays,
// unless that names the attempt, too.
func TestScriptPerAttempt(t *testing.T) {
	t.Parallel()
	script := `webhook.headers['X-Seen'] = webhook.headers['X-Try'].split(' ')[0]; webhook.payload = {r: 1}; webhook.payload.n = ` +
		`Number(webhook.headers['X-Seen'])`
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"in the body": {counting, []string{`1 1 {"v":1,"try":1,"p":{"r":1,"n":1}}`, `2 2 {"v":1,"try":2,"p":{"r":1,"n":2},"last":"status_5xx"}`}},
		"in headers": {
			strings.Replace(counting, `try: "${attempt.number}", p: "${payload}", last: "${attempt.last_error}"`, `p: "${payload}"`, 1),
			[]string{`1 1 {"v":1,"p":{"r":1,"n":1}}`, `2 2 {"v":1,"p":{"r":1,"n":1}}`},
		},
	} {
		for _, edited := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", edited ", edited), func(t *testing.T) {
				t.Parallel()
				cfg := scripted(script)
				cfg.Retry = []time.Duration{0, time.Minute}
				answer := func(n int, _ *send.Message) *send.Reply { return status(map[bool]int{true: 500, false: 200}[n == 1]) }
				bubble(t, time.Minute, cfg, answer, func(t *testing.T, x *world) {
					x.setContract(counting + "# for the version\n")
					x.setContractVersion(tc.text, 2)
					x.publish(x.endpoint, `{"a":1}`)
					settle()
					if edited {
						e := *x.endpoint
						e.Config.Headers = []hook.Header{{Name: "X-More", Value: "1"}}
						if ok, err := x.db.UpdateEndpoint(t.Context(), &e, true); err != nil || !ok {
							t.Fatal(ok, err)
						}
					}
					time.Sleep(time.Hour)
					settle()
					var got []string
					for i, s := range x.rc.requests() {
						m := s.message
						number, _, _ := strings.Cut(header(&m, "X-Try"), " ")
						got = append(got, fmt.Sprintf("%s %s %s", number, header(&m, "X-Seen"), m.Body))
						if (header(&m, "X-More") != "") != (edited && i > 0) {
							t.Errorf("attempt %d: X-More: %q", i+1, header(&m, "X-More"))
						}
					}
					same(t, "sent", got, tc.want)
				})
			})
		}
	}
}

// Tests, previews and trials say which attempt they are, too: the first.
func TestAttemptOfTestsAndTrials(t *testing.T) {
	t.Parallel()
	bubble(t, tickEvery, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		x.setContract(counting)
		const want = `{"v":1,"try":1,"p":7}`
		p, err := x.w.Preview(t.Context(), x.endpoint.ID, testEvent(`7`), nil)
		if err != nil || string(p.Request.Body) != want {
			t.Errorf("preview: %s, %v", p.Request.Body, err)
		}
		r, err := x.w.Test(t.Context(), x.endpoint.ID, testEvent(`7`))
		if err != nil || string(r.Attempt.Request.Body) != want || string(x.rc.requests()[0].message.Body) != want {
			t.Errorf("test: %+v, %v", r, err)
		}
		x.w.Transports = shadow.All(x.w.Transports)
		id := x.publish(x.endpoint, `7`)
		settle()
		same(t, "trial", x.kept(id), []string{want})
	})
}

// Rules count attempts as requests do: after a person's retry from 1 again.
func TestRulesCountAttemptsLikeRequests(t *testing.T) {
	t.Parallel()
	cfg := hook.EndpointConfig{Retry: []time.Duration{0, time.Minute, time.Minute, time.Minute}}
	bubble(t, time.Minute, cfg, func(int, *send.Message) *send.Reply { return status(500) }, func(t *testing.T, x *world) {
		x.setContract(counting + "delivery: {stop_if: attempt.number >= 2}\n")
		id := x.publish(x.endpoint, `1`)
		time.Sleep(time.Hour)
		settle()
		if n, d := len(x.rc.requests()), x.delivery(id); n != 2 || d.State != hook.Failed {
			t.Fatalf("%d requests, %+v", n, d)
		}
		x.retry(id)
		time.Sleep(time.Hour)
		settle()
		if n, d := len(x.rc.requests()), x.delivery(id); n != 4 || d.State != hook.Failed {
			t.Errorf("after a person's retry %d requests, %+v", n, d)
		}
	})
}

// pastReads counts how often earlier attempts are read.
type pastReads struct {
	compose.Store
	n atomic.Int64
}

func (p *pastReads) Attempts(ctx context.Context, id hook.DeliveryID, n int) ([]*hook.Attempt, error) {
	p.n.Add(1)
	return p.Store.Attempts(ctx, id, n)
}

// Earlier attempts are read only for a contract that names something of them, and only after the first.
func TestEarlierAttemptsAreReadIfNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		standard: 0,
		standard + "endpoint: {headers: {X-Try: \"${attempt.number} ${attempt.unix}\"}}\n": 0,
		counting: 2,
	} {
		cfg := hook.EndpointConfig{Retry: []time.Duration{0, time.Minute, time.Minute}}
		bubble(t, time.Minute, cfg, func(int, *send.Message) *send.Reply { return status(500) }, func(t *testing.T, x *world) {
			past := &pastReads{Store: x.db}
			x.w.Past = past
			x.setContract(text)
			x.publish(x.endpoint, `1`)
			time.Sleep(time.Hour)
			settle()
			if n := past.n.Load(); n != want || len(x.rc.requests()) != 3 {
				t.Errorf("%d reads in %d requests, want %d", n, len(x.rc.requests()), want)
			}
		})
	}
}
