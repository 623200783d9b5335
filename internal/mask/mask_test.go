package mask

import (
	"bytes"
	"compress/gzip"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"gancho/internal/answer"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSpellings(t *testing.T) {
	t.Parallel()
	want := []string{`a%5C%22b`, `a&quot;b`, `a&#34;b`, `a%22b`, `a""b`, `a\"b`, `a"b`, "v1", "v2"}
	if d := cmp.Diff(want, New("v2", `a"b`, "", "v1", "v2").spellings); d != "" {
		t.Error(d)
	}
	if got := New("").spellings; got != nil {
		t.Errorf("an empty secret gives %q", got)
	}
}

// A receiver that sends back what it got, in JSON, in a URL or in HTML, gives no
// secret away, nor by breaking off in the middle of one.
func TestEchoes(t *testing.T) {
	t.Parallel()
	const secret = `S3cr/t+"q&<é=`
	m := Mask{}.WithRequest("", []hook.Header{{Name: "Authorization", Value: "Bearer " + secret}})
	for name, echo := range map[string]string{
		"as it is":   secret,
		"PHP":        `{"authorization":"Bearer S3cr\/t+\"q&<\u00e9="}`,
		"Python":     `{"authorization":"Bearer S3cr/t+\"q&<\u00e9="}`,
		"JavaScript": `{"authorization":"Bearer S3cr/t+\"q&<é="}`,
		"form":       `authorization=Bearer+S3cr%2Ft%2B%22q%26%3C%C3%A9%3D`,
		"URL":        `authorization=Bearer%20S3cr%2Ft%2B%22q%26%3C%C3%A9%3D`,
		"HTML":       `<td>Bearer S3cr/t+&quot;q&amp;&lt;é=</td>`,
		"Go's HTML":  `<td>Bearer S3cr/t+&#34;q&amp;&lt;é=</td>`,
		"cut":        secret[:6],
	} {
		shown := []string{string(m.Start([]byte(echo), true))}
		if name != "cut" {
			shown = append(shown, string(m.Body([]byte(echo))), m.Text(echo), m.Texts([]string{"x", echo})[1])
			shown = append(shown, m.Headers([]hook.Header{{Name: "X", Value: echo}})[0].Value)
		}
		for _, text := range shown {
			if strings.Contains(text, "S3cr") || !strings.Contains(text, Text) {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	body, headers := []byte("abcd abc"), []hook.Header{{Name: "abcd", Value: "abc"}, {Name: "x", Value: "is abc"}}
	none := Mask{}
	if got := none.Body(body); &got[0] != &body[0] {
		t.Error("the zero mask copies a body")
	}
	if got := none.Headers(headers); none.Text("abcd") != "abcd" || &got[0] != &headers[0] || none.With("").Text("x") != "x" {
		t.Error("the zero mask hides something")
	}
	short := New("abc")
	if got := short.Body(body); &got[0] != &body[0] || short.Text("abc") != "abc" {
		t.Error("a secret of three bytes is hidden where it may be part of a word")
	}
	if d := cmp.Diff([]hook.Header{{Name: "abcd", Value: Text}, {Name: "x", Value: "is abc"}}, short.Headers(headers)); d != "" {
		t.Error(d)
	}
	if headers[0].Value != "abc" {
		t.Error("the headers that were given have changed")
	}
	// A secret that contains another is hidden as a whole, in whatever order they come.
	if got := New("abcd").With("abcdefgh").Text("abcdefgh"); got != Text {
		t.Errorf("got %q", got)
	}
	if got := string(New("abcd").With("abcdefgh").Body([]byte("abcdefgh"))); got != Text {
		t.Errorf("got %q", got)
	}
	more := short.With("wxyz")
	if more.Text("wxyz abcd") != Text+" abcd" || short.Text("wxyz") != "wxyz" {
		t.Error("With does not add to the secrets, or changes its receiver")
	}
}

// A header's value may hold a secret behind a word, and a name and password are
// what a receiver makes of it.
func TestInRequest(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][]string{
		"Bearer abcd":                     {"Bearer abcd", "abcd"},
		"Basic dXNlcjpvcGVuc2VzYW1l":      {"dXNlcjpvcGVuc2VzYW1l", "user:opensesame", "opensesame"},
		"basic dXNlcjpvcGVu":              {"dXNlcjpvcGVu", "user:open"},
		"Basic not base64":                {"not base64"},
		"abcd":                            {"abcd"},
		"Basic ZMO8cjr/":                  {"ZMO8cjr/"}, // no UTF-8
		"Bearer dXNlcjpvcGVuc2VzYW1lIQ==": {"dXNlcjpvcGVuc2VzYW1lIQ=="},
	} {
		got := InRequest("", []hook.Header{{Name: "Authorization", Value: value}, {Name: "X-Plain", Value: "plain"}})
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%q: no %q in %q", value, w, got)
			}
		}
		if slices.Contains(got, "open") || slices.Contains(got, "plain") {
			t.Errorf("%q: a short password or a plain header is in %q", value, got)
		}
	}
	if d := cmp.Diff([]string{"a%20b", "a b"}, InRequest("https://example.com/?page=2&api_key=a%20b", nil)); d != "" {
		t.Error(d)
	}
	if got := InRequest("http://[", nil); got != nil {
		t.Errorf("a text that is no URL gives %q", got)
	}
	if d := cmp.Diff([]string{"Token abc", "abc"}, InSetting("Token abc")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"two words"}, InSetting("two words")); d != "" {
		t.Error(d)
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	for h, want := range map[hook.Header]string{
		{Name: "X-API-Key", Value: "a"}: Text, {Name: "Cookie", Value: "a"}: Text, {Name: "authorization", Value: ""}: "", {Name: "X-Plain", Value: "a"}: "a",
	} {
		if got := Header(h); got != want {
			t.Errorf("%v: got %q, want %q", h, got, want)
		}
	}
}

// where is where the settings of these tests have secrets.
var where = Settings{{"token"}, {"pairs", "*", "value"}}

func TestSettings(t *testing.T) {
	t.Parallel()
	stored := []byte(`{ "token" : "a\"b" , "source":"src", "pairs":[{"key":"k","value":"v1"},{"key":"l"},{"value":"v2"},{"value":null}], "n": 1.50 }`)
	masked := `{ "token" : "********" , "source":"src", "pairs":[{"key":"k","value":"********"},{"key":"l"},{"value":"********"},{"value":null}], "n": 1.50 }`
	if d := cmp.Diff([]string{`a"b`, "v1", "v2"}, where.Secrets(stored)); d != "" {
		t.Error(d)
	}
	if got := string(where.Hide(stored)); got != masked {
		t.Errorf("got  %s\nwant %s", got, masked)
	}
	if d := cmp.Diff([][]string{{"token"}, {"pairs", "0", "value"}, {"pairs", "2", "value"}}, where.Masked([]byte(masked))); d != "" {
		t.Error(d)
	}
	back := strings.Replace(masked, `"src"`, `"other"`, 1)
	if got, want := string(where.Restore([]byte(back), stored)), strings.Replace(string(stored), `"src"`, `"other"`, 1); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, doc := range []string{"", "{}", "[]", `{"pairs":7}`} {
		if got := string(where.Hide([]byte(doc))); got != doc {
			t.Errorf("Hide(%q) = %q", doc, got)
		}
		if got := where.Secrets([]byte(doc)); got != nil {
			t.Errorf("Secrets(%q) = %q", doc, got)
		}
		if got := string(where.Restore([]byte(doc), stored)); got != doc {
			t.Errorf("Restore(%q) = %q", doc, got)
		}
	}
}

// A mask stands for the secret of the entry it was shown in.
func TestRestoreEntries(t *testing.T) {
	t.Parallel()
	const stored = `{"pairs":[{"key":"a","value":"1"},{"key":"b","value":"2"},{"key":"c","value":"3"}]}`
	for given, want := range map[string]string{
		`{"pairs":[{"key":"a","value":"********"},{"key":"b","value":"********"},{"key":"c","value":"********"}]}`:                 `{"pairs":[{"key":"a","value":"1"},{"key":"b","value":"2"},{"key":"c","value":"3"}]}`,
		`{"pairs":[{"key":"c","value":"********"}]}`:                                                                               `{"pairs":[{"key":"c","value":"3"}]}`,
		`{"pairs":[{"key":"b","value":"********"},{"key":"a","value":"9"}]}`:                                                       `{"pairs":[{"key":"b","value":"2"},{"key":"a","value":"9"}]}`,
		`{"pairs":[{"key":"z","value":"********"}]}`:                                                                               `{"pairs":[{"key":"z","value":"********"}]}`,
		`{"pairs":[{"key":"a","value":"********"},{"key":"z","value":"********"},{"key":"c","value":"********","place":"query"}]}`: `{"pairs":[{"key":"a","value":"1"},{"key":"z","value":"2"},{"key":"c","value":"3","place":"query"}]}`,
		`{"pairs":[{"key":"b","value":"********"},{"key":"z","value":"********"},{"key":"c","value":"********"}]}`:                 `{"pairs":[{"key":"b","value":"2"},{"key":"z","value":"********"},{"key":"c","value":"3"}]}`,
	} {
		if got := string(where.Restore([]byte(given), []byte(stored))); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", given, got, want)
		}
	}
}

