package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"gancho/internal/hook"
	"gancho/internal/send"
	sendhttp "gancho/internal/send/http"
	"gancho/internal/send/redirect"
)

// These tests use real sockets on loopback. No test asserts how long something took.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const long = time.Minute

func newTransport(t *testing.T, allow ...string) *Transport {
	if allow == nil {
		allow = []string{"127.0.0.0/8"}
	}
	o := sendhttp.Options{}
	for _, p := range allow {
		o.Allow = append(o.Allow, netip.MustParsePrefix(p))
	}
	web := sendhttp.New(o)
	t.Cleanup(web.Close)
	return New(web)
}

// idp gives tokens: t1, t2, … Each is good for as long as it says.
type idp struct {
	*httptest.Server
	given    atomic.Int64
	expires  atomic.Int64 // in seconds; 0: it does not say
	answer   func(w nethttp.ResponseWriter, r *nethttp.Request) bool
	mu       sync.Mutex
	requests []string // header and form of each
}

func newIDP(t *testing.T) *idp {
	s := &idp{}
	s.expires.Store(3600)
	s.Server = httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests = append(s.requests, r.Header.Get("Authorization")+" "+string(body))
		s.mu.Unlock()
		if s.answer != nil && s.answer(w, r) {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		expires := ""
		if n := s.expires.Load(); n != 0 {
			expires = fmt.Sprintf(`,"expires_in":%d`, n)
		}
		fmt.Fprintf(w, `{"access_token":"t%d","token_type":"bearer"%s}`, s.given.Add(1), expires)
	}))
	t.Cleanup(s.Close)
	return s
}

// receiver answers with the status that wants gives for a token.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got []string // header Authorization of each request
}

func newReceiver(t *testing.T, wants func(token string) int) *receiver {
	s := &receiver{}
	s.Server = httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		s.mu.Lock()
		s.got = append(s.got, r.Header.Get("Authorization"))
		s.mu.Unlock()
		status := 200
		if wants != nil {
			status = wants(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *receiver) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.got...)
}

func message(to, tokens string) *send.Message {
	return &send.Message{
		Tenant: "acme", Target: to, Body: []byte(`{"n":1}`), Headers: []hook.Header{{Name: "User-Agent", Value: "Gancho"}},
		Attributes: send.Attributes{
			Method: "POST", Timeout: long, Resend: true,
			OAuth2: &hook.OAuth2{TokenURL: tokens, ClientID: "me", ClientSecret: "s3cr+t/=", Scope: "a b"},
		},
	}
}

// what is what of each step, with its status.
func what(steps []hook.Step) (out []string) {
	for _, s := range steps {
		out = append(out, fmt.Sprintf("%s %s %d %s", s.What, s.Method, s.Status, s.Class))
	}
	return out
}

func TestTokenIsKept(t *testing.T) {
	tokens, to := newIDP(t), newReceiver(t, nil)
	tr := newTransport(t)
	for i := range 3 {
		r := tr.Send(t.Context(), message(to.URL, tokens.URL))
		if r.Class != "" || r.Response.Status != 200 {
			t.Fatalf("%+v", r)
		}
		if want := []string{"token POST 200 "}; i == 0 && !cmp.Equal(want, what(r.Way().Steps)) || i > 0 && r.Way().Steps != nil {
			t.Errorf("request %d: steps %v", i, what(r.Way().Steps))
		}
		if !cmp.Equal([]string{"Bearer t1", "t1"}, r.Way().Secrets) {
			t.Errorf("secrets %v", r.Way().Secrets)
		}
	}
	if d := cmp.Diff([]string{"Bearer t1", "Bearer t1", "Bearer t1"}, to.all()); d != "" {
		t.Error(d)
	}
	// Basic with both parts encoded as a form, RFC 6749 section 2.3.1.
	if d := cmp.Diff([]string{"Basic bWU6czNjciUyQnQlMkYlM0Q= grant_type=client_credentials&scope=a+b"}, tokens.requests); d != "" {
		t.Error(d)
	}
	other := message(to.URL, tokens.URL)
	other.Tenant = "other"
	if tr.Send(t.Context(), other); tokens.given.Load() != 2 {
		t.Error("tenants share a token")
	}
	changed := message(to.URL, tokens.URL)
	changed.OAuth2.ClientSecret = "another"
	if tr.Send(t.Context(), changed); tokens.given.Load() != 3 {
		t.Error("the token of an earlier secret is used")
	}
}

