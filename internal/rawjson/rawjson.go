// Package rawjson works on JSON as bytes. It exists because Gancho promises that
// what a product sends is what a receiver gets: key order, number text and
// escapes are never the result of decoding and encoding again.
//
// [Check] validates once, at the door. Everything else takes bytes that passed
// it: [Lookup] finds a token by its path, [Restyle] changes how strings are
// escaped and nothing else, [Replace] swaps single tokens, [Merge] patches, [Same]
// compares. Given bytes that did not pass Check these may return an error or
// nonsense, but they never panic, never write to their input and never read outside
// it.
//
// The package is pure, and its functions are safe for concurrent use.
package rawjson

import "bytes"

// Kind is the kind of a JSON value, told by its first byte: one of
// '{', '[', '"', '0' (any number), 't', 'f', 'n', or 0 if there is none.
type Kind byte

// KindOf tells the kind of the first value in b.
func KindOf(b []byte) Kind {
	i := skipSpace(b, 0)
	if i >= len(b) {
		return 0
	}
	switch c := b[i]; c {
	case '{', '[', '"', 't', 'f', 'n':
		return Kind(c)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return '0'
	}
	return 0
}

// space are the four bytes JSON takes for white space.
var space = [256]bool{' ': true, '\t': true, '\n': true, '\r': true}

func skipSpace(b []byte, i int) int {
	for i < len(b) && space[b[i]] {
		i++
	}
	return i
}

// skipString returns the index after the string that starts at b[i], or -1.
func skipString(b []byte, i int) int {
	for i++; ; {
		n := bytes.IndexByte(b[min(i, len(b)):], '"')
		if n < 0 {
			return -1
		}
		end := i + n
		slashes := 0
		for j := end - 1; j >= i && b[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 0 {
			return end + 1
		}
		i = end + 1
	}
}

// skipValue returns the index after the value that starts at b[i], or -1.
func skipValue(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		depth := 0
		for i < len(b) {
			switch b[i] {
			case '"':
				if i = skipString(b, i); i < 0 {
					return -1
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return -1
	}
	start := i
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && !space[b[i]] {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
