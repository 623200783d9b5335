package transform

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"gancho/internal/rawjson"
)

// keep takes the JSON before a script (was) and after it (now). It returns now, but with
// the bytes of was for each value that the script did not change. JavaScript has only
// 64-bit floating-point numbers: without this, a script that adds a member would change a
// 9007199254740993 elsewhere in the payload to 9007199254740992.
//
// Members are compared by name, elements by index. If nothing differs, the result is was
// itself.
func keep(was, now []byte) []byte {
	token := bytes.Trim(was, " \t\r\n")
	if same(token, now) {
		return was
	}
	return appendKept(make([]byte, 0, len(now)), token, now)
}

// appendKept appends now. was is the value that was in its place, nil if there was none.
func appendKept(dst, was, now []byte) []byte {
	switch {
	case was == nil:
		return append(dst, now...)
	case same(was, now):
		return append(dst, was...)
	case rawjson.KindOf(was) != rawjson.KindOf(now):
		return append(dst, now...)
	}
	switch rawjson.KindOf(now) {
	case '{':
		old := byName(was)
		dst = append(dst, '{')
		for i, m := range rawjson.Members(now) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst, _ = jsontext.AppendQuote(dst, m.Name) // a text that was read from JSON can be written as JSON
			dst = append(dst, ':')
			dst = appendKept(dst, old[m.Name], m.Value)
		}
		return append(dst, '}')
	case '[':
		old := rawjson.Elements(was)
		dst = append(dst, '[')
		for i, e := range rawjson.Elements(now) {
			if i > 0 {
				dst = append(dst, ',')
			}
			var before []byte
			if i < len(old) {
				before = old[i]
			}
			dst = appendKept(dst, before, e)
		}
		return append(dst, ']')
	}
	return append(dst, now...)
}

// same reports whether now is what JavaScript writes for was if a script does not change it.
func same(was, now []byte) bool {
	a, b := rawjson.KindOf(was), rawjson.KindOf(now)
	switch {
	case a == '0' && b == 'n':
		_, err := strconv.ParseFloat(string(was), 64)
		return err != nil // too large for JavaScript, which writes null for it
	case a != b:
		return false
	}
	switch a {
	case '{':
		members, old := rawjson.Members(now), byName(was)
		if len(members) != len(old) {
			return false
		}
		for _, m := range members { // in any order: JavaScript puts names like "1" first
			if before, ok := old[m.Name]; !ok || !same(before, m.Value) {
				return false
			}
		}
		return true
	case '[':
		old, elements := rawjson.Elements(was), rawjson.Elements(now)
		if len(old) != len(elements) {
			return false
		}
		for i := range old {
			if !same(old[i], elements[i]) {
				return false
			}
		}
		return true
	case '0':
		x, errX := strconv.ParseFloat(string(was), 64)
		y, errY := strconv.ParseFloat(string(now), 64)
		return errX == nil && errY == nil && x == y
	}
	return rawjson.Text(was) == rawjson.Text(now)
}

func byName(b []byte) map[string][]byte {
	members := rawjson.Members(b)
	out := make(map[string][]byte, len(members))
	for _, m := range members {
		out[m.Name] = m.Value
	}
	return out
}
