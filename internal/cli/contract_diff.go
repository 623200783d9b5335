package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gancho.example/client"
	"gancho/internal/contract"
	"gancho/internal/guide"
)

// contractDiffCmd says what a new version of a contract changes for receivers.
type contractDiffCmd struct {
	operatorFlags `embed:""`

	Old    string `arg:"" help:"The version in force: a contract file, the name of a shipped contract, or NAME@VERSION of a running server; NAME@ is the one in force there."`
	New    string `arg:"" help:"The new version, named likewise."`
	Lang   string `enum:"en,es,pt" default:"en" help:"Language: ${enum}."`
	Output string `enum:"text,json" default:"text" help:"Format: ${enum}."`
}

func (c *contractDiffCmd) Help() string {
	return `It makes the requests of both versions for the same examples and tests, compares them, and
says which changes can break receivers, and which cannot, each with its line. The exit code is 1 if
something breaks, so that a build can stop there.

Examples:

    gancho contract diff old/shop.yaml shop.yaml
    gancho contract diff shop@ shop.yaml --server http://127.0.0.1:8480 --output json
    gancho contract docs shop.yaml --since shop@3 --lang es`
}

// errBreaks is the error if a new version breaks receivers.
var errBreaks = errors.New("the new version can break receivers")

// Run prints the changes, and fails if one breaks receivers.
func (c *contractDiffCmd) Run(ctx context.Context, out console) error {
	before, err := c.version(ctx, c.Old)
	if err != nil {
		return err
	}
	after, err := c.version(ctx, c.New)
	if err != nil {
		return err
	}
	changes := guide.Changes(before, after)
	broken := 0
	for _, ch := range changes {
		if ch.Breaks {
			broken++
		}
	}
	if c.Output == "json" {
		err = c.printJSON(out, changes, broken)
	} else {
		c.printText(out, changes, broken)
	}
	if err == nil && broken > 0 {
		err = errBreaks
	}
	return err
}

func (c *contractDiffCmd) printText(out console, changes []guide.Change, broken int) {
	for i, ch := range changes {
		switch {
		case i == 0 && ch.Breaks:
			fmt.Fprintln(out.stdout, "What can break receivers:")
		case i == broken:
			fmt.Fprintln(out.stdout, "What breaks nobody:")
		}
		place := fmt.Sprintf("%s:%d", c.New, ch.Line)
		if ch.Line == 0 {
			place = fmt.Sprintf("%s:%d", c.Old, ch.OldLine)
		}
		fmt.Fprintf(out.stdout, "  %s: %s\n", strings.TrimSuffix(place, ":0"), ch.Text(c.Lang))
	}
	if len(changes) == 0 {
		fmt.Fprintln(out.stdout, "Nothing changes for receivers.")
	}
}

func (c *contractDiffCmd) printJSON(out console, changes []guide.Change, broken int) error {
	list := []client.ContractChange{}
	for _, ch := range changes {
		list = append(list, client.ContractChange(ch.In(c.Lang)))
	}
	e := json.NewEncoder(out.stdout)
	e.SetIndent("", "  ")
	return e.Encode(map[string]any{"breaks": broken > 0, "changes": list})
}

// version is a contract: a file, a shipped one, or one of a running server.
func (f operatorFlags) version(ctx context.Context, name string) (*contract.Contract, error) {
	of, number, onServer := strings.Cut(name, "@")
	if !onServer {
		return findContract(name)
	}
	version := int64(0)
	if number != "" {
		var err error
		if version, err = strconv.ParseInt(number, 10, 64); err != nil || version < 1 {
			return nil, fmt.Errorf("%s: behind @ stands the number of a version, such as %s@3, or nothing for the one in force", name, of)
		}
	}
	api, err := f.client()
	if err != nil {
		return nil, err
	}
	found, err := api.Contract(ctx, of, "", version)
	if err != nil {
		return nil, err
	}
	return contract.ParseStored(name, []byte(found.Source))
}
