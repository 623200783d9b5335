package sign

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strings"
)

var functions = map[string]func(string) string{
	"lower": strings.ToLower, "upper": strings.ToUpper, "urlencode": urlencode,
	"base64": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"sha256": func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	},
}

// maxDepth is how deep functions can stand in one another.
const maxDepth = 4

// parseCall parses a function with what it is given: sources, texts in quotes and functions.
func parseCall(s string) (*source, error) {
	p := callParser{rest: s}
	out, err := p.call(1)
	if err == nil && strings.TrimSpace(p.rest) != "" {
		err = errCall
	}
	if errors.Is(err, errCall) {
		err = errorf("${%s} cannot be read; write for example ${lower(query.id)} or ${sha256(method, '&', path)}. Functions: lower, upper, sha256, base64, urlencode.", s)
	}
	return out, err
}

// errCall stands for a function that cannot be read.
var errCall = errorf("it cannot be read")

type callParser struct{ rest string }

func (p *callParser) call(depth int) (*source, error) {
	if depth > maxDepth {
		return nil, errorf("more than %d functions stand inside one another", maxDepth)
	}
	all := p.rest
	name, after, ok := strings.Cut(p.rest, "(")
	fn := functions[strings.TrimSpace(name)]
	if !ok || fn == nil {
		return nil, errCall
	}
	p.rest = after
	out := &call{fn: fn}
	for {
		x, err := p.argument(depth)
		if err != nil {
			return nil, err
		}
		out.text = append(out.text, x)
		p.rest = strings.TrimLeft(p.rest, " ")
		switch {
		case strings.HasPrefix(p.rest, ","):
			p.rest = p.rest[1:]
		case strings.HasPrefix(p.rest, ")"):
			p.rest = p.rest[1:]
			return &source{kind: kindCall, name: strings.TrimSpace(all[:len(all)-len(p.rest)]), call: out}, nil
		default:
			return nil, errCall
		}
	}
}

// argument is one of what a function is given.
func (p *callParser) argument(depth int) (part, error) {
	p.rest = strings.TrimLeft(p.rest, " ")
	if p.rest == "" {
		return part{}, errCall
	}
	if quote := p.rest[:1]; quote == "'" || quote == `"` {
		literal, after, ok := strings.Cut(p.rest[1:], quote)
		p.rest = after
		if !ok {
			return part{}, errCall
		}
		return part{literal: literal}, nil
	}
	end := strings.IndexAny(p.rest, ",()")
	if end < 0 {
		return part{}, errCall
	}
	if p.rest[end] == '(' {
		s, err := p.call(depth + 1)
		return part{source: s}, err
	}
	name := strings.TrimSpace(p.rest[:end])
	if name == "" || strings.ContainsAny(name, " '\"") {
		return part{}, errCall
	}
	p.rest = p.rest[end:]
	s, err := parseSource(name)
	return part{source: s}, err
}

// urlencode escapes all that is not unreserved (RFC 3986, 2.3).
func urlencode(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// canonicalQuery is the query of an address with its parameters sorted by their escaped names, then values. grouped says
// that the values of one name stand together, with commas between them.
func canonicalQuery(address string, grouped bool) string {
	_, query, _ := strings.Cut(address, "?")
	var list [][2]string
	plain := func(s string) string {
		if text, err := url.QueryUnescape(s); err == nil {
			s = text
		}
		return urlencode(s)
	}
	for pair := range strings.SplitSeq(query, "&") {
		if name, value, _ := strings.Cut(pair, "="); pair != "" {
			list = append(list, [2]string{plain(name), plain(value)})
		}
	}
	slices.SortFunc(list, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	var b strings.Builder
	for i, x := range list {
		switch {
		case i > 0 && grouped && x[0] == list[i-1][0]:
			b.WriteString("," + x[1])
			continue
		case i > 0:
			b.WriteByte('&')
		}
		b.WriteString(x[0] + "=" + x[1])
	}
	return b.String()
}
