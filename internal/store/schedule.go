package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"gancho/internal/hook"
)

// clock is the clock by which claims hold: that of the database where nodes share
// it, since theirs may differ.
type clock func(row func(query string, args ...any) *sql.Row) (time.Time, error)

// ownClock is that of a node that is alone.
func (db *DB) ownClock(func(string, ...any) *sql.Row) (time.Time, error) { return db.now().UTC(), nil }

func databaseClock(row func(string, ...any) *sql.Row) (time.Time, error) {
	var at int64
	err := row(`SELECT ` + nodeClock).Scan(&at)
	return time.UnixMicro(at).UTC(), err
}

const scheduleColumns = `tenant, contract, type, rhythm, start_at, next_at, claim, last`

func scanSchedule(row interface{ Scan(...any) error }) (s hook.Schedule, err error) {
	var start, next sql.NullInt64
	var claim, last []byte
	if err := row.Scan(&s.Tenant, &s.Contract, &s.Type, &s.Rhythm, &start, &next, &claim, &last); err != nil {
		return s, err
	}
	s.Start, s.NextAt = fromMicros(start), fromMicros(next)
	copy(s.Claim[:], claim)
	if last != nil {
		s.Last = new(hook.ScheduleRun)
		err = json.Unmarshal(last, s.Last)
	}
	return s, err
}

// Schedules are the schedules of a tenant, or of all if it is "".
func (db *DB) Schedules(ctx context.Context, tenant string) ([]hook.Schedule, error) {
	q := query{}
	if tenant != "" {
		q.and("tenant = %s", tenant)
	} else {
		q.and("tenant > %s", "")
	}
	rows, err := db.read.QueryContext(ctx, q.text(scheduleColumns, "schedules", `ORDER BY tenant, contract, type`), q.args...)
	if err != nil {
		return nil, lost(err)
	}
	return scanSchedules(rows)
}

func scanSchedules(rows *sql.Rows) (list []hook.Schedule, err error) {
	defer rows.Close()
	for rows.Next() {
		s, err := scanSchedule(rows)
		if err != nil {
			return nil, lost(err)
		}
		list = append(list, s)
	}
	return list, lost(rows.Err())
}

// ActiveSince says for each tenant that has active endpoints of a contract since
// when it has them; for one tenant, or for all if it is "".
func (db *DB) ActiveSince(ctx context.Context, contract, tenant string) (map[string]time.Time, error) {
	q := query{}
	if tenant != "" {
		q.and("tenant = %s", tenant)
	}
	q.and("contract = %s", contract)
	q.and("state = %s", string(hook.EndpointActive))
	rows, err := db.read.QueryContext(ctx, q.text(`tenant, MIN(state_at)`, "endpoints", `GROUP BY tenant`), q.args...)
	if err != nil {
		return nil, lost(err)
	}
	defer rows.Close()
	out := map[string]time.Time{}
	for rows.Next() {
		var name string
		var since sql.NullInt64
		if err := rows.Scan(&name, &since); err != nil {
			return nil, lost(err)
		}
		out[name] = fromMicros(since)
	}
	return out, lost(rows.Err())
}

// ArrangeSchedules stores the clocks of schedules: rhythm, start and next run. What
// is known of their runs stays.
func (db *DB) ArrangeSchedules(ctx context.Context, list []hook.Schedule) error {
	return db.change(ctx, func(t *tx) error {
		for _, s := range list {
			if err := t.aliveTenant(s.Tenant); hook.IsKind(err, hook.KindNotFound) {
				continue // deleted meanwhile
			} else if err != nil {
				return err
			}
			if _, err := t.exec(`INSERT INTO schedules (tenant, contract, type, rhythm, start_at, next_at) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (tenant, contract, type) DO UPDATE SET rhythm = excluded.rhythm, start_at = excluded.start_at, next_at = excluded.next_at`,
				s.Tenant, s.Contract, s.Type, s.Rhythm, s.Start.UnixMicro(), micros(s.NextAt)); err != nil {
				return err
			}
		}
		return nil
	})
}

// ClaimSchedules takes up to n schedules that are due for a node, and says by
// which clock they are: the one that all nodes share. A claim holds until it is
// ended by [DB.Submit] with a step, released, or too old; each has an id of its
// own, so that whoever lost it cannot end it.
func (db *DB) ClaimSchedules(ctx context.Context, node string, lease time.Duration, n int) (list []hook.Schedule, now time.Time, err error) {
	err = db.change(ctx, func(t *tx) error {
		list = nil
		if now, err = db.clock(t.row); err != nil {
			return err
		}
		rows, err := t.rows(`SELECT `+scheduleColumns+` FROM schedules
			WHERE next_at <= $1 AND (claimed_until IS NULL OR claimed_until <= $1) ORDER BY next_at, tenant, contract, type LIMIT $2`, now.UnixMicro(), n)
		if err != nil {
			return err
		}
		if list, err = scanSchedules(rows); err != nil {
			return err
		}
		for i := range list {
			s := &list[i]
			s.Claim = hook.NewEventID()
			if _, err := t.exec(`UPDATE schedules SET claim = $4, claimed_by = $5, claimed_until = $6 WHERE tenant = $1 AND contract = $2 AND type = $3`,
				s.Tenant, s.Contract, s.Type, s.Claim[:], node, now.Add(lease).UnixMicro()); err != nil {
				return err
			}
		}
		return nil
	})
	return list, now, err
}

