package http

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
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

	"gancho/internal/egress"
	"gancho/internal/hook"
)

// relay is a forward proxy on loopback, and notes what it is asked for.
type relay struct {
	*receiver
	mu    sync.Mutex
	asked []string // addresses
}

func (p *relay) note(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, addr)
}

func (p *relay) addresses() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.asked...)
}

// use makes a transport send through the proxy.
func (p *relay) use(t *testing.T, scheme, user string) func(*Options) {
	t.Helper()
	if user != "" {
		user += "@"
	}
	parsed, err := ParseProxy(scheme + "://" + user + p.addr)
	if err != nil {
		t.Fatal(err)
	}
	return func(o *Options) { o.Proxy = parsed }
}

// pipe copies in both directions until one side closes.
func pipe(a, b net.Conn) {
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(a, b); a.Close() })
	wg.Go(func() { io.Copy(b, a); b.Close() })
	wg.Wait()
}

// connectProxy is an HTTP proxy with CONNECT that wants the user gancho and the password s3cret.
func connectProxy(t *testing.T) *relay {
	p := &relay{}
	p.receiver = receive(t, func(c *net.TCPConn, _ int) {
		r, err := nethttp.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		p.note(r.Method + " " + r.Host)
		probe := nethttp.Request{Header: nethttp.Header{"Authorization": r.Header["Proxy-Authorization"]}}
		if user, password, _ := probe.BasicAuth(); user != "gancho" || password != "s3cret" {
			io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno")
			return
		}
		to, err := net.Dial("tcp", r.RequestURI)
		if err != nil {
			io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
			return
		}
		io.WriteString(c, "HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n")
		pipe(c, to)
	})
	return p
}

// socksProxy is a SOCKS5 proxy that wants the user gancho and the password s3cret.
func socksProxy(t *testing.T) *relay {
	p := &relay{}
	read := func(c net.Conn, n int) []byte {
		b := make([]byte, n)
		if _, err := io.ReadFull(c, b); err != nil {
			return make([]byte, n)
		}
		return b
	}
	p.receiver = receive(t, func(c *net.TCPConn, _ int) {
		methods := read(c, int(read(c, 2)[1]))
		if !strings.Contains(string(methods), "\x02") {
			c.Write([]byte{5, 0xff})
			return
		}
		c.Write([]byte{5, 2})
		user := string(read(c, int(read(c, 2)[1])))
		if password := string(read(c, int(read(c, 1)[0]))); user != "gancho" || password != "s3cret" {
			c.Write([]byte{1, 1})
			return
		}
		c.Write([]byte{1, 0})
		head := read(c, 4)
		if head[3] != 1 { // a name, or IPv6, which these tests do not ask for
			p.note(fmt.Sprintf("address of type %d", head[3]))
			c.Write([]byte{5, 8, 0, 1, 0, 0, 0, 0, 0, 0})
			return
		}
		b := read(c, 6)
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), uint16(b[4])<<8|uint16(b[5])).String()
		p.note("CONNECT " + addr)
		to, err := net.Dial("tcp", addr)
		if err != nil {
			c.Write([]byte{5, 5, 0, 1, 0, 0, 0, 0, 0, 0})
			return
		}
		c.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
		pipe(c, to)
	})
	return p
}

var proxies = []struct {
	scheme string
	start  func(*testing.T) *relay
}{{"http", connectProxy}, {"socks5", socksProxy}}

func serveAt(addrs ...string) func(string, uint16) (byte, []netip.Addr, bool) {
	list := make([]netip.Addr, len(addrs))
	for i, a := range addrs {
		list[i] = netip.MustParseAddr(a)
	}
	return func(string, uint16) (byte, []netip.Addr, bool) { return 0, list, false }
}

// Requests go through the proxy, which gets an address, never a name; the TLS name is the host's.
// The second delivery uses the connection of the first.
func TestProxyCarries(t *testing.T) {
	t.Parallel()
	for _, tt := range proxies {
		for _, secure := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s secure=%t", tt.scheme, secure), func(t *testing.T) {
				t.Parallel()
				p := tt.start(t)
				scheme, trust, serve := "http", func(*Options) {}, answering(ok)
				if secure {
					ca := newAuthority(t)
					cert := ca.issue(func(c *x509.Certificate) { c.IPAddresses = nil; c.DNSNames = []string{"hooks.example.test"} }, false)
					scheme, trust, serve = "https", func(o *Options) { o.RootCAs = ca.pool }, answeringOver(cert)
				}
				r := receive(t, serve)
				_, port, _ := net.SplitHostPort(r.addr)
				tr := newTransport(t, trust, p.use(t, tt.scheme, "gancho:s3cret"), func(o *Options) {
					o.Resolver = nameServer(t, serveAt("10.0.0.1", "127.0.0.1"))
				})
				for i := range 2 {
					x := tr.Send(t.Context(), post(scheme+"://hooks.example.test:"+port+"/", "x"))
					if x.Class != "" || x.Response == nil || x.Response.Status != 200 {
						t.Fatalf("%d: class %q (%s)", i, x.Class, x.Detail)
					}
					if first := i == 0; first != (x.Timing.Connect > 0) {
						t.Errorf("%d: connecting took %s", i, x.Timing.Connect)
					}
				}
				if d := cmp.Diff([]string{"CONNECT " + r.addr}, p.addresses()); d != "" {
					t.Errorf("asked for (-want +got):\n%s", d)
				}
			})
		}
	}
}

