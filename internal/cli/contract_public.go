package cli

import (
	"context"
	"fmt"
)

// contractPublicCmd decides whether everybody can read the documentation of a contract.
type contractPublicCmd struct {
	operatorFlags `embed:""`
	Name          string `arg:"" help:"Name of a contract in force."`
	Off           bool   `help:"Take the documentation away again."`
}

func (c *contractPublicCmd) Help() string {
	return `A running server then shows the documentation at /docs/NAME to everybody, also to
search engines, in English, Spanish and Portuguese. No contract is public at first.

Examples:

    gancho contract public standard
    gancho contract public standard --off`
}

// Run changes it and says where the documentation is.
func (c *contractPublicCmd) Run(ctx context.Context, out console) error {
	server, err := c.client()
	if err != nil {
		return err
	}
	changed, err := server.SetPublicDocs(ctx, c.Name, !c.Off)
	if err != nil {
		return err
	}
	if c.Off {
		fmt.Fprintf(out.stdout, "The documentation of %s is not public.\n", c.Name)
		return nil
	}
	fmt.Fprintf(out.stdout, "Everybody can read the documentation of %s at %s\n", c.Name, changed.DocsURL)
	return nil
}
