package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"gancho/internal/hook"
)

// NoteReveal writes into the audit that the actor of ctx looked at the personal data of an object.
func (db *DB) NoteReveal(ctx context.Context, tenant, object string) error {
	return db.change(ctx, func(t *tx) error {
		return t.audit(hook.AuditEntry{Tenant: tenant, Action: hook.ActionPersonalRevealed, Object: object})
	})
}

// NoteSearch writes into the audit that the actor of ctx searched for data at a path.
func (db *DB) NoteSearch(ctx context.Context, tenant, path string) error {
	return db.change(ctx, func(t *tx) error {
		return t.audit(hook.AuditEntry{Tenant: tenant, Action: hook.ActionPersonalSearched, Object: path})
	})
}

const (
	eraseAtOnce = 50 // places in one transaction
	// An attempt at a delivery that a newer snapshot superseded may still be under way so long after the delivery ended.
	afterSupersede = 5 * time.Minute
)

// EraseFound erases what a search at a path has found: records are removed; the payload of an event is overwritten, and the
// bodies, requests and answers of all its deliveries. The examples of what errors left out of the tenant are removed whether
// they are about the person or not, since nobody searches them. It leaves alone what is still to be sent. With SQLite nothing of it is
// in the file or its log any more when EraseFound returns. The audit gets an entry with the path and the counts, without
// the value.
func (db *DB) EraseFound(ctx context.Context, tenant, path string, found []hook.Found) (all hook.SubjectErasure, err error) {
	for part := range slices.Chunk(found, eraseAtOnce) {
		var out hook.SubjectErasure
		err := db.change(ctx, func(t *tx) error {
			out = hook.SubjectErasure{}
			for _, f := range part {
				if err := db.eraseOne(t, tenant, f, &out); err != nil {
					return err
				}
			}
			if !out.Any() {
				return nil
			}
			return t.audit(hook.AuditEntry{Tenant: tenant, Action: hook.ActionPersonalErased, Object: path, Fields: []string{
				fmt.Sprintf("records=%d", out.Records), fmt.Sprintf("events=%d", out.Events),
				fmt.Sprintf("deliveries=%d", out.Deliveries), fmt.Sprintf("attempts=%d", out.Attempts),
			}})
		})
		if err != nil {
			return all, err
		}
		all.Add(out)
	}
	if err := db.change(ctx, func(t *tx) error { return t.eraseOmissionExamples(tenant) }); err != nil {
		return all, err
	}
	// Also if nothing was found: this can be the second try after one that erased and could not empty the log.
	for more := true; more; {
		if more, err = db.Compact(ctx); err != nil {
			return all, err
		}
	}
	return all, db.emptyLog(ctx)
}

func (db *DB) eraseOne(t *tx, tenant string, f hook.Found, out *hook.SubjectErasure) error {
	if f.Event == (hook.EventID{}) {
		n, err := t.exec(`DELETE FROM records WHERE tenant = $1 AND contract = $2 AND kind = $3 AND key = $4 AND version = $5`,
			tenant, f.Record.Contract, f.Record.Kind, f.Record.Key, f.Version)
		out.Records += int(n)
		out.Changed += int(1 - n)
		return err
	}
	if slices.Contains(out.Waiting, f.Event) {
		return nil
	}
	first, last, now := f.Event, f.Event.Delivery(hook.MaxFanout), db.now().UTC()
	var waits int
	if err := t.row(`SELECT COUNT(*) FROM deliveries WHERE tenant = $1 AND id > $2 AND id <= $3
		AND (due_at IS NOT NULL OR superseded AND finished_at > $4)`,
		tenant, first[:], last[:], now.Add(-afterSupersede).UnixMicro()).Scan(&waits); err != nil {
		return err
	}
	if waits > 0 {
		out.Waiting = append(out.Waiting, f.Event)
		return nil
	}
	n, err := t.exec(`UPDATE events SET payload = $3, content_type = $4 WHERE tenant = $1 AND id = $2 AND content_type <> $4`,
		tenant, f.Event[:], []byte(hook.ErasedNote+now.Format(time.RFC3339)), hook.ErasedType)
	if err != nil || n == 0 { // it was found twice, or is removed
		return err
	}
	out.Events++
	ids, err := t.ids(`SELECT id FROM deliveries WHERE tenant = $1 AND id > $2 AND id <= $3`, tenant, first[:], last[:])
	if err != nil {
		return err
	}
	for _, id := range ids {
		out.Deliveries++
		if _, err := t.exec(`DELETE FROM bodies WHERE delivery = $1`, id); err != nil {
			return err
		}
		n, err := db.eraseAttempts(t, hook.DeliveryID(id))
		if err != nil {
			return err
		}
		out.Attempts += n
	}
	return nil
}

// eraseAttempts overwrites what the attempts of a delivery have of requests and answers. Method, status, times and class stay.
func (db *DB) eraseAttempts(t *tx, id hook.DeliveryID) (n int, err error) {
	stored, err := t.attempts(id)
	if err != nil {
		return 0, err
	}
	for number, data := range stored {
		at, err := db.seal.decodeAttempt(id, number, data)
		if err != nil {
			return n, err
		}
		at.Request, at.Detail = hook.Request{Method: at.Request.Method}, ""
		x := at.Extras()
		at.SetExtras(hook.Extra{Rule: x.Rule, Batch: x.Batch})
		if r := at.Response; r != nil {
			at.Response = &hook.Response{Status: r.Status}
		}
		if _, err := t.exec(`UPDATE attempts SET data = $3 WHERE delivery = $1 AND number = $2`, id[:], number, db.seal.encodeAttempt(at)); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// attempts are the attempts of a delivery as they are stored, by number.
func (t *tx) attempts(id hook.DeliveryID) (map[int][]byte, error) {
	rows, err := t.rows(`SELECT number, data FROM attempts WHERE delivery = $1`, id[:])
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := map[int][]byte{}
	for rows.Next() {
		var number int
		var data []byte
		if err := rows.Scan(&number, &data); err != nil {
			return nil, err
		}
		list[number] = data
	}
	return list, rows.Err()
}

// notErased fails with KindConflict if the payload of an event was erased. An event that is removed is not erased.
func (t *tx) notErased(tenant string, id hook.EventID) error {
	var one int
	err := t.row(`SELECT 1 FROM events WHERE tenant = $1 AND id = $2 AND content_type = $3`, tenant, id[:], hook.ErasedType).Scan(&one)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return hook.Conflict("event_erased", "The data of this event was erased because it was a person's, so it is not sent again.")
}
