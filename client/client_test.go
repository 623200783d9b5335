package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"gancho.example/client"
)

// script answers each request with the next handler. The last handler answers all that follow.
func script(t *testing.T, handlers ...http.HandlerFunc) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var n atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := min(int(n.Add(1))-1, len(handlers)-1)
		_, _ = io.Copy(io.Discard, r.Body)
		handlers[i](w, r)
	}))
	t.Cleanup(srv.Close)
	return srv, &n
}

func status(code int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func TestRetries(t *testing.T) {
	t.Parallel()
	busy, ok := status(503, `{"status":503,"code":"storage_unavailable","detail":"x"}`), status(200, `{"id":"acme"}`)
	get := func(c *client.Client) error { _, err := c.Tenant(t.Context(), "acme"); return err }
	post := func(c *client.Client) error { _, err := c.CreateKey(t.Context(), client.KeyInput{}); return err }
	for _, c := range []struct {
		name     string
		handlers []http.HandlerFunc
		retries  int
		call     func(*client.Client) error
		requests int32
		ok       bool
	}{
		{"no retries", []http.HandlerFunc{busy, ok}, 0, get, 1, false},
		{"503 then fine", []http.HandlerFunc{busy, ok}, 2, get, 2, true},
		{"503 on POST then fine", []http.HandlerFunc{busy, ok}, 2, post, 2, true},
		{"429 then fine", []http.HandlerFunc{status(429, ""), ok}, 1, post, 2, true},
		{"always 503", []http.HandlerFunc{busy}, 2, get, 3, false},
		{"404 is final", []http.HandlerFunc{status(404, `{}`), ok}, 2, get, 1, false},
		{"500 is final", []http.HandlerFunc{status(500, `{}`), ok}, 2, get, 1, false},
		{"hung up on GET", []http.HandlerFunc{hangUp, ok}, 2, get, 2, true},
		{"hung up on POST", []http.HandlerFunc{hangUp, ok}, 2, post, 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv, n := script(t, c.handlers...)
			h := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // the standard client repeats GETs by itself on kept connections
			err := c.call(client.New(srv.URL, "key", client.WithRetries(c.retries), client.WithHTTPClient(h)))
			if (err == nil) != c.ok || n.Load() != c.requests {
				t.Errorf("%d requests, want %d; error %v", n.Load(), c.requests, err)
			}
		})
	}
}

// A server that asks to wait for longer than the caller has time gets no second request, and the caller learns at once.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	srv, n := script(t, status(503, "", "Retry-After", "3600"))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	_, err := client.New(srv.URL, "key", client.WithRetries(5)).Tenant(ctx, "acme")
	p, ok := errors.AsType[*client.Problem](err)
	if !ok || p.RetryAfter != time.Hour || !errors.Is(err, context.DeadlineExceeded) || n.Load() != 1 {
		t.Errorf("%d requests, %v", n.Load(), err)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		code   string
		text   string
	}{
		{
			"ours", status(422, `{"type":"t","title":"x","status":422,"code":"request_invalid","detail":"2 values are wrong; see errors.","errors":[{"pointer":"/a","detail":"A."},{"parameter":"limit","detail":"B."}]}`),
			"request_invalid", "422 request_invalid: 2 values are wrong; see errors. (/a: A.) (limit: B.)",
		},
		{"a proxy's", status(502, `<html>`), "http_502", "502 http_502: The server did not explain itself."},
		{"empty", status(401, ``), "http_401", "401 http_401: The server did not explain itself."},
		{"other JSON", status(400, `{"message":"x"}`), "http_400", "400 http_400: The server did not explain itself."},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv, _ := script(t, c.answer)
			_, err := client.New(srv.URL, "key").Tenant(t.Context(), "acme")
			p, ok := errors.AsType[*client.Problem](err)
			if !ok || p.Code != c.code || err.Error() != c.text {
				t.Errorf("%v", err)
			}
		})
	}
	srv, _ := script(t, status(200, `nonsense`))
	if _, err := client.New(srv.URL, "key").Tenant(t.Context(), "acme"); err == nil {
		t.Error("nonsense is taken for a tenant")
	}
}

func TestPathsAreEscaped(t *testing.T) {
	t.Parallel()
	srv, _ := script(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/v1/tenants/a%2Fb%3Fc/events/x%20y" || r.Header.Get("Authorization") != "Bearer key" {
			t.Errorf("%s %v", r.URL.EscapedPath(), r.Header)
		}
		_, _ = io.WriteString(w, `{}`)
	})
	if _, err := client.New(srv.URL, "key").Event(t.Context(), "a/b?c", "x y"); err != nil {
		t.Error(err)
	}
}
