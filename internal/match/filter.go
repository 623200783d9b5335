package match

import (
	"context"

	"gancho/internal/cache"
	"gancho/internal/expr"
	"gancho/internal/hook"
)

// Filter is a compiled condition over the type and payload of an event.
type Filter struct{ condition *expr.Condition }

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

// Eval evaluates the filter. An error means that the filter has no truth value for this
// event; its text is for people.
func (f *Filter) Eval(ev *hook.Event) (bool, error) {
	return f.condition.Eval(context.Background(), expr.NewEvent(ev.Type, ev.Document()))
}
