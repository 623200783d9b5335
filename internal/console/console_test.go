package console

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func zip(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// get asks as a browser does.
func get(c *Console, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept", "text/html")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	if !c.Takes(r) {
		w.WriteHeader(http.StatusNotFound)
		return w
	}
	c.ServeHTTP(w, r)
	return w
}

func TestServe(t *testing.T) {
	t.Parallel()
	c := serve(fstest.MapFS{
		".gitignore":              {Data: []byte("*")},
		"index.html.gz":           {Data: zip(t, "<p>page")},
		"index.html.br":           {Data: []byte("brotli page")},
		"assets/app-1a2b.js.gz":   {Data: zip(t, "script")},
		"assets/app-1a2b.js.br":   {Data: []byte("brotli script")},
		"assets/logo-1a2b.png":    {Data: []byte("png")},
		"assets/style-1a2b.css":   {Data: []byte("css")},
		"assets/font-1a2b.woff2":  {Data: []byte("font")},
		"assets/unknown-1a2b.zzz": {Data: []byte("?")},
	}, Options{PortalOrigins: []string{"https://app.example.com"}})
	if !c.Built() {
		t.Error("it says it is not built")
	}
	for path, want := range map[string]int{"/": 200, "/t/acme/endpoints": 404} { // somebody who is no browser
		if w := get(c, path, "Accept", "*/*"); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	for _, tc := range []struct{ path, accept, body, encoding, kind, cache string }{
		{"/", "gzip, deflate, br", "brotli page", "br", "text/html; charset=utf-8", "no-cache"},
		{"/t/acme/endpoints", "br;q=0, gzip", "", "gzip", "text/html; charset=utf-8", "no-cache"},
		{"/portal", "", "<p>page", "", "text/html; charset=utf-8", "no-cache"},
		{"/assets/app-1a2b.js", "br", "brotli script", "br", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/assets/app-1a2b.js", "identity", "script", "", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/assets/logo-1a2b.png", "br", "png", "", "image/png", "public, max-age=31536000, immutable"},
		{"/assets/unknown-1a2b.zzz", "br", "?", "", "application/octet-stream", "public, max-age=31536000, immutable"},
	} {
		w := get(c, tc.path, "Accept-Encoding", tc.accept)
		if w.Code != 200 || tc.body != "" && w.Body.String() != tc.body || w.Header().Get("Content-Encoding") != tc.encoding ||
			w.Header().Get("Content-Type") != tc.kind || w.Header().Get("Cache-Control") != tc.cache {
			t.Errorf("%s with %q: %d %v %q", tc.path, tc.accept, w.Code, w.Header(), w.Body)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "script-src 'self';") {
			t.Errorf("%s: %v", tc.path, w.Header())
		}
		if again := get(c, tc.path, "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s again: %d", tc.path, again.Code)
		}
	}
	for path, frames := range map[string]string{
		"/": "frame-ancestors 'none'", "/portals": "frame-ancestors 'none'",
		"/portal": "frame-ancestors 'self' https://app.example.com", "/portal/t/acme": "frame-ancestors 'self' https://app.example.com",
	} {
		if got := get(c, path).Header().Get("Content-Security-Policy"); !strings.HasSuffix(got, frames) {
			t.Errorf("%s: %s", path, got)
		}
	}
	for _, path := range []string{"/assets/nothing.js", "/.gitignore", "/index.html.gz", "/favicon.ico"} {
		if w := get(c, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := get(c, "/t/acme", "Accept", "application/json"); w.Code != http.StatusNotFound {
		t.Errorf("a program that asks for no page: %d", w.Code)
	}
}

// TestBelowPath: only the page itself knows below which path browsers find it.
func TestBelowPath(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"index.html.gz": {Data: zip(t, `<html data-base=""><script src="/assets/a.js"></script>`)},
		"index.html.br": {Data: []byte("brotli page")}, "assets/a.js": {Data: []byte("script")},
	}
	above, below := serve(files, Options{}), serve(files, Options{Path: "/x/gancho"})
	for _, path := range []string{"/", "/portal/t/acme"} {
		w := get(below, path, "Accept-Encoding", "br, gzip")
		want := `<html data-base="/x/gancho"><script src="/x/gancho/assets/a.js"></script>`
		if w.Body.String() != want || w.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s: %v %s", path, w.Header(), w.Body)
		}
		if w.Header().Get("ETag") == get(above, path).Header().Get("ETag") {
			t.Error("the page has the tag that it has without a path")
		}
	}
	if w := get(below, "/assets/a.js"); w.Body.String() != "script" || !below.Built() {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(serve(fstest.MapFS{}, Options{Path: "/gancho"}), "/"); !strings.Contains(w.Body.String(), `"/gancho/openapi.json"`) {
		t.Error(w.Body)
	}
}

func TestUnbuilt(t *testing.T) {
	t.Parallel()
	c := serve(fstest.MapFS{".gitignore": {Data: []byte("*")}}, Options{})
	if w := get(c, "/"); w.Code != 200 || !strings.Contains(w.Body.String(), "make run") || c.Built() {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := get(New(Options{}), "/"); w.Code != 200 {
		t.Errorf("what is embedded: %d", w.Code)
	}
}

// The viewer of the API is a page of its own, which finds its files also below a path.
func TestViewerOfTheAPI(t *testing.T) {
	t.Parallel()
	c := serve(fstest.MapFS{
		"index.html":    {Data: []byte(`<html data-base=""><script src="/assets/index-1.js"></script></html>`)},
		"docs-api.html": {Data: []byte(`<html data-base=""><script src="/assets/docs-api-1.js"></script></html>`)},
	}, Options{Path: "/gancho"})
	r := httptest.NewRequest(http.MethodGet, "/docs/api", nil)
	if !c.Takes(r) {
		t.Error("nobody takes the request")
	}
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	if want := `<html data-base="/gancho"><script src="/gancho/assets/docs-api-1.js"></script></html>`; w.Body.String() != want {
		t.Errorf("%s, want %s", w.Body, want)
	}
}
