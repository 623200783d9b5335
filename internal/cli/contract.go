package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gancho/internal/contract"
	"gancho/internal/nearest"
)

// contractCmd groups the commands about contracts.
type contractCmd struct {
	Check     contractCheckCmd     `cmd:"" help:"Report everything that is wrong with contract files."`
	Test      contractTestCmd      `cmd:"" help:"Run the tests in contract files, and compare every byte."`
	New       contractNewCmd       `cmd:"" help:"Write a new contract file, starting from one of the library."`
	Library   contractLibraryCmd   `cmd:"" help:"List contracts of well-known systems to start from, or show one."`
	Diff      contractDiffCmd      `cmd:"" help:"Say what a new version of a contract changes for receivers, and what breaks them."`
	Reference contractReferenceCmd `cmd:"" help:"Print what can stand in a contract: each key, or those of one section."`
	Keys      contractKeysCmd      `cmd:"" help:"Print the public keys of secrets as a JSON Web Key Set, for receivers who fetch it."`
	Docs      contractDocsCmd      `cmd:"" help:"Print the documentation of a contract for the customers who receive its webhooks."`
	Public    contractPublicCmd    `cmd:"" help:"Show the documentation of a contract to everybody, or to nobody who is not signed in."`
	Export    contractExportCmd    `cmd:"" help:"Print a contract as an OpenAPI 3.1 document."`
}

// contractCheckCmd loads contracts and reports their mistakes.
type contractCheckCmd struct {
	Files []string `arg:"" name:"file" help:"Contract files; the examples they name are read beside them."`
	Lang  string   `enum:"en,es,pt" default:"en" help:"Language of the mistakes: ${enum}."`
}

func (c *contractCheckCmd) Help() string {
	return `It reports all mistakes at once, each with file, line, column and what to write
instead. gancho contract reference says what can stand where. Of a valid contract
it says what has a newer spelling, and which tokens never expire; both stay valid.

Examples:

    gancho contract check contracts/shop.yaml
    gancho contract check contracts/*.yaml --lang es`
}

// Run prints one line for each valid file, and fails if a file is not valid.
func (c *contractCheckCmd) Run(out console) error {
	return eachContract(out, c.Files, c.Lang, "has mistakes", func(file string, loaded *contract.Contract) bool {
		fmt.Fprintf(out.stdout, "%s: %s is valid: %s, %s, %s.\n", file, loaded.Name,
			count(len(loaded.EventTypes()), "event type"), count(len(loaded.Records()), "kind of record"), count(len(loaded.Tests()), "test"))
		for _, p := range contract.Translated(loaded.Newer(), c.Lang) {
			p.File = file // the path as the user wrote it
			fmt.Fprintf(out.stdout, "%s\n", p)
		}
		return true
	})
}

// contractTestCmd runs the tests of contracts.
type contractTestCmd struct {
	Files   []string `arg:"" name:"file" help:"Contract files; the examples they name are read beside them."`
	Verbose bool     `short:"v" help:"List the tests that passed, too."`
	Lang    string   `enum:"en,es,pt" default:"en" help:"Language of what failed: ${enum}."`
}

func (c *contractTestCmd) Help() string {
	return `The section "tests" of a contract says which request a record change, a schedule or
a payload must produce, and what an answer means. Each test is rendered and signed as
the server would do it, and compared byte for byte. Examples of event types must be written as endpoint.json says.

Examples:

    gancho contract test contracts/shop.yaml
    gancho contract test --verbose contracts/*.yaml`
}

