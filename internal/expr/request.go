package expr

import "sync"

// Request is the scope of a condition within the template of a body: the type
// and payload of the event, and the endpoint's settings.
var Request = sync.OnceValue(func() *Scope {
	return NewScope(Variable{"type", Text}, Variable{"payload", JSON}, Variable{"settings", JSON})
})

// Settings is the scope of a condition on the settings of an endpoint.
var Settings = sync.OnceValue(func() *Scope { return NewScope(Variable{"settings", JSON}) })

// NewRequest is the [Vars] for [Request] and [Settings].
func NewRequest(typ string, payload, settings []byte) Vars {
	return &request{Event: Event{typ: typ, raw: payload}, rawSettings: settings}
}

type request struct {
	Event
	rawSettings []byte
	settings    any
}

func (r *request) Value(name string) (any, bool) {
	if name != "settings" {
		return r.Event.Value(name)
	}
	if r.settings == nil {
		r.settings = Raw(r.rawSettings)
	}
	return r.settings, true
}
