// Package rawjson works on JSON as bytes. Gancho promises that a receiver gets what the
// product sent: no payload is decoded and encoded again, so key order, the text of
// numbers and escapes stay.
//
// [Check] validates a document once, when it is accepted. The other functions expect
// bytes that passed Check: [Lookup] finds a token by its path, [Restyle] changes only how
// strings are escaped, [Replace] replaces one token, [Merge] applies a patch, [Same]
// compares, [FormStyle.AppendForm] writes the values as fields of a form. For other bytes they may return an error or a wrong result, but they never
// panic, never write to their input and never read outside it.
//
// The package is pure, and its functions are safe for concurrent use.
package rawjson

import "bytes"

// Kind is the kind of a JSON value: '{', '[', '"', '0' for any number, 't', 'f', 'n', or 0
// if there is no value.
type Kind byte

// KindOf is the kind of the first value in b. It looks only at the first byte of the
// value.
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

// space has the four bytes that are white space in JSON.
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
