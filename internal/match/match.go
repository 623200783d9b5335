// Package match decides which endpoints get an event. It is a package of its own because
// it runs for every event before anything is stored, and because its inputs (globs,
// filters, payloads) come from outside.
//
// It is pure: no I/O, no clock, no goroutines. [Types], [Filter] and [Set] are
// immutable and safe for concurrent use.
package match

import (
	"cmp"
	"errors"
	"slices"

	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/work"
)

// Target is what matching needs of an endpoint. The zero Types matches every event type, a
// nil Filter every payload.
type Target struct {
	Endpoint hook.EndpointID
	Types    Types
	Filter   *Filter
}

// Set has the endpoints of one tenant under one contract that can get events, see
// [hook.EndpointState].
type Set struct {
	contract string
	targets  []Target
	filters  []*Filter // of the targets, each text once
	filterOf []int     // of each target, an index into filters; -1: none
}

// NewSet makes a set. It keeps its own copy of targets.
func NewSet(contract string, targets []Target) *Set {
	s := &Set{contract: contract, targets: slices.Clone(targets), filterOf: make([]int, len(targets))}
	places := map[string]int{}
	for i, t := range s.targets {
		s.filterOf[i] = -1
		if t.Filter == nil {
			continue
		}
		text := t.Filter.condition.Text()
		at, known := places[text]
		if !known {
			at = len(s.filters)
			places[text] = at
			s.filters = append(s.filters, t.Filter)
		}
		s.filterOf[i] = at
	}
	return s
}

// Len is the number of endpoints in the set.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.targets)
}

// Result says which endpoints of a [Set] get an event.
type Result struct {
	Taken   []hook.EndpointID // in the order of the set
	LeftOut []hook.EndpointID // nobody knows: evaluating their filters would have cost too much work
	Failed  []hook.EndpointID // nobody knows: their filters have no truth value for the event
}

// verdict is what a filter says of an event.
type verdict struct{ is outcome }

type outcome uint8

const (
	unknown   outcome = iota
	needed            // to be evaluated
	holds             // true
	holdsNot          // false
	failed            // it has no truth value
	tooCostly         // it was not evaluated to its end
)

// Match finds the endpoints that get the event. An event of another contract matches none. The caller makes sure that
// the tenant is right. The payload is read at most once for all filters, and not at all if no filter uses it. Equal
// filters are evaluated once. The budget may be nil. The error is that of the budget's context. A nil Set matches
// nothing.
func (s *Set) Match(b *work.Budget, ev *hook.Event) (r Result, err error) {
	if s == nil || ev.Contract != s.contract {
		return r, nil
	}
	var few [16]verdict
	verdicts := few[:]
	if n := len(s.filters); n > len(few) {
		verdicts = make([]verdict, n)
	} else {
		verdicts = verdicts[:n]
	}
	if err := s.evaluate(b, ev, verdicts); err != nil {
		return Result{}, err
	}
	for i := range s.targets {
		t := &s.targets[i]
		if !t.Types.Match(ev.Type) {
			continue
		}
		if f := s.filterOf[i]; f >= 0 {
			switch v := &verdicts[f]; v.is {
			case holds:
			case tooCostly:
				r.LeftOut = append(r.LeftOut, t.Endpoint)
				continue
			case failed:
				r.Failed = append(r.Failed, t.Endpoint)
				continue
			case unknown, needed, holdsNot:
				continue
			}
		}
		if r.Taken == nil {
			r.Taken = make([]hook.EndpointID, 0, len(s.targets)-i)
		}
		r.Taken = append(r.Taken, t.Endpoint)
	}
	return r, nil
}

// evaluate evaluates the filters of the endpoints that take the type of the event. If the budget may not be enough for
// all of them, the cheaper ones come first, so that those are not left out because of the dearer ones.
func (s *Set) evaluate(b *work.Budget, ev *hook.Event, verdicts []verdict) error {
	if len(s.filters) == 0 {
		return nil
	}
	left, cost := b.Left(), int64(0)
	for i := range s.targets {
		if f := s.filterOf[i]; f >= 0 && verdicts[f].is == unknown && s.targets[i].Types.Match(ev.Type) {
			verdicts[f].is = needed
			cost += s.filters[f].expected(left)
		}
	}
	vars := expr.NewEvent(ev.Type, ev.Document())
	if cost <= left {
		for f := range verdicts {
			if verdicts[f].is == needed {
				if err := verdicts[f].evaluate(b, s.filters[f], vars); err != nil {
					return err
				}
			}
		}
		return nil
	}
	order := make([]int, 0, len(verdicts))
	costs := make([]int64, len(verdicts))
	for f := range verdicts {
		if verdicts[f].is == needed {
			order = append(order, f)
			costs[f] = s.filters[f].expected(left)
		}
	}
	slices.SortStableFunc(order, func(f, g int) int { return cmp.Compare(costs[f], costs[g]) })
	for _, f := range order {
		if err := verdicts[f].evaluate(b, s.filters[f], vars); err != nil {
			return err
		}
	}
	return nil
}

// evaluate sets the verdict of a filter. The error is that of the budget's context.
func (v *verdict) evaluate(b *work.Budget, f *Filter, vars *expr.Event) error {
	ok, err := f.eval(b, vars)
	switch {
	case err == nil && ok:
		v.is = holds
	case err == nil:
		v.is = holdsNot
	case overBudget(err):
		v.is = tooCostly
	case b.Context().Err() != nil:
		return b.Context().Err()
	default:
		v.is = failed
	}
	return nil
}

// overBudget reports whether an evaluation was stopped, or not begun, because it costs too much work.
func overBudget(err error) bool {
	return errors.Is(err, expr.ErrTooCostly) || errors.Is(err, work.ErrSpent)
}

// Why is the reason why an endpoint gets an event or does not.
type Why string

// The answers of [Target.Explain].
const (
	Taken        Why = "taken"
	OtherType    Why = "event_type"    // no glob matches the event's type
	FilteredOut  Why = "filter"        // the filter is false
	FilterFailed Why = "filter_failed" // the filter has no truth value for the event
	OverBudget   Why = "over_budget"   // evaluating the filter costs too much work
)

// Explain is Match for one endpoint, with the reason. detail is for people; it is set only
// with FilterFailed and OverBudget. The budget may be nil.
func (t Target) Explain(b *work.Budget, ev *hook.Event) (why Why, detail string) {
	if !t.Types.Match(ev.Type) {
		return OtherType, ""
	}
	if t.Filter == nil {
		return Taken, ""
	}
	ok, err := t.Filter.Eval(b, ev)
	switch {
	case overBudget(err):
		return OverBudget, err.Error()
	case err != nil:
		return FilterFailed, err.Error()
	case !ok:
		return FilteredOut, ""
	}
	return Taken, ""
}
