package http

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"net"
	nethttp "net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// These tests use real sockets on loopback. Limits that the test waits for are short, all
// others are long. No test asserts how long something took.

const long = time.Minute

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func newTransport(t testing.TB, change ...func(*Options)) *Transport {
	o := Options{Allow: loopback}
	for _, f := range change {
		f(&o)
	}
	tr := New(o)
	t.Cleanup(tr.Close)
	return tr
}

func post(url, body string, headers ...string) *send.Message {
	m := &send.Message{
		Target: url, Body: []byte(body), Attributes: send.Attributes{Method: "POST", Timeout: long, ConnectTimeout: long},
	}
	for i := 0; i < len(headers); i += 2 {
		m.Headers = append(m.Headers, hook.Header{Name: headers[i], Value: headers[i+1]})
	}
	return m
}

// receiver is a server of which the test writes every byte. serve gets each connection,
// and its number from 1; the connection is closed when serve returns.
type receiver struct {
	addr  string
	url   string
	conns atomic.Int32
}

func receive(t testing.TB, serve func(c *net.TCPConn, n int)) *receiver {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{addr: l.Addr().String(), url: "http://" + l.Addr().String() + "/hook"}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := int(r.conns.Add(1))
			mu.Lock()
			open[c] = true
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				serve(c.(*net.TCPConn), n)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return r
}

// request reads one request and returns its bytes, head and body. It returns "" when the
// connection has no more requests.
func request(c net.Conn) string {
	var got bytes.Buffer
	br := bufio.NewReader(io.TeeReader(c, &got))
	r, err := nethttp.ReadRequest(br)
	if err != nil {
		return ""
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return ""
	}
	return got.String()
}

