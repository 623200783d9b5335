package contract

import (
	"slices"
	"strings"

	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/match"
)

// emptySample is sent if the contract has no example.
const emptySample = `{"test":true}`

// Sample is an event to test an endpoint with: the example of the first event type that
// the endpoint takes and that has an example. If there is none, the first event type that
// it takes is used, then the first with an example.
func (c *Contract) Sample(cfg hook.EndpointConfig) (eventType string, payload []byte) {
	types, err := match.CompileTypes(cfg.EventTypes)
	takes := func(e EventType) bool { return err == nil && types.Match(sampleName(e, cfg)) }
	for _, fits := range []func(EventType) bool{
		func(e EventType) bool { return takes(e) && e.Example != nil },
		takes,
		func(e EventType) bool { return e.Example != nil },
		func(EventType) bool { return true },
	} {
		if i := slices.IndexFunc(c.events, fits); i >= 0 {
			return sampleName(c.events[i], cfg), c.events[i].Sample()
		}
	}
	return "test", []byte(emptySample) // a contract without event types is refused by Parse
}

// Sample is the example of the event type, or {"test":true} if it has none.
func (e EventType) Sample() []byte {
	if e.Example == nil {
		return []byte(emptySample)
	}
	return e.Example
}

// sampleName is the name of the event type. For "*" it is a name that the endpoint takes.
func sampleName(e EventType, cfg hook.EndpointConfig) string {
	if e.Name != anyEvent {
		return e.Name
	}
	for _, glob := range cfg.EventTypes {
		if name := strings.ReplaceAll(glob, "*", "test"); hook.ValidEventType(name) {
			return name
		}
	}
	return "test"
}

// IsHTML reports whether an answer is an HTML page, as response.html
// in a success rule does.
func IsHTML(r *hook.Response) bool { return expr.NewResponse(r).HTML() }
