package docpage

import (
	"html"
	"io"
	"regexp"
	"slices"
	"strings"
)

// fills are texts in code that stand for values of the reader's own.
type fills struct {
	names map[string]string // of each text
	any   *regexp.Regexp    // any of the texts, the longest first; nil if there are none
}

func newFills(names map[string]string) *fills {
	f := &fills{names: names}
	if len(names) == 0 {
		return f
	}
	list := make([]string, 0, len(names))
	for t := range names {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	for i := range list {
		list[i] = regexp.QuoteMeta(list[i])
	}
	f.any = regexp.MustCompile(strings.Join(list, "|"))
	return f
}

// write writes text with a class, if there is one, and marks the placeholders in it.
func (f *fills) write(w io.Writer, class, text string) {
	put := func(s string) { _, _ = io.WriteString(w, s) } // the writer buffers, and its owner asks for errors
	if class != "" {
		put(`<span class="` + class + `">`)
	}
	at := 0
	if f.any != nil {
		for _, m := range f.any.FindAllStringIndex(text, -1) {
			found := text[m[0]:m[1]]
			put(html.EscapeString(text[at:m[0]]))
			put(`<span class="fill" data-fill="` + html.EscapeString(f.names[found]) + `">` + html.EscapeString(found) + `</span>`)
			at = m[1]
		}
	}
	put(html.EscapeString(text[at:]))
	if class != "" {
		put("</span>")
	}
}

const (
	quotes    = `"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'`
	numbers   = `\b\d+(?:\.\d+)?\b`
	wordsOf   = `\b(?:const|let|var|func|function|return|if|elif|else|for|foreach|import|from|package|type|struct|class|def|async|await|new|throw|switch|case|default|try|except|catch|while|go|select|defer|chan|range|with|lambda|in|as|and|or|not|true|false|null|nil|None|True|False|declare)\b`
	jsonWords = `\b(?:true|false|null)\b`
)

// tokens find, by the language of a code block, a comment, a member's name, a string, a number, or a word, each in a
// group of its own, in this order.
var tokens = map[string]*regexp.Regexp{
	"json":   regexp.MustCompile(`()("(?:\\.|[^"\\\n])*")\s*:|("(?:\\.|[^"\\\n])*")|(-?` + numbers + `)|(` + jsonWords + `)`),
	"http":   regexp.MustCompile(`()(?m:^([A-Za-z-]+):)()()()`),
	"sh":     regexp.MustCompile(`((?m:^#[^\n]*))|()(` + quotes + `)|(` + numbers + `)|\b(curl)\b`),
	"python": regexp.MustCompile(`(#[^\n]*)|()(` + quotes + `)|(` + numbers + `)|(` + wordsOf + `)`),
	"js":     regexp.MustCompile(`(//[^\n]*)|()(` + quotes + "|`[^`]*`" + `)|(` + numbers + `)|(` + wordsOf + `)`),
}

func init() { tokens["php"], tokens["go"] = tokens["js"], tokens["js"] }

var classes = []string{"tok-comment", "tok-key", "tok-string", "tok-number", "tok-word"}

// requestLine is the beginning of a request as it is sent.
var requestLine = regexp.MustCompile(`^([A-Z]+ )(\S+)( HTTP/1\.1\nHost: )(\S+)`)

// request writes the beginning of a request with path and host as values of the reader's own, if they are those of the
// address that stands for the reader's, and returns the rest of it.
func (f *fills) request(w io.Writer, code string) (rest string) {
	m := requestLine.FindStringSubmatch(code)
	if m == nil || f.names["https://"+m[4]+m[2]] == "" {
		return code
	}
	part := fills{names: map[string]string{m[2]: "path", m[4]: "host"}}
	for i, text := range m[1:] {
		part.any = nil
		if i == 1 || i == 3 {
			part.any = whole
		}
		part.write(w, "", text)
	}
	return code[len(m[0]):]
}

var whole = regexp.MustCompile(`.+`)

// colour writes code with its tokens in elements of their own. It changes no character of it.
func (f *fills) colour(w io.Writer, language, code string) {
	if language == "http" {
		code = f.request(w, code)
	}
	find := tokens[language]
	if find == nil {
		f.write(w, "", code)
		return
	}
	at := 0
	for _, m := range find.FindAllStringSubmatchIndex(code, -1) {
		for i, class := range classes {
			from, to := m[2+2*i], m[3+2*i]
			if from < 0 || from == to {
				continue
			}
			f.write(w, "", code[at:from])
			f.write(w, class, code[from:to])
			at = to
		}
	}
	f.write(w, "", code[at:])
}
