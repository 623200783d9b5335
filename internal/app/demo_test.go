package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"sync"
	"testing"

	"gancho.example/client"
	"gancho/contracts"
)

// screen collects what a person would see.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *screen) find(re *regexp.Regexp) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := re.FindStringSubmatch(s.buf.String())
	if m == nil {
		return "", false
	}
	return m[1], true
}

// What `make run` promises: a new user sees an address, a key and three curl
// lines, and within seconds the visit of the shipped example arrives, byte for
// byte, with the receiver's token in its header; the API shows the delivery.
func TestDemo(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Listen, cfg.Data, cfg.Demo = "127.0.0.1:0", t.TempDir(), true
	ctx, stop := context.WithCancel(t.Context())
	var out screen
	done := make(chan error, 1)
	go func() { done <- Run(ctx, cfg, &out, t.Output()) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	wait := func(what, pattern string) (found string) {
		t.Helper()
		re := regexp.MustCompile(pattern)
		eventually(t, what, func() (ok bool) { found, ok = out.find(re); return ok })
		return found
	}
	api := wait("the address", `(?m)^  Console +(http://\S+)$`)
	key := wait("the key", `(?m)^  Admin key +(\S+)$`)
	receiver := wait("the third curl line", `(?m)^  curl -s '(http://\S+/requests)'$`)

	want, err := contracts.Files.ReadFile("examples/kobra-finish-visit.compact.json")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Items []struct {
			Method  string
			Headers [][2]string
			Body    string
		}
	}
	eventually(t, "the visit arrives", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, receiver, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := new(http.Client).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		return len(got.Items) > 0
	})
	first := got.Items[0]
	if first.Method != "POST" || first.Body != string(want) {
		t.Errorf("%s with body\n%s\nwant\n%s", first.Method, first.Body, want)
	}
	token := ""
	for _, h := range first.Headers {
		if h[0] == "api-key" { // spelled like that
			token = h[1]
		}
	}
	if token != "demo-token-of-the-receiver" {
		t.Errorf("headers %v", first.Headers)
	}
	c := client.New(api, key)
	eventually(t, "the API shows it", func() bool {
		list, err := c.Deliveries(t.Context(), "demo", client.DeliveryFilter{State: "delivered"})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.Items) > 0
	})
	if info, err := os.Stat(cfg.Data + "/admin.key"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file: %v %v", info, err)
	}
}
