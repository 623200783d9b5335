package redirect

import (
	"context"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
	"gancho/internal/send"
	sendhttp "gancho/internal/send/http"
)

// These tests use real sockets on loopback.

// server notes what it gets and answers by path: /307/TO redirects with this status to what comes behind it.
type server struct {
	*httptest.Server
	mu  sync.Mutex
	got []string
}

func newServer(t *testing.T, tls bool) *server {
	s := &server{}
	h := nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.got = append(s.got, fmt.Sprintf("%s %s auth=%s trace=%s %s", r.Method, r.URL.Path, r.Header.Get("Authorization"), r.Header.Get("X-Trace"), body))
		s.mu.Unlock()
		if to := r.URL.Query().Get("to"); to != "" {
			status := 307
			_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
			w.Header().Set("Location", to)
			w.WriteHeader(status)
		}
	})
	if s.Server = httptest.NewUnstartedServer(h); tls {
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s
}

func (s *server) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

func newTransport(t *testing.T) *Transport {
	web := sendhttp.New(sendhttp.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	t.Cleanup(web.Close)
	return New(web)
}

func message(method, target string, most int) *send.Message {
	m := &send.Message{
		Tenant: "acme", Target: target, Body: []byte("body"),
		Headers: []hook.Header{{Name: "Authorization", Value: "secret"}, {Name: "X-Trace", Value: "1"}},
		Attributes: send.Attributes{
			Method: method, Timeout: time.Minute, Resend: true,
			Follow: &send.Follow{Most: most, Elsewhere: []hook.Header{{Name: "X-Trace", Value: "1"}}},
		},
	}
	if method == "GET" {
		m.Body = nil
	}
	return m
}

// to is a URL at which a server redirects.
func (s *server) to(status int, location string) string {
	return fmt.Sprintf("%s/%d?to=%s", s.URL, status, url.QueryEscape(location))
}

func TestFollow(t *testing.T) {
	for name, tc := range map[string]struct {
		method string
		most   int
		url    func(a, b *server) string
		status int
		a, b   []string // what the servers get
		at     string   // path where it ends
	}{
		"307": {"POST", 5, func(a, _ *server) string { return a.to(307, "/end") }, 200, []string{"POST /307 auth=secret trace=1 body", "POST /end auth=secret trace=1 body"}, nil, "/end"},
		"308": {"PUT", 1, func(a, _ *server) string { return a.to(308, "end?x=1#f") }, 200, []string{"PUT /308 auth=secret trace=1 body", "PUT /end auth=secret trace=1 body"}, nil, "/end?x=1"},
		// A body would be lost.
		"301":      {"POST", 5, func(a, _ *server) string { return a.to(301, "/end") }, 301, []string{"POST /301 auth=secret trace=1 body"}, nil, ""},
		"303":      {"POST", 5, func(a, _ *server) string { return a.to(303, "/end") }, 303, []string{"POST /303 auth=secret trace=1 body"}, nil, ""},
		"302, GET": {"GET", 5, func(a, _ *server) string { return a.to(302, "/end") }, 200, []string{"GET /302 auth=secret trace=1 ", "GET /end auth=secret trace=1 "}, nil, "/end"},
		// Another host gets no credentials, and no host gets them back afterwards.
		"elsewhere": {
			"POST", 5, func(a, b *server) string { return a.to(307, b.to(308, a.URL+"/end")) }, 200,
			[]string{"POST /307 auth=secret trace=1 body", "POST /end auth= trace=1 body"},
			[]string{"POST /308 auth= trace=1 body"},
			"/end",
		},
		"limit":       {"POST", 1, func(a, _ *server) string { return a.to(307, a.to(307, "/end")) }, 307, []string{"POST /307 auth=secret trace=1 body", "POST /307 auth=secret trace=1 body"}, nil, "/307?to=%2Fend"},
		"no location": {"POST", 5, func(a, _ *server) string { return a.to(307, "http://") }, 307, []string{"POST /307 auth=secret trace=1 body"}, nil, ""},
		"a script":    {"POST", 5, func(a, _ *server) string { return a.to(307, "javascript:alert(1)") }, 307, []string{"POST /307 auth=secret trace=1 body"}, nil, ""},
	} {
		a, b := newServer(t, false), newServer(t, false)
		r := newTransport(t).Send(t.Context(), message(tc.method, tc.url(a, b), tc.most))
		if r.Class != "" || r.Response.Status != tc.status {
			t.Errorf("%s: %+v", name, r)
			continue
		}
		if d := cmp.Diff([][]string{tc.a, tc.b}, [][]string{a.all(), b.all()}); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if at := strings.TrimPrefix(r.Way().Target, a.URL); at != tc.at {
			t.Errorf("%s: it ends at %q, want %q", name, at, tc.at)
		}
		if want := len(tc.a) + len(tc.b) - 1; len(r.Way().Steps) != want || want > 0 && (r.Way().Steps[0].Status < 300 || r.Way().Steps[0].URL != tc.url(a, b)) {
			t.Errorf("%s: steps %+v", name, r.Way().Steps)
		}
	}
}

// A hop is refused like any other request, and the steps show how it came to it.
func TestHopsAreGuarded(t *testing.T) {
	a := newServer(t, false)
	r := newTransport(t).Send(t.Context(), message("POST", a.to(307, "http://127.0.0.2:8080/"), 3))
	if r.Class != hook.ClassPrivateAddress || len(r.Way().Steps) != 1 || r.Unsent || r.Way().Target != "http://127.0.0.2:8080/" {
		t.Errorf("%+v", r)
	}
}

// away cannot find out whether the second message may be sent.
type away struct {
	send.Transport
	sent int
}

func (a *away) Send(ctx context.Context, m *send.Message) *send.Reply {
	if a.sent++; a.sent == 2 {
		return &send.Reply{Class: hook.ClassHostNotAllowed, Unsent: true, NotNow: errors.New("the database is away")}
	}
	return a.Transport.Send(ctx, m)
}

// What the first receiver has got is an attempt, also if it is not known whether a hop may be made: else a message that
// must not be sent twice would be sent again.
func TestWhatWasSentIsAnAttempt(t *testing.T) {
	a := newServer(t, false)
	r := New(&away{Transport: newTransport(t).Transport}).Send(t.Context(), message("POST", a.to(307, "/end"), 3))
	if r.Class != hook.ClassHostNotAllowed || r.NotNow != nil || r.Unsent || len(r.Way().Steps) != 1 || len(a.all()) != 1 {
		t.Errorf("%+v", r)
	}
}

func TestUserInALocationIsNoCredential(t *testing.T) {
	a, b := newServer(t, false), newServer(t, false)
	newTransport(t).Send(t.Context(), message("POST", a.to(307, strings.Replace(b.URL, "//", "//eve:x@", 1)+"/end"), 3))
	if got := b.all(); len(got) != 1 || got[0] != "POST /end auth= trace=1 body" {
		t.Errorf("%q", got)
	}
}

// What is in the body, or a step back to plain text, keeps a redirect from being followed.
func TestRefusedHops(t *testing.T) {
	a, b := newServer(t, false), newServer(t, false)
	m := message("POST", a.to(307, b.URL), 3)
	m.Follow.Stay = true
	if r := newTransport(t).Send(t.Context(), m); r.Response.Status != 307 || len(b.all()) != 0 {
		t.Errorf("%+v", r)
	}
	at := &send.Message{Target: "https://a.example/", Attributes: send.Attributes{Method: "POST", Follow: &send.Follow{Most: 1}}}
	for location, want := range map[string]string{
		"http://a.example/": "", "https://b.example/x": "https://b.example/x", "//b.example/": "https://b.example/", "/x y": "https://a.example/x%20y", "ftp://a.example/": "",
	} {
		r := &send.Reply{Response: &hook.Response{Status: 307, Headers: []hook.Header{{Name: "location", Value: location}}}}
		got := ""
		if next := follow(at, r); next != nil {
			got = next.Target
		}
		if got != want {
			t.Errorf("%s: %q, want %q", location, got, want)
		}
	}
}

// All hops together have the time of the message.
func TestHopsShareTheTime(t *testing.T) {
	hold := make(chan struct{})
	slow := httptest.NewServer(nethttp.HandlerFunc(func(nethttp.ResponseWriter, *nethttp.Request) { <-hold }))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(hold) })
	a := newServer(t, false)
	m := message("POST", a.to(307, slow.URL), 3)
	m.Timeout = 100 * time.Millisecond
	if r := newTransport(t).Send(t.Context(), m); r.Class != hook.ClassTimeout || len(r.Way().Steps) != 1 || r.Timing.Total < m.Timeout {
		t.Errorf("%+v", r)
	}
}

