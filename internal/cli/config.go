package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/alecthomas/kong"

	"gancho/internal/app"
)

// configCmd groups the commands about the configuration.
type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Report everything that is wrong with a configuration, or show the values in force."`
	Doc   configDocCmd   `cmd:"" help:"Print the manual of all options, in Markdown."`
}

// options are the flags of [app.Config]: its fields without its methods, because
// kong would call Validate before the configuration file is read.
type options app.Config

// configCheckCmd reads flags, environment and file as serve would.
type configCheckCmd struct {
	options `embed:""`
}

func (c *configCheckCmd) Help() string {
	return `Examples:

    gancho config check --config gancho.yaml
    GANCHO_RETENTION=90d gancho config check`
}

// Run prints each option with its value and where it comes from.
func (c *configCheckCmd) Run(k *kong.Context, out console) error {
	cfg, origin, err := complete(c.options, k)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out.stdout, 0, 0, 2, ' ', 0)
	for _, o := range app.Options() {
		value := o.Text(&cfg)
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(w, "%s\t%s\t(%s)\n", o.Name, value, origin[o.Name])
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out.stdout, "The configuration is valid.")
	return nil
}

// configDocCmd prints docs/config.md.
type configDocCmd struct {
	Output string `placeholder:"FILE" help:"Write to this file instead of standard output."`
}

func (c *configDocCmd) Help() string {
	return `Examples:

    gancho config doc | less
    gancho config doc --output docs/config.md`
}

// Run prints the manual.
func (c *configDocCmd) Run(out console) error {
	return write(out, c.Output, []byte(app.ConfigDoc()))
}

// complete adds the options of the configuration file to those that kong read from
// flags, environment and defaults, and validates the result. origin says for each
// option where its value comes from. All problems are in one [*app.ConfigError].
func complete(flags options, k *kong.Context) (c app.Config, origin map[string]string, err error) {
	c = app.Config(flags)
	origin = map[string]string{}
	for _, o := range app.Options() {
		origin[o.Name] = "default"
		if _, ok := os.LookupEnv(o.Env); ok {
			origin[o.Name] = o.Env
		}
	}
	for _, p := range k.Path {
		if p.Flag != nil && !p.Resolved {
			origin[p.Flag.Name] = "--" + p.Flag.Name
		}
	}
	isSet := func(name string) bool { return origin[name] != "default" }

	var problems []string
	collect := func(err error) {
		if e, ok := errors.AsType[*app.ConfigError](err); ok {
			problems = append(problems, e.Problems...)
		}
	}
	if c.File != "" {
		taken, err := c.LoadFile(c.File, isSet)
		collect(err)
		for _, name := range taken {
			origin[name] = c.File
		}
	}
	collect(c.Validate())
	if len(problems) > 0 {
		return app.Config{}, nil, &app.ConfigError{Problems: slices.Compact(problems)}
	}
	return c, origin, nil
}
