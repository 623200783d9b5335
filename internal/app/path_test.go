package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho.example/client"
	"gancho/internal/api"
)

// TestBelowPath: a server is known as https://…/gancho, behind a proxy that removes the path from requests and behind one
// that passes it on. Everything that people and programs do works at that address, and no address leads out of it.
func TestBelowPath(t *testing.T) {
	t.Parallel()
	for name, strip := range map[string]bool{"stripped": true, "passed on": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			belowPath(t, strip)
		})
	}
}

func belowPath(t *testing.T, strip bool) {
	var p *process
	const path = "/tools/gancho"
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inside := http.Handler(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			to, err := url.Parse(p.url)
			if err != nil {
				t.Error(err)
				return
			}
			r.SetURL(to)
			r.Out.Host = r.In.Host
		}, FlushInterval: -1})
		if strip {
			inside = http.StripPrefix(path, inside)
		}
		if r.URL.Path != path && !strings.HasPrefix(r.URL.Path, path+"/") {
			t.Errorf("something asks the website for %s, which is not below %s", r.URL.Path, path)
		}
		inside.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	public := proxy.URL + path
	p = startWith(t, place{dir: t.TempDir()}, func(c *testConfig) { c.PublicURL = public })
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: time.Minute}
	type answer struct {
		status  int
		url     *url.URL // after redirects
		cookies []*http.Cookie
	}
	ask := func(method, url, key, body string) (answer, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", "text/html, */*")
		if key != "" {
			req.Header.Set("Authorization", "Bearer "+key)
		}
		res, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		all, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer{res.StatusCode, res.Request.URL, res.Cookies()}, string(all)
	}

	// The page, what it names, and what a page in the depth names.
	for _, at := range []string{"", "/", "/t/acme/endpoints", "/portal"} {
		res, page := ask(http.MethodGet, public+at, "", "")
		links := regexp.MustCompile(`(?:href|src)="([^"]+)"`).FindAllStringSubmatch(page, -1)
		if res.status != 200 || len(links) == 0 {
			t.Fatalf("%q: %d %s", at, res.status, page)
		}
		for _, l := range links {
			if res, _ := ask(http.MethodGet, proxy.URL+l[1], "", ""); !strings.HasPrefix(l[1], path+"/") || res.status != 200 {
				t.Errorf("the page at %q names %s: %d", at, l[1], res.status)
			}
		}
	}
	// The browser keeps the cookie for these paths only, and it works for all of them until signing out.
	res, text := ask(http.MethodPost, public+"/v1/session", "", `{"key":"`+testKey+`"}`)
	if cookies := res.cookies; res.status != 201 || len(cookies) != 1 || cookies[0].Path != path+"/v1" {
		t.Fatalf("signing in: %d %v %s", res.status, cookies, text)
	}
	copied := res.cookies[0]
	if res, text := ask(http.MethodPut, public+"/v1/tenants/acme", "", `{"name":"Acme"}`); res.status != 201 {
		t.Fatalf("with the cookie: %d %s", res.status, text)
	}
	watching, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(watching, http.MethodGet, public+"/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := browser.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stream.Body).ReadString('\n'); line != "retry: 2000\n" {
		t.Errorf("the stream begins with %q, %v", line, err)
	}
	cancel()
	stream.Body.Close()
	if res, text := ask(http.MethodDelete, public+"/v1/session", "", ""); res.status != 204 {
		t.Errorf("signing out: %d %s", res.status, text)
	}
	if u, err := url.Parse(public + "/v1/session"); err != nil || len(jar.Cookies(u)) > 0 {
		t.Errorf("after signing out the browser still has %v, %v", jar.Cookies(u), err)
	}
	jar.SetCookies(res.url, []*http.Cookie{copied})
	if res, text := ask(http.MethodGet, public+"/v1/session", "", ""); res.status != 401 {
		t.Errorf("with a copy of the cookie: %d %s", res.status, text)
	}

	// A portal link, made by a program at the server's own address.
	link, err := p.CreatePortalLink(t.Context(), "acme", client.PortalLinkInput{Name: "Ana"})
	if err != nil {
		t.Fatal(err)
	}
	address, token, _ := strings.Cut(link.URL, "#")
	if address != public+"/portal" {
		t.Errorf("the link leads to %s", address)
	}
	res, text = ask(http.MethodPost, public+"/v1/portal-sessions", "", `{"token":"`+token+`"}`)
	var session client.PortalSession
	if err := json.Unmarshal([]byte(text), &session); err != nil || res.status != 201 {
		t.Fatalf("opening the link: %d %s", res.status, text)
	}
	if res, _ := ask(http.MethodGet, public+"/v1/tenants/acme/endpoints", session.Token, ""); res.status != 200 {
		t.Errorf("with the token of the portal: %d", res.status)
	}

	// Programs: the client, with and without the path; the description; a redirect; the documentation for customers.
	for _, base := range []string{public, p.url, p.url + path} {
		if _, err := client.New(base, testKey).PublishEvent(t.Context(), "acme", client.NewEvent{
			Type: "order.paid", Payload: json.RawMessage(`{}`),
		}); err != nil {
			t.Errorf("publishing at %s: %v", base, err)
		}
	}
	if _, text = ask(http.MethodGet, public+"/openapi.json", "", ""); !strings.Contains(text, `"servers":[{"url":"`+public+`"}]`) {
		t.Errorf("the description does not name %s as the server", public)
	}
	if res, text := ask(http.MethodGet, public+"/v1//tenants", testKey, ""); res.status != 200 ||
		res.url.Path != path+"/v1/tenants" {
		t.Errorf("a path with an empty segment leads to %s: %d %s", res.url, res.status, text)
	}
	for what, want := range map[string]string{"docs": "'" + public + "/", "openapi": `"url": "` + public + `"`} {
		if _, text := ask(http.MethodGet, public+"/v1/contracts/cabaprop/"+what, testKey, ""); !strings.Contains(text, want) {
			t.Errorf("the %s of cabaprop do not have %s", what, want)
		}
	}
}

// TestOwnPaths: the path of a public URL cannot begin as a path of the API or of the console does. If the proxy removes it,
// and the path of a request begins with it again, the server would remove what is its own.
func TestOwnPaths(t *testing.T) {
	t.Parallel()
	var doc struct{ Paths map[string]any }
	if err := json.Unmarshal(api.Document(api.Options{}, "3.1"), &doc); err != nil {
		t.Fatal(err)
	}
	pages, err := os.ReadFile("../../web/src/router.tsx")
	if err != nil {
		t.Fatal(err)
	}
	paths := slices.Collect(maps.Keys(doc.Paths))
	for _, page := range regexp.MustCompile(`"(/[^"]+)"`).FindAllStringSubmatch(string(pages), -1) {
		paths = append(paths, page[1])
	}
	if len(paths) < 50 {
		t.Errorf("only %d paths are found", len(paths))
	}
	for _, path := range paths {
		if first := strings.Split(path, "/")[1]; !slices.Contains(ownPaths, first) {
			t.Errorf("%s is a path of Gancho, and a public URL may begin with /%s", path, first)
		}
	}
}

func TestPublicURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://example.com": "https://example.com ", "https://example.com/": "https://example.com ",
		" https://example.com:8443/gancho/ ": "https://example.com:8443/gancho /gancho", "http://127.0.0.1/a/b.c": "http://127.0.0.1/a/b.c /a/b.c",
		"": "", "example.com": "", "ftp://example.com": "", "https://u@example.com": "", "https://example.com/a?b": "",
		"https://example.com/a#b": "", "https://example.com/a b": "", "https://example.com/a%20b": "", "https://example.com//a": "",
		"https://example.com/../a": "", "https://example.com/a/..": "", `https://example.com/"a`: "", "https://example.com/a;b": "",
		"https://example.com/v1": "", "https://example.com/portal/x": "", "https://example.com/t": "", "https://example.com/in": "",
		"https://example.com/v1x": "https://example.com/v1x /v1x",
	} {
		var p PublicURL
		got := ""
		if err := p.UnmarshalText([]byte(text)); err == nil {
			got = fmt.Sprint(string(p), " ", p.path())
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	var o Origin
	if err := o.UnmarshalText([]byte("https://example.com/gancho")); err == nil {
		t.Error("an origin has a path")
	}
}
