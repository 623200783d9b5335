package inbox

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"gancho/internal/hook"
	"gancho/internal/sign"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// screen is what the inbox printed.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func deliver(in *Inbox, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	in.ServeHTTP(w, r)
	return w
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	in := New(Options{Status: 202, FailFirst: 2})
	var got []int
	for range 4 {
		got = append(got, deliver(in, "POST", "/x", "{}").Code)
	}
	if diff := cmp.Diff([]int{503, 503, 202, 202}, got); diff != "" {
		t.Error(diff)
	}
	if code := deliver(New(Options{}), "PUT", "/", "").Code; code != 200 {
		t.Errorf("default status %d", code)
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	secret := sign.StandardWebhooks.NewSecret()
	signer, err := sign.StandardWebhooks.NewSigner([]hook.Secret{{Text: secret}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	in := New(Options{Secret: secret, Now: func() time.Time { return now }})
	signed := func(body string) (list []string) {
		m, err := signer.Sign(sign.Message{ID: "evt_1", Time: now, Body: []byte(body)})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range m.Headers {
			list = append(list, h.Name, h.Value)
		}
		return list
	}
	deliver(in, "POST", "/", `{"a":1}`, signed(`{"a":1}`)...)
	deliver(in, "POST", "/", `{"a":2}`, signed(`{"a":1}`)...)
	deliver(in, "POST", "/", `{"a":1}`)
	deliver(in, "POST", "/", strings.Repeat("x", MaxBody+1), signed("x")...)
	want := []string{"valid", sign.ErrNoMatch.Error(), sign.ErrMissing.Error(), "not checked: the body is larger"}
	for i, req := range in.Requests() {
		if !strings.HasPrefix(req.Signature, want[i]) {
			t.Errorf("request %d: signature %q, want %q", i+1, req.Signature, want[i])
		}
		if req.Answered != 200 {
			t.Errorf("request %d: answered %d: a wrong signature is shown, not refused", i+1, req.Answered)
		}
	}
	plain := New(Options{})
	deliver(plain, "POST", "/", "")
	if got := plain.Requests()[0].Signature; got != "not checked" {
		t.Errorf("without secret: %q", got)
	}
}

func TestKeepsTheLast(t *testing.T) {
	t.Parallel()
	in := New(Options{Keep: 3})
	for range 10 {
		deliver(in, "POST", "/x", "1")
	}
	var numbers []int64
	for _, r := range in.Requests() {
		numbers = append(numbers, r.Number)
	}
	if diff := cmp.Diff([]int64{8, 9, 10}, numbers); diff != "" {
		t.Error(diff)
	}
	if in.Count() != 10 {
		t.Errorf("count %d", in.Count())
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	in := New(Options{})
	deliver(in, "POST", "/a?x=1", `{"n":9007199254740993}`)
	deliver(in, "POST", "/b", "\xff\xfe")
	deliver(in, "POST", "/requests", "a delivery too, for it is no GET")
	get := func(target string) (list struct {
		Items []Request
		Count int64
	},
	) {
		w := deliver(in, "GET", target, "")
		if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
			t.Fatalf("%s: %v: %s", target, err, w.Body)
		}
		return list
	}
	all := get("/requests")
	if len(all.Items) != 3 || all.Count != 3 {
		t.Fatalf("%d items, count %d", len(all.Items), all.Count)
	}
	if r := all.Items[0]; r.Body != `{"n":9007199254740993}` || r.Path != "/a?x=1" || r.Bytes != nil {
		t.Errorf("first: %+v", r)
	}
	if r := all.Items[1]; r.Body != "" || string(r.Bytes) != "\xff\xfe" || r.BodySize != 2 {
		t.Errorf("second: %+v", r)
	}
	if got := get("/requests?path=/a"); len(got.Items) != 1 || got.Items[0].Number != 1 {
		t.Errorf("by path: %+v", got)
	}
	if got := get("/requests?after=2"); len(got.Items) != 1 || got.Items[0].Number != 3 {
		t.Errorf("after: %+v", got)
	}
	if w := deliver(in, "GET", "/requests?after=x", ""); w.Code != 400 {
		t.Errorf("after=x: %d", w.Code)
	}
	if w := deliver(in, "DELETE", "/requests", ""); w.Code != 204 || len(in.Requests()) != 0 {
		t.Errorf("delete: %d, %d left", w.Code, len(in.Requests()))
	}
}

func TestPrints(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 9, 8, 7, 6e6, time.UTC)
	for _, tt := range []struct {
		name, body string
		headers    []string
		want       string
	}{
		{"json", `{"b":1.0,"a":[1,2]}`, []string{"Api-Key", "t"}, `
#1  09:08:07.006  POST /x
    Host: example.com
    Api-Key: t

    {
      "b": 1.0,
      "a": [
        1,
        2
      ]
    }

    signature: not checked
    answered 200 (received)
`},
		{"text", "a=1&b=2\r\nc", nil, `
#1  09:08:07.006  POST /x
    Host: example.com

    a=1&b=2
    c

    signature: not checked
    answered 200 (received)
`},
		{"nothing", "", nil, `
#1  09:08:07.006  POST /x
    Host: example.com

    (no body)

    signature: not checked
    answered 200 (received)
`},
		{"bytes", "\x89PNG\xff", nil, `
#1  09:08:07.006  POST /x
    Host: example.com

    (5 bytes that are not text)

    signature: not checked
    answered 200 (received)
`},
		{"tricks", "\x1b[2Jgone\u202egpj.exe", []string{"X", "\x1b]0;title\x07"}, `
#1  09:08:07.006  POST /x
    Host: example.com
    X: \u001b]0;title\u0007

    \u001b[2Jgone\u202egpj.exe

    signature: not checked
    answered 200 (received)
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out screen
			in := New(Options{Out: &out, Now: func() time.Time { return at }})
			deliver(in, "POST", "/x", tt.body, tt.headers...)
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLargeBodyIsBounded(t *testing.T) {
	t.Parallel()
	var out screen
	in := New(Options{Out: &out})
	if code := deliver(in, "POST", "/", strings.Repeat("é", MaxBody)).Code; code != 200 {
		t.Fatalf("answered %d", code)
	}
	r := in.Requests()[0]
	if !r.Truncated || r.BodySize != 2*MaxBody || len(r.Body) > MaxBody || len(r.Body) < MaxBody-4 || r.Bytes != nil {
		t.Errorf("kept %d of %d bytes, truncated %v, as bytes %d", len(r.Body), r.BodySize, r.Truncated, len(r.Bytes))
	}
	if n := len(out.String()); n > maxPrint+1000 {
		t.Errorf("printed %d bytes", n)
	}
}

// start runs an inbox on a free port and returns its address and how to end it.
func start(t *testing.T, o Options) (addr string, out *screen, stop func() error) {
	t.Helper()
	out = &screen{}
	o.Out = out
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { done <- New(o).Serve(ctx, l) }()
	var once sync.Once
	var result error
	stop = func() error {
		once.Do(func() { cancel(); result = <-done })
		return result
	}
	t.Cleanup(func() { stop() })
	return l.Addr().String(), out, stop
}

func TestShowsHeadersAsOnTheWire(t *testing.T) {
	t.Parallel()
	addr, _, _ := start(t, Options{})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	answer := make([]byte, 4096)
	for _, name := range []string{"api-key", "X-odd-CASE"} { // two on one connection
		io.WriteString(c, "POST /p?q HTTP/1.1\r\nhOST: h\r\n"+name+":  v \r\nAccept: a\r\naccept: b\r\nContent-Length: 3\r\n\r\nabc")
		if _, err := c.Read(answer); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := get(t, "http://"+addr+"/requests")
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Items []Request }
	if err := json.Unmarshal(resp, &list); err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"api-key", "X-odd-CASE"} {
		want := [][2]string{{"hOST", "h"}, {name, "v"}, {"Accept", "a"}, {"accept", "b"}, {"Content-Length", "3"}}
		if diff := cmp.Diff(want, list.Items[i].Headers); diff != "" || !list.Items[i].HeadersExact {
			t.Errorf("request %d, exact %v: %s", i+1, list.Items[i].HeadersExact, diff)
		}
		if list.Items[i].Body != "abc" {
			t.Errorf("body %q", list.Items[i].Body)
		}
	}
}

// Two requests at once on a connection: the record of the head may be of the
// other one, and then the canonical form is shown, never wrong headers.
func TestPipelinedRequestsAreNotMixedUp(t *testing.T) {
	t.Parallel()
	addr, _, _ := start(t, Options{})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST /p HTTP/1.1\r\nHost: h\r\nx-n: 1\r\nContent-Length: 0\r\n\r\nPOST /p HTTP/1.1\r\nHost: h\r\nx-n: 2\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
	if _, err := io.ReadAll(c); err != nil {
		t.Fatal(err)
	}
	body, err := get(t, "http://"+addr+"/requests")
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Items []Request }
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 2 {
		t.Fatalf("%d requests", len(list.Items))
	}
	for i, r := range list.Items {
		for _, h := range r.Headers {
			if strings.EqualFold(h[0], "x-n") && h[1] != string(rune('1'+i)) {
				t.Errorf("request %d shows header %v", i+1, h)
			}
		}
	}
}

func get(t *testing.T, url string) ([]byte, error) {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

func TestDrains(t *testing.T) {
	t.Parallel()
	addr, _, stop := start(t, Options{Delay: 300 * time.Millisecond})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
	buf := make([]byte, 4096)
	if n, err := c.Read(buf); err != nil || !bytes.HasPrefix(buf[:n], []byte("HTTP/1.1 100")) {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	io.WriteString(c, "x") // the request is under way now
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	if n, err := c.Read(buf); err != nil || !bytes.HasPrefix(buf[:n], []byte("HTTP/1.1 200")) {
		t.Errorf("a request under way got %q, %v", buf[:n], err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestSenderGoesAway(t *testing.T) {
	t.Parallel()
	in := New(Options{Delay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, "POST", "/", strings.NewReader("x"))
	func() {
		defer func() {
			//lint:ignore errorlint the value itself is what net/http looks for
			if e := recover(); e != http.ErrAbortHandler {
				t.Errorf("recovered %v", e)
			}
		}()
		in.ServeHTTP(httptest.NewRecorder(), r)
	}()
	if got := in.Requests(); len(got) != 1 || got[0].Answered != 0 {
		t.Errorf("kept %+v", got)
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	if err := Run(t.Context(), "127.0.0.1:0", Options{Secret: "nonsense"}); err == nil || !strings.Contains(err.Error(), "whsec_") {
		t.Errorf("bad secret: %v", err)
	}
	if err := Run(t.Context(), "no-such-address", Options{}); err == nil {
		t.Error("bad address was accepted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	out, printed := &screen{}, make(chan struct{})
	var once sync.Once
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, "127.0.0.1:0", Options{Out: writerFunc(func(p []byte) (int, error) {
			defer once.Do(func() { close(printed) })
			return out.Write(p)
		})})
	}()
	<-printed
	url := regexp.MustCompile(`http://127\.0\.0\.1:\d+/requests`).FindString(out.String())
	body, err := get(t, url)
	if err != nil || !strings.Contains(string(body), `"items":[]`) {
		t.Errorf("GET %s: %s, %v", url, body, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// FuzzRequest: whatever request comes, it is listed as valid JSON with the size of its body, and nothing that it contains
// controls the terminal on which it is printed.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("POST /hook?x=1 HTTP/1.1\r\nHost: x\r\nwebhook-id: m\r\nContent-Length: 2\r\n\r\n{}"))
	f.Add([]byte("PUT /\x1b[2J HTTP/1.1\r\nHost: x\r\nX-A: \x1b]0;x\x07\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n\xff\xfe\x00\r\n0\r\n\r\n"))
	f.Add([]byte("GET /requests?after=x HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: \u202e\r\nContent-Length: 7\r\n\r\n\"\u202e\u2028"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			return
		}
		printed := &screen{}
		in := New(Options{Secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", Out: printed})
		w := httptest.NewRecorder()
		in.ServeHTTP(w, r)
		if in.Count() > 1 || in.Count() == 1 && w.Code != http.StatusOK {
			t.Fatalf("%d requests, answer %d", in.Count(), w.Code)
		}
		for _, c := range printed.String() {
			if c != '\n' && c != '\t' && (unicode.IsControl(c) || unicode.Is(unicode.Cf, c)) {
				t.Fatalf("%U is printed: %q", c, printed.String())
			}
		}
		list := deliver(in, http.MethodGet, "/requests", "").Body.Bytes()
		if !json.Valid(list) || !utf8.Valid(list) {
			t.Fatalf("the list is not JSON: %q", list)
		}
		for _, req := range in.Requests() {
			if req.Signature == "valid" || req.Signature == "" || int(req.BodySize) > len(text) {
				t.Fatalf("%+v", req)
			}
		}
	})
}

// A key that is published is fetched for each request, and what is wrong with it is said.
func TestPublishedKeys(t *testing.T) {
	t.Parallel()
	scheme, problems := sign.Compile(sign.Description{
		Algorithm: "ed25519", Over: "${settings.app}.${body}", Encoding: "base64",
		Places: []sign.Place{{In: sign.InHeader, Path: []string{"X-Sig"}, Value: "${signature}"}, {In: sign.InHeader, Path: []string{"X-Key"}, Value: "${key.id}"}},
		Keys:   &sign.KeySource{URL: "https://api.example/keys/${key.id}"},
	})
	if problems != nil {
		t.Fatal(problems)
	}
	secret, settings := scheme.NewSecret(), []byte(`{"app":"shop"}`)
	doc, err := scheme.PublishKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := scheme.NewSigner([]hook.Secret{{Text: secret}})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(sign.Message{Body: []byte("{}"), Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	var asked string
	in := New(Options{Scheme: scheme, Settings: settings, Keys: func(_ context.Context, w *sign.Wanted) (*sign.PublicKeys, error) {
		asked = w.URL
		return w.Source.Read(doc)
	}})
	post := func(body string, headers []hook.Header) string {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		for _, h := range headers {
			r.Header.Set(h.Name, h.Value)
		}
		in.ServeHTTP(httptest.NewRecorder(), r)
		all := in.Requests()
		return all[len(all)-1].Signature
	}
	if got := post("{}", signed.Headers); got != "valid" || !strings.HasPrefix(asked, "https://api.example/keys/") {
		t.Errorf("the signature is %s, by the document at %s", got, asked)
	}
	if got := post("[]", signed.Headers); !strings.Contains(got, sign.ErrNoMatch.Error()) {
		t.Errorf("of another body: %s", got)
	}
	if got := post("{}", nil); !strings.Contains(got, sign.ErrMissing.Error()) {
		t.Errorf("of no signature: %s", got)
	}
}
