package sign

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gancho/internal/nearest"
	"gancho/internal/rawjson"
)

// text is a template: literals and sources, some of them in brackets. It does not change.
type text []part

// part is one of the three: a literal, a source, or a group in brackets, which is left out if a source in it is absent.
type part struct {
	literal string
	source  *source
	group   text
}

// source is what stands between ${ and }.
type source struct {
	kind  kind
	name  string   // as it is written, without a function
	arg   string   // the name of a header, parameter or field
	path  []string // of kindJSON
	index int      // of kindSignature: which secret, from 1; 0: the newest, or all side by side
	call  *call    // of kindCall
}

// call is a function of texts, which stand in it one after the other.
type call struct {
	fn   func(string) string
	text text
}

type kind int

const (
	kindBody kind = iota + 1
	kindBodySHA256
	kindBodySHA256Base64
	kindBodyCRC32
	kindHost
	kindTimestamp
	kindNonce
	kindEventID
	kindKeyID
	kindURL
	kindURLDecoded
	kindPath
	kindQueryText
	kindQuerySorted
	kindQueryGrouped
	kindMethod
	kindSecret
	kindSortedForm
	kindSignature
	kindSignedHeaders
	kindSignedValues
	kindSignedNames
	kindCall
	kindHeader
	kindQuery
	kindForm
	kindJSON
	kindSetting
)

// sources are those without a name of somebody else in them, as people write them.
var sources = []struct {
	name string
	kind kind
}{
	{"body", kindBody},
	{"body.sha256", kindBodySHA256},
	{"body.sha256.base64", kindBodySHA256Base64},
	{"body.crc32", kindBodyCRC32},
	{"host", kindHost},
	{"timestamp", kindTimestamp},
	{"event.id", kindEventID},
	{"key.id", kindKeyID},
	{"nonce", kindNonce},
	{"secret", kindSecret},
	{"method", kindMethod},
	{"url", kindURL},
	{"url.decoded", kindURLDecoded},
	{"path", kindPath},
	{"query", kindQueryText},
	{"url.query.sorted", kindQuerySorted},
	{"url.query.grouped", kindQueryGrouped},
	{"form.sorted", kindSortedForm},
	{"signed.headers", kindSignedHeaders},
	{"signed.values", kindSignedValues},
	{"signed.names", kindSignedNames},
	{"signature", kindSignature},
}

// families are the sources that go on with a name.
var families = []struct {
	prefix, example string
	kind            kind
}{
	{"header.", "header.x-request-id", kindHeader},
	{"query.", "query.id", kindQuery},
	{"form.", "form.payload", kindForm},
	{"json.", "json.data.id", kindJSON},
	{"settings.", "settings.app_id", kindSetting},
}

// maxText is how long a template can be, and maxSignatureIndex which secret a template can name.
const (
	maxText           = 4 << 10
	maxSignatureIndex = 5
)

// parseText parses a template.
func parseText(s string) (text, error) {
	if len(s) > maxText {
		return nil, fmt.Errorf("the text has %d bytes; at most %d are possible", len(s), maxText)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
		return nil, errorf("the text has a character that cannot be seen")
	}
	p := parser{rest: s}
	t, err := p.text(false)
	if err != nil {
		return nil, err
	}
	return t, nil
}

type parser struct{ rest string }

func (p *parser) text(inGroup bool) (t text, err error) {
	literal := func(s string) {
		if n := len(t); n > 0 && t[n-1].literal != "" {
			t[n-1].literal += s
		} else if s != "" {
			t = append(t, part{literal: s})
		}
	}
	for p.rest != "" {
		switch i := strings.IndexAny(p.rest, "$[]"); {
		case i < 0:
			literal(p.rest)
			p.rest = ""
		case i > 0:
			literal(p.rest[:i])
			p.rest = p.rest[i:]
		case strings.HasPrefix(p.rest, "$${"):
			literal("${")
			p.rest = p.rest[3:]
		case strings.HasPrefix(p.rest, "$["), strings.HasPrefix(p.rest, "$]"):
			literal(p.rest[1:2])
			p.rest = p.rest[2:]
		case strings.HasPrefix(p.rest, "${"):
			inner, after, ok := strings.Cut(p.rest[2:], "}")
			if !ok {
				return nil, errorf("${ is not closed by }; $${ stands for a plain ${")
			}
			s, err := parseSource(strings.TrimSpace(inner))
			if err != nil {
				return nil, err
			}
			t, p.rest = append(t, part{source: s}), after
		case p.rest[0] == '$':
			literal("$")
			p.rest = p.rest[1:]
		case p.rest[0] == ']':
			if !inGroup {
				return nil, errorf("a ] closes nothing; $] stands for a plain ]")
			}
			p.rest = p.rest[1:]
			return t, nil
		case inGroup:
			return nil, errorf("a [ stands inside brackets; $[ stands for a plain [")
		default:
			p.rest = p.rest[1:]
			g, err := p.text(true)
			if err != nil {
				return nil, err
			}
			if !slices.ContainsFunc(g, func(q part) bool { return q.source != nil }) {
				return nil, errorf("between [ and ] stands no ${…}, so it would never be left out; $[ and $] stand for plain brackets")
			}
			t = append(t, part{group: g})
		}
	}
	if inGroup {
		return nil, errorf("a [ is not closed by ]; $[ stands for a plain [")
	}
	return t, nil
}

