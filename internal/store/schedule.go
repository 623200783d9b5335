package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"gancho/internal/hook"
)

// clock is the clock by which claims expire. Nodes that share a database use the clock of
// the database, because their own clocks may differ.
type clock func(row func(query string, args ...any) *sql.Row) (time.Time, error)

// wallClock is the clock of the machine, for a node that is alone. It is not [Options.Now], because a time table says when
// a run is by the clock on the wall: if the machine's clock was three hours ahead and is put right, 08:00 is when it shows
// 08:00.
func wallClock(func(string, ...any) *sql.Row) (time.Time, error) { return time.Now().UTC(), nil }

func databaseClock(row func(string, ...any) *sql.Row) (time.Time, error) {
	var at int64
	err := row(`SELECT ` + nodeClock).Scan(&at)
	return time.UnixMicro(at).UTC(), err
}

const scheduleColumns = `tenant, contract, type, rhythm, start_at, next_at, claim, last`

func (z *sealer) scanSchedule(row scanner) (s hook.Schedule, err error) {
	var start, next sql.NullInt64
	var claim, last []byte
	if err := row.Scan(&s.Tenant, &s.Contract, &s.Type, &s.Rhythm, &start, &next, &claim, &last); err != nil {
		return s, err
	}
	s.Start, s.NextAt = fromMicros(start), fromMicros(next)
	copy(s.Claim[:], claim)
	if last != nil {
		s.Last, err = z.decodeRun(s.ScheduleName, last)
	}
	return s, err
}

// Schedules lists the schedules of a tenant, or of all tenants if tenant is "".
func (db *DB) Schedules(ctx context.Context, tenant string) ([]hook.Schedule, error) {
	q := query{}
	if tenant != "" {
		q.and("tenant = %s", tenant)
	} else {
		q.and("tenant > %s", "")
	}
	rows, err := db.read.QueryContext(ctx, q.text(scheduleColumns, "schedules", `ORDER BY tenant, contract, type`),
		q.args...)
	if err != nil {
		return nil, storageError(err)
	}
	return db.seal.scanSchedules(rows)
}

func (z *sealer) scanSchedules(rows *sql.Rows) (list []hook.Schedule, err error) {
	defer rows.Close()
	for rows.Next() {
		s, err := z.scanSchedule(rows)
		if err != nil {
			return nil, storageError(err)
		}
		list = append(list, s)
	}
	return list, storageError(rows.Err())
}

// ActiveSince returns, for each tenant with active endpoints of a contract, since when it
// has had one. It looks at one tenant, or at all if tenant is "".
func (db *DB) ActiveSince(ctx context.Context, contract, tenant string) (map[string]time.Time, error) {
	q := query{}
	if tenant != "" {
		q.and("tenant = %s", tenant)
	}
	q.and("contract = %s", contract)
	q.and("state = %s", string(hook.EndpointActive))
	rows, err := db.read.QueryContext(ctx, q.text(`tenant, MIN(state_at)`, "endpoints", `GROUP BY tenant`), q.args...)
	if err != nil {
		return nil, storageError(err)
	}
	defer rows.Close()
	out := map[string]time.Time{}
	for rows.Next() {
		var name string
		var since sql.NullInt64
		if err := rows.Scan(&name, &since); err != nil {
			return nil, storageError(err)
		}
		out[name] = fromMicros(since)
	}
	return out, storageError(rows.Err())
}

// ArrangeSchedules stores the rhythm, the start and the next run of schedules. What is
// stored about their past runs stays.
func (db *DB) ArrangeSchedules(ctx context.Context, list []hook.Schedule) error {
	return db.change(ctx, func(t *tx) error {
		for _, s := range list {
			if err := t.aliveTenant(s.Tenant); hook.IsKind(err, hook.KindNotFound) {
				continue // deleted after the caller read it
			} else if err != nil {
				return err
			}
			if _, err := t.exec(`INSERT INTO schedules (tenant, contract, type, rhythm, start_at, next_at)
				VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (tenant, contract, type) DO UPDATE
				SET rhythm = excluded.rhythm, start_at = excluded.start_at, next_at = excluded.next_at`,
				s.Tenant, s.Contract, s.Type, s.Rhythm, s.Start.UnixMicro(), micros(s.NextAt)); err != nil {
				return err
			}
		}
		return nil
	})
}

// ClaimSchedules claims up to n due schedules for a node. now is the time of the clock that
// all nodes share. A claim ends when [DB.Submit] stores the end of the run, when it is
// released, or when its lease expires. Each claim has an id of its own, so that a node that
// lost it cannot end the claim of another.
func (db *DB) ClaimSchedules(
	ctx context.Context, node string, lease time.Duration, n int,
) (list []hook.Schedule, now time.Time, err error) {
	err = db.change(ctx, func(t *tx) error {
		list = nil
		if now, err = db.clock(t.row); err != nil {
			return err
		}
		rows, err := t.rows(`SELECT `+scheduleColumns+` FROM schedules
			WHERE next_at <= $1 AND (claimed_until IS NULL OR claimed_until <= $1)
			ORDER BY next_at, tenant, contract, type LIMIT $2`, now.UnixMicro(), n)
		if err != nil {
			return err
		}
		if list, err = db.seal.scanSchedules(rows); err != nil {
			return err
		}
		for i := range list {
			s := &list[i]
			s.Claim = hook.NewEventID()
			if _, err := t.exec(`UPDATE schedules SET claim = $4, claimed_by = $5, claimed_until = $6
				WHERE tenant = $1 AND contract = $2 AND type = $3`,
				s.Tenant, s.Contract, s.Type, s.Claim[:], node, now.Add(lease).UnixMicro()); err != nil {
				return err
			}
		}
		return nil
	})
	return list, now, err
}

