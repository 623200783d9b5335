package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/nearest"
	"gancho/internal/rawjson"
)

// Limits of a contract.
const (
	MaxSource = 1 << 20 // bytes of YAML, examples included
	anyEvent  = "*"
)

// Chapters are the chapters of the customer documentation that a contract may
// add a text to.
var Chapters = []string{"when", "setup", "authentication", "fields", "answer", "retries", "receiver", "no_code", "troubleshooting"}

// Load reads a contract file and the example files it names from fsys. Names
// are relative to the contract's directory and cannot leave fsys.
func Load(fsys fs.FS, file string) (*Contract, error) {
	src, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, err
	}
	return parse(fsys, file, src)
}

// Parse compiles a contract that stands alone: examples are written in it, not
// in files beside it. The Source of a loaded contract always stands alone. file
// is for messages. The error is a *[Problems].
func Parse(file string, src []byte) (*Contract, error) { return parse(nil, file, src) }

func parse(fsys fs.FS, file string, src []byte) (*Contract, error) {
	src = bytes.TrimPrefix(src, []byte(byteOrderMark))
	l := &loader{file: file, fsys: fsys, src: src}
	c := &Contract{byName: map[string]int{}, docs: map[string]Text{}}
	if len(src) > MaxSource {
		l.problem(1, 1, fmt.Sprintf("The file has %d bytes; at most %d are allowed.", len(src), MaxSource), "")
	} else if l.isText(src) {
		if root := l.read(src); root != nil {
			l.contract(c, root)
		}
	}
	if len(l.problems.List) > 0 {
		l.problems.sort()
		return nil, &l.problems
	}
	c.Source = l.standalone()
	return c, nil
}

// loader collects problems while it fills in a Contract. It goes on after each
// of them, so that a person sees all at once.
type loader struct {
	file     string
	fsys     fs.FS // nil: no example files
	src      []byte
	problems Problems
	inlined  []inlined
	root     *node
}

// inlined is an example file whose text takes the place of its name in Source.
type inlined struct {
	at   *node
	text []byte
}

func (l *loader) problem(line, col int, message, fix string) {
	l.problems.List = append(l.problems.List, Problem{File: l.file, Line: max(line, 1), Column: max(col, 1), Message: message, Fix: fix})
}

func (l *loader) problemAt(n *node, message, fix string) { l.problem(n.line, n.col, message, fix) }

// keysOf is the language: the keys of each section, "" being the top level and
// * any name. Whatever is not listed is refused.
var keysOf = map[string][]string{
	"":          {"contract", "title", "about", "document", "records", "events", "endpoint", "delivery", "credentials", "lookup", "redact", "docs", "assumed", "tests"},
	"records.*": {"title", "about", "key", "schema"},
	"events.*": {
		"title", "about", "example", "cases", "schema", "on", "when", "payload",
		"every", "cron", "timezone", "select", "where", "item", "max_body",
	},
	"events.*.cases.*": {"title", "example"},
	"endpoint": {
		"method", "methods", "content_type", "user_agent", "settings", "headers", "pairs", "body", "schema", "form", "json", "sign", "shaping",
		"per_tenant", "event_types",
	},
	"endpoint.json":        {"ascii", "escape_slash", "compact"},
	"endpoint.form":        {"field", "when"},
	"endpoint.event_types": {"min", "max"},
	"delivery":             {"timeout", "connect_timeout", "clock", "retry", "mode", "success", "concurrency", "per_second", "ordered"},
	"credentials":          {"api_key", "secret", "token", "endpoint"},
	"credentials.api_key":  {"length", "alphabet"},
	"credentials.secret":   {"length", "alphabet"},
	"credentials.token":    {"lifetime", "claims"},
	"lookup.*":             {"title", "about", "paths", "record", "auth"},
	"docs":                 Chapters,
	"tests.*":              {"on", "event", "old", "new", "records", "payload", "settings", "credential", "method", "fires", "url", "headers", "body"},
}

