package cli

import (
	"context"
	"fmt"

	"gancho/internal/app"
)

// migrateCmd brings a PostgreSQL database up to date by hand.
type migrateCmd struct {
	Database app.Secret `name:"database" env:"GANCHO_DATABASE" required:"" placeholder:"URL" help:"PostgreSQL database, as postgres://user:password@host/name."`
}

func (c *migrateCmd) Help() string {
	return `Servers do this by themselves when they start, one at a time. Run it by hand when the servers' database user may not create tables and another user may. Migrations only add tables and columns, so servers of the previous version continue to work.

Example:

    gancho migrate --database postgres://owner:password@db.internal/gancho`
}

// Run migrates the database and prints that it did.
func (c *migrateCmd) Run(ctx context.Context, out console) error {
	if err := app.Migrate(ctx, string(c.Database)); err != nil {
		return err
	}
	fmt.Fprintln(out.stdout, "The database is up to date.")
	return nil
}
