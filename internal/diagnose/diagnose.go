// Package diagnose says in plain words why a request failed, what to do, and
// whom to ask. It exists because those who set up an endpoint are often not
// programmers: an error class and a status mean nothing to them.
//
// [Of] is pure: from what became of an attempt it finds a stable code, and the texts
// for it in English, Spanish or Portuguese (texts/*.txt). [Explain] does the same
// for why an event was or was not delivered. It promises that no text has a word
// that only somebody who knows Gancho understands; a test holds the texts to it.
//
// docs/diagnosis.md lists all of them.
package diagnose

import (
	"embed"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gancho/internal/hook"
	"gancho/internal/texts"
)

// languages are the languages of the texts. Everybody else gets the first one.
var languages = []string{"en", "es", "pt"}

//go:embed texts/*.txt
var textFiles embed.FS

// catalogue has the texts of each code: a title and advice.
var catalogue = texts.Must(texts.Load(textFiles, "texts", languages...))

// Attempt is what is known about a request and its answer.
type Attempt struct {
	Class    string         // error class; "" if the attempt succeeded
	URL      string         // where it was sent; secrets in it may be masked
	Response *hook.Response // nil if none came
	HTML     bool           // the answer is an HTML page
	Limit    time.Duration  // time for the answer; 0 if it is not known
	Connect  time.Duration  // time for setting up the connection; 0 if it is not known
	Ends     time.Time      // when a certificate of ours expires, if that is soon; else zero
}

// Level says how serious a diagnosis is.
type Level string

const (
	OK      Level = "ok"
	Warning Level = "warning" // no failure, but probably not what was intended
	Error   Level = "error"
)

// Diagnosis is what a person reads about an attempt.
type Diagnosis struct {
	Code     string // stable
	Level    Level
	Language string // of Title and Advice: en, es or pt
	Title    string // what has happened, in a few words
	Advice   string // what to do, and what to ask whom
}

// Codes that depend on more than the error class.
const (
	codeSuccess       = "success"
	codeSuccessHTML   = "success_html_page"
	codeSuccessEnds   = "success_certificate_ends"
	codeHTML          = "html_page"
	codeDocument      = "document_address"
	codeWrongAnswer   = "wrong_answer"
	codeRedirect      = "redirect"
	codeRedirectLogin = "redirect_to_login"
	codeRedirectApp   = "redirect_google_script"
	codeUnauthorized  = "unauthorized"
	codeForbidden     = "forbidden"
	codeNotFound      = "not_found"
	codeMethod        = "method_not_allowed"
	codeRejected      = "request_rejected"
	codeServerError   = "server_error"
	codeServerAway    = "server_unavailable"
	codeCancelled     = "transformation_cancelled"
	codeTrial         = "trial"
	codeOther         = "failed"
)

// codes are the codes of the error classes that have only one.
var codes = map[string]string{
	hook.ClassDNSNotFound:    "name_not_found",
	hook.ClassDNSFailed:      "name_lookup_failed",
	hook.ClassDNSTimeout:     "name_lookup_timeout",
	hook.ClassPrivateAddress: "private_network",
	hook.ClassHostNotAllowed: "address_not_allowed",
	hook.ClassPortNotAllowed: "port_not_allowed",
	hook.ClassToken:          "token_not_given",
	hook.ClassProxyFailed:    "proxy_failed",
	hook.ClassConnectRefused: "connection_refused",
	hook.ClassConnectTimeout: "connection_timeout",
	hook.ClassConnectFailed:  "connection_failed",
	hook.ClassTLSExpired:     "certificate_expired",
	hook.ClassTLSHostname:    "certificate_wrong_name",
	hook.ClassTLSUntrusted:   "certificate_untrusted",
	hook.ClassTLSInvalid:     "certificate_invalid",
	hook.ClassTLSClientCert:  "certificate_demanded",
	hook.ClassTLSFailed:      "secure_connection_failed",
	hook.ClassTimeout:        "no_answer_in_time",
	hook.ClassTooSlow:        "answer_too_late",
	hook.ClassReset:          "connection_broken",
	hook.ClassProtocol:       "not_a_web_server",
	hook.ClassHeadersTooBig:  "answer_too_large",
	hook.ClassGone:           "address_gone",
	hook.ClassRateLimited:    "too_many_requests",
	hook.ClassStatusOther:    "unexpected_status",
	hook.ClassAnswerRule:     "sent_again",
	hook.ClassRender:         "request_not_made",
	hook.ClassScript:         "transformation_failed",
	hook.ClassScriptTimeout:  "transformation_too_slow",
	hook.ClassScriptCancel:   codeCancelled,
	hook.ClassShadow:         codeTrial,
	hook.ClassInterrupted:    "attempt_interrupted",
}

