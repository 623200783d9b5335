package guide

import (
	"bytes"
	"context"
	"fmt"
	"go/format"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/sign"
)

// TestReceiversWork runs every sample program of every contract and sends it genuine requests and others. It needs php,
// node and python3 (make test-needs), and fails without them.
func TestReceiversWork(t *testing.T) {
	t.Parallel()
	all := append(shipped(t), parse(
		t,
		strings.Replace(minimal, "Shop", `"Shop */ ?> it's"`, 1)+
			"\ndelivery: {success: response.status == 202 && response.is_json}",
	))
	all = append(append(all, describedContracts(t)...), otherBodies(t)...)
	dir := t.TempDir()
	for _, c := range all {
		for _, r := range Receivers(c, "en") {
			sub := filepath.Join(dir, c.Name)
			if err := os.MkdirAll(sub, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(sub, r.File), r.Code, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	goPrograms(t, dir)
	for _, c := range all {
		for _, r := range receivers {
			t.Run(c.Name+"/"+r.Name, func(t *testing.T) {
				t.Parallel()
				tryReceiver(t, c, start(t, filepath.Join(dir, c.Name), r.Name, "WEBHOOK_SECRET="+secretOf(c)))
			})
		}
	}
}

// goPrograms compiles all programs in Go with one command.
func goPrograms(t *testing.T, dir string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module receivers\n\ngo 1.22\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(
		t.Context(), "go", "build", "-ldflags", "-s -w", "-o", filepath.Join(dir, "bin")+string(filepath.Separator),
		"./...",
	)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
}

const standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// describedContracts have signatures of their own: they use between them all that the sample programs can compute, and
// the last one more than that.
func describedContracts(t *testing.T) (list []*contract.Contract) {
	t.Helper()
	for i, sign := range []string{
		`{over: "${timestamp}.${body}", headers: {X-Sig: "t=${timestamp},v1=${signature}"}, several: {join: ","}}`,
		`{algorithm: hmac-sha512, key: hex, encoding: base64url, timestamp: rfc3339, over: "${event.id}:${timestamp}:${nonce}:${header.x-kind}.'\"${body}",
		  headers: {X-Id: "${event.id}", X-Nonce: "n ${nonce}", X-Time: "${timestamp}", X-Sig: "${signature}"}}`,
		`{algorithm: sha256, over: "${secret}${body}", headers: {X-Sig: "sha256=${signature}"}}`,
		`{algorithm: hmac-sha1, key: whsec, encoding: base64, timestamp: unix_ms, over: "${timestamp}${body}", headers: {X-Time: "${timestamp}", X-Sig: "v1,${signature}"}, several: {join: " "}}`,
		`{algorithm: hmac-sha384, key: sha1, encoding: base64, headers: {X-Sig: "HMAC ${signature}"}}`,
		`{algorithm: sha512, over: "${secret}${body}", headers: {X-Sig: "${signature}"}}`,
		`{over: "${url}${body}", headers: {X-Sig: "${signature}"}}`,
	} {
		list = append(list, parse(t, fmt.Sprintf("contract: described-%d\ntitle: {en: Shop}\nevents: {paid: {title: {en: Paid}}}\nendpoint:\n  headers: {X-Kind: a}\n  sign: %s\n", i, sign)))
	}
	return list
}

// otherBodies are contracts whose requests have no body, a form, or a text.
func otherBodies(t *testing.T) (list []*contract.Contract) {
	t.Helper()
	for i, endpoint := range []string{
		`{method: GET, query: {id: "${payload.id}"}}`,
		`{form: {fields: nested}, headers: {X-Token: "${settings.token}"}, settings: {required: [token], properties: {token: {type: string, secret: true, title: T}}}}`,
		`{body: {$raw: "<id>${xml(payload.id)}</id>", content_type: text/xml}, sign: {over: "${timestamp}.${body}", headers: {X-Sig: "t=${timestamp},v1=${signature}"}, several: {join: ","}}}`,
		`{method: DELETE, form: {fields: flat}, sign: standard-webhooks}`,
	} {
		list = append(list, parse(t, fmt.Sprintf("contract: other-%d\ntitle: Shop\nevents: {paid: {title: Paid, example: '{\"id\":7}'}}\nendpoint: %s\n", i, endpoint)))
	}
	return list
}

// secretOf is the secret that a receiver of the contract has.
func secretOf(c *contract.Contract) string {
	f := gather(c)
	switch f.checked().kind {
	case bySignature:
		return standardSecret
	case byRecipe:
		return "00112233445566778899aabbccddeeff" // as a text, in hexadecimal digits and in base64
	case byURL:
		return "a secret&of=mine"
	}
	return f.auth.secret
}

// running is a sample program that listens.
type running struct {
	url    string
	output *output
}

// output is what a program has printed.
type output struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{}
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.grown <- struct{}{}:
	default:
	}
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// wait waits until the program has printed a text.
func (o *output) wait(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(time.Minute)
	for !strings.Contains(o.String(), text) {
		select {
		case <-o.grown:
		case <-deadline:
			t.Fatalf("it never printed %q, but\n%s", text, o)
		}
	}
}

// start runs a sample program on a free port, with an environment variable. If another program takes the port first, start tries the next one.
func start(t *testing.T, dir, language, variable string) running {
	t.Helper()
	for attempt := 1; ; attempt++ {
		r, err := tryStart(t, dir, language, variable)
		if err == nil {
			return r
		}
		if attempt == 5 {
			t.Fatal(err)
		}
	}
}

func tryStart(t *testing.T, dir, language, variable string) (running, error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	l.Close()

	command := map[string][]string{
		"PHP":    {"php", "-q", "-S", address, "receiver.php"},
		"Node":   {"node", "receiver.mjs"},
		"Python": {"python3", "receiver.py"},
		"Go":     {filepath.Join(filepath.Dir(dir), "bin", filepath.Base(dir))},
	}[language]
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), variable, "PORT="+port)
	out := &output{grown: make(chan struct{}, 1)}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatalf("%v; run make test-needs", err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // it is killed in the end
	}()
	t.Cleanup(func() {
		cancel()
		<-exited
	})
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(2 * time.Minute)
	for {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return running{"http://" + address, out}, nil
		}
		select {
		case <-again.C:
		case <-exited:
			return running{}, fmt.Errorf("%s ended:\n%s", language, out)
		case <-deadline:
			t.Fatalf("%s does not listen:\n%s", language, out)
		}
	}
}

