package hook

import (
	"regexp"
	"time"
)

// Source says which door an event came in by.
type Source string

const (
	SourceAPI      Source = "api"      // posted directly
	SourceRecord   Source = "record"   // a record change that met a condition
	SourceSchedule Source = "schedule" // a schedule that came due
	SourceInbound  Source = "inbound"  // received from another system
	SourceTest     Source = "test"     // made by the test button
)

// Event is something that happened. It never changes once it is stored.
type Event struct {
	ID         EventID
	Tenant     string
	Contract   string
	Type       string
	ExternalID string // the caller's own id, "" if it gave none
	Source     Source
	CreatedAt  time.Time
	Payload    []byte // valid JSON, byte for byte as it came
}

var (
	externalID = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,128}$`)
	eventType  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}$`)
)

// ValidExternalID reports whether s can be a caller's own event id.
func ValidExternalID(s string) bool { return externalID.MatchString(s) }

// ValidEventType reports whether s can name an event type.
func ValidEventType(s string) bool { return eventType.MatchString(s) }