func TestTokenInTheBody(t *testing.T) {
	tokens, to := newIDP(t), newReceiver(t, nil)
	m := message(to.URL, tokens.URL)
	m.OAuth2.Style, m.OAuth2.Audience = hook.StyleBody, "https://api.example"
	newTransport(t).Send(t.Context(), m)
	_, form, _ := strings.Cut(tokens.requests[0], " ")
	got, err := url.ParseQuery(form)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"grant_type": {"client_credentials"}, "scope": {"a b"}, "client_id": {"me"}, "client_secret": {"s3cr+t/="}, "audience": {"https://api.example"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// What expires soon is renewed before. What never says when it expires is kept for a while.
func TestTokenIsRenewedBeforeItExpires(t *testing.T) {
	tokens, to := newIDP(t), newReceiver(t, nil)
	tr := newTransport(t)
	tokens.expires.Store(-5)
	for range 2 {
		tr.Send(t.Context(), message(to.URL, tokens.URL))
	}
	tokens.expires.Store(0)
	for range 3 {
		tr.Send(t.Context(), message(to.URL, tokens.URL))
	}
	if d := cmp.Diff([]string{"Bearer t1", "Bearer t2", "Bearer t3", "Bearer t3", "Bearer t3"}, to.all()); d != "" {
		t.Error(d)
	}
}

// A receiver that answers 401 gets the message once more, with a new token.
func TestTokenIsRenewedOn401(t *testing.T) {
	tokens := newIDP(t)
	good := "t1"
	to := newReceiver(t, func(token string) int {
		if token == good {
			return 200
		}
		return 401
	})
	tr := newTransport(t)
	tr.Send(t.Context(), message(to.URL, tokens.URL))
	good = "t2"
	r := tr.Send(t.Context(), message(to.URL, tokens.URL))
	if r.Response.Status != 200 || !cmp.Equal(r.Way().Secrets, []string{"Bearer t1", "t1", "Bearer t2", "t2"}) {
		t.Errorf("%+v", r)
	}
	if d := cmp.Diff([]string{"request POST 401 ", "token POST 200 "}, what(r.Way().Steps)); d != "" {
		t.Error(d)
	}
	// One that refuses every token costs one more fetch, and then none for a while.
	good = "none"
	for range 5 {
		if r = tr.Send(t.Context(), message(to.URL, tokens.URL)); r.Response.Status != 401 {
			t.Errorf("%+v", r)
		}
	}
	if n := tokens.given.Load(); n != 3 {
		t.Errorf("%d tokens were fetched", n)
	}
}

// What must not be sent twice is not sent twice, but the next message gets a new token.
func TestAtMostOnceIsSentOnce(t *testing.T) {
	tokens := newIDP(t)
	refuse := ""
	to := newReceiver(t, func(token string) int {
		if token == refuse {
			return 401
		}
		return 200
	})
	tr := newTransport(t)
	statuses := []int{}
	for i := range 3 {
		m := message(to.URL, tokens.URL)
		m.Resend = false
		if i == 1 {
			refuse = "t1"
		}
		statuses = append(statuses, tr.Send(t.Context(), m).Response.Status)
	}
	if !cmp.Equal(statuses, []int{200, 401, 200}) || len(to.all()) != 3 {
		t.Errorf("answers %v to %v", statuses, to.all())
	}
}

// slow answers each message after a second: requests for tokens with a status, and messages with a refused token with 401.
type slow struct {
	status  int
	refuses string
	fetches atomic.Int64
}

func (*slow) Name() string { return "slow" }

func (*slow) Headers(m *send.Message) ([]hook.Header, string) { return m.Headers, "" }

func (s *slow) Send(_ context.Context, m *send.Message) *send.Reply {
	began := time.Now()
	time.Sleep(time.Second) //policy:allow time.Sleep: only in a bubble of synctest, where it takes no time
	answer := &hook.Response{Status: 200}
	if m.Target == "http://tokens/" {
		answer.Status, answer.Body = s.status, fmt.Appendf(nil, `{"access_token":"t%d"}`, s.fetches.Add(1))
	} else if slices.Contains(m.Headers, hook.Header{Name: "Authorization", Value: "Bearer " + s.refuses}) {
		answer.Status = 401
	}
	return &send.Reply{StartedAt: began, Response: answer, Sent: m.Headers}
}

// Many messages that need a token at the same time cause one fetch, whether it works or not.
func TestOneFetchAtATime(t *testing.T) {
	for _, status := range []int{200, 503} {
		synctest.Test(t, func(t *testing.T) {
			over := &slow{status: status}
			tr := New(over)
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					r := tr.Send(t.Context(), message("http://receiver/", "http://tokens/"))
					if status == 200 != (r.Class == "") || status != 200 && (r.Class != hook.ClassToken || !r.Unsent) {
						t.Errorf("status %d: %+v", status, r)
					}
				})
			}
			all.Wait()
			if n := over.fetches.Load(); n != 1 {
				t.Errorf("status %d: %d fetches", status, n)
			}
		})
	}
}

