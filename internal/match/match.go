// Package match decides which endpoints get an event. It is a package of its own because
// it runs for every event before anything is stored, and because its inputs (globs,
// filters, payloads) come from outside.
//
// It is pure: no I/O, no clock, no goroutines. [Types], [Filter] and [Set] are
// immutable and safe for concurrent use.
package match

import (
	"context"
	"slices"

	"gancho/internal/expr"
	"gancho/internal/hook"
)

// Target is what matching needs of an endpoint. The zero Types matches every event type, a
// nil Filter every payload.
type Target struct {
	Endpoint hook.EndpointID
	Types    Types
	Filter   *Filter
}

// Problem is a filter that had no truth value for an event. Its endpoint does
// not get the event.
type Problem struct {
	Endpoint hook.EndpointID
	Detail   string // for people
}

// Set has the endpoints of one tenant under one contract that can get events, see
// [hook.EndpointState].
type Set struct {
	contract string
	targets  []Target
}

// NewSet makes a set. It keeps its own copy of targets.
func NewSet(contract string, targets []Target) *Set {
	return &Set{contract: contract, targets: slices.Clone(targets)}
}

// Len is the number of endpoints in the set.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.targets)
}

// Match lists the endpoints that get the event, in the order of the set, and the filters
// that failed. An event of another contract matches none. The caller makes sure that the
// tenant is right. The payload is read at most once for all filters, and not at all if no
// filter uses it. A nil Set matches nothing.
func (s *Set) Match(ev *hook.Event) (ids []hook.EndpointID, problems []Problem) {
	if s == nil || ev.Contract != s.contract {
		return nil, nil
	}
	var vars *expr.Event
	for i := range s.targets {
		t := &s.targets[i]
		if !t.Types.Match(ev.Type) {
			continue
		}
		if t.Filter != nil {
			if vars == nil {
				vars = expr.NewEvent(ev.Type, ev.Document())
			}
			ok, err := t.Filter.condition.Eval(context.Background(), vars)
			if err != nil {
				problems = append(problems, Problem{t.Endpoint, "The filter could not be evaluated: " + err.Error() + "."})
			}
			if err != nil || !ok {
				continue
			}
		}
		if ids == nil {
			ids = make([]hook.EndpointID, 0, len(s.targets)-i)
		}
		ids = append(ids, t.Endpoint)
	}
	return ids, problems
}

// Why is the reason why an endpoint gets an event or does not.
type Why string

// The answers of [Target.Explain].
const (
	Taken        Why = "taken"
	OtherType    Why = "event_type"    // no glob matches the event's type
	FilteredOut  Why = "filter"        // the filter is false
	FilterFailed Why = "filter_failed" // the filter has no truth value for the event
)

// Explain is Match for one endpoint, with the reason. detail is for people; it is set only
// with FilterFailed.
func (t Target) Explain(ev *hook.Event) (why Why, detail string) {
	if !t.Types.Match(ev.Type) {
		return OtherType, ""
	}
	if t.Filter == nil {
		return Taken, ""
	}
	ok, err := t.Filter.Eval(ev)
	switch {
	case err != nil:
		return FilterFailed, err.Error()
	case !ok:
		return FilteredOut, ""
	}
	return Taken, ""
}
