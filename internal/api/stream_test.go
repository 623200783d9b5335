package api_test

import (
	"bufio"
	"context"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gancho.example/client"
	"gancho/internal/hook"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

// watch starts reading a stream over a real connection.
func watch(t *testing.T, url, key, tenant string) (next func() (client.Notice, error, bool)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	next, stop := iter.Pull2(client.New(url, key).Stream(ctx, tenant))
	t.Cleanup(func() { cancel(); stop() })
	return next
}

func TestStream(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	srv := httptest.NewServer(s.api)
	t.Cleanup(srv.Close)
	acme, other := s.tenant("acme"), s.tenant("other")
	_, id := s.endpoint(acme, `{"url":"`+nobody+`/"}`)
	_, theirs := s.endpoint(other, `{"url":"`+nobody+`/"}`)
	key := s.key(`{"role":"read","tenant":"acme"}`)

	// A caller who may not watch gets a problem, as from every operation.
	for _, c := range []struct{ key, tenant, code string }{{key, "other", "tenant_not_found"}, {adminKey, "nobody", "tenant_not_found"}, {"gk_wrong", "", "key_invalid"}} {
		_, err, _ := watch(t, srv.URL, c.key, c.tenant)()
		if p, ok := errors.AsType[*client.Problem](err); !ok || p.Code != c.code {
			t.Errorf("%s on %s: %v", c.key, c.tenant, err)
		}
	}
	s.do("HEAD", "/v1/stream", "").want(200) // does not hang

	// When the answer has begun, the reader is subscribed.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+"/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); res.StatusCode != 200 || got != "text/event-stream" || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s", res.StatusCode, got)
	}
	s.do("PATCH", other+"/endpoints/"+theirs, `{"name":"theirs"}`).want(200)
	s.do("PATCH", acme+"/endpoints/"+id, `{"name":"ours"}`).want(200)
	event := s.do("POST", acme+"/events", `{"type":"a","payload":"private thing"}`).want(202).str("id")
	d := s.deliveriesOf("acme", event)[0]
	d.State, d.NextAttemptAt = hook.Retrying, time.Now().Add(time.Minute)
	s.live.Attempted(&d, &hook.Attempt{Number: 1, StartedAt: time.Now(), Class: hook.ClassTimeout, Timing: hook.Timing{Total: 1500 * time.Millisecond}})
	lines := bufio.NewScanner(res.Body)
	var got []string
	for len(got) < 4 && lines.Scan() {
		if strings.HasPrefix(lines.Text(), "event: ") || strings.HasPrefix(lines.Text(), "data: ") {
			got = append(got, lines.Text())
		}
	}
	if len(got) != 4 || got[0] != "event: endpoint" || !strings.Contains(got[1], id) || got[2] != "event: attempt" ||
		!strings.Contains(got[3], `"delivery":"`+d.ID.String()+`"`) || !strings.Contains(got[3], `"class":"timeout"`) || !strings.Contains(got[3], `"duration_ms":1500`) {
		t.Errorf("got %s", strings.Join(got, "\n"))
	}
	if all := strings.Join(got, ""); strings.Contains(all, theirs) || strings.Contains(all, "private") {
		t.Errorf("told too much: %s", all)
	}

	// When the server stops, the stream ends without an error, and the next one is refused.
	next := watch(t, srv.URL, adminKey, "")
	began, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		for n := 0; ; n++ {
			if _, err, ok := next(); err != nil || !ok {
				if err != nil {
					t.Errorf("at the end: %v", err)
				}
				return
			}
			if n == 0 {
				close(began)
			}
		}
	}()
	again := time.NewTicker(5 * time.Millisecond) // until the reader is subscribed
	defer again.Stop()
	for waiting := true; waiting; {
		select {
		case <-began:
			waiting = false
		case <-told:
			waiting = false
		case <-again.C:
			s.live.Changed(hook.Change{Tenant: "acme"})
		}
	}
	s.live.Close()
	for lines.Scan() { // to the end
	}
	if err := lines.Err(); err != nil {
		t.Errorf("at the end: %v", err)
	}
	select {
	case <-told:
	case <-time.After(time.Minute):
		t.Error("a stream goes on after the stop")
	}
	if a := s.do("GET", "/v1/stream", "").want(429); a.str("code") != "too_many_streams" {
		t.Errorf("after the stop: %s", a.Body)
	}
}

// TestStreamEndsWithItsKey revokes the key of a stream, in fake time. The stream ends when the key is checked next.
func TestStreamEndsWithItsKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newServerOf(t, storetest.OpenAt(t, filepath.Join(dir, "gancho.db"), store.NewKey()))
		s.tenant("acme")
		made := s.do("POST", "/v1/keys", `{"role":"tenant","tenant":"acme"}`).want(201)
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/stream", nil)
		r.Header.Set("Authorization", "Bearer "+made.str("key"))
		done := make(chan struct{})
		go func() { defer close(done); s.api.ServeHTTP(w, r) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("ended although its key is good")
		default:
		}
		s.do("DELETE", "/v1/keys/"+made.str("id"), "").want(204)
		time.Sleep(time.Minute)
		<-done
		if got := strings.Count(w.Body.String(), ":\n\n"); got < 200 {
			t.Errorf("%d beats in an hour", got)
		}
	})
}
