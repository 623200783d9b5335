package cli

import (
	"os"
	"os/signal"

	"gancho/internal/transform"
)

// transformProcessCmd is app.ScriptCommand.
type transformProcessCmd struct{}

// Run serves until its standard input ends. It ignores the interrupt that Ctrl-C sends
// to every process of the terminal: the server may still need it while it stops.
func (transformProcessCmd) Run() error {
	signal.Ignore(os.Interrupt)
	return transform.Serve(os.Stdin, os.Stdout, func() { os.Exit(exitFail) })
}
