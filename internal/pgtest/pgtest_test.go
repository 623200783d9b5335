package pgtest

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestDatabase(t *testing.T) {
	prepare := func(ctx context.Context, url string) error {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		defer conn.Close(ctx)
		_, err = conn.Exec(ctx, `CREATE TABLE things (n int)`)
		return err
	}
	for range 2 { // each has its own, however much the other wrote
		conn, err := pgx.Connect(t.Context(), Database(t, prepare))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		var n int
		if err := conn.QueryRow(t.Context(), `INSERT INTO things VALUES (1) RETURNING (SELECT count(*) FROM things)`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != 0 {
			t.Errorf("a fresh database has %d rows of another test", n)
		}
	}
}

func TestKill(t *testing.T) {
	s := Start(t)
	if err := s.exec(`CREATE TABLE kept (n int)`); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.exec(`INSERT INTO kept VALUES (1)`); err != nil {
		t.Errorf("what was committed is gone: %v", err)
	}
}
