package rawjson

import (
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// Style decides between the ways in which JSON can write the same text. Each setting that
// is on is enforced. Whatever no setting decides stays as it is, so a document that is
// already in the style does not change.
//
// PHP's json_encode writes {ASCII, EscapeSlash, Compact} by default, and {RawUnicode,
// EscapeSlash, Compact} with JSON_UNESCAPED_UNICODE.
type Style struct {
	// ASCII writes each character beyond ASCII as \uXXXX in lower-case hex, or as two of
	// them (a surrogate pair) beyond the basic plane. RawUnicode writes it as UTF-8
	// instead, except U+2028 and U+2029, which stay as they are because writers disagree
	// about them. Both also change a \uXXXX for an ASCII character to what most writers
	// write: the character, its short escape, or lower-case hex. If both are on, ASCII
	// wins.
	ASCII, RawUnicode bool
	// EscapeSlash writes / as \/, PlainSlash writes \/ as /. EscapeSlash wins.
	EscapeSlash, PlainSlash bool
	// Compact removes white space between tokens.
	Compact bool
}

// errMalformed is returned for a text that [Check] refuses.
var errMalformed = errors.New("rawjson: not valid JSON")

// Restyle rewrites the strings of b, the names of members included, in a style. Numbers and
// the order of members stay, and without Compact also white space. If nothing has to
// change, it returns b itself; it never writes to b.
func Restyle(b []byte, s Style) ([]byte, error) {
	if s == (Style{}) {
		return b, nil
	}
	w := rewriter{src: b, style: s, watch: s.watch()}
	for i := 0; i < len(b); {
		switch c := b[i]; {
		case c == '"':
			end, err := w.str(i)
			if err != nil {
				return nil, err
			}
			i = end
		case s.Compact && space[c]:
			j := skipSpace(b, i)
			w.change(i, j, nil)
			i = j
		default:
			i++
		}
	}
	return w.done(), nil
}

// rewriter copies src up to each change. out stays nil until the first one.
type rewriter struct {
	src    []byte
	style  Style
	watch  *[256]bool // the bytes in strings that may have to change
	out    []byte
	copied int // src[:copied] is in out already, or replaced there
}

// change replaces src[from:to].
func (w *rewriter) change(from, to int, with []byte) {
	if w.out == nil {
		w.out = make([]byte, 0, len(w.src)+len(w.src)/8+16)
	}
	w.out = append(w.out, w.src[w.copied:from]...)
	w.out = append(w.out, with...)
	w.copied = to
}

func (w *rewriter) done() []byte {
	if w.out == nil {
		return w.src
	}
	return append(w.out, w.src[w.copied:]...)
}

// The watch tables, one for each class of styles, so that the scan of a string needs one
// load and one branch for each byte.
var watchTables = func() (t [4]*[256]bool) {
	for n := range t {
		var w [256]bool
		w['"'], w['\\'] = true, true
		if n&1 != 0 {
			w['/'] = true
		}
		if n&2 != 0 {
			for c := 0x80; c < 0x100; c++ {
				w[c] = true
			}
		}
		t[n] = &w
	}
	return t
}()

func (s Style) watch() *[256]bool {
	n := 0
	if s.EscapeSlash {
		n |= 1
	}
	if s.ASCII {
		n |= 2
	}
	return watchTables[n]
}

// str rewrites the string that starts at src[i] and returns the index after it.
func (w *rewriter) str(i int) (int, error) {
	var buf [12]byte
	for i++; i < len(w.src); {
		c := w.src[i]
		if !w.watch[c] {
			i++
			continue
		}
		switch {
		case c == '"':
			return i + 1, nil
		case c == '/':
			w.change(i, i+1, []byte(`\/`))
			i++
		case c == '\\':
			n, err := w.escape(i)
			if err != nil {
				return 0, err
			}
			i += n
		default: // beyond ASCII, and the style wants it escaped
			r, n := utf8.DecodeRune(w.src[i:])
			if r == utf8.RuneError && n <= 1 {
				return 0, errMalformed
			}
			w.change(i, i+n, appendHex(buf[:0], r))
			i += n
		}
	}
	return 0, errMalformed
}

// escape rewrites the escape at src[i] and returns its length.
func (w *rewriter) escape(i int) (int, error) {
	if i+1 >= len(w.src) {
		return 0, errMalformed
	}
	switch w.src[i+1] {
	case '/':
		if w.style.PlainSlash && !w.style.EscapeSlash {
			w.change(i, i+2, []byte{'/'})
		}
		return 2, nil
	case 'u':
	default:
		return 2, nil
	}
	r, n, ok := decodeHex(w.src[i:])
	if !ok {
		return 0, errMalformed
	}
	var buf [12]byte
	if want := w.spell(buf[:0], r); want != nil && string(want) != string(w.src[i:i+n]) {
		w.change(i, i+n, want)
	}
	return n, nil
}

// spell is how the style writes r, which is \uXXXX in the source; nil leaves it as it is.
func (w *rewriter) spell(buf []byte, r rune) []byte {
	switch {
	case r == '/' && w.style.EscapeSlash:
		return append(buf, '\\', '/')
	case r == '/' && w.style.PlainSlash:
		return append(buf, '/')
	case !w.style.ASCII && !w.style.RawUnicode:
		return nil
	case r < utf8.RuneSelf:
		return appendASCII(buf, byte(r))
	case w.style.ASCII, utf16.IsSurrogate(r): // half a pair has no UTF-8
		return appendHex(buf, r)
	case r == 0x2028, r == 0x2029:
		return nil
	}
	return utf8.AppendRune(buf, r)
}

// appendASCII writes an ASCII character in a string, as most writers do.
func appendASCII(buf []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(buf, '\\', c)
	case '\b':
		return append(buf, '\\', 'b')
	case '\f':
		return append(buf, '\\', 'f')
	case '\n':
		return append(buf, '\\', 'n')
	case '\r':
		return append(buf, '\\', 'r')
	case '\t':
		return append(buf, '\\', 't')
	}
	if c < ' ' {
		return appendHex(buf, rune(c))
	}
	return append(buf, c)
}

// appendHex writes r as \uXXXX, or as two of them beyond the basic plane.
func appendHex(buf []byte, r rune) []byte {
	if r > 0xffff {
		hi, lo := utf16.EncodeRune(r)
		return appendHex(appendHex(buf, hi), lo)
	}
	const digits = "0123456789abcdef"
	return append(buf, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}

// decodeHex reads \uXXXX, or a pair of them, at the start of b.
func decodeHex(b []byte) (r rune, n int, ok bool) {
	r, ok = hex4(b)
	if !ok {
		return 0, 0, false
	}
	if utf16.IsSurrogate(r) {
		if lo, ok := hex4(b[6:]); ok {
			if pair := utf16.DecodeRune(r, lo); pair != utf8.RuneError {
				return pair, 12, true
			}
		}
	}
	return r, 6, true
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
