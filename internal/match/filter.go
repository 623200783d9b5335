package match

import (
	"context"

	"gancho/internal/cache"
	"gancho/internal/expr"
	"gancho/internal/hook"
)

// Filter is a compiled condition over the type and payload of an event.
type Filter struct{ condition *expr.Condition }

// CompileFilter compiles a filter; the error is an [*expr.Error]. An empty text
// gives a nil Filter, which takes everything.
//
// Endpoints of many tenants tend to share a few filters, and compiling one takes
// as long as a hundred evaluations, so the filters used lately are kept.
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

// Eval evaluates the filter. An error means that it has no truth value for this
// event; its text is for people.
func (f *Filter) Eval(ev *hook.Event) (bool, error) {
	return f.condition.Eval(context.Background(), expr.NewEvent(ev.Type, ev.Document()))
}