// Run prints what failed, and one line per file.
func (c *contractTestCmd) Run(out console) error {
	return eachContract(out, c.Files, c.Lang, "failed its tests", func(file string, loaded *contract.Contract) bool {
		results, wrong := loaded.RunTests(), 0
		for _, r := range results {
			switch {
			case r.Wrong != "":
				wrong++
				fmt.Fprintf(out.stderr, "%s:%d: %s: %s\n", file, r.Line, contract.Say(r.Name, c.Lang), contract.Say(r.Wrong, c.Lang))
			case c.Verbose:
				fmt.Fprintf(out.stdout, "%s:%d: %s: as expected\n", file, r.Line, r.Name)
			}
		}
		switch {
		case wrong > 0:
			fmt.Fprintf(out.stdout, "%s: %d of %s failed.\n", file, wrong, count(len(results), "test"))
		case len(results) == 0:
			fmt.Fprintf(out.stdout, "%s: there are no tests in it.\n", file)
		default:
			fmt.Fprintf(out.stdout, "%s: %s passed.\n", file, count(len(results), "test"))
		}
		return wrong == 0
	})
}

// eachContract loads contract files one by one and calls try for each. It fails if a
// file cannot be loaded or try returns false; how completes the sentence of the error,
// as in "the contract has mistakes". Mistakes are said in the language.
func eachContract(out console, files []string, language, how string, try func(file string, c *contract.Contract) (ok bool)) error {
	wrong, unread := 0, 0
	for _, file := range files {
		loaded, err := loadContract(file)
		_, noFile := errors.AsType[*noFileError](err)
		switch {
		case noFile && len(files) == 1:
			return err
		case noFile:
			unread++
			fmt.Fprintln(out.stderr, err)
		case err != nil:
			wrong++
			if p, ok := errors.AsType[*contract.Problems](err); ok {
				err = &contract.Problems{List: contract.Translated(p.List, language)}
			}
			fmt.Fprintln(out.stderr, err)
		case !try(file, loaded):
			wrong++
		}
	}
	return notAll(wrong, unread, len(files), how)
}

// loadContract reads a contract file and the examples beside it. It returns all
// mistakes as one error of several lines, or a [noFileError] if the file cannot be read.
func loadContract(file string) (*contract.Contract, error) {
	c, err := contract.Load(os.DirFS(filepath.Dir(file)), filepath.Base(file))
	if problems, ok := errors.AsType[*contract.Problems](err); ok {
		for i := range problems.List {
			problems.List[i].File = file // the path as the user wrote it
		}
		return nil, problems
	}
	if err != nil {
		return nil, &noFileError{file, err}
	}
	return c, nil
}

// noFileError says that a file cannot be read, and names the file that the user
// probably meant.
type noFileError struct {
	file string
	err  error
}

func (e *noFileError) Error() string {
	if !errors.Is(e.err, os.ErrNotExist) {
		if info, err := os.Stat(e.file); err == nil && info.IsDir() {
			return fmt.Sprintf("%s is a directory; name the files in it, such as %s", e.file, filepath.Join(e.file, "*.yaml"))
		}
		return fmt.Sprintf("%s cannot be read; check who may read it", e.file)
	}
	beside, _ := filepath.Glob(filepath.Join(filepath.Dir(e.file), "*.y*ml")) // an error means a malformed pattern; then there is no hint
	names := make([]string, len(beside))
	for i, file := range beside {
		names[i] = stem(file)
	}
	if near, ok := nearest.Word(stem(e.file), names); ok {
		return fmt.Sprintf("there is no file %s; did you mean %s?", e.file, beside[slices.Index(names, near)])
	}
	return fmt.Sprintf("there is no file %s; give the path of a contract file, from the directory that you are in", e.file)
}

// stem is the name of a file without directory and ending.
func stem(file string) string {
	return strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
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

// notAll is the error of a command of whose files some are wrong or unreadable, nil if
// none is.
func notAll(wrong, unread, of int, how string) error {
	var parts []string
	switch {
	case wrong > 0 && of == 1:
		parts = append(parts, "the contract "+how)
	case wrong > 0:
		parts = append(parts, fmt.Sprintf("%d of %d contracts %s", wrong, of, strings.NewReplacer("has ", "have ", "its ", "their ").Replace(how)))
	}
	if unread > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d files cannot be read", unread, of))
	}
	if parts == nil {
		return nil
	}
	return errors.New(strings.Join(parts, "; "))
}