// answering serves every request of every connection with the same text.
func answering(text string) func(*net.TCPConn, int) {
	return func(c *net.TCPConn, _ int) {
		for request(c) != "" {
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
}

// untilClosed waits for the other side to close.
func untilClosed(c net.Conn) { io.Copy(io.Discard, c) }

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestSendWire(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		message send.Message
		path    string
		want    string // HOST stands for the receiver's address
	}{
		{
			"header names keep their spelling, nothing is added",
			send.Message{Attributes: send.Attributes{Method: "POST"}, Body: []byte(`{"a":1}`), Headers: []hook.Header{
				{Name: "api-key", Value: "t0ken"}, {Name: "Content-Type", Value: "application/json"}, {Name: "X-ODD-case", Value: "  v w "},
			}},
			"/hook",
			"POST /hook HTTP/1.1\r\nHost: HOST\r\nContent-Length: 7\r\nContent-Type: application/json\r\nX-ODD-case: v w\r\napi-key: t0ken\r\n\r\n{\"a\":1}",
		},
		{
			"user agent only if given",
			send.Message{Attributes: send.Attributes{Method: "POST"}, Body: []byte("x"), Headers: []hook.Header{{Name: "User-Agent", Value: "Gancho/1"}}},
			"/hook",
			"POST /hook HTTP/1.1\r\nHost: HOST\r\nUser-Agent: Gancho/1\r\nContent-Length: 1\r\n\r\nx",
		},
		{
			"user agent in other spelling",
			send.Message{Attributes: send.Attributes{Method: "POST"}, Body: []byte("x"), Headers: []hook.Header{{Name: "user-agent", Value: "g"}}},
			"/hook",
			"POST /hook HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nuser-agent: g\r\n\r\nx",
		},
		{
			"one name twice",
			send.Message{Attributes: send.Attributes{Method: "PUT"}, Body: []byte("x"), Headers: []hook.Header{{Name: "b", Value: "1"}, {Name: "a", Value: "0"}, {Name: "b", Value: "2"}, {Name: "B", Value: "3"}}},
			"/hook",
			"PUT /hook HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nB: 3\r\na: 0\r\nb: 1\r\nb: 2\r\n\r\nx",
		},
		{
			"what frames the message is ours",
			send.Message{Attributes: send.Attributes{Method: "POST"}, Body: []byte("x"), Headers: []hook.Header{
				{Name: "content-length", Value: "99"},
				{Name: "Transfer-Encoding", Value: "chunked"},
				{Name: "transfer-encoding", Value: "chunked"},
				{Name: "Connection", Value: "close"},
				{Name: "keep-alive", Value: "1"},
				{Name: "Upgrade", Value: "h2c"},
				{Name: "TE", Value: "trailers"},
				{Name: "Trailer", Value: "x"},
				{Name: "Proxy-Connection", Value: "x"},
				{Name: "Kept", Value: "1"},
			}},
			"/hook",
			"POST /hook HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nKept: 1\r\n\r\nx",
		},
		{
			"another host",
			send.Message{Attributes: send.Attributes{Method: "POST"}, Body: []byte("x"), Headers: []hook.Header{{Name: "hOST", Value: "virtual.example"}}},
			"/hook",
			"POST /hook HTTP/1.1\r\nHost: virtual.example\r\nContent-Length: 1\r\n\r\nx",
		},
		{
			"asking for compression is the caller's wish only",
			send.Message{Attributes: send.Attributes{Method: "POST"}, Body: []byte("x"), Headers: []hook.Header{{Name: "Accept-Encoding", Value: "gzip"}}},
			"/hook",
			"POST /hook HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nAccept-Encoding: gzip\r\n\r\nx",
		},
		{"query and fragment", send.Message{Attributes: send.Attributes{Method: "POST"}, Body: []byte("x")}, "/a%2Fb?k=v%20w&k=#frag", "POST /a%2Fb?k=v%20w&k= HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\n\r\nx"},
		{"no path", send.Message{Attributes: send.Attributes{Method: "POST"}, Body: []byte("x")}, "", "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\n\r\nx"},
		{"empty POST", send.Message{Attributes: send.Attributes{Method: "POST"}}, "/hook", "POST /hook HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n"},
		{"GET", send.Message{Attributes: send.Attributes{Method: "GET"}}, "/hook", "GET /hook HTTP/1.1\r\nHost: HOST\r\n\r\n"},
		{"GET with body", send.Message{Attributes: send.Attributes{Method: "GET"}, Body: []byte("x")}, "/hook", "GET /hook HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\n\r\nx"},
		{"DELETE", send.Message{Attributes: send.Attributes{Method: "DELETE"}}, "/hook", "DELETE /hook HTTP/1.1\r\nHost: HOST\r\n\r\n"},
		{"method of one's own", send.Message{Attributes: send.Attributes{Method: "NOTIFY"}, Body: []byte("x")}, "/hook", "NOTIFY /hook HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\n\r\nx"},
		{"idempotency key on nothing", send.Message{Attributes: send.Attributes{Method: "POST"}, Headers: []hook.Header{{Name: "Idempotency-Key", Value: "k"}}}, "/hook", "POST /hook HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\nIdempotency-Key: k\r\n\r\n"},
		{
			"bytes as they are",
			send.Message{Attributes: send.Attributes{Method: "POST"}, Body: []byte("\x00\xff{\"a\":9007199254740993,\r\n\"b\":\"\\/\\u00e3\"}\n")},
			"/hook",
			"POST /hook HTTP/1.1\r\nHost: HOST\r\nContent-Length: 42\r\n\r\n\x00\xff{\"a\":9007199254740993,\r\n\"b\":\"\\/\\u00e3\"}\n",
		},
	} {
		for _, clock := range []send.Clock{send.ClockTotal, send.ClockResponse} {
			t.Run(fmt.Sprintf("%s/clock %d", tt.name, clock), func(t *testing.T) {
				t.Parallel()
				got := make(chan string, 2)
				r := receive(t, func(c *net.TCPConn, _ int) {
					for {
						text := request(c)
						if text == "" {
							return
						}
						got <- text
						io.WriteString(c, ok)
					}
				})
				tr := newTransport(t)
				m := tt.message
				m.Target, m.Timeout, m.Clock = "http://"+r.addr+tt.path, long, clock
				want := strings.Replace(tt.want, "HOST", r.addr, 1)
				for i := range 2 { // the second one on the same connection
					x := tr.Send(t.Context(), &m)
					if x.Class != "" || x.Response.Status != 200 || string(x.Response.Body) != "ok" || x.Unsent || x.Resent {
						t.Fatalf("exchange %d: %+v", i+1, x)
					}
					if diff := cmp.Diff(want, <-got); diff != "" {
						t.Errorf("request %d: %s", i+1, diff)
					}
					if diff := cmp.Diff(headersOf(want), x.Sent); diff != "" {
						t.Errorf("record of request %d: %s", i+1, diff)
					}
				}
			})
		}
	}
}

func headersOf(raw string) (list []hook.Header) {
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	for _, line := range strings.Split(head, "\r\n")[1:] {
		name, value, _ := strings.Cut(line, ": ")
		list = append(list, hook.Header{Name: name, Value: value})
	}
	return list
}

// A head or body that is larger than the buffers of net/http is written in pieces.
func TestSendLarge(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	r := receive(t, func(c *net.TCPConn, _ int) {
		got <- request(c)
		io.WriteString(c, ok)
		untilClosed(c)
	})
	m := post(r.url, strings.Repeat("0123456789abcdef", 1<<16))
	for i := range 300 {
		m.Headers = append(m.Headers, hook.Header{Name: fmt.Sprintf("h-%03d", i), Value: strings.Repeat("v", 100)})
	}
	x := newTransport(t).Send(t.Context(), m)
	if x.Class != "" {
		t.Fatalf("%s: %s", x.Class, x.Detail)
	}
	text := <-got
	if _, body, _ := strings.Cut(text, "\r\n\r\n"); body != string(m.Body) {
		t.Error("the body arrived changed")
	}
	if diff := cmp.Diff(headersOf(text), x.Sent); diff != "" {
		t.Error(diff)
	}
}

func TestSendUserinfo(t *testing.T) {
	t.Parallel()
	r := receive(t, answering(ok))
	tr := newTransport(t)
	url := "http://us%40er:pa%3Ass@" + r.addr + "/"
	want := hook.Header{Name: "Authorization", Value: "Basic dXNAZXI6cGE6c3M="}
	if x := tr.Send(t.Context(), post(url, "x")); x.Class != "" || x.Sent[2] != want {
		t.Errorf("%+v", x)
	}
	x := tr.Send(t.Context(), post(url, "x", "authorization", "mine"))
	if diff := cmp.Diff(hook.Header{Name: "authorization", Value: "mine"}, x.Sent[2]); diff != "" || len(x.Sent) != 3 {
		t.Errorf("one's own credentials: %v", x.Sent)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	var zipped bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	zw.Write(bytes.Repeat([]byte("0"), 10<<20))
	zw.Close()
	sized := func(n int) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, strings.Repeat("x", n))
	}
	chunked := func(n int) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", n, strings.Repeat("x", n))
	}
	for _, tt := range []struct {
		name      string
		text      string
		method    string
		status    int
		headers   []hook.Header
		body      int // length kept
		truncated bool
	}{
		{"plain", ok, "POST", 200, []hook.Header{{Name: "Content-Length", Value: "2"}}, 2, false},
		{"no content", "HTTP/1.1 204 No Content\r\nX-A: 1\r\nx-a: 2\r\n\r\n", "POST", 204, []hook.Header{{Name: "X-A", Value: "1"}, {Name: "X-A", Value: "2"}}, 0, false},
		{"empty", sized(0), "POST", 200, nil, 0, false},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD", 200, nil, 0, false},
		{"status not known to anybody", "HTTP/1.1 799 \r\nContent-Length: 0\r\n\r\n", "POST", 799, nil, 0, false},
		{"redirect, not followed", "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", "POST", 302, []hook.Header{{Name: "Content-Length", Value: "0"}, {Name: "Location", Value: "/other"}}, 0, false},
		{"500", "HTTP/1.1 500 Oops\r\nContent-Length: 1\r\n\r\nx", "POST", 500, nil, 1, false},
		{"chunked", chunked(5), "POST", 200, []hook.Header{{Name: "Transfer-Encoding", Value: "chunked"}}, 5, false},
		{"chunked, nothing", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "POST", 200, nil, 0, false},
		{"until close", "HTTP/1.0 200 OK\r\n\r\nabc", "POST", 200, nil, 3, false},
		{"exactly what is kept", sized(16 << 10), "POST", 200, nil, 16 << 10, false},
		{"one more", sized(16<<10 + 1), "POST", 200, nil, 16 << 10, true},
		{"exactly what is kept, chunked", chunked(16 << 10), "POST", 200, nil, 16 << 10, false},
		{"one more, chunked", chunked(16<<10 + 1), "POST", 200, nil, 16 << 10, true},
		{"exactly what is read", sized(64 << 10), "POST", 200, nil, 16 << 10, true},
		{"more than is read", sized(64<<10 + 1<<20), "POST", 200, nil, 16 << 10, true},
		{"compressed, not inflated", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", zipped.Len(), zipped.Bytes()), "POST", 200, []hook.Header{{Name: "Content-Encoding", Value: "gzip"}, {Name: "Content-Length", Value: fmt.Sprint(zipped.Len())}}, min(zipped.Len(), 16<<10), zipped.Len() > 16<<10},
		{"informational first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok, "POST", 200, []hook.Header{{Name: "Content-Length", Value: "2"}}, 2, false},
		{"switching protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\nnot http", "POST", 101, nil, 0, false},
		{"close announced", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", "POST", 200, nil, 1, false},
	} {
		for _, clock := range []send.Clock{send.ClockTotal, send.ClockResponse} {
			t.Run(fmt.Sprintf("%s/clock %d", tt.name, clock), func(t *testing.T) {
				t.Parallel()
				var requests atomic.Int32
				r := receive(t, func(c *net.TCPConn, _ int) {
					if request(c) != "" {
						requests.Add(1)
						io.WriteString(c, tt.text)
					}
				})
				m := post(r.url, "x")
				m.Method, m.Clock = tt.method, clock
				x := newTransport(t).Send(t.Context(), m)
				if x.Class != "" || x.Detail != "" {
					t.Fatalf("%s: %s", x.Class, x.Detail)
				}
				if x.Response.Status != tt.status || len(x.Response.Body) != tt.body || x.Response.Body == nil || x.Response.Truncated != tt.truncated {
					t.Errorf("status %d, %d bytes of body, truncated %v", x.Response.Status, len(x.Response.Body), x.Response.Truncated)
				}
				if tt.headers != nil {
					if diff := cmp.Diff(tt.headers, x.Response.Headers); diff != "" {
						t.Error(diff)
					}
				}
				if n := requests.Load(); n != 1 {
					t.Errorf("%d requests", n)
				}
				if x.Timing.Total <= 0 || x.Timing.FirstByte <= 0 || x.Timing.Connect <= 0 || x.Timing.DNS != 0 || x.Timing.TLS != 0 || x.StartedAt.IsZero() {
					t.Errorf("timing %+v", x.Timing)
				}
			})
		}
	}
}

func TestEndlessBody(t *testing.T) {
	t.Parallel()
	for name, head := range map[string]string{
		"until close": "HTTP/1.1 200 OK\r\n\r\n",
		"sized":       "HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed := make(chan struct{})
			r := receive(t, func(c *net.TCPConn, _ int) {
				defer close(closed)
				request(c)
				io.WriteString(c, head)
				block := bytes.Repeat([]byte("x"), 32<<10)
				for {
					if _, err := c.Write(block); err != nil {
						return // the sender closed the connection, as it must
					}
				}
			})
			x := newTransport(t).Send(t.Context(), post(r.url, "x"))
			if x.Class != "" || len(x.Response.Body) != 16<<10 || !x.Response.Truncated {
				t.Errorf("%s %s: %d bytes kept", x.Class, x.Detail, len(x.Response.Body))
			}
			<-closed
		})
	}
}

