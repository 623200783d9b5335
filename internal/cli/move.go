package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"gancho/internal/app"
)

// moveCmd copies a SQLite database into a PostgreSQL database.
type moveCmd struct {
	From          string     `name:"from" required:"" placeholder:"sqlite:DIR" help:"Data directory of the old server, which must be stopped."`
	To            app.Secret `name:"to" required:"" placeholder:"URL" help:"PostgreSQL database, new and empty, as postgres://user:password@host/name."`
	EncryptionKey app.Secret `name:"encryption-key" env:"GANCHO_ENCRYPTION_KEY" placeholder:"BASE64" help:"Encryption key of the old server; without it, the one in its data directory."`
}

func (c *moveCmd) Help() string {
	return `It copies everything: history, waiting deliveries, records and configuration. It changes nothing in the data directory. If it is interrupted, run the same command again: it continues where it stopped. At the end it compares the number of rows of all tables.

Example:

    gancho move --from sqlite:/var/lib/gancho --to postgres://gancho:password@db.internal/gancho`
}

// Run copies the database and shows the progress.
func (c *moveCmd) Run(ctx context.Context, out console) error {
	bar := &progressBar{out: out.stdout, live: isTerminal(out.stdout)}
	keyFile, err := app.Move(ctx, c.From, string(c.To), string(c.EncryptionKey), bar.show)
	bar.end()
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return errors.New("interrupted; run the same command again to continue")
		}
		return err
	}
	fmt.Fprintln(out.stdout, "Everything was copied: all tables have as many rows as before.")
	if keyFile != "" {
		fmt.Fprintf(out.stdout, "Start the servers with the encryption key in %s, as GANCHO_ENCRYPTION_KEY.\n", keyFile)
	}
	return nil
}

// progressBar shows the progress of a move: on a terminal as one line that changes,
// elsewhere as one line for each table.
type progressBar struct {
	out  io.Writer
	live bool
	last app.Moved
}

const barWidth = 30

func (b *progressBar) show(m app.Moved) {
	if m.Table != b.last.Table {
		b.end()
	}
	b.last = m
	if b.live {
		fmt.Fprint(b.out, "\r"+barOf(m))
	}
}

// end finishes the line of a table.
func (b *progressBar) end() {
	if b.last.Table == "" {
		return
	}
	if b.live {
		fmt.Fprintln(b.out)
	} else {
		fmt.Fprintln(b.out, barOf(b.last))
	}
	b.last = app.Moved{}
}

func barOf(m app.Moved) string {
	full := barWidth
	if m.Total > 0 {
		full = int(barWidth * min(m.Rows, m.Total) / m.Total)
	}
	return fmt.Sprintf("%-18s %s%s %d of %d", m.Table, strings.Repeat("█", full), strings.Repeat("░", barWidth-full), m.Rows, m.Total)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
