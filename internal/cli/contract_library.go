package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"gancho/contracts"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// contractLibraryCmd groups the commands about contracts that ship with Gancho and are not in force.
type contractLibraryCmd struct {
	List contractLibraryListCmd `cmd:"" default:"withargs" help:"List the contracts of the library (the default)."`
	Show contractLibraryShowCmd `cmd:"" help:"Print a contract of the library as YAML."`
}

func (c *contractLibraryCmd) Help() string { return new(contractLibraryListCmd).Help() }

// contractLibraryListCmd lists the library.
type contractLibraryListCmd struct {
	Words  []string `arg:"" optional:"" name:"word" help:"Only contracts in whose name, title, category or signature all of these words stand."`
	Format string   `enum:"text,markdown" default:"text" help:"Format: ${enum}. Markdown is docs/library.md."`
}

func (c *contractLibraryListCmd) Help() string {
	return `The library has contracts of well-known webhook systems. None is in force: start from one
with gancho contract new, or verify with one (gancho inbox --contract).

Examples:

    gancho contract library
    gancho contract library finance
    gancho contract library show github > github.yaml`
}

// library is the library that ships with Gancho.
func library() *contract.Library { return contract.NewLibrary(contracts.Library()) }

// Run prints one line for each contract.
func (c *contractLibraryListCmd) Run(out console) error {
	all, err := library().List()
	if err != nil {
		return err
	}
	found := slices.DeleteFunc(slices.Clone(all), func(e contract.LibraryEntry) bool { return !matchesAll(&e, c.Words) })
	if len(found) == 0 {
		return fmt.Errorf("no contract of the library matches %q; without a word, all %d are listed; to write one of your own, see docs/contract-language.md",
			strings.Join(c.Words, " "), len(all))
	}
	if c.Format == "markdown" {
		_, err := out.stdout.Write(libraryMarkdown(found))
		return err
	}
	w := tabwriter.NewWriter(out.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSYSTEM\tCATEGORY\tSIGNATURE")
	for _, e := range found {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.Name, e.Title.En, e.Category, orElse(e.Signature, "none"))
	}
	return w.Flush()
}

// libraryMarkdown is the page about the library.
func libraryMarkdown(list []contract.LibraryEntry) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# The library

These %d contracts of well-known webhook systems come with Gancho and are not in force. `+"`gancho contract new shop --from github`"+`
writes one into a file of your own; the console and `+"`GET /v1/library`"+` show them, too. From the same lines, Gancho signs requests like
the system, and verifies those of the system: `+"`gancho inbox --contract github --secret …`"+`. A contract with tests describes
the requests as well: headers, bodies, time limits, retries. The facts are from the public documents that the names link to.

Written by `+"`gancho contract library --format markdown`"+`.

| name | system | category | signature | type of the event | tests |
|---|---|---|---|---|---|
`, len(list))
	for _, e := range list {
		event := orElse(e.EventHeader, "–")
		tests := "–"
		if e.Tests > 0 {
			tests = strconv.Itoa(e.Tests)
		}
		fmt.Fprintf(&b, "| `%s` | [%s](%s) | %s | %s | %s | %s |\n", e.Name, e.Title.En, e.Document, e.Category, orElse(e.Signature, "–"), event, tests)
	}
	return b.Bytes()
}

func matchesAll(e *contract.LibraryEntry, words []string) bool {
	for _, word := range words {
		if !e.Matches(word) {
			return false
		}
	}
	return true
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// contractLibraryShowCmd prints a contract of the library.
type contractLibraryShowCmd struct {
	Name string `arg:"" help:"Name of the contract, as gancho contract library lists it."`
}

// Run prints the file as it is.
func (c *contractLibraryShowCmd) Run(out console) error {
	source, err := template(c.Name)
	if err != nil {
		return err
	}
	_, err = out.stdout.Write(source)
	return err
}

// template is the file of a contract of the library.
func template(name string) ([]byte, error) {
	_, source, err := library().Find(name)
	if missing, ok := errors.AsType[*hook.Error](err); ok {
		return nil, fmt.Errorf("%s gancho contract library lists those there are", lowerFirst(missing.Detail))
	}
	return source, err
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// contractNewCmd writes a new contract file.
type contractNewCmd struct {
	Name   string `arg:"" help:"Name of the new contract: lower-case letters, digits, _ and -."`
	From   string `required:"" placeholder:"NAME" help:"Contract of the library to start from, see gancho contract library; standard-webhooks if you are free to choose."`
	Output string `short:"o" placeholder:"FILE" help:"Write to this file, which must not exist yet. If left out: the name with .yaml behind it."`
}

func (c *contractNewCmd) Help() string {
	return `Examples:

    gancho contract new shop --from github
    gancho contract new shop --from standard-webhooks --output contracts/shop.yaml`
}

// nameLine is the line of a contract with its name.
var nameLine = regexp.MustCompile(`(?m)^contract:.*$`)

// Run writes the file, with its own name in it.
func (c *contractNewCmd) Run(out console) error {
	if !contract.ValidName(c.Name) {
		return usageError{fmt.Errorf("%q cannot be the name of a contract; use lower-case letters, digits, _ and -, at most 64, beginning with a letter", c.Name)}
	}
	source, err := template(c.From)
	if err != nil {
		return err
	}
	first := true
	source = nameLine.ReplaceAllFunc(source, func(line []byte) []byte {
		if !first {
			return line
		}
		first = false
		return []byte("contract: " + c.Name)
	})
	file := orElse(c.Output, c.Name+".yaml")
	err = newFile(file, source)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already; name another file with --output", file)
	}
	if err != nil {
		return fmt.Errorf("the file cannot be written: %w; check the path", err)
	}
	fmt.Fprintf(out.stdout, "%s is a copy of the contract %s. Next: gancho contract check %s\n", file, c.From, file)
	return nil
}
