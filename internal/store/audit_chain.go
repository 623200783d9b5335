package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"gancho/internal/hook"
)

// The chain of the audit, see package hook and docs/audit.md. A transaction that adds an entry locks the head of the
// chain of the installation until it ends, so that entries of several nodes get their places one after the other. In the
// same transaction, entries without a place get one: those of programs of the release before, and those from before
// the chain. Nothing is remembered between transactions, so a crash leaves no gap.

const (
	adoptedAtOnce = 100 // entries without a place that get one in the transaction of somebody's change
	verifyRows    = 2000
)

// chainColumns are the columns of an entry's place.
const chainColumns = `seq, salt, digest, hash, tenant_seq, tenant_hash, adopted, erased, erased_by`

// head reads the head of a chain and locks it until the transaction ends. A chain begins when it is first asked for.
func (t *tx) head(tenant string) (l hook.Link, err error) {
	var zero [32]byte
	return scanLink(t.row(`INSERT INTO audit_chains (tenant, seq, hash, base_seq, base_hash) VALUES ($1, 0, $2, 0, $2)
		ON CONFLICT (tenant) DO UPDATE SET seq = audit_chains.seq RETURNING seq, hash`, tenant, zero[:]))
}

func scanLink(r scanner) (l hook.Link, err error) {
	var hash []byte
	err = r.Scan(&l.Seq, &hash)
	copy(l.Hash[:], hash)
	return l, err
}

// chain gives up to n entries that have no place the next ones, oldest first. own is the entry of this transaction;
// the others are marked as adopted. It returns how many got a place.
func (t *tx) chain(own hook.AuditID, n int) (done int, err error) {
	heads := map[string]hook.Link{}
	next := func(tenant string, digest [32]byte) (hook.Link, error) {
		l, ok := heads[tenant]
		if !ok {
			if l, err = t.head(tenant); err != nil {
				return l, err
			}
		}
		heads[tenant] = l.Next(hook.ChainOf(tenant), digest)
		return heads[tenant], nil
	}
	if heads[""], err = t.head(""); err != nil { // before reading: nobody else chains them meanwhile
		return 0, err
	}
	list, err := t.pending(n)
	if err != nil {
		return 0, err
	}
	for _, e := range list {
		e.Adopted = e.ID != own
		e.Salt = make([]byte, 16)
		_, _ = rand.Read(e.Salt) // never fails, see crypto/rand
		e.Digest = e.DigestNow()
		if e.Place, err = next("", e.Digest); err != nil {
			return 0, err
		}
		var seq, hash any // NULL for an entry of no tenant
		if e.Tenant != "" {
			if e.OfTenant, err = next(e.Tenant, e.Digest); err != nil {
				return 0, err
			}
			seq, hash = e.OfTenant.Seq, e.OfTenant.Hash[:]
		}
		if _, err := t.exec(`UPDATE audit SET seq = $2, salt = $3, digest = $4, hash = $5, tenant_seq = $6, tenant_hash = $7,
			adopted = $8 WHERE id = $1`, e.ID[:], e.Place.Seq, e.Salt, e.Digest[:], e.Place.Hash[:], seq, hash, e.Adopted); err != nil {
			return 0, err
		}
	}
	for tenant, l := range heads {
		if _, err := t.exec(`UPDATE audit_chains SET seq = $2, hash = $3 WHERE tenant = $1`, tenant, l.Seq, l.Hash[:]); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

// pending are the oldest n entries that have no place.
func (t *tx) pending(n int) (list []hook.ChainedEntry, err error) {
	rows, err := t.rows(`SELECT `+auditColumns+` FROM audit WHERE seq IS NULL ORDER BY id LIMIT $1`, n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		e, err := scanAudit(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, hook.ChainedEntry{AuditEntry: e})
	}
	return list, rows.Err()
}

// ChainAudit gives all entries that have no place one, n in each transaction.
func (db *DB) ChainAudit(ctx context.Context, n int) error {
	var one int
	err := db.read.QueryRowContext(ctx, `SELECT 1 FROM audit WHERE seq IS NULL LIMIT 1`).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return storageError(err)
	}
	_, err = db.expireAll(ctx, n, func(t *tx) (int64, error) {
		done, err := t.chain(hook.AuditID{}, n)
		return int64(done), err
	})
	return err
}

// expireAudit removes entries that are older than before, n in each transaction, oldest place first. What it removed
// stays in the chain as its base.
func (db *DB) expireAudit(ctx context.Context, before time.Time, n int) (removed int, err error) {
	if err := db.ChainAudit(ctx, n); err != nil {
		return 0, err
	}
	end := hook.IDAt(before)
	return db.expireAll(ctx, n, func(t *tx) (int64, error) {
		if _, err := t.head(""); err != nil {
			return 0, err
		}
		bases, err := t.expired(end, n)
		if err != nil {
			return 0, err
		}
		for tenant, l := range bases {
			if _, err := t.exec(`UPDATE audit_chains SET base_seq = $2, base_hash = $3 WHERE tenant = $1 AND base_seq < $2`,
				tenant, l.Seq, l.Hash[:]); err != nil {
				return 0, err
			}
		}
		return t.exec(`DELETE FROM audit WHERE seq <= $1`, bases[""].Seq)
	})
}

// expired returns, for each chain, the last of the first n entries that may be removed: those at the beginning of the
// chain whose ids are below end.
func (t *tx) expired(end hook.ID, n int) (bases map[string]hook.Link, err error) {
	bases = map[string]hook.Link{}
	rows, err := t.rows(`SELECT id, tenant, seq, hash, tenant_seq, tenant_hash FROM audit WHERE seq IS NOT NULL
		ORDER BY seq LIMIT $1`, n)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, hash, tenantHash []byte
		var tenant string
		var seq int64
		var tenantSeq sql.NullInt64
		if err := rows.Scan(&id, &tenant, &seq, &hash, &tenantSeq, &tenantHash); err != nil {
			return nil, err
		}
		if string(id) >= string(end[:]) {
			break
		}
		bases[""] = hook.Link{Seq: seq, Hash: hashOf(hash)}
		if tenantSeq.Valid {
			bases[tenant] = hook.Link{Seq: tenantSeq.Int64, Hash: hashOf(tenantHash)}
		}
	}
	return bases, rows.Err()
}

