package store

import (
	"context"
	"fmt"
	"time"

	"gancho/internal/hook"
)

// How a node passes notices of what happens to readers of streams at other nodes, as
// docs/adr/0011 decides.

const (
	// watchFor is how long other nodes store notices for a process that no longer reads them.
	watchFor = 10 * time.Second
	// keepNotices is how long notices are kept.
	keepNotices = 10 * time.Second
	// beforeWatching is how far back the first read goes: a notice that was being committed
	// when somebody began to watch must be found.
	beforeWatching = time.Second
)

// watched is an SQL condition: another process than the source in a parameter has readers.
func watched(source string) string {
	return `EXISTS (SELECT 1 FROM watchers WHERE source <> ` + source + ` AND expires_at > ` + nodeClock + `)`
}

// unsynced lets the transaction end before it is on disk. If the database crashes, readers
// notice the gap in the numbers.
const unsynced = `set_config('synchronous_commit', 'off', true)`

// Exchange stores notices for other nodes and reads theirs, in one round trip. Each process
// numbers its notices and stores them one after the other, so the next notice of a source
// always has a higher number. Storing the same number twice has no effect.
func (c *Cluster) Exchange(ctx context.Context, x hook.NoticeExchange) (list []hook.RemoteNotices, err error) {
	sources, numbers := make([]int64, 0, len(x.Known)), make([]int64, 0, len(x.Known))
	for source, number := range x.Known {
		sources, numbers = append(sources, source), append(numbers, number)
	}
	scan := func(r scanner) (t hook.RemoteNotices, err error) {
		err = r.Scan(&t.Source, &t.Number, &t.Data)
		return t, err
	}
	return collect(ctx, c.p.sql, scan, `WITH watching AS (INSERT INTO watchers (source, expires_at)
			SELECT $1, `+nodeClock+` + $7 FROM `+unsynced+` WHERE $4
			ON CONFLICT (source) DO UPDATE SET expires_at = excluded.expires_at
			RETURNING CASE WHEN $5 THEN pg_notify($6, '')::text END),
		telling AS (INSERT INTO notices (source, number, at, data)
			SELECT $1, $2, `+nodeClock+`, $3 FROM `+unsynced+` WHERE $3::bytea IS NOT NULL ON CONFLICT DO NOTHING),
		forgetting AS (DELETE FROM notices WHERE source = $1 AND at < `+nodeClock+` - $8::bigint)
		SELECT n.source, n.number, CASE WHEN $5 AND n.at < `+nodeClock+` - $9::bigint THEN NULL ELSE n.data END
		FROM notices n LEFT JOIN unnest($10::bigint[], $11::bigint[]) AS known (source, number) ON known.source = n.source
		WHERE $4 AND n.source <> $1 AND n.number > COALESCE(known.number, 0) ORDER BY 1, 2`,
		c.p.node.source, x.Number, x.Data, x.Watches, x.Begins, channel, watchFor.Microseconds(),
		keepNotices.Microseconds(), beforeWatching.Microseconds(), sources, numbers)
}

// expireNotices removes old notices, and processes that no longer read.
func (c *Cluster) expireNotices(ctx context.Context) error {
	return c.db.change(ctx, func(t *tx) error {
		for _, q := range []string{`DELETE FROM notices WHERE at < `, `DELETE FROM watchers WHERE expires_at < `} {
			if _, err := t.exec(q + nodeClock + fmt.Sprintf(` - %d`, keepNotices.Microseconds())); err != nil {
				return err
			}
		}
		return nil
	})
}
