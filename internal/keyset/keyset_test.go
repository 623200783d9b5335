package keyset

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	nethttp "net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gancho/internal/hook"
	sendhttp "gancho/internal/send/http"
	"gancho/internal/send/oauth"
	"gancho/internal/send/redirect"
	"gancho/internal/sign"
)

// These tests use real sockets on loopback, and a clock that they move.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server publishes documents by https.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	answer  nethttp.HandlerFunc
	fetches atomic.Int64
}

func newServer(t *testing.T) *server {
	s := &server{}
	s.Server = httptest.NewTLSServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		s.fetches.Add(1)
		s.mu.Lock()
		answer := s.answer
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) say(answer nethttp.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// respond answers with a document.
func respond(doc []byte, headers ...string) nethttp.HandlerFunc {
	return func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		_, _ = w.Write(doc)
	}
}

func status(code int) nethttp.HandlerFunc {
	return func(w nethttp.ResponseWriter, _ *nethttp.Request) { w.WriteHeader(code) }
}

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newKeys(t *testing.T, s *server, allow string) (*Keys, *clock) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	o := sendhttp.Options{RootCAs: roots}
	if allow != "" {
		o.Allow = []netip.Prefix{netip.MustParsePrefix(allow)}
	}
	web := sendhttp.New(o)
	t.Cleanup(web.Close)
	c := &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	return New(oauth.New(redirect.New(web)), c.now), c
}

// scheme signs with ECDSA, and has its keys at a path of the server.
func scheme(t *testing.T, s *server, path string, auth *sign.KeyAuth) *sign.Scheme {
	t.Helper()
	out, problems := sign.Compile(sign.Description{
		Algorithm: "ecdsa-sha256", Encoding: "base64",
		Places: []sign.Place{{In: sign.InHeader, Path: []string{"X-Sig"}, Value: "${signature}"}, {In: sign.InHeader, Path: []string{"X-Kid"}, Value: "${key.id}"}},
		Keys:   &sign.KeySource{URL: s.URL + path, Auth: auth},
	})
	if problems != nil {
		t.Fatal(problems)
	}
	return out
}

