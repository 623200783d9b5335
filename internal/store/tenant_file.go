package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"gancho/internal/hook"
)

// A tenant as a file, to move it to another installation. The file has a line of JSON for each row,
// between a first line that says what it is and a last one that says how many rows there are. What is
// encrypted in the database is plain in it, so whoever keeps the file has to encrypt it as a whole.
//
// Not in the file: what a debounced delivery would take the place of, so after a move one more is sent than needed; what
// errors left out, of which the statistics have the count; bulk actions, none of which is running; portal links, whose tokens only the old installation can read, and the audit, which
// is a chain of the old installation.

const (
	tenantFile = 1 // version of the form
	// importTimeout is how long the transaction of an import may take with PostgreSQL. Beside running servers it is bounded by
	// the size of the file that the API takes, which is on disk by then. Other changes wait for it, publishing does not.
	importTimeout = 24 * time.Hour
)

// movedTables are the tables of the file in its order: endpoints come before what belongs to them.
var movedTables = []string{
	"tenants", "endpoints", "endpoint_versions", "credentials", "keys", "key_texts", "events", "deliveries", "attempts", "bodies",
	"records", "idempotency", "recoveries", "saved_filters", "schedules", "stats", "quota_used",
}

// fileHead is the first line.
type fileHead struct {
	Form      int               `json:"gancho_tenant"`
	Tenant    string            `json:"tenant"`
	Contracts map[string]string `json:"contracts"` // "name version" → SHA-256 of its text
}

// fileRow is a line of a row, or the last line.
type fileRow struct {
	Table string         `json:"t,omitempty"`
	Row   map[string]any `json:"r,omitempty"` // bytes as {"b": base64}
	// Lost are the columns that could not be decrypted. They stand in the row as they are in the database that it is from.
	Lost []string `json:"lost,omitempty"`
	Rows int      `json:"rows,omitempty"`

	// In the last line, for whoever reads the file: what could not be decrypted.
	Unreadable      []hook.UnreadableValue `json:"unreadable,omitempty"`
	UnreadableCount int                    `json:"unreadable_count,omitempty"`
}

// ExportTenant writes everything of a tenant to w, one row after the other, as it is at one moment. Nothing of the tenant
// may be sent meanwhile: either no server runs ([DB.NotServed]) and the caller calls [DB.PauseTenant] when the file is
// safe, or [DB.QuietTenant] was called before. So what waits is delivered by the installation that imports it and no other.
// A value that cannot be decrypted is listed, and does not end the export. It fails with KindConflict if a bulk action of
// the tenant is running, or if something of the tenant was sent all the same; what was written then is no complete file.
func (db *DB) ExportTenant(ctx context.Context, tenant string, w io.Writer) (file hook.TenantFile, err error) {
	file.Tenant = tenant
	if _, err := db.Tenant(ctx, tenant); err != nil {
		return file, err
	}
	o := &sql.TxOptions{ReadOnly: true}
	if db.cluster != nil {
		o.Isolation = sql.LevelRepeatableRead
	}
	moment, err := db.read.BeginTx(ctx, o)
	if err != nil {
		return file, storageError(err)
	}
	defer func() { _ = moment.Rollback() }() // it only reads
	if err := noBulkRuns(ctx, moment, tenant); err != nil {
		return file, err
	}
	was, last, err := waits(ctx, moment, tenant, nil)
	if err != nil {
		return file, err
	}
	if was.sending > 0 {
		return file, hook.Conflict("tenant_sending",
			"Deliveries of the tenant were interrupted. Start the server and stop it again, so that it finds out about them.")
	}
	out := json.NewEncoder(w)
	head := fileHead{Form: tenantFile, Tenant: tenant}
	if head.Contracts, err = db.contractHashes(ctx); err != nil {
		return file, err
	}
	if err := out.Encode(head); err != nil {
		return file, err
	}
	parts := map[string]part{}
	for _, p := range ofTenant() {
		parts[p.table.Name] = p
	}
	for _, name := range movedTables {
		if err := db.exportRows(ctx, moment, parts[name], out, &file); err != nil {
			return file, err
		}
	}
	is, _, err := waits(ctx, db.read, tenant, last)
	if err != nil {
		return file, err
	}
	if is != was {
		return file, hook.Conflict("tenant_sending",
			"Deliveries of the tenant were sent, or sent again by somebody, while it was exported. Export it again.")
	}
	return file, out.Encode(fileRow{Rows: file.Rows, Unreadable: file.Unreadable, UnreadableCount: file.UnreadableCount})
}

