package listen

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// The peers of these tests are real sockets. Patience and rate are small, so that the tests are quick.

const (
	patience = 500 * time.Millisecond
	patient  = time.Minute // a test waits so long for what has to happen
)

// serve serves a handler and returns its address.
func serve(t *testing.T, o Options, h http.HandlerFunc) (*Door, string) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Stop = time.Second
	d := New(o)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- d.Serve(ctx, l, h) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("serving ended with %v", err)
		}
	})
	return d, l.Addr().String()
}

// dial connects and writes a text.
func dial(t *testing.T, addr, text string) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patient)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// served asks eight times on connections of its own, as other people would.
func served(t *testing.T, addr string) {
	t.Helper()
	for i := range 8 {
		c := dial(t, addr, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("request %d of another: %v", i, err)
		}
		if res.StatusCode != http.StatusOK {
			t.Fatalf("request %d of another: %s", i, res.Status)
		}
		res.Body.Close()
		c.Close()
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patient); !ok(); {
		if time.Now().After(end) {
			t.Fatal("never happened: " + what)
		}
		time.Sleep(5 * time.Millisecond) //policy:allow time.Sleep: polls, with a deadline
	}
}

// large answers /large with 8 MiB, refuses /refused, both without reading the body, and answers everything else with what
// the body had.
func large(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/large":
		_, _ = w.Write(make([]byte, 8<<20))
		return
	case "/refused":
		http.Error(w, "no", http.StatusUnauthorized)
		return
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "late", http.StatusRequestTimeout)
		return
	}
	fmt.Fprintf(w, "%d bytes", len(b))
}

// TestPeersThatStop is each way to keep a connection and do nothing with it. All are cut, and others are served.
func TestPeersThatStop(t *testing.T) {
	t.Parallel()
	const get = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, text := range map[string]string{
		"reads nothing":                      get,
		"pipelines and reads nothing":        strings.Repeat(get, 100),
		"announces a body and sends nothing": "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n",
		"sends one byte of a body":           "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx",
		"sends one chunk":                    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
		"waits for 100":                      "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, addr := serve(t, Options{Patience: patience, Rate: 1 << 20, Connections: 200}, large)
			for range 50 {
				dial(t, addr, text)
			}
			served(t, addr)
			until(t, "all are cut", func() bool { return d.Open() == 0 })
			if d.Cut() < 50 {
				t.Errorf("%d were cut", d.Cut())
			}
		})
	}
}

// TestBodyNobodyReads: a handler that refuses a request does not read its body. net/http wants to read a small rest,
// which must not take for ever.
func TestBodyNobodyReads(t *testing.T) {
	t.Parallel()
	d, addr := serve(t, Options{Patience: patience}, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusUnauthorized)
	})
	for range 10 {
		dial(t, addr, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx")
	}
	until(t, "all are cut", func() bool { return d.Open() == 0 })
}

