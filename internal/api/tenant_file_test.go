package api_test

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// stuckDownload takes the beginning of an answer, and the rest when free is closed.
type stuckDownload struct {
	*httptest.ResponseRecorder
	once        sync.Once
	stuck, free chan struct{}
}

func (d *stuckDownload) Write(b []byte) (int, error) {
	if d.Body.Len() > 100<<10 {
		d.once.Do(func() { close(d.stuck) })
		<-d.free
	}
	return d.ResponseRecorder.Write(b)
}

// Somebody who downloads an export slowly does not keep others from exporting, or from erasing, which needs a log that nobody reads.
func TestSlowExport(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.tenant("acme")
	s.tenant("other")
	for range 10 {
		s.do("POST", "/v1/tenants/acme/events", `{"type":"a.b","payload":{"x":"`+hex.EncodeToString(random(t, 25<<10))+`"}}`).want(202)
	}
	s.do("POST", "/v1/tenants/other/events", `{"type":"a.b","payload":{"email":"ana@example.com"}}`).want(202)

	export := func(w http.ResponseWriter, tenant string) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/tenants/"+tenant+"/export", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+adminKey)
		r.Header.Set("Gancho-Passphrase", "correct horse battery")
		s.api.ServeHTTP(w, r)
	}
	slow := &stuckDownload{ResponseRecorder: httptest.NewRecorder(), stuck: make(chan struct{}), free: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		export(slow, "acme")
	}()
	release := sync.OnceFunc(func() { close(slow.free); <-done })
	defer release()
	select {
	case <-slow.stuck:
	case <-done:
		t.Fatalf("the download ended before it was stuck: %d, %d bytes", slow.Code, slow.Body.Len())
	}
	s.do("POST", "/v1/tenants/other/erase-subject", `{"path":"email","value":"ana@example.com"}`).want(200)
	other := httptest.NewRecorder()
	if export(other, "other"); other.Code != 200 {
		t.Errorf("another export: %d %s", other.Code, other.Body)
	}
	release()
	if n := slow.Header().Get("Gancho-Unreadable"); slow.Code != 200 || n != "0" {
		t.Errorf("the slow download: %d, %q values are unreadable", slow.Code, n)
	}
}

func random(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}
