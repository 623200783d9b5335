package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"gancho/internal/hook"
)

// Statistics: counts of results of deliveries. Rows are never replaced, only added to.

// tallyColumns are the columns of a tally, in the order of [tallyValues].
var tallyColumns = func() []string {
	columns := []string{"delivered", "failed", "unknown", "cancelled", "retrying", "left_out"}
	for i := range hook.LatencyBounds {
		columns = append(columns, fmt.Sprintf("t%d", i))
	}
	return append(columns, fmt.Sprintf("t%d", len(hook.LatencyBounds)))
}()

// tallyValues are pointers to the counts of a tally, in the order of [tallyColumns].
func tallyValues(t *hook.Tally) []any {
	values := []any{&t.Delivered, &t.Failed, &t.Unknown, &t.Cancelled, &t.Retrying, &t.LeftOut}
	for i := range t.Times {
		values = append(values, &t.Times[i])
	}
	return values
}

// addedAtOnce is the number of rows of one statement. More rows would need more parameters
// than the driver handles well.
const addedAtOnce = 16

// AddStats adds tallies to the stored ones. No two rows may have the same key. Rows of
// deleted tenants are left out.
func (db *DB) AddStats(ctx context.Context, rows []hook.StatsRow) error {
	return db.change(ctx, func(t *tx) error {
		kept, err := t.ofLivingTenants(rows)
		for len(kept) > 0 && err == nil {
			n := min(len(kept), addedAtOnce)
			err = t.addStats(kept[:n])
			kept = kept[n:]
		}
		return err
	})
}

// ofLivingTenants leaves out the rows of deleted tenants. If the data of such a tenant is
// already removed, nobody would remove these rows.
func (t *tx) ofLivingTenants(rows []hook.StatsRow) (kept []hook.StatsRow, err error) {
	gone := map[string]bool{"": false}
	for _, row := range rows {
		if _, known := gone[row.Tenant]; !known {
			err := t.aliveTenant(row.Tenant)
			if err != nil && !hook.IsKind(err, hook.KindNotFound) {
				return nil, err
			}
			gone[row.Tenant] = err != nil
		}
		if !gone[row.Tenant] {
			kept = append(kept, row)
		}
	}
	return kept, nil
}

func (t *tx) addStats(rows []hook.StatsRow) error {
	var values, sums []string
	var args []any
	for i := range rows {
		row := &rows[i]
		marks := make([]string, 0, 4+len(tallyColumns))
		put := func(v any) {
			args = append(args, v)
			marks = append(marks, fmt.Sprintf("$%d", len(args)))
		}
		put(row.Tenant)
		put(row.Endpoint[:])
		put(seconds(row.Span))
		put(row.At.UnixMicro())
		for _, v := range tallyValues(&row.Tally) {
			put(*v.(*int64))
		}
		values = append(values, "("+strings.Join(marks, ", ")+")")
	}
	for _, c := range tallyColumns {
		sums = append(sums, c+" = stats."+c+" + excluded."+c)
	}
	_, err := t.exec("INSERT INTO stats (tenant, endpoint, span, at, "+strings.Join(tallyColumns, ", ")+")"+
		" VALUES "+strings.Join(values, ", ")+
		" ON CONFLICT (tenant, endpoint, span, at) DO UPDATE SET "+strings.Join(sums, ", "), args...)
	return err
}

func seconds(s hook.StatsSpan) int64 { return int64(time.Duration(s) / time.Second) }

// Stats is a series of tallies that begin at since or later, oldest first. Spans in which
// nothing happened are left out. It counts one endpoint of a tenant, the whole tenant if
// endpoint is zero, or all tenants if tenant is "" as well.
func (db *DB) Stats(
	ctx context.Context, tenant string, endpoint hook.EndpointID, span hook.StatsSpan, since time.Time,
) (list []hook.StatsRow, err error) {
	scan := func(r scanner) (hook.StatsRow, error) {
		out := hook.StatsRow{StatsKey: hook.StatsKey{Tenant: tenant, Endpoint: endpoint, Span: span}}
		var at int64
		err := r.Scan(append([]any{&at}, tallyValues(&out.Tally)...)...)
		out.At = time.UnixMicro(at).UTC()
		return out, err
	}
	return collect(ctx, db.read, scan, "SELECT at, "+strings.Join(tallyColumns, ", ")+
		" FROM stats WHERE tenant = $1 AND endpoint = $2 AND span = $3 AND at >= $4 ORDER BY at",
		tenant, endpoint[:], seconds(span), since.UnixMicro())
}