// A secret is hidden in an answer however its bytes are coded, and the rest of the answer stays as it came.
func TestAnswer(t *testing.T) {
	t.Parallel()
	const secret, text = "sésamo-9471", "su clave es sésamo-9471, señor"
	m := New(secret)
	latin := strings.NewReplacer("é", "\xe9", "ñ", "\xf1")
	packWith := func(z io.WriteCloser, b *bytes.Buffer, s string) string {
		_, _ = io.WriteString(z, s)
		_ = z.Close()
		return b.String()
	}
	pack := func(s string) string {
		var b bytes.Buffer
		return packWith(gzip.NewWriter(&b), &b, s)
	}
	inBrotli := func(s string) string {
		var b bytes.Buffer
		return packWith(brotli.NewWriter(&b), &b, s)
	}
	inZstd := func(s string) string {
		var b bytes.Buffer
		z, _ := zstd.NewWriter(&b)
		return packWith(z, &b, s)
	}
	for name, c := range map[string]struct{ coding, body string }{
		"latin1": {"", latin.Replace(text)}, "gzip": {"gzip", pack(text)}, "both": {"gzip", pack(latin.Replace(text))}, "plain": {"", text},
		"brotli": {"br", inBrotli(latin.Replace(text))}, "zstd": {"zstd", inZstd(text)}, "all": {"zstd, br, gzip", pack(inBrotli(inZstd(text)))},
	} {
		r := hook.Response{Status: 200, Body: []byte(c.body), Headers: []hook.Header{
			{Name: "Content-Type", Value: "text/plain; charset=iso-8859-1"}, {Name: "Content-Encoding", Value: c.coding},
		}}
		got := m.Answer(r)
		if read := answer.Read(&got); string(read.Bytes) != "su clave es "+Text+", señor" || got.Truncated {
			t.Errorf("%s: %q", name, read.Bytes)
		}
		if d := cmp.Diff(r.Headers, got.Headers); d != "" || string(r.Body) != c.body {
			t.Errorf("%s: %s", name, d)
		}
		if got := New("another-secret").Answer(r); !bytes.Equal(got.Body, r.Body) {
			t.Errorf("%s: an answer without a secret has changed", name)
		}
		if c.coding == "" {
			continue
		}
		cut := r
		cut.Body, cut.Truncated = cut.Body[:len(cut.Body)-12], true
		if got := m.Answer(cut); strings.Contains(string(answer.Read(&got).Bytes), "sésamo") || !got.Truncated {
			t.Errorf("%s, cut: %q", name, answer.Read(&got).Bytes)
		}
	}
	for coding, c := range map[string]struct {
		pack   func(string) string
		unpack func(io.Reader) (io.Reader, error)
	}{
		"gzip": {pack, func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		"br":   {inBrotli, func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil }},
		"zstd": {inZstd, func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r, zstd.WithDecoderConcurrency(1)) }},
	} {
		long := hook.Response{Body: []byte(c.pack(strings.Repeat("a", answer.MaxText) + secret)), Headers: []hook.Header{{Name: "Content-Encoding", Value: coding}}}
		got := m.Answer(long)
		z, err := c.unpack(bytes.NewReader(got.Body))
		if err != nil {
			t.Fatal(coding, err)
		}
		if all, err := io.ReadAll(z); err != nil || strings.Trim(string(all), "a") != "" || !got.Truncated {
			t.Errorf("%s: behind what is read, a secret is kept: truncated %t, %v: %.40q", coding, got.Truncated, err, bytes.TrimLeft(all, "a"))
		}
	}
}

// A secret is hidden in forms of every kind.
func TestMaskInForms(t *testing.T) {
	t.Parallel()
	const secret = "a~b *c(d)"
	if got := string(New(secret).Body([]byte("x=" + string(rawjson.AppendFormEscape(nil, secret)) + "&y=1"))); got != "x="+Text+"&y=1" {
		t.Error(got)
	}
}
