// Package answer makes receivers' answers readable. The history keeps the bytes of an answer as they came, so a
// compressed one, or one in another charset than UTF-8, has to be decoded before a person can read it, and before
// anybody can find a secret in it.
//
// It promises that a body is decompressed to [MaxText] bytes at most, and to [MaxJudged] for a rule that judges it,
// however many its bytes stand for. Damaged bytes are no failure: what can be read of them is read. The package is pure.
package answer

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"mime"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/andybalholm/brotli"
	"golang.org/x/net/html/charset"

	"gancho/internal/hook"
)

// How many bytes are read of a body that was decompressed: for people, and for a rule that judges the answer.
const (
	MaxText   = 64 << 10
	MaxJudged = 256 << 10
)

// maxCodings is how many codings of a body are undone. One is usual.
const maxCodings = 3

// Body is the body of an answer as people can read it.
type Body struct {
	// Bytes are in UTF-8 if the body is a text. Of another body, such as an image, only the compression is undone.
	Bytes []byte
	// Truncated says that there is more than Bytes: the answer was truncated, or stands for more than [MaxText], or is
	// damaged.
	Truncated bool
	// Cut says that the answer stands for more than [MaxText], so nobody looked at what follows.
	Cut bool

	codings []string // that were undone, the first applied first
	charset string   // that was undone; "": none
}

// Opaque reports whether the body of an answer is in a coding that is not known here. [Read] leaves it as it came.
func Opaque(r *hook.Response) bool {
	_, known := codingsOf(r.Headers)
	return !known
}

// Read reads the body of an answer. It does not change r; Bytes may be those of r.
func Read(r *hook.Response) Body { return read(r.Headers, r.Body, r.Truncated, MaxText) }

// Judged is the body of an answer as a rule sees it: all that was read of it, up to [MaxJudged] bytes, without a byte
// order mark. whole says that the receiver sent no more, and that nothing of it is damaged.
func Judged(r *hook.Response) (text []byte, whole bool) {
	body, whole := r.All()
	b := read(r.Headers, body, !whole, MaxJudged)
	return bytes.TrimPrefix(b.Bytes, []byte("\ufeff")), !b.Truncated
}

func read(headers []hook.Header, body []byte, truncated bool, limit int) Body {
	b := Body{Bytes: body, Truncated: truncated}
	contentType := value(headers, "Content-Type")
	codings, known := codingsOf(headers)
	if !known || len(body) == 0 {
		return b
	}
	for _, coding := range slices.Backward(codings) { // the last one was applied last
		body, whole, ok := decompress(coding, b.Bytes, limit)
		if !ok {
			break // the header is wrong: the body is not compressed
		}
		b.Bytes, b.Truncated = body, b.Truncated || !whole
		b.Cut = b.Cut || !whole && len(body) == limit
		b.codings = slices.Insert(b.codings, 0, coding)
	}
	if b.charset = charsetOf(contentType, b.Bytes, b.Truncated); b.charset != "" {
		e, _ := charset.Lookup(b.charset)
		if text, err := e.NewDecoder().Bytes(b.Bytes); err == nil {
			b.Bytes = text
		} else {
			b.charset = ""
		}
	}
	if b.Truncated {
		b.Bytes = cutRune(b.Bytes)
	}
	return b
}

// Encode is a text in the charset and the compression that the body came in, so that it stays true to the answer's
// headers.
func (b Body) Encode(text []byte) []byte {
	if b.charset != "" {
		e, _ := charset.Lookup(b.charset)
		if coded, err := e.NewEncoder().Bytes(text); err == nil {
			text = coded
		}
	}
	for _, coding := range b.codings {
		text = compress(coding, text)
	}
	return text
}