// NextSchedule is the time until a schedule can be claimed; ok is false if there is none.
func (db *DB) NextSchedule(ctx context.Context) (wait time.Duration, ok bool, err error) {
	var next sql.NullInt64
	err = db.read.QueryRowContext(ctx, `SELECT MIN(CASE WHEN claimed_until > next_at THEN claimed_until ELSE next_at END)
		FROM schedules
		WHERE next_at IS NOT NULL`).Scan(&next)
	if err != nil || !next.Valid {
		return 0, false, storageError(err)
	}
	row := func(query string, args ...any) *sql.Row { return db.read.QueryRowContext(ctx, query, args...) }
	now, err := db.clock(row)
	return max(fromMicros(next).Sub(now), 0), true, storageError(err)
}

// ReleaseSchedule gives up a claim. The schedule can be claimed again after the given time.
func (db *DB) ReleaseSchedule(ctx context.Context, s hook.Schedule, after time.Duration) error {
	return db.change(ctx, func(t *tx) error {
		now, err := db.clock(t.row)
		if err != nil {
			return err
		}
		_, err = t.exec(`UPDATE schedules SET claim = NULL, claimed_until = $5
			WHERE tenant = $1 AND contract = $2 AND type = $3 AND claim = $4`,
			s.Tenant, s.Contract, s.Type, s.Claim[:], now.Add(after).UnixMicro())
		return err
	})
}

// TakeOverSchedules ends the claims that an earlier process of a node left behind.
func (db *DB) TakeOverSchedules(ctx context.Context, node string) error {
	return db.change(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE schedules SET claim = NULL, claimed_until = NULL
			WHERE claimed_by = $1 AND claimed_until IS NOT NULL`, node)
		return err
	})
}

// endRun ends a run of a schedule in the transaction of its event: it sets the time of the next
// run, stores the result of the run, and supersedes the deliveries of the previous snapshot. If
// another node has the claim, it stores nothing, and the caller must not store the event
// either.
func (t *tx) endRun(sub *submission, seal *sealer) (*hook.RunVerdict, error) {
	s := sub.RunEnd
	v := &hook.RunVerdict{Run: s.Run}
	name := []any{s.Tenant, s.Contract, s.Type}
	var before, claim, last []byte
	err := t.row(`SELECT snapshot, claim, last FROM schedules
		WHERE tenant = $1 AND contract = $2 AND type = $3`, name...).Scan(&before, &claim, &last)
	scheduled := s.Claim != hook.EventID{}
	switch {
	case errors.Is(err, sql.ErrNoRows) && !scheduled: // no row yet: no endpoint ever needed the schedule
		_, err = t.exec(`INSERT INTO schedules (tenant, contract, type, rhythm, start_at)
			VALUES ($1, $2, $3, '', 0)`, name...)
	case errors.Is(err, sql.ErrNoRows), err == nil && scheduled && string(claim) != string(s.Claim[:]):
		v.ClaimLost = true
		return v, nil
	}
	if err != nil {
		return nil, err
	}
	if v.Run.State == hook.RunFailed { // only the stored run says since when
		v.Run.FailingSince = v.Run.At
		var earlier hook.ScheduleRun
		if json.Unmarshal(last, &earlier) == nil && !earlier.FailingSince.IsZero() {
			v.Run.FailingSince = earlier.FailingSince
		}
	}
	run, err := seal.encodeRun(s.ScheduleName, v.Run, sub.Seal)
	if err != nil {
		return nil, err
	}
	if _, err := t.exec(`UPDATE schedules SET last = $4
		WHERE tenant = $1 AND contract = $2 AND type = $3`, append(name, run)...); err != nil {
		return nil, err
	}
	if scheduled {
		if _, err := t.exec(`UPDATE schedules SET next_at = CASE WHEN next_at IS NULL THEN NULL ELSE CAST($4 AS BIGINT) END,
			claim = NULL, claimed_until = NULL
			WHERE tenant = $1 AND contract = $2 AND type = $3`, append(name, micros(s.NextAt))...); err != nil {
			return nil, err
		}
	}
	if v.Run.State != hook.RunSent {
		return v, nil
	}
	if _, err := t.exec(`UPDATE schedules SET snapshot = $4
		WHERE tenant = $1 AND contract = $2 AND type = $3`, append(name, v.Run.Event[:])...); err != nil {
		return nil, err
	}
	if before != nil {
		v.Superseded, err = t.supersede(s.ScheduleName, hook.EventID(before), sub.now)
	}
	return v, err
}
