package match

import (
	"errors"
	"sync/atomic"

	"gancho/internal/cache"
	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/work"
)

// Filter is a compiled condition over the type and payload of an event.
type Filter struct {
	condition *expr.Condition
	last      atomic.Int64 // what the latest evaluation cost, in units of work; 0: not known
}

// CompileFilter compiles a filter; the error is an [*expr.Error]. For an empty text it
// returns a nil Filter, which matches everything.
//
// Compiling a filter takes as long as a hundred evaluations, and endpoints of many tenants
// tend to share a few filters. So the filters used last are kept.
func CompileFilter(text string) (*Filter, error) {
	if text == "" {
		return nil, nil
	}
	if f, ok := compiled.Lookup(text); ok {
		return f, nil
	}
	c, err := expr.Filter().Compile(text)
	if err != nil {
		return nil, err
	}
	f := &Filter{condition: c}
	compiled.Add(text, f)
	return f, nil
}

// maxCompiled is how many compiled filters are kept.
const maxCompiled = 1024

var compiled = cache.New[*Filter](maxCompiled, 0)

// Eval evaluates the filter and charges the budget, which may be nil. An error means that the filter has no truth value
// for this event; its text is for people.
func (f *Filter) Eval(b *work.Budget, ev *hook.Event) (bool, error) {
	return f.eval(b, expr.NewEvent(ev.Type, ev.Document()))
}

func (f *Filter) eval(b *work.Budget, vars *expr.Event) (bool, error) {
	before := b.Spent()
	ok, err := f.condition.Eval(b, vars)
	if cost := b.Spent() - before; cost > 0 {
		f.last.Store(cost)
	}
	return ok, err
}

// newFilter is the part of a budget that a filter is expected to cost if it was not evaluated yet.
const newFilter = 64

// expected is what an evaluation within a budget may cost, by the one before.
func (f *Filter) expected(budget int64) int64 {
	if last := f.last.Load(); last > 0 {
		return last
	}
	return budget / newFilter
}

// MaxCost is what one evaluation of a filter can cost, in units of work.
const MaxCost = expr.MaxCost

// LeastCost is what an evaluation of a filter costs at least if no part of it is skipped, whatever the event.
func LeastCost(text string) (int64, error) { return expr.Filter().LeastCost(text) }

// TooCostly reports whether evaluating the filter for an event costs more than [MaxCost].
func (f *Filter) TooCostly(ev *hook.Event) bool {
	_, err := f.Eval(nil, ev)
	return errors.Is(err, expr.ErrTooCostly)
}
