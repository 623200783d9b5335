package sign

import (
	"fmt"
	"slices"
	"strings"
)

// SignedHeaders says which headers are signed as ${signed.headers}, or without their names as ${signed.values}, and how
// they are written. Their names stand in the request, as ${signed.names}, and a receiver goes by that list: other senders of the system may sign other headers.
type SignedHeaders struct {
	Names   []string // in the order of the list; one that a request does not have is left out. host is that of the URL
	Between string   // stands between the names
	Pair    string   // stands between a name and its value
	Join    string   // stands between the headers
}

// Limits of what is listed.
const (
	maxSignedHeaders = 32
	maxSeparator     = 3
)

// readSigned checks the list of signed headers. Names count in small letters from then on.
func (c *compiler) readSigned() {
	if c.Signed == nil {
		return
	}
	d := *c.Signed
	d.Names = slices.Clone(d.Names)
	c.Signed = &d
	at := []string{"signed", "headers"}
	if n := len(d.Names); n == 0 || n > maxSignedHeaders {
		c.problem(fmt.Sprintf("Name at least one, and at most %d.", maxSignedHeaders), fmt.Sprintf("%d headers are signed.", n), at...)
	}
	for i, name := range d.Names {
		d.Names[i] = strings.ToLower(name)
		switch {
		case !isName(name):
			c.problem("Write names of headers, for example [date, x-request-id].", fmt.Sprintf("%q is no name of a header.", name), at...)
		case slices.Contains(d.Names[:i], d.Names[i]):
			c.problem("Remove one of them.", fmt.Sprintf("%s is there already.", d.Names[i]), at...)
		}
	}
	named := slices.ContainsFunc(c.compiled.texts(), func(t located) bool { return t.text.has(kindSignedHeaders) })
	for _, x := range []struct{ key, value, example string }{
		{"between", d.Between, ","}, {"pair", d.Pair, ":"}, {"join", d.Join, ";"},
	} {
		if x.value == "" || len(x.value) > maxSeparator || (named || x.key != "join") && strings.ContainsFunc(x.value, isTokenRune) ||
			strings.ContainsFunc(x.value, func(r rune) bool { return r > '~' || r < ' ' && (r != '\n' || x.key != "join") }) {
			c.problem(fmt.Sprintf("Write one to %d characters that no name has, for example %s: %q.", maxSeparator, x.key, x.example),
				fmt.Sprintf("%q could be a part of a name, or is not possible here.", x.value), "signed", x.key)
		}
	}
}

// isName reports whether a text can be the name of a header (RFC 9110, 5.6.2).
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !isTokenRune(r) })
}

func isTokenRune(r rune) bool {
	return r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
}

// checkSigned checks that what is listed is signed, and that a receiver finds the list.
func (c *compiler) checkSigned() {
	names, over := []located{}, false
	for _, t := range c.texts() {
		headers := t.text.has(kindSignedHeaders, kindSignedValues)
		switch {
		case c.Signed == nil && (headers || t.text.has(kindSignedNames)):
			c.problem("Add for example signed: {headers: [x-timestamp, content-type]}",
				"${signed.headers}, ${signed.values} and ${signed.names} need a list of headers.", t.at...)
		case headers && slices.Contains([]string{"headers", "query", "body"}, t.at[0]):
			c.problem("Name them in over, and only ${signed.names} here.", "The headers stand in the request already.", t.at...)
		}
		over = over || headers
	}
	if c.Signed == nil {
		return
	}
	if !over {
		c.problem(`Put it into over, for example over: "${signed.headers}".`, "Nothing names ${signed.headers} or ${signed.values}, so these headers are not signed.", "signed")
	}
	for _, p := range c.places {
		if p.signature && p.In == InHeader && slices.Contains(c.Signed.Names, strings.ToLower(p.Path[0])) {
			c.problem("Remove it from the list.", fmt.Sprintf("The header %s holds the signature, so it cannot be signed.", p.Path[0]), "signed", "headers")
		}
		if !p.text.has(kindSignedNames) {
			continue
		}
		names = append(names, located{p.text, p.key()})
		if p.In != InHeader {
			c.problem("Put it into a header.", "The list of names stands elsewhere.", p.key()...)
		}
		if p.join != "" && strings.Contains(c.Signed.Between, p.join) {
			c.problem("Put ${signed.names} into a header of its own, or choose another between.",
				fmt.Sprintf("This is cut at %q, which stands between the names as well.", p.join), p.key()...)
		}
	}
	if len(names) == 0 {
		c.problem(`Add for example headers: {X-Signed-Headers: "${signed.names}"}`, "The list of names stands nowhere in the request, so no receiver can know it.", "signed")
	}
}

