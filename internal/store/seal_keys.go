package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"gancho/internal/hook"
)

// Which encryption keys a database needs. The table seal_keys names them, so that a server with a
// wrong key, or with none, does not start: it could read nothing, and what it wrote nobody could
// read after the right key is back.

// proofText is sealed under each key, with the id of the key in place of that of a row.
const proofText = "gancho"

// openKeys finds the keys that the database needs among those that there are. A database in which
// nothing is sealed gets the first key that there is, or a new one. It fails with a
// [hook.SealKeysError].
func (db *DB) openKeys(ctx context.Context, o Options) error {
	given, err := givenKeys(o)
	if err != nil {
		return err
	}
	if o.Moving { // the move brings the table
		db.seal.keys.Store(ringOf(given))
		return nil
	}
	return db.atOpen(ctx, func(t *tx) error {
		stored, err := t.sealKeys()
		if err != nil {
			return err
		}
		if len(stored) == 0 {
			if stored, err = db.adoptKeys(t, &given, o.MakeKey); err != nil {
				return err
			}
		}
		r, err := matchKeys(stored, given)
		if err != nil {
			return err
		}
		db.seal.keys.Store(r)
		return nil
	})
}

// givenKeys are the keys that the options have.
func givenKeys(o Options) ([]*sealKey, error) {
	texts := [][]byte{o.Key}
	if o.Keys != nil {
		var err error
		if texts, err = o.Keys(); err != nil {
			return nil, err
		}
	}
	var list []*sealKey
	for _, text := range texts {
		if text == nil {
			continue
		}
		k, err := newSealKey(text)
		if err != nil {
			return nil, err
		}
		list = append(list, k)
	}
	return list, nil
}

// ringOf is a ring that opens values under all keys, in both forms, and seals nothing.
func ringOf(list []*sealKey) *ring {
	r := &ring{}
	for _, k := range list {
		plain := *k
		plain.form = formPlain
		r.keys = append(r.keys, k, &plain)
	}
	return r
}

// storedKey is a row of seal_keys.
type storedKey struct {
	hook.SealKey
	proof       []byte
	form        byte
	done, total int64 // of the rotation away from it
}

