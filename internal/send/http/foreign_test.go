package http

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"gancho/internal/hook"
)

// idOf is the header Id of a request that the receiver read. A receiver puts it into its answer,
// so that a test sees to which request an answer belongs.
func idOf(text string) string {
	_, rest, _ := strings.Cut(text, "\r\nId: ")
	id, _, _ := strings.Cut(rest, "\r\n")
	return id
}

// hostile are receivers that send more than one answer to a request. Each marks the answer to a
// request with the request's id, and what nobody asked for with "stolen".
var hostile = []struct {
	name   string
	method string
	answer func(id string) string
}{
	{"length", "POST", func(id string) string {
		return "HTTP/1.1 200 OK\r\nId: " + id + "\r\nContent-Length: 2\r\n\r\nok"
	}},
	{"no body", "POST", func(id string) string { return "HTTP/1.1 200 OK\r\nId: " + id + "\r\nContent-Length: 0\r\n\r\n" }},
	{"longer than it says", "POST", func(id string) string {
		return "HTTP/1.1 200 OK\r\nId: " + id + "\r\nContent-Length: 2\r\n\r\nok and more\r\n\r\n"
	}},
	{"chunked", "POST", func(id string) string {
		return "HTTP/1.1 200 OK\r\nId: " + id + "\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
	}},
	{"chunked with trailers", "POST", func(id string) string {
		return "HTTP/1.1 200 OK\r\nId: " + id + "\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n"
	}},
	{"length and chunked", "POST", func(id string) string {
		return "HTTP/1.1 200 OK\r\nId: " + id + "\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
	}},
	{"204 with a body", "POST", func(id string) string {
		return "HTTP/1.1 204 No Content\r\nId: " + id + "\r\nContent-Length: 2\r\n\r\nok"
	}},
	{"304 with a body", "POST", func(id string) string {
		return "HTTP/1.1 304 Not Modified\r\nId: " + id + "\r\nContent-Length: 2\r\n\r\nok"
	}},
	{"HEAD with a body", "HEAD", func(id string) string {
		return "HTTP/1.1 200 OK\r\nId: " + id + "\r\nContent-Length: 2\r\n\r\nok"
	}},
	{"informational answers", "POST", func(id string) string {
		return strings.Repeat("HTTP/1.1 103 Early Hints\r\nId: stolen\r\n\r\n", 3) +
			"HTTP/1.1 200 OK\r\nId: " + id + "\r\nContent-Length: 2\r\n\r\nok"
	}},
	{"longer than a buffer", "POST", func(id string) string {
		head := "HTTP/1.1 200 OK\r\nId: " + id + "\r\nContent-Length: "
		n := 4096 - len(head) - len("0000\r\n\r\n") // the second answer begins with the second buffer
		return fmt.Sprintf("%s%04d\r\n\r\n%s", head, n, strings.Repeat("x", n))
	}},
	{"more than is read", "POST", func(id string) string {
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nId: %s\r\nContent-Length: %d\r\n\r\n%s", id, 2*hook.ReadBody, strings.Repeat("x", 2*hook.ReadBody))
	}},
}

const stolen = "HTTP/1.1 500 No\r\nId: stolen\r\nContent-Length: 2\r\n\r\nno"

// No attempt is judged by bytes that were not sent in answer to its own request: not by a second
// answer that came with the first one, not by one that came later, and not by one that another
// tenant's request got.
func TestAnswersOfOthers(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		for _, tt := range hostile {
			name := tt.name
			if secure {
				name += ", TLS"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r, change := speaking(t, secure, func(c net.Conn) {
					for {
						text := request(c)
						if text == "" {
							return
						}
						if _, err := io.WriteString(c, tt.answer(idOf(text))+stolen); err != nil {
							return
						}
					}
				})
				tr := newTransport(t, change)
				check := func(id string) {
					m := post(r.url, "x", "Id", id)
					m.Method, m.Tenant = tt.method, "tenant-"+id[:1]
					x := tr.Send(t.Context(), m)
					if x.Class != "" || header(x.Response, "Id") != id {
						t.Errorf("request %s: class %q (%s), answer %+v", id, x.Class, x.Detail, x.Response)
					}
				}
				for i := range 100 {
					check(fmt.Sprintf("%d-%d", i%2, i))
				}
				var wg sync.WaitGroup
				for p := range 4 {
					wg.Go(func() {
						for i := range 25 {
							check(fmt.Sprintf("%d-%d-%d", p%2, p, i))
						}
					})
				}
				wg.Wait()
			})
		}
	}
}

// A second answer that comes when the connection is idle is seen before the next request is
// written.
func TestAnswerWhileIdle(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprint("secure ", secure), func(t *testing.T) {
			t.Parallel()
			sent := make(chan struct{}, 1)
			var proceed sync.Mutex
			proceed.Lock()
			r, change := speaking(t, secure, func(c net.Conn) {
				for {
					text := request(c)
					if text == "" {
						return
					}
					io.WriteString(c, "HTTP/1.1 200 OK\r\nId: "+idOf(text)+"\r\nContent-Length: 2\r\n\r\nok")
					proceed.Lock() // until the sender has read the answer
					io.WriteString(c, stolen)
					sent <- struct{}{}
				}
			})
			tr := newTransport(t, change)
			for i := range 200 {
				id := fmt.Sprint(i)
				x := tr.Send(t.Context(), post(r.url, "x", "Id", id))
				proceed.Unlock()
				<-sent
				if x.Class != "" || header(x.Response, "Id") != id {
					t.Fatalf("request %s: class %q (%s), answer %+v", id, x.Class, x.Detail, x.Response)
				}
			}
		})
	}
}

// An answer that comes before the request is no answer to it.
func TestAnswerBeforeTheRequest(t *testing.T) {
	t.Parallel()
	said := make(chan struct{}, 1)
	r := receive(t, func(c *net.TCPConn, _ int) {
		io.WriteString(c, ok)
		said <- struct{}{}
		untilClosed(c)
	})
	tr := newTransport(t)
	tr.connected = func() { <-said }
	x := tr.Send(t.Context(), post(r.url, "x"))
	if x.Class != hook.ClassProtocol || !strings.Contains(x.Detail, "before") || !x.Unsent {
		t.Errorf("class %q (%s), unsent %v", x.Class, x.Detail, x.Unsent)
	}
	checkSentence(t, x.Detail)
}

// Two tenants never share a connection, even to the same host and port.
func TestTenantsHaveTheirOwnConnections(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	tenants := map[int]string{} // by connection
	r := receive(t, func(c *net.TCPConn, n int) {
		for {
			text := request(c)
			if text == "" {
				return
			}
			mu.Lock()
			if have, ok := tenants[n]; ok && have != idOf(text) {
				t.Errorf("connection %d served %s and then %s", n, have, idOf(text))
			}
			tenants[n] = idOf(text)
			mu.Unlock()
			io.WriteString(c, ok)
		}
	})
	tr := newTransport(t)
	for i := range 20 {
		m := post(r.url, "x", "Id", fmt.Sprint("tenant-", i%2))
		m.Tenant = fmt.Sprint("tenant-", i%2)
		if x := tr.Send(t.Context(), m); x.Class != "" {
			t.Fatal(x.Detail)
		}
	}
	if n := r.conns.Load(); n != 2 {
		t.Errorf("%d connections, want one for each tenant", n)
	}
}

func header(r *hook.Response, name string) string {
	if r != nil {
		for _, h := range r.Headers {
			if h.Name == name {
				return h.Value
			}
		}
	}
	return ""
}