// errorf makes an error whose text is for people.
func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

func parseSource(s string) (*source, error) {
	if strings.Contains(s, "(") {
		return parseCall(s)
	}
	out := &source{name: s}
	if n, ok := strings.CutPrefix(out.name, "signature."); ok {
		i, err := strconv.Atoi(n)
		if err != nil || i < 1 || i > maxSignatureIndex {
			return nil, errorf("${%s} does not exist; ${signature.1} to ${signature.%d} are the signatures of the newest secret and of those before it", s, maxSignatureIndex)
		}
		out.kind, out.index = kindSignature, i
		return out, nil
	}
	for _, x := range sources {
		if x.name == out.name {
			out.kind = x.kind
			return out, nil
		}
	}
	for _, f := range families {
		arg, ok := strings.CutPrefix(out.name, f.prefix)
		if !ok {
			continue
		}
		out.kind, out.arg = f.kind, arg
		if arg == "" {
			return nil, errorf("${%s} needs a name, for example ${%s}", s, f.example)
		}
		if f.kind == kindJSON || f.kind == kindSetting {
			path, err := rawjson.ParsePath(arg)
			if err != nil {
				return nil, errorf("${%s} cannot be read: %w", s, err)
			}
			out.path = path
		}
		return out, nil
	}
	return nil, errorf("there is no ${%s}.%s", s, meant(out.name))
}

// meant says which source somebody probably meant.
func meant(name string) string {
	if rest, ok := strings.CutPrefix(name, "payload."); ok {
		return " Did you mean ${json." + rest + "}, a value in the body?"
	}
	if head, rest, _ := strings.Cut(name, "."); rest != "" {
		var heads []string
		for _, f := range families {
			heads = append(heads, strings.TrimSuffix(f.prefix, "."))
		}
		if best, ok := nearest.Word(head, heads); ok {
			return " Did you mean ${" + best + "." + rest + "}?"
		}
	}
	var names []string
	for _, x := range sources {
		names = append(names, x.name)
	}
	if best, ok := nearest.Word(name, names); ok {
		return " Did you mean ${" + best + "}?"
	}
	for _, f := range families {
		names = append(names, f.prefix+"NAME")
	}
	return " Possible: " + strings.Join(names, ", ") + "."
}

// each calls fn for each source, those inside functions as well, and says whether it stands in brackets.
func (t text) each(fn func(s *source, optional bool)) {
	for _, p := range t {
		switch {
		case p.source == nil:
		case p.source.kind == kindCall:
			p.source.call.text.each(fn)
		default:
			fn(p.source, false)
		}
		p.group.each(func(s *source, _ bool) { fn(s, true) })
	}
}

// has reports whether the text has a source of one of the kinds.
func (t text) has(kinds ...kind) (found bool) {
	t.each(func(s *source, _ bool) { found = found || slices.Contains(kinds, s.kind) })
	return found
}

// values are what the sources of one request stand for.
type values struct {
	m         *Message
	strip     []string // parameters of the query that hold the signature, and are not signed
	timestamp string
	nonce     string
	id        string
	keyID     string
	secret    string
	signature []string // of the newest secret, then of older ones
	names     string   // of the headers that are signed because they are listed
	headers   string   // what is signed of them, with their names
	contents  string   // likewise, without
	form      url.Values
	malformed bool // the form in the body, of which form has what can be read
}

// append appends the text with its sources filled in. If one is absent, it returns that source and dst as it was.
func (t text) append(dst []byte, v *values) ([]byte, *source) {
	begin := len(dst)
	for _, p := range t {
		switch {
		case p.source == nil && p.group == nil:
			dst = append(dst, p.literal...)
		case p.group != nil:
			dst, _ = p.group.append(dst, v)
		case p.source.kind == kindBody:
			dst = append(dst, v.m.Body...)
		case p.source.kind == kindCall:
			s, absent := p.source.call.text.render(v)
			if absent != nil {
				return dst[:begin], absent
			}
			dst = append(dst, p.source.call.fn(s)...)
		default:
			s, ok := v.get(p.source)
			if !ok {
				return dst[:begin], p.source
			}
			dst = append(dst, s...)
		}
	}
	return dst, nil
}

