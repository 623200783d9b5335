package hook

import (
	"strings"
	"time"
)

// Door says how an event came in.
type Door string

const (
	DoorAPI      Door = "api"      // posted directly
	DoorRecord   Door = "record"   // a record change that met a condition
	DoorSchedule Door = "schedule" // a schedule that came due
	DoorInbound  Door = "inbound"  // received from another system
	DoorTest     Door = "test"     // made by the test button
)

// Event is something that happened. It never changes once it is stored.
type Event struct {
	ID         EventID
	Tenant     string
	Contract   string
	Type       string
	ExternalID string // the caller's own id, "" if it gave none
	Door       Door
	CreatedAt  time.Time
	// ContentType is the media type of Payload; "" means application/json. Only a
	// JSON payload can be examined by conditions and templates.
	ContentType string
	Payload     []byte // byte for byte as it came; valid JSON if ContentType is ""
	Sealed      bool   // the payload is encrypted where it is stored
	Unreadable  bool   // the stored payload cannot be decrypted; Payload is empty
}

// ErasedType is the media type of a payload that was erased for a person. The payload then says when, as text for people.
const ErasedType = "application/x-gancho-erased"

// ErasedNote is what such a payload begins with; a time as in RFC 3339 follows.
const ErasedNote = "Erased at "

// Erased reports whether the payload was erased. Such an event is never sent again.
func (e *Event) Erased() bool { return e.ContentType == ErasedType }

// JSON reports whether the payload is JSON.
func (e *Event) JSON() bool { return e.ContentType == "" }

// Document is the payload as conditions and templates see it: null if it is not JSON.
func (e *Event) Document() []byte {
	if !e.JSON() {
		return []byte("null")
	}
	return e.Payload
}

// ValidExternalID reports whether s can be a caller's own event id: 1 to 128 of
// A-Z a-z 0-9 _ . : and -.
func ValidExternalID(s string) bool {
	return len(s) > 0 && len(s) <= 128 && only(s, "_.:-")
}

// ValidEventType reports whether s can name an event type: 1 to 128 letters,
// digits and _ . : / -, the first a letter, a digit or _.
func ValidEventType(s string) bool {
	return len(s) > 0 && len(s) <= 128 && only(s[:1], "_") && only(s, "_.:/-")
}

// only reports whether s has nothing but ASCII letters, digits and marks. It runs
// for every event, where a regular expression would be felt.
func only(s, marks string) bool {
	for i := range len(s) {
		c := s[i]
		if c|0x20 < 'a' || c|0x20 > 'z' {
			if (c < '0' || c > '9') && strings.IndexByte(marks, c) < 0 {
				return false
			}
		}
	}
	return true
}
