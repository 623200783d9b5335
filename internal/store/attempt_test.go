package store

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// An attempt is read as it was stored.
func TestAttemptIsStored(t *testing.T) {
	t.Parallel()
	s := testSealer(t, NewKey(), formPlain)
	d := hook.NewEventID().Delivery(1)
	at := time.Date(2026, 11, 21, 18, 0, 0, 123456000, time.UTC)
	header := []hook.Header{{Name: "b", Value: "1"}, {Name: "A", Value: "2"}}
	for name, a := range map[string]hook.Attempt{
		"succeeded": {
			Transport: "http", Request: hook.Request{Method: "POST", URL: "https://a.example/", Headers: header, Body: []byte("x")},
			Response: &hook.Response{Status: 200, Headers: header, Body: []byte{0xff}, Truncated: true},
			Timing:   hook.Timing{DNS: 1000, Connect: 2000, TLS: 3000, FirstByte: 4000, Total: 5000},
		},
		"without an answer":                  {Transport: "http", Class: hook.ClassTimeout, Detail: "It took too long."},
		"decided by a rule":                  {Transport: "http", Class: hook.ClassStatus4xx, Detail: "It failed.", Extra: &hook.Extra{Rule: "stop_if"}},
		"a rule that failed":                 {Transport: "http", Class: hook.ClassStatus4xx, Detail: "It failed.", Extra: &hook.Extra{Rule: "retry_if", RuleFailed: "The rule stop_if cannot be applied."}},
		"delivered, with a rule that failed": {Transport: "http", Extra: &hook.Extra{RuleFailed: "The rule stop_if cannot be applied."}},
		"after steps": {Transport: "http", Extra: &hook.Extra{Steps: []hook.Step{
			{What: hook.StepToken, Method: "POST", URL: "https://a.example/token", Status: 200, Took: time.Second},
			{What: hook.StepRequest, Method: "POST", URL: "https://a.example/", Class: hook.ClassTimeout},
		}}},
		"interrupted":      {Transport: "http", Class: hook.ClassInterrupted, Interrupted: true},
		"without a status": {Transport: "queue", Response: &hook.Response{Body: []byte("x")}},
		"an empty answer":  {Transport: "queue", Response: &hook.Response{}},
	} {
		a.Delivery, a.Number, a.StartedAt = d, 3, at
		got, err := s.decodeAttempt(d, 3, s.encodeAttempt(&a))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&a, got); diff != "" {
			t.Errorf("%s (-stored +read):\n%s", name, diff)
		}
	}
	if a, err := s.decodeAttempt(d, 1, []byte(`{"at":1,"t":[0,0,0,0,0]}`)); err != nil || a.Transport != "http" {
		t.Errorf("stored before there were transports: %+v, %v", a, err)
	}
}

// Attempts of earlier releases were stored in plain, and are read as they were.
func TestAttemptInPlainIsRead(t *testing.T) {
	t.Parallel()
	s := testSealer(t, NewKey(), formPlain)
	d := hook.NewEventID().Delivery(1)
	got, err := s.decodeAttempt(d, 2, []byte(`{"at":1000000,"m":"POST","u":"https://a.example/?token=t","h":[{"n":"A","v":"b"}],`+
		`"b":"eA==","s":500,"rh":[{"n":"C","v":"d"}],"rb":"eQ==","rt":true,"t":[1,2,3,4,5],"c":"status_5xx","d":"It failed."}`))
	us := time.Microsecond
	want := &hook.Attempt{
		Delivery: d, Number: 2, Transport: "http", StartedAt: time.Unix(1, 0).UTC(), Class: "status_5xx", Detail: "It failed.",
		Request:  hook.Request{Method: "POST", URL: "https://a.example/?token=t", Headers: []hook.Header{{Name: "A", Value: "b"}}, Body: []byte("x")},
		Response: &hook.Response{Status: 500, Headers: []hook.Header{{Name: "C", Value: "d"}}, Body: []byte("y"), Truncated: true},
		Timing:   hook.Timing{DNS: us, Connect: 2 * us, TLS: 3 * us, FirstByte: 4 * us, Total: 5 * us},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-stored +read):\n%s", err, diff)
	}
}

// sampleAttempt is an attempt of the usual size, with a secret in each place that can have one.
func sampleAttempt(d hook.DeliveryID, number int, secret string) *hook.Attempt {
	headers := []hook.Header{
		{Name: "Content-Type", Value: "application/json"},
		{Name: "User-Agent", Value: "Gancho/1"},
		{Name: "X-Odd", Value: secret},
		{Name: "webhook-id", Value: "evt_06ew2c6eqfy7d00000000000g0"},
		{Name: "webhook-timestamp", Value: "1795341600"},
		{Name: "webhook-signature", Value: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	}
	return &hook.Attempt{
		Delivery: d, Number: number, Transport: "http", StartedAt: time.Unix(1_795_341_600, 0).UTC(), Class: "status_5xx", Detail: "no: " + secret,
		Request: hook.Request{Method: "POST", URL: "https://u:" + secret + "@crm.example.com/hooks/" + secret + "?token=" + secret, Headers: headers, Body: []byte(secret)},
		Response: &hook.Response{
			Status: 500, Body: []byte("echo " + secret),
			Headers: []hook.Header{{Name: "Content-Type", Value: "text/plain"}, {Name: "Set-Cookie", Value: secret}},
		},
		Timing: hook.Timing{DNS: 1000, Connect: 2000, TLS: 3000, FirstByte: 4000, Total: 5000},
	}
}

// What is stored of an attempt shows no text of the request or the answer. In another row, or cut
// or changed, it is unreadable, and what needs no secret is still there.
func TestAttemptIsSealed(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-of-the-customer"
	for _, form := range []byte{formPlain, formKeyed} {
		s := testSealer(t, NewKey(), form)
		d := hook.NewEventID().Delivery(1)
		data := s.encodeAttempt(sampleAttempt(d, 1, secret))
		if strings.Contains(string(data), secret[:8]) || strings.Contains(string(data), "example.com") || !json.Valid(data) {
			t.Errorf("stored: %s", data)
		}
		cut := slices.Replace(slices.Clone(data), len(data)-20, len(data)-10) // ten characters of the sealed part
		for name, read := range map[string]func() (*hook.Attempt, error){
			"another attempt":  func() (*hook.Attempt, error) { return s.decodeAttempt(d, 2, data) },
			"another delivery": func() (*hook.Attempt, error) { return s.decodeAttempt(hook.NewEventID().Delivery(1), 1, data) },
			"another key": func() (*hook.Attempt, error) {
				return testSealer(t, NewKey(), form).decodeAttempt(d, 1, data)
			},
		} {
			a, err := read()
			if err != nil || !a.Unreadable || a.Request.URL != "" || a.Response.Status != 500 || a.Class != "status_5xx" || a.Timing.Total != 5000 {
				t.Errorf("%s: %+v, %v", name, a, err)
			}
		}
		if a, err := s.decodeAttempt(d, 1, cut); err == nil && !a.Unreadable {
			t.Errorf("cut: %+v", a)
		}
	}
}

func BenchmarkEncodeAttempt(b *testing.B) {
	k, err := newSealKey(NewKey())
	if err != nil {
		b.Fatal(err)
	}
	s := &sealer{}
	s.keys.Store(&ring{active: k, keys: []*sealKey{k}})
	a := sampleAttempt(hook.NewEventID().Delivery(1), 1, "0123456789")
	b.ReportAllocs()
	for b.Loop() {
		data := s.encodeAttempt(a)
		b.ReportMetric(float64(len(data)), "B/attempt")
	}
}
