package contract

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/nearest"
	"gancho/internal/rawjson"
	"gancho/internal/schema"
	"gancho/internal/template"
	"gancho/internal/yamlfile"
)

// Limits of a contract.
const (
	MaxSource = 1 << 20 // bytes of YAML, examples included
	anyEvent  = "*"
)

// Chapters are the chapters of the customer documentation to which a contract can add a
// text.
var Chapters = []string{"when", "where", "setup", "authentication", "fields", "answer", "retries", "receiver", "no_code", "troubleshooting"}

// Load reads a contract file and the example files that it names from fsys. Names are
// relative to the directory of the contract and cannot lead out of fsys.
func Load(fsys fs.FS, file string) (*Contract, error) {
	src, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, err
	}
	return parse(&loader{fsys: fsys}, file, src)
}

// Parse compiles a contract that needs no other files: its examples are in it. The
// Source of a loaded contract is always like that. file is its name for messages. The
// error is a *[Problems].
func Parse(file string, src []byte) (*Contract, error) { return parse(&loader{}, file, src) }

// ParseStored is [Parse] for what was accepted earlier, perhaps by a release that refused less: what can be left out
// without changing a delivery is left out, so that the contract stays in force.
func ParseStored(file string, src []byte) (*Contract, error) {
	return parse(&loader{stored: true}, file, src)
}

func parse(l *loader, file string, src []byte) (*Contract, error) {
	open := yamlfile.Open
	if l.stored {
		open = yamlfile.Reopen
	}
	f, root := open(file, src, MaxSource)
	f.Advice = advice
	c := &Contract{byName: map[string]int{}, docs: map[string]Text{}}
	if root != nil {
		l.File, l.root = f, root
		l.contract(c)
	}
	if err := f.Err(); err != nil {
		return nil, err
	}
	if !l.stored {
		c.newer = l.newerSpellings()
	}
	c.Source = f.Standalone()
	return c, nil
}

// loader fills in a Contract. It goes on after each problem, so that a person sees
// all of them at once.
type loader struct {
	*yamlfile.File
	fsys fs.FS // nil: no example files
	root *yamlfile.Node

	stored bool // it was accepted earlier, see [ParseStored]
}

// sections read the keys of the top level, in this order: a section comes before those
// that refer to it, and assumed, which may refer to all, comes late.
var sections = []struct {
	key  string
	read func(l *loader, c *Contract, n *yamlfile.Node)
}{
	{"contract", (*loader).contractName},
	{"title", func(l *loader, c *Contract, n *yamlfile.Node) { c.Title = l.Text(n) }},
	{"about", func(l *loader, c *Contract, n *yamlfile.Node) { c.About = l.Text(n) }},
	{"document", (*loader).documentURL},
	{"category", func(l *loader, c *Contract, n *yamlfile.Node) { c.Category = l.OneOf(n, Categories...) }},
	{"names", (*loader).names},
	{"credentials", (*loader).credentials},
	{"endpoint", (*loader).endpoint},
	{"records", (*loader).readRecords},
	{"events", (*loader).events},
	{"lookup", (*loader).readLookup},
	{"delivery", (*loader).delivery},
	{"redact", (*loader).redact},
	{"sensitive", (*loader).sensitive},
	{"seal_payloads", func(l *loader, c *Contract, n *yamlfile.Node) { c.seals = l.Bool(n) }},
	{"schema_on_post", func(l *loader, c *Contract, n *yamlfile.Node) { c.reports = l.OneOf(n, "refuse", "report") == "report" }},
	{"docs", (*loader).docs},
	{"assumed", (*loader).assumed},
	{"tests", (*loader).tests},
}

func (l *loader) contract(c *Contract) {
	root := l.root
	o := l.Object(root, "A contract", keysOf[""])
	for _, required := range []string{"contract", "title", "events"} {
		if o.Node != nil && o.Node.Get(required) == nil {
			fix := map[string]string{
				"contract": "Add a line like: contract: my-system",
				"title":    "Add a line like: title: {en: My system}",
				"events":   `Add the event types, for example: events: {order.paid: {title: {en: An order was paid}}}`,
			}[required]
			l.ProblemAt(root, "The contract has no "+strings.ReplaceAll(required, "contract", "name")+".", fix)
		}
	}
	l.defaults(c)
	for _, s := range sections {
		if n := o.Get(s.key); n != nil {
			s.read(l, c, n)
		}
	}
	c.noteRequests()
}