// Where only the wait for the answer is limited, the receiver's time for a 401 is not taken from that of the next token.
func TestRenewalHasItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := New(&slow{status: 200, refuses: "t1"})
		m := message("http://receiver/", "http://tokens/")
		m.Clock, m.ConnectTimeout = send.ClockResponse, 900*time.Millisecond
		tr.tokensOf(m).token, tr.tokensOf(m).renewAt = "Bearer t1", time.Now().Add(time.Hour)
		tr.Transport.(*slow).fetches.Store(1)
		if r := tr.Send(t.Context(), m); r.Class != "" || r.Response.Status != 200 {
			t.Errorf("%+v", r)
		}
	})
}

// away cannot find out whether the fourth message may be sent.
type away struct {
	slow
	sent int
}

func (s *away) Send(ctx context.Context, m *send.Message) *send.Reply {
	if s.sent++; s.sent == 4 {
		return &send.Reply{Class: hook.ClassHostNotAllowed, Unsent: true, NotNow: errors.New("the database is away")}
	}
	return s.slow.Send(ctx, m)
}

// A message that its receiver has got once is an attempt, also if it is not known whether it may be sent again.
func TestWhatWasSentIsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := New(&away{slow: slow{status: 200, refuses: "t1"}})
		m := message("http://receiver/", "http://tokens/")
		if r := tr.Send(t.Context(), m); r.Class != "" || r.Response.Status != 401 { // to a fresh token: it is not renewed
			t.Errorf("%+v", r)
		}
		tr.tokensOf(m).calmTill = time.Time{}
		if r := tr.Send(t.Context(), m); r.Class != hook.ClassToken || r.NotNow != nil || r.Unsent || len(r.Way().Steps) != 2 {
			t.Errorf("%+v", r)
		}
	})
}

// A 401 of another host, which did not get the token, does not renew it.
func TestAnotherHostRefusesNoToken(t *testing.T) {
	tokens := newIDP(t)
	status := 200
	other := newReceiver(t, func(string) int { return status })
	to := httptest.NewServer(nethttp.RedirectHandler(other.URL, nethttp.StatusTemporaryRedirect))
	t.Cleanup(to.Close)
	tr := newTransport(t)
	tr.Transport = redirect.New(tr.Transport)
	for _, status = range []int{200, 401} {
		m := message(to.URL, tokens.URL)
		m.Follow = &send.Follow{Most: 1}
		if r := tr.Send(t.Context(), m); r.Class != "" || r.Response.Status != status || r.Way().Target == "" {
			t.Errorf("%+v", r)
		}
	}
	if n := tokens.given.Load(); n != 1 || !cmp.Equal(other.all(), []string{"", ""}) {
		t.Errorf("%d tokens were fetched, and the other host got %q", n, other.all())
	}
}

