package match

import (
	"context"
	"sync"

	"gancho/internal/expr"
	"gancho/internal/hook"
)

// Filter is a compiled condition over the type and payload of an event.
type Filter struct{ condition *expr.Condition }

// CompileFilter compiles a filter; the error is an [*expr.Error]. An empty text
// gives a nil Filter, which takes everything.
//
// Endpoints of many tenants tend to share a few filters, and compiling one takes
// as long as a hundred evaluations, so recent ones are remembered.
func CompileFilter(text string) (*Filter, error) {
	if text == "" {
		return nil, nil
	}
	if f := compiled.get(text); f != nil {
		return f, nil
	}
	c, err := expr.Filter().Compile(text)
	if err != nil {
		return nil, err
	}
	f := &Filter{condition: c}
	compiled.put(text, f)
	return f, nil
}

// Eval evaluates the filter. An error means that it has no truth value for this
// event; its text is for people.
func (f *Filter) Eval(ev *hook.Event) (bool, error) {
	return f.condition.Eval(context.Background(), expr.NewEvent(ev.Type, ev.Payload))
}

// cache keeps at most two generations of up to cacheSize filters: when the
// young one is full it becomes the old one, and what is used moves back.
type cache struct {
	mu         sync.Mutex
	young, old map[string]*Filter
}

const cacheSize = 512

var compiled = &cache{young: map[string]*Filter{}}

func (c *cache) get(text string) *Filter {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.young[text]; f != nil {
		return f
	}
	f := c.old[text]
	if f != nil {
		c.add(text, f)
	}
	return f
}

func (c *cache) put(text string, f *Filter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(text, f)
}

func (c *cache) add(text string, f *Filter) {
	if len(c.young) >= cacheSize {
		c.old, c.young = c.young, make(map[string]*Filter)
	}
	c.young[text] = f
}
