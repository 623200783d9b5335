package answer

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/net/html/charset"

	"gancho/internal/hook"
)

// packed is a text as a writer packs it.
func packed(t *testing.T, w func(io.Writer) io.WriteCloser, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := w(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }

func zlibbed(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }

func deflated(w io.Writer) io.WriteCloser {
	z, _ := flate.NewWriter(w, flate.DefaultCompression)
	return z
}

func brotlied(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) }

func zstded(w io.Writer) io.WriteCloser {
	z, _ := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	return z
}

// in is a text in a charset.
func in(t *testing.T, name, text string) string {
	t.Helper()
	e, _ := charset.Lookup(name)
	out, err := e.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func response(contentType, coding, body string) *hook.Response {
	r := &hook.Response{Status: 200, Body: []byte(body)}
	if contentType != "" {
		r.Headers = append(r.Headers, hook.Header{Name: "content-type", Value: contentType})
	}
	if coding != "" {
		r.Headers = append(r.Headers, hook.Header{Name: "CONTENT-ENCODING", Value: coding})
	}
	return r
}

func TestRead(t *testing.T) {
	t.Parallel()
	const text = `{"error":"la dirección no está, señor — Ñandú"}`
	const latin = "la dirección no está, señor: Ñandú"
	const image = "\x89PNG\r\n\x1a\n\x00\x00\xff\xfe"
	for name, c := range map[string]struct{ contentType, coding, body, want string }{
		"plain":                              {"application/json", "", text, text},
		"nothing":                            {"", "gzip", "", ""},
		"identity":                           {"", "identity", text, text},
		"gzip":                               {"", "gzip", packed(t, gzipped, text), text},
		"x-gzip":                             {"", "X-GZip", packed(t, gzipped, text), text},
		"deflate as the standard says":       {"", "deflate", packed(t, zlibbed, text), text},
		"deflate as some servers do":         {"", "deflate", packed(t, deflated, text), text},
		"gzip called deflate":                {"", "deflate", packed(t, gzipped, text), text},
		"zlib called gzip":                   {"", "gzip", packed(t, zlibbed, text), text},
		"two codings":                        {"", "deflate, gzip", packed(t, gzipped, packed(t, zlibbed, text)), text},
		"brotli":                             {"", "BR", packed(t, brotlied, text), text},
		"zstd":                               {"", "zstd", packed(t, zstded, text), text},
		"zstd, brotli and gzip":              {"", "zstd, br, gzip", packed(t, gzipped, packed(t, brotlied, packed(t, zstded, text))), text},
		"latin1 in brotli":                   {"text/html; charset=iso-8859-1", "br", packed(t, brotlied, in(t, "iso-8859-1", latin)), latin},
		"latin1 in zstd":                     {"text/html; charset=iso-8859-1", "zstd", packed(t, zstded, in(t, "iso-8859-1", latin)), latin},
		"gzip called br":                     {"", "br", packed(t, gzipped, text), text},
		"gzip called zstd":                   {"", "zstd", packed(t, gzipped, text), text},
		"text called br":                     {"", "br", text, text},
		"text called zstd":                   {"", "zstd", text, text},
		"text called gzip":                   {"", "gzip", text, text},
		"text called deflate":                {"", "deflate", text, text},
		"JSON called deflate":                {"", "deflate", `{"a":"` + strings.Repeat("x", 300) + `"}`, `{"a":"` + strings.Repeat("x", 300) + `"}`},
		"latin1":                             {"text/plain; charset=ISO-8859-1", "", in(t, "iso-8859-1", latin), latin},
		"windows-1252":                       {"text/plain;charset=windows-1252", "", "\x80 5", "€ 5"},
		"UTF-8 called latin1":                {"text/plain; charset=iso-8859-1", "", text, text},
		"utf-16 with a mark":                 {"text/plain; charset=utf-16", "", "\xfe\xff" + in(t, "utf-16be", "señor"), "\ufeffseñor"},
		"utf-16, ASCII bytes only":           {"text/plain; charset=utf-16le", "", in(t, "utf-16le", "中"), "中"},
		"shift_jis":                          {"text/html; charset=\"Shift_JIS\"", "", in(t, "shift_jis", "エラー"), "エラー"},
		"iso-2022-jp":                        {"text/html; charset=iso-2022-jp", "", in(t, "iso-2022-jp", "エラー"), "エラー"},
		"latin1, packed":                     {"text/html; charset=iso-8859-1", "gzip", packed(t, gzipped, in(t, "iso-8859-1", latin)), latin},
		"JSON that does not say its charset": {"application/json", "", in(t, "iso-8859-1", latin), latin},
		"a page that says its charset":       {"text/html", "", `<meta charset="koi8-r">` + in(t, "koi8-r", "Ошибка"), `<meta charset="koi8-r">Ошибка`},
		"unknown charset":                    {"text/plain; charset=klingon", "", text, text},
		"not even UTF-8, as it says":         {"text/plain; charset=utf-8", "", "no\xff", "no\xff"},
		"image":                              {"image/png", "", image, image},
		"image, packed":                      {"image/png", "gzip", packed(t, gzipped, image), image},
		"no type":                            {"", "", "no\xff", "no\xff"},
		"bytes called text":                  {"text/plain", "", image, image},
		"unknown coding":                     {"", "compress", "\x1f\x9d\x80", "\x1f\x9d\x80"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := response(c.contentType, c.coding, c.body)
			got := Read(r)
			if string(got.Bytes) != c.want || got.Truncated {
				t.Errorf("got %q, truncated %t, want %q", got.Bytes, got.Truncated, c.want)
			}
			if string(r.Body) != c.body {
				t.Error("the answer has changed")
			}
			r.Body = got.Encode([]byte(c.want)) // what is encoded can be read again, by the same headers
			if again := Read(r); string(again.Bytes) != c.want || again.Truncated {
				t.Errorf("encoded and read again: %q", again.Bytes)
			}
		})
	}
}

