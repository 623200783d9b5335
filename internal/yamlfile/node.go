package yamlfile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Node is a piece of YAML with its place. Readers work on nodes rather than on Go
// structs, so that every message can point at its place in the file and mistakes of
// all kinds are found in one pass.
type Node struct {
	Kind   Kind
	Line   int
	Column int
	Text   string // of a scalar, its value
	Quote  Quote  // of a scalar, how it is written
	Pairs  []Pair // of a mapping, in order
	Items  []*Node
	// Refused is set if a problem with the node was reported while it was parsed, such
	// as an anchor. Its Kind is KindNull then.
	Refused bool
}

// Pair is a key of a mapping, its place, and its value.
type Pair struct {
	Key    string
	Line   int
	Column int
	Value  *Node
}

// Kind is what a node is: a mapping, a list or a plain value.
type Kind string

// The kinds of nodes, as messages call them.
const (
	KindText    Kind = "a text"
	KindNumber  Kind = "a number"
	KindBool    Kind = "true or false"
	KindNull    Kind = "nothing"
	KindMapping Kind = "a mapping (key: value)"
	KindList    Kind = "a list"
)

// Quote is how a text is written.
type Quote int

const (
	Plain  Quote = iota
	Quoted       // '…' or "…"
	Block        // | or >
)

// maxTokens bounds the work of reading a file. It is enough for some 5000 lines.
const maxTokens = 20_000

// Get is the value of a key, nil if it is absent.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for _, p := range n.Pairs {
		if p.Key == key {
			return p.Value
		}
	}
	return nil
}

// Each lists the pairs of a mapping. It is nil for anything else.
func (n *Node) Each() []Pair {
	if n == nil {
		return nil
	}
	return n.Pairs
}

// read parses YAML into nodes. It refuses anchors, tags, merge keys and several
// documents.
func (f *File) read(src []byte) *Node {
	tokens := lexer.Tokenize(string(src))
	if len(tokens) > maxTokens { // the parser's time grows with the square
		f.Problem(1, 1, fmt.Sprintf("The file has %d parts; at most %d are possible.", len(tokens), maxTokens), "Split it into several contracts.")
		return nil
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		line, col, message := 1, 1, err.Error()
		if e, ok := errors.AsType[yaml.Error](err); ok {
			message = e.GetMessage()
			if tok := e.GetToken(); tok != nil && tok.Position != nil {
				line, col = tok.Position.Line, tok.Position.Column
			}
		}
		f.notYAML(line, col, message)
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			f.ProblemAt(f.convert(doc.Body), "There is a second document in this file.", "Put each contract into its own file.")
			return nil
		}
		body = doc.Body
	}
	if body == nil {
		f.Problem(1, 1, "The file is empty.", "Begin with a line like: contract: my-system")
		return nil
	}
	return f.convert(body)
}

func (f *File) convert(n ast.Node) *Node {
	tok := n.GetToken()
	out := &Node{}
	if tok != nil && tok.Position != nil {
		out.Line, out.Column = tok.Position.Line, tok.Position.Column
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		out.Kind = KindMapping
		for _, v := range n.Values {
			f.convertPair(out, v)
		}
		if len(out.Pairs) > 0 && !n.IsFlowStyle {
			out.Line, out.Column = out.Pairs[0].Line, out.Pairs[0].Column
		}
	case *ast.MappingValueNode:
		out.Kind = KindMapping
		f.convertPair(out, n)
		out.Line, out.Column = out.Pairs[0].Line, out.Pairs[0].Column
	case *ast.SequenceNode:
		out.Kind = KindList
		for _, v := range n.Values {
			out.Items = append(out.Items, f.convert(v))
		}
	case *ast.StringNode:
		out.Kind, out.Text = KindText, n.Value
		if tok.Type == token.SingleQuoteType || tok.Type == token.DoubleQuoteType {
			out.Quote = Quoted
		}
	case *ast.LiteralNode:
		out.Kind, out.Text, out.Quote = KindText, n.Value.Value, Block
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		out.Kind, out.Text = KindNumber, tok.Value
	case *ast.BoolNode:
		out.Kind, out.Text = KindBool, strings.ToLower(tok.Value)
	case *ast.NullNode:
		out.Kind = KindNull
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		f.Problem(out.Line, out.Column, "Anchors and aliases (& and *) are not part of the contract language.", "Write the value out; a text that begins with & or * needs quotes.")
		out.Kind, out.Refused = KindNull, true
	case *ast.TagNode:
		f.Problem(out.Line, out.Column, "Tags (!) are not part of the contract language.", "Remove the tag; a text that begins with ! needs quotes.")
		out.Kind, out.Refused = KindNull, true
	default:
		f.Problem(out.Line, out.Column, "This is not part of the contract language.", "Use key: value, lists and texts.")
		out.Kind, out.Refused = KindNull, true
	}
	return out
}

func (f *File) convertPair(out *Node, v *ast.MappingValueNode) {
	pos := v.Key.GetToken().Position
	key := v.Key.GetToken().Value
	if s, ok := v.Key.(*ast.StringNode); ok {
		key = s.Value
	}
	if v.Key.IsMergeKey() {
		f.Problem(pos.Line, pos.Column, "Merge keys (<<) are not part of the contract language.", "Write the values out.")
		return
	}
	if f.commaInside(out, v) {
		return
	}
	out.Pairs = append(out.Pairs, Pair{Key: key, Line: pos.Line, Column: pos.Column, Value: f.convert(v.Value)})
}

// Has reports whether there is a value at a path: keys, and the numbers of entries of
// lists.
func (n *Node) Has(segments []string) bool {
	for _, s := range segments {
		switch {
		case n == nil:
			return false
		case n.Kind == KindList:
			i, err := strconv.Atoi(s)
			if err != nil || i >= len(n.Items) {
				return false
			}
			n = n.Items[i]
		default:
			n = n.Get(s)
		}
	}
	return n != nil
}