// Of is the diagnosis of an attempt, in one of the languages en, es and pt. For any other
// language it is in English.
func Of(a Attempt, language string) Diagnosis {
	return say(a.code(), language, a.facts(language))
}

// code is the code of the attempt.
func (a Attempt) code() string {
	if a.Response != nil && (a.Class != "" || a.HTML) && isDocument(a.URL) {
		return codeDocument
	}
	switch a.Class {
	case "":
		if a.HTML {
			return codeSuccessHTML
		}
		if !a.Ends.IsZero() {
			return codeSuccessEnds
		}
		return codeSuccess
	case hook.ClassBodyRule:
		if a.HTML {
			return codeHTML
		}
		return codeWrongAnswer
	case hook.ClassRedirect:
		return a.redirect()
	case hook.ClassStatus4xx:
		return a.refusal()
	case hook.ClassStatus5xx:
		switch a.status() {
		case 502, 503, 504:
			return codeServerAway
		}
		return codeServerError
	}
	if code, ok := codes[a.Class]; ok {
		return code
	}
	return codeOther
}

// status is that of the answer, 0 if there is none.
func (a Attempt) status() int {
	if a.Response == nil {
		return 0
	}
	return a.Response.Status
}

// refusal is the code of a status from 400 to 499.
func (a Attempt) refusal() string {
	switch a.status() {
	case 401, 407:
		return codeUnauthorized
	case 403:
		return codeForbidden
	case 404:
		return codeNotFound
	case 405:
		return codeMethod
	}
	return codeRejected
}

// redirect is the code of a redirect.
func (a Attempt) redirect() string {
	to := a.location()
	switch {
	case to == nil:
		return codeRedirect
	case isGoogleScript(a.URL) && strings.HasSuffix(to.Hostname(), ".googleusercontent.com"):
		return codeRedirectApp
	case looksLikeLogin(to):
		return codeRedirectLogin
	}
	return codeRedirect
}

// location is where a redirect points, nil if it has no valid target.
func (a Attempt) location() *url.URL {
	if a.Response == nil {
		return nil
	}
	for _, h := range a.Response.Headers {
		if strings.EqualFold(h.Name, "Location") && h.Value != "" {
			to, err := url.Parse(h.Value)
			if err != nil {
				return nil
			}
			if from, err := url.Parse(a.URL); err == nil {
				to = from.ResolveReference(to)
			}
			return to
		}
	}
	return nil
}

// An address is that of a login page if it contains one of loginParts, or has one of loginWords as a whole word.
var (
	loginParts = []string{"login", "signin", "sign-in", "sign_in", "log-in", "log_in", "iniciar-sesion", "entrar"}
	loginWords = []string{
		"auth", "oauth", "oauth2", "sso", "saml", "authorize", "authenticate", "authentication", "accounts", "acceso", "cas",
	}
)

// looksLikeLogin reports whether an address seems to be that of a login page.
func looksLikeLogin(u *url.URL) bool {
	text := strings.ToLower(u.Hostname() + u.Path) // the query can name another page, where to go after the login
	for _, p := range loginParts {
		if strings.Contains(text, p) {
			return true
		}
	}
	separates := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }
	for word := range strings.FieldsFuncSeq(text, separates) {
		if slices.Contains(loginWords, word) {
			return true
		}
	}
	return false
}

