package cli

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"gancho/contracts"
	"gancho/internal/app"
	"gancho/internal/contract"
	"gancho/internal/guide"
	"gancho/internal/nearest"
)

// contractDocsCmd prints documentation for customers.
type contractDocsCmd struct {
	Name   string `arg:"" help:"Name of a contract that ships with Gancho, or the path of a contract file."`
	Lang   string `enum:"en,es,pt" default:"en" help:"Language: ${enum}."`
	Output string `short:"o" placeholder:"FILE" help:"Write to this file instead of standard output."`
	Since  string `placeholder:"OLD" help:"Begin with what is new since an earlier version: a file, a shipped contract, or NAME@VERSION of a running server."`

	operatorFlags   `embed:""`
	SenderAddresses app.Addresses `env:"GANCHO_SENDER_ADDRESSES" placeholder:"ADDRESS,…" help:"Addresses that requests come from, as of gancho serve."`
	PublicURL       app.PublicURL `env:"GANCHO_PUBLIC_URL" placeholder:"URL" help:"Where customers reach the server, as of gancho serve."`
}

func (c *contractDocsCmd) Help() string {
	return `The documentation is Markdown, for people who may not be programmers: when an event
is sent, how to set up an endpoint, how to verify requests, fields and an example,
what to answer and how fast, retries, sample receivers (PHP, Node, Python, Go),
Zapier, Make and n8n, and troubleshooting. Facts that no public document of the
system states are marked as assumed.

Examples:

    gancho contract docs standard --lang es
    gancho contract docs contracts/shop.yaml --lang pt --output shop.md`
}

// Run writes the documentation.
func (c *contractDocsCmd) Run(ctx context.Context, out console) error {
	loaded, err := findContract(c.Name)
	if err != nil {
		return err
	}
	sender := guide.Sender{Addresses: c.SenderAddresses.List(), URL: string(c.PublicURL)}
	if c.Since != "" {
		if sender.Since, err = c.version(ctx, c.Since); err != nil {
			return err
		}
	}
	return write(out, c.Output, sender.Markdown(loaded, c.Lang))
}

// contractExportCmd prints a contract for other tools.
type contractExportCmd struct {
	Name   string `arg:"" help:"Name of a contract that ships with Gancho, or the path of a contract file."`
	Format string `enum:"openapi" default:"openapi" help:"Format: ${enum}."`
	Lang   string `enum:"en,es,pt" default:"en" help:"Language of the texts: ${enum}."`
	Output string `short:"o" placeholder:"FILE" help:"Write to this file instead of standard output."`

	PublicURL app.PublicURL `env:"GANCHO_PUBLIC_URL" placeholder:"URL" help:"Where customers reach the server, as of gancho serve."`
}

func (c *contractExportCmd) Help() string {
	return `OpenAPI 3.1 as JSON: the requests of the contract under webhooks, one entry per
event type with its schema and example, and its look-ups under paths.

Examples:

    gancho contract export standard --format openapi
    gancho contract export contracts/shop.yaml --lang es --output shop.openapi.json`
}

// Run writes the document.
func (c *contractExportCmd) Run(out console) error {
	loaded, err := findContract(c.Name)
	if err != nil {
		return err
	}
	return write(out, c.Output, guide.Sender{URL: string(c.PublicURL)}.OpenAPI(loaded, c.Lang))
}

// findContract loads a contract that ships with Gancho, one of its library, or else a file.
func findContract(name string) (*contract.Contract, error) {
	if strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") || strings.ContainsAny(name, `/\`) {
		return loadContract(name)
	}
	files, err := fs.Glob(contracts.Files, "*.yaml")
	if err != nil {
		return nil, err // unreachable: the pattern is right
	}
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = strings.TrimSuffix(file, ".yaml")
		if names[i] == name {
			return contract.Load(contracts.Files, file)
		}
	}
	shelf := library()
	if slices.Contains(shelf.Names(), name) {
		c, _, err := shelf.Find(name)
		return c, err
	}
	hint := ""
	if near, ok := nearest.Word(name, append(shelf.Names(), names...)); ok {
		hint = " Did you mean " + near + "?"
	}
	return nil, fmt.Errorf("no contract %q ships with Gancho.%s There are %s, and those that gancho contract library lists; for a file of your own give its path, ending in .yaml", name, hint, strings.Join(names, ", "))
}
