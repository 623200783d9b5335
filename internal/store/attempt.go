package store

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"gancho/internal/hook"
)

// attemptRow is an attempt as it is stored: one JSON value, because attempts are always
// read whole, by the id of their delivery. The names are short because there are many.
//
// Sealed has everything that comes from the configuration or from the network and can contain a
// secret: URL, headers, bodies and the detail of an error. It is a member of the JSON value, so
// that programs of the release before, which do not know it, read the rest.
type attemptRow struct {
	Started     int64    `json:"at"` // microseconds since 1970
	Status      int      `json:"s,omitempty"`
	Truncated   bool     `json:"rt,omitempty"`
	Timing      [5]int64 `json:"t"` // microseconds: DNS, connect, TLS, first byte, total
	Class       string   `json:"c,omitempty"`
	Interrupted bool     `json:"i,omitempty"`
	Transport   string   `json:"x,omitempty"` // empty: httpTransport
	NoStatus    bool     `json:"n,omitempty"` // there is a response, but it has no status
	Batch       []byte   `json:"g,omitempty"` // see appendBatch
	Rule        string   `json:"ru,omitempty"`
	RuleFailed  int      `json:"rf,omitempty"` // how many bytes of the detail are hook.Attempt.RuleFailed; they are the last
	Sealed      []byte   `json:"z,omitempty"`  // an attemptText

	attemptText // in plain: of earlier releases
}

// attemptText is the part of an attempt that can contain secrets.
type attemptText struct {
	Method string        `json:"m,omitempty"`
	URL    string        `json:"u,omitempty"`
	Sent   []hook.Header `json:"h,omitempty"`
	Body   []byte        `json:"b,omitempty"` // empty if it is the payload or the frozen body
	Got    []hook.Header `json:"rh,omitempty"`
	Answer []byte        `json:"rb,omitempty"`
	Detail string        `json:"d,omitempty"`
	Steps  []hook.Step   `json:"-"`
}

// httpTransport is the transport of nearly all attempts, so it is not stored.
const httpTransport = "http"

// attemptScratch are the buffers of encodeAttempt, which runs for every attempt.
type attemptScratch struct{ text, sealed []byte }

var attemptScratches = sync.Pool{New: func() any { return new(attemptScratch) }}

// maxScratch is the largest buffer in bytes that is kept for the next attempt.
const maxScratch = 64 << 10

// encodeAttempt encodes an attempt without its delivery and number, which have columns of
// their own.
func (s *sealer) encodeAttempt(a *hook.Attempt) []byte {
	x := a.Extras()
	text := attemptText{Method: a.Request.Method, URL: a.Request.URL, Sent: a.Request.Headers, Body: a.Request.Body, Detail: a.Detail, Steps: x.Steps}
	if r := a.Response; r != nil {
		text.Got, text.Answer = r.Headers, r.Body
	}
	if x.RuleFailed != "" { // so that programs of the release before, which do not know it, show it with the detail
		text.Detail = strings.TrimPrefix(a.Detail+" "+x.RuleFailed, " ")
	}
	scratch := attemptScratches.Get().(*attemptScratch)
	scratch.text = text.append(scratch.text[:0])
	row := attemptPlace(a.Delivery, a.Number)
	scratch.sealed = s.keys.Load().active.appendSeal(scratch.sealed[:0], scratch.text, row[:])

	// By hand, since this is the largest part of the work for an attempt. Classes, rules and transports
	// are names of ours, which need no escapes.
	out := make([]byte, 0, base64.StdEncoding.EncodedLen(len(scratch.sealed))+160)
	number := func(name string, n int64) { out = strconv.AppendInt(append(out, name...), n, 10) }
	word := func(name, text string) { out = strconv.AppendQuote(append(out, name...), text) }
	number(`{"at":`, a.StartedAt.UnixMicro())
	if r := a.Response; r != nil {
		if r.Status != 0 {
			number(`,"s":`, int64(r.Status))
		}
		if r.Truncated {
			out = append(out, `,"rt":true`...)
		}
		if !r.HasStatus() {
			out = append(out, `,"n":true`...)
		}
	}
	number(`,"t":[`, a.Timing.DNS.Microseconds())
	for _, d := range [...]time.Duration{a.Timing.Connect, a.Timing.TLS, a.Timing.FirstByte, a.Timing.Total} {
		number(`,`, d.Microseconds())
	}
	out = append(out, ']')
	if a.Class != "" {
		word(`,"c":`, a.Class)
	}
	if a.Interrupted {
		out = append(out, `,"i":true`...)
	}
	if a.Transport != httpTransport {
		word(`,"x":`, a.Transport)
	}
	if !x.Batch.IsZero() {
		out = base64.StdEncoding.AppendEncode(append(out, `,"g":"`...), appendBatch(nil, x.Batch))
		out = append(out, '"')
	}
	if x.Rule != "" {
		word(`,"ru":`, x.Rule)
	}
	if x.RuleFailed != "" {
		number(`,"rf":`, int64(len(x.RuleFailed)))
	}
	out = base64.StdEncoding.AppendEncode(append(out, `,"z":"`...), scratch.sealed)
	out = append(out, `"}`...)
	if cap(scratch.sealed) <= maxScratch {
		attemptScratches.Put(scratch)
	}
	return out
}

