package hook

import (
	"testing"
	"time"
)

// Ids sort by the time they were made, read back from their text as they were, and a
// delivery's id gives its event's.
func TestIDs(t *testing.T) {
	t.Parallel()
	last := ""
	for range 10_000 {
		e := NewEventID()
		d := e.Delivery(MaxFanout)
		if s := e.String(); s <= last {
			t.Fatalf("%s after %s", s, last)
		} else {
			last = s
		}
		if back, err := ParseEventID(e.String()); err != nil || back != e {
			t.Fatalf("%s reads back as %s, %v", e, back, err)
		}
		if d.Event() != e || d.Number() != MaxFanout {
			t.Fatalf("delivery %s of %s: event %s, number %d", d, e, d.Event(), d.Number())
		}
	}
	for _, s := range []string{
		"", "evt_", "evt_0", "dlv_" + last[4:], last + "0", last[:len(last)-1] + "I",
		"evt_zzzzzzzzzzzzzzzzzzzzzzzzzz",
	} {
		if id, err := ParseEventID(s); err == nil {
			t.Errorf("%q is read as %s", s, id)
		}
	}
	before := EventID(IDAt(time.Now().Add(-time.Second)))
	if e := NewEventID(); before.String() >= e.String() {
		t.Errorf("%s is not before %s", before, e)
	}
}
