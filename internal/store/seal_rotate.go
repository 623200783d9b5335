package store

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"gancho/internal/hook"
)

// The rotation of the encryption key, in steps that any node can go on with after a crash: the
// table seal_keys says which step it is. docs/adr/0030 has the reasons.
//
//  1. A key becomes next. Each node reads it from where its keys are kept.
//  2. When all nodes have it, it becomes active, and the one before old. Each node seals with it.
//  3. When all nodes do, every value that is sealed under an old key is sealed again.
//  4. When a pass over all tables finds none, the old key becomes retired.

const (
	resealRows = 200 // rows in one transaction
	// settle is how long after all nodes seal with a new key a pass counts that finds nothing: by
	// then everything that was sealed before is stored.
	settleSQLite   = 2 * time.Second
	settlePostgres = changeTimeout + commitTimeout
)

// SealState says which keys there are and how far a rotation is.
func (db *DB) SealState(ctx context.Context) (s hook.SealState, err error) {
	rows, err := (&tx{ctx: ctx, conn: db.read}).sealKeys()
	if err != nil {
		return s, storageError(err)
	}
	for _, row := range rows {
		s.Keys = append(s.Keys, row.SealKey)
		if row.State == hook.SealKeyOld {
			s.Done, s.Total = row.done, row.total
		}
	}
	s.Waiting, err = db.nodesBehind(ctx, rows)
	return s, storageError(err)
}

// nodesBehind are the names of the nodes that do not have the next key, or do not seal with the
// active one yet.
func (db *DB) nodesBehind(ctx context.Context, rows []storedKey) (names []string, err error) {
	var next, active string
	for _, row := range rows {
		switch row.State {
		case hook.SealKeyNext:
			next = string(row.ID)
		case hook.SealKeyActive:
			active = string(row.ID)
		case hook.SealKeyOld, hook.SealKeyRetired:
		}
	}
	behind := func(has string) bool {
		if next != "" {
			return !slices.Contains(strings.Fields(has), next)
		}
		return !strings.HasPrefix(has, active)
	}
	if db.cluster == nil {
		if behind(db.seal.keys.Load().ids()) {
			names = append(names, "this server")
		}
		return names, nil
	}
	nodes, err := db.read.QueryContext(ctx, `SELECT epoch, name, seal_keys FROM nodes WHERE expires_at > `+nodeClock+` ORDER BY epoch`)
	if err != nil {
		return nil, err
	}
	defer nodes.Close()
	for nodes.Next() {
		var epoch int64
		var name, has string
		if err := nodes.Scan(&epoch, &name, &has); err != nil {
			return nil, err
		}
		if behind(has) {
			if name == "" {
				name = fmt.Sprintf("node %d", epoch)
			}
			names = append(names, name)
		}
	}
	return names, nodes.Err()
}

// ids are the ids of the keys of the ring, the active one first.
func (r *ring) ids() string {
	list := []string{string(r.active.id)}
	for _, k := range r.keys {
		if k != r.active {
			list = append(list, string(k.id))
		}
	}
	return strings.Join(list, " ")
}

// RotateSealKey begins a rotation with a key that this server has and the database does not know, or
// with one that it makes. If a rotation is under way, it changes nothing.
func (db *DB) RotateSealKey(ctx context.Context) error {
	return db.change(ctx, func(t *tx) error {
		rows, err := t.sealKeys()
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.State == hook.SealKeyNext || row.State == hook.SealKeyOld {
				return nil
			}
		}
		given, err := givenKeys(db.options)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(given, func(k *sealKey) bool {
			return !slices.ContainsFunc(rows, func(row storedKey) bool { return row.ID == k.id })
		})
		if at < 0 {
			if db.options.MakeKey == nil {
				return errNoSpareKey
			}
			text, err := db.options.MakeKey()
			if err != nil {
				return err
			}
			k, err := newSealKey(text)
			if err != nil {
				return err
			}
			given, at = []*sealKey{k}, 0
		}
		if _, err := t.addKey(given[at], hook.SealKeyNext, db.now().UnixMicro()); err != nil {
			return err
		}
		return t.audit(hook.AuditEntry{Action: hook.ActionEncryptionKeyRotated, Object: string(given[at].id)})
	})
}

var errNoSpareKey = hook.Conflict("key_not_given", "This server has no key that is not in use yet.")