// What can be read of a body that is cut, damaged or a bomb is read, and it says that there is more.
func TestReadPart(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 3000 { // packs to more than a few bytes
		b.WriteString(strings.Repeat("ñ", i%7) + string(rune('a'+i*i%26)))
	}
	text := b.String()
	whole := packed(t, gzipped, text)
	damaged := []byte(whole)
	damaged[len(damaged)-5] ^= 0x55 // the checksum
	raw, br, zst := packed(t, deflated, text), packed(t, brotlied, text), packed(t, zstded, text)
	damagedZstd := []byte(zst)
	damagedZstd[len(zst)-1] ^= 0x55 // the checksum
	for name, c := range map[string]struct {
		coding, body string
		cut          bool
		atLeast      int
	}{
		"cut":            {"gzip", whole[:len(whole)/2], true, 100},
		"broken off":     {"gzip", whole[:len(whole)/2], false, 100},
		"raw, cut":       {"deflate", raw[:len(raw)/2], true, 100},
		"damaged":        {"gzip", string(damaged), false, len(text)},
		"only the head":  {"gzip", whole[:10], true, 0},
		"brotli, cut":    {"br", br[:len(br)/2], true, 100},
		"brotli, broken": {"br", br[:len(br)-1], false, 100},
		"brotli, head":   {"br", br[:2], true, 0},
		"zstd, cut":      {"zstd", zst[:len(zst)-20], true, 0}, // a block is read as a whole or not at all
		"zstd, damaged":  {"zstd", string(damagedZstd), false, 0},
		"zstd, head":     {"zstd", zst[:5], true, 0},
		"plain text cut": {"", text[:strings.Index(text, "ñ")+1], true, 1},
	} {
		got := Read(&hook.Response{Headers: response("", c.coding, "").Headers, Body: []byte(c.body), Truncated: c.cut})
		if !got.Truncated || len(got.Bytes) < c.atLeast || !strings.HasPrefix(text, string(got.Bytes)) ||
			strings.ToValidUTF8(string(got.Bytes), "") != string(got.Bytes) {
			t.Errorf("%s: truncated %t, %d bytes: %.60q", name, got.Truncated, len(got.Bytes), got.Bytes)
		}
	}
	for coding, w := range map[string]func(io.Writer) io.WriteCloser{"gzip": gzipped, "br": brotlied, "zstd": zstded} {
		bomb := packed(t, w, packed(t, w, strings.Repeat("a", 64<<20)))
		got := Read(response("", coding+", "+coding, bomb))
		if !got.Truncated || !got.Cut || len(got.Bytes) != MaxText || strings.Trim(string(got.Bytes), "a") != "" {
			t.Errorf("a bomb in %s: truncated %t, %d bytes", coding, got.Truncated, len(got.Bytes))
		}
		if exact := Read(response("", coding, packed(t, w, strings.Repeat("a", MaxText)))); exact.Truncated {
			t.Errorf("%s: a text of exactly the limit says that there is more", coding)
		}
	}
}

