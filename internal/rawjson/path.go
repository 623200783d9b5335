package rawjson

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// ParsePath reads a path as it is written in CEL: names joined by dots, indexes and other
// names in brackets, for example customer.name, items[0].price, headers["x-id"]. It
// returns the segments; an index is a decimal text.
func ParsePath(s string) ([]string, error) { return parsePath(s, nameLength) }

// ParsePattern reads a path in which * stands for any member or element, and ** for any number
// of them, one inside the other, also none: body.*.phone, **.email. There is at most one **,
// because looking for more takes too long. See [Find].
func ParsePattern(s string) ([]string, error) {
	path, err := parsePath(s, func(rest string) int {
		if strings.HasPrefix(rest, anyDepth) {
			return len(anyDepth)
		}
		if strings.HasPrefix(rest, anyName) {
			return len(anyName)
		}
		return nameLength(rest)
	})
	if first := slices.Index(path, anyDepth); slices.Contains(path[first+1:], anyDepth) {
		return nil, errors.New("** can stand in a path only once")
	}
	return path, err
}

// What a pattern has in the place of names.
const (
	anyName  = "*"
	anyDepth = "**"
)

// parsePath is ParsePath with another rule of how long the name is that a text begins with.
func parsePath(s string, nameLength func(string) int) ([]string, error) {
	var out []string
	rest := s
	for first := true; rest != "" || first; first = false {
		switch {
		case strings.HasPrefix(rest, "[") && !first:
			segment, after, err := bracket(rest)
			if err != nil {
				return nil, err
			}
			out, rest = append(out, segment), after
		default:
			if !first {
				var ok bool
				if rest, ok = strings.CutPrefix(rest, "."); !ok {
					return nil, errors.New("names are joined by dots")
				}
			}
			n := nameLength(rest)
			if n == 0 {
				return nil, errors.New(`a name is missing; names with other characters than letters, digits, _ and - are written ["like this"]`)
			}
			out, rest = append(out, rest[:n]), rest[n:]
		}
	}
	return out, nil
}

func nameLength(s string) int {
	for i, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_', '0' <= c && c <= '9', c == '-':
		default:
			return i
		}
	}
	return len(s)
}

// bracket reads ["name"] or [0] at the start of s.
func bracket(s string) (segment, rest string, err error) {
	inner := s[1:]
	if strings.HasPrefix(inner, `"`) {
		quotedText, err := strconv.QuotedPrefix(inner)
		if err != nil {
			return "", "", errors.New(`a name in brackets needs its closing quote: ["name"]`)
		}
		segment, err = strconv.Unquote(quotedText)
		if err != nil {
			return "", "", err
		}
		inner = inner[len(quotedText):]
	} else {
		n := strings.IndexByte(inner, ']')
		if n < 0 {
			return "", "", errors.New("a bracket is not closed")
		}
		if _, err := strconv.ParseUint(inner[:n], 10, 31); err != nil {
			return "", "", errors.New(`brackets contain a name in quotes or a number: ["name"] or [0]`)
		}
		segment, inner = inner[:n], inner[n:]
	}
	rest, ok := strings.CutPrefix(inner, "]")
	if !ok {
		return "", "", errors.New("a bracket is not closed")
	}
	return segment, rest, nil
}

// JoinPath adds a name to a path, so that ParsePath reads it back.
func JoinPath(base, name string) string {
	switch {
	case name == "" || nameLength(name) != len(name):
		return base + "[" + strconv.Quote(name) + "]"
	case base == "":
		return name
	}
	return base + "." + name
}
