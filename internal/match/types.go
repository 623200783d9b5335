package match

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gancho/internal/hook"
)

// Limits of a list of globs.
const (
	MaxGlobs   = 200
	maxGlobLen = 128
)

// Types matches event types with a list of globs. In a glob * stands for any characters,
// also for none and for dots: order.* matches order.paid and order.paid.late, but not
// order. Every other character stands for itself; upper and lower case are different. The
// zero Types matches every type, and so does one that was made from an empty list.
type Types struct {
	exact    []string
	prefixes []string   // globs whose only * is at the end, without the *
	globs    [][]string // the others, split at each *
	narrow   bool       // there is at least one glob, and none of them matches everything
}

// GlobError says which glob of a list is wrong, and why. The pointer of the FieldError
// begins at the glob.
type GlobError struct {
	Index int
	hook.FieldError
}

func (e *GlobError) Error() string { return fmt.Sprintf("event type %d: %s", e.Index, e.Detail) }

// CompileTypes compiles a list of globs; the error is a *[GlobError].
func CompileTypes(globs []string) (Types, error) {
	if len(globs) > MaxGlobs {
		return Types{}, &GlobError{MaxGlobs, hook.Field("", "event_types_too_many",
			"There are {count} event types; at most {max} fit. Use * to cover several.",
			"count", len(globs), "max", MaxGlobs)}
	}
	t := Types{narrow: len(globs) > 0}
	for i, g := range globs {
		if wrong, bad := checkGlob(g); bad {
			return Types{}, &GlobError{i, wrong}
		}
		switch star := strings.IndexByte(g, '*'); {
		case star < 0:
			t.exact = append(t.exact, g)
		case strings.Trim(g, "*") == "":
			t.narrow = false
		case star == len(g)-1:
			t.prefixes = append(t.prefixes, g[:star])
		default:
			t.globs = append(t.globs, strings.Split(g, "*"))
		}
	}
	return t, nil
}

// checkGlob returns what is wrong with a glob, false if nothing is.
func checkGlob(g string) (hook.FieldError, bool) {
	if g == "" {
		return hook.Field("", "event_type_empty",
			"An event type cannot be empty. Leave the list empty to take all."), true
	}
	if len(g) > maxGlobLen {
		return hook.Field("", "event_type_long", "An event type has at most {max} characters.", "max", maxGlobLen), true
	}
	for _, c := range []byte(g) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("_.:/-*", c) >= 0:
		default:
			return hook.Field("", "event_type_character",
				"{character} cannot be part of an event type. Use letters, digits and _ . : / - and * for any characters.",
				"character", strconv.Quote(string(rune(c)))), true
		}
	}
	return hook.FieldError{}, false
}

// Match reports whether one of the globs matches the event type.
func (t Types) Match(eventType string) bool {
	if !t.narrow {
		return true
	}
	if slices.Contains(t.exact, eventType) {
		return true
	}
	for _, p := range t.prefixes {
		if strings.HasPrefix(eventType, p) {
			return true
		}
	}
	for _, parts := range t.globs {
		if matchParts(parts, eventType) {
			return true
		}
	}
	return false
}

// matchParts matches a glob that was split at its stars. Each part between two stars is
// matched at the first place where it fits. An earlier place leaves more text for the next
// parts, so the search never has to go back: each part reads s at most once.
func matchParts(parts []string, s string) bool {
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}
