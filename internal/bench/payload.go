package bench

import (
	"fmt"
	"strings"
)

// Numbers in a payload have a fixed width, so that they can be written over in
// place. JSON has no leading zeros: each starts from a base instead.
const (
	numberBase = 1_000_000_000             // 10 digits: run and event numbers
	timeBase   = 1_000_000_000_000_000_000 // 19 digits: nanoseconds of [now]
)

// stamp is what the sink reads out of a payload.
type stamp struct {
	Run   int64  `json:"run"`
	N     int64  `json:"n"`
	T     int64  `json:"t"`
	Order order  `json:"order"`
	Note  string `json:"note"`
}

type order struct {
	ID       string `json:"id"`
	Total    string `json:"total"`
	Currency string `json:"currency"`
}

const (
	payloadHead = `{"run":%d,"n":1000000000,"t":1000000000000000000,"order":{"id":"9A1190V5974","total":"1234.50","currency":"EUR"},"note":"`
	payloadTail = `"}`
	minPayload  = len(payloadHead) + len("1000000000") - len("%d") + len(payloadTail)
	noteText    = "Gancho means hook, in Spanish and in Portuguese. "
)

// payload is one event's payload of exactly size bytes, size ≥ [minPayload].
func payload(run, size int) string {
	fill := size - minPayload
	note := strings.Repeat(noteText, fill/len(noteText)+1)[:fill]
	return fmt.Sprintf(payloadHead, numberBase+run) + note + payloadTail
}

// A record's document is a payload with the record's key in front.
const (
	recordKey  = `"id":1000000000,`
	recordHead = `{"contract":"` + recordContract + `","kind":"` + recordKind + `","document":`
)

// message is the body of one request, made once and stamped for each use.
type message struct {
	body  []byte
	items []place // one per event in the body
}

// place is where the event number and the time stand in the body, and the key of
// the record if there is one.
type place struct{ n, t, key int }

// newDocuments is a body of n documents of records: alone as a PUT takes it, or a
// batch of changes.
func newDocuments(run, size, n int, batched bool) *message {
	m := &message{}
	for i := range n {
		switch {
		case batched && i == 0:
			m.body = append(m.body, '[')
		case batched:
			m.body = append(m.body, "},"...)
		}
		if batched {
			m.body = append(m.body, recordHead...)
		}
		at := len(m.body)
		doc := "{" + recordKey + payload(run, max(size-len(recordKey), minPayload))[1:]
		m.items = append(m.items, place{
			n:   at + strings.Index(doc, `"n":`) + len(`"n":`),
			t:   at + strings.Index(doc, `"t":`) + len(`"t":`),
			key: at + len(`{"id":`),
		})
		m.body = append(m.body, doc...)
	}
	if batched {
		m.body = append(m.body, "}]"...)
	}
	return m
}

// name gives each document of the body the key of its record: they go round all
// of them. It returns the last key.
func (m *message) name(first, records int) (key []byte) {
	for i, p := range m.items {
		key = m.body[p.key : p.key+10]
		putDigits(key, numberBase+int64((first+i)%records))
	}
	return key
}

// newMessage is a body with one event per type in types. Enveloped, each is an
// event as the API takes it (an array of them if batched); bare, it is the
// payload alone, as the sink takes it.
func newMessage(run, size int, types []string, enveloped, batched bool) *message {
	m := &message{}
	if batched {
		m.body = append(m.body, '[')
	}
	for i, typ := range types {
		if i > 0 {
			m.body = append(m.body, ',')
		}
		if enveloped {
			m.body = fmt.Appendf(m.body, `{"type":%q,"payload":`, typ)
		}
		p := payload(run, size)
		at := len(m.body)
		m.items = append(m.items, place{
			n: at + strings.Index(p, `"n":`) + len(`"n":`),
			t: at + strings.Index(p, `"t":`) + len(`"t":`),
		})
		m.body = append(m.body, p...)
		if enveloped {
			m.body = append(m.body, '}')
		}
	}
	if batched {
		m.body = append(m.body, ']')
	}
	return m
}

// stamp numbers the events of the body from first on and gives them the time t.
func (m *message) stamp(first int, t int64) {
	for i, p := range m.items {
		putDigits(m.body[p.n:p.n+10], numberBase+int64(first+i))
		putDigits(m.body[p.t:p.t+19], timeBase+t)
	}
}

// putDigits fills b with the last len(b) decimal digits of v.
func putDigits(b []byte, v int64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + v%10)
		v /= 10
	}
}