// TenantStats adds up, for each tenant, the tallies of a span that begin at since or later and before until, without the
// times of attempts. Those with most deliveries and failed attempts come first, at most limit.
func (db *DB) TenantStats(
	ctx context.Context, span hook.StatsSpan, since, until time.Time, limit int,
) (list []hook.StatsRow, err error) {
	scan := func(r scanner) (hook.StatsRow, error) {
		out := hook.StatsRow{StatsKey: hook.StatsKey{Span: span, At: since}}
		err := r.Scan(&out.Tenant, &out.Delivered, &out.Failed, &out.Unknown, &out.Cancelled, &out.Retrying)
		return out, err
	}
	const sum = "CAST(SUM(%s) AS BIGINT)"
	columns := []string{"tenant"}
	for _, c := range tallyColumns[:5] {
		columns = append(columns, fmt.Sprintf(sum, c))
	}
	return collect(ctx, db.read, scan, "SELECT "+strings.Join(columns, ", ")+` FROM stats
		WHERE span = $1 AND at >= $2 AND at < $3 AND endpoint = $4 AND tenant <> ''
		GROUP BY tenant ORDER BY SUM(delivered + failed + unknown + cancelled + retrying) DESC, tenant LIMIT $5`,
		seconds(span), since.UnixMicro(), until.UnixMicro(), make([]byte, len(hook.EndpointID{})), limit)
}

// Backlog counts unfinished deliveries up to limit: of one endpoint of a tenant, of the
// whole tenant if endpoint is zero, or of all tenants if tenant is "" as well.
func (db *DB) Backlog(
	ctx context.Context, tenant string, endpoint hook.EndpointID, limit int,
) (b hook.Backlog, err error) {
	q := query{where: []string{"due_at IS NOT NULL"}}
	switch {
	case !endpoint.IsZero():
		q.and("endpoint = %s", endpoint[:])
		q.and("(tenant = %s) IS TRUE", tenant) // keeps the planner from using an index by tenant
	case tenant != "":
		q.and("endpoint IN (SELECT id FROM endpoints WHERE tenant = %s)", tenant)
	}
	text := q.text("1", "deliveries", "LIMIT "+q.arg(limit+1))
	found, err := inOrder(ctx, db, one[int], "SELECT COUNT(*) FROM ("+text+") AS found", q.args...)
	if err != nil {
		return b, err
	}
	if found[0] > limit {
		return hook.Backlog{Count: limit, AtLeast: true}, nil
	}
	return hook.Backlog{Count: found[0]}, nil
}

// EndpointCounts counts endpoints up to limit: of a tenant or, if tenant is "", of all. Deleted ones are left out.
func (db *DB) EndpointCounts(ctx context.Context, tenant string, limit int) (hook.EndpointCounts, error) {
	q := query{where: []string{"state <> 'deleted'"}}
	if tenant != "" {
		q.and("tenant = %s", tenant)
	}
	text := q.text("state, last_run_at, failing_since", "endpoints", "LIMIT "+q.arg(limit+1))
	count := func(when string) string { return "COUNT(CASE WHEN " + when + " THEN 1 END)" }
	var n hook.EndpointCounts
	err := db.read.QueryRowContext(ctx, "SELECT COUNT(*), "+count("state = 'paused'")+", "+count("state = 'disabled'")+", "+
		count("failing_since IS NOT NULL")+", "+count("state = 'active' AND last_run_at IS NULL")+" FROM ("+text+") AS found", q.args...).
		Scan(&n.All, &n.Paused, &n.Disabled, &n.Failing, &n.Unused)
	if n.All > limit {
		n.All, n.AtLeast = limit, true
	}
	return n, storageError(err)
}

// Failing lists the endpoints whose latest attempts failed, of a tenant or, if tenant is
// "", of all. The endpoint that fails longest comes first. Backlogs are left zero.
func (db *DB) Failing(ctx context.Context, tenant string, limit int) (list []hook.Failing, err error) {
	q := query{where: []string{"failing_since IS NOT NULL", "state <> 'deleted'"}}
	if tenant != "" {
		q.and("tenant = %s", tenant)
	}
	text := q.text("id, tenant, name, state, failing_since, last_run_at, last_status", "endpoints",
		"ORDER BY failing_since LIMIT "+q.arg(limit))
	return collect(ctx, db.read, scanFailing, text, q.args...)
}

func scanFailing(r scanner) (f hook.Failing, err error) {
	var id []byte
	var since, last sql.NullInt64
	if err := r.Scan(&id, &f.Tenant, &f.Name, &f.State, &since, &last, &f.LastStatus); err != nil {
		return f, err
	}
	f.Endpoint, f.Since, f.LastRun = hook.EndpointID(id), fromMicros(since), fromMicros(last)
	return f, nil
}

// expireStats are the statements that remove tallies that are no longer kept.
func expireStats(now time.Time) (list []expiry) {
	for _, s := range []struct {
		span hook.StatsSpan
		keep time.Duration
	}{{hook.StatsMinute, hook.KeepStatsMinute}, {hook.StatsHour, hook.KeepStatsHour}} {
		list = append(list, expiry{fmt.Sprintf(`DELETE FROM stats
			WHERE (tenant, endpoint, span, at) IN (SELECT tenant, endpoint, span, at FROM stats
			WHERE span = %d AND at < $1 LIMIT $2)`, seconds(s.span)), now.Add(-s.keep)})
	}
	return list
}