// sections read the keys of the top level, in this order: what others refer to
// comes first; assumed speaks about all.
var sections = []struct {
	key  string
	read func(l *loader, c *Contract, n *node)
}{
	{"contract", (*loader).name},
	{"title", func(l *loader, c *Contract, n *node) { c.Title = l.text(n) }},
	{"about", func(l *loader, c *Contract, n *node) { c.About = l.text(n) }},
	{"document", func(l *loader, c *Contract, n *node) { c.Document = l.str(n) }},
	{"credentials", (*loader).credentials},
	{"endpoint", (*loader).endpoint},
	{"records", (*loader).readRecords},
	{"events", (*loader).events},
	{"lookup", (*loader).readLookup},
	{"delivery", (*loader).delivery},
	{"redact", (*loader).redact},
	{"docs", (*loader).docs},
	{"assumed", (*loader).assumed},
	{"tests", (*loader).tests},
}

func (l *loader) contract(c *Contract, root *node) {
	l.root = root
	o := l.object(root, "A contract", keysOf[""])
	for _, required := range []string{"contract", "title", "events"} {
		if o.n != nil && o.n.get(required) == nil {
			fix := map[string]string{
				"contract": "Add a line like: contract: my-system",
				"title":    "Add a line like: title: {en: My system}",
				"events":   `Add the event types, for example: events: {order.paid: {title: {en: An order was paid}}}`,
			}[required]
			l.problemAt(root, "The contract has no "+strings.ReplaceAll(required, "contract", "name")+".", fix)
		}
	}
	l.defaults(c)
	for _, s := range sections {
		if n := o.get(s.key); n != nil {
			s.read(l, c, n)
		}
	}
}

// defaults is what holds for a section that is not there.
func (l *loader) defaults(c *Contract) {
	c.endpoint = endpoint{
		method: "POST", methods: []string{"POST"},
		contentType: &template{source: defaultContentType, parts: []part{{text: defaultContentType}}},
		userAgent:   DefaultUserAgent, shaping: true,
	}
	c.endpoint.settings = emptySettings()
	c.delivery.clock = ClockTotal
	c.delivery.mode = hook.AtLeastOnce
}

func (l *loader) name(c *Contract, n *node) {
	c.Name = l.str(n)
	if n.kind == kindText && !validName(c.Name) {
		l.problemAt(n, fmt.Sprintf("%q cannot be the name of a contract.", c.Name), nameFix)
	}
}

const nameFix = "Use lower-case letters, digits, _ and -, at most 64, beginning with a letter."

