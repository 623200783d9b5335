package contract

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// node is a piece of YAML with its place. The loader works on these rather than
// on Go structs, so that every message can point at the file, and mistakes of
// all kinds are found in one pass.
type node struct {
	kind  kind
	line  int
	col   int
	text  string // of a scalar, its value
	quote quote  // of a scalar, how it is written
	pairs []pair // of a mapping, in order
	items []*node
	// refused is set where a problem was reported already; the kind is kindNull.
	refused bool
}

type pair struct {
	key   string
	line  int
	col   int
	value *node
}

type kind string

// The kinds, as they are called in messages.
const (
	kindText    kind = "a text"
	kindNumber  kind = "a number"
	kindBool    kind = "true or false"
	kindNull    kind = "nothing"
	kindMapping kind = "a mapping (key: value)"
	kindList    kind = "a list"
)

type quote int

const (
	plain  quote = iota
	quoted       // '…' or "…"
	block        // | or >
)

// maxTokens bounds the work of reading a file: some 5000 lines.
const maxTokens = 20_000

// get is the value of a key, nil if it is absent.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for _, p := range n.pairs {
		if p.key == key {
			return p.value
		}
	}
	return nil
}

// read parses YAML into nodes. What YAML can do and contracts do not need
// (anchors, tags, merge keys, several documents) is refused: a contract has to
// be readable by somebody who knows only key: value and lists.
func (l *loader) read(src []byte) *node {
	tokens := lexer.Tokenize(string(src))
	if len(tokens) > maxTokens { // the parser's time grows with the square
		l.problem(1, 1, fmt.Sprintf("The file has %d parts; at most %d are possible.", len(tokens), maxTokens), "Split it into several contracts.")
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
		fix := ""
		if strings.Contains(l.line(line), "${") {
			fix = `Inside { } and [ ] a template needs quotes: {x: "${settings.token}"}`
		} else if strings.Contains(l.line(line), "/{") {
			fix = `Inside { } and [ ] a path with { } needs quotes: ["/api/orders/{id}"]`
		}
		l.problem(line, col, "This is not valid YAML: "+message+".", fix)
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			l.problemAt(l.convert(doc.Body), "There is a second document in this file.", "Put each contract into its own file.")
			return nil
		}
		body = doc.Body
	}
	if body == nil {
		l.problem(1, 1, "The file is empty.", "Begin with a line like: contract: my-system")
		return nil
	}
	return l.convert(body)
}

func (l *loader) convert(n ast.Node) *node {
	tok := n.GetToken()
	out := &node{}
	if tok != nil && tok.Position != nil {
		out.line, out.col = tok.Position.Line, tok.Position.Column
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		out.kind = kindMapping
		for _, v := range n.Values {
			l.convertPair(out, v)
		}
		if len(out.pairs) > 0 && !n.IsFlowStyle {
			out.line, out.col = out.pairs[0].line, out.pairs[0].col
		}
	case *ast.MappingValueNode:
		out.kind = kindMapping
		l.convertPair(out, n)
		out.line, out.col = out.pairs[0].line, out.pairs[0].col
	case *ast.SequenceNode:
		out.kind = kindList
		for _, v := range n.Values {
			out.items = append(out.items, l.convert(v))
		}
	case *ast.StringNode:
		out.kind, out.text = kindText, n.Value
		if tok.Type == token.SingleQuoteType || tok.Type == token.DoubleQuoteType {
			out.quote = quoted
		}
	case *ast.LiteralNode:
		out.kind, out.text, out.quote = kindText, n.Value.Value, block
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		out.kind, out.text = kindNumber, tok.Value
	case *ast.BoolNode:
		out.kind, out.text = kindBool, strings.ToLower(tok.Value)
	case *ast.NullNode:
		out.kind = kindNull
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		l.problem(out.line, out.col, "Anchors and aliases (& and *) are not part of the contract language.", "Write the value out; a text that begins with & or * needs quotes.")
		out.kind, out.refused = kindNull, true
	case *ast.TagNode:
		l.problem(out.line, out.col, "Tags (!) are not part of the contract language.", "Remove the tag; a text that begins with ! needs quotes.")
		out.kind, out.refused = kindNull, true
	default:
		l.problem(out.line, out.col, "This is not part of the contract language.", "Use key: value, lists and texts.")
		out.kind, out.refused = kindNull, true
	}
	return out
}

func (l *loader) convertPair(out *node, v *ast.MappingValueNode) {
	pos := v.Key.GetToken().Position
	key := v.Key.GetToken().Value
	if s, ok := v.Key.(*ast.StringNode); ok {
		key = s.Value
	}
	if v.Key.IsMergeKey() {
		l.problem(pos.Line, pos.Column, "Merge keys (<<) are not part of the contract language.", "Write the values out.")
		return
	}
	out.pairs = append(out.pairs, pair{key: key, line: pos.Line, col: pos.Column, value: l.convert(v.Value)})
}
