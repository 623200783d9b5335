package contract

import (
	"strconv"

	"gancho/internal/hook"
	"gancho/internal/nearest"
)

// NoContract says that there is no contract of a name, and which one was probably
// meant. Its place is the whole request.
func (s *Set) NoContract(name string) hook.FieldError {
	var names []string
	for _, c := range s.All() {
		names = append(names, c.Name)
	}
	return hook.Field("", "contract_unknown",
		"There is no contract {name}.", append([]any{"name", strconv.Quote(name)}, nearest.Params(name, names)...)...)
}

// NoEvent says the same of an event type.
func (c *Contract) NoEvent(name string) hook.FieldError {
	return hook.Field("", "event_type_unknown", "The contract {contract} has no event type {name}.",
		append([]any{"contract", c.Name, "name", name}, nearest.Params(name, c.EventNames())...)...)
}

// NoRecord says the same of a kind of record.
func (c *Contract) NoRecord(kind string) hook.FieldError {
	if len(c.records) == 0 {
		return hook.Field("", "records_none",
			"The contract {contract} has no records; its events are posted.", "contract", c.Name)
	}
	return hook.Field("", "record_kind_unknown", "The contract {contract} has no records of the kind {kind}.",
		append([]any{"contract", c.Name, "kind", strconv.Quote(kind)}, nearest.Params(kind, c.kinds())...)...)
}

// NoContractWithCredentials says that no contract of a name has credentials, and which one that has may have been meant.
func (s *Set) NoContractWithCredentials(name string) hook.FieldError {
	var names []string
	for _, c := range s.All() {
		if _, ok := c.Credentials(); ok {
			names = append(names, c.Name)
		}
	}
	return hook.Field("", "contract_unknown",
		"There is no contract {name}.", append([]any{"name", strconv.Quote(name)}, nearest.Params(name, names)...)...)
}

// NoSchedule says that the contract makes no events of a type on a schedule, and which type may have been meant.
func (c *Contract) NoSchedule(eventType string) string {
	var types []string
	for _, e := range c.Scheduled() {
		types = append(types, e.Name)
	}
	return "The contract " + c.Name + " makes no events of this type on a schedule." + nearest.DidYouMean(eventType, types)
}