// NextSchedule is how long it is until a schedule can be claimed, and false if
// nothing is to run.
func (db *DB) NextSchedule(ctx context.Context) (wait time.Duration, ok bool, err error) {
	var next sql.NullInt64
	err = db.read.QueryRowContext(ctx, `SELECT MIN(CASE WHEN claimed_until > next_at THEN claimed_until ELSE next_at END) FROM schedules
		WHERE next_at IS NOT NULL`).Scan(&next)
	if err != nil || !next.Valid {
		return 0, false, lost(err)
	}
	now, err := db.clock(func(query string, args ...any) *sql.Row { return db.read.QueryRowContext(ctx, query, args...) })
	return max(fromMicros(next).Sub(now), 0), true, lost(err)
}

// ReleaseSchedule gives a claim up; the schedule can be claimed again after a
// while.
func (db *DB) ReleaseSchedule(ctx context.Context, s hook.Schedule, after time.Duration) error {
	return db.change(ctx, func(t *tx) error {
		now, err := db.clock(t.row)
		if err != nil {
			return err
		}
		_, err = t.exec(`UPDATE schedules SET claim = NULL, claimed_until = $5 WHERE tenant = $1 AND contract = $2 AND type = $3 AND claim = $4`,
			s.Tenant, s.Contract, s.Type, s.Claim[:], now.Add(after).UnixMicro())
		return err
	})
}

// TakeOverSchedules ends the claims of an earlier process of a node.
func (db *DB) TakeOverSchedules(ctx context.Context, node string) error {
	return db.change(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE schedules SET claim = NULL, claimed_until = NULL WHERE claimed_by = $1 AND claimed_until IS NOT NULL`, node)
		return err
	})
}

// endRun ends a run of a schedule in the transaction of its event: it moves the clock,
// stores what the run came to, and ends the deliveries of the snapshot before. If
// somebody else has the claim, it does nothing, and the event must not be stored either.
func (t *tx) endRun(s *hook.RunEnd, now time.Time) (*hook.RunVerdict, error) {
	v := &hook.RunVerdict{Run: s.Run}
	name := []any{s.Tenant, s.Contract, s.Type}
	var before, claim, last []byte
	err := t.row(`SELECT snapshot, claim, last FROM schedules WHERE tenant = $1 AND contract = $2 AND type = $3`, name...).Scan(&before, &claim, &last)
	scheduled := s.Claim != hook.EventID{}
	switch {
	case errors.Is(err, sql.ErrNoRows) && !scheduled: // never had an endpoint
		_, err = t.exec(`INSERT INTO schedules (tenant, contract, type, rhythm, start_at) VALUES ($1, $2, $3, '', 0)`, name...)
	case errors.Is(err, sql.ErrNoRows), err == nil && scheduled && string(claim) != string(s.Claim[:]):
		v.ClaimLost = true
		return v, nil
	}
	if err != nil {
		return nil, err
	}
	if v.Run.State == hook.RunFailed { // since when is known only here
		v.Run.FailingSince = v.Run.At
		var earlier hook.ScheduleRun
		if json.Unmarshal(last, &earlier) == nil && !earlier.FailingSince.IsZero() {
			v.Run.FailingSince = earlier.FailingSince
		}
	}
	run, err := json.Marshal(v.Run)
	if err != nil {
		return nil, err
	}
	if _, err := t.exec(`UPDATE schedules SET last = $4 WHERE tenant = $1 AND contract = $2 AND type = $3`, append(name, run)...); err != nil {
		return nil, err
	}
	if scheduled {
		if _, err := t.exec(`UPDATE schedules SET next_at = CASE WHEN next_at IS NULL THEN NULL ELSE CAST($4 AS BIGINT) END, claim = NULL, claimed_until = NULL
			WHERE tenant = $1 AND contract = $2 AND type = $3`, append(name, micros(s.NextAt))...); err != nil {
			return nil, err
		}
	}
	if v.Run.State != hook.RunSent {
		return v, nil
	}
	if _, err := t.exec(`UPDATE schedules SET snapshot = $4 WHERE tenant = $1 AND contract = $2 AND type = $3`, append(name, v.Run.Event[:])...); err != nil {
		return nil, err
	}
	if before != nil {
		v.Superseded, err = t.supersede(s.ScheduleName, hook.EventID(before), now)
	}
	return v, err
}