// hashOf is a hash as it is stored; what is no hash, because somebody changed it, is zero.
func hashOf(b []byte) (h [32]byte) {
	if len(b) == len(h) {
		copy(h[:], b)
	}
	return h
}

// noteDeleted writes that a tenant was deleted, and which entries of it are erased for that: all that have a place.
// The others are removed. It takes the place right behind them in the chain.
func (t *tx) noteDeleted(tenant, name string, after int64) error {
	for n := adoptedAtOnce; n == adoptedAtOnce; { // locks the head, so no other node adds an entry meanwhile
		var err error
		if n, err = t.chain(hook.AuditID{}, adoptedAtOnce); err != nil {
			return err
		}
	}
	var e hook.ErasedEntries
	if err := t.row(`SELECT COUNT(*), COALESCE(MIN(seq), 0), COALESCE(MAX(seq), 0) FROM audit WHERE tenant = $1 AND seq > $2`,
		tenant, after).Scan(&e.N, &e.First, &e.Last); err != nil {
		return err
	}
	return t.audit(hook.AuditEntry{Action: hook.ActionTenantDeleted, Object: tenant, Name: name, Fields: e.Fields()})
}

// eraseAudit removes the content of about n entries of a deleted tenant. Their places and digests stay, and name the
// entry that says that the tenant was deleted, the first one after them. The tenant's own chain ends first. Entries that
// were written after the deletion, by a request that was under way, get an entry of their own that explains them. It
// returns how many it erased.
func (t *tx) eraseAudit(tenant string, n int) (erased int64, err error) {
	if k, err := t.exec(`DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE tenant = $1 AND seq IS NULL LIMIT $2)`,
		tenant, n); k > 0 || err != nil {
		return k, err
	}
	const deletions = ` FROM audit d WHERE d.tenant = '' AND d.action = $3 AND d.object = $1 AND d.seq IS NOT NULL`
	deleted := string(hook.ActionTenantDeleted)
	var last, late int64
	if err := t.row(`SELECT COALESCE(MAX(d.seq), 0), (SELECT COALESCE(MAX(seq), 0) FROM audit WHERE tenant = $1)
		FROM audit d WHERE d.tenant = '' AND d.action = $2 AND d.object = $1`, tenant, deleted).Scan(&last, &late); err != nil {
		return 0, err
	}
	if last > 0 && late > last {
		if err := t.noteDeleted(tenant, "", last); err != nil {
			return 0, err
		}
	}
	if _, err := t.exec(`DELETE FROM audit_chains WHERE tenant = $1`, tenant); err != nil {
		return 0, err
	}
	return t.exec(`UPDATE audit SET tenant = '', actor = '', actor_key = '', actor_name = '', actor_role = '', action = '',
		object = '', name = '', fields = '', reason = '', address = '', salt = NULL, tenant_seq = NULL, tenant_hash = NULL,
		erased = TRUE, erased_by = (SELECT d.id`+deletions+` AND d.seq > audit.seq ORDER BY d.seq LIMIT 1)
		WHERE id IN (SELECT id FROM audit WHERE tenant = $1 LIMIT $2)`, tenant, n, deleted)
}

