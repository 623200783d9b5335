package api

import (
	"context"

	"gancho/internal/admin"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// Views decides what people may see of what is stored. It returns copies where something is hidden.
type Views interface {
	Event(s hook.Sight, e *hook.Event) *hook.Event
	// Misshapen lists what the schema refuses of the payload of an accepted event.
	Misshapen(e *hook.Event) []hook.FieldError
	// Document is the document of a record of a contract.
	Document(s hook.Sight, contract string, doc []byte) []byte
	// Config is the configuration of an endpoint; what its contract calls secret or sensitive is hidden already.
	Config(s hook.Sight, cfg hook.EndpointConfig) hook.EndpointConfig
	// Endpoint is an endpoint whose URL is shown in a text; e may be nil.
	Endpoint(s hook.Sight, e *hook.Endpoint) *hook.Endpoint
	// Omission is what an error left out, with examples that may quote documents.
	Omission(s hook.Sight, o *hook.Omission) *hook.Omission
	// Attempt is an attempt with the body of its request: its own, or body. e and ev are nil if they are gone.
	Attempt(s hook.Sight, e *hook.Endpoint, ev *hook.Event, at *hook.Attempt, body []byte) *hook.Attempt
	// AttemptUnder is Attempt under a contract that need not be in force; nil: it is gone.
	AttemptUnder(
		c *contract.Contract, s hook.Sight, e *hook.Endpoint, ev *hook.Event, at *hook.Attempt, body []byte,
	) *hook.Attempt
}

// Revealing is the parameter of operations that show what a contract calls sensitive only if they are asked to.
type Revealing struct {
	Reveal bool `query:"reveal" doc:"true shows what the contract calls sensitive, which is hidden otherwise. It needs a key of role operator or tenant, with the scope personal:read if it is limited to scopes. The audit keeps who looked."`
}

// sights find out what a caller may see.
type sights struct {
	Views
	people admin.People
}

// of is what the caller of an operation sees of an object of a tenant. If the caller wants personal data revealed, the
// audit gets an entry first.
func (v sights) of(ctx context.Context, in Revealing, tenant, object string) (hook.Sight, error) {
	s := keyOf(ctx).Sight()
	if !in.Reveal {
		return s, nil
	}
	if err := v.people.Reveal(ctx, keyOf(ctx), tenant, object); err != nil {
		return s, err
	}
	s.Personal = true
	return s, nil
}