// render is append for a text of its own.
func (t text) render(v *values) (string, *source) {
	b, absent := t.append(nil, v)
	return string(b), absent
}

// get is the value of a source, false if the request does not have it.
func (v *values) get(s *source) (string, bool) {
	known := func(s string) (string, bool) { return s, s != "" }
	switch s.kind {
	case kindBody:
		return string(v.m.Body), true
	case kindBodySHA256:
		sum := sha256.Sum256(v.m.Body)
		return hex.EncodeToString(sum[:]), true
	case kindBodySHA256Base64:
		sum := sha256.Sum256(v.m.Body)
		return base64.StdEncoding.EncodeToString(sum[:]), true
	case kindBodyCRC32:
		return strconv.FormatUint(uint64(crc32.ChecksumIEEE(v.m.Body)), 10), true
	case kindHost:
		return known(hostOf(v.m.URL))
	case kindTimestamp:
		return known(v.timestamp)
	case kindNonce:
		return known(v.nonce)
	case kindEventID:
		return known(v.id)
	case kindKeyID:
		return known(v.keyID)
	case kindSecret:
		return known(v.secret)
	case kindMethod:
		return v.m.Method, true
	case kindURL:
		return withoutParameters(wireURL(v.m.URL), v.strip), true
	case kindURLDecoded:
		return decodeSome(withoutParameters(wireURL(v.m.URL), v.strip)), true
	case kindPath:
		return pathOf(v.m.URL), true
	case kindQueryText:
		_, query, ok := strings.Cut(withoutParameters(wireURL(v.m.URL), v.strip), "?")
		return query, ok
	case kindQuerySorted, kindQueryGrouped:
		return canonicalQuery(withoutParameters(wireURL(v.m.URL), v.strip), s.kind == kindQueryGrouped), true
	case kindSignedNames:
		return known(v.names)
	case kindSignedHeaders:
		return known(v.headers)
	case kindSignedValues:
		return v.contents, v.names != ""
	case kindSortedForm:
		return sortedForm(v.fields()), true
	case kindSignature:
		if i := max(s.index, 1); i <= len(v.signature) {
			return v.signature[i-1], true
		}
		return "", false
	case kindHeader:
		return v.header(s.arg)
	case kindQuery:
		values := parameters(v.m.URL, s.arg)
		if len(values) == 0 {
			return "", false
		}
		return values[0], true
	case kindForm:
		values := v.fields()[s.arg]
		if len(values) == 0 {
			return "", false
		}
		return values[0], true
	case kindSetting:
		return jsonText(v.m.Settings, s.path)
	default: // kindJSON
		return jsonText(v.m.Body, s.path)
	}
}

// header is the value of a header. If there are several lines of it, they count as one, joined by commas (RFC 9110,
// 5.3): somebody who adds a line in front of the signed one does not get by.
func (v *values) header(name string) (string, bool) {
	lines := headerLines(v.m, name)
	return strings.Join(lines, ", "), len(lines) > 0
}

func headerLines(m *Message, name string) (lines []string) {
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			lines = append(lines, h.Value)
		}
	}
	return lines
}

// fields are those of the form in the body, none if the body is no form.
func (v *values) fields() url.Values {
	if v.form == nil {
		v.form = url.Values{}
		if isForm(v.m) {
			var err error
			v.form, err = url.ParseQuery(string(v.m.Body))
			v.malformed = err != nil
		}
	}
	return v.form
}

func isForm(m *Message) bool {
	kind, _ := m.Header("Content-Type")
	kind, _, _ = strings.Cut(kind, ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded")
}

// sortedForm is the names of the fields in their order, each with its values, in their order and without repetitions.
func sortedForm(form url.Values) string {
	var names []string
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			b.WriteString(name)
			b.WriteString(value)
		}
	}
	return b.String()
}

// jsonText is the text of a value in a JSON document, false if it is absent or null, or the body is no JSON.
func jsonText(body []byte, path []string) (string, bool) {
	if rawjson.Check(body, rawjson.MaxDepth) != nil {
		return "", false
	}
	token, ok := rawjson.Lookup(body, path...)
	if !ok || rawjson.KindOf(token) == 'n' {
		return "", false
	}
	return rawjson.Text(token), true
}

// wireURL is a URL as the receiver sees it: a path that is empty is /, and characters that a URL cannot have are
// escaped.
func wireURL(s string) string {
	plain := strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("\"<>\\^`{|}#", c) }) < 0
	if _, rest, ok := strings.Cut(s, "://"); plain && ok && strings.Contains(rest, "/") && !strings.Contains(rest[:strings.Index(rest, "/")], "?") {
		return s
	}
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	if u.Path == "" && u.Host != "" {
		u.Path = "/"
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String()
}