// tryReceiver sends a genuine request, and others that are not.
func tryReceiver(t *testing.T, c *contract.Contract, r running) {
	t.Helper()
	f := gather(c)
	secret := secretOf(c)
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	now := time.Now()
	send := func(req contract.Rendering, secret string) *hook.Response {
		t.Helper()
		body := req.Body
		if f.auth.kind == byBody {
			body = bytes.ReplaceAll(body, []byte(f.auth.secret), []byte(secret))
		}
		out, err := http.NewRequestWithContext(t.Context(), req.Method, r.url+strings.TrimPrefix(req.URL, "https://example.com"), bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range req.Headers {
			out.Header[h.Name] = []string{h.Value}
			if f.auth.kind == byHeader && h.Name == f.auth.header {
				out.Header[h.Name] = []string{f.auth.prefix + secret}
			}
		}
		switch f.checked().kind {
		case byURL:
			q := out.URL.Query()
			q.Set("token", secret)
			out.URL.RawQuery = q.Encode()
		case bySignature, byRecipe:
			s, err := c.Scheme().NewSigner([]hook.Secret{{Text: secret}})
			if err != nil {
				t.Fatal(err)
			}
			signed, err := s.Sign(sign.Message{ID: "evt_1", Time: now, Body: body, Headers: req.Headers})
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range signed.Headers {
				out.Header.Set(h.Name, h.Value)
			}
		}
		answer, err := client.Do(out)
		if err != nil {
			t.Fatalf("%v\n%s", err, r.output)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return &hook.Response{Status: answer.StatusCode, Body: text}
	}
	wrong := "x" + secret[1:]
	switch f.checked().kind {
	case bySignature:
		wrong = sign.StandardWebhooks.NewSecret()
	case byRecipe:
		wrong = "ff" + secret[2:]
	}
	requests := map[string]contract.Rendering{}
	for _, e := range f.events {
		if len(requests) < 3 {
			requests[e.Name] = e.Rendering
		}
	}
	if f.form != "" {
		requests["as a form"] = f.asForm(f.events[0].EventType)
	}
	for name, req := range requests {
		if answer := send(req, secret); !c.Judge(answer).OK {
			t.Errorf("%s: what is genuine is answered with %d %s\n%s", name, answer.Status, answer.Body, r.output)
		}
		r.output.wait(t, "received "+strconv.Itoa(len(req.Body))+" bytes")
		if answer := send(req, wrong); answer.Status != http.StatusUnauthorized {
			t.Errorf("%s: what is not genuine is answered with %d", name, answer.Status)
		}
		if p := f.programmable(); p != nil && p.Seconds > 0 {
			now = time.Now().Add(-10 * time.Minute)
			if answer := send(req, secret); answer.Status != http.StatusUnauthorized {
				t.Errorf("%s: what was sent ten minutes ago is answered with %d", name, answer.Status)
			}
			now = time.Now()
		}
		if kind := f.checked().kind; kind == bySignature || kind == byRecipe {
			continue
		}
		if answer := send(req, secret[:len(secret)-1]+"%"); answer.Status != http.StatusUnauthorized {
			t.Errorf("%s: what is nearly genuine is answered with %d", name, answer.Status)
		}
	}
	broken := f.events[0].Rendering
	broken.Body = []byte(`{"broken":`)
	if answer := send(broken, secret); f.reads() == "" && answer.Status != http.StatusBadRequest {
		t.Errorf("what is no JSON is answered with %d", answer.Status)
	}
	broken.Body = []byte(`[1]`)
	if answer := send(broken, secret); f.auth.kind == byBody && answer.Status != http.StatusUnauthorized {
		t.Errorf("what has no key is answered with %d", answer.Status)
	}
	if answer := send(f.events[0].Rendering, secret); !c.Judge(answer).OK {
		t.Errorf("afterwards it answers %d", answer.Status)
	}
	for _, private := range []string{secret, strings.ReplaceAll(secret, "&", "%26"), wrong} {
		if strings.Contains(r.output.String(), private) {
			t.Errorf("it prints the secret:\n%s", r.output)
		}
	}
}

// TestReceiversRead checks that programs are formatted as usual in their language, and that in other
// languages for people only their comments differ.
func TestReceiversRead(t *testing.T) {
	t.Parallel()
	comment := regexp.MustCompile(`(?m)^\s*(//|#) .*$`)
	for _, c := range append(append(shipped(t), parse(t, minimal)), append(describedContracts(t), otherBodies(t)...)...) {
		english := Receivers(c, "en")
		for _, language := range Languages {
			for i, r := range Receivers(c, language) {
				if got, want := comment.ReplaceAll(r.Code, nil), comment.ReplaceAll(english[i].Code, nil); !bytes.Equal(got, want) {
					t.Errorf("%s in %s does something else in %s", c.Name, r.Name, language)
				}
				if language != "en" && bytes.Equal(r.Code, english[i].Code) {
					t.Errorf("%s in %s has no comments in %s", c.Name, r.Name, language)
				}
				if r.Name == "Go" {
					formatted, err := format.Source(r.Code)
					if err != nil || !bytes.Equal(formatted, r.Code) {
						t.Errorf("%s: gofmt would change it: %v\n%s", c.Name, err, formatted)
					}
				}
			}
		}
	}
}
