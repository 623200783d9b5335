package expr

import (
	"sync"
)

// Filter is the scope of an endpoint's filter: type and payload of an event.
var Filter = sync.OnceValue(func() *Scope {
	return NewScope(Variable{"type", Text}, Variable{"payload", JSON})
})

// Event is the [Vars] of one event. It remembers what a condition has read of the payload,
// for the next condition.
type Event struct {
	typ     string
	raw     []byte
	payload any
}

// NewEvent makes the [Vars] of an event. payload must not change.
func NewEvent(typ string, payload []byte) *Event { return &Event{typ: typ, raw: payload} }

// Value implements [Vars].
func (e *Event) Value(name string) (any, bool) {
	switch name {
	case "type":
		return e.typ, true
	case "payload":
		if e.payload == nil {
			e.payload = Raw(e.raw)
		}
		return e.payload, true
	}
	return nil, false
}
