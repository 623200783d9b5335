package contract

import (
	"bytes"
	"errors"
	"fmt"
	"time"
	_ "time/tzdata" // a contract means the same on machines without time zones

	"gancho/internal/cron"
	"gancho/internal/expr"
	"gancho/internal/template"
	"gancho/internal/work"
	"gancho/internal/yamlfile"
)

// Limits of schedules.
const (
	DefaultMaxBody = 16 << 20 // bytes of a snapshot's payload
	maxMaxBody     = 256 << 20
	minEvery       = time.Minute
	maxEvery       = 366 * 24 * time.Hour
)

// Schedule is when events of a type are made, each from a snapshot of all records of a
// kind.
type Schedule struct {
	Every    time.Duration // 0 if Cron is set
	Cron     string
	Timezone string // of Cron, IANA
	Select   string // kind of record
	MaxBody  int    // bytes of the payload

	cron     *cron.Table
	location *time.Location
	where    *expr.Condition // nil: all records
	line     int             // of where, or else of the event
	item     *template.Value
	head     []byte // of the payload, before the items
	tail     []byte
}

// Next is the first run after now. With Every, runs are counted from start, the time at
// which the schedule came into force. Runs that were missed are not made up for.
func (s *Schedule) Next(start, now time.Time) time.Time {
	if s.cron != nil {
		return s.cron.Next(now, s.location)
	}
	if now.Before(start) {
		return start.Add(s.Every)
	}
	return start.Add((now.Sub(start)/s.Every + 1) * s.Every)
}

// Scheduled lists the event types that have a schedule.
func (c *Contract) Scheduled() []EventType {
	var out []EventType
	for _, e := range c.events {
		if e.Schedule != nil {
			out = append(out, e)
		}
	}
	return out
}

// Snapshot builds the payload of one run of a schedule, record by record. It keeps only
// the payload in memory.
type Snapshot struct {
	event   *EventType
	work    *work.Budget
	payload []byte
	count   int
}

// ErrTooLarge is returned when a snapshot would have more bytes than the
// contract's max_body.
type ErrTooLarge struct {
	Type  string
	Limit int
}

func (e *ErrTooLarge) Error() string {
	return fmt.Sprintf("the payload of %s would have more than %d bytes, which is the limit (max_body) of the contract", e.Type, e.Limit)
}

// NewSnapshot begins a run, whose conditions are evaluated within the budget, which may be nil. It returns false if the
// event type has no schedule.
func (c *Contract) NewSnapshot(b *work.Budget, eventType string) (*Snapshot, bool) {
	i, ok := c.byName[eventType]
	if !ok || c.events[i].Schedule == nil {
		return nil, false
	}
	e := &c.events[i]
	return &Snapshot{event: e, work: b, payload: bytes.Clone(e.Schedule.head)}, true
}

// Add adds a record if the condition where is true for it. If the condition or the
// template of the item fails, the error is a *[Trouble]: the record is left out, and the
// run can go on. With any other error the run has failed: it is a *[ErrTooLarge] if the
// payload would be too large, [work.ErrSpent] if nothing is left of the budget, or that of
// the budget's context.
func (s *Snapshot) Add(doc []byte) (taken bool, err error) {
	sc := s.event.Schedule
	in := template.Inputs{Record: doc, Vars: expr.NewRecord(doc), Work: s.work}
	if sc.where != nil {
		ok, err := sc.where.Eval(s.work, in.Vars)
		if err != nil {
			return false, s.failed(err)
		}
		if !ok {
			return false, nil
		}
	}
	before := len(s.payload)
	out := s.payload
	if s.count > 0 {
		out = append(out, ',')
	}
	out, ok, err := sc.item.Append(out, &in)
	if err != nil || !ok {
		s.payload = out[:before]
		if err != nil {
			return false, s.failed(err)
		}
		return false, nil
	}
	if len(out)+len(sc.tail) > sc.MaxBody {
		s.payload = out[:before]
		return false, &ErrTooLarge{Type: s.event.Name, Limit: sc.MaxBody}
	}
	s.payload = out
	s.count++
	return true, nil
}