// waiting says what waits to be delivered of a tenant. It changes when something of it is sent.
type waiting struct{ waits, sending, attempts int64 }

// reader is a database, or a transaction.
type reader interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// noBulkRuns fails with KindConflict if a bulk action of a tenant is running. It would be left half done: its filter is about
// what was there when it began, so it cannot go on in another installation.
func noBulkRuns(ctx context.Context, from reader, tenant string) error {
	var runs bool
	err := from.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM bulk_actions WHERE tenant = $1 AND `+bulkRuns+`)`, tenant).Scan(&runs)
	if err == nil && runs {
		return hook.Conflict("tenant_bulk_running",
			"A bulk action of the tenant is running. With the server running, wait until it has ended, or stop it; then export again.")
	}
	return storageError(err)
}

// waits looks at the deliveries of a tenant up to one; nil: up to the last, which it returns.
func waits(ctx context.Context, from reader, tenant string, until []byte) (w waiting, last []byte, err error) {
	if last = until; last == nil {
		err := from.QueryRowContext(ctx, `SELECT id FROM deliveries WHERE tenant = $1 ORDER BY id DESC LIMIT 1`, tenant).Scan(&last)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return w, nil, storageError(err)
		}
		if last == nil {
			last = []byte{}
		}
	}
	err = from.QueryRowContext(ctx, `SELECT COUNT(*), CAST(COALESCE(SUM(CASE WHEN due_at = 0 THEN 1 ELSE 0 END), 0) AS BIGINT),
		CAST(COALESCE(SUM(attempts), 0) AS BIGINT)
		FROM deliveries WHERE tenant = $1 AND id <= $2 AND due_at IS NOT NULL`, tenant, last).Scan(&w.waits, &w.sending, &w.attempts)
	return w, last, storageError(err)
}

// PauseTenant pauses all active endpoints of a tenant that is exported, and writes the export into the audit.
func (db *DB) PauseTenant(ctx context.Context, tenant string) error {
	var paused [][]byte
	err := db.change(ctx, func(t *tx) (err error) {
		paused, err = t.ids(`UPDATE endpoints SET state = $2, state_reason = $3, state_at = $4, updated_at = $4 WHERE tenant = $1
			AND state = $5 RETURNING id`, tenant, string(hook.EndpointPaused), hook.ReasonByPerson, db.now().UnixMicro(), string(hook.EndpointActive))
		if err != nil {
			return err
		}
		return t.audit(hook.AuditEntry{Tenant: tenant, Action: hook.ActionTenantExported, Object: tenant})
	})
	if err != nil {
		return err
	}
	for _, id := range paused {
		db.changed(hook.Change{Tenant: tenant, Endpoint: hook.EndpointID(id)})
	}
	return nil
}

const (
	quietWithin = time.Minute // how long [DB.QuietTenant] waits for requests that are under way
	// Until then every node knows that the endpoints are paused, and what it began before is stored as being sent.
	quietAfter         = time.Second
	quietAfterPostgres = 3 * time.Second
)

// QuietTenant pauses all active endpoints of a tenant beside running servers, and returns when nothing of it is being
// sent. It fails with KindConflict if a bulk action of the tenant is running, before it pauses anything, or if it takes longer
// than a minute; then the endpoints stay paused.
func (db *DB) QuietTenant(ctx context.Context, tenant string) error {
	if err := noBulkRuns(ctx, db.read, tenant); err != nil {
		return err
	}
	if err := db.PauseTenant(ctx, tenant); err != nil {
		return err
	}
	settled := time.Now().Add(quietAfter)
	if db.cluster != nil {
		settled = time.Now().Add(quietAfterPostgres)
	}
	for ends := settled.Add(quietWithin); ; {
		w, _, err := waits(ctx, db.read, tenant, nil)
		if err != nil {
			return err
		}
		if now := time.Now(); w.sending == 0 && now.After(settled) {
			return nil
		} else if now.After(ends) {
			return hook.Conflict("tenant_sending", "Requests of the tenant are still under way. Its endpoints are paused now; export it again in a while.")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// NotServed fails if servers use the database. With SQLite the lock of the data directory says so.
func (db *DB) NotServed(ctx context.Context) error {
	if db.cluster == nil {
		return nil
	}
	var served bool
	err := db.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM nodes WHERE expires_at > `+nodeClock+`)`).Scan(&served)
	if err == nil && served {
		err = hook.Conflict("database_in_use", "Servers are running on the PostgreSQL database. Stop them first.")
	}
	return storageError(err)
}

