package app

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"gancho.example/client"
)

// TestOverrunServer opens each kind of connection that is there only to be in the way, more than the server takes. None
// of them has a key. Other callers and the operator are served all the same, eight times of eight.
func TestOverrunServer(t *testing.T) {
	t.Parallel()
	p := startWith(t, place{dir: t.TempDir()}, func(c *testConfig) { c.MaxConnections, c.OperatorListen = 100, "127.0.0.1:0" })
	get := "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
	head := func(method, path string) string {
		return method + " " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\nx"
	}
	attack := []string{
		strings.Repeat(get, 50), "", "GET / HTTP/1.1\r\nX-A", head("POST", "/v1/session"), head("POST", "/v1/portal-sessions"),
		head("POST", "/v1/tenants/acme/events"), head("POST", "/v1/contracts"), head("PUT", "/v1/tenants/acme/records/kobra/visit/1"),
		"POST /v1/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
	}
	for i := range 300 {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_, _ = io.WriteString(c, attack[i%len(attack)]) // it may have been closed already
	}
	ask := func(url string) error {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, res.Status)
		}
		return nil
	}
	// The operator is served at once, the others when those that keep the server waiting have done so for a while.
	for range 8 {
		for _, path := range []string{"/readyz", "/metrics", "/"} {
			if err := ask(p.operator() + path); err != nil {
				t.Error("the operator:", err)
			}
		}
	}
	eventually(t, "eight callers in a row are served", func() bool {
		for range 8 {
			if ask(p.url+"/healthz") != nil {
				return false
			}
		}
		return true
	})
}

var listensFor = regexp.MustCompile(`For the operator it listens on (\S+)`)

// operator is the URL of the operator's own address.
func (p *process) operator() string {
	p.t.Helper()
	var url string
	eventually(p.t, "the server says where the operator comes in", func() bool {
		if m := listensFor.FindStringSubmatch(p.out.String()); m != nil {
			url = m[1]
		}
		return url != ""
	})
	return url
}

// TestOperatorsDoor: numbers and profiles are behind a key, or at an address of their own.
func TestOperatorsDoor(t *testing.T) {
	t.Parallel()
	get := func(url, key string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if key != "" {
			req.Header.Set("Authorization", "Bearer "+key)
		}
		res, err := new(http.Client).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		_, _ = io.Copy(io.Discard, res.Body)
		return res.StatusCode
	}
	one := start(t, t.TempDir())
	two := startWith(t, place{dir: t.TempDir()}, func(c *testConfig) { c.OperatorListen = "127.0.0.1:0" })
	for _, c := range []struct {
		url, key string
		want     int
	}{
		{one.url + "/metrics", "", 401},
		{one.url + "/metrics", testKey, 200},
		{one.url + "/debug/pprof/", testKey, 200},
		{one.url + "/debug/pprof/", "", 404},
		{two.url + "/metrics", "", 401},
		{two.url + "/debug/pprof/", testKey, 404},
		{two.operator() + "/metrics", "", 200},
		{two.operator() + "/debug/pprof/", testKey, 200},
		{two.operator() + "/debug/pprof/", "", 404},
		{two.operator() + "/v1/tenants", "", 401},
		{two.operator() + "/v1/tenants", testKey, 200},
		{two.operator() + "/healthz", "", 200},
	} {
		if got := get(c.url, c.key); got != c.want {
			t.Errorf("%s with key %q: %d, want %d", c.url, c.key, got, c.want)
		}
	}
	if got := get(one.url+"/debug/pprof/", "a guess at the key"); got != 404 {
		t.Errorf("profiles with a wrong key: %d", got)
	}
	if n := one.metric(`gancho_keys_refused_total{answer="wrong",door="api"}`); n != 1 {
		t.Errorf("a guess at the key of the profiles was counted %v times, want once: it is a try as any other", n)
	}
}

// TestRefusalIsRead: who sends all of a body that is too large, and reads only then, reads why it is refused.
func TestRefusalIsRead(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	body := make([]byte, 40<<20)
	for _, path := range []string{"/v1/tenants/acme/events", "/v1/contracts", "/v1/session", "/v1/tenants/acme/records"} {
		for range 8 {
			c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", path, testKey, len(body))
			if _, err := c.Write(body); err != nil {
				t.Errorf("%s: sending: %v", path, err)
			}
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if res.StatusCode != http.StatusRequestEntityTooLarge && res.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %s", path, res.Status)
			}
			res.Body.Close()
			c.Close()
		}
	}
}

// TestSlowBodiesLeaveRoom: callers of one tenant send twice what may be in memory, and stop before the end. Another
// tenant publishes a large event meanwhile.
func TestSlowBodiesLeaveRoom(t *testing.T) {
	t.Parallel()
	p := startWith(t, place{dir: t.TempDir()}, func(c *testConfig) { c.MaxBodies = 64 << 20 })
	for _, tenant := range []string{"slow", "other"} {
		if _, err := p.PutTenant(t.Context(), tenant, client.TenantInput{}); err != nil {
			t.Fatal(err)
		}
	}
	most := bytes.Repeat([]byte("[1,2,3,4]      \n"), 20<<16) // 20 MiB, for which a buffer of 32 MiB is needed
	sent := make(chan struct{})
	for range 4 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		go func() {
			defer func() { sent <- struct{}{} }()
			_, _ = fmt.Fprintf(conn, "POST /v1/tenants/slow/events HTTP/1.1\r\nHost: gancho\r\nAuthorization: Bearer %s\r\n"+
				"Content-Length: %d\r\n\r\n", testKey, len(most)+1)
			_ = conn.SetWriteDeadline(time.Now().Add(time.Minute))
			_, _ = conn.Write(most) // it is cut off if it finds no room
		}()
	}
	for range 2 {
		<-sent
	}
	event := `{"type":"a","payload":"` + strings.Repeat("x", 200<<10) + `"}`
	if status, answer := p.call(testKey, "POST", "/v1/tenants/other/events", event); status != http.StatusAccepted {
		t.Errorf("another tenant: %d %s", status, answer)
	}
	for range 2 {
		<-sent
	}
}
