package cli

import (
	"context"

	"github.com/alecthomas/kong"

	"gancho/internal/app"
)

// serveCmd runs the server; its flags are the fields of [app.Config].
type serveCmd struct {
	options `embed:""`
}

func (c *serveCmd) Help() string {
	return `Examples:

    gancho serve --demo
    gancho serve --listen :8480 --data /var/lib/gancho
    gancho serve --config gancho.yaml
    GANCHO_ALLOW_NETWORKS=127.0.0.0/8 gancho serve

Each option is also an environment variable (in brackets) and a key of the configuration file; "gancho config doc" prints the manual.`
}

// Run completes the configuration and runs the server until a signal.
func (c *serveCmd) Run(ctx context.Context, k *kong.Context, out console) error {
	cfg, _, err := complete(c.options, k)
	if err != nil {
		return err
	}
	return app.Run(ctx, cfg, out.stdout, out.stderr)
}
