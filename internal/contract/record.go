package contract

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/schema"
	"gancho/internal/work"
	"gancho/internal/yamlfile"
)

// MaxRecordKey is how many bytes the key of a record can have.
const MaxRecordKey = 256

// RecordKind is one kind of record whose changes a contract makes events of.
type RecordKind struct {
	Kind   string
	Title  Text
	About  Text
	Key    string          // path to the key within a document
	Schema json.RawMessage // JSON Schema 2020-12 of a document; nil if there is none

	path     []string
	schema   *schema.Schema
	texts    schema.Texts // of Schema
	triggers []int        // indexes of the contract's event types that its changes can make
}

// SchemaIn is Schema with titles and descriptions in one language.
func (r *RecordKind) SchemaIn(language string) json.RawMessage { return r.texts.In(language) }

// Records lists the kinds of record in the order of the file.
func (c *Contract) Records() []RecordKind { return slices.Clone(c.records) }

// Record is the description of a kind of record.
func (c *Contract) Record(kind string) (RecordKind, bool) {
	if r := c.record(kind); r != nil {
		return *r, true
	}
	return RecordKind{}, false
}

func (c *Contract) record(kind string) *RecordKind {
	for i := range c.records {
		if c.records[i].Kind == kind {
			return &c.records[i]
		}
	}
	return nil
}

// ValidRecordKey reports whether a record can have this key: 1 to [MaxRecordKey] bytes of
// UTF-8 without control characters. Not every database can store other texts.
func ValidRecordKey(key string) bool {
	return key != "" && len(key) <= MaxRecordKey && utf8.ValidString(key) && !strings.ContainsFunc(key, isControl)
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

// KeyIn is the key of a document: a text, or the decimal text of a whole number. The
// error says what is wrong with the key, without capital and full stop.
func (r *RecordKind) KeyIn(doc []byte) (string, error) {
	token, _ := rawjson.Lookup(doc, r.path...)
	text := rawjson.Text(token)
	switch rawjson.KindOf(token) {
	case 0, 'n':
		return "", fmt.Errorf("the document has no %s, which is its key", r.Key)
	case '"':
		if text == "" || len(text) > MaxRecordKey {
			return "", fmt.Errorf("the key %s has %d bytes; it needs 1 to %d", r.Key, len(text), MaxRecordKey)
		}
		if strings.ContainsFunc(text, isControl) {
			return "", fmt.Errorf("the key %s has control characters in it", r.Key)
		}
		return text, nil
	case '0':
		if len(text) > MaxRecordKey || strings.ContainsAny(text, ".eE") {
			return "", fmt.Errorf("the key %s has to be a text or a whole number", r.Key)
		}
		return text, nil
	case '{', '[', 't', 'f':
	}
	return "", fmt.Errorf("the key %s has to be a text or a whole number", r.Key)
}

// KeyPointer is the JSON Pointer (RFC 6901) to the key in a document.
func (r *RecordKind) KeyPointer() string { return schema.Pointer(r.path...) }

// CheckRecord checks a document, which is valid JSON, against the schema of its kind, and
// that it has a key. Pointers begin at the document. The budget may be nil.
func (c *Contract) CheckRecord(b *work.Budget, kind string, doc []byte) []hook.FieldError {
	return c.checkRecord(kind, doc, func(s *schema.Schema) []hook.FieldError { return s.Check(b, doc) })
}

// Draft is the document of a record between two patches of one request, so that it is not read anew for each of them.
// The zero Draft has not read it.
type Draft struct {
	value schema.Value
	read  bool
}

// CheckPatched is CheckRecord for a document that was made by a JSON Merge Patch. The draft is that of the document
// before, or zero. If something is reported, the draft is of no use any more.
func (c *Contract) CheckPatched(b *work.Budget, kind string, doc, patch []byte, d *Draft) []hook.FieldError {
	return c.checkRecord(kind, doc, func(s *schema.Schema) (wrong []hook.FieldError) {
		if d.read {
			wrong = d.value.Patch(b, patch)
		} else {
			wrong = d.value.Read(b, doc)
		}
		d.read = true
		if wrong != nil {
			return wrong
		}
		return s.CheckValue(b, &d.value)
	})
}

func (c *Contract) checkRecord(kind string, doc []byte, check func(*schema.Schema) []hook.FieldError) []hook.FieldError {
	r := c.record(kind)
	if r == nil {
		return []hook.FieldError{c.NoRecord(kind)}
	}
	if rawjson.KindOf(doc) != '{' {
		return []hook.FieldError{hook.Field("", "record_no_object", "A record is a JSON object.")}
	}
	var out []hook.FieldError
	if r.schema != nil {
		out = check(r.schema)
	}
	at := r.KeyPointer()
	if _, err := r.KeyIn(doc); err != nil && !slices.ContainsFunc(out, func(f hook.FieldError) bool { return f.Pointer == at }) {
		out = append(out, hook.Field(at, "record_key_unusable", "{problem}.", "problem", capital(err.Error())))
	}
	return out
}

// capital begins a text as a sentence begins.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (c *Contract) kinds() []string {
	out := make([]string, len(c.records))
	for i, r := range c.records {
		out[i] = r.Kind
	}
	return out
}

// readRecords reads the section "records".
func (l *loader) readRecords(c *Contract, n *yamlfile.Node) {
	if n.Kind != yamlfile.KindMapping || len(n.Pairs) == 0 {
		l.ProblemAt(n, "records is a mapping from each kind of record to what is known of it.", "Write for example: records: {order: {title: {en: Order}, key: id}}")
		return
	}
	for _, p := range n.Pairs {
		if !ValidName(p.Key) {
			l.Problem(p.Line, p.Column, fmt.Sprintf("%q cannot name a kind of record.", p.Key), "Use lower-case letters, digits, _ and -, at most 64, beginning with a letter.")
		}
		c.records = append(c.records, l.readRecord(p))
	}
}

func (l *loader) readRecord(p yamlfile.Pair) RecordKind {
	r := RecordKind{Kind: p.Key}
	o := l.Object(p.Value, "The record "+p.Key, keysOf["records.*"])
	if v := o.Get("title"); v != nil {
		r.Title = l.Text(v)
	} else if o.Node != nil {
		l.Problem(p.Line, p.Column, fmt.Sprintf("The record %s has no title.", p.Key), "Add one: title: {en: Order}")
	}
	if v := o.Get("about"); v != nil {
		r.About = l.Text(v)
	}
	if v := o.Get("key"); v != nil {
		r.Key = l.Str(v)
		path, err := rawjson.ParsePath(r.Key)
		if err != nil && v.Kind == yamlfile.KindText {
			l.ProblemAt(v, "This is not a path: "+err.Error()+".", "Write for example: key: contact.id")
		}
		r.path = path
	} else if o.Node != nil {
		l.Problem(p.Line, p.Column, fmt.Sprintf("The record %s has no key.", p.Key), "Add the path to what identifies a record: key: id")
	}
	if v := o.Get("schema"); v != nil {
		r.texts, r.schema = schema.Read(l.File, v)
		r.Schema = r.texts.In(Languages[0])
	}
	return r
}