// sealKeys reads the table seal_keys.
func (t *tx) sealKeys() ([]storedKey, error) {
	rows, err := t.rows(`SELECT id, proof, form, state, created_at, done, total, damaged FROM seal_keys ORDER BY created_at, id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []storedKey
	for rows.Next() {
		var k storedKey
		var created sql.NullInt64
		if err := rows.Scan(&k.ID, &k.proof, &k.form, &k.State, &created, &k.done, &k.total, &k.Damaged); err != nil {
			return nil, err
		}
		k.CreatedAt = fromMicros(created)
		list = append(list, k)
	}
	return list, rows.Err()
}

// addKey adds a row to seal_keys.
func (t *tx) addKey(k *sealKey, state hook.SealKeyState, now int64) (storedKey, error) {
	row := storedKey{
		SealKey: hook.SealKey{ID: k.id, State: state, CreatedAt: fromMicros(sql.NullInt64{Int64: now, Valid: true})},
		proof:   k.seal([]byte(proofText), []byte(k.id)), form: k.form,
	}
	_, err := t.exec(`INSERT INTO seal_keys (id, proof, form, state, created_at) VALUES ($1, $2, $3, $4, $5)`,
		string(k.id), row.proof, int64(k.form), string(state), now)
	return row, err
}

// matchKeys makes the ring of the stored keys. It fails with a [hook.SealKeysError] if a key is
// missing that something may be sealed under.
func matchKeys(stored []storedKey, given []*sealKey) (*ring, error) {
	r := &ring{}
	trouble := &hook.SealKeysError{}
	have := map[hook.SealKeyID]*sealKey{}
	for _, k := range given {
		have[k.id] = k
		trouble.Given = append(trouble.Given, k.id)
	}
	for _, row := range stored {
		k := have[row.ID]
		if k == nil {
			if row.State == hook.SealKeyActive || row.State == hook.SealKeyOld {
				trouble.Wanted = append(trouble.Wanted, row.ID)
			}
			continue
		}
		as := *k
		as.form = row.form
		if text := as.cut(row.proof); text == nil || !as.proves(text) {
			return nil, fmt.Errorf("the database says that it is sealed under the encryption key %s, but its proof of that "+
				"does not open: the table seal_keys was changed or damaged; restore the database from a backup", row.ID)
		}
		r.keys = append(r.keys, &as)
		if row.State == hook.SealKeyActive {
			r.active = &as
		}
	}
	if len(trouble.Wanted) > 0 {
		return nil, trouble
	}
	if r.active == nil {
		return nil, errNoActiveKey
	}
	return r, nil
}

var errNoActiveKey = errors.New("the table seal_keys names no encryption key to seal with: it was changed or damaged; " +
	"restore the database from a backup")

func (k *sealKey) proves(text []byte) bool {
	plain, err := k.aead.Open(nil, nil, text, []byte(k.id))
	return err == nil && string(plain) == proofText
}

// adoptKeys fills seal_keys of a database that has no row there: a new one, or one of a release
// before. A key is adopted if it opens something that is there, or if nothing is there.
func (db *DB) adoptKeys(t *tx, given *[]*sealKey, makeKey func() ([]byte, error)) ([]storedKey, error) {
	opened, sealed, err := db.tryKeys(t, *given)
	if err != nil {
		return nil, err
	}
	if sealed == 0 && len(*given) == 0 && makeKey != nil {
		text, err := makeKey()
		if err != nil {
			return nil, err
		}
		k, err := newSealKey(text)
		if err != nil {
			return nil, err
		}
		*given = append(*given, k)
	}
	var list []storedKey
	var active *sealKey
	now := db.now().UnixMicro()
	n := 0
	for i, k := range *given {
		if sealed > 0 && opened[k.id] == 0 || sealed == 0 && i > 0 {
			continue
		}
		n += opened[k.id]
		first := *k
		first.form = formPlain
		state := hook.SealKeyOld
		if active == nil {
			state, active = hook.SealKeyActive, &first
		}
		row, err := t.addKey(&first, state, now)
		if err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	if len(list) == 0 {
		trouble := &hook.SealKeysError{}
		for _, k := range *given {
			trouble.Given = append(trouble.Given, k.id)
		}
		return nil, trouble
	}
	if n < sealed {
		db.log.Warn("some encrypted values were sealed under another key and cannot be read; their endpoints are marked "+
			"unreadable: put the other key beside this one if you have it, or enter them again", "values", sealed-n)
	}
	if db.cluster != nil { // programs of the release before look for it
		check := active.seal([]byte("gancho"), []byte("check"))
		if _, err := t.exec(`INSERT INTO seals (name, value) VALUES ('check', $1) ON CONFLICT (name) DO NOTHING`, check); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// adoptFrom is how many values of each table are tried when a database is adopted.
const adoptFrom = 1000

// tryKeys counts the sealed values that each key opens, and how many there are, of the first of
// each table.
func (db *DB) tryKeys(t *tx, given []*sealKey) (opened map[hook.SealKeyID]int, sealed int, err error) {
	opened = map[hook.SealKeyID]int{}
	r := ringOf(given)
	texts := []string{
		`SELECT id, config FROM endpoints`, `SELECT id, sealed FROM credentials`, `SELECT delivery, body FROM bodies`,
		`SELECT endpoint, config FROM endpoint_versions`,
	}
	if db.cluster != nil {
		texts = append(texts, `SELECT convert_to(name, 'UTF8'), value FROM seals WHERE name = 'check'`)
	}
	for _, text := range texts {
		if err := func() error {
			rows, err := t.rows(text + fmt.Sprintf(` LIMIT %d`, adoptFrom))
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var id, value []byte
				if err := rows.Scan(&id, &value); err != nil {
					return err
				}
				sealed++
				if _, by, ok := r.open(value, id); ok {
					opened[by.id]++
				}
			}
			return rows.Err()
		}(); err != nil {
			return nil, 0, err
		}
	}
	return opened, sealed, nil
}

// atOpen runs fn in a transaction before [DB.Run] runs.
func (db *DB) atOpen(ctx context.Context, fn func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &change{run: fn}
	if !db.engine.change(c) {
		if err := db.engine.commit(&batch{changes: []*change{c}}); err != nil {
			return err
		}
	}
	return c.err
}

// SessionKeys are the encryption keys as bytes, the one that seals first. Sessions and portal
// links are sealed under keys that are derived from them.
func (db *DB) SessionKeys() (list [][]byte) {
	r := db.seal.keys.Load()
	for _, k := range r.keys {
		if k.id == r.active.id {
			list = append([][]byte{k.text}, list...)
		} else {
			list = append(list, k.text)
		}
	}
	return list
}