// FollowKeys takes over what other nodes changed in the table of keys, and says with what this node
// seals. It reports whether a rotation is under way.
func (db *DB) FollowKeys(ctx context.Context) (rotating bool, err error) {
	rows, err := (&tx{ctx: ctx, conn: db.read}).sealKeys()
	if err != nil {
		return false, storageError(err)
	}
	was := db.seal.keys.Load()
	var active hook.SealKeyID
	known := true
	for _, row := range rows {
		rotating = rotating || row.State == hook.SealKeyNext || row.State == hook.SealKeyOld
		if row.State == hook.SealKeyActive {
			active = row.ID
		}
		known = known && (row.State == hook.SealKeyRetired || slices.ContainsFunc(was.keys, func(k *sealKey) bool { return k.id == row.ID }))
	}
	if !known || active != was.active.id {
		given, err := givenKeys(db.options)
		if err != nil {
			return rotating, err
		}
		now, err := matchKeys(rows, given)
		if err != nil { // the key that this node lacks is in use already: it goes on with those it has
			return rotating, err
		}
		if now.ids() != was.ids() {
			db.seal.keys.Store(now)
			db.changed(hook.Change{Anything: true})
		}
	}
	if db.cluster == nil {
		return rotating, nil
	}
	return rotating, db.cluster.sayKeys(ctx)
}

// sayKeys writes which keys this node has, if that is not what its row says.
func (c *Cluster) sayKeys(ctx context.Context) error {
	epoch, ids := c.p.node.epoch.Load(), c.db.seal.keys.Load().ids()
	if epoch <= 0 {
		return nil
	}
	said := saidKeys{epoch, ids}
	if old := c.p.node.said.Load(); old != nil && *old == said {
		return nil
	}
	if _, err := c.p.sql.ExecContext(ctx, `UPDATE nodes SET seal_keys = $2 WHERE epoch = $1`, epoch, ids); err != nil {
		return storageError(err)
	}
	c.p.node.said.Store(&said)
	return nil
}

// saidKeys is what a node has said about its keys.
type saidKeys struct {
	epoch int64
	ids   string
}

// sealedTable is a column with sealed values.
type sealedTable struct {
	name, column string
	key          []string                   // of the primary key
	row          func(key []any) []byte     // the id with which its values are sealed
	open         func(stored []byte) []byte // the sealed value in what is stored; nil: stored as it is
	// replace puts another sealed value into what is stored; nil: stored as it is.
	replace func(stored, sealed []byte) ([]byte, error)
	// marked says that most values are plain, and that sealed ones are behind [sealedMark].
	marked bool
}

// put is replace, also for values that are stored as they are.
func (s *sealedTable) put(stored, sealed []byte) ([]byte, error) {
	if s.replace == nil {
		return sealed, nil
	}
	return s.replace(stored, sealed)
}

// value is the sealed value in what is stored, nil if there is none.
func (s *sealedTable) value(stored []byte) []byte {
	if s.open == nil {
		return stored
	}
	return s.open(stored)
}

// bytesOf returns a column of a key, which is a text or bytes.
func bytesOf(column any) []byte {
	if text, ok := column.(string); ok {
		return []byte(text)
	}
	b, _ := column.([]byte)
	return b
}

func firstColumn(key []any) []byte { return bytesOf(key[0]) }

// allColumns is the [rowPlace] of a row.
func allColumns(table string) func(key []any) []byte {
	return func(key []any) []byte {
		texts := make([]string, len(key))
		for i, column := range key {
			texts[i] = string(bytesOf(column))
		}
		return rowPlace(table, texts...)
	}
}

// payloads is a column with payloads, of which some are sealed.
func payloads(table, column string, key ...string) sealedTable {
	return sealedTable{name: table, column: column, key: key, row: allColumns(table), open: sealedIn, replace: withMark, marked: true}
}

var sealedTables = []sealedTable{
	{name: "endpoints", column: "config", key: []string{"id"}, row: firstColumn},
	{name: "endpoints", column: "secrets", key: []string{"id"}, row: firstColumn},
	{name: "endpoint_versions", column: "config", key: []string{"endpoint", "version"}, row: firstColumn},
	{name: "credentials", column: "sealed", key: []string{"id"}, row: firstColumn},
	{name: "bodies", column: "body", key: []string{"delivery"}, row: firstColumn},
	{name: "bodies", column: "head", key: []string{"delivery"}, row: firstColumn},
	{
		name: "attempts", column: "data", key: []string{"delivery", "number"},
		row: func(key []any) []byte {
			place := attemptPlace(hook.DeliveryID(key[0].([]byte)), int(key[1].(int64)))
			return place[:]
		},
		open: sealedMemberOf, replace: replaceMember,
	},
	{name: "bulk_actions", column: "contains", key: []string{"id"}, row: firstColumn},
	{name: "omissions", column: "examples", key: []string{"tenant", "id"}, row: allColumns("omissions")},
	payloads("events", "payload", "tenant", "id"),
	payloads("records", "document", "tenant", "contract", "kind", "key"),
	payloads("idempotency", "answer", "tenant", "key"),
	{
		name: "schedules", column: "last", key: []string{"tenant", "contract", "type"},
		row: allColumns("schedules"), open: sealedMemberOf, replace: replaceMember,
	},
}

