package contract

import (
	"crypto/sha256"
	"time"

	"gancho/internal/hook"
	"gancho/internal/template"
	"gancho/internal/work"
	"gancho/internal/yamlfile"
)

// Limits of how long a delivery may wait before its first attempt.
const (
	maxDelay    = 30 * 24 * time.Hour
	minDebounce = 100 * time.Millisecond
)

// debounce is the section "delivery.debounce".
type debounce struct {
	key       *template.Template
	wait, max time.Duration // max is 0 if there is none
}

// delay reads how long deliveries wait before they are sent.
func (l *loader) delay(c *Contract, o yamlfile.Object) {
	if v := o.Get("delay"); v != nil {
		c.delivery.delay = l.Duration(v, 0, maxDelay)
	}
	n := o.Get("debounce")
	if n == nil {
		return
	}
	d := &debounce{}
	in := l.Object(n, "debounce", keysOf["delivery.debounce"])
	if in.Node == nil {
		return
	}
	const example = `Write for example {key: "${payload.id}", wait: 30s}`
	if v := in.Get("key"); v != nil {
		d.key = template.ReadText(l.File, v, template.Place{
			Roots: []string{"payload", "event"}, Scope: template.RequestScope(),
		})
		if d.key.Static() {
			l.ProblemAt(v, "The key names nothing of the event, so all events of an endpoint would replace each other.", example)
		}
	} else {
		l.ProblemAt(n, "debounce has no key: what events have in common that replace each other.", example)
	}
	if v := in.Get("wait"); v != nil {
		d.wait = l.Duration(v, minDebounce, maxDelay)
	} else {
		l.ProblemAt(n, "debounce has no wait: how long an event waits for a newer one.", example)
	}
	if v := in.Get("max"); v != nil {
		if d.max = l.Duration(v, minDebounce, maxDelay); d.max < d.wait {
			l.ProblemAt(v, "max is less than wait, so nothing would wait as long as wait says.", "Make it longer, or leave it out.")
		}
	}
	c.delivery.debounce = d
}

// Waits are how long deliveries wait before they are sent, 0 each if they do not.
type Waits struct {
	Delay       time.Duration
	Debounce    time.Duration // for a newer one
	MaxDebounce time.Duration // after the first of those that take the place of each other; 0: without a limit
}

// Waits says how long deliveries wait before they are sent.
func (c *Contract) Waits() Waits {
	w := Waits{Delay: c.delivery.delay}
	if d := c.delivery.debounce; d != nil {
		w.Debounce, w.MaxDebounce = d.wait, d.max
	}
	return w
}

// FirstDelay is how long a delivery waits before its first attempt: the first delay of the schedule by which it is tried,
// and the contract's delay.
func (c *Contract) FirstDelay(cfg hook.EndpointConfig) time.Duration {
	return c.Policy(cfg).Retry[0] + c.delivery.delay
}

// Debounce says which deliveries those of an event take the place of; nil: of none. The budget, which may be nil, is
// charged for the key. An error says why the key cannot be made; its text is for people.
func (c *Contract) Debounce(b *work.Budget, e *hook.Event) (*hook.Debounce, error) {
	d := c.delivery.debounce
	if d == nil {
		return nil, nil
	}
	key, ok, err := d.key.Render(&template.Inputs{Event: e, Work: b})
	if err == nil && ok {
		err = b.Spend(work.OfBytes(len(key)))
	}
	if err != nil || !ok {
		return nil, err
	}
	return &hook.Debounce{Key: sha256.Sum256([]byte(key)), Wait: d.wait, Max: d.max}, nil
}