// failed is the error of a record whose condition or template failed, see [Snapshot.Add].
func (s *Snapshot) failed(err error) error {
	if errors.Is(err, work.ErrSpent) {
		return work.ErrSpent
	}
	if err := s.work.Context().Err(); err != nil {
		return err
	}
	return &Trouble{Type: s.event.Name, Line: s.event.Schedule.line, Detail: fmt.Sprintf("A record is not part of %s: %s.", s.event.Name, err)}
}

// Len is how many records were added.
func (s *Snapshot) Len() int { return s.count }

// Payload is the payload of the run. Nothing can be added afterwards.
func (s *Snapshot) Payload() []byte { return append(s.payload, s.event.Schedule.tail...) }

// schedule reads every or cron and the keys that belong to them.
func (l *loader) schedule(c *Contract, e *EventType, o yamlfile.Object, at yamlfile.Pair) {
	s := &Schedule{MaxBody: DefaultMaxBody, line: at.Line, location: time.UTC}
	if v := o.Get("every"); v != nil {
		s.Every = l.Duration(v, minEvery, maxEvery)
	}
	if v := o.Get("cron"); v != nil {
		s.Cron, s.Timezone = l.Str(v), "UTC"
		table, err := cron.Parse(s.Cron)
		if err != nil && v.Kind == yamlfile.KindText {
			l.ProblemAt(v, fmt.Sprintf("This is not a time table: %s.", err), `Write for example "0 6 * * mon-fri".`)
		}
		s.cron = table
	}
	if v := o.Get("timezone"); v != nil {
		s.Timezone = l.Str(v)
		location, err := time.LoadLocation(s.Timezone)
		switch {
		case o.Get("cron") == nil:
			l.ProblemAt(v, "timezone belongs to cron.", "Remove it; every needs no time zone.")
		case (err != nil || s.Timezone == "" || s.Timezone == "Local") && v.Kind == yamlfile.KindText:
			l.ProblemAt(v, fmt.Sprintf("There is no time zone %q.", s.Timezone), "Write its IANA name, for example America/Bogota.")
		case err == nil:
			s.location = location
		}
	}
	if v := o.Get("select"); v != nil {
		if s.Select = l.Str(v); c.record(s.Select) == nil && v.Kind == yamlfile.KindText {
			l.ProblemAt(v, fmt.Sprintf("There is no record %s.", s.Select), nearestFix(s.Select, c.kinds()))
		}
	} else {
		l.Problem(at.Line, at.Column, fmt.Sprintf("The event type %s does not say which records it is made from.", e.Name), "Add for example: select: order")
	}
	if v := o.Get("where"); v != nil {
		s.where, s.line = template.ReadCondition(l.File, v, expr.Record()), v.Line
	}
	s.item = template.Whole("record")
	if v := o.Get("item"); v != nil {
		s.item = template.ReadPayload(l.File, v, template.Place{Roots: []string{"record"}, Scope: expr.Record()})
	}
	s.head, s.tail = []byte("["), []byte("]")
	if v := o.Get("payload"); v != nil {
		s.head, s.tail = l.envelope(v)
	}
	if v := o.Get("max_body"); v != nil {
		s.MaxBody = l.Size(v, 1<<10, maxMaxBody)
	}
	e.Schedule = s
}

// envelope reads the template around the items of a snapshot and returns the parts before
// and after them.
func (l *loader) envelope(n *yamlfile.Node) (head, tail []byte) {
	v := template.ReadPayload(l.File, n, template.Place{Roots: []string{"items"}})
	const mark = "\x00items\x00" // no JSON has it
	out, _, err := v.Append(nil, &template.Inputs{Items: []byte(mark)})
	head, tail, ok := bytes.Cut(out, []byte(mark))
	if err != nil || !ok || bytes.Contains(tail, []byte(mark)) {
		l.ProblemAt(n, "The payload of a schedule has to contain ${items} exactly once.", `Write for example {orders: "${items}"}`)
		return []byte("["), []byte("]")
	}
	return append(head, '['), append([]byte{']'}, tail...)
}