// signed is a request that a secret signed.
func signed(t *testing.T, s *sign.Scheme, secret string) sign.Message {
	t.Helper()
	signer, err := s.NewSigner([]hook.Secret{{Text: secret}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := signer.Sign(sign.Message{Body: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func publish(t *testing.T, s *sign.Scheme, secrets ...string) []byte {
	t.Helper()
	doc, err := s.PublishKeys(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// verify fetches and verifies, as a receiver does.
func verify(ctx context.Context, k *Keys, s *sign.Scheme, m sign.Message) error {
	w, err := s.Wanted(m)
	if err != nil {
		return err
	}
	if m.Keys, err = k.Get(ctx, "acme", w); err != nil {
		return err
	}
	v, err := s.NewVerifier(0)
	if err != nil {
		return err
	}
	return v.Verify(m, time.Now())
}

// A set is fetched once and kept; a key that is new is found; one that does not exist costs a fetch a minute.
func TestKeysAreKept(t *testing.T) {
	srv := newServer(t)
	keys, clock := newKeys(t, srv, "127.0.0.0/8")
	s := scheme(t, srv, "/jwks", nil)
	first, second := s.NewSecret(), s.NewSecret()
	check := func(secret string, want error, fetches int64) {
		t.Helper()
		if err := verify(t.Context(), keys, s, signed(t, s, secret)); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		if n := srv.fetches.Load(); n != fetches {
			t.Errorf("%d fetches, want %d", n, fetches)
		}
	}
	srv.say(respond(publish(t, s, first), "Cache-Control", "public, max-age=7200", "Age", "600"))
	check(first, nil, 1)
	check(first, nil, 1)
	for range 20 { // a stranger names keys that do not exist
		check(s.NewSecret(), sign.ErrKey, 1)
	}
	clock.pass(2 * time.Minute)
	for range 20 {
		check(s.NewSecret(), sign.ErrKey, 2)
	}
	check(first, nil, 2)
	// The sender has a new key: within a minute it is found.
	srv.say(respond(publish(t, s, second, first), "Cache-Control", "max-age=7200"))
	check(second, sign.ErrKey, 2)
	clock.pass(2 * time.Minute)
	check(second, nil, 3)
	check(first, nil, 3)
	// When it is two hours old it is fetched again, and kept if that fails, for a day.
	clock.pass(2*time.Hour - time.Second)
	check(first, nil, 3)
	srv.say(status(503))
	clock.pass(2 * time.Second)
	check(first, nil, 4)
	check(second, nil, 4)
	clock.pass(23 * time.Hour)
	check(first, nil, 5)
	clock.pass(2 * time.Hour)
	check(first, sign.ErrKey, 6)
	check(first, sign.ErrKey, 6)
	srv.say(respond(publish(t, s, first)))
	clock.pass(2 * time.Minute)
	check(first, nil, 7)
}

// Many who come at once cause one fetch, also if it fails. One who does not wait any longer does not spoil it for others.
func TestOneFetchForMany(t *testing.T) {
	for _, good := range []bool{true, false} {
		srv := newServer(t)
		keys, _ := newKeys(t, srv, "127.0.0.0/8")
		s := scheme(t, srv, "/jwks", nil)
		secret := s.NewSecret()
		doc, come, begun := publish(t, s, secret), make(chan struct{}), make(chan struct{}, 100)
		srv.say(func(w nethttp.ResponseWriter, r *nethttp.Request) {
			begun <- struct{}{}
			<-come
			if !good {
				w.WriteHeader(500)
				return
			}
			_, _ = w.Write(doc)
		})
		m := signed(t, s, secret)
		var wg sync.WaitGroup
		var verified, refused atomic.Int64
		for range 50 {
			wg.Go(func() {
				if err := verify(t.Context(), keys, s, m); err == nil {
					verified.Add(1)
				} else if errors.Is(err, sign.ErrKey) {
					refused.Add(1)
				}
			})
		}
		<-begun
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := verify(ctx, keys, s, m); !errors.Is(err, context.Canceled) {
			t.Errorf("who does not wait gets %v", err)
		}
		close(come)
		wg.Wait()
		if n := srv.fetches.Load(); n != 1 || good && verified.Load() != 50 || !good && refused.Load() != 50 {
			t.Errorf("%v: %d fetches, %d verified, %d refused", good, n, verified.Load(), refused.Load())
		}
	}
}

// An address that the request chooses costs a fetch, so the new ones of a host are bounded, and what is known stays.
func TestNewAddressesAreBounded(t *testing.T) {
	srv := newServer(t)
	keys, clock := newKeys(t, srv, "127.0.0.0/8")
	s := scheme(t, srv, "/keys/${key.id}", nil)
	secret := s.NewSecret()
	m := signed(t, s, secret)
	w, err := s.Wanted(m)
	if err != nil {
		t.Fatal(err)
	}
	path := must(url.Parse(w.URL)).Path
	srv.say(func(rw nethttp.ResponseWriter, r *nethttp.Request) {
		if r.URL.Path == path {
			_, _ = rw.Write(publish(t, s, secret))
			return
		}
		rw.WriteHeader(404)
	})
	if err := verify(t.Context(), keys, s, m); err != nil {
		t.Fatal(err)
	}
	for i := range maxDocuments + 100 {
		other := m
		other.Headers = []hook.Header{{Name: "X-Sig", Value: "AAAA"}, {Name: "X-Kid", Value: fmt.Sprint("k", i)}}
		if err := verify(t.Context(), keys, s, other); !errors.Is(err, sign.ErrKey) {
			t.Fatal(err)
		}
	}
	if n := srv.fetches.Load(); n != budget {
		t.Errorf("%d fetches, want %d", n, budget)
	}
	if err := verify(t.Context(), keys, s, m); err != nil {
		t.Errorf("the key that is known: %v", err)
	}
	clock.pass(2 * time.Minute)
	if err := verify(t.Context(), keys, s, signed(t, s, s.NewSecret())); !errors.Is(err, sign.ErrKey) || srv.fetches.Load() != budget+1 {
		t.Errorf("a minute later: %v, %d fetches", err, srv.fetches.Load())
	}
}

// Who hangs up while a document is fetched does not end the fetch, so nobody causes many of them in this way.
func TestFetchOutlivesItsRequest(t *testing.T) {
	srv := newServer(t)
	keys, _ := newKeys(t, srv, "127.0.0.0/8")
	s := scheme(t, srv, "/jwks", nil)
	secret := s.NewSecret()
	doc, come, begun := publish(t, s, secret), make(chan struct{}), make(chan struct{}, 100)
	srv.say(func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		begun <- struct{}{}
		<-come
		_, _ = w.Write(doc)
	})
	m := signed(t, s, secret)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { left <- verify(ctx, keys, s, m) }()
	<-begun
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who hangs up gets %v", err)
	}
	close(come)
	if err := verify(t.Context(), keys, s, m); err != nil || srv.fetches.Load() != 1 {
		t.Errorf("who comes then: %v, after %d fetches", err, srv.fetches.Load())
	}
}

// A contract that lets the request choose a label of the host has one budget for all of these hosts.
func TestHostsOfARequestAreBounded(t *testing.T) {
	keys, _ := newKeys(t, newServer(t), "") // loopback is refused, so nothing is dialed
	s, problems := sign.Compile(sign.Description{
		Algorithm: "ecdsa-sha256", Encoding: "base64",
		Places: []sign.Place{{In: sign.InHeader, Path: []string{"X-Sig"}, Value: "${signature}"}, {In: sign.InHeader, Path: []string{"X-Kid"}, Value: "${key.id}"}},
		Keys:   &sign.KeySource{URL: "https://127.${key.id}.0.1/jwks", Hosts: []string{"127.*.0.1"}},
	})
	if problems != nil {
		t.Fatal(problems)
	}
	for i := range budget + 5 {
		m := sign.Message{Headers: []hook.Header{{Name: "X-Sig", Value: "AAAA"}, {Name: "X-Kid", Value: fmt.Sprint(i)}}}
		err := verify(t.Context(), keys, s, m)
		if !errors.Is(err, sign.ErrKey) || strings.Contains(err.Error(), "too many addresses of 127.*.0.1") != (i >= budget) {
			t.Errorf("address %d: %v", i+1, err)
		}
	}
}

// What a server answers is bounded, redirects are not followed, and addresses that no message may reach are refused.
func TestWhatIsRefused(t *testing.T) {
	srv := newServer(t)
	s := scheme(t, srv, "/jwks", nil)
	secret := s.NewSecret()
	m, doc := signed(t, s, secret), publish(t, s, secret)
	for name, answer := range map[string]nethttp.HandlerFunc{
		"a redirect": func(w nethttp.ResponseWriter, r *nethttp.Request) {
			if r.URL.Path == "/other" {
				_, _ = w.Write(doc)
				return
			}
			nethttp.Redirect(w, r, "/other", nethttp.StatusFound)
		},
		"a long document": respond(append([]byte(strings.Repeat(" ", sign.MaxKeyDocument)), doc...)),
		"no document":     respond([]byte("<html>")),
		"not found":       status(404),
		"no content":      status(204),
	} {
		srv.say(answer)
		keys, _ := newKeys(t, srv, "127.0.0.0/8")
		before := srv.fetches.Load()
		if err := verify(t.Context(), keys, s, m); !errors.Is(err, sign.ErrKey) || srv.fetches.Load() != before+1 {
			t.Errorf("%s: %v, %d fetches", name, err, srv.fetches.Load()-before)
		}
	}
	srv.say(respond(doc))
	before := srv.fetches.Load()
	keys, _ := newKeys(t, srv, "")
	if err := verify(t.Context(), keys, s, m); !errors.Is(err, sign.ErrKey) || !strings.Contains(err.Error(), "loopback") || srv.fetches.Load() != before {
		t.Errorf("an address of this machine: %v", err)
	}
}

// A document that only clients get is fetched with their token.
func TestFetchWithAToken(t *testing.T) {
	srv := newServer(t)
	keys, _ := newKeys(t, srv, "127.0.0.0/8")
	s := scheme(t, srv, "/jwks", &sign.KeyAuth{TokenURL: srv.URL + "/token", ClientID: "${settings.id}", ClientSecret: "${settings.secret}", Scope: "keys"})
	secret := s.NewSecret()
	m, doc := signed(t, s, secret), publish(t, s, secret)
	srv.say(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case r.URL.Path == "/token" && user == "me" && password == "s3cret":
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"access_token":"t1","token_type":"bearer"}`))
		case r.URL.Path == "/jwks" && r.Header.Get("Authorization") == "Bearer t1":
			_, _ = w.Write(doc)
		default:
			w.WriteHeader(401)
		}
	})
	if err := verify(t.Context(), keys, s, m); !errors.Is(err, sign.ErrMissing) {
		t.Errorf("without settings: %v", err)
	}
	m.Settings = []byte(`{"id":"me","secret":"s3cret"}`)
	if err := verify(t.Context(), keys, s, m); err != nil {
		t.Error(err)
	}
	m.Settings = []byte(`{"id":"me","secret":"another"}`)
	if err := verify(t.Context(), keys, s, m); !errors.Is(err, sign.ErrKey) || strings.Contains(err.Error(), "another") {
		t.Errorf("with another secret: %v", err)
	}
}

func TestAge(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"":                         usualAge,
		"max-age=600":              10 * time.Minute,
		"public, Max-Age=\"7200\"": 2 * time.Hour,
		"max-age=1":                leastAge,
		"max-age=99999999999999":   mostAge,
		"max-age=-1":               usualAge,
		"max-age=x":                usualAge,
		"no-store":                 leastAge,
		"no-cache, max-age=86400":  leastAge,
	} {
		if got := age([]hook.Header{{Name: "cache-control", Value: text}}); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := age([]hook.Header{{Name: "Cache-Control", Value: "max-age=7200"}, {Name: "Age", Value: "3600"}}); got != time.Hour {
		t.Errorf("with an age: %s", got)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