// eraseLeftAudit erases some audit entries of a deleted tenant that a program of the release before has removed: that
// program cannot remove entries that have a place (see the trigger audit_kept). more says whether it found some.
func (db *DB) eraseLeftAudit(ctx context.Context) (more bool, err error) {
	if db.cluster == nil { // no other program shares the database
		return false, nil
	}
	const left = `SELECT tenant FROM audit a WHERE tenant <> '' AND NOT EXISTS (SELECT 1 FROM tenants WHERE id = a.tenant)
		AND EXISTS (SELECT 1 FROM audit d WHERE d.tenant = '' AND d.action = $1 AND d.object = a.tenant AND d.seq IS NOT NULL) LIMIT 1`
	deleted := string(hook.ActionTenantDeleted)
	var tenant string
	err = db.read.QueryRowContext(ctx, left, deleted).Scan(&tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, storageError(err)
	}
	return true, db.change(ctx, func(t *tx) error {
		err := t.row(left, deleted).Scan(&tenant) // somebody may have created it again
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = t.eraseAudit(tenant, purgeRows)
		return err
	})
}

// AuditLog reads the audit as a chain. It only reads, so it works beside a running server.
type AuditLog struct{ read *sql.DB }

// AuditLog is the audit of this database.
func (db *DB) AuditLog() AuditLog { return AuditLog{db.read} }

// OpenAuditLog opens the audit of a database for reading: of a SQLite file, or of PostgreSQL if there is a URL. It needs
// no encryption key, and changes nothing. The caller closes it.
func OpenAuditLog(path, url string) (AuditLog, error) {
	driver, name := "sqlite", sqliteDSN(path, "query_only(1)")
	if url != "" {
		driver, name = "pgx", url
	}
	db, err := sql.Open(driver, name)
	return AuditLog{db}, err
}

// Close closes what [OpenAuditLog] opened.
func (a AuditLog) Close() error { return a.read.Close() }

// VerifyAudit gives all entries a place, and looks through them: [AuditLog.Verify].
func (db *DB) VerifyAudit(ctx context.Context, tenant string, expect *hook.Link) (hook.AuditProof, error) {
	if err := db.ChainAudit(ctx, adoptedAtOnce); err != nil {
		return hook.AuditProof{}, err
	}
	return db.AuditLog().Verify(ctx, tenant, expect)
}

// ExportAudit notes in the audit that it is exported, and hands out the lines of the export: [AuditLog.Export].
func (db *DB) ExportAudit(ctx context.Context, tenant string, line func([]byte) error) error {
	if err := db.ChainAudit(ctx, adoptedAtOnce); err != nil {
		return err
	}
	if err := db.Note(ctx, hook.AuditEntry{Tenant: tenant, Action: hook.ActionAuditExported}); err != nil {
		return err
	}
	return db.AuditLog().Export(ctx, tenant, line)
}

// Note writes an entry about something that changes nothing else in the database.
func (db *DB) Note(ctx context.Context, e hook.AuditEntry) error {
	return db.change(ctx, func(t *tx) error { return t.audit(e) })
}

