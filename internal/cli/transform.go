package cli

import (
	"os"
	"os/signal"

	"gancho/internal/transform"
)

// transformProcessCmd is app.ScriptCommand.
type transformProcessCmd struct{}

// Run ends with its standard input. An interrupt at the terminal reaches it as it
// does the server, which may still need it.
func (transformProcessCmd) Run() error {
	signal.Ignore(os.Interrupt)
	return transform.Serve(os.Stdin, os.Stdout, func() { os.Exit(exitFail) })
}
