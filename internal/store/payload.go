package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"

	"gancho/internal/hook"
)

// Payloads, documents of records and stored answers are sealed if their tenant or their contract
// asks for it ([hook.Event], [hook.Record] and [hook.Submission] say so). docs/adr/0038 lists what
// is sealed and what is not.
//
// A sealed value stands in the column of the plain one, behind a mark that no plain one begins
// with. What was stored before, or without the option, is read as it is.

// sealedMark is the beginning of a Zstandard frame whose header has the reserved bit set. No
// encoder writes that, and every decoder refuses it. So a program of the release before, which
// knows packed payloads, does not send the sealed bytes: reading them fails.
var sealedMark = append(bytes.Clone(packedMark), 0x08)

// sealedIn returns the sealed value in a stored one, nil if that is not sealed.
func sealedIn(stored []byte) []byte {
	if !bytes.HasPrefix(stored, sealedMark) {
		return nil
	}
	return stored[len(sealedMark):]
}

// withMark puts a sealed value behind the mark.
func withMark(_, sealed []byte) ([]byte, error) {
	return append(bytes.Clone(sealedMark), sealed...), nil
}

// rowPlace stands for the id of a row in a table whose key has several columns.
func rowPlace(table string, key ...string) []byte {
	size := len(table) + 1
	for _, k := range key {
		size += len(k) + 2
	}
	place := append(make([]byte, 0, size), table...)
	for _, k := range key {
		place = append(binary.AppendUvarint(place, uint64(len(k))), k...)
	}
	return place
}

func eventPlace(tenant string, id []byte) []byte { return rowPlace("events", tenant, string(id)) }

func recordPlace(r *hook.Record) []byte {
	return rowPlace("records", r.Tenant, r.Contract, r.Kind, r.Key)
}

func keyPlace(tenant, key string) []byte { return rowPlace("idempotency", tenant, key) }

func schedulePlace(n hook.ScheduleName) []byte {
	return rowPlace("schedules", n.Tenant, n.Contract, n.Type)
}

// sealPayload seals a text for a row. A large one is packed before, since nothing can make it
// smaller afterwards.
func (s *sealer) sealPayload(text, place []byte) []byte {
	if len(text) >= packFrom || bytes.HasPrefix(text, packedMark) {
		text = encoder().EncodeAll(text, nil)
	}
	to := append(make([]byte, 0, len(sealedMark)+len(text)+sealOverhead), sealedMark...)
	return s.keys.Load().active.appendSeal(to, text, place)
}

// openPayload returns a stored text as it was before it was packed or sealed. place is called if
// it is sealed. It fails with [hook.ErrUnreadable].
func (s *sealer) openPayload(stored []byte, place func() []byte) (text []byte, sealed bool, err error) {
	if !bytes.HasPrefix(stored, packedMark) {
		return stored, false, nil
	}
	if value := sealedIn(stored); value != nil {
		if stored, err = s.openBytes(value, place()); err != nil {
			return nil, true, err
		}
		sealed = true
	}
	if text, err = unpack(stored); err != nil {
		return nil, sealed, hook.ErrUnreadable
	}
	return text, sealed, nil
}

// encode makes the stored forms of the payloads and documents that are not stored as they are:
// those that are sealed, payloads of at least from bytes, and payloads that begin like a packed one.
// It runs on the goroutine of the caller, so that the commit stays short.
func (s *submission) encode(seal *sealer, from int) {
	for _, it := range s.events() {
		switch e := it.Event; {
		case e.Sealed:
			s.encoded(e.ID, seal.sealPayload(e.Payload, eventPlace(e.Tenant, e.ID[:])))
		case len(e.Payload) >= from, bytes.HasPrefix(e.Payload, packedMark):
			s.encoded(e.ID, encoder().EncodeAll(e.Payload, nil))
		}
	}
	for _, w := range s.Records {
		if r := &w.Record; r.Sealed && r.Document != nil {
			if s.documents == nil {
				s.documents = map[*hook.RecordWrite][]byte{}
			}
			s.documents[w] = seal.sealPayload(r.Document, recordPlace(r))
		}
	}
}