// contractHashes are the hashes of all versions of contracts, by name and version.
func (db *DB) contractHashes(ctx context.Context) (map[string]string, error) {
	type version struct{ name, hash string }
	list, err := collect(ctx, db.read, func(r scanner) (v version, err error) {
		var number int64
		var source []byte
		err = r.Scan(&v.name, &number, &source)
		sum := sha256.Sum256(source)
		v.name, v.hash = fmt.Sprintf("%s %d", v.name, number), hex.EncodeToString(sum[:])
		return v, err
	}, `SELECT name, version, source FROM contracts`)
	out := map[string]string{}
	for _, v := range list {
		out[v.name] = v.hash
	}
	return out, err
}

func (db *DB) exportRows(ctx context.Context, moment *sql.Tx, p part, out *json.Encoder, file *hook.TenantFile) error {
	rows, err := moment.QueryContext(ctx, `SELECT * FROM `+p.table.Name+` WHERE `+p.where, file.Tenant)
	if err != nil {
		return storageError(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return storageError(err)
	}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return storageError(err)
		}
		row := map[string]any{}
		for i, v := range values {
			row[columns[i]] = v
		}
		lost, err := db.openWhatOpens(p.table.Name, row)
		if err != nil {
			return err
		}
		for _, column := range lost {
			file.Add(unreadableValue(p.table.Name, column, row))
		}
		for name, v := range row {
			switch v := v.(type) {
			case []byte:
				row[name] = map[string]string{"b": base64.StdEncoding.EncodeToString(v)}
			case bool:
				row[name] = 0
				if v {
					row[name] = 1
				}
			}
		}
		if err := out.Encode(fileRow{Table: p.table.Name, Row: row, Lost: lost}); err != nil {
			return err
		}
		file.Rows++
	}
	return storageError(rows.Err())
}

// openWhatOpens decrypts what is encrypted in a row, and returns the columns that do not open; they stay as they are.
func (db *DB) openWhatOpens(table string, row map[string]any) (lost []string, err error) {
	opened := maps.Clone(row)
	if err = db.openRow(table, opened); err == nil {
		maps.Copy(row, opened)
		return nil, nil
	}
	for _, s := range sealedTables { // each column by itself
		if s.name != table || row[s.column] == nil || !errors.Is(err, hook.ErrUnreadable) {
			continue
		}
		one := maps.Clone(row)
		for _, other := range sealedTables {
			if other.name == table && other.column != s.column {
				one[other.column] = nil
			}
		}
		switch e := db.openRow(table, one); {
		case e == nil:
			opened[s.column] = one[s.column]
		case errors.Is(e, hook.ErrUnreadable):
			opened[s.column] = row[s.column]
			lost = append(lost, s.column)
		default:
			return nil, e
		}
	}
	if len(lost) == 0 {
		return nil, err
	}
	maps.Copy(row, opened)
	return lost, nil
}

// unreadableValue names a value that could not be decrypted.
func unreadableValue(table, column string, row map[string]any) hook.UnreadableValue {
	v := hook.UnreadableValue{Table: table, Column: column, Why: "none of the encryption keys opens it, or it is damaged"}
	id := func(name string) (id [16]byte) { b, _ := row[name].([]byte); copy(id[:], b); return id }
	delivery := func() string {
		b, _ := row["delivery"].([]byte)
		var id hook.DeliveryID
		copy(id[:], b)
		return id.String()
	}
	switch table {
	case "endpoints":
		v.ID = hook.EndpointID(id("id")).String()
	case "endpoint_versions":
		v.ID = fmt.Sprintf("%s, version %v", hook.EndpointID(id("endpoint")), row["version"])
	case "credentials":
		v.ID = hook.CredentialID(id("id")).String()
	case "events":
		v.ID = hook.EventID(id("id")).String()
	case "bodies":
		v.ID = delivery()
	case "attempts":
		v.ID = fmt.Sprintf("%s, attempt %v", delivery(), row["number"])
	default:
		for _, name := range []string{"contract", "kind", "key"} {
			if text, ok := row[name].(string); ok {
				v.ID = strings.TrimSpace(v.ID + " " + text)
			}
		}
	}
	return v
}