// value is the value of a header, "" if there is none.
func value(headers []hook.Header, name string) string {
	for _, h := range headers {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// The codings that are known, in lower case (RFC 9110 section 8.4.1).
const (
	codingGzip    = "gzip"
	codingXGzip   = "x-gzip"
	codingDeflate = "deflate"
	codingBrotli  = "br"
	codingZstd    = "zstd"
)

// codingsOf lists what Content-Encoding says, the first applied first. known is false if one is not known here.
func codingsOf(headers []hook.Header) (list []string, known bool) {
	for _, h := range headers {
		if !strings.EqualFold(h.Name, "Content-Encoding") {
			continue
		}
		for coding := range strings.SplitSeq(h.Value, ",") {
			switch coding = strings.ToLower(strings.TrimSpace(coding)); coding {
			case "", "identity":
			case codingGzip, codingXGzip, codingDeflate, codingBrotli, codingZstd:
				list = append(list, coding)
			default:
				return nil, false
			}
		}
	}
	return list, len(list) <= maxCodings
}

// decompress undoes a coding, and reads up to limit bytes. whole is false if there is more, or if the bytes are damaged. ok is false if they are not
// compressed. What the bytes are counts more than what the header calls them, because senders confuse the names.
func decompress(coding string, body []byte, limit int) (out []byte, whole, ok bool) {
	switch coding {
	case codingBrotli, codingZstd:
		if out, whole = readWindowed(coding, body, limit); whole || len(out) > 0 && !isPlain(body) {
			return out, whole, true
		}
	}
	if r, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
		out, whole = readUpTo(r, limit)
		return out, whole, true
	}
	if r, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
		if out, whole = readUpTo(r, limit); len(out) > 0 || whole {
			return out, whole, true
		}
	}
	switch coding {
	case codingGzip, codingXGzip:
		return nil, false, false
	case codingBrotli, codingZstd: // of other bytes than a text nobody knows what is in them, so nothing of them is read
		return nil, false, !isPlain(body)
	}
	out, whole = readUpTo(flate.NewReader(bufio.NewReader(bytes.NewReader(body))), limit)
	if !whole && (len(out) == 0 || isPlain(body)) { // any text may begin like deflated bytes
		return nil, false, false
	}
	return out, whole, true
}

// isPlain reports whether a body that may be cut off is a text in UTF-8, so that it is hardly compressed.
func isPlain(body []byte) bool { return utf8.Valid(cutRune(body)) }

// readUpTo reads up to limit bytes. whole is true if these are all, and undamaged.
func readUpTo(r io.Reader, limit int) (out []byte, whole bool) {
	out, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if len(out) > limit {
		return out[:limit], false
	}
	return out, err == nil
}

func compress(coding string, body []byte) []byte {
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case codingZstd:
		return zstdEncoder().EncodeAll(body, nil)
	case codingBrotli:
		w = brotli.NewWriterLevel(&b, brotli.BestSpeed)
	case codingDeflate:
		w = zlib.NewWriter(&b)
	default:
		w = gzip.NewWriter(&b)
	}
	_, _ = w.Write(body) // a bytes.Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

const utf8Name = "utf-8"

// charsetOf is the charset of a text that has to be decoded, "" if the body is in UTF-8 or no text. A text that does
// not say its charset, and is not in UTF-8, is in the one that its byte order mark or its HTML names, or in
// windows-1252.
func charsetOf(contentType string, body []byte, cut bool) string {
	if cut {
		body = cutRune(body)
	}
	valid := utf8.Valid(body)
	lower := strings.ToLower(contentType)
	if valid && (!strings.Contains(lower, "charset") || strings.HasSuffix(lower, utf8Name)) {
		return "" // nearly all answers
	}
	media, params, _ := mime.ParseMediaType(contentType)
	_, name := charset.Lookup(params["charset"])
	if name == "" && (valid || !isText(media) && !(media == "" && hasMark(body)) || bytes.IndexByte(body, 0) >= 0 && !hasMark(body)) {
		return ""
	}
	_, name, _ = charset.DetermineEncoding(body, contentType)
	switch {
	case name == utf8Name, name == "replacement": // the latter stands for charsets that browsers refuse
		return ""
	case valid && (strings.HasPrefix(name, "windows-") || strings.HasPrefix(name, "iso-8859-")):
		return "" // one byte for each character; who says so and sends valid UTF-8 did not mean it, or sends ASCII
	}
	return name
}

// hasMark reports whether a body begins with the byte order mark of UTF-16.
func hasMark(body []byte) bool {
	return bytes.HasPrefix(body, []byte("\xfe\xff")) || bytes.HasPrefix(body, []byte("\xff\xfe"))
}

// isText reports whether a media type is one of texts.
func isText(media string) bool {
	return strings.HasPrefix(media, "text/") || media == "application/x-www-form-urlencoded" ||
		strings.HasSuffix(media, "json") || strings.HasSuffix(media, "xml") || strings.HasSuffix(media, "javascript")
}

// cutRune is b without a character in UTF-8 at its end that was cut off.
func cutRune(b []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-n:]) {
				return b[:len(b)-n]
			}
			break
		}
	}
	return b
}
