package app

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"gancho.example/client"
)

// The API accepts URLs of exactly the schemes that the server can send to. So nobody
// can make an endpoint that is never delivered to, such as a trial.
func TestSchemes(t *testing.T) {
	t.Parallel()
	got := make(chan struct{}, 1)
	url := listening(t, func(http.ResponseWriter, *http.Request) { got <- struct{}{} })
	p := start(t, t.TempDir())
	ctx := t.Context()
	if _, err := p.PutTenant(ctx, "acme", client.TenantInput{}); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{
		"kafka://broker.example/topic", "shadow:https://a.example/", "shadow://a.example/", "file:///etc/passwd",
	} {
		_, err := p.CreateEndpoint(ctx, "acme", client.EndpointInput{Name: "a", URL: other})
		problem, ok := errors.AsType[*client.Problem](err)
		if !ok || len(problem.Errors) != 1 || problem.Errors[0].Code != "url_scheme" {
			t.Errorf("%s: %v", other, err)
		}
	}
	for _, in := range []client.EndpointInput{
		{Name: "https", URL: "https://a.example/", EventTypes: []string{"none"}},
		{Name: "http", URL: strings.Replace(url, "http:", "HTTP:", 1)},
	} {
		if _, err := p.CreateEndpoint(ctx, "acme", in); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.PublishEvent(ctx, "acme", client.NewEvent{Type: "a", Payload: []byte(`1`)}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-got:
	case <-time.After(time.Minute):
		t.Error("nothing was sent")
	}
}

// People read in the history what a receiver said, in whatever charset or compression it came.
func TestAnswersAreReadable(t *testing.T) {
	t.Parallel()
	const page = "<!DOCTYPE html><title>Sesión expirada</title>"
	const latin = "<!DOCTYPE html><title>Sesi\xf3n expirada</title>"
	codings := map[string]func(w io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"br":   func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
		"zstd": func(w io.Writer) io.WriteCloser {
			z, _ := zstd.NewWriter(w)
			return z
		},
	}
	url := listening(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=ISO-8859-1")
		body := latin
		what, coding, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), ".")
		switch what {
		case "bomb":
			body = strings.Repeat("a", 4<<20)
		case "image":
			w.Header().Set("Content-Type", "image/png")
			body = "\x89PNG\xff"
		}
		if pack := codings[coding]; pack != nil {
			w.Header().Set("Content-Encoding", coding)
			var b bytes.Buffer
			z := pack(&b)
			_, _ = io.WriteString(z, body)
			_ = z.Close()
			body = b.String()
		}
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, body)
	})
	p := start(t, t.TempDir())
	ctx := t.Context()
	if _, err := p.PutTenant(ctx, "acme", client.TenantInput{}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		body      string
		isBase64  bool
		diagnosis string
		truncated bool
	}{
		"/latin1":    {page, false, "success_html_page", false},
		"/page.gzip": {page, false, "success_html_page", false},
		"/page.br":   {page, false, "success_html_page", false},
		"/page.zstd": {page, false, "success_html_page", false},
		"/bomb.gzip": {strings.Repeat("a", 64<<10), false, "success", true},
		"/bomb.br":   {strings.Repeat("a", 64<<10), false, "success", true},
		"/bomb.zstd": {strings.Repeat("a", 64<<10), false, "success", true},
		"/image":     {"", true, "success", false},
	} {
		e, err := p.CreateEndpoint(ctx, "acme", client.EndpointInput{Name: path, URL: url + path})
		if err != nil {
			t.Fatal(err)
		}
		sent, err := p.TestEndpoint(ctx, "acme", e.ID, "en", client.TestInput{})
		if err != nil {
			t.Fatal(path, err)
		}
		d, err := p.Delivery(ctx, "acme", sent.Delivery)
		if err != nil || len(d.AttemptList) != 1 {
			t.Fatal(path, err)
		}
		for where, got := range map[string]struct {
			*client.Response
			code string
		}{"test": {sent.Response, sent.Diagnosis.Code}, "history": {d.AttemptList[0].Response, d.Diagnosis.Code}} {
			if got.Response == nil || got.Body != want.body || got.Truncated != want.truncated ||
				(got.BodyBase64 != "") != want.isBase64 || got.code != want.diagnosis {
				t.Errorf("%s, %s: %s %.200v", path, where, got.code, got.Response)
			}
		}
	}
}