// Without leave of the contract nothing is followed.
func TestNothingIsFollowed(t *testing.T) {
	a := newServer(t, false)
	m := message("POST", a.to(307, "/end"), 3)
	m.Follow = nil
	if r := newTransport(t).Send(t.Context(), m); r.Response.Status != 307 || len(a.all()) != 1 || r.Way().Steps != nil {
		t.Errorf("%+v", r)
	}
}

// Wherever a receiver points, a hop is to a web server with no credentials of the receiver's choice, and never from https
// to http.
func FuzzFollow(f *testing.F) {
	for _, location := range []string{"/a", "//b.example", "https://u:p@b.example/#f", "http://a.example", "javascript:1", "http:///x", "\x00", "https://[::1%25eth0]/"} {
		f.Add(location, 307, true)
	}
	f.Fuzz(func(t *testing.T, location string, status int, secure bool) {
		m := message("POST", "http://a.example/x", 1)
		if secure {
			m.Target = "https://a.example/x"
		}
		next := follow(m, &send.Reply{Response: &hook.Response{Status: status, Headers: []hook.Header{{Name: "Location", Value: location}}}})
		if next == nil {
			return
		}
		u, err := url.Parse(next.Target)
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (secure || u.Scheme != "http") {
			t.Errorf("%q leads to %q", location, next.Target)
		}
		if u.Hostname() != "a.example" && len(next.Headers) != 1 {
			t.Errorf("%q gets %v", next.Target, next.Headers)
		}
	})
}
