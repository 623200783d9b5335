package cli

import (
	"context"
	"os"

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

// benchSinkCmd is the receiver that the benchmark starts as a process of its
// own. It ends with its standard input.
type benchSinkCmd struct {
	bench.SinkOptions `embed:""`
}

// Run receives until the parent process is gone.
func (c *benchSinkCmd) Run(ctx context.Context, out console) error {
	return bench.RunSink(ctx, c.SinkOptions, os.Stdin, out.stdout)
}