// Whoever waits for the fetch of another message waits no longer than its own time.
func TestWaitingForAFetchIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		over := &slow{status: 200}
		tr := New(over)
		var all sync.WaitGroup
		all.Go(func() { tr.Send(t.Context(), message("http://receiver/", "http://tokens/")) })
		synctest.Wait()
		m := message("http://receiver/", "http://tokens/")
		m.Timeout = 100 * time.Millisecond
		r := tr.Send(t.Context(), m)
		if r.Class != hook.ClassToken || r.Timing.Total != m.Timeout || r.Way().Steps != nil {
			t.Errorf("%+v", r)
		}
		all.Wait()
	})
}

// Why there is no token is said in one sentence or two, without secrets. Nothing is sent.
func TestNoToken(t *testing.T) {
	to := newReceiver(t, nil)
	said := func(status int, body string) func(nethttp.ResponseWriter, *nethttp.Request) bool {
		return func(w nethttp.ResponseWriter, _ *nethttp.Request) bool {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", to.URL)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return true
		}
	}
	for name, c := range map[string]struct {
		answer func(nethttp.ResponseWriter, *nethttp.Request) bool
		want   string
	}{
		"refused":   {said(401, `{"error":"invalid_client","error_description":"Unknown\nclient."}`), "answered 401 (invalid_client: Unknown client)."},
		"a page":    {said(500, `<html>`), "answered 500."},
		"redirect":  {said(307, ``), "answered 307."},
		"no json":   {said(200, `hello`), "is no token as RFC 6749 describes one."},
		"no token":  {said(200, `{"token_type":"bearer"}`), "is no token as RFC 6749 describes one."},
		"line end":  {said(200, `{"access_token":"a\r\nX-Y: z"}`), "gave a token that no header can hold."},
		"long":      {said(200, `{"access_token":"`+strings.Repeat("a", 1<<20)+`"}`), "is longer than a token can be."},
		"error 200": {said(200, `{"error":"invalid_scope"}`), "answered 200 (invalid_scope)."},
		"hangs up":  {func(nethttp.ResponseWriter, *nethttp.Request) bool { panic(nethttp.ErrAbortHandler) }, "closed the connection without answering."},
	} {
		tokens := newIDP(t)
		tokens.answer = c.answer
		r := newTransport(t).Send(t.Context(), message(to.URL, tokens.URL))
		if r.Class != hook.ClassToken || !strings.HasPrefix(r.Detail, "The token could not be fetched") || !strings.HasSuffix(r.Detail, c.want) {
			t.Errorf("%s: %s %s", name, r.Class, r.Detail)
		}
		if !r.Unsent || r.Response != nil || len(r.Way().Steps) != 1 || r.Way().Steps[0].Class == "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if got := to.all(); len(got) > 0 {
		t.Errorf("the receiver got %v", got)
	}
}

// What a server of tokens says of a failure shows nothing of the client's secret, in no spelling in which it got it, and not
// half of it where the text is cut.
func TestFailureShowsNoSecret(t *testing.T) {
	tokens := newIDP(t)
	tokens.answer = func(w nethttp.ResponseWriter, r *nethttp.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(400)
		said := r.Header.Get("Authorization") + " is s3cr+t/= as "
		said += strings.Repeat("x", 198-len("e: ")-len(said)) + "s3cr+t/="
		fmt.Fprintf(w, `{"error":"e","error_description":%q}`, said)
		return true
	}
	r := newTransport(t).Send(t.Context(), message("http://127.0.0.1:1234/", tokens.URL))
	if r.Class != hook.ClassToken || !strings.Contains(r.Detail, "(e: Basic ******** is ******** as xxx") || strings.Contains(r.Detail, "s3") {
		t.Errorf("%s %s", r.Class, r.Detail)
	}
}

