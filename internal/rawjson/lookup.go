package rawjson

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Lookup finds the raw token at a path in b. A path has the name of a member for each
// object and a decimal index for each array; the empty path is the document itself. The
// token is a part of b, without white space around it.
func Lookup(b []byte, path ...string) (token []byte, ok bool) {
	start, end := locate(b, path)
	if end < 0 {
		return nil, false
	}
	return b[start:end:end], true
}

// Replace returns b with another token at a path; all other bytes stay. If b has no token
// there, it returns b itself.
func Replace(b, token []byte, path ...string) []byte {
	start, end := locate(b, path)
	if end < 0 {
		return b
	}
	out := make([]byte, 0, len(b)-(end-start)+len(token))
	out = append(out, b[:start]...)
	out = append(out, token...)
	return append(out, b[end:]...)
}

// locate returns where the token at path begins and ends; end is -1 if there is none.
func locate(b []byte, path []string) (start, end int) {
	start = skipSpace(b, 0)
	for _, segment := range path {
		if start >= len(b) {
			return 0, -1
		}
		switch b[start] {
		case '{':
			start = findMember(b, start, segment)
		case '[':
			start = findElement(b, start, segment)
		default:
			return 0, -1
		}
		if start < 0 {
			return 0, -1
		}
	}
	return start, skipValue(b, start)
}

// findMember returns where the value of the named member of the object at b[i]
// begins, or -1.
func findMember(b []byte, i int, name string) int {
	found := -1
	scanObject(b, i, func(at, to, start, _ int) bool {
		if nameIs(b[at:to], name) {
			found = start
			return false
		}
		return true
	})
	return found
}

// findElement returns where the element with the decimal index of the array at
// b[i] begins, or -1.
func findElement(b []byte, i int, index string) int {
	want, err := strconv.Atoi(index)
	if err != nil {
		return -1
	}
	found, n := -1, 0
	scanArray(b, i, func(start, _ int) bool {
		if n == want {
			found = start
			return false
		}
		n++
		return true
	})
	return found
}

// nameIs compares a raw string token with a text.
func nameIs(raw []byte, name string) bool {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner) == name
	}
	s, ok := Unquote(raw)
	return ok && s == name
}

// Member is one member of an object, its name unquoted and its value raw.
type Member struct {
	Name  string
	Value []byte
}

// Members lists the members of an object in order. The values are parts of b. It returns
// nil if b is not an object.
func Members(b []byte) []Member {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return nil
	}
	out := []Member{}
	scanObject(b, i, func(at, to, start, end int) bool {
		name, ok := Unquote(b[at:to])
		if ok {
			out = append(out, Member{Name: name, Value: b[start:end:end]})
		}
		return ok
	})
	return out
}

// Elements lists the elements of an array, as parts of b. It returns nil if b is not an
// array.
func Elements(b []byte) [][]byte {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '[' {
		return nil
	}
	out := [][]byte{}
	scanArray(b, i, func(start, end int) bool {
		out = append(out, b[start:end:end])
		return true
	})
	return out
}

// scanObject calls fn for each member of the object at b[i], with the indexes where its
// name and its value begin and end. It stops if fn returns false or b is malformed.
func scanObject(b []byte, i int, fn func(name, nameEnd, start, end int) bool) {
	for i++; ; i++ {
		i = skipSpace(b, i)
		if i >= len(b) || b[i] != '"' {
			return
		}
		nameEnd := skipString(b, i)
		if nameEnd < 0 {
			return
		}
		colon := skipSpace(b, nameEnd)
		if colon >= len(b) || b[colon] != ':' {
			return
		}
		start := skipSpace(b, colon+1)
		end := skipValue(b, start)
		if end < 0 || !fn(i, nameEnd, start, end) {
			return
		}
		if i = skipSpace(b, end); i >= len(b) || b[i] != ',' {
			return
		}
	}
}

// scanArray is scanObject for the array at b[i].
func scanArray(b []byte, i int, fn func(start, end int) bool) {
	for i++; ; i++ {
		i = skipSpace(b, i)
		end := skipValue(b, i) // none at the closing bracket
		if end < 0 || !fn(i, end) {
			return
		}
		if i = skipSpace(b, end); i >= len(b) || b[i] != ',' {
			return
		}
	}
}

// Unquote is the text of a raw string token, false if the token is not a string.
func Unquote(token []byte) (string, bool) {
	if len(token) < 2 || token[0] != '"' || token[len(token)-1] != '"' {
		return "", false
	}
	inner := token[1 : len(token)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), true
	}
	out, err := jsontext.AppendUnquote(nil, token)
	return string(out), err == nil
}

// Text is a token as a text: a string without quotes and escapes, any other token as it
// is written.
func Text(token []byte) string {
	if s, ok := Unquote(token); ok {
		return s
	}
	return string(token)
}

// Quote is a text as a JSON string. U+FFFD takes the place of bytes that are not
// UTF-8.
func Quote(text string) []byte {
	out, _ := jsontext.AppendQuote(nil, strings.ToValidUTF8(text, "\ufffd")) // fails only if the text is not UTF-8
	return out
}

// Same reports whether a and b have the same JSON tokens in the same order, each spelled
// alike: 1 and 1.0 differ. White space between tokens does not count.
func Same(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	i, j := 0, 0
	for {
		i, j = skipSpace(a, i), skipSpace(b, j)
		if i >= len(a) || j >= len(b) {
			return i >= len(a) && j >= len(b)
		}
		if a[i] != b[j] {
			return false
		}
		if a[i] != '"' {
			// Numbers and words contain no white space, so comparing bytes compares tokens:
			// where 12 is valid, 1 2 is not.
			i, j = i+1, j+1
			continue
		}
		ei, ej := skipString(a, i), skipString(b, j)
		if ei < 0 || ej < 0 || !bytes.Equal(a[i:ei], b[j:ej]) {
			return false
		}
		i, j = ei, ej
	}
}
