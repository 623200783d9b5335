package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// An attempt is read as it was stored.
func TestAttemptIsStored(t *testing.T) {
	t.Parallel()
	d := hook.NewEventID().Delivery(1)
	at := time.Date(2026, 11, 21, 18, 0, 0, 123456000, time.UTC)
	header := []hook.Header{{Name: "b", Value: "1"}, {Name: "A", Value: "2"}}
	for name, a := range map[string]hook.Attempt{
		"succeeded": {
			Transport: "http", Request: hook.Request{Method: "POST", URL: "https://a.example/", Headers: header, Body: []byte("x")},
			Response: &hook.Response{Status: 200, Headers: header, Body: []byte{0xff}, Truncated: true},
			Timing:   hook.Timing{DNS: 1000, Connect: 2000, TLS: 3000, FirstByte: 4000, Total: 5000},
		},
		"without an answer": {Transport: "http", Class: hook.ClassTimeout, Detail: "It took too long."},
		"interrupted":       {Transport: "http", Class: hook.ClassInterrupted, Interrupted: true},
		"without a status":  {Transport: "queue", Response: &hook.Response{Body: []byte("x")}},
		"an empty answer":   {Transport: "queue", Response: &hook.Response{}},
	} {
		a.Delivery, a.Number, a.StartedAt = d, 3, at
		got, err := decodeAttempt(d, 3, encodeAttempt(&a))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&a, got); diff != "" {
			t.Errorf("%s (-stored +read):\n%s", name, diff)
		}
	}
	if a, err := decodeAttempt(d, 1, []byte(`{"at":1,"t":[0,0,0,0,0]}`)); err != nil || a.Transport != "http" {
		t.Errorf("stored before there were transports: %+v, %v", a, err)
	}
}
