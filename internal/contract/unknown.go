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
