package contract

import (
	"context"
	"iter"

	"gancho/internal/work"
	"gancho/internal/yamlfile"
)

// Lines returns a function that says in which line of the contract's source something stands: a path of keys, such as
// delivery, timeout. Of a path that leads nowhere it is the line of the last key that there is, and 0 if there is none.
func (c *Contract) Lines() func(path ...string) int {
	_, root := yamlfile.Reopen("", c.Source, MaxSource)
	return func(path ...string) (line int) {
		n := root
		for _, key := range path {
			at := 0
			if n != nil {
				for _, p := range n.Pairs {
					if p.Key == key {
						at, n = p.Line, p.Value
						break
					}
				}
			}
			if at == 0 {
				break
			}
			line = at
		}
		return line
	}
}

// TestPayload is the payload that the change of a record, or a schedule, of a test makes.
type TestPayload struct {
	Test    string
	Event   string
	Payload []byte // nil: none is made
}

// TestPayloads are the payloads that this contract makes of what the tests of another one begin with, for its event types
// that are not posted, in the order of those tests.
// Each is made when it is asked for.
func (c *Contract) TestPayloads(tests *Contract) iter.Seq[TestPayload] {
	return func(yield func(TestPayload) bool) {
		for _, t := range tests.tests {
			if e, ok := c.Event(t.event); !ok || e.On == "" && e.Schedule == nil || t.payload != nil {
				continue
			}
			t.fires = nil
			var r Result
			payload, _ := t.happen(work.NewBudget(context.Background(), testUnits, nil), c, &r)
			if !yield(TestPayload{t.Name, t.event, payload}) {
				return
			}
		}
	}
}
