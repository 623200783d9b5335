package contract

import (
	"fmt"

	"gancho/internal/nearest"
)

// NoContract says that there is no contract of a name, and which one may have been
// meant: a sentence or two for whoever asked.
func (s *Set) NoContract(name string) string {
	var names []string
	for _, c := range s.All() {
		names = append(names, c.Name)
	}
	return fmt.Sprintf("There is no contract %q.%s", name, nearest.DidYouMean(name, names))
}

// NoEvent says the same of an event type.
func (c *Contract) NoEvent(name string) string {
	return fmt.Sprintf("The contract %s has no event type %s.%s", c.Name, name, nearest.DidYouMean(name, c.EventNames()))
}

// NoRecord says the same of a kind of record.
func (c *Contract) NoRecord(kind string) string {
	if len(c.records) == 0 {
		return fmt.Sprintf("The contract %s has no records; its events are posted.", c.Name)
	}
	return fmt.Sprintf("The contract %s has no records of the kind %q.%s", c.Name, kind, nearest.DidYouMean(kind, c.kinds()))
}

// NoContractWithCredentials says that no contract of a name has credentials, and which one that has may have been meant.
func (s *Set) NoContractWithCredentials(name string) string {
	var names []string
	for _, c := range s.All() {
		if _, ok := c.Credentials(); ok {
			names = append(names, c.Name)
		}
	}
	return "There is no contract of this name." + nearest.DidYouMean(name, names)
}

// NoSchedule says that the contract makes no events of a type on a schedule, and which type may have been meant.
func (c *Contract) NoSchedule(eventType string) string {
	var types []string
	for _, e := range c.Scheduled() {
		types = append(types, e.Name)
	}
	return "The contract " + c.Name + " makes no events of this type on a schedule." + nearest.DidYouMean(eventType, types)
}
