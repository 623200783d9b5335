package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gancho/internal/contract"
)

// contractCmd groups the commands about contracts.
type contractCmd struct {
	Check  contractCheckCmd  `cmd:"" help:"Report everything that is wrong with contract files."`
	Test   contractTestCmd   `cmd:"" help:"Run the tests that contract files carry, and compare every byte."`
	Docs   contractDocsCmd   `cmd:"" help:"Print the documentation of a contract for the customers who receive its webhooks."`
	Export contractExportCmd `cmd:"" help:"Print a contract as an OpenAPI 3.1 document."`
}

// contractCheckCmd loads contracts and says what is wrong with them.
type contractCheckCmd struct {
	Files []string `arg:"" name:"file" help:"Contract files; the examples they name are read beside them."`
}

func (c *contractCheckCmd) Help() string {
	return `Each mistake comes with file, line, column and what would be right, all of them
at once. docs/contract-language.md is the reference of the language.

Examples:

    gancho contract check contracts/shop.yaml
    gancho contract check contracts/*.yaml`
}

// Run prints one line per file that is right, and fails if one is not.
func (c *contractCheckCmd) Run(out console) error {
	failed := 0
	for _, file := range c.Files {
		loaded, err := loadContract(file)
		if err != nil {
			failed++
			fmt.Fprintln(out.stderr, err)
			continue
		}
		fmt.Fprintf(out.stdout, "%s: %s is right: %s, %s, %s.\n", file, loaded.Name,
			count(len(loaded.EventTypes()), "event type"), count(len(loaded.Records()), "kind of record"), count(len(loaded.Tests()), "test"))
	}
	return notAll(failed, len(c.Files), "has to be corrected")
}

// contractTestCmd runs the tests of contracts.
type contractTestCmd struct {
	Files   []string `arg:"" name:"file" help:"Contract files; the examples they name are read beside them."`
	Verbose bool     `short:"v" help:"Name the tests that passed, too."`
}

func (c *contractTestCmd) Help() string {
	return `The section tests of a contract says what a change of a record, a schedule or a
payload has to send. Each test is rendered as the server would, and compared
byte for byte. Examples of event types have to be written as endpoint.json says.

Examples:

    gancho contract test contracts/shop.yaml
    gancho contract test --verbose contracts/*.yaml`
}

// Run prints what failed, and one line per file.
func (c *contractTestCmd) Run(out console) error {
	failed := 0
	for _, file := range c.Files {
		loaded, err := loadContract(file)
		if err != nil {
			failed++
			fmt.Fprintln(out.stderr, err)
			continue
		}
		results, wrong := loaded.RunTests(), 0
		for _, r := range results {
			switch {
			case r.Wrong != "":
				wrong++
				fmt.Fprintf(out.stderr, "%s:%d: %s: %s\n", file, r.Line, r.Name, r.Wrong)
			case c.Verbose:
				fmt.Fprintf(out.stdout, "%s:%d: %s: as expected\n", file, r.Line, r.Name)
			}
		}
		switch {
		case wrong > 0:
			failed++
			fmt.Fprintf(out.stdout, "%s: %d of %s failed.\n", file, wrong, count(len(results), "test"))
		case len(results) == 0:
			fmt.Fprintf(out.stdout, "%s: there are no tests in it.\n", file)
		default:
			fmt.Fprintf(out.stdout, "%s: %s passed.\n", file, count(len(results), "test"))
		}
	}
	return notAll(failed, len(c.Files), "failed its tests")
}

// loadContract reads a contract file with the examples beside it. All that is
// wrong with it is one error of several lines.
func loadContract(file string) (*contract.Contract, error) {
	c, err := contract.Load(os.DirFS(filepath.Dir(file)), filepath.Base(file))
	if problems, ok := errors.AsType[*contract.Problems](err); ok {
		for i := range problems.List {
			problems.List[i].File = file // as it was given, not as it is called in its directory
		}
		return nil, problems
	}
	if err != nil {
		reason := "it cannot be read"
		if errors.Is(err, os.ErrNotExist) {
			reason = "there is no such file"
		}
		return nil, fmt.Errorf("%s: %s; check the path", file, reason)
	}
	return c, nil
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	switch noun {
	case "kind of record":
		noun = "kinds of record"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// notAll is the error of a command that went wrong for some of its files.
func notAll(failed, of int, how string) error {
	switch {
	case failed == 0:
		return nil
	case of == 1:
		return fmt.Errorf("the contract %s", how)
	}
	return fmt.Errorf("%d of %d contracts %s", failed, of, strings.NewReplacer("has ", "have ", "its ", "their ").Replace(how))
}
