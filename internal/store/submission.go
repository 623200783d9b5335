package store

import (
	"encoding/json"
	"iter"
	"time"

	"gancho/internal/hook"
)

// Submit stores a submission durably, and returns what became of its parts. After an error
// nothing was stored. Submit takes no context: a submission cannot be withdrawn, so its caller
// has to wait for the result. The submission's idempotency keys are remembered for keepKeys.
func (db *DB) Submit(sub hook.Submission, keepKeys time.Duration) (hook.Verdicts, error) {
	now := db.now()
	s := &submission{Submission: sub, now: now, expires: now.Add(keepKeys), done: make(chan struct{})}
	if sub.RunEnd != nil && db.gathering.stopped() {
		return hook.Verdicts{}, errStopped
	}
	if db.engine.submit(s) {
		return s.outcome(db.seal)
	}
	if err := db.gathering.add(rowsOf(&s.Submission), payloadBytes(&s.Submission), true, true, func(b *batch) {
		b.submissions = append(b.submissions, s)
	}); err != nil {
		return hook.Verdicts{}, err
	}
	<-s.done
	return s.outcome(db.seal)
}

// outcome is what the caller gets. It fails with [hook.ErrUnreadable] if the answer to an earlier, equal request cannot
// be decrypted.
func (s *submission) outcome(seal *sealer) (hook.Verdicts, error) {
	if s.err != nil {
		return s.verdicts, s.err
	}
	prior, _, err := seal.openPayload(s.verdicts.Prior, func() []byte { return keyPlace(s.Tenant, requestKeys+s.RequestKey) })
	if err != nil {
		return hook.Verdicts{}, err
	}
	s.verdicts.Prior = prior
	return s.verdicts, nil
}

// rowsOf is about how many rows a submission writes, for the limit of a batch.
func rowsOf(sub *hook.Submission) int {
	n := len(sub.Items) + len(sub.Records)
	for _, it := range sub.Items {
		n += len(it.Deliveries)
	}
	for _, w := range sub.Records {
		n += len(w.Events)
		for _, it := range w.Events {
			n += len(it.Deliveries)
		}
	}
	return n
}

// payloadBytes returns the size of the payloads of a submission, in bytes. They are in memory
// until the commit.
func payloadBytes(sub *hook.Submission) (n int) {
	for _, it := range sub.Items {
		n += len(it.Event.Payload)
	}
	for _, w := range sub.Records {
		n += len(w.Record.Document)
		for _, it := range w.Events {
			n += len(it.Event.Payload)
		}
	}
	return n
}

// submission is a request to store something, with its result.
type submission struct {
	hook.Submission
	verdicts  hook.Verdicts
	expires   time.Time // of its idempotency keys
	now       time.Time
	epoch     int64                        // of the node when it was handed in
	payloads  map[hook.EventID][]byte      // those that are stored packed or sealed
	documents map[*hook.RecordWrite][]byte // those that are stored sealed
	err       error
	done      chan struct{}
}

// place is where an event stands in a submission: Items[event], or the event of a
// record write, Records[record].Events[event].
type place struct{ record, event int }

// ofNoRecord is the record of a place in Items.
const ofNoRecord = -1

// events are the events of a submission that can still be stored: all but those of
// overtaken record writes.
func (s *submission) events() iter.Seq2[place, *hook.Accepted] {
	return func(yield func(place, *hook.Accepted) bool) {
		for i, it := range s.Items {
			if !yield(place{ofNoRecord, i}, it) {
				return
			}
		}
		for i, w := range s.Records {
			for j, it := range w.Events {
				if !s.verdicts.Record(i).Overtaken && !yield(place{i, j}, it) {
					return
				}
			}
		}
	}
}

// overtaken notes that a record write was overtaken.
func (s *submission) overtaken(record int) { s.recordVerdict(record).Overtaken = true }

func (s *submission) recordVerdict(i int) *hook.RecordVerdict {
	if s.verdicts.Records == nil {
		s.verdicts.Records = make([]hook.RecordVerdict, len(s.Records))
	}
	return &s.verdicts.Records[i]
}

// repeats notes that the external id of an event was used before. prior is the answer
// that was stored then, nil if the id was used for another content.
func (s *submission) repeats(at place, prior []byte) error {
	v := hook.ItemVerdict{IDReused: prior == nil}
	if prior != nil {
		var err error
		if v, err = readFirst(prior); err != nil {
			return err
		}
	}
	list, n := &s.verdicts.Items, len(s.Items)
	if at.record != ofNoRecord {
		list, n = &s.recordVerdict(at.record).Events, len(s.Records[at.record].Events)
	}
	if *list == nil {
		*list = make([]hook.ItemVerdict, n)
	}
	(*list)[at.event] = v
	return nil
}

// firstAnswer is what is stored with the external id of an event.
type firstAnswer struct {
	Event      string `json:"event"`
	Deliveries int    `json:"deliveries"`
	LeftOut    int    `json:"left_out,omitempty"`
}

// readFirst is the verdict of a repeat, from the answer that was stored the first time.
func readFirst(answer []byte) (v hook.ItemVerdict, err error) {
	var first firstAnswer
	if err := json.Unmarshal(answer, &first); err != nil {
		return v, err
	}
	id, err := hook.ParseEventID(first.Event)
	return hook.ItemVerdict{Duplicate: true, First: id, FirstDeliveries: first.Deliveries, FirstLeftOut: first.LeftOut}, err
}

// requestKeys and itemKeys keep the two kinds of idempotency key apart.
const (
	requestKeys = "request:"
	itemKeys    = "event:"
)
