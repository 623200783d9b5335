package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

// hungUp is the connection of a caller that hangs up when the body of the answer is written.
type hungUp struct {
	http.ResponseWriter
	hangUp   context.CancelFunc
	statuses []int
}

func (w *hungUp) WriteHeader(status int) { w.statuses = append(w.statuses, status) }

func (w *hungUp) Write([]byte) (int, error) {
	w.hangUp()
	return 0, errors.New("the connection is closed")
}

// A caller that hangs up while it gets the answer makes the server write one status, of which net/http says nothing.
func TestCallerHangsUp(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "GET", "/v1/contracts", nil)
	r.Header.Set("Authorization", "Bearer "+adminKey)
	w := &hungUp{ResponseWriter: httptest.NewRecorder(), hangUp: cancel}
	s.api.ServeHTTP(w, r)
	if len(w.statuses) != 1 || w.statuses[0] != http.StatusOK {
		t.Errorf("statuses %v", w.statuses)
	}
}
