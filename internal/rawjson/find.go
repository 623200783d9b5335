package rawjson

import (
	"slices"
	"strconv"
)

// Span is where a token begins and ends in a document.
type Span struct{ Start, End int }

// Find returns where the tokens are that a pattern stands for, in the order of the document.
// A pattern is a path, see [ParsePattern]. No span is found twice.
func Find(b []byte, pattern []string) (spans []Span) {
	find(b, skipSpace(b, 0), pattern, func(s Span) { spans = append(spans, s) })
	slices.SortFunc(spans, func(x, y Span) int { return x.Start - y.Start })
	return slices.Compact(spans)
}

// Paths returns the paths of the tokens that a pattern stands for, each once.
func Paths(b []byte, pattern []string) (paths [][]string) {
	var walk func(token []byte, at, pattern []string)
	walk = func(token []byte, at, pattern []string) {
		if len(pattern) == 0 {
			paths = append(paths, at)
			return
		}
		below := func(name string, value []byte, pattern []string) {
			walk(value, append(slices.Clone(at), name), pattern)
		}
		each := func(next []string) {
			for _, m := range Members(token) {
				below(m.Name, m.Value, next)
			}
			for n, e := range Elements(token) {
				below(strconv.Itoa(n), e, next)
			}
		}
		switch segment, rest := pattern[0], pattern[1:]; segment {
		case anyName:
			each(rest)
		case anyDepth:
			walk(token, at, rest)
			each(pattern)
		default:
			if value, ok := Lookup(token, segment); ok {
				below(segment, value, rest)
			}
		}
	}
	walk(b, nil, pattern)
	return paths
}

// find calls found for each token below the one that begins at b[i].
func find(b []byte, i int, pattern []string, found func(Span)) {
	if len(pattern) == 0 {
		if end := skipValue(b, i); end >= 0 {
			found(Span{i, end})
		}
		return
	}
	if i >= len(b) {
		return
	}
	segment, rest := pattern[0], pattern[1:]
	each := func(next []string) {
		switch b[i] {
		case '{':
			scanObject(b, i, func(_, _, start, _ int) bool { find(b, start, next, found); return true })
		case '[':
			scanArray(b, i, func(start, _ int) bool { find(b, start, next, found); return true })
		}
	}
	switch {
	case segment == anyName:
		each(rest)
	case segment == anyDepth:
		find(b, i, rest, found)
		each(pattern)
	case b[i] == '{':
		if start := findMember(b, i, segment); start >= 0 {
			find(b, start, rest, found)
		}
	case b[i] == '[':
		if start := findElement(b, i, segment); start >= 0 {
			find(b, start, rest, found)
		}
	}
}

// ReplaceAll returns b with another token in the place of each span; all other bytes stay. A
// span within another one goes with it. Spans are those of [Find], of one or more patterns.
func ReplaceAll(b, token []byte, spans []Span) []byte {
	if len(spans) == 0 {
		return b
	}
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(x, y Span) int { return x.Start - y.Start })
	out, done := make([]byte, 0, len(b)), 0
	for _, s := range spans {
		if s.Start < done {
			continue
		}
		out = append(append(out, b[done:s.Start]...), token...)
		done = s.End
	}
	return append(out, b[done:]...)
}

// Scalars calls fn for each string, number and word in the value of a token.
func Scalars(token []byte, fn func(token []byte)) {
	for _, s := range Find(token, []string{anyDepth}) {
		if t := token[s.Start:s.End]; KindOf(t) != '{' && KindOf(t) != '[' {
			fn(t)
		}
	}
}