// hostOf is the host of an address, with its port if it is not the usual one.
func hostOf(address string) string {
	_, rest, _ := strings.Cut(wireURL(address), "://")
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

func pathOf(address string) string {
	_, rest, _ := strings.Cut(wireURL(address), "://")
	path, _, _ := strings.Cut(rest[max(0, strings.IndexByte(rest, '/')):], "?")
	return path
}

// parameters are the values of a parameter of the query.
func parameters(address, name string) (values []string) {
	_, query, _ := strings.Cut(address, "?")
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if key, _ := url.QueryUnescape(key); key != name { // one that is malformed is "", and nobody signs that
			continue
		}
		if value, err := url.QueryUnescape(value); err == nil {
			values = append(values, value)
		}
	}
	return values
}

// withoutParameters removes parameters from the query. What is left keeps its bytes.
func withoutParameters(address string, names []string) string {
	base, query, _ := strings.Cut(address, "?")
	if len(names) == 0 {
		return address
	}
	var keep []string
	for pair := range strings.SplitSeq(query, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if key, _ := url.QueryUnescape(key); slices.Contains(names, key) { // one that is malformed is ""
			continue
		}
		keep = append(keep, pair)
	}
	if query = strings.Join(keep, "&"); query == "" {
		return base
	}
	return base + "?" + query
}

// withParameter puts a parameter at the end of the query, in the place of others of its name.
func withParameter(address, name, value string) string {
	address = withoutParameters(address, []string{name})
	switch {
	case !strings.Contains(address, "?"):
		address += "?"
	case !strings.HasSuffix(address, "?"):
		address += "&"
	}
	return address + url.QueryEscape(name) + "=" + url.QueryEscape(value)
}

// decodeSome decodes the escapes of ten characters that have no special meaning where they stand escaped, and of : and /.
func decodeSome(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	const plain = ":/?@!$'()*,;"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, _ := strconv.ParseUint(s[i+1:i+3], 16, 8); strings.IndexByte(plain, byte(n)) >= 0 {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// withField puts a field into the form that a body is, in the place of others of its name.
func withField(body []byte, name, value string) []byte {
	out := withParameter("?"+string(body), name, value)
	return []byte(strings.TrimPrefix(out, "?"))
}

// withMember puts a text into a JSON object, in the place of what is there. Everything else keeps its bytes. It is false
// if there is no object to put it into.
func withMember(body []byte, path []string, value string) ([]byte, bool) {
	if rawjson.KindOf(body) != '{' {
		return nil, false
	}
	token := rawjson.Quote(value)
	for i := len(path) - 1; i > 0; i-- {
		token = slices.Concat([]byte("{"), rawjson.Quote(path[i]), []byte(":"), token, []byte("}"))
		if inner, _ := rawjson.Lookup(body, path[:i]...); rawjson.KindOf(inner) == '{' {
			inner, _ = withMember(inner, path[i:], value)
			return rawjson.Replace(body, inner, path[:i]...), true
		}
	}
	if _, ok := rawjson.Lookup(body, path[0]); ok {
		return rawjson.Replace(body, token, path[0]), true
	}
	end := bytes.LastIndexByte(body, '}')
	out := slices.Clone(body[:end])
	if len(rawjson.Members(body)) > 0 {
		out = append(out, ',')
	}
	return slices.Concat(out, rawjson.Quote(path[0]), []byte(":"), token, body[end:]), true
}

// pattern is a regular expression for what the text can look like, with a group for each source that a receiver reads
// back. It matches in linear time, whatever a stranger sends.
func (t text) pattern(enc *encoding, groups *[]kind) string {
	var b strings.Builder
	for _, p := range t {
		switch {
		case p.group != nil:
			fmt.Fprintf(&b, "(?:%s)?", p.group.pattern(enc, groups))
		case p.source == nil:
			b.WriteString(regexp.QuoteMeta(p.literal))
		case p.source.kind == kindSignature:
			*groups = append(*groups, kindSignature)
			fmt.Fprintf(&b, "(%s+=*)", enc.class)
		case p.source.kind == kindTimestamp:
			*groups = append(*groups, kindTimestamp)
			b.WriteString(`([0-9A-Za-z:.+-]+|[A-Z][a-z][a-z], [0-9A-Za-z: ]+)`)
		case p.source.kind == kindNonce, p.source.kind == kindEventID, p.source.kind == kindKeyID:
			*groups = append(*groups, p.source.kind)
			b.WriteString(`([!-~]+)`)
		case p.source.kind == kindSignedNames:
			*groups = append(*groups, kindSignedNames)
			b.WriteString(`([!-~ ]+)`)
		default:
			b.WriteString(`[^\n]*`)
		}
	}
	return b.String()
}

// same compares texts in constant time.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