// What the guard refuses does not reach the proxy.
func TestProxyIsNotAskedForRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range proxies {
		p := tt.start(t)
		_, port, _ := net.SplitHostPort(receive(t, answering(ok)).addr)
		tr := newTransport(t, p.use(t, tt.scheme, "gancho:s3cret"), func(o *Options) {
			o.Allow = nil
			o.Resolver = nameServer(t, serveAt("127.0.0.1", "169.254.169.254"))
		})
		for _, host := range []string{"hooks.example.test", "127.0.0.1", "[::ffff:127.0.0.1]", "[::1]", "[fe80::1%25lo]"} {
			x := tr.Send(t.Context(), post("http://"+host+":"+port+"/", "x"))
			if x.Class != hook.ClassPrivateAddress || !x.Unsent {
				t.Errorf("%s, %s: class %q (%s)", tt.scheme, host, x.Class, x.Detail)
			}
		}
		if n := p.conns.Load(); n != 0 {
			t.Errorf("%s: %d connections to the proxy", tt.scheme, n)
		}
	}
}

// A kept connection is judged by the receiver's address, not by that of the proxy.
func TestProxyKeepsToRules(t *testing.T) {
	t.Parallel()
	for _, tt := range proxies {
		p := tt.start(t)
		_, port, _ := net.SplitHostPort(receive(t, answering(ok)).addr)
		tr := newTransport(t, p.use(t, tt.scheme, "gancho:s3cret"), func(o *Options) {
			o.Resolver = nameServer(t, serveAt("127.0.0.1"))
		})
		m := post("http://hooks.example.test:"+port+"/", "x")
		if x := tr.Send(t.Context(), m); x.Class != "" {
			t.Fatalf("%s: class %q (%s)", tt.scheme, x.Class, x.Detail)
		}
		var err error
		if m.Egress, err = egress.Compile(hook.Hosts{Deny: []string{"127.0.0.1"}}); err != nil {
			t.Fatal(err)
		}
		if x := tr.Send(t.Context(), m); x.Class != hook.ClassHostNotAllowed || !x.Unsent {
			t.Errorf("%s: class %q (%s)", tt.scheme, x.Class, x.Detail)
		}
		if d := cmp.Diff([]string{"CONNECT 127.0.0.1:" + port}, p.addresses()); d != "" {
			t.Errorf("%s: asked for (-want +got):\n%s", tt.scheme, d)
		}
	}
}