// defaults fills in the values of sections that are missing.
func (l *loader) defaults(c *Contract) {
	c.endpoint = endpoint{
		method: "POST", methods: []string{"POST"},
		contentType: template.Literal(defaultContentType),
		userAgent:   DefaultUserAgent, shaping: true,
	}
	c.endpoint.settings = schema.NoSettings()
	c.endpoint.ofTypes = l.ofTypes()
	c.delivery.clock = ClockTotal
	c.delivery.mode = hook.AtLeastOnce
}

// documentURL reads the address of the system's document. Pages make a link of it, and a link can be a script.
func (l *loader) documentURL(c *Contract, n *yamlfile.Node) {
	text := l.Str(n)
	if text != "" && !isPage(text) {
		if !l.stored {
			l.Problem(n.Line, n.Column, "The document is not the address of a web page.",
				"Write it as https://docs.example.com/webhooks, or leave the key out.")
		}
		return
	}
	c.Document = text
}

// isPage reports whether a text is the address of a web page, which a link may lead to.
func isPage(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}

func (l *loader) contractName(c *Contract, n *yamlfile.Node) {
	c.Name = l.Str(n)
	if n.Kind == yamlfile.KindText && !ValidName(c.Name) {
		l.ProblemAt(n, fmt.Sprintf("%q cannot be the name of a contract.", c.Name), nameFix)
	}
}

const nameFix = "Use lower-case letters, digits, _ and -, at most 64, beginning with a letter."