// The server of the tokens is reached by the same guard as a receiver.
func TestTokenAddressIsGuarded(t *testing.T) {
	tokens := newIDP(t)
	r := newTransport(t, "192.0.2.0/24").Send(t.Context(), message("http://192.0.2.1/", tokens.URL))
	if r.Class != hook.ClassToken || !strings.Contains(r.Detail, "127.0.0.1 is a loopback address") || len(tokens.requests) != 0 {
		t.Errorf("%+v, requests %v", r, tokens.requests)
	}
	if len(r.Way().Steps) != 1 || r.Way().Steps[0].Class != hook.ClassPrivateAddress {
		t.Errorf("steps %+v", r.Way().Steps)
	}
}

// A server of tokens that does not answer costs the time of the attempt, and no more.
func TestTokenTakesTheTimeOfTheAttempt(t *testing.T) {
	tokens, to := newIDP(t), newReceiver(t, nil)
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	tokens.answer = func(nethttp.ResponseWriter, *nethttp.Request) bool { <-hold; return true }
	m := message(to.URL, tokens.URL)
	m.Timeout = 50 * time.Millisecond
	r := newTransport(t).Send(t.Context(), m)
	if r.Class != hook.ClassToken || !strings.Contains(r.Detail, "did not answer within the limit") || len(to.all()) != 0 {
		t.Errorf("%+v", r)
	}
	if r.Timing.Total < m.Timeout {
		t.Errorf("the attempt took %v", r.Timing.Total)
	}
}

func TestInterruptedFetch(t *testing.T) {
	tokens, to := newIDP(t), newReceiver(t, nil)
	hold := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	tokens.answer = func(nethttp.ResponseWriter, *nethttp.Request) bool { cancel(); <-hold; return true }
	tr := newTransport(t)
	r := tr.Send(ctx, message(to.URL, tokens.URL))
	close(hold)
	if r.Class != hook.ClassInterrupted {
		t.Errorf("%+v", r)
	}
	tokens.answer = nil
	if r = tr.Send(t.Context(), message(to.URL, tokens.URL)); r.Class != "" {
		t.Errorf("later: %+v", r)
	}
}

// Of headers that are shown, the token is masked, and it replaces any other credentials.
func TestShownHeaders(t *testing.T) {
	tr := newTransport(t)
	m := message("http://127.0.0.1:1234/", "http://127.0.0.1:1235/")
	m.Headers = append(m.Headers, hook.Header{Name: "authorization", Value: "Basic x"})
	headers, refusal := tr.Headers(m)
	if refusal != "" || strings.Contains(fmt.Sprint(headers), "Basic") || !strings.Contains(fmt.Sprint(headers), "{Authorization Bearer ********}") {
		t.Errorf("%v, %s", headers, refusal)
	}
	m.OAuth2 = nil
	if headers, _ = tr.Headers(m); !strings.Contains(fmt.Sprint(headers), "{authorization Basic x}") {
		t.Errorf("%v", headers)
	}
}

// said answers each request for a token with the same answer.
type said struct{ hook.Response }

func (*said) Name() string                                    { return "said" }
func (*said) Headers(m *send.Message) ([]hook.Header, string) { return m.Headers, "" }
func (s *said) Send(context.Context, *send.Message) *send.Reply {
	return &send.Reply{Response: &s.Response}
}

// Whatever a server of tokens answers, there is a token that a header can hold, or a reason in one line.
func FuzzToken(f *testing.F) {
	f.Add(200, "application/json", `{"access_token":"t","token_type":"x y","expires_in":"9"}`)
	f.Add(400, "application/x-www-form-urlencoded", "error=a&error_description=%0a%ff")
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		over := &said{hook.Response{Status: status, Headers: []hook.Header{{Name: "Content-Type", Value: kind}}, Body: []byte(body)}}
		x := &exchange{t: New(over), m: message("http://receiver/", "http://tokens/"), began: time.Now()}
		token, _, failed := x.fetch(t.Context())
		if failed == nil && (token == "" || strings.ContainsFunc(token, func(r rune) bool { return r < ' ' || r >= 0x7f })) {
			t.Errorf("token %q", token)
		}
		if failed != nil && (failed.class != hook.ClassToken || strings.ContainsAny(failed.detail, "\r\n\x00") || len(failed.detail) > 1000) {
			t.Errorf("%+v", failed)
		}
	})
}
