package hook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// BulkKind is what a bulk action does with each of its deliveries.
type BulkKind string

const (
	BulkRetry  BulkKind = "retry"  // send it again
	BulkCancel BulkKind = "cancel" // do not send it
)

// BulkState is the state of a bulk action.
type BulkState string

const (
	BulkRunning BulkState = "running"
	BulkDone    BulkState = "done"
	BulkStopped BulkState = "stopped" // before its end; its reason says why
)

// Why a bulk action was stopped, beside [ReasonByPerson].
const (
	ReasonKeyRevoked = "key_revoked" // the key that began it was revoked
	ReasonKeyExpired = "key_expired" // the key that began it has expired
	ReasonUnreadable = "unreadable"  // the stored action cannot be read
)

// Bulk is a bulk action: it goes through the deliveries of a tenant that a filter selects, oldest first, and sends each
// again or cancels it. What was made after it began is not touched.
type Bulk struct {
	ID       BulkID
	Tenant   string
	Kind     BulkKind
	Filter   DeliveryFilter
	Search   *PayloadSearch // of the selected deliveries, it is about those whose payload has this; nil: about all
	Cursor   DeliveryID     // the last delivery looked at; zero: none yet
	Examined int64          // deliveries looked at so far
	Changed  int64          // deliveries queued again or cancelled so far
	// Left counts the deliveries that the filter selects and that stayed as they are, by the reason: the codes of
	// [BulkKind.Decide], and event_erased.
	Left map[string]int64
	// Total is how many deliveries the filter selected when the action began; below zero: more than could be counted.
	Total      int64
	State      BulkState
	Reason     string // why it is stopped; "": it is not, or an earlier program stopped it
	By         KeyID  // the key that began it; zero: the admin key, or a portal link
	Unreadable bool   // what is stored of it cannot be understood: filter and counts are empty, and nothing is done
	CreatedAt  time.Time
	FinishedAt time.Time // zero while running
}

// PayloadSearch is a text that payloads are searched for, letter by letter.
type PayloadSearch struct {
	Text     string // "": nothing has it. A bulk action that has ended keeps no text
	Personal bool   // what a contract calls sensitive is searched, too
	// Shown is an event as a sight of it shows it. The store returns nil, and finds nothing until its caller sets it.
	Shown func(Sight, *Event) *Event
}

// Has reports whether the payload of an event has the text.
func (s *PayloadSearch) Has(e *Event) bool {
	if s.Text == "" || s.Shown == nil || e.Unreadable {
		return false
	}
	payload := s.Shown(Sight{Personal: s.Personal}, e).Payload
	return slices.ContainsFunc(spellings(s.Text), func(text []byte) bool { return bytes.Contains(payload, text) })
}

// spellings are a text as it is, and as JSON can have it: " has a backslash before it, and ñ can stand there as \u00f1.
func spellings(text string) [][]byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string can always be encoded
	quoted := b.Bytes()[1 : b.Len()-2]
	list := [][]byte{[]byte(text), quoted}
	if !bytes.ContainsFunc(quoted, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return list
	}
	for _, form := range []string{`\u%04x`, `\u%04X`} {
		var ascii []byte
		for _, r := range string(quoted) {
			if r < utf8.RuneSelf {
				ascii = append(ascii, byte(r))
				continue
			}
			for _, unit := range utf16.Encode([]rune{r}) {
				ascii = fmt.Appendf(ascii, form, unit)
			}
		}
		list = append(list, ascii)
	}
	return list
}

// LeftAlone is how many of the selected deliveries stayed as they are.
func (b *Bulk) LeftAlone() (n int64) {
	for _, k := range b.Left {
		n += k
	}
	return n
}

// Progress estimates the part that is done, from 0 to 1.
func (b *Bulk) Progress() float64 {
	switch {
	case b.State == BulkDone:
		return 1
	case b.Total >= 0:
		return share(float64(b.Changed+b.LeftAlone()), float64(b.Total))
	case b.Cursor.IsZero() || b.Filter.Since.IsZero():
		return 0
	}
	return share(float64(ID(b.Cursor).Time().Sub(b.Filter.Since)), float64(b.CreatedAt.Sub(b.Filter.Since)))
}

// BulkPreview says what a bulk action would do.
type BulkPreview struct {
	States  map[State]int64  // how many deliveries the filter selects, by their state
	Changed int64            // how many of them would be queued again or cancelled
	Final   int64            // how many of the changed ones no retry brings back: a cancel of what is sent at most once
	Left    map[string]int64 // how many would stay as they are, by the reason
	AtLeast bool             // there are more: the preview stopped at a limit
}

// BulkStep is what one step of a bulk action changed.
type BulkStep struct {
	Cancelled []Delivery   // each with its ids, state, reason and end; those in [Sending] are only marked
	Queued    []EndpointID // endpoints with deliveries that were queued again
	Examined  int          // deliveries looked at
}

// Decide is what becomes of a delivery that a bulk action selects. chosen says that a person named the delivery itself:
// what a newer snapshot superseded, and what was a trial, is sent again only then. left says why the delivery stays as it
// is, "" if it changes. One that is being sent and is to be cancelled changes, and still counts as left (being_sent).
func (k BulkKind) Decide(d Delivery, chosen bool, e Standing, now time.Time) (next Delivery, left string) {
	if k == BulkCancel {
		t, ok := Next(d, Trigger{Kind: OnCancel}, Policy{}, e, now)
		switch {
		case d.Test && !d.State.Finished():
			left = "delivery_is_test"
		case d.State == Sending:
			left = "being_sent"
		case !ok:
			left = "delivery_finished"
		}
		return t.Delivery, left
	}
	t, ok := Next(d, Trigger{Kind: OnRetry}, Policy{}, e, now)
	switch {
	case ok && !chosen && d.State.Finished() && d.Superseded && d.Reason == ReasonSuperseded:
		return d, ReasonSuperseded
	case ok && !chosen && d.Reason == ReasonShadow:
		return d, ReasonShadow
	case ok:
		return t.Delivery, ""
	case d.Test:
		left = "delivery_is_test"
	case !d.State.Finished():
		left = "delivery_unfinished"
	case d.Mode == AtMostOnce && !d.LeftOut():
		left = "at_most_once"
	case e.State == EndpointDeleted:
		left = "endpoint_deleted"
	default:
		left = "endpoint_disabled"
	}
	return d, left
}

// SavedFilter is a filter of deliveries that people of a tenant gave a name.
type SavedFilter struct {
	ID     FilterID
	Tenant string
	Name   string
	// Query is the filter as the console writes it into the address of its page, by the names of its parts. A time can be
	// relative there (period), so that yesterday stays yesterday.
	Query  map[string]string
	Portal bool // made in the portal: people there see it, too
	// Contracts are its walls: a key that is limited to contracts sees it, and may change it, if it may touch all of these.
	// Empty: the filter is about all contracts, and such a key does not see it.
	Contracts []string
	CreatedAt time.Time
}

// Within reports whether somebody sees a filter who is limited to contracts; nil: who is not.
func (f *SavedFilter) Within(contracts []string) bool {
	return len(contracts) == 0 || len(f.Contracts) > 0 &&
		!slices.ContainsFunc(f.Contracts, func(c string) bool { return !slices.Contains(contracts, c) })
}
