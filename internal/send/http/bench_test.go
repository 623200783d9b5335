package http

import (
	"bytes"
	"context"
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// cpuTime is the processor time that this process has used. It means something also while
// the machine does other work.
func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSend compares Send with the same request made by net/http alone. The difference
// is what the address guard, the clock, the limits and the recorded headers cost.
func BenchmarkSend(b *testing.B) {
	sink := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "ok")
	}))
	defer sink.Close()
	body := bytes.Repeat([]byte("x"), 400)
	headers := []hook.Header{
		{Name: "Content-Type", Value: "application/json"},
		{Name: "User-Agent", Value: "Gancho/1"},
		{Name: "webhook-id", Value: "evt_01234567890123456789012345"},
		{Name: "webhook-timestamp", Value: "1795287133"},
		{Name: "webhook-signature", Value: "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="},
	}
	run := func(b *testing.B, one func() error) {
		b.ReportAllocs()
		b.SetParallelism(16)
		before := cpuTime()
		defer func() { b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op") }()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := one(); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	}
	b.Run("bare", func(b *testing.B) {
		tr := &nethttp.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
		defer tr.CloseIdleConnections()
		run(b, func() error {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			req, err := nethttp.NewRequestWithContext(ctx, "POST", sink.URL, bytes.NewReader(body))
			if err != nil {
				return err
			}
			for _, h := range headers {
				req.Header.Set(h.Name, h.Value)
			}
			resp, err := tr.RoundTrip(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			return err
		})
	})
	for name, clock := range map[string]send.Clock{"send": send.ClockTotal, "send-response-clock": send.ClockResponse} {
		b.Run(name, func(b *testing.B) {
			tr := New(Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
			defer tr.Close()
			m := &send.Message{
				Target: sink.URL, Headers: headers, Body: body,
				Attributes: send.Attributes{Method: "POST", Timeout: time.Minute, Clock: clock},
			}
			run(b, func() error {
				if x := tr.Send(context.Background(), m); x.Class != "" {
					return fmt.Errorf("%s: %s", x.Class, x.Detail)
				}
				return nil
			})
		})
	}
}