// TestSlowAndSteady: who goes on is served, however long it takes.
func TestSlowAndSteady(t *testing.T) {
	t.Parallel()
	_, addr := serve(t, Options{Patience: 2 * time.Second, Rate: 1 << 10}, large)
	t.Run("reader", func(t *testing.T) {
		t.Parallel()
		c := dial(t, addr, "GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if err := c.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		n := 0
		buf := make([]byte, 128<<10)
		for start := time.Now(); ; {
			got, err := c.Read(buf)
			n += got
			if errors.Is(err, io.EOF) {
				if time.Since(start) < 3*time.Second {
					t.Fatalf("the reader was not slow: it took %v", time.Since(start))
				}
				break
			}
			if err != nil {
				t.Fatalf("after %d bytes: %v", n, err)
			}
			time.Sleep(50 * time.Millisecond) //policy:allow time.Sleep: a slow reader is what is tested
		}
		if n < 8<<20 {
			t.Errorf("%d bytes came", n)
		}
	})
	t.Run("sender", func(t *testing.T) {
		t.Parallel()
		c := dial(t, addr, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20480\r\n\r\n")
		for range 20 {
			if _, err := c.Write(make([]byte, 1<<10)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(200 * time.Millisecond) //policy:allow time.Sleep: a slow sender is what is tested
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if b, _ := io.ReadAll(res.Body); string(b) != "20480 bytes" {
			t.Errorf("%s: %s", res.Status, b)
		}
	})
	t.Run("stream", func(t *testing.T) {
		t.Parallel()
		_, addr := serve(t, Options{Patience: patience}, func(w http.ResponseWriter, r *http.Request) {
			for range 4 {
				time.Sleep(patience) //policy:allow time.Sleep: a slow stream is what is tested
				if _, err := io.WriteString(w, "beat\n"); err != nil || http.NewResponseController(w).Flush() != nil {
					return
				}
				if r.Context().Err() != nil {
					return
				}
			}
		})
		c := dial(t, addr, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")
		b, err := io.ReadAll(c)
		if err != nil || strings.Count(string(b), "beat") != 4 {
			t.Errorf("%v: %s", err, b)
		}
	})
}

// TestTooSlow: progress of a byte now and then is not enough.
func TestTooSlow(t *testing.T) {
	t.Parallel()
	d, addr := serve(t, Options{Patience: patience, Rate: 1 << 10}, large)
	c := dial(t, addr, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
	until(t, "the sender is cut", func() bool {
		time.Sleep(20 * time.Millisecond) //policy:allow time.Sleep: a slow sender is what is tested
		_, err := c.Write([]byte("x"))
		return err != nil || d.Open() == 0
	})
}

// TestFull fills a server to its limit in several ways. Others are served all the same, long before patience is over.
func TestFull(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text   string
		stalls bool // in the middle of a request
	}{
		"idle":                    {"", false},
		"half a head":             {"GET / HT", false},
		"idle after one":          {"GET /small HTTP/1.1\r\nHost: x\r\n\r\n", false},
		"half of a header":        {"GET / HTTP/1.1\r\nHost: x\r\nX-A", false},
		"reads nothing":           {"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", true},
		"half of a body":          {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nx", true},
		"no body, refused":        {"POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n", true},
		"no body, a large answer": {"GET /large HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, addr := serve(t, Options{Connections: 20, Patience: 2 * patient}, large)
			for range 40 {
				dial(t, addr, c.text)
			}
			if c.stalls { // otherwise one that has not begun would make room, and leave a place free
				until(t, "all have begun their requests", func() bool { return busy(d) == 20 })
			}
			until(t, "there is room", func() bool { // at once, or when those who look busy have stalled
				c, err := net.Dial("tcp", addr)
				if err != nil {
					return false
				}
				defer c.Close()
				_, _ = io.WriteString(c, "GET /small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
				b, _ := io.ReadAll(c)
				return bytes.Contains(b, []byte("200 OK"))
			})
			if c.stalls {
				time.Sleep(stalled) //policy:allow time.Sleep: the peers have to keep the server waiting so long
			}
			served(t, addr)
			if n := d.Open(); n > 20 {
				t.Errorf("%d are open", n)
			}
		})
	}
}

// busy is how many connections are in the middle of a request.
func busy(d *Door) (n int) {
	d.conns.mu.Lock()
	defer d.conns.mu.Unlock()
	for c := range d.conns.all {
		if c.idleSince.Load() == 0 {
			n++
		}
	}
	return n
}

// TestRefused: when everybody is at work, a new caller is told so.
func TestRefused(t *testing.T) {
	t.Parallel()
	work := make(chan struct{})
	d, addr := serve(t, Options{Connections: 2}, func(http.ResponseWriter, *http.Request) { <-work })
	defer close(work)
	for range 2 {
		dial(t, addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	until(t, "both work", func() bool { return busy(d) == 2 })
	for range 8 {
		c := dial(t, addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
			t.Errorf("%s %v", res.Status, res.Header)
		}
		res.Body.Close()
	}
	if d.Refused() != 8 {
		t.Errorf("%d were refused", d.Refused())
	}
}

// TestPerAddress: one address takes its share and no more, unless it is a proxy's.
func TestPerAddress(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    Options
		open int
	}{
		"counted":     {Options{countLoopback: true}, 5},
		"loopback":    {Options{}, 12},
		"trusted":     {Options{countLoopback: true, Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, 12},
		"not trusted": {Options{countLoopback: true, Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.o.PerAddress = 5
			d, addr := serve(t, c.o, large)
			for range 12 {
				dial(t, addr, "")
			}
			until(t, "all have come", func() bool { return d.Open()+int(d.Cut()) == 12 })
			if d.Open() != c.open {
				t.Errorf("%d are open, want %d", d.Open(), c.open)
			}
		})
	}
}

// TestDeadline: what the server does by itself between two pieces takes none of the peer's time, however little is left.
func TestDeadline(t *testing.T) {
	t.Parallel()
	start := time.Now()
	for _, left := range []time.Duration{30 * time.Second, 8 * time.Second, 5 * time.Second, time.Second} {
		p := newPace(Options{Patience: 30 * time.Second, Rate: 1 << 10})
		p.left = left
		p.deadline(start)
		for pause := range 60 {
			now := start.Add(time.Duration(pause) * time.Second)
			if ends, _ := p.deadline(now); ends.Sub(now) < left*3/4 || ends.Sub(now) > left {
				t.Errorf("%v left, after %d s: a deadline in %v", left, pause, ends.Sub(now))
			}
		}
	}
}

func TestCounted(t *testing.T) {
	t.Parallel()
	d := New(Options{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for peer, want := range map[string]string{
		"192.0.2.7:1":                    "192.0.2.7",
		"[::ffff:192.0.2.7]:1":           "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:1":       "2001:db8:1:2::",
		"[fe80::1%eth0]:1":               "fe80::",
		"127.0.0.1:1":                    "invalid IP",
		"[::1]:1":                        "invalid IP",
		"10.1.2.3:1":                     "invalid IP",
		"/run/a.sock":                    "invalid IP",
		"[2001:db8:1:2:ffff:ffff::6]:80": "2001:db8:1:2::",
	} {
		if got := d.counted(text(peer)).String(); got != want {
			t.Errorf("%s: %s, want %s", peer, got, want)
		}
	}
}

// text is an address.
type text string

func (text) Network() string  { return "tcp" }
func (t text) String() string { return string(t) }

// TestAnswerBeforeTheBody: programs that send everything before they read still get the refusal, 32 times of 32.
func TestAnswerBeforeTheBody(t *testing.T) {
	t.Parallel()
	_, addr := serve(t, Options{}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 10)
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
	})
	part := make([]byte, 64<<10)
	for i := range 32 {
		head := "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n"
		if i%2 == 1 {
			head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n800000\r\n"
		}
		c := dial(t, addr, head)
		for range 128 {
			if _, err := c.Write(part); err != nil {
				t.Fatalf("%d: sending: %v", i, err)
			}
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Fatalf("%d: %v %v", i, res, err)
		}
		res.Body.Close()
		c.Close()
	}
}

// TestAmbiguousLength sends requests whose length could be understood in two ways, each with a second request in what
// one of the two takes for the body or the rest. The second is never answered, or the first is refused.
func TestAmbiguousLength(t *testing.T) {
	t.Parallel()
	_, addr := serve(t, Options{Patience: patient}, large)
	const second = "GET /second HTTP/1.1\r\nHost: x\r\n\r\n"
	for name, c := range map[string]struct {
		text    string
		answers int    // that come before the connection ends
		first   string // status
	}{
		"both":              {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1, "200"},
		"both, other order": {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 1, "200"},
		"both, other case":  {"POST / HTTP/1.1\r\nHost: x\r\ncONTENT-lENGTH: 5\r\nTRANSFER-encoding: chunked\r\n\r\n0\r\n\r\n", 1, "200"},
		"both, bare LF":     {"POST / HTTP/1.1\nHost: x\nContent-Length: 5\nTransfer-Encoding: chunked\n\n0\r\n\r\n", 1, "200"},
		"both, folded":      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 1, "200"},
		"HTTP/1.0": {
			"POST / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			1, "200",
		},
		"two lengths":        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 1, "400"},
		"length of a list":   {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello", 1, "400"},
		"length with a sign": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello", 1, "400"},
		"space before colon": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 5\r\n\r\nhello", 1, "400"},
		"two encodings": {
			"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
			1, "501",
		},
		"other encoding":   {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 1, "501"},
		"bare CR":          {"POST / HTTP/1.1\r\nHost: x\r\nX: a\rContent-Length: 5\r\n\r\n", 1, "400"},
		"chunked alone":    {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 2, "200"},
		"the length alone": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 2, "200"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The connection has been used before, and then the bytes come one by one.
			conn := dial(t, addr, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n")
			in := bufio.NewReader(conn)
			next := func() string {
				res, err := http.ReadResponse(in, nil)
				if err != nil {
					return ""
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
				return res.Status[:3]
			}
			if got := next(); got != "200" {
				t.Fatalf("before: %q", got)
			}
			for _, b := range []byte(c.text + second) {
				if _, err := conn.Write([]byte{b}); err != nil {
					break // it was refused before the end
				}
			}
			var got []string
			for len(got) < c.answers {
				status := next()
				got = append(got, status)
				if status == "" {
					break
				}
			}
			if got[0] != c.first || got[len(got)-1] == "" {
				t.Fatalf("answers %q", got)
			}
			if c.answers == 1 {
				if more := next(); more != "" {
					t.Errorf("the second request was answered: %s", more)
				}
			}
		})
	}
}

func TestFinder(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"GET / HTTP/1.1\r\nContent-Length: 5": true, "\n\n\nCONTENT-LENGTH": true, "\ncontent-\ncontent-length": true,
		"content-length": false, "\n content-length": false, "\ncontent-lengt": false, "\nx-content-length": false,
	} {
		for split := range len(text) {
			var f finder
			f.look([]byte(text[:split]), "\ncontent-length")
			f.look([]byte(text[split:]), "\ncontent-length")
			if f.found.Load() != want {
				t.Errorf("%q split at %d: %v", text, split, !want)
			}
		}
	}
}

// TestProxies: what is believed of a proxy, and of others.
func TestProxies(t *testing.T) {
	t.Parallel()
	d := New(Options{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}})
	for name, c := range map[string]struct {
		peer   string
		header []string
		want   string // scheme, host and caller
	}{
		"nothing said":          {"10.0.0.1:4711", nil, "http api.example 10.0.0.1:4711"},
		"believed":              {"10.0.0.1:4711", []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "hooks.example"}, "https hooks.example 192.0.2.1:0"},
		"not a proxy":           {"192.0.2.9:4711", []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "hooks.example"}, "http api.example 192.0.2.9:4711"},
		"loopback is no proxy":  {"127.0.0.1:4711", []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https"}, "http api.example 127.0.0.1:4711"},
		"scheme without caller": {"10.0.0.1:4711", []string{"X-Forwarded-Proto", "https"}, "http api.example 10.0.0.1:4711"},
		"the caller lies":       {"10.0.0.1:4711", []string{"X-Forwarded-For", "1.1.1.1, 192.0.2.1"}, "http api.example 192.0.2.1:0"},
		"two proxies":           {"10.0.0.1:4711", []string{"X-Forwarded-For", "1.1.1.1,192.0.2.1,10.0.0.2"}, "http api.example 192.0.2.1:0"},
		"only proxies":          {"10.0.0.1:4711", []string{"X-Forwarded-For", "10.0.0.3,10.0.0.2"}, "http api.example 10.0.0.3:0"},
		"no address":            {"10.0.0.1:4711", []string{"X-Forwarded-For", "unknown", "X-Forwarded-Proto", "https"}, "http api.example 10.0.0.1:4711"},
		"another scheme":        {"10.0.0.1:4711", []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "javascript"}, "http api.example 192.0.2.1:0"},
		"a host with a path":    {"10.0.0.1:4711", []string{"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Host", "evil.example/x"}, "http api.example 192.0.2.1:0"},
		"RFC 7239":              {"[fd00::1]:4711", []string{"Forwarded", `for="[2001:db8::7]:4711";proto=https;host=hooks.example`}, "https hooks.example [2001:db8::7]:0"},
		"both agree":            {"10.0.0.1:4711", []string{"Forwarded", "for=192.0.2.1;proto=https", "X-Forwarded-For", "192.0.2.1"}, "https api.example 192.0.2.1:0"},
		"both disagree":         {"10.0.0.1:4711", []string{"Forwarded", "for=192.0.2.1;proto=https", "X-Forwarded-For", "1.1.1.1"}, "http api.example 10.0.0.1:4711"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://absolute.example/x", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host, r.RemoteAddr = "api.example", c.peer
			for i := 0; i < len(c.header); i += 2 {
				r.Header.Set(c.header[i], c.header[i+1])
			}
			said := len(r.Header)
			out := d.name(r)
			if got := out.URL.Scheme + " " + out.Host + " " + out.RemoteAddr; got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if len(out.Header) != 0 || len(r.Header) != said || r.URL.Scheme != "https" {
				t.Errorf("headers left: %v; the request that came: %v %v", out.Header, r.Header, r.URL)
			}
		})
	}
}

// TestHSTS: browsers that came by TLS are told to come by TLS again.
// TestPublicPath: the handler sees the paths of the server, whether a proxy removed what stands before them or not.
func TestPublicPath(t *testing.T) {
	t.Parallel()
	_, addr := serve(t, Options{Path: "/x/gancho"}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.URL.Path+" "+r.URL.EscapedPath()+" "+r.URL.RawQuery)
	})
	for path, want := range map[string]string{
		"/": "/ / ", "/v1": "/v1 /v1 ", "/x/gancho": "/ / ", "/x/gancho/": "/ / ", "/x/gancho/v1?a=/x/gancho": "/v1 /v1 a=/x/gancho",
		"/x/ganchos": "/x/ganchos /x/ganchos ", "/x": "/x /x ", "/x/gancho/a%2Fb": "/a/b /a%2Fb ", "/a%2Fb": "/a/b /a%2Fb ",
		"/x%2Fgancho/v1": "/x/gancho/v1 /x%2Fgancho/v1 ", "/x/gancho/x/gancho": "/x/gancho /x/gancho ",
		"/x/gancho//v1": "//v1 //v1 ",
	} {
		c := dial(t, addr, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(res.Body)
		if err != nil || string(got) != want {
			t.Errorf("%s: the handler sees %q, %v, want %q", path, got, err, want)
		}
		_ = res.Body.Close()
	}
}

func TestHSTS(t *testing.T) {
	t.Parallel()
	_, addr := serve(t, Options{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}, large)
	for proto, want := range map[string]bool{"https": true, "http": false} {
		c := dial(t, addr, "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: "+proto+"\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Strict-Transport-Security") != ""; got != want {
			t.Errorf("by %s: %v", proto, res.Header)
		}
	}
}

// FuzzProxy: whatever headers of a proxy come, a request has a caller with an address, a scheme and a host that is only a
// host, and none of these headers is left. A stranger who sends them changes nothing.
func FuzzProxy(f *testing.F) {
	f.Add("192.0.2.1", "https", "hooks.example", `for="[2001:db8::7]:4711";proto=https;host=hooks.example`)
	f.Add("1.1.1.1,10.0.0.2", "javascript", "evil/x", "")
	f.Add("", "", "", `for=_hidden;by="a,b";;=,for=[::1]`)
	f.Add("[fe80::1%25eth0]:1", ",", "a\r\nb", `for="`)
	d := New(Options{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Log: slog.New(slog.DiscardHandler)})
	f.Fuzz(func(t *testing.T, by, scheme, host, forwarded string) {
		for _, peer := range []string{"10.0.0.1:4711", "192.0.2.9:4711"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/x", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Host, r.RemoteAddr = "api.example", peer
			r.Header = http.Header{"X-Forwarded-For": {by}, "X-Forwarded-Proto": {scheme}, "X-Forwarded-Host": {host}, "Forwarded": {forwarded}}
			out := d.name(r)
			if a, err := netip.ParseAddrPort(out.RemoteAddr); err != nil || a.Addr().Zone() != "" {
				t.Fatalf("the caller is %q", out.RemoteAddr)
			}
			if s := out.URL.Scheme; s != "http" && s != "https" || out.Host == "" || strings.ContainsAny(out.Host, " /\\@?#\"") || len(out.Header) != 0 {
				t.Fatalf("%q %q %v", s, out.Host, out.Header)
			}
			if peer == "192.0.2.9:4711" && (out.RemoteAddr != peer || out.Host != "api.example" || out.URL.Scheme != "http") {
				t.Fatalf("a stranger is believed: %s %s %s", out.URL.Scheme, out.Host, out.RemoteAddr)
			}
		}
	})
}

// FuzzFinder compares with a search in the whole text, when it comes in two parts.
func FuzzFinder(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\nContent-Length: 5"), 7)
	f.Add([]byte("\n\ncontent-\ncontent-length"), 3)
	f.Fuzz(func(t *testing.T, text []byte, at int) {
		const name = "\ncontent-length"
		at = max(0, min(at, len(text)))
		var parts finder
		parts.look(text[:at], name)
		parts.look(text[at:], name)
		lower := bytes.Clone(text)
		for i, c := range lower {
			if 'A' <= c && c <= 'Z' {
				lower[i] += 'a' - 'A'
			}
		}
		if want := bytes.Contains(lower, []byte(name)); parts.found.Load() != want {
			t.Fatalf("%q in two parts: %v, want %v", text, !want, want)
		}
	})
}