// sealedMember is the member that is sealed of the JSON value of an attempt or a run. It is the last one.
const sealedMember = `,"z":"`

// sealedMemberOf is the sealed part of a stored attempt or run, nil if it has none.
func sealedMemberOf(data []byte) []byte {
	var row struct {
		Sealed []byte `json:"z"`
	}
	if json.Unmarshal(data, &row) != nil {
		return nil
	}
	return row.Sealed
}

func replaceMember(data, sealed []byte) ([]byte, error) {
	head, _, ok := bytes.Cut(data, []byte(sealedMember))
	if !ok {
		return nil, errAttemptText
	}
	out := base64.StdEncoding.AppendEncode(append(bytes.Clone(head), sealedMember...), sealed)
	return append(out, `"}`...), nil
}

// LeadRotation does the next step of a rotation that is due, if there is one. One node at a time
// may call it, with one context as long as it leads. It returns how long to wait before the next
// call; 0: go on at once.
func (db *DB) LeadRotation(ctx context.Context) (wait time.Duration, err error) {
	const rest = time.Second
	rows, err := (&tx{ctx: ctx, conn: db.read}).sealKeys()
	if err != nil {
		return rest, storageError(err)
	}
	state := func(s hook.SealKeyState) int {
		return slices.IndexFunc(rows, func(row storedKey) bool { return row.State == s })
	}
	next, old := state(hook.SealKeyNext), state(hook.SealKeyOld)
	if next < 0 && old < 0 {
		db.sweep = nil
		return rest, nil
	}
	if db.sweep != nil && db.sweep.lead != ctx.Done() {
		db.sweep = nil // another node led meanwhile; this one did not see which nodes came
	}
	behind, err := db.nodesBehind(ctx, rows)
	if err != nil || len(behind) > 0 {
		if db.sweep != nil {
			db.sweep.since = time.Time{}
		}
		return rest, storageError(err)
	}
	if next >= 0 {
		return 0, db.activateKey(ctx, rows[next].ID)
	}
	if db.sweep == nil {
		s := &sweep{lead: ctx.Done()}
		if err := s.count(ctx, db); err != nil {
			return rest, err
		}
		db.sweep = s
	}
	if db.sweep.since.IsZero() {
		db.sweep.since = time.Now()
	}
	return db.sweepSome(ctx, rows[old].ID)
}

// activateKey makes the next key the one that seals. Programs that do not know the form of its
// values are shut out.
func (db *DB) activateKey(ctx context.Context, id hook.SealKeyID) error {
	return db.change(ctx, func(t *tx) error {
		for _, text := range []string{
			`UPDATE seal_keys SET state = 'old' WHERE state = 'active' AND EXISTS (SELECT 1 FROM seal_keys WHERE id = $1 AND state = 'next')`,
			`UPDATE seal_keys SET state = 'active' WHERE id = $1 AND state = 'next'`,
		} {
			if _, err := t.exec(text, string(id)); err != nil {
				return err
			}
		}
		return db.shutOut(t, keyedValues)
	})
}

// sweep is a pass over all sealed values. It lives in memory: after a crash, the next one passes
// quickly over what is sealed under the new key already.
type sweep struct {
	lead        <-chan struct{} // closed when this node does not lead any more
	since       time.Time       // all nodes seal with the new key since then
	began       time.Time       // of this pass
	tables      []sealedTable
	table       int   // of tables
	after       []any // the last key that was read
	done, total int64
	resealed    int64 // in this pass
	damaged     int64 // values that no key opens, in this pass
}

func (s *sweep) count(ctx context.Context, db *DB) error {
	var since int
	if err := db.read.QueryRowContext(ctx, `SELECT since FROM compatible`).Scan(&since); err != nil {
		return storageError(err)
	}
	sealing := since >= db.migration(sealedPayloads)
	s.tables = slices.DeleteFunc(slices.Clone(sealedTables), func(table sealedTable) bool { return table.marked && !sealing })
	for _, table := range s.tables {
		n, err := db.CountRows(ctx, Table{Name: table.name})
		if err != nil {
			return err
		}
		s.total += n
	}
	return nil
}