// formOpen is in the file in place of the form of a sealed value, before its text. It says that the value is sealed again
// when it is imported, unlike a payload that was stored plain.
const formOpen = 0

// of is the id with which a value in a row is sealed.
func (s *sealedTable) of(row map[string]any) []byte {
	key := make([]any, len(s.key))
	for i, column := range s.key {
		key[i] = row[column]
	}
	return s.row(key)
}

// openRow decrypts what is encrypted in a row.
func (db *DB) openRow(table string, row map[string]any) (err error) {
	for _, s := range sealedTables {
		stored, ok := row[s.column].([]byte)
		if s.name != table || !ok || table == "attempts" { // which have a form of their own
			continue
		}
		value := s.value(stored)
		if value == nil && s.open != nil { // it is not sealed
			continue
		}
		plain, err := db.seal.openBytes(value, s.of(row))
		if err != nil {
			return err
		}
		if s.open != nil {
			plain, err = s.put(stored, append([]byte{formOpen}, plain...))
		}
		if row[s.column] = plain; err != nil {
			return err
		}
	}
	if table == "attempts" {
		at, err := db.seal.decodeAttempt(hook.DeliveryID(row["delivery"].([]byte)), int(row["number"].(int64)), row["data"].([]byte))
		if err != nil {
			return err
		}
		if at.Unreadable {
			return hook.ErrUnreadable
		}
		row["data"], err = json.Marshal(at)
		return err
	}
	return nil
}

// sealRow encrypts what openRow decrypted, under the key of this installation.
func (in *importing) sealRow(table string, row map[string]any) error {
	db := in.db
	for _, s := range sealedTables {
		stored, ok := row[s.column].([]byte)
		if s.name != table || !ok || table == "attempts" {
			continue
		}
		plain := s.value(stored)
		if s.open != nil {
			if len(plain) == 0 || plain[0] != formOpen {
				continue
			}
			plain = plain[1:]
		}
		var err error
		if row[s.column], err = s.put(stored, db.seal.sealBytes(plain, s.of(row))); err != nil {
			return errTenantFile
		}
		if s.open != nil {
			in.sealed = true
		}
	}
	if table == "attempts" && row["data"] != nil {
		var at hook.Attempt
		if data, _ := row["data"].([]byte); json.Unmarshal(data, &at) != nil {
			return errTenantFile
		}
		row["data"] = db.seal.encodeAttempt(&at)
	}
	return nil
}

// ImportTenant stores what [DB.ExportTenant] has written, in one transaction: with the same ids, and
// encrypted with the key of this installation. What waits is delivered at once, or when a server starts. It fails
// with KindConflict if the tenant is there already, or if a contract is missing. open may be called again if the
// transaction has to be repeated. With SQLite nothing else is written meanwhile.
func (db *DB) ImportTenant(ctx context.Context, open func() (io.ReadCloser, error)) (file hook.TenantFile, err error) {
	have, err := db.contractHashes(ctx)
	if err != nil {
		return file, err
	}
	bools, err := db.boolColumns(ctx)
	if err != nil {
		return file, err
	}
	err = db.changeWithin(ctx, importTimeout, func(t *tx) (err error) {
		from, err := open()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, from.Close()) }()
		in := importing{
			db: db, tx: t, have: have, bools: bools, contracts: map[string]string{}, keys: map[string]bool{},
		}
		if err := in.read(ctx, bufio.NewReader(from)); err != nil {
			return err
		}
		if in.sealed {
			if err := db.sealingPayloads(t); err != nil {
				return err
			}
		}
		file = in.file
		t.tenant(file.Tenant, false)
		return t.audit(hook.AuditEntry{Tenant: file.Tenant, Action: hook.ActionTenantImported, Object: file.Tenant})
	})
	if err != nil {
		return hook.TenantFile{}, err
	}
	db.changed(hook.Change{Anything: true})
	return file, nil
}

