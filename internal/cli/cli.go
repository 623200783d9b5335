// Package cli is the command line of Gancho: it reads flags, environment and
// configuration file, and calls the package that does the work. It is the only package
// that knows about flags, and the only one that may print freely.
//
// It promises: help and results go to standard output; an error is one plain sentence
// on standard error that says what to do. The exit code is 0 on success or after a
// stop by signal, 1 on failure, and 2 when the command line itself is wrong.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"gancho/internal/app"
)

// Exit codes.
const (
	exitOK    = 0
	exitFail  = 1
	exitUsage = 2
)

// commands is the tree of commands; kong reads its tags.
type commands struct {
	Serve    serveCmd    `cmd:"" help:"Run the server: the API, the database and the deliveries."`
	Inbox    inboxCmd    `cmd:"" help:"Run a receiver that prints every webhook it gets, for trying things."`
	Bench    benchCmd    `cmd:"" help:"Measure this machine: raw ceiling, publish and delivery rates, latency, cost."`
	Contract contractCmd `cmd:"" help:"Check contracts, run the tests they carry, or print their documentation."`
	Key      keyCmd      `cmd:"" help:"Replace the key that encrypts what is stored, or show which there are."`
	Move     moveCmd     `cmd:"" help:"Copy everything from a SQLite database to a PostgreSQL database."`
	Compact  compactCmd  `cmd:"" help:"Write a SQLite file anew, without free space and deleted data."`
	Bulk     bulkCmd     `cmd:"" help:"Send many deliveries of a tenant again, or cancel what waits."`
	Tenant   tenantCmd   `cmd:"" help:"Move a tenant to another installation, or erase it."`
	Migrate  migrateCmd  `cmd:"" help:"Bring a PostgreSQL database up to date, as servers do when they start."`
	Audit    auditCmd    `cmd:"" help:"Verify or export the audit, whose entries are a chain."`
	Config   configCmd   `cmd:"" help:"Check a configuration, or print the manual of all options."`
	OpenAPI  openapiCmd  `cmd:"" name:"openapi" help:"Print the OpenAPI document of the API."`
	Version  versionCmd  `cmd:"" help:"Print the version."`

	BenchSink        benchSinkCmd        `cmd:"" hidden:"" help:"The receiver of the benchmark, started by it."`
	TransformProcess transformProcessCmd `cmd:"" hidden:"" help:"Runs the transformations of endpoints, started by the server."`
}

// console is what a command may write to.
type console struct {
	stdout, stderr io.Writer
}

// usageError is an error of the command line itself, for exit code 2.
type usageError struct{ error }

// Main runs the command that args (without the program's name) ask for, and
// returns the exit code. An interrupt or SIGTERM cancels the context of the
// command, with the signal as its cause; a second one ends the process at once.
func Main(args []string, stdout, stderr io.Writer) (code int) {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer restore()
	// After the first signal, a second one has its usual effect: it ends the process.
	context.AfterFunc(ctx, restore)

	return run(ctx, args, stdout, stderr)
}

// run is [Main] with the caller's context.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	unsetEmpty()

	// kong calls its Exit function after it has printed help. That function panics, and
	// the deferred function turns the panic into the exit code.
	type exit int
	defer func() {
		switch v := recover().(type) {
		case nil:
		case exit:
			code = int(v)
		default:
			panic(v)
		}
	}()

	var cmds commands
	parser, err := kong.New(&cmds,
		kong.Name("gancho"),
		kong.Description("Gancho gives any product complete webhooks: it takes events, delivers them durably and fast, and shows what happened."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.ValueFormatter(flagHelp),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(durationMapper)),
		kong.Bind(console{stdout, stderr}),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		return fail(stderr, "gancho", fmt.Errorf("the commands are declared wrongly: %w", err)) // unreachable unless a tag is wrong
	}

	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		name := "gancho"
		p, ok := errors.AsType[*kong.ParseError](err)
		if ok && p.Context != nil && p.Context.Selected() != nil {
			name = p.Context.Selected().FullPath()
		}
		if ok && p.ExitCode() == exitFail { // an environment variable is wrong, not the command line
			return fail(stderr, name, err)
		}
		return fail(stderr, name, usageError{err})
	}
	if err := parsed.Run(parsed); err != nil {
		return fail(stderr, parsed.Selected().FullPath(), err)
	}
	return exitOK
}

// fail prints err as a sentence and returns the exit code for it.
func fail(stderr io.Writer, command string, err error) int {
	text := err.Error()
	if !strings.ContainsAny(text[len(text)-1:], ".?!\n") && !strings.Contains(text, "\n") {
		text += "."
	}
	fmt.Fprintf(stderr, "%s: %s\n", command, text)
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintf(stderr, "Run \"%s --help\" for its flags and examples.\n", command)
		return exitUsage
	}
	return exitFail
}

// unsetEmpty unsets environment variables of ours that are empty. Deployment files
// often set them to "" to say that there is no value.
func unsetEmpty() {
	for _, o := range app.Options() {
		if v, ok := os.LookupEnv(o.Env); ok && v == "" {
			_ = os.Unsetenv(o.Env) // fails only for a malformed name
		}
	}
}

// flagHelp is the help text of a flag, with its default and its environment variable.
func flagHelp(v *kong.Value) string {
	var more []string
	if v.HasDefault && v.Default != "" && v.Default != "0" {
		more = append(more, "default "+v.Default)
	}
	for _, env := range v.Tag.Envs {
		more = append(more, "$"+env)
	}
	if len(more) == 0 {
		return v.Help
	}
	return v.Help + " [" + strings.Join(more, ", ") + "]"
}

// durationMapper lets duration flags accept days, and fail with a readable sentence.
func durationMapper(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := app.ParseDuration(text)
	if err != nil {
		return err
	}
	target.Set(reflect.ValueOf(d))
	return nil
}