// signedBy reports whether a header is signed because it is in the list.
func (d *Description) signedBy(s *source, header string) bool {
	return (s.kind == kindSignedHeaders || s.kind == kindSignedValues) && d.Signed != nil && slices.Contains(d.Signed.Names, strings.ToLower(header))
}

// list says which headers a request signs: those that it has, or will have because the list stands there.
func (c *compiled) list(v *values) {
	if c.Signed == nil || v.names != "" {
		return
	}
	var names []string
	for _, name := range c.Signed.Names {
		_, there := v.listed(name)
		if there || slices.ContainsFunc(c.places, func(p place) bool {
			return p.In == InHeader && strings.EqualFold(p.Path[0], name) && p.text.has(kindSignedNames)
		}) {
			names = append(names, name)
		}
	}
	v.names = strings.Join(names, c.Signed.Between)
}

// listed is the value of a header as it is signed, false if the request has none.
func (v *values) listed(name string) (string, bool) {
	value, ok := v.header(name)
	if !ok && name == "host" {
		value = hostOf(v.m.URL)
		ok = value != ""
	}
	return strings.TrimSpace(value), ok
}

// readList makes what is signed of the headers in the list, or says why it cannot.
func (c *compiled) readList(v *values) (why string, missing bool) {
	d := c.Signed
	if d == nil {
		return "", false
	}
	if name := c.unlisted(v); name != "" {
		return fmt.Sprintf("the header %s is not in the list of signed ones", name), false
	}
	var b, contents strings.Builder
	var seen []string
	for name := range strings.SplitSeq(v.names, d.Between) {
		name = strings.ToLower(strings.TrimSpace(name))
		value, ok := v.listed(name)
		switch {
		case !isName(name):
			return "the list of signed headers has something in it that is no name", false
		case slices.Contains(seen, name):
			return "the list of signed headers names one of them twice", false
		case len(seen) == maxPieces:
			return fmt.Sprintf("the list of signed headers has more than %d names", maxPieces), false
		case !ok:
			return fmt.Sprintf("the header %s is in the list of signed ones, and the request has none", clip(name)), true
		case c.namesHeaders && d.reads(value):
			return fmt.Sprintf("the header %s reads as if it were two", clip(name)), false
		}
		if len(seen) > 0 {
			b.WriteString(d.Join)
			contents.WriteString(d.Join)
		}
		seen = append(seen, name)
		b.WriteString(name)
		b.WriteString(d.Pair)
		b.WriteString(value)
		contents.WriteString(value)
	}
	v.headers, v.contents = b.String(), contents.String()
	return "", false
}

// reads reports whether a value has another name and value in it, as they stand between headers. Such a request could be
// taken for one with other headers.
func (d *SignedHeaders) reads(value string) bool {
	for rest := value; ; {
		i := strings.Index(rest, d.Join)
		if i < 0 {
			return false
		}
		after := rest[i+len(d.Join):]
		if end := strings.IndexFunc(after, func(r rune) bool { return !isTokenRune(r) }); end > 0 && strings.HasPrefix(after[end:], d.Pair) {
			return true
		}
		rest = rest[i+1:]
	}
}

// unlisted names a header of the signature that a sender always lists, and this request does not; "" if there is none.
func (c *compiled) unlisted(v *values) string {
	list := strings.Split(strings.ToLower(v.names), c.Signed.Between)
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	for _, p := range c.places {
		if p.In != InHeader || !p.reads || p.signature {
			continue
		}
		name := strings.ToLower(p.Path[0])
		if slices.Contains(c.Signed.Names, name) && !slices.Contains(list, name) {
			return name
		}
	}
	return ""
}