// ValidName reports whether a text can be the name of a contract.
func ValidName(s string) bool {
	for i, r := range []byte(s) {
		letter := 'a' <= r && r <= 'z'
		if !letter && (i == 0 || !('0' <= r && r <= '9' || r == '_' || r == '-')) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func (l *loader) delivery(c *Contract, n *yamlfile.Node) {
	d := &c.delivery
	o := l.Object(n, "delivery", keysOf["delivery"])
	if v := o.Get("timeout"); v != nil {
		d.timeout = l.Duration(v, time.Millisecond, hook.MaxTimeout)
	}
	if v := o.Get("connect_timeout"); v != nil {
		d.connectTimeout = l.Duration(v, time.Millisecond, hook.MaxTimeout)
	}
	if v := o.Get("clock"); v != nil {
		d.clock = Clock(l.OneOf(v, string(ClockTotal), string(ClockResponse)))
	}
	if v := o.Get("retry"); v != nil {
		d.retry = l.retry(v)
	}
	if v := o.Get("mode"); v != nil {
		d.mode = hook.Mode(l.OneOf(v, string(hook.AtLeastOnce), string(hook.AtMostOnce)))
		if r := o.Get("retry"); d.mode == hook.AtMostOnce && r != nil && len(d.retry) > 1 {
			l.ProblemAt(r, "In the mode at_most_once nothing is sent again, so there cannot be several attempts.", "Write retry: none, or leave it out.")
		}
	}
	if v := o.Get("success"); v != nil && !l.statusOnly(v) {
		d.success = template.ReadCondition(l.File, v, expr.Success())
	}
	d.rules = l.answerRules(o)
	if v := o.Get("give_up"); v != nil {
		d.giveUp = l.giveUp(v)
	}
	if v := o.Get("concurrency"); v != nil {
		d.concurrency = int(l.Number(v, 1, hook.MaxConcurrency))
	}
	if v := o.Get("per_second"); v != nil {
		d.perSecond = l.Number(v, minPerSecond, MaxPerSecond)
	}
	if v := o.Get("ordered"); v != nil {
		if d.strict = v.Kind == yamlfile.KindText && v.Text == "strict"; d.strict {
			d.ordered = true
			if d.mode == hook.AtMostOnce {
				l.ProblemAt(v, "In the mode at_most_once nothing is sent again, so nothing can hold the queue.", "Write ordered: true.")
			}
		} else {
			d.ordered = l.Bool(v)
		}
	}
	if v := o.Get("redirects"); v != nil {
		d.redirects = l.redirects(v, d.clock)
	}
	l.delay(c, o)
	if v := o.Get("batch"); v != nil {
		l.batch(c, v)
	}
	d.judgesBody = d.looksAtBody()
}

// retry reads a list of delays, or none.
func (l *loader) retry(n *yamlfile.Node) []time.Duration {
	if n.Kind == yamlfile.KindText && n.Text == "none" {
		return []time.Duration{0}
	}
	if n.Kind != yamlfile.KindList || len(n.Items) == 0 {
		l.ProblemAt(n, "retry is a list of delays, one before each attempt, the first included.", "Write for example [0s, 5s, 5m], or none for a single attempt.")
		return nil
	}
	if len(n.Items) > hook.MaxRetries {
		l.ProblemAt(n, fmt.Sprintf("There are %d attempts; at most %d are possible.", len(n.Items), hook.MaxRetries), "")
	}
	var out []time.Duration
	for _, item := range n.Items {
		out = append(out, l.Duration(item, 0, hook.MaxRetryDelay))
	}
	return out
}

// redact reads the paths of values that must not be stored.
func (l *loader) redact(c *Contract, n *yamlfile.Node) {
	for _, item := range l.List(n) {
		path, err := rawjson.ParsePath(l.Str(item))
		if err != nil {
			l.ProblemAt(item, "This is not a path: "+err.Error()+".", "Write for example headers.authorization")
			continue
		}
		c.redact = append(c.redact, path)
	}
}

// maxSensitive is how many paths a contract may list as sensitive. Each is looked for in every
// document that is shown.
const maxSensitive = 100

// sensitive reads where personal data is.
func (l *loader) sensitive(c *Contract, n *yamlfile.Node) {
	items := l.List(n)
	if len(items) > maxSensitive {
		l.ProblemAt(n, fmt.Sprintf("There are %d paths; at most %d are possible.", len(items), maxSensitive), "")
	}
	for _, item := range items {
		pattern, err := rawjson.ParsePattern(l.Str(item))
		if err != nil {
			l.ProblemAt(item, "This is not a path: "+err.Error()+".", "Write for example contact.email, items.*.phone or **.email")
			continue
		}
		c.sensitive, c.personal = append(c.sensitive, pattern), append(c.personal, l.Str(item))
	}
}

// assumed reads a mapping from paths to notes. A path has to name a key of the language
// or something in the file, so that a note cannot outlive the part that it is about.
func (l *loader) assumed(c *Contract, n *yamlfile.Node) {
	if n.Kind != yamlfile.KindMapping {
		l.ProblemAt(n, "assumed is a mapping from a place in this file to a note.", `Write for example: delivery.retry: {en: The document does not speak of retries.}`)
		return
	}
	for _, p := range n.Pairs {
		segments, err := rawjson.ParsePath(p.Key)
		if err != nil {
			l.Problem(p.Line, p.Column, fmt.Sprintf("%s is not a path: %v.", p.Key, err), "Write for example delivery.retry")
			continue
		}
		if !l.root.Has(segments) && !l.language(segments) {
			l.Problem(p.Line, p.Column, fmt.Sprintf("There is no %s in a contract.", p.Key), oneWord(p.Key))
			continue
		}
		c.assumed = append(c.assumed, Assumption{Path: p.Key, Note: l.Text(p.Value)})
	}
}

// language reports whether a path names a key that this file could have.
func (l *loader) language(segments []string) bool {
	section := slices.Clone(segments[:len(segments)-1])
	if len(section) == 2 && keysOf[section[0]+".*"] != nil && l.root.Has(section) {
		section[1] = "*"
	}
	return slices.Contains(keysOf[strings.Join(section, ".")], segments[len(segments)-1])
}

// oneWord says which path of the language may have been meant.
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

// example reads the example of an event type: JSON as a text, or the name of a file with
// it.
func (l *loader) example(n *yamlfile.Node) []byte {
	if n.Kind == yamlfile.KindMapping || n.Kind == yamlfile.KindList {
		l.ProblemAt(n, "An example is JSON as a text, so that each byte of it is kept.", "Put it under example: |- or into a file, and name that.")
		return nil
	}
	text := strings.TrimSpace(l.Str(n))
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		return []byte(text)
	}
	if l.fsys == nil {
		l.ProblemAt(n, fmt.Sprintf("The example %q is a file, and there are no files beside this contract.", text), "Write the JSON itself here, under example: |-")
		return nil
	}
	name := path.Join(path.Dir(l.Name), text)
	b, err := fs.ReadFile(l.fsys, name)
	if err != nil {
		l.ProblemAt(n, fmt.Sprintf("The example %s cannot be used: %s.", name, fileError(err)), "Give the name relative to this contract.")
		return nil
	}
	b = []byte(strings.TrimRight(string(b), " \t\r\n"))
	l.Inline(n, b)
	return b
}

// fileError says why a file beside a contract cannot be read.
func fileError(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "there is no such file"
	}
	return "it cannot be read"
}
