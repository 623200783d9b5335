package rawjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deep objects and arrays may be nested in documents that Gancho accepts.
const MaxDepth = 128

// SyntaxError says why a text is refused.
type SyntaxError struct {
	Offset  int64  // bytes before the place
	Pointer string // RFC 6901, "" for the whole document
	Detail  string // for people: what is wrong and what would be right
}

func (e *SyntaxError) Error() string {
	where := e.Pointer
	if where == "" {
		where = "the document"
	}
	return fmt.Sprintf("%s (in %s, at byte %d)", e.Detail, where, e.Offset)
}

// checker is a decoder with the buffer that it reads the caller's bytes from. Both are
// kept in a pool, because otherwise most of the time for a small document would go into
// allocating them.
type checker struct {
	in  bytes.Buffer
	dec *jsontext.Decoder
}

var checkers = sync.Pool{New: func() any {
	c := new(checker)
	c.dec = jsontext.NewDecoder(&c.in)
	return c
}}

// Check returns an error, a *[SyntaxError], unless b is exactly one JSON value, is valid
// UTF-8, has no object with two members of the same name, and is nested at most maxDepth
// deep; a scalar has depth 0, [] has depth 1. It scans b once and builds no tree.
func Check(b []byte, maxDepth int) error {
	c := checkers.Get().(*checker)
	c.in = *bytes.NewBuffer(b)
	_, err := c.dec.ReadValue()
	if err == nil {
		err = c.end()
	}
	c.in = bytes.Buffer{} // the pool must not keep the caller's bytes in memory
	c.dec.Reset(&c.in)
	checkers.Put(c)
	if err != nil {
		return explain(b, err)
	}
	return checkDepth(b, maxDepth)
}

// end returns an error unless only white space follows.
func (c *checker) end() error {
	value := c.dec.InputOffset()
	if _, err := c.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errTrailing{offset: value}
	}
	return nil
}

type errTrailing struct{ offset int64 } // where the value ends

func (errTrailing) Error() string { return "data after the value" }

// checkDepth checks the depth of b, which is valid JSON. Documents with too few brackets
// to be too deep need no scan.
func checkDepth(b []byte, maxDepth int) error {
	if bytes.Count(b, []byte{'{'})+bytes.Count(b, []byte{'['}) <= maxDepth {
		return nil
	}
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = skipString(b, i) - 1
		case '{', '[':
			if depth++; depth > maxDepth {
				return &SyntaxError{Offset: int64(i), Detail: fmt.Sprintf("Objects and arrays are nested more than %d deep. Send a flatter document.", maxDepth)}
			}
		case '}', ']':
			depth--
		}
	}
	return nil
}

// explain describes the error of a decoder in words for people.
func explain(b []byte, err error) *SyntaxError {
	if e, ok := errors.AsType[errTrailing](err); ok {
		off := skipSpace(b, int(e.offset))
		return &SyntaxError{Offset: int64(off), Detail: "There is more text after the end of the JSON value. Send exactly one value."}
	}
	out := &SyntaxError{Offset: int64(len(b)), Detail: "This is not valid JSON."}
	e, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case ok:
		out.Offset, out.Pointer = min(e.ByteOffset, int64(len(b))), string(e.JSONPointer)
	case skipSpace(b, 0) == len(b):
		out.Detail = "The body is empty. Send one JSON value."
		return out
	}
	switch cause := err.Error(); {
	case errors.Is(err, jsontext.ErrDuplicateName):
		out.Detail = "The same member appears twice in one object. Keep one of them."
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		out.Offset = int64(len(b))
		out.Detail = "The text ends in the middle of a value. Close every string, array and object."
	case strings.Contains(cause, "invalid UTF-8"), strings.Contains(cause, "surrogate"):
		out.Detail = "A string is not valid UTF-8. Send text as UTF-8, or escape it as \\uXXXX in pairs."
	case strings.Contains(cause, "escape sequence"):
		out.Detail = "A string has an invalid escape. Valid ones are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX; surrogates come in pairs."
	case strings.Contains(cause, "non-control character"):
		out.Detail = "A string contains a raw control character. Write it as an escape, for example \\n for a line break."
	case strings.Contains(cause, "max depth"), strings.Contains(cause, "exceeded"):
		out.Pointer = "" // it is as long as the document is deep
		out.Detail = "Objects and arrays are nested too deep. Send a flatter document."
	default:
		out.Detail = "This is not valid JSON: " + unexpected(b, out.Offset)
	}
	return out
}

// unexpected names the character that should not be at its place.
func unexpected(b []byte, off int64) string {
	if off >= int64(len(b)) {
		return "the text ends too early."
	}
	rest := []rune(string(b[off:min(off+8, int64(len(b)))]))
	switch rest[0] {
	case '\'':
		return "strings are written in double quotes (\"), not in single ones."
	case '}', ']':
		return fmt.Sprintf("%q stands where a value or a member was expected. A comma before the closing bracket is not allowed.", rest[0])
	case '/', '#':
		return "comments are not allowed."
	}
	return fmt.Sprintf("%q is not expected here.", rest[0])
}