func validName(s string) bool {
	for i, r := range []byte(s) {
		letter := 'a' <= r && r <= 'z'
		if !letter && (i == 0 || !('0' <= r && r <= '9' || r == '_' || r == '-')) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func (l *loader) delivery(c *Contract, n *node) {
	d := &c.delivery
	o := l.object(n, "delivery", keysOf["delivery"])
	if v := o.get("timeout"); v != nil {
		d.timeout = l.duration(v, time.Millisecond, hook.MaxTimeout)
	}
	if v := o.get("connect_timeout"); v != nil {
		d.connectTimeout = l.duration(v, time.Millisecond, hook.MaxTimeout)
	}
	if v := o.get("clock"); v != nil {
		d.clock = Clock(l.oneOf(v, string(ClockTotal), string(ClockResponse)))
	}
	if v := o.get("retry"); v != nil {
		d.retry = l.retry(v)
	}
	if v := o.get("mode"); v != nil {
		d.mode = hook.Mode(l.oneOf(v, string(hook.AtLeastOnce), string(hook.AtMostOnce)))
		if r := o.get("retry"); d.mode == hook.AtMostOnce && r != nil && len(d.retry) > 1 {
			l.problemAt(r, "What is sent at most once is never sent again.", "Write retry: none, or leave it out.")
		}
	}
	if v := o.get("success"); v != nil {
		d.success = l.condition(v, expr.Success())
	}
	if v := o.get("concurrency"); v != nil {
		d.concurrency = int(l.number(v, 1, hook.MaxConcurrency))
	}
	if v := o.get("per_second"); v != nil {
		d.perSecond = l.number(v, 0.001, MaxPerSecond)
	}
	if v := o.get("ordered"); v != nil {
		d.ordered = l.boolean(v)
	}
}

// retry reads none or a list of delays.
func (l *loader) retry(n *node) []time.Duration {
	if n.kind == kindText && n.text == "none" {
		return []time.Duration{0}
	}
	if n.kind != kindList || len(n.items) == 0 {
		l.problemAt(n, "retry is a list of delays, one before each attempt, the first included.", "Write for example [0s, 5s, 5m], or none for a single attempt.")
		return nil
	}
	if len(n.items) > hook.MaxRetries {
		l.problemAt(n, fmt.Sprintf("There are %d attempts; at most %d are possible.", len(n.items), hook.MaxRetries), "")
	}
	var out []time.Duration
	for _, item := range n.items {
		out = append(out, l.duration(item, 0, hook.MaxRetryDelay))
	}
	return out
}

// redact reads the paths of what must not be stored.
func (l *loader) redact(c *Contract, n *node) {
	for _, item := range l.list(n) {
		path, err := rawjson.ParsePath(l.str(item))
		if err != nil {
			l.problemAt(item, "This is not a path: "+err.Error()+".", "Write for example headers.authorization")
			continue
		}
		c.redact = append(c.redact, path)
	}
}

func (l *loader) docs(c *Contract, n *node) {
	o := l.object(n, "docs", Chapters)
	for _, chapter := range Chapters {
		if v := o.get(chapter); v != nil {
			c.docs[chapter] = l.text(v)
		}
	}
}

// assumed reads a mapping from paths to notes. A path names a key of the
// language, or something that stands in the file, so that none outlives what it
// is about.
func (l *loader) assumed(c *Contract, n *node) {
	if n.kind != kindMapping {
		l.problemAt(n, "assumed is a mapping from a place in this file to a note.", `Write for example: delivery.retry: {en: The document does not speak of retries.}`)
		return
	}
	for _, p := range n.pairs {
		segments, err := rawjson.ParsePath(p.key)
		if err != nil {
			l.problem(p.line, p.col, fmt.Sprintf("%s is not a path: %v.", p.key, err), "Write for example delivery.retry")
			continue
		}
		if !l.root.has(segments) && !l.language(segments) {
			l.problem(p.line, p.col, fmt.Sprintf("There is no %s in a contract.", p.key), oneWord(p.key))
			continue
		}
		c.assumed = append(c.assumed, Assumption{Path: p.key, Note: l.text(p.value)})
	}
}

// language reports whether a path names a key that could stand in this file.
func (l *loader) language(segments []string) bool {
	section := slices.Clone(segments[:len(segments)-1])
	if len(section) == 2 && keysOf[section[0]+".*"] != nil && l.root.has(section) {
		section[1] = "*"
	}
	return slices.Contains(keysOf[strings.Join(section, ".")], segments[len(segments)-1])
}

// oneWord suggests a path of the language.
func oneWord(path string) string {
	var known []string
	for section, keys := range keysOf {
		for _, k := range keys {
			known = append(known, rawjson.JoinPath(section, k))
		}
	}
	slices.Sort(known)
	if best, ok := nearest.Word(path, known); ok {
		return "Did you mean " + best + "?"
	}
	return "It names a place in this file, like delivery.retry or endpoint.method."
}

// has reports whether something stands at a path.
func (n *node) has(segments []string) bool {
	for _, s := range segments {
		switch {
		case n == nil:
			return false
		case n.kind == kindList:
			i, err := strconv.Atoi(s)
			if err != nil || i >= len(n.items) {
				return false
			}
			n = n.items[i]
		default:
			n = n.get(s)
		}
	}
	return n != nil
}

// example reads the example of an event type: JSON as a text, or the name of a
// file that holds it.
func (l *loader) example(n *node) []byte {
	if n.kind == kindMapping || n.kind == kindList {
		l.problemAt(n, "An example is JSON as a text, so that each byte of it is kept.", "Put it under example: |- or into a file, and name that.")
		return nil
	}
	text := strings.TrimSpace(l.str(n))
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		return []byte(text)
	}
	if l.fsys == nil {
		l.problemAt(n, fmt.Sprintf("The example %q is a file, and there are no files beside this contract.", text), "Write the JSON itself here, under example: |-")
		return nil
	}
	name := path.Join(path.Dir(l.file), text)
	b, err := fs.ReadFile(l.fsys, name)
	if err != nil {
		l.problemAt(n, fmt.Sprintf("The example %s cannot be used: %s.", name, fileError(err)), "Give the name relative to this contract.")
		return nil
	}
	b = []byte(strings.TrimRight(string(b), " \t\r\n"))
	l.inlined = append(l.inlined, inlined{n, b})
	return b
}

// fileError says why a file beside a contract cannot be read.
func fileError(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "there is no such file"
	}
	return "it cannot be read"
}