// boolColumns are the columns that are boolean in this database, as table.column. SQLite stores numbers.
func (db *DB) boolColumns(ctx context.Context) (map[string]bool, error) {
	out := map[string]bool{}
	if db.cluster == nil {
		return out, nil
	}
	list, err := collect(ctx, db.read, one[string], `SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = current_schema() AND data_type = 'boolean'`)
	for _, name := range list {
		out[name] = true
	}
	return out, err
}

// importing is one import.
type importing struct {
	db        *DB
	tx        *tx
	head      fileHead
	have      map[string]string // hashes of the contracts that are here
	bools     map[string]bool
	contracts map[string]string // of the endpoints in the file, by id
	keys      map[string]bool   // ids of the keys in the file
	file      hook.TenantFile
	sealed    bool // there are sealed payloads, or there will be
}

var errTenantFile = &hook.Error{
	Kind: hook.KindMalformed, Code: "tenant_file_invalid",
	Detail: "This is no complete file of a tenant that this version can read. Export the tenant again.",
}

func (in *importing) read(ctx context.Context, from io.Reader) error {
	lines := json.NewDecoder(from)
	lines.UseNumber() // an int64 is no float64
	if err := lines.Decode(&in.head); err != nil || in.head.Form != tenantFile || !hook.ValidTenantID(in.head.Tenant) {
		return errTenantFile
	}
	var there int
	in.file.Tenant = in.head.Tenant
	err := in.tx.row(`SELECT COUNT(*) FROM tenants WHERE id = $1`, in.head.Tenant).Scan(&there)
	switch {
	case err != nil:
		return err
	case there > 0:
		return hook.Conflict("tenant_exists", "The tenant "+in.head.Tenant+" is here already. Erase it first, or keep it.")
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var line fileRow
		switch err := lines.Decode(&line); {
		case err != nil:
			return errTenantFile
		case line.Table == "" && line.Rows == in.file.Rows && in.file.Rows > 0:
			return in.refuseSharedIDs()
		case !slices.Contains(movedTables, line.Table) || len(line.Row) == 0:
			return errTenantFile
		}
		if err := in.add(line.Table, line.Row, line.Lost); err != nil {
			return err
		}
		in.file.Rows++
	}
}

// add inserts a row. What could not be decrypted where it comes from is stored as it is: nothing opens it here either.
func (in *importing) add(table string, row map[string]any, lost []string) error {
	for name, v := range row {
		switch v := v.(type) {
		case json.Number:
			n, err := v.Int64()
			if err != nil {
				return errTenantFile
			}
			if row[name] = n; in.bools[table+"."+name] {
				row[name] = n != 0
			}
		case map[string]any:
			text, _ := v["b"].(string)
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return errTenantFile
			}
			row[name] = b
		}
	}
	if tenant, ok := row["tenant"]; ok && tenant != in.head.Tenant || table == "tenants" && row["id"] != in.head.Tenant {
		return errTenantFile
	}
	if err := in.belongs(table, row); err != nil {
		return err
	}
	if err := in.fit(table, row); err != nil {
		return err
	}
	if err := in.sealWhatOpened(table, row, lost); err != nil {
		return err
	}
	columns := slices.Sorted(maps.Keys(row))
	marks, args := make([]string, len(columns)), make([]any, len(columns))
	for i, name := range columns {
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_0123456789") != "" {
			return errTenantFile
		}
		marks[i], args[i] = fmt.Sprintf("$%d", i+1), row[name]
	}
	_, err := in.tx.exec(`INSERT INTO `+table+` (`+strings.Join(columns, ", ")+`) VALUES (`+strings.Join(marks, ", ")+`)`, args...)
	if err != nil && !in.db.engine.transient(err) { // there is no such column, or the row is here already
		return errTenantFile
	}
	return err
}

// sealWhatOpened encrypts what was decrypted in a row.
func (in *importing) sealWhatOpened(table string, row map[string]any, lost []string) error {
	kept := map[string]any{}
	for _, column := range lost {
		if !slices.ContainsFunc(sealedTables, func(s sealedTable) bool { return s.name == table && s.column == column }) {
			return errTenantFile
		}
		kept[column] = row[column]
		in.sealed = in.sealed || table == "events" || table == "records" || table == "idempotency" // what is not sealed opens
		row[column] = nil
		in.file.Add(unreadableValue(table, column, row))
		if data, _ := kept["data"].([]byte); table == "attempts" && !json.Valid(data) {
			return errTenantFile
		}
	}
	if err := in.sealRow(table, row); err != nil {
		return err
	}
	maps.Copy(row, kept)
	return nil
}

