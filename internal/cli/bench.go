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
	return `It starts a sink, a raw POST loop and a real server process on this machine, all on loopback, and prints one table. Compare machines by the ratios against the raw loop, not by the absolute numbers.

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

// benchSinkCmd is the receiver of the benchmark, which starts it as a process. It runs
// until its standard input ends.
type benchSinkCmd struct {
	bench.SinkOptions `embed:""`
}

// Run receives requests until the parent process has ended.
func (c *benchSinkCmd) Run(ctx context.Context, out console) error {
	return bench.RunSink(ctx, c.SinkOptions, os.Stdin, out.stdout)
}