// TestWindows: a few bytes that ask for a large memory to look back into do not get it. Nothing of them is shown then,
// because nobody knows what is in them.
func TestWindows(t *testing.T) { // not parallel: it measures memory
	zero := "\x01\x00\x00" // the last block: no bytes
	for name, c := range map[string]struct{ coding, body string }{
		"zstd, 512 MiB":          {"zstd", "\x28\xb5\x2f\xfd\x00\x98" + zero},
		"zstd, a GiB of content": {"zstd", "\x28\xb5\x2f\xfd\xa0\x00\x00\x00\x40" + zero},
		"brotli, a large window": {"br", "\x11\x1e\xff\xff\xff\xff"},
	} {
		r := response("", c.coding, c.body)
		Read(r) // the tables of the decoders
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := Read(r)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 20<<20 {
			t.Errorf("%s: took %d bytes", name, took)
		}
		if len(got.Bytes) > 0 || !got.Truncated {
			t.Errorf("%s: truncated %t, %q", name, got.Truncated, got.Bytes)
		}
	}
	far := response("", "br", packed(t, func(w io.Writer) io.WriteCloser {
		return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: 1, LGWin: 24})
	}, strings.Repeat("a", 32<<20)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := Read(far)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 40<<20 || len(got.Bytes) != MaxText {
		t.Errorf("brotli, 16 MiB: took %d bytes, read %d", took, len(got.Bytes))
	}
	// What servers send looks back 8 MiB at most.
	allowed := packed(t, func(w io.Writer) io.WriteCloser {
		z, _ := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(maxWindow))
		_, _ = io.WriteString(z, strings.Repeat("ab", 100))
		_ = z.Flush() // now it cannot know that the whole is small
		return z
	}, "c")
	if got := Read(response("", "zstd", allowed)); string(got.Bytes) != strings.Repeat("ab", 100)+"c" || got.Truncated {
		t.Errorf("8 MiB: truncated %t, %q", got.Truncated, got.Bytes)
	}
}

func TestOpaque(t *testing.T) {
	t.Parallel()
	for coding, want := range map[string]bool{
		"": false, "gzip": false, "br": false, "gzip, zstd": false, "br, compress": true, "dcb": true, "gzip, gzip, gzip, gzip": true, " , identity": false,
	} {
		if got := Opaque(response("", coding, "x")); got != want {
			t.Errorf("%q: %t", coding, got)
		}
	}
}

// FuzzRead reads bodies in any charset and coding. What is read is bounded, is text if it says so, and can be put back into
// the form that it came in.
func FuzzRead(f *testing.F) {
	for _, s := range []struct{ contentType, coding, body string }{
		{"text/html; charset=ISO-8859-1", "", "Sesi\xf3n"},
		{"text/plain; charset=utf-16", "gzip, deflate", "\x1f\x8b\x08\x00"},
		{"application/json", "gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x4a\x04\x04\x00\x00\xff\xff\x43\xbe\xb7\xe8\x01\x00\x00\x00"},
		{"", "br", "x"},
		{"", "br", "\x0b\x02\x80abcde\x03"},
		{"text/plain", "zstd, br", "\x0b\x02\x80abcde\x03"},
		{"text/plain", "zstd", "\x28\xb5\x2f\xfd\x04\x00\x29\x00\x00abcde\x49\x64\x3c\xd4"},
		{"image/png", "deflate", "\x78\x9c\x03\x00"},
		{"text/html", "", "<meta charset=shift_jis>\x83\x65"},
	} {
		f.Add(s.contentType, s.coding, []byte(s.body), false)
	}
	f.Fuzz(func(t *testing.T, contentType, coding string, body []byte, truncated bool) {
		r := response(contentType, coding, string(body))
		r.Truncated = truncated
		got := Read(r)
		if string(r.Body) != string(body) {
			t.Fatal("the answer was changed")
		}
		if most := max(4*MaxText, 4*len(body)); len(got.Bytes) > most { // a charset makes at most four bytes of one
			t.Fatalf("%d bytes of %d", len(got.Bytes), len(body))
		}
		if truncated && !got.Truncated {
			t.Fatal("a truncated answer is shown as a whole one")
		}
		got.Encode(got.Bytes)
	})
}
