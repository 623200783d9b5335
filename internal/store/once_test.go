package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"gancho/internal/hook"
)

// The key of a request is claimed in the transaction of its change: both are stored, or neither.
func TestOnce(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		ctx := t.Context()
		claim := func(hash byte) (*hook.Once, context.Context) {
			o := &hook.Once{Tenant: "acme", Key: "k", Hash: [32]byte{hash}, Keep: time.Hour}
			return o, hook.WithOnce(ctx, o)
		}
		count := 0
		change := func(ctx context.Context, err error) error {
			return db.change(ctx, func(*tx) error { count++; return err })
		}
		wrong := errors.New("refused")
		o, once := claim(1)
		if err := change(once, wrong); !errors.Is(err, wrong) || o.Claimed {
			t.Fatalf("a change that fails: %v, claimed %t", err, o.Claimed)
		}
		if a, err := db.OnceAnswer(ctx, o); a != nil || err != nil {
			t.Fatalf("a change that failed has left an answer: %q, %v", a, err)
		}
		if err := change(once, nil); err != nil || !o.Claimed {
			t.Fatal(err)
		}
		if err := change(once, nil); err != nil { // the second change of the same request
			t.Fatal(err)
		}
		again, repeat := claim(1)
		before := count
		if err := change(repeat, nil); !errors.Is(err, hook.ErrKeyUnanswered) || count != before {
			t.Errorf("repeated before there is an answer: %v, ran %d times", err, count-before)
		}
		if _, err := db.OnceAnswer(ctx, again); !errors.Is(err, hook.ErrKeyUnanswered) {
			t.Errorf("the answer before there is one: %v", err)
		}
		other, otherwise := claim(2)
		if err := change(otherwise, nil); !errors.Is(err, hook.ErrKeyReused) {
			t.Errorf("another request with the key: %v", err)
		}
		if err := db.KeepOnceAnswer(once, o, []byte("the answer")); err != nil {
			t.Fatal(err)
		}
		if a, err := db.OnceAnswer(ctx, again); string(a) != "the answer" || err != nil {
			t.Errorf("the answer: %q, %v", a, err)
		}
		if _, err := db.OnceAnswer(ctx, other); !errors.Is(err, hook.ErrKeyReused) {
			t.Errorf("the answer to another request: %v", err)
		}
		var stored []byte
		if err := db.read.QueryRowContext(ctx, `SELECT answer FROM idempotency WHERE tenant = 'acme'`).Scan(&stored); err != nil {
			t.Fatal(err)
		}
		if sealedIn(stored) == nil {
			t.Errorf("stored in the clear: %q", stored)
		}
		tamper(t, db, `UPDATE idempotency SET expires_at = 1`)
		if a, err := db.OnceAnswer(ctx, again); a != nil || err != nil {
			t.Errorf("an old answer: %q, %v", a, err)
		}
		_, late := claim(2)
		if err := change(late, nil); err != nil {
			t.Errorf("the key is free again: %v", err)
		}
	})
}
