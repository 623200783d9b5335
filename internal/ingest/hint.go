package ingest

import (
	"slices"
	"strings"

	"gancho/internal/hook"
	"gancho/internal/match"
)

// Why an event that was accepted goes to no endpoint is said in its answer, from the endpoints that the tenant has at that
// moment. Nothing is read for it, and only an event without deliveries costs anything.

// idle is a disabled endpoint: it gets no deliveries, and says in hints that it would take an event.
type idle struct {
	contract string
	types    match.Types
}

// takers counts the endpoints of a contract that take an event type, whatever their filters say: awake are active or
// paused, disabled are not. all is how many endpoints of the contract there are.
func (r *routes) takers(contract, eventType string) (awake, disabled, all int) {
	for _, t := range r.targets {
		if t.contract != contract {
			continue
		}
		all++
		if t.Types.Match(eventType) {
			awake++
		}
	}
	for _, e := range r.idle {
		if e.contract != contract {
			continue
		}
		all++
		if e.types.Match(eventType) {
			disabled++
		}
	}
	return awake, disabled, all
}

// owners are the other contracts of the tenant's endpoints that name an event type, sorted.
func (in *Ingest) owners(r *routes, contract, eventType string) []string {
	var names []string
	add := func(name string) {
		if name == contract || slices.Contains(names, name) {
			return
		}
		if c, ok := in.Contracts.Lookup(name); ok && c.NamesEvent(eventType) {
			names = append(names, name)
		}
	}
	for name := range r.sets {
		add(name)
	}
	for _, e := range r.idle {
		add(e.contract)
	}
	slices.Sort(names)
	return names
}

// forgotten refuses an event whose publisher named no contract, if it would reach nobody and exactly one other contract of
// the tenant's endpoints has its type: then the contract was forgotten.
func (in *Ingest) forgotten(r *routes, eventType string) *hook.Error {
	if awake, disabled, _ := r.takers(hook.DefaultContract, eventType); awake+disabled > 0 {
		return nil
	}
	owners := in.owners(r, hook.DefaultContract, eventType)
	if len(owners) != 1 {
		return nil
	}
	return hook.InvalidField("contract_needed", hook.Field("/contract", "contract_forgotten",
		"{type} is an event of {contract}, and this tenant has endpoints of {contract}. Without a contract an event is of "+
			`{default}, where nobody takes it. Send "contract": "{contract}", or "contract": "{default}" if that is meant.`,
		"type", eventType, "contract", owners[0], "default", hook.DefaultContract))
}

// hint says why an accepted event has no delivery, and what to do. left is how many endpoints were left out.
func (in *Ingest) hint(r *routes, contract, eventType string, left int) *hook.FieldError {
	awake, disabled, all := r.takers(contract, eventType)
	owners := in.owners(r, contract, eventType)
	switch {
	case left > 0:
		return new(hook.Field("", "hint_left_out", "The filter of each endpoint that takes {type} gave an error or cost too much. "+
			"Look at the cancelled deliveries, mend the filters, and recover the event.", "type", eventType))
	case awake > 0:
		return new(hook.Field("", "hint_filtered", "The filters of the {count} endpoints that take {type} do not let this event "+
			"through. The operation explain-event says why.", "count", awake, "type", eventType))
	case disabled > 0:
		return new(hook.Field("", "hint_disabled", "The endpoints that take {type} are disabled. Activate them, and recover what "+
			"they missed.", "type", eventType))
	case len(owners) > 0:
		return new(hook.Field("", "hint_other_contract", "No endpoint of {contract} takes {type}. It is also an event of {others}, "+
			"which this tenant uses: name the contract that is meant.",
			"contract", contract, "type", eventType, "others", strings.Join(owners, ", ")))
	case all > 0:
		return new(hook.Field("", "hint_type", "None of the {count} endpoints of {contract} takes {type}. Add the type to the "+
			"event_types of one.", "count", all, "contract", contract, "type", eventType))
	}
	return new(hook.Field("", "hint_no_endpoint", "The tenant has no endpoint of {contract}. Create one; it can recover events "+
		"from before.", "contract", contract))
}