// Export calls line with each line of an export of the chain of a tenant, or of the installation if tenant is "".
func (a AuditLog) Export(ctx context.Context, tenant string, line func([]byte) error) error {
	base, head, err := a.Ends(ctx, tenant)
	if err != nil {
		return err
	}
	if err := line(hook.ExportHead(hook.ChainOf(tenant), base, head, time.Now())); err != nil {
		return err
	}
	return a.Each(ctx, tenant, base.Seq, head.Seq, func(e *hook.ChainedEntry) error { return line(e.Line()) })
}

// chainEnds are the ends of a chain.
type chainEnds struct {
	tenant     string
	head, base hook.Link
}

// ends reads the ends of all chains, or of one if there is a tenant. A chain that has not begun has none.
func (a AuditLog) ends(ctx context.Context, tenant string) (map[string]chainEnds, error) {
	list, err := collect(ctx, a.read, func(r scanner) (e chainEnds, err error) {
		var head, base []byte
		err = r.Scan(&e.tenant, &e.head.Seq, &head, &e.base.Seq, &base)
		e.head.Hash, e.base.Hash = hashOf(head), hashOf(base)
		return e, err
	}, `SELECT tenant, seq, hash, base_seq, base_hash FROM audit_chains WHERE $1 = '' OR tenant = $1`, tenant)
	all := map[string]chainEnds{}
	for _, e := range list {
		all[e.tenant] = e
	}
	return all, err
}

// Ends are the ends of the chain of a tenant, or of the installation if tenant is "": the last entry that retention
// removed, and the last entry.
func (a AuditLog) Ends(ctx context.Context, tenant string) (base, head hook.Link, err error) {
	all, err := a.ends(ctx, tenant)
	return all[tenant].base, all[tenant].head, err
}

// Each calls fn with the entries of a chain after one place and up to another, in their order.
func (a AuditLog) Each(ctx context.Context, tenant string, after, last int64, fn func(*hook.ChainedEntry) error) error {
	column, where := "seq", "$4 = ''"
	if tenant != "" {
		column, where = "tenant_seq", "tenant = $4"
	}
	for {
		list, err := collect(ctx, a.read, scanChained, `SELECT `+auditColumns+`, `+chainColumns+` FROM audit
			WHERE `+column+` > $1 AND `+column+` <= $2 AND `+where+` ORDER BY `+column+` LIMIT $3`, after, last, verifyRows, tenant)
		if err != nil {
			return err
		}
		for i := range list {
			e := &list[i]
			if tenant != "" {
				e.Place = e.OfTenant
			}
			after = e.Place.Seq
			if err := fn(e); err != nil {
				return err
			}
		}
		if len(list) < verifyRows {
			return nil
		}
	}
}

func scanChained(r scanner) (e hook.ChainedEntry, err error) {
	var seq, tenantSeq sql.NullInt64
	var digest, hash, tenantHash, cause []byte
	e.AuditEntry, err = scanAuditAnd(r, &seq, &e.Salt, &digest, &hash, &tenantSeq, &tenantHash, &e.Adopted, &e.Erased, &cause)
	e.Digest = hashOf(digest)
	e.Place = hook.Link{Seq: seq.Int64, Hash: hashOf(hash)}
	e.OfTenant = hook.Link{Seq: tenantSeq.Int64, Hash: hashOf(tenantHash)}
	copy(e.ErasedBy[:], cause)
	return e, err
}

// Verify looks through the chain of a tenant, or of the installation if tenant is "", and then also through those of
// all tenants. expect is a place that somebody noted earlier, nil if nobody did. Entries that are written meanwhile are
// left out. The findings of all chains are together.
func (a AuditLog) Verify(ctx context.Context, tenant string, expect *hook.Link) (hook.AuditProof, error) {
	for try := 1; ; try++ {
		proof, was, err := a.verify(ctx, tenant, expect)
		if err != nil || proof.OK() || try == 3 {
			return proof, err
		}
		now, err := a.ends(ctx, tenant)
		if err != nil || !shortened(was, now) {
			return proof, err
		}
	}
}