// belongs refuses a row of another tenant. A row without a column for the tenant is that of its delivery, endpoint or
// key, which has to come before it in the file.
func (in *importing) belongs(table string, row map[string]any) error {
	ids := map[string][]byte{}
	for _, column := range []string{"id", "endpoint", "delivery"} {
		value, isBytes := row[column].([]byte)
		if !isBytes && row[column] != nil && table != "tenants" { // SQLite would store a text, and Go read it as an id
			return errTenantFile
		}
		ids[column] = value
	}
	_, ours := in.contracts[string(ids["endpoint"])]
	wrong := false
	switch table {
	case "keys":
		in.keys[string(ids["id"])] = true
	case "key_texts":
		key, _ := row["key"].([]byte)
		wrong = !in.keys[string(key)]
	case "endpoint_versions":
		wrong = !ours
	case "attempts", "bodies":
		if err := in.tx.row(`SELECT NOT EXISTS (SELECT 1 FROM deliveries WHERE tenant = $1 AND id = $2)`,
			in.head.Tenant, ids["delivery"]).Scan(&wrong); err != nil {
			return err
		}
	default:
		if ids["endpoint"] == nil || ours {
			break
		}
		// What is left of an endpoint that is removed may be in the file without it.
		if err := in.tx.row(`SELECT EXISTS (SELECT 1 FROM endpoints WHERE id = $1)`, ids["endpoint"]).Scan(&wrong); err != nil {
			return err
		}
	}
	if wrong {
		return errTenantFile
	}
	return nil
}

// refuseSharedIDs refuses a file with a delivery that has the id of another tenant's delivery: attempts and bodies are
// found by that id alone.
func (in *importing) refuseSharedIDs() error {
	var shared bool
	err := in.tx.row(`SELECT EXISTS (SELECT 1 FROM deliveries ours JOIN deliveries theirs ON theirs.id = ours.id
		WHERE ours.tenant = $1 AND theirs.tenant <> $1)`, in.head.Tenant).Scan(&shared)
	if err == nil && shared {
		err = errTenantFile
	}
	return err
}

// fit changes what has another meaning in this installation: versions of contracts, and claims of nodes.
func (in *importing) fit(table string, row map[string]any) error {
	id := func(column string) string { b, _ := row[column].([]byte); return string(b) }
	switch table {
	case "tenants":
		in.sealed = in.sealed || row["seal_payloads"] == true || row["seal_payloads"] == int64(1)
	case "endpoints":
		name, _ := row["contract"].(string)
		if !slices.ContainsFunc(slices.Collect(maps.Keys(in.have)), func(v string) bool { return strings.HasPrefix(v, name+" ") }) {
			return hook.Conflict("contract_missing", "The tenant uses the contract "+name+", which is not here. Add it first.")
		}
		in.contracts[id("id")] = name
	case "deliveries":
		if n, _ := row["contract_version"].(int64); n != 0 {
			row["contract_version"] = in.version(in.contracts[id("endpoint")], n)
		}
	case "keys":
		// A key of a tenant has no more rights than its tenant, whoever made the file.
		role, _ := row["role"].(string)
		limits, _ := row["limits"].(string)
		if hook.Role(role) == hook.RoleOperator || !hook.Role(role).Valid() || limits != "" && json.Unmarshal([]byte(limits), &keyLimits{}) != nil {
			return errTenantFile
		}
	case "schedules":
		row["claim"], row["claimed_by"], row["claimed_until"] = nil, "", nil
	}
	return nil
}

// version is the version here that has the text of a version there, or the newest one if none has.
func (in *importing) version(name string, there int64) (here int64) {
	hash, newest := in.head.Contracts[fmt.Sprintf("%s %d", name, there)], int64(0)
	for v, h := range in.have {
		var n int64
		if prefix, number, _ := strings.Cut(v, " "); prefix != name {
			continue
		} else if _, err := fmt.Sscan(number, &n); err != nil {
			continue
		}
		if h == hash {
			return n
		}
		newest = max(newest, n)
	}
	return newest
}
