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
	return `Servers do this by themselves when they start, one at a time; by hand it can be done before, perhaps by a user that may make tables while the servers' user may not. Migrations only add, so servers of the version before go on working.

Example:

    gancho migrate --database postgres://owner:password@db.internal/gancho`
}

// Run migrates and says so.
func (c *migrateCmd) Run(ctx context.Context, out console) error {
	if err := app.Migrate(ctx, string(c.Database)); err != nil {
		return err
	}
	fmt.Fprintln(out.stdout, "The database is up to date.")
	return nil
}