// shortened reports whether entries were removed as they may be: the base of a chain moves when retention removes
// entries, and a chain ends when the entries of a deleted tenant are erased.
func shortened(was, now map[string]chainEnds) bool {
	for tenant, e := range was {
		if n, ok := now[tenant]; !ok || n.base != e.base {
			return true
		}
	}
	return false
}

// verify looks through once. all are the ends of the chains when it began.
func (a AuditLog) verify(ctx context.Context, tenant string, expect *hook.Link) (
	proof hook.AuditProof, all map[string]chainEnds, err error,
) {
	newest, err := a.newest(ctx, tenant) // before the ends: whoever writes an entry moves the head in the same commit
	if err != nil {
		return proof, nil, err
	}
	if all, err = a.ends(ctx, tenant); err != nil {
		return proof, nil, err
	}
	ends := all[tenant]
	check := hook.NewChainCheck(hook.ChainOf(tenant), ends.base, expect)
	others := tenantChecks{all, map[string]*tenantCheck{}, map[string]int64{}}
	err = a.Each(ctx, tenant, ends.base.Seq, ends.head.Seq, func(e *hook.ChainedEntry) error {
		check.Add(e)
		if tenant == "" {
			others.add(e)
		}
		return nil
	})
	if err != nil {
		return proof, nil, err
	}
	if newest > ends.head.Seq {
		check.Beyond(newest, ends.head)
	}
	pending, err := a.pending(ctx, tenant)
	if err != nil {
		return proof, nil, err
	}
	proof = check.End(ends.head, pending)
	if tenant == "" {
		others.end(&proof)
	}
	return proof, all, nil
}

// tenantChecks look through the chains of all tenants while that of the installation is looked through.
type tenantChecks struct {
	ends    map[string]chainEnds
	checks  map[string]*tenantCheck
	deleted map[string]int64 // the entry that says that the tenant was deleted, by its place
}

type tenantCheck struct {
	*hook.ChainCheck
	last int64 // place of the last entry in the chain of the installation
}

func (t tenantChecks) add(e *hook.ChainedEntry) {
	if e.Action == hook.ActionTenantDeleted {
		t.deleted[e.Object] = e.Place.Seq
	}
	if e.OfTenant.Seq == 0 {
		return
	}
	c := t.of(e.Tenant)
	c.last = e.Place.Seq
	own := *e
	own.Place = e.OfTenant
	c.Add(&own)
}

func (t tenantChecks) of(tenant string) *tenantCheck {
	c, ok := t.checks[tenant]
	if !ok {
		c = &tenantCheck{ChainCheck: hook.NewChainCheck(hook.ChainOf(tenant), t.ends[tenant].base, nil)}
		t.checks[tenant] = c
	}
	return c
}

// end adds the findings of all tenants to a proof.
func (t tenantChecks) end(proof *hook.AuditProof) {
	for tenant, e := range t.ends {
		if tenant != "" && e.head != e.base {
			t.of(tenant)
		}
	}
	for _, tenant := range slices.Sorted(maps.Keys(t.checks)) {
		c := t.checks[tenant]
		ends, ok := t.ends[tenant]
		if !ok && t.deleted[tenant] > c.last { // its content is being erased, and its chain was ended first
			continue
		}
		of := c.End(ends.head, 0)
		proof.Findings = append(proof.Findings, of.Findings...)
		proof.More = proof.More || of.More
	}
}

// newest is the last place of a chain that any entry claims to have.
func (a AuditLog) newest(ctx context.Context, tenant string) (seq int64, err error) {
	query, args := `SELECT COALESCE(MAX(seq), 0) FROM audit`, []any{}
	if tenant != "" {
		query, args = `SELECT COALESCE(MAX(tenant_seq), 0) FROM audit WHERE tenant = $1`, []any{tenant}
	}
	err = a.read.QueryRowContext(ctx, query, args...).Scan(&seq)
	return seq, storageError(err)
}

func (a AuditLog) pending(ctx context.Context, tenant string) (n int64, err error) {
	err = a.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM audit WHERE seq IS NULL AND ($1 = '' OR tenant = $1)`, tenant).Scan(&n)
	return n, storageError(err)
}