// A proxy that fails has a class of its own, and its password is in no sentence.
func TestProxyFails(t *testing.T) {
	t.Parallel()
	fixed := func(answer string) func(*testing.T) *relay {
		return func(t *testing.T) *relay {
			return &relay{receiver: receive(t, func(c *net.TCPConn, _ int) {
				c.Read(make([]byte, 4096))
				io.WriteString(c, answer)
				if answer == "" {
					untilClosed(c)
				}
			})}
		}
	}
	closing := func(t *testing.T) *relay { return &relay{receiver: receive(t, func(*net.TCPConn, int) {})} }
	nobody := func(t *testing.T) *relay { return &relay{receiver: &receiver{addr: refusing(t, "127.0.0.1")}} }
	for _, tt := range []struct {
		name, scheme, user string
		start              func(*testing.T) *relay
		detail             string
	}{
		{"nobody listens", "http", "gancho:s3cret", nobody, "cannot be reached: nothing listens there"},
		{"nobody listens", "socks5", "gancho:s3cret", nobody, "cannot be reached: nothing listens there"},
		{"wrong password", "http", "gancho:s3cret0", connectProxy, "refused Gancho's user name and password (status 407)"},
		{"no password", "http", "", connectProxy, "refused Gancho's user name and password (status 407)"},
		{"wrong password", "socks5", "gancho:s3cret0", socksProxy, "refused Gancho's user name and password"},
		{"no password", "socks5", "", socksProxy, "refused Gancho's user name and password"},
		{"receiver does not listen", "http", "gancho:s3cret", connectProxy, "did not connect to RECEIVER (status 502)"},
		{"receiver does not listen", "socks5", "gancho:s3cret", socksProxy, "did not connect to RECEIVER (unknown error connection refused)"},
		{"forbidden", "http", "gancho:s3cret", fixed("HTTP/1.1 403 Forbidden\r\n\r\n"), "did not connect to RECEIVER (status 403)"},
		{"hangs", "http", "gancho:s3cret", fixed(""), "did not connect to RECEIVER within the limit of 500 ms"},
		{"hangs", "socks5", "gancho:s3cret", fixed(""), "did not connect to RECEIVER within the limit of 500 ms"},
		{"closes", "http", "gancho:s3cret", closing, "closed the connection"},
		{"closes", "socks5", "gancho:s3cret", closing, "closed the connection"},
		{"speaks something else", "http", "gancho:s3cret", fixed("SSH-2.0-x\r\n\r\n"), "did not answer properly"},
		{"speaks something else", "socks5", "gancho:s3cret", fixed("SSH-2.0-x\r\n\r\n"), "did not connect to RECEIVER (unexpected protocol version 83)"},
		{"endless head", "http", "gancho:s3cret", fixed("HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 2*maxProxyHead)), "forward proxy"},
		{"says more than it should", "http", "gancho:s3cret", fixed("HTTP/1.1 200 OK\r\n\r\n" + ok), "sent something after its answer"},
	} {
		t.Run(tt.name+" "+tt.scheme, func(t *testing.T) {
			t.Parallel()
			p := tt.start(t)
			to := refusing(t, "127.0.0.1")
			tr := newTransport(t, p.use(t, tt.scheme, tt.user))
			m := post("http://"+to+"/", "x")
			if tt.name == "hangs" {
				m.ConnectTimeout = 500 * time.Millisecond
			}
			x := tr.Send(t.Context(), m)
			if x.Class != hook.ClassProxyFailed || !x.Unsent || !strings.Contains(x.Detail, strings.ReplaceAll(tt.detail, "RECEIVER", to)) {
				t.Errorf("class %q: %s", x.Class, x.Detail)
			}
			checkSentence(t, x.Detail)
			if strings.Contains(x.Detail, "s3cret") || strings.Contains(x.Detail, p.addr) {
				t.Errorf("a customer may not read this: %s", x.Detail)
			}
		})
	}
}

// An address that the proxy does not reach is followed by the next one.
func TestProxyTriesAllAddresses(t *testing.T) {
	t.Parallel()
	r := receive(t, answering(ok))
	_, port, _ := net.SplitHostPort(r.addr)
	p := connectProxy(t)
	tr := newTransport(t, p.use(t, "http", "gancho:s3cret"), func(o *Options) {
		o.Resolver = nameServer(t, serveAt("127.0.0.2", "127.0.0.3", "127.0.0.1"))
	})
	if x := tr.Send(t.Context(), post("http://hooks.example.test:"+port+"/", "x")); x.Class != "" {
		t.Errorf("class %q (%s), asked for %q", x.Class, x.Detail, p.addresses())
	}
}

func TestProxyTextHasNoPassword(t *testing.T) {
	p, err := ParseProxy("http://gancho:s3cret@proxy.internal:3128")
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if s := fmt.Sprintf(verb, p); strings.Contains(s, "s3cret") || !strings.Contains(s, "proxy.internal:3128") {
			t.Errorf("%s: %s", verb, s)
		}
	}
}

// answeringOver is answering over TLS.
func answeringOver(cert tls.Certificate) func(*net.TCPConn, int) {
	return func(c *net.TCPConn, _ int) {
		s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
		for request(s) != "" {
			if _, err := io.WriteString(s, ok); err != nil {
				return
			}
		}
	}
}

// FuzzProxyAnswer sends a request through a forward proxy that answers with any bytes: to CONNECT, to a greeting of SOCKS5,
// and within the tunnel. There is always an outcome, which does not say where the proxy is.
func FuzzProxyAnswer(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\n\r\n" + ok, "HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
		"HTTP/1.1 502 Bad\r\n\r\n", "\x05\x02\x01\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50" + ok, "\x05\xff", "\x05\x02\x01\x01",
		"\x05\x02\x01\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00", "\x05\x02\x01\x00\x05\x00\x00\x03\xff", "\x04", "",
	} {
		f.Add([]byte(s))
	}
	var answer atomic.Pointer[[]byte]
	p := receive(f, func(c *net.TCPConn, _ int) {
		_, _ = c.Write(*answer.Load())
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	})
	var transports []*Transport
	for _, scheme := range []string{"http", "socks5"} {
		proxy, err := ParseProxy(scheme + "://gancho:s3cret@" + p.addr)
		if err != nil {
			f.Fatal(err)
		}
		transports = append(transports, newTransport(f, func(o *Options) { o.Proxy = proxy }))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		answer.Store(&text)
		for _, tr := range transports {
			got := tr.Send(t.Context(), post("http://127.0.0.1:9999/", "{}"))
			if got.Class != "" && (got.Detail == "" || !utf8.ValidString(got.Detail)) || got.Class == "" && got.Response == nil {
				t.Fatalf("class %q, detail %q, answer %v", got.Class, got.Detail, got.Response)
			}
			if strings.Contains(got.Detail, "s3cret") || strings.Contains(got.Detail, p.addr) {
				t.Fatalf("the proxy is named: %s", got.Detail)
			}
		}
	})
}
