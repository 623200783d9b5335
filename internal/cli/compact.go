package cli

import (
	"context"
	"fmt"

	"gancho/internal/app"
)

// compactCmd writes a SQLite file anew.
type compactCmd struct {
	Data string `name:"data" env:"GANCHO_DATA" required:"" placeholder:"DIR" help:"Data directory of the server, which must be stopped."`
}

func (c *compactCmd) Help() string {
	return `A running server gives free space back by itself. This is for a database that an earlier version made: its file could not get smaller, and still has data that was deleted. A server rewrites a file of up to 64 MiB by itself when it starts; for a larger one it logs that you should run this once. It needs as much free space as the database will take. If it is interrupted, the database is as it was.

Example:

    gancho compact --data /var/lib/gancho`
}

// Run writes the file anew and says what that gave.
func (c *compactCmd) Run(ctx context.Context, out console) error {
	before, after, err := app.Compact(ctx, c.Data)
	if err != nil {
		return err
	}
	fmt.Fprintf(out.stdout, "The database took %d bytes and takes %d now.\n", before, after)
	return nil
}
