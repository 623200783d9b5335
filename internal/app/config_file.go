package app

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// LoadFile reads the configuration file at path into c, and returns the names of the
// options that it set. It skips options for which isSet reports true: a flag or an
// environment variable has set those. Unknown keys, keys given twice and values that
// cannot be read are reported together in one [*ConfigError], with their lines; then
// c is unchanged.
func (c *Config) LoadFile(path string, isSet func(name string) bool) (taken []string, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, &ConfigError{Problems: []string{fmt.Sprintf("config: the file cannot be read (%v); check the path given with --config or GANCHO_CONFIG", err)}}
	}
	return c.loadYAML(path, raw, isSet)
}

// loadYAML is [Config.LoadFile] for text that is already read.
func (c *Config) loadYAML(path string, raw []byte, isSet func(name string) bool) (taken []string, err error) {
	r := fileReader{path: path, isSet: isSet, next: *c, seen: map[string]int{}}
	r.read(raw)
	if len(r.problems) > 0 {
		return nil, configError(r.problems)
	}
	*c = r.next
	return r.taken, nil
}

// fileReader reads a configuration file. It continues after a problem, to report all.
type fileReader struct {
	path     string
	isSet    func(name string) bool // by a flag or the environment; nil: nothing is
	next     Config
	taken    []string
	seen     map[string]int // lines, by option
	problems []string
}

func (r *fileReader) wrong(at *token.Token, format string, args ...any) {
	where := r.path
	if at != nil {
		where = fmt.Sprintf("%s:%d", r.path, at.Position.Line)
	}
	r.problems = append(r.problems, where+": "+fmt.Sprintf(format, args...))
}

func (r *fileReader) read(raw []byte) {
	// The parser accepts duplicate keys here; they are reported below with the other problems.
	file, err := parser.ParseBytes(raw, 0, parser.AllowDuplicateMapKey())
	if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
		r.wrong(syntax.Token, "this is not YAML: %s", syntax.Message)
		return
	}
	if err != nil {
		r.wrong(nil, "this is not YAML: %v", err)
		return
	}
	for i, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType || doc.Body.Type() == ast.CommentType {
			continue // an empty file sets nothing
		}
		if i > 0 {
			r.wrong(doc.Body.GetToken(), "the file has a second document; keep one")
			return
		}
		body, ok := doc.Body.(*ast.MappingNode)
		if !ok {
			r.wrong(doc.Body.GetToken(), "the file must be a list of options, each on a line as name: value, such as listen: 127.0.0.1:8480")
			return
		}
		for _, kv := range body.Values {
			r.option(kv.Key.GetToken(), kv.Value)
		}
	}
}

// option reads one option of the file.
func (r *fileReader) option(at *token.Token, value ast.Node) {
	name := at.Value
	o, ok := findOption(name)
	if !ok {
		r.wrong(at, "there is no option %q%s", name, didYouMean(name))
		return
	}
	if !o.InFile {
		r.wrong(at, "%q cannot be set in the file; use --%s or %s", name, o.Name, o.Env)
		return
	}
	if first, ok := r.seen[name]; ok {
		r.wrong(at, "%q is set a second time, first on line %d; keep one", name, first)
		return
	}
	r.seen[name] = at.Position.Line
	text, err := scalarText(value)
	if err != nil {
		r.wrong(at, "%s: %v", name, err)
		return
	}
	into := &r.next
	if r.isSet != nil && r.isSet(name) {
		into = new(Config) // checked all the same, though another value wins
	} else {
		r.taken = append(r.taken, name)
	}
	if err := o.set(into, text); err != nil {
		r.wrong(at, "%s: %v", name, err)
	}
}

// scalarText is the text of a value in the configuration file: a scalar as it
// is written, or a list of scalars joined by commas.
func scalarText(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.SequenceNode:
		var parts []string
		for _, v := range n.Values {
			if _, ok := v.(*ast.SequenceNode); ok {
				return "", errors.New("a list in a list cannot be read; write one list")
			}
			s, err := scalarText(v)
			if err != nil {
				return "", err
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, ","), nil
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return strings.TrimRight(n.Value.Value, "\n"), nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, nil
	case *ast.NullNode, nil:
		return "", errors.New("the value is missing; write one after the colon or remove the line")
	default:
		return "", errors.New("write a plain value after the colon")
	}
}
