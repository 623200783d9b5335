package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"gancho/internal/hook"
)

// attemptRow is an attempt as it is stored: one JSON value, because attempts are always
// read whole, by the id of their delivery. The names are short because there are many.
type attemptRow struct {
	Started     int64         `json:"at"` // microseconds since 1970
	Method      string        `json:"m,omitempty"`
	URL         string        `json:"u,omitempty"`
	Sent        []hook.Header `json:"h,omitempty"`
	Body        []byte        `json:"b,omitempty"` // empty if it is the payload or the frozen body
	Status      int           `json:"s,omitempty"`
	Got         []hook.Header `json:"rh,omitempty"`
	Answer      []byte        `json:"rb,omitempty"`
	Truncated   bool          `json:"rt,omitempty"`
	Timing      [5]int64      `json:"t"` // microseconds: DNS, connect, TLS, first byte, total
	Class       string        `json:"c,omitempty"`
	Detail      string        `json:"d,omitempty"`
	Interrupted bool          `json:"i,omitempty"`
	Transport   string        `json:"x,omitempty"` // empty: httpTransport
	NoStatus    bool          `json:"n,omitempty"` // there is a response, but it has no status
}

// httpTransport is the transport of nearly all attempts, so it is not stored.
const httpTransport = "http"

// encodeAttempt encodes an attempt without its delivery and number, which have columns of
// their own.
func encodeAttempt(a *hook.Attempt) []byte {
	row := attemptRow{
		Started: a.StartedAt.UnixMicro(), Method: a.Request.Method, URL: a.Request.URL, Sent: a.Request.Headers,
		Body: a.Request.Body,
		Timing: [5]int64{
			a.Timing.DNS.Microseconds(), a.Timing.Connect.Microseconds(), a.Timing.TLS.Microseconds(),
			a.Timing.FirstByte.Microseconds(), a.Timing.Total.Microseconds(),
		},
		Class: a.Class, Detail: a.Detail, Interrupted: a.Interrupted,
	}
	if a.Transport != httpTransport {
		row.Transport = a.Transport
	}
	if r := a.Response; r != nil {
		row.Status, row.Got, row.Answer, row.Truncated = r.Status, r.Headers, r.Body, r.Truncated
		row.NoStatus = !r.HasStatus()
	}
	data, err := json.Marshal(row)
	if err != nil { // a struct of plain values always encodes
		panic(err)
	}
	return data
}

func decodeAttempt(id hook.DeliveryID, number int, data []byte) (*hook.Attempt, error) {
	var row attemptRow
	if err := json.Unmarshal(data, &row); err != nil {
		return nil, fmt.Errorf("attempt %d of %s: %w", number, id, err)
	}
	us := func(i int) time.Duration { return time.Duration(row.Timing[i]) * time.Microsecond }
	a := &hook.Attempt{
		Delivery: id, Number: number, StartedAt: time.UnixMicro(row.Started).UTC(),
		Request: hook.Request{Method: row.Method, URL: row.URL, Headers: row.Sent, Body: row.Body},
		Timing:  hook.Timing{DNS: us(0), Connect: us(1), TLS: us(2), FirstByte: us(3), Total: us(4)},
		Class:   row.Class, Detail: row.Detail, Interrupted: row.Interrupted, Transport: cmp.Or(row.Transport, httpTransport),
	}
	if row.Status != 0 || row.NoStatus {
		a.Response = &hook.Response{Status: row.Status, Headers: row.Got, Body: row.Answer, Truncated: row.Truncated}
	}
	return a, nil
}