// documentHosts serve documents to people. They answer a program with a page, a redirect or
// an error, and ignore what it sends.
var documentHosts = []string{
	"docs.google.com", "sheets.google.com", "drive.google.com", "forms.google.com", "forms.gle", "sites.google.com",
	"onedrive.live.com", "1drv.ms",
}

// isDocument reports whether an address is that of an online document.
func isDocument(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	for _, h := range documentHosts {
		if strings.EqualFold(u.Hostname(), h) {
			return !strings.HasSuffix(u.Path, "/formResponse") // this address of a form does receive
		}
	}
	return false
}

// isGoogleScript reports whether an address is that of a Google Apps Script.
func isGoogleScript(address string) bool {
	u, err := url.Parse(address)
	return err == nil && strings.EqualFold(u.Hostname(), "script.google.com")
}

// facts are the values of placeholders, "" if one is not known.
func (a Attempt) facts(language string) map[string]string {
	f := map[string]string{"limit": length(a.Limit, language), "connect": length(a.Connect, language)}
	if u, err := url.Parse(a.URL); err == nil {
		f["host"], f["name"] = u.Host, u.Hostname()
	}
	if !a.Ends.IsZero() {
		f["date"] = a.Ends.UTC().Format(time.DateOnly)
	}
	if s := a.status(); s != 0 {
		f["status"] = strconv.Itoa(s)
	}
	if to := a.location(); to != nil {
		// The query is left out: it can be long or private.
		f["location"] = short((&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String(), 200)
	}
	return f
}

// short cuts a text to at most n bytes, without cutting a character.
func short(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// length writes a time as people do: 200 ms, 1.5 s, 2 min. It is "" for a time that is not
// known.
func length(d time.Duration, language string) string {
	var s string
	switch {
	case d <= 0:
		return ""
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d >= time.Minute && d%time.Minute == 0:
		return strconv.Itoa(int(d/time.Minute)) + " min"
	default:
		s = strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
	}
	if language != languages[0] {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

// levels are those of the codes that are not an [Error].
var levels = map[string]Level{
	codeSuccess:     OK,
	codeSuccessHTML: Warning,
	codeSuccessEnds: Warning,
	codeCancelled:   Warning,
	codeTrial:       Warning,
}

// say is the diagnosis of a code, with facts in its texts.
func say(code, language string, facts map[string]string) Diagnosis {
	language = catalogue.Known(language)
	level, ok := levels[code]
	if !ok {
		level = Error
	}
	in := func(key string) string { return fill(catalogue.In(language, key), facts, language) }
	return Diagnosis{
		Code: code, Level: level, Language: language, Title: in(code + ".title"), Advice: in(code + ".advice"),
	}
}

// placeholders are the facts that texts may name.
var placeholders = []string{"host", "name", "status", "location", "limit", "connect", "date"}

// unknown is what stands in the place of a fact that is not known.
func unknown(name, language string) string { return catalogue.In(language, "unknown."+name) }

// fill puts facts in the place of {name}. What stands between [[ and ]] is left
// out if a fact in it is not known; elsewhere words take its place.
func fill(text string, facts map[string]string, language string) string {
	var b strings.Builder
	if strings.HasPrefix(text, "{host}") && facts["host"] == "" { // the words begin the sentence, so with a capital
		words := unknown("host", language)
		text = strings.ToUpper(words[:1]) + words[1:] + strings.TrimPrefix(text, "{host}")
	}
	for {
		before, rest, ok := strings.Cut(text, "[[")
		b.WriteString(replace(before, facts, language))
		if !ok {
			return b.String()
		}
		var optional string
		optional, text, _ = strings.Cut(rest, "]]")
		if allKnown(optional, facts) {
			b.WriteString(replace(optional, facts, language))
		}
	}
}

// allKnown reports whether the facts that a text names are known.
func allKnown(text string, facts map[string]string) bool {
	for _, name := range placeholders {
		if strings.Contains(text, "{"+name+"}") && facts[name] == "" {
			return false
		}
	}
	return true
}

// replace puts facts into a text, and words in the place of those that are not known.
func replace(text string, facts map[string]string, language string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	var pairs []string
	for _, name := range placeholders {
		value := facts[name]
		if value == "" {
			value = unknown(name, language)
		}
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