// TestFailures has everything that a receiver can do wrong, with the class and sentence
// for it.
func TestFailures(t *testing.T) {
	t.Parallel()
	after := func(texts ...string) func(*net.TCPConn, int) {
		return func(c *net.TCPConn, _ int) {
			request(c)
			for _, s := range texts {
				io.WriteString(c, s)
			}
		}
	}
	drip := func(before, each string) func(*net.TCPConn, int) {
		return func(c *net.TCPConn, _ int) {
			request(c)
			if _, err := io.WriteString(c, before); err != nil {
				return
			}
			for {
				if _, err := io.WriteString(c, each); err != nil {
					return
				}
				time.Sleep(5 * time.Millisecond) //policy:allow time.Sleep: the receiver drips, which is the case under test
			}
		}
	}
	const short = 3 * time.Second // a busy machine may stop for one
	for _, tt := range []struct {
		name    string
		serve   func(*net.TCPConn, int)
		timeout time.Duration
		class   string
		detail  string
		status  int // of the answer that broke off; 0: none
	}{
		{"closed without answer", func(c *net.TCPConn, _ int) { request(c) }, long, hook.ClassReset, "closed the connection without answering", 0},
		{"closed before the request", func(c *net.TCPConn, _ int) {}, long, hook.ClassReset, "closed the connection without answering", 0},
		{"reset without answer", func(c *net.TCPConn, _ int) { request(c); c.SetLinger(0) }, long, hook.ClassReset, "closed the connection without answering", 0},
		{"reset in the headers", func(c *net.TCPConn, _ int) {
			request(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nA: ")
		}, long, hook.ClassReset, "in the middle of its headers", 0},
		{"closed in the body", after("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"), long, hook.ClassReset, "answered 200 but broke the connection off in the middle of the body", 200},
		{"closed in a chunk", after("HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), long, hook.ClassReset, "answered 201 but broke", 201},
		{"closed before the last chunk", after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"), long, hook.ClassReset, "in the middle of the body", 200},
		{"closed in a long body", after(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n%s", strings.Repeat("x", 40000))), long, hook.ClassReset, "in the middle of the body", 200},
		{"reset in the body", func(c *net.TCPConn, _ int) {
			request(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
			time.Sleep(500 * time.Millisecond) //policy:allow time.Sleep: the bytes have to be read before the reset overtakes them
			c.SetLinger(0)
		}, long, hook.ClassReset, "in the middle of the body", 200},
		{"garbage", after("SSH-2.0-OpenSSH_9.2\r\n\r\n"), long, hook.ClassProtocol, "not an HTTP answer", 0},
		{"garbage without line ends", after(strings.Repeat("\x00", 100)), long, hook.ClassReset, "", 0},
		{"bad status", after("HTTP/1.1 abc OK\r\n\r\n"), long, hook.ClassProtocol, "not an HTTP answer", 0},
		{"bad header", after("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), long, hook.ClassProtocol, "not an HTTP answer", 0},
		{"bad length", after("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), long, hook.ClassProtocol, "not an HTTP answer", 0},
		{"two lengths", after("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), long, hook.ClassProtocol, "not an HTTP answer", 0},
		{"bad chunk", after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n"), long, hook.ClassProtocol, "answered 200 but its body is not proper HTTP", 200},
		{"HTTP/2 preface", after("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), long, hook.ClassProtocol, "not an HTTP answer", 0},
		{"one endless header", drip("HTTP/1.1 200 OK\r\nA: ", strings.Repeat("x", 8<<10)), long, hook.ClassHeadersTooBig, "more than 64 KiB of headers", 0},
		{"endless headers", drip("HTTP/1.1 200 OK\r\n", strings.Repeat("A: b\r\n", 2000)), long, hook.ClassHeadersTooBig, "more than 64 KiB of headers", 0},
		{"endless informational answers", drip("", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 100)), long, "", "", 0},

		{"never answers", func(c *net.TCPConn, _ int) { untilClosed(c) }, short, hook.ClassTimeout, "did not answer within the limit of 3 s for the whole attempt", 0},
		{"slow status line", drip("HTTP/1.1 2", "0"), short, hook.ClassTimeout, "did not finish its headers", 0},
		{"slow headers", drip("HTTP/1.1 200 OK\r\n", "A: b\r\n"), short, hook.ClassTimeout, "did not finish its headers within the limit of 3 s", 0},
		{"slow body", drip("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", "x"), short, hook.ClassTimeout, "answered 200 but did not finish its body within the limit of 3 s", 200},
		{"slow chunks", drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"), short, hook.ClassTimeout, "did not finish its body", 200},
		{"body that stops", func(c *net.TCPConn, _ int) {
			request(c)
			io.WriteString(c, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nab")
			untilClosed(c)
		}, short, hook.ClassTimeout, "answered 503 but did not finish its body", 503},
		{"informational, then nothing", func(c *net.TCPConn, _ int) {
			request(c)
			io.WriteString(c, "HTTP/1.1 102 Processing\r\n\r\n")
			untilClosed(c)
		}, short, hook.ClassTimeout, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := receive(t, tt.serve)
			m := post(r.url, "x")
			m.Timeout = tt.timeout
			x := newTransport(t).Send(t.Context(), m)
			if tt.name == "endless informational answers" {
				if x.Class != hook.ClassProtocol && x.Class != hook.ClassHeadersTooBig {
					t.Errorf("class %q: %s", x.Class, x.Detail)
				}
				return
			}
			if tt.name == "garbage without line ends" {
				if x.Class != hook.ClassReset && x.Class != hook.ClassProtocol {
					t.Errorf("class %q: %s", x.Class, x.Detail)
				}
				return
			}
			if x.Class != tt.class || !strings.Contains(x.Detail, tt.detail) {
				t.Errorf("class %q: %s\nwant %q: %s", x.Class, x.Detail, tt.class, tt.detail)
			}
			checkSentence(t, x.Detail)
			switch {
			case tt.status == 0 && x.Response != nil:
				t.Errorf("answer %+v, want none", x.Response)
			case tt.status != 0 && (x.Response == nil || x.Response.Status != tt.status):
				t.Errorf("answer %+v, want the beginning of a %d", x.Response, tt.status)
			}
			if tt.status == 503 && x.RetryAfter != 7*time.Second {
				t.Errorf("retry after %v", x.RetryAfter)
			}
			if len(x.Sent) != 2 || x.Sent[0].Value != r.addr {
				t.Errorf("sent %v", x.Sent)
			}
			if n := r.conns.Load(); n != 1 {
				t.Errorf("%d connections, want 1: nothing may be sent twice", n)
			}
		})
	}
}

// checkSentence checks that a text is a sentence that people can read, without words from
// inside Go.
func checkSentence(t *testing.T, s string) {
	t.Helper()
	if s == "" || !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "?") || strings.HasSuffix(s, "..") || strings.Contains(s, "\n") || strings.Contains(s, "%!") || len(s) > 400 {
		t.Errorf("not a sentence: %q", s)
	}
	for _, inner := range []string{"net/http", "dial tcp", "i/o timeout", "context", "EOF"} {
		if strings.Contains(s, inner) {
			t.Errorf("%q shows the inside: %s", s, inner)
		}
	}
}

// refusing is an address where nobody listens. Nobody can begin to while the test runs,
// since one end of a connection has the address.
func refusing(t *testing.T, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(host)}}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.LocalAddr().String()
}

func TestConnectRefused(t *testing.T) {
	t.Parallel()
	addr := refusing(t, "127.0.0.1")
	x := newTransport(t).Send(t.Context(), post("http://"+addr+"/", "xyz", "a", "b"))
	if x.Class != hook.ClassConnectRefused || x.Response != nil || !x.Unsent {
		t.Errorf("%+v", x)
	}
	checkSentence(t, x.Detail)
	want := []hook.Header{{Name: "Host", Value: addr}, {Name: "Content-Length", Value: "3"}, {Name: "a", Value: "b"}}
	if diff := cmp.Diff(want, x.Sent); diff != "" {
		t.Error("what would have been sent:", diff)
	}
}

func TestAddressesAreGuarded(t *testing.T) {
	t.Parallel()
	r := receive(t, answering(ok))
	_, port, _ := net.SplitHostPort(r.addr)
	tr := newTransport(t, func(o *Options) { o.Allow = nil })
	for _, url := range []string{r.url, "http://localhost:" + port + "/", "http://[::ffff:127.0.0.1]:" + port + "/", "http://[::1]:" + port + "/", "https://127.0.0.1:" + port + "/"} {
		x := tr.Send(t.Context(), post(url, "x"))
		if x.Class != hook.ClassPrivateAddress || !strings.Contains(x.Detail, "loopback") || !x.Unsent {
			t.Errorf("%s: %s: %s", url, x.Class, x.Detail)
		}
		checkSentence(t, x.Detail)
	}
	if n := r.conns.Load(); n != 0 {
		t.Errorf("the receiver saw %d connections", n)
	}
}

func TestNotSendable(t *testing.T) {
	t.Parallel()
	tr := newTransport(t)
	for name, m := range map[string]*send.Message{
		"no scheme":       post("example.com/x?s3cret", "x"),
		"other scheme":    post("ftp://example.com/s3cret", "x"),
		"no host":         post("http:///s3cret", "x"),
		"bad escape":      post("http://example.com/%zz/s3cret", "x"),
		"control in URL":  post("http://example.com/s3cret\n", "x"),
		"bad method":      {Attributes: send.Attributes{Method: "PO ST"}, Target: "http://example.com/s3cret"},
		"bad header name": post("http://example.com/", "x", "a b", "s3cret"),
		"line in header":  post("http://example.com/", "x", "a", "s3cret\r\nb: c"),
		"NUL in header":   post("http://example.com/", "x", "a", "s3cret\x00"),
		"no header name":  post("http://example.com/", "x", "", "s3cret"),
	} {
		x := tr.Send(t.Context(), m)
		if x.Class != hook.ClassRender || x.Sent != nil || x.Response != nil || !x.Unsent {
			t.Errorf("%s: %+v", name, x)
		}
		if strings.Contains(x.Detail, "s3cret") {
			t.Errorf("%s: the sentence shows a secret: %s", name, x.Detail)
		}
		checkSentence(t, x.Detail)
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, clock := range []send.Clock{send.ClockTotal, send.ClockResponse} {
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan struct{}, 2)
		r := receive(t, func(c *net.TCPConn, n int) {
			request(c)
			if n == 2 {
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
			}
			got <- struct{}{}
			untilClosed(c)
		})
		tr := newTransport(t)
		m := post(r.url, "x")
		m.Clock, m.Resend = clock, true
		go func() { <-got; cancel() }()
		if x := tr.Send(ctx, m); x.Class != hook.ClassInterrupted || x.Unsent {
			t.Errorf("waiting: %+v", x)
		}
		ctx2, cancel2 := context.WithCancel(t.Context())
		go func() { <-got; cancel2() }()
		if x := tr.Send(ctx2, m); x.Class != hook.ClassInterrupted {
			t.Errorf("in the body: %+v", x)
		}
		if x := tr.Send(ctx, m); x.Class != hook.ClassInterrupted || !x.Unsent {
			t.Errorf("before the start: %+v", x)
		}
	}
}

// A receiver may close a kept-alive connection just when the next request is written. This
// receiver has read that request, so it may be sent again only if the message permits it.
func TestResend(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		message send.Message
		resend  bool
	}{
		{"POST", send.Message{Attributes: send.Attributes{Method: "POST"}, Body: []byte("x")}, false},
		{"POST, permitted", send.Message{Attributes: send.Attributes{Method: "POST"}, Body: []byte("x")}, true},
		{"POST with key", send.Message{Attributes: send.Attributes{Method: "POST"}, Body: []byte("x"), Headers: []hook.Header{{Name: "Idempotency-Key", Value: "k"}}}, false},
		{"POST with other key", send.Message{Attributes: send.Attributes{Method: "POST"}, Body: []byte("x"), Headers: []hook.Header{{Name: "X-Idempotency-Key", Value: "k"}}}, false},
		{"GET", send.Message{Attributes: send.Attributes{Method: "GET"}}, false},
		{"GET, permitted", send.Message{Attributes: send.Attributes{Method: "GET"}}, true},
		{"GET with body", send.Message{Attributes: send.Attributes{Method: "GET"}, Body: []byte("x")}, false},
		{"HEAD", send.Message{Attributes: send.Attributes{Method: "HEAD"}}, false},
		{"OPTIONS", send.Message{Attributes: send.Attributes{Method: "OPTIONS"}}, false},
		{"DELETE", send.Message{Attributes: send.Attributes{Method: "DELETE"}}, false},
		{"empty POST", send.Message{Attributes: send.Attributes{Method: "POST"}}, false},
	} {
		for _, clock := range []send.Clock{send.ClockTotal, send.ClockResponse} {
			t.Run(fmt.Sprintf("%s/clock %d", tt.name, clock), func(t *testing.T) {
				t.Parallel()
				var requests atomic.Int32
				r := receive(t, func(c *net.TCPConn, n int) {
					for request(c) != "" {
						if requests.Add(1) == 2 {
							return // took it, closes without a word
						}
						io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
					}
				})
				tr := newTransport(t)
				m := tt.message
				m.Target, m.Timeout, m.Clock, m.Resend = r.url, long, clock, tt.resend
				if x := tr.Send(t.Context(), &m); x.Class != "" || x.Resent {
					t.Fatalf("first: %+v", x)
				}
				x := tr.Send(t.Context(), &m)
				if tt.resend {
					if x.Class != "" || !x.Resent || x.Unsent || requests.Load() != 3 || r.conns.Load() != 2 {
						t.Errorf("%+v after %d requests", x, requests.Load())
					}
					return
				}
				if x.Class != hook.ClassReset || x.Resent || x.Unsent || requests.Load() != 2 {
					t.Errorf("%+v after %d requests", x, requests.Load())
				}
				if !strings.Contains(x.Detail, "kept-alive") {
					t.Errorf("detail: %s", x.Detail)
				}
			})
		}
	}
}

// net/http would send a request without a body and with an idempotency key again by
// itself. Such a request gets a new connection, on which net/http does not.
func TestNoResendOfEmptyWithKey(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	r := receive(t, func(c *net.TCPConn, n int) {
		for request(c) != "" {
			if requests.Add(1) == 2 {
				return
			}
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	tr := newTransport(t)
	m := post(r.url, "", "Idempotency-Key", "k")
	if x := tr.Send(t.Context(), m); x.Class != "" {
		t.Fatalf("%+v", x)
	}
	if x := tr.Send(t.Context(), m); x.Class != hook.ClassReset || requests.Load() != 2 {
		t.Errorf("%s after %d requests", x.Class, requests.Load())
	}
}

// A request that was sent again and failed again is not sent a third time.
func TestResendOnce(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	r := receive(t, func(c *net.TCPConn, n int) {
		if request(c) != "" && requests.Add(1) == 1 {
			io.WriteString(c, ok)
			request(c)
			requests.Add(1)
		}
	})
	tr := newTransport(t)
	m := post(r.url, "x")
	m.Resend = true
	if x := tr.Send(t.Context(), m); x.Class != "" {
		t.Fatalf("%+v", x)
	}
	if x := tr.Send(t.Context(), m); x.Class != hook.ClassReset || !x.Resent || requests.Load() != 3 {
		t.Errorf("%+v after %d requests", x, requests.Load())
	}
}

// Connections that the receiver closed while they were idle make no request fail, and none
// arrive twice.
func TestIdleConnectionsClosed(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{}, 1)
	var requests atomic.Int32
	r := receive(t, func(c *net.TCPConn, n int) {
		request(c)
		requests.Add(1)
		io.WriteString(c, ok)
		c.Close()
		closed <- struct{}{}
	})
	tr := newTransport(t)
	for range 50 { // sometimes the close is seen first, sometimes the request
		m := post(r.url, "x")
		m.Resend = true
		if x := tr.Send(t.Context(), m); x.Class != "" {
			t.Fatalf("%+v", x)
		}
		<-closed
	}
	if n := requests.Load(); n != 50 {
		t.Errorf("%d requests for 50 shots", n)
	}
}

func TestAnswerBeforeTheRequestIsTaken(t *testing.T) {
	t.Parallel()
	for _, clock := range []send.Clock{send.ClockTotal, send.ClockResponse} {
		r := receive(t, func(c *net.TCPConn, _ int) {
			io.ReadFull(c, make([]byte, 10))
			io.WriteString(c, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
			untilClosed(c)
		})
		m := post(r.url, strings.Repeat("x", 32<<20))
		m.Clock = clock
		x := newTransport(t).Send(t.Context(), m)
		if x.Class != "" || x.Response.Status != 413 || string(x.Response.Body) != "no" {
			t.Errorf("clock %d: %s %s %+v", clock, x.Class, x.Detail, x.Response)
		}
		if len(x.Sent) != 2 {
			t.Errorf("sent %v", x.Sent)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"120", "", 2 * time.Minute},
		{" 3 ", "", 3 * time.Second},
		{"0", "", 0},
		{"-5", "", 0},
		{"1.5", "", 2 * time.Second},
		{"1.0", "", time.Second},
		{"0.001", "", time.Second},
		{"86400", "", 24 * time.Hour},
		{"1.5.2", "", 0},
		{"1,5", "", 0},
		{".5", "", 0},
		{"-1.5", "", 0},
		{"+5", "", 0},
		{"1e9", "", 0},
		{"0x10", "", 0},
		{"5 seconds", "", 0},
		{"soon", "", 0},
		{"99999999999999999999", "", 365 * 24 * time.Hour},
		{"9223372036854775807", "", 365 * 24 * time.Hour},
		{"Sat, 21 Nov 2026 12:00:30 GMT", "", 30 * time.Second},
		{"Saturday, 21-Nov-26 12:00:30 GMT", "", 30 * time.Second},
		{"Sat, 21 Nov 2026 11:00:00 GMT", "", 0},
		{"Sat, 21 Nov 2026 13:00:30 GMT", "Sat, 21 Nov 2026 13:00:00 GMT", 30 * time.Second}, // their clock is an hour ahead
	} {
		h := nethttp.Header{}
		h.Set("Retry-After", tt.value)
		h.Set("Date", tt.date)
		if got := retryAfter(h, now); got != tt.want {
			t.Errorf("%q (Date %q): %v, want %v", tt.value, tt.date, got, tt.want)
		}
	}
	for status, want := range map[int]time.Duration{429: 5 * time.Second, 503: 5 * time.Second, 500: 5 * time.Second, 200: 5 * time.Second} {
		r := receive(t, answering(fmt.Sprintf("HTTP/1.1 %d X\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n", status)))
		if x := newTransport(t).Send(t.Context(), post(r.url, "x")); x.RetryAfter != want || x.Class != "" {
			t.Errorf("%d: %v, want %v", status, x.RetryAfter, want)
		}
	}
}

// With ClockResponse the time limit covers the wait from the end of the request to the
// status line of the answer, and nothing else.
func TestClockResponse(t *testing.T) {
	t.Parallel()
	const limit = 3 * time.Second // a busy machine may stop for one
	past := func() {
		time.Sleep(2 * limit) //policy:allow time.Sleep: the receiver is slow, which is the case under test
	} // by the receiver, beyond the limit
	for _, tt := range []struct {
		name   string
		serve  func(*net.TCPConn, int)
		change func(*send.Message, *Transport)
		class  string
		detail string
		want   hook.Response
	}{
		{"body later than the limit", func(c *net.TCPConn, _ int) {
			request(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
			past()
			io.WriteString(c, "ok")
		}, nil, "", "", hook.Response{Status: 200, Body: []byte("ok")}},
		{"headers later than the limit", func(c *net.TCPConn, _ int) {
			request(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			past()
			io.WriteString(c, "Content-Length: 2\r\n\r\nok")
		}, nil, "", "", hook.Response{Status: 200, Body: []byte("ok")}},
		{"no status line in time", func(c *net.TCPConn, _ int) {
			request(c)
			untilClosed(c)
		}, nil, hook.ClassTimeout, "did not answer within the limit of 3 s after the request was sent", hook.Response{}},
		{"informational answers do not count", func(c *net.TCPConn, _ int) {
			request(c)
			io.WriteString(c, "HTTP/1.1 102 Processing\r\n\r\n")
			untilClosed(c)
		}, nil, hook.ClassTimeout, "after the request was sent", hook.Response{}},
		{"informational, then in time", func(c *net.TCPConn, _ int) {
			request(c)
			io.WriteString(c, "HTTP/1.1 102 Processing\r\n\r\n"+ok)
		}, nil, "", "", hook.Response{Status: 200, Body: []byte("ok")}},
		{"request taken slowly", func(c *net.TCPConn, _ int) {
			past()
			answering(ok)(c, 1)
		}, func(m *send.Message, _ *Transport) { m.Body = make([]byte, 32<<20) }, "", "", hook.Response{Status: 200, Body: []byte("ok")}},
		{"request never taken", func(c *net.TCPConn, _ int) {
			past()
		}, func(m *send.Message, _ *Transport) { m.Body, m.ConnectTimeout = make([]byte, 64<<20), limit }, hook.ClassTimeout, "did not take the request within the limit of 3 s", hook.Response{}},
		{"headers beyond the grace", func(c *net.TCPConn, _ int) {
			request(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			untilClosed(c)
		}, func(_ *send.Message, tr *Transport) { tr.grace = limit }, hook.ClassTimeout, "did not finish its headers within 3 s", hook.Response{}},
		{"body beyond the grace is cut", func(c *net.TCPConn, _ int) {
			request(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
			untilClosed(c)
		}, func(_ *send.Message, tr *Transport) { tr.grace = limit }, "", "", hook.Response{Status: 200, Body: []byte("part"), Truncated: true}},
		{"body breaks off", func(c *net.TCPConn, _ int) {
			request(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart")
		}, nil, hook.ClassReset, "in the middle of the body", hook.Response{Status: 200, Body: []byte("part")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := receive(t, tt.serve)
			tr := newTransport(t)
			m := post(r.url, "x")
			m.Clock, m.Timeout = send.ClockResponse, limit
			if tt.change != nil {
				tt.change(m, tr)
			}
			x := tr.Send(t.Context(), m)
			if x.Class != tt.class || !strings.Contains(x.Detail, tt.detail) {
				t.Fatalf("class %q: %s\nwant %q: %s", x.Class, x.Detail, tt.class, tt.detail)
			}
			got := hook.Response{}
			if x.Response != nil {
				got = *x.Response
				got.Headers = nil
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReuse(t *testing.T) {
	t.Parallel()
	r := receive(t, answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8000\r\n"+strings.Repeat("x", 0x8000)+"\r\n0\r\n\r\n"))
	tr := newTransport(t)
	for i := range 5 {
		x := tr.Send(t.Context(), post(r.url, "x"))
		if x.Class != "" || (i > 0) != (x.Timing.Connect == 0) {
			t.Fatalf("%d: %+v", i, x)
		}
	}
	if n := r.conns.Load(); n != 1 {
		t.Errorf("%d connections: a body beyond what is kept must be read to its end", n)
	}
}

func TestSendConcurrently(t *testing.T) {
	t.Parallel()
	r := receive(t, func(c *net.TCPConn, _ int) {
		for {
			text := request(c)
			if text == "" {
				return
			}
			_, body, _ := strings.Cut(text, "\r\n\r\n")
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		}
	})
	tr := newTransport(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 50 {
				id := fmt.Sprintf("%d-%d", i, j)
				m := post(r.url, id, "id", id)
				m.Clock = send.Clock(j % 2)
				x := tr.Send(t.Context(), m)
				if x.Class != "" || string(x.Response.Body) != id || x.Sent[len(x.Sent)-1].Value != id {
					t.Errorf("%s: %+v", id, x)
				}
			}
		})
	}
	wg.Wait()
}

// nameServer answers DNS queries over UDP on loopback.
func nameServer(t *testing.T, answer func(name string, qtype uint16) (rcode byte, addrs []netip.Addr, silent bool)) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			q := buf[:n]
			name, i := "", 12
			for i < n && q[i] != 0 {
				name += string(q[i+1:i+1+int(q[i])]) + "."
				i += 1 + int(q[i])
			}
			question := q[12 : i+5]
			qtype := binary.BigEndian.Uint16(q[i+1:])
			rcode, addrs, silent := answer(name, qtype)
			if silent {
				continue
			}
			var records []byte
			count := 0
			for _, a := range addrs {
				if a.Is4() != (qtype == 1) || a.Is6() != (qtype == 28) {
					continue
				}
				count++
				records = append(records, 0xc0, 0x0c, 0, byte(qtype), 0, 1, 0, 0, 0, 60, 0, byte(a.BitLen()/8))
				records = append(records, a.AsSlice()...)
			}
			out := []byte{q[0], q[1], 0x81, 0x80 | rcode, 0, 1, 0, byte(count), 0, 0, 0, 0}
			pc.WriteTo(append(append(out, question...), records...), from)
		}
	}()
	t.Cleanup(func() { pc.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
}

func TestNames(t *testing.T) {
	t.Parallel()
	r := receive(t, answering(ok))
	_, port, _ := net.SplitHostPort(r.addr)
	_, refusedPort, _ := net.SplitHostPort(refusing(t, "127.0.0.2"))
	addrs := func(list ...string) func(string, uint16) (byte, []netip.Addr, bool) {
		var a []netip.Addr
		for _, s := range list {
			a = append(a, netip.MustParseAddr(s))
		}
		return func(string, uint16) (byte, []netip.Addr, bool) { return 0, a, false }
	}
	for _, tt := range []struct {
		name   string
		answer func(string, uint16) (byte, []netip.Addr, bool)
		port   string
		class  string
		detail string
	}{
		{"found", addrs("127.0.0.1"), port, "", ""},
		{"does not exist", func(string, uint16) (byte, []netip.Addr, bool) { return 3, nil, false }, port, hook.ClassDNSNotFound, "The name hooks.example.test does not exist"},
		{"exists without address", addrs(), port, hook.ClassDNSNotFound, "does not exist"},
		{"server fails", func(string, uint16) (byte, []netip.Addr, bool) { return 2, nil, false }, port, hook.ClassDNSFailed, "could not be resolved"},
		{"server refuses", func(string, uint16) (byte, []netip.Addr, bool) { return 5, nil, false }, port, hook.ClassDNSFailed, "could not be resolved"},
		{"server is silent", func(string, uint16) (byte, []netip.Addr, bool) { return 0, nil, true }, port, hook.ClassDNSTimeout, "No name server answered for the name hooks.example.test within the limit of 1 s"},
		{"private", addrs("10.0.0.1"), port, hook.ClassPrivateAddress, "leads to 10.0.0.1, which is a private network address"},
		{"several private", addrs("10.0.0.1", "192.168.0.1", "fd00::1", "169.254.169.254"), port, hook.ClassPrivateAddress, "3 other addresses"},
		{"private first, then a good one", addrs("10.0.0.1", "127.0.0.1"), port, "", ""},
		{"private, and one that refuses", addrs("10.0.0.1", "127.0.0.2", "fd00::1"), refusedPort, hook.ClassConnectRefused, "refused the connection"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tr := newTransport(t, func(o *Options) { o.Resolver = nameServer(t, tt.answer) })
			m := post("http://hooks.example.test:"+tt.port+"/", "x")
			if tt.name == "server is silent" {
				m.ConnectTimeout = time.Second
			}
			x := tr.Send(t.Context(), m)
			if x.Class != tt.class || !strings.Contains(x.Detail, tt.detail) {
				t.Errorf("class %q: %s\nwant %q: %s", x.Class, x.Detail, tt.class, tt.detail)
			}
			if x.Timing.DNS <= 0 {
				t.Errorf("timing %+v", x.Timing)
			}
			if tt.class != "" {
				checkSentence(t, x.Detail)
				if !x.Unsent {
					t.Error("nothing was sent, but the exchange does not say so")
				}
			}
		})
	}
}

// A name in another script is looked up, and sent, as the DNS has it.
func TestNameInAnotherScript(t *testing.T) {
	t.Parallel()
	r := receive(t, answering(ok))
	_, port, _ := net.SplitHostPort(r.addr)
	var asked atomic.Value
	tr := newTransport(t, func(o *Options) {
		o.Resolver = nameServer(t, func(name string, _ uint16) (byte, []netip.Addr, bool) {
			asked.Store(name)
			return 0, []netip.Addr{netip.MustParseAddr("127.0.0.1")}, false
		})
	})
	x := tr.Send(t.Context(), post("http://münchen.example:"+port+"/", "x"))
	if x.Class != "" || asked.Load() != "xn--mnchen-3ya.example." || x.Sent[0].Value != "xn--mnchen-3ya.example:"+port {
		t.Errorf("%s %s, asked for %v, sent %v", x.Class, x.Detail, asked.Load(), x.Sent)
	}
	tr = newTransport(t, func(o *Options) { o.Allow = nil })
	x = tr.Send(t.Context(), post("http://１２７.0.0.1:"+port+"/", "x")) // in wide digits
	if x.Class != hook.ClassPrivateAddress {
		t.Errorf("an address in wide digits: %s %s", x.Class, x.Detail)
	}
}

// The time limit does not cover the name lookup with ClockResponse, and does with
// ClockTotal.
func TestClockResponseLeavesLookupOut(t *testing.T) {
	t.Parallel()
	r := receive(t, answering(ok))
	_, port, _ := net.SplitHostPort(r.addr)
	const limit = time.Second
	resolver := nameServer(t, func(string, uint16) (byte, []netip.Addr, bool) {
		time.Sleep(2 * limit) //policy:allow time.Sleep: the name server is slow, which is the case under test
		return 0, []netip.Addr{netip.MustParseAddr("127.0.0.1")}, false
	})
	tr := newTransport(t, func(o *Options) { o.Resolver = resolver })
	m := post("http://hooks.example.test:"+port+"/", "x")
	m.Clock, m.Timeout = send.ClockResponse, limit
	if x := tr.Send(t.Context(), m); x.Class != "" {
		t.Errorf("%s: %s", x.Class, x.Detail)
	}
	m.Clock = send.ClockTotal
	tr = newTransport(t, func(o *Options) { o.Resolver = resolver })
	if x := tr.Send(t.Context(), m); x.Class != hook.ClassDNSTimeout {
		t.Errorf("ClockTotal covers it: %s: %s", x.Class, x.Detail)
	}
}

// authority makes certificates.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{t: t, key: key, cert: cert, pool: pool}
}

func (a *authority) issue(change func(*x509.Certificate), selfSigned bool) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "receiver"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(tmpl)
	}
	parent, parentKey := a.cert, a.key
	if selfSigned {
		parent, parentKey = tmpl, key
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), parentKey)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	over := func(cfg *tls.Config) func(*net.TCPConn, int) {
		return func(c *net.TCPConn, _ int) {
			tc := tls.Server(c, cfg)
			defer tc.Close()
			for request(tc) != "" {
				io.WriteString(tc, ok)
			}
			untilClosed(c) // closing on unread bytes resets, which may overtake an alert
		}
	}
	with := func(cert tls.Certificate) func(*net.TCPConn, int) {
		return over(&tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}})
	}
	for _, tt := range []struct {
		name   string
		serve  func(*net.TCPConn, int)
		class  string
		detail string
	}{
		{"good", with(ca.issue(nil, false)), "", ""},
		{"self-signed", with(ca.issue(nil, true)), hook.ClassTLSUntrusted, "signed by nobody we trust"},
		{"expired", with(ca.issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, false)), hook.ClassTLSExpired, "expired on"},
		{"not valid yet", with(ca.issue(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(24 * time.Hour) }, false)), hook.ClassTLSExpired, "not valid before"},
		{"other name", with(ca.issue(func(c *x509.Certificate) { c.IPAddresses = nil; c.DNSNames = []string{"other.example"} }, false)), hook.ClassTLSHostname, "for another name (other.example)"},
		{"no name", with(ca.issue(func(c *x509.Certificate) { c.IPAddresses = nil }, false)), hook.ClassTLSHostname, "another name"},
		{"not for servers", with(ca.issue(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }, false)), hook.ClassTLSInvalid, "not valid"},
		{"plain HTTP", func(c *net.TCPConn, _ int) {
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			untilClosed(c)
		}, hook.ClassTLSFailed, "does not speak TLS"},
		{"old version", over(&tls.Config{Certificates: []tls.Certificate{ca.issue(nil, false)}, MaxVersion: tls.VersionTLS11}), hook.ClassTLSFailed, "TLS handshake"},
		{"wants a certificate of ours", over(&tls.Config{Certificates: []tls.Certificate{ca.issue(nil, false)}, ClientAuth: tls.RequireAnyClientCert}), hook.ClassTLSClientCert, "demands a client certificate"},
		{"wants a certificate of ours, TLS 1.2", over(&tls.Config{Certificates: []tls.Certificate{ca.issue(nil, false)}, ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}), hook.ClassTLSClientCert, "demands a client certificate"},
		{"would like a certificate of ours", over(&tls.Config{Certificates: []tls.Certificate{ca.issue(nil, false)}, ClientAuth: tls.VerifyClientCertIfGiven}), "", ""},
		{"speaks no HTTP/1.1", over(&tls.Config{Certificates: []tls.Certificate{ca.issue(nil, false)}, NextProtos: []string{"mqtt"}}), hook.ClassTLSFailed, "no application protocol"},
		{"closed in the handshake", func(c *net.TCPConn, _ int) {
			io.ReadFull(c, make([]byte, 5))
		}, hook.ClassTLSFailed, "closed the connection during the TLS handshake"},
		{"silent in the handshake", func(c *net.TCPConn, _ int) { untilClosed(c) }, hook.ClassTLSFailed, "was not finished within the limit of 1 s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := receive(t, tt.serve)
			tr := newTransport(t, func(o *Options) { o.RootCAs = ca.pool })
			m := post("https://"+r.addr+"/", "x", "Keep-CASE", "1")
			if strings.HasPrefix(tt.name, "silent") {
				m.ConnectTimeout = time.Second
			}
			x := tr.Send(t.Context(), m)
			if x.Class != tt.class || !strings.Contains(x.Detail, tt.detail) {
				t.Errorf("class %q: %s\nwant %q: %s", x.Class, x.Detail, tt.class, tt.detail)
			}
			if tt.class != "" {
				checkSentence(t, x.Detail)
				return
			}
			if x.Timing.TLS <= 0 || x.Timing.Connect <= 0 || x.Sent[2].Name != "Keep-CASE" {
				t.Errorf("%+v", x)
			}
			if x := tr.Send(t.Context(), m); x.Class != "" || x.Timing.TLS != 0 || r.conns.Load() != 1 {
				t.Errorf("second: %+v, %d connections", x, r.conns.Load())
			}
		})
	}
}

// A request that fits into the buffer is written in one piece: one system call, one packet.
func TestOneWrite(t *testing.T) {
	t.Parallel()
	first := make(chan int, 1)
	r := receive(t, func(c *net.TCPConn, _ int) {
		n, _ := c.Read(make([]byte, 64<<10))
		first <- n
		io.WriteString(c, ok)
		untilClosed(c)
	})
	x := newTransport(t).Send(t.Context(), post(r.url, strings.Repeat("x", 1000), "a", "b"))
	if x.Class != "" {
		t.Fatalf("%+v", x)
	}
	if n := <-first; n < 1000 {
		t.Errorf("the first read got %d bytes: head and body came apart", n)
	}
}

// speaking is a receiver that speaks TLS if secure; change makes a transport trust it.
func speaking(t *testing.T, secure bool, serve func(net.Conn)) (r *receiver, change func(*Options)) {
	if !secure {
		return receive(t, func(c *net.TCPConn, _ int) { serve(c) }), func(*Options) {}
	}
	ca := newAuthority(t)
	cfg := &tls.Config{Certificates: []tls.Certificate{ca.issue(nil, false)}}
	r = receive(t, func(c *net.TCPConn, _ int) { serve(tls.Server(c, cfg)) })
	r.url = "https" + strings.TrimPrefix(r.url, "http")
	return r, func(o *Options) { o.RootCAs = ca.pool }
}

// FuzzAnswer sends a request to a receiver that answers with any bytes and closes. There is always an outcome: a status,
// or a class and a sentence; a pause that is not negative; and no more of the body than is kept.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		ok, "HTTP/1.1 503 No\r\nRetry-After: 3\r\n\r\n", "HTTP/1.1 429 No\r\nRetry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nDate: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
		"HTTP/1.1 101 Switching\r\n\r\nx", "HTTP/2 200", "\x15\x03\x01\x00\x02", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "",
	} {
		f.Add([]byte(s))
	}
	var answer atomic.Pointer[[]byte]
	r := receive(f, func(c *net.TCPConn, _ int) {
		if request(c) != "" {
			_, _ = c.Write(*answer.Load())
		}
	})
	tr := newTransport(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		answer.Store(&text)
		got := tr.Send(t.Context(), post(r.url, "{}"))
		if got.RetryAfter < 0 {
			t.Fatalf("a pause of %v", got.RetryAfter)
		}
		if got.Class != "" && (got.Detail == "" || !utf8.ValidString(got.Detail)) || got.Class == "" && got.Response == nil {
			t.Fatalf("class %q, detail %q, answer %v", got.Class, got.Detail, got.Response)
		}
		if res := got.Response; res != nil && (res.Status < 100 || res.Status > 999 || len(res.Body) > 16<<10 || len(res.Body) > len(text)) {
			t.Fatalf("status %d, %d bytes", res.Status, len(res.Body))
		}
	})
}

// FuzzRetryAfter: a pause is never negative, and never longer than a year.
func FuzzRetryAfter(f *testing.F) {
	f.Add("3", "")
	f.Add("0.5", "x")
	f.Add("99999999999999999999", "")
	f.Add("Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT")
	f.Add("-1", "Friday, 31-Dec-99 23:59:59 GMT")
	f.Fuzz(func(t *testing.T, text, date string) {
		h := nethttp.Header{"Retry-After": {text}, "Date": {date}}
		if d := retryAfter(h, time.Unix(1700000000, 0)); d < 0 || d > 365*24*time.Hour {
			t.Fatalf("%q at %q makes a pause of %v", text, date, d)
		}
	})
}

// An answer is read to its end as far as hook.ReadBody, and then its connection serves the next request. Of a longer one
// the rest is not read, so its connection is closed.
func TestReadLimit(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int32{64 << 10: 1, 64<<10 + 16<<10: 2} {
		r := receive(t, answering(fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n",
			size, strings.Repeat("x", size))))
		tr := newTransport(t)
		for range 2 {
			x := tr.Send(t.Context(), post(r.url, "x"))
			if x.Class != "" || len(x.Response.Body) != 16<<10 || !x.Response.Truncated {
				t.Errorf("%d bytes: %s, %d kept", size, x.Class, len(x.Response.Body))
			}
		}
		if n := r.conns.Load(); n != want {
			t.Errorf("%d bytes: %d connections, want %d", size, n, want)
		}
	}
}

// deadlines is a connection that notes how its read deadline is set.
type deadlines struct {
	net.Conn
	read []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.read = append(d.read, t)
	return nil
}

// Headers and body of an answer have the grace together, see [AnswerGrace]: the body does not get it a second time.
func TestGraceIsForHeadersAndBody(t *testing.T) {
	t.Parallel()
	d := &deadlines{}
	x := &exchange{clock: send.ClockResponse, conn: newConn(newSocket(d), nil, target{})}
	for _, reached := range []stage{stageWait, stageAnswer, stageBody} {
		x.enter(reached, time.Minute)
	}
	if len(d.read) != 2 || x.stage != stageBody {
		t.Errorf("stage %d; the read deadline was set %d times: %v", x.stage, len(d.read), d.read)
	}
}

// Who asks for the whole answer gets as much of it as is read, however it comes, and knows whether that is all.
func TestWholeAnswer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		size       int
		read       int // bytes of Response.Read; 0: none, Body is all
		cut, trunc bool
	}{
		{hook.KeepBody, 0, false, false},
		{hook.KeepBody + 1, hook.KeepBody + 1, false, true},
		{17_000, 17_000, false, true},
		{hook.ReadBody, hook.ReadBody, false, true},
		{hook.ReadBody + 1, hook.ReadBody, true, true},
		{3 * hook.ReadBody, hook.ReadBody, true, true},
	} {
		body := strings.Repeat("0123456789", tt.size/10+1)[:tt.size]
		for _, rest := range []string{
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", tt.size, body),
			fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", tt.size, body),
		} {
			r := receive(t, answering("HTTP/1.1 200 OK\r\n"+rest))
			for _, all := range []bool{true, false} {
				m := post(r.url, "x")
				m.WholeAnswer = all
				x := newTransport(t).Send(t.Context(), m)
				if x.Class != "" || x.Response == nil {
					t.Fatalf("%d bytes: %+v", tt.size, x)
				}
				want := hook.Response{Status: 200, Body: []byte(body[:min(tt.size, hook.KeepBody)]), Truncated: tt.trunc}
				if all && tt.read > 0 {
					want.Long = &hook.Long{Body: []byte(body[:tt.read]), Cut: tt.cut}
				}
				got := *x.Response
				got.Headers = nil
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%d bytes, %.20s: %s", tt.size, rest, diff)
				}
			}
		}
	}
}