// sweepSome seals some values again that are sealed under an old key.
func (db *DB) sweepSome(ctx context.Context, old hook.SealKeyID) (wait time.Duration, err error) {
	const rest, pause = time.Second, 5 * time.Millisecond // others write in between
	s := db.sweep
	if s.table == 0 && s.after == nil {
		s.began, s.done, s.resealed, s.damaged = time.Now(), 0, 0, 0
	}
	table := s.tables[s.table]
	page, err := db.columnsAfter(ctx, Table{table.name, table.key}, s.after, resealRows, strings.Join(table.key, ", ")+", "+db.sealedColumn(table))
	if err != nil {
		return rest, err
	}
	n, err := db.resealPage(ctx, table, page, s)
	if err != nil {
		return rest, err
	}
	s.done, s.resealed, s.after = s.done+int64(len(page.Values)), s.resealed+n, page.Last
	if len(page.Values) > 0 {
		if n == 0 {
			return 0, nil
		}
		return pause, nil
	}
	s.after = nil
	if s.table++; s.table < len(s.tables) {
		return 0, nil
	}
	s.table = 0
	settle := settleSQLite
	if db.cluster != nil {
		settle = settlePostgres
	}
	if s.resealed > 0 || s.began.Sub(s.since) < db.settleAfter(settle) {
		return rest, nil
	}
	db.sweep = nil
	return 0, db.change(ctx, func(t *tx) error {
		if _, err := t.exec(`UPDATE seal_keys SET state = 'retired', done = total, damaged = $1 WHERE state = 'old'`, s.damaged); err != nil {
			return err
		}
		return t.audit(hook.AuditEntry{Action: hook.ActionEncryptionKeyRetired, Object: string(old)})
	})
}

// sealedColumn is the SQL for the column of a table without its plain values, which can be large.
func (db *DB) sealedColumn(table sealedTable) string {
	if !table.marked {
		return table.column
	}
	mark := fmt.Sprintf(`x'%x'`, sealedMark)
	if db.cluster != nil {
		mark = fmt.Sprintf(`'\x%x'::bytea`, sealedMark)
	}
	return fmt.Sprintf(`CASE WHEN substr(%s, 1, %d) = %s THEN %s END`, table.column, len(sealedMark), mark, table.column)
}

// settleAfter is how long to wait, which tests make shorter.
func (db *DB) settleAfter(d time.Duration) time.Duration {
	if db.settle != 0 {
		return db.settle
	}
	return d
}

// resealPage seals the values of a page under the active key that are sealed under another one.
// A value that was changed meanwhile stays; so does one that does not open, which is counted.
func (db *DB) resealPage(ctx context.Context, table sealedTable, page Rows, s *sweep) (n int64, err error) {
	r := db.seal.keys.Load()
	type update struct {
		key      []any
		was, now []byte
	}
	var list []update
	var damaged int64
	for _, row := range page.Values {
		key, stored := row[:len(table.key)], row[len(table.key)]
		value, ok := stored.([]byte)
		if !ok { // NULL
			continue
		}
		sealed := table.value(value)
		if len(sealed) == 0 || r.active.cut(sealed) != nil {
			continue
		}
		id := table.row(key)
		plain, _, ok := r.open(sealed, id)
		if !ok {
			damaged++
			continue
		}
		now, err := table.put(value, r.active.seal(plain, id))
		if err != nil {
			return 0, err
		}
		list = append(list, update{key, value, now})
	}
	if len(list) == 0 {
		s.damaged += damaged
		return 0, nil
	}
	where := make([]string, len(table.key))
	for i, column := range table.key {
		where[i] = fmt.Sprintf("%s = $%d", column, i+3)
	}
	text := fmt.Sprintf(`UPDATE %s SET %s = $1 WHERE %s = $2 AND %s`, table.name, table.column, table.column, strings.Join(where, " AND "))
	err = db.change(ctx, func(t *tx) error {
		n = 0
		for _, u := range list {
			if _, err := t.exec(text, append([]any{u.now, u.was}, u.key...)...); err != nil {
				return err
			}
			n++
		}
		_, err := t.exec(`UPDATE seal_keys SET done = $1, total = $2 WHERE state = 'old'`, min(s.done, s.total), s.total)
		return err
	})
	if err == nil {
		s.damaged += damaged
	}
	return n, err
}
