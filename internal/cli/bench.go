package cli

import (
	"context"

	"gancho/internal/bench"
)

// benchCmd runs the benchmark; its flags are the fields of [bench.Options].
type benchCmd struct {
	bench.Options `embed:""`
}

func (c *benchCmd) Help() string {
	return `It starts a sink, a raw POST loop and a real server process on this machine, all on loopback, and prints one table. Ratios against the raw loop compare machines; absolute numbers do not.

Examples:

    gancho bench
    gancho bench --events 100000 --concurrency 64
    gancho bench --hang 1
    gancho bench --crash`
}

// Run measures and prints.
func (c *benchCmd) Run(ctx context.Context, out console) error {
	return bench.Run(ctx, c.Options, out.stdout, out.stderr)
}
