package rawjson

import (
	"encoding/xml"
	"slices"
	"strings"
)

// Escape writes a value of a document, a token, as it stands in a text of another format. A token that is nil or null is
// an empty text, but in JSON it is null. It is safe for concurrent use.
type Escape func(token []byte) string

// escapes are the escapes by name, each a line in docs/contract-language.md.
var escapes = []struct {
	name   string
	escape Escape
}{
	{"xml", ofText(escapeXML)},
	{"url", ofText(escapeURL)},
	{"csv", ofText(escapeCSV)},
	{"json", escapeJSON},
	{"percent", ofText(escapePercent)},
	{"raw", ofText(func(text string) string { return text })},
}

// EscapeNamed is the escape of a name:
//
//	xml      text or an attribute of XML 1.0; U+FFFD takes the place of what XML cannot hold
//	url      a part of a URL (RFC 3986): letters, digits and -._~ stay, everything else is %XX
//	csv      a field of a line (RFC 4180): in quotes if it has a comma, a semicolon, a quote, a tab or a line break in it
//	json     a JSON value
//	percent  a header of CloudEvents: visible ASCII stays but for " and %, everything else is %XX
//	raw      the text as it is
func EscapeNamed(name string) (Escape, bool) {
	for _, e := range escapes {
		if e.name == name {
			return e.escape, true
		}
	}
	return nil, false
}

// EscapeNames lists the names of the escapes.
func EscapeNames() (names []string) {
	for _, e := range escapes {
		names = append(names, e.name)
	}
	return names
}

func ofText(escape func(string) string) Escape {
	return func(token []byte) string {
		if kind := KindOf(token); kind == 0 || kind == 'n' {
			return ""
		}
		return escape(Text(token))
	}
}

func escapeXML(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

func escapeURL(text string) string {
	return percentEncode(text, func(c byte) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
	})
}

func escapePercent(text string) string {
	return percentEncode(text, func(c byte) bool { return '!' <= c && c <= '~' && c != '"' && c != '%' })
}

func percentEncode(text string, stays func(byte) bool) string {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, len(text))
	for _, c := range []byte(text) {
		if stays(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(out)
}

func escapeCSV(text string) string {
	if !strings.ContainsAny(text, "\",;\t\r\n") && strings.TrimSpace(text) == text {
		return text
	}
	return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
}

func escapeJSON(token []byte) string {
	if KindOf(token) == 0 {
		return "null"
	}
	return string(token)
}

// Spellings are the ways in which the escapes write a text, without repetitions.
func Spellings(text string) (out []string) {
	token := Quote(text)
	for _, e := range escapes {
		out = append(out, strings.Trim(e.escape(token), `"`))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