func (s *submission) encoded(id hook.EventID, payload []byte) {
	if s.payloads == nil {
		s.payloads = map[hook.EventID][]byte{}
	}
	s.payloads[id] = payload
}

// payload returns the stored form of an event's payload.
func (s *submission) payload(e *hook.Event) []byte {
	if p, ok := s.payloads[e.ID]; ok {
		return p
	}
	return e.Payload
}

// document returns the stored form of a record's document.
func (s *submission) document(w *hook.RecordWrite) []byte {
	if d, ok := s.documents[w]; ok {
		return d
	}
	return w.Record.Document
}

// answer returns the stored form of the answer to the request. It can quote what was wrong in it.
func (s *submission) answer(seal *sealer) []byte {
	a := s.Answer(s.verdicts)
	if s.Seal {
		a = seal.sealPayload(a, keyPlace(s.Tenant, requestKeys+s.RequestKey))
	}
	return a
}

// storedRun is a [hook.ScheduleRun] in the table schedules. The details of Examples can quote records.
// They are a member of their own if they are sealed: the last one, as in attempts.
type storedRun struct {
	hook.ScheduleRun
	Sealed []byte `json:"z,omitempty"` // []hook.LeftOut
}

// encodeRun is the stored form of a run.
func (s *sealer) encodeRun(n hook.ScheduleName, r hook.ScheduleRun, seal bool) (_ []byte, err error) {
	run := storedRun{ScheduleRun: r}
	if seal && r.Examples != nil {
		if run.Sealed, err = s.sealJSON(r.Examples, schedulePlace(n)); err != nil {
			return nil, err
		}
		run.Examples = nil
	}
	return json.Marshal(run)
}

// decodeRun reads what encodeRun made. Examples that do not open are left out.
func (s *sealer) decodeRun(n hook.ScheduleName, stored []byte) (*hook.ScheduleRun, error) {
	var run storedRun
	if err := json.Unmarshal(stored, &run); err != nil {
		return nil, err
	}
	if run.Sealed != nil {
		_ = s.openJSON(run.Sealed, schedulePlace(n), &run.Examples) // LeftOut still says how many there are
	}
	return &run.ScheduleRun, nil
}

// sealingPayloads makes sure, before payloads are sealed for the first time, that all programs can read them: those of
// the release before are shut out. It fails with KindConflict if such a program is running.
func (db *DB) sealingPayloads(t *tx) error {
	if db.cluster != nil {
		old, err := t.oldNodes(sealedPayloads.postgres)
		if err != nil {
			return err
		}
		if len(old) > 0 {
			return hook.Conflict("nodes_behind", "Nodes of an earlier release are running, which cannot read sealed payloads: "+
				strings.Join(old, ", ")+". Replace them first, then try again.")
		}
	}
	return db.shutOut(t, sealedPayloads)
}

// AllowSealing is for a contract that seals payloads: it makes sure that all programs can read them. It fails with
// KindConflict if nodes of the release before are running.
func (db *DB) AllowSealing(ctx context.Context) error { return db.change(ctx, db.sealingPayloads) }

// oldNodes are the names of the running nodes that do not know a migration.
func (t *tx) oldNodes(migration int) (names []string, err error) {
	rows, err := t.rows(`SELECT epoch, name FROM nodes WHERE expires_at > `+nodeClock+` AND knows < $1 ORDER BY epoch`, migration)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var epoch int64
		var name string
		if err := rows.Scan(&epoch, &name); err != nil {
			return nil, err
		}
		if name == "" {
			name = fmt.Sprintf("node %d", epoch)
		}
		names = append(names, name)
	}
	return names, rows.Err()
}