// attemptPlace stands for the id of an attempt's row: its delivery and number.
func attemptPlace(d hook.DeliveryID, number int) (place [len(hook.DeliveryID{}) + 4]byte) {
	copy(place[:], d[:])
	binary.BigEndian.PutUint32(place[len(d):], uint32(number))
	return place
}

// append writes the texts one after the other, each after its length. Headers come after their
// number, and steps, as JSON, only if there are any.
func (t *attemptText) append(to []byte) []byte {
	put := func(text string) { to = append(binary.AppendUvarint(to, uint64(len(text))), text...) }
	bytes := func(b []byte) { to = append(binary.AppendUvarint(to, uint64(len(b))), b...) }
	put(t.Method)
	put(t.URL)
	put(t.Detail)
	bytes(t.Body)
	bytes(t.Answer)
	for _, headers := range [...][]hook.Header{t.Sent, t.Got} {
		to = binary.AppendUvarint(to, uint64(len(headers)))
		for _, h := range headers {
			put(h.Name)
			put(h.Value)
		}
	}
	if len(t.Steps) > 0 { // else the bytes are those of earlier releases
		steps, err := json.Marshal(t.Steps)
		if err != nil { // never: there are only texts and numbers in it
			return to
		}
		bytes(steps)
	}
	return to
}

var errAttemptText = errors.New("the text of an attempt is malformed")

// parse reads what append has written.
func (t *attemptText) parse(from []byte) error {
	bad := false
	number := func() int {
		n, size := binary.Uvarint(from)
		if size <= 0 || n > uint64(len(from)-size) {
			bad = true
			return 0
		}
		from = from[size:]
		return int(n)
	}
	bytes := func() []byte {
		n := number()
		b := from[:n:n]
		if from = from[n:]; n == 0 {
			return nil
		}
		return b
	}
	*t = attemptText{Method: string(bytes()), URL: string(bytes()), Detail: string(bytes()), Body: bytes(), Answer: bytes()}
	for _, headers := range [...]*[]hook.Header{&t.Sent, &t.Got} {
		for range number() {
			*headers = append(*headers, hook.Header{Name: string(bytes()), Value: string(bytes())})
		}
	}
	if !bad && len(from) > 0 && json.Unmarshal(bytes(), &t.Steps) != nil {
		bad = true
	}
	if bad || len(from) > 0 {
		return errAttemptText
	}
	return nil
}

// decodeAttempt decodes what encodeAttempt encoded, also in earlier releases. If the sealed part
// does not open, the attempt is unreadable and has the rest.
func (s *sealer) decodeAttempt(id hook.DeliveryID, number int, data []byte) (*hook.Attempt, error) {
	var row attemptRow
	if err := json.Unmarshal(data, &row); err != nil {
		return nil, fmt.Errorf("attempt %d of %s: %w", number, id, err)
	}
	text := &row.attemptText
	broken := false
	if row.Sealed != nil {
		place := attemptPlace(id, number)
		plain, err := s.openBytes(row.Sealed, place[:])
		if err == nil {
			err = text.parse(plain)
		}
		if broken = err != nil; broken {
			*text = attemptText{}
		}
	}
	detail, failed := text.Detail, ""
	if n := row.RuleFailed; n > 0 && n <= len(detail) {
		detail, failed = strings.TrimSuffix(detail[:len(detail)-n], " "), detail[len(detail)-n:]
	}
	us := func(i int) time.Duration { return time.Duration(row.Timing[i]) * time.Microsecond }
	a := &hook.Attempt{
		Delivery: id, Number: number, StartedAt: time.UnixMicro(row.Started).UTC(),
		Request: hook.Request{Method: text.Method, URL: text.URL, Headers: text.Sent, Body: text.Body},
		Timing:  hook.Timing{DNS: us(0), Connect: us(1), TLS: us(2), FirstByte: us(3), Total: us(4)},
		Class:   row.Class, Detail: detail, Interrupted: row.Interrupted, Transport: cmp.Or(row.Transport, httpTransport),
		Unreadable: broken,
	}
	x := hook.Extra{Rule: row.Rule, RuleFailed: failed, Steps: text.Steps}
	if b := readBatch(row.Batch); b != nil {
		x.Batch = *b
	}
	a.SetExtras(x)
	if row.Status != 0 || row.NoStatus {
		a.Response = &hook.Response{Status: row.Status, Headers: text.Got, Body: text.Answer, Truncated: row.Truncated}
	}
	return a, nil
}
