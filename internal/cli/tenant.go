package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"gancho.example/client"
	"gancho/internal/app"
)

// tenantCmd are the commands on one tenant of a running server.
type tenantCmd struct {
	Erase tenantEraseCmd `cmd:"" help:"Delete a tenant and remove all its data at once, with a report."`
}

// remote says which server a command talks to.
type remote struct {
	Server string     `name:"server" env:"GANCHO_SERVER" default:"http://127.0.0.1:8480" placeholder:"URL" help:"Address of the server."`
	Key    app.Secret `name:"key" env:"GANCHO_KEY" required:"" placeholder:"KEY" help:"Key of role operator, such as the admin key. Prefer the environment variable: other users can see the command line."`
}

func (r remote) client() *client.Client { return client.New(r.Server, string(r.Key)) }

// tenantEraseCmd erases a tenant.
type tenantEraseCmd struct {
	remote
	Tenant  string `arg:"" help:"Id of the tenant."`
	Confirm string `name:"confirm" required:"" placeholder:"ID" help:"The id again, because nothing brings the data back."`
}

func (c *tenantEraseCmd) Help() string {
	return `It answers when nothing is left: how many rows each table had, and a SHA-256 that the audit has, too. With PostgreSQL run VACUUM on the database afterwards. If it takes longer than a minute, the command gives up waiting; the server goes on, and the audit gets the report.

Example:

    GANCHO_KEY=... gancho tenant erase acme --confirm acme`
}

// Run erases the tenant and prints the report.
func (c *tenantEraseCmd) Run(ctx context.Context, out console) error {
	if c.Confirm != c.Tenant {
		return errors.New("--confirm: write the id of the tenant again")
	}
	e, err := c.client().EraseTenant(ctx, c.Tenant)
	if err != nil {
		return err
	}
	for _, table := range slices.Sorted(maps.Keys(e.Rows)) {
		fmt.Fprintf(out.stdout, "%-18s %d\n", table, e.Rows[table])
	}
	fmt.Fprintf(out.stdout, "Nothing is left of %s. Erased from %s to %s, SHA-256 %s.\n", e.Tenant, e.BegunAt.Format(time.RFC3339),
		e.EndedAt.Format(time.RFC3339), e.Hash)
	return nil
}
