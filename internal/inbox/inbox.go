// Package inbox is a receiver for trying things. It prints every request in readable
// form, verifies the signature if it knows the secret, and answers as configured: with
// a status, after a delay, or with failures at first. It shows the last requests as
// JSON, so that demo mode and tests can look at what arrived.
//
// It promises that its memory is bounded whatever is sent to it, and that no request
// can send control characters to the terminal. It stores nothing on disk, and is not
// the receiving side that contracts describe.
package inbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"gancho/internal/hook"
	"gancho/internal/sign"
)

// Limits of the inbox.
const (
	DefaultKeep = 100
	MaxBody     = 1 << 20  // bytes of a body that are kept; the rest is read and discarded
	maxRead     = 16 << 20 // bytes that are read and discarded at most
	maxPrint    = 16 << 10 // bytes of a body that are printed
	statusFail  = http.StatusServiceUnavailable
)

// Options say how an [Inbox] answers.
type Options struct {
	Status    int              // of the answer; 0: 200
	Delay     time.Duration    // before the answer
	FailFirst int              // answer the first N requests with 503
	Secret    string           // what verifies signatures, in the scheme's form; "": do not verify
	Scheme    *sign.Scheme     // of the signatures; nil: sign.StandardWebhooks
	Settings  []byte           // JSON object of the settings that signatures name; nil: none
	Keys      Fetch            // fetches the keys of a scheme that says where they are, if there is no Secret; nil: nobody does
	Out       io.Writer        // where requests are printed; nil: nowhere
	Keep      int              // how many requests are kept; 0: DefaultKeep
	Now       func() time.Time // nil: time.Now
}

// Fetch gets the public keys that a request is verified with.
type Fetch func(ctx context.Context, w *sign.Wanted) (*sign.PublicKeys, error)

// Request is one request that arrived, as GET /requests shows it.
type Request struct {
	Number     int64       `json:"number"` // from 1, in order of arrival
	ReceivedAt time.Time   `json:"received_at"`
	Method     string      `json:"method"`
	Path       string      `json:"path"` // with the query
	Headers    [][2]string `json:"headers"`
	// HeadersExact says that Headers have the order and spelling of the wire.
	// If not, they are sorted, and their names are in canonical form.
	HeadersExact bool   `json:"headers_exact"`
	Body         string `json:"body"`               // as text, if it is text
	Bytes        []byte `json:"body_b64,omitempty"` // as base64, if it is not
	BodySize     int64  `json:"body_size"`          // as received
	Truncated    bool   `json:"truncated"`          // Body is only its beginning
	// Signature is "valid", "not checked", or why it is wrong.
	Signature string `json:"signature"`
	Answered  int    `json:"answered"` // the status of the answer
}

// Inbox is the receiver. GET /requests returns what is kept (oldest first;
// ?after=N leaves out the first N, ?path=/x shows one path), DELETE /requests
// forgets it; every other request counts as a delivery. It is safe for
// concurrent use.
type Inbox struct {
	opts     Options
	verifier sign.Verifier
	badKey   error

	mu    sync.Mutex
	count int64
	kept  []*Request // oldest first
}

// New returns an inbox. An invalid secret is reported with every request; [Run] refuses
// it at once.
func New(o Options) *Inbox {
	if o.Status == 0 {
		o.Status = http.StatusOK
	}
	if o.Keep <= 0 {
		o.Keep = DefaultKeep
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Scheme == nil {
		o.Scheme = sign.StandardWebhooks
	}
	in := &Inbox{opts: o}
	switch {
	case o.Secret != "":
		in.verifier, in.badKey = o.Scheme.NewVerifier(0, o.Secret)
	case o.Keys != nil && o.Scheme.FetchesKeys():
		in.verifier, in.badKey = o.Scheme.NewVerifier(0)
	}
	return in
}

// Requests returns those kept, oldest first. They must not be changed.
func (in *Inbox) Requests() []*Request {
	in.mu.Lock()
	defer in.mu.Unlock()
	return slices.Clone(in.kept)
}

// Count is how many requests have arrived since the start.
func (in *Inbox) Count() int64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.count
}

// ServeHTTP handles one request.
func (in *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/requests" {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			in.list(w, r)
			return
		case http.MethodDelete:
			in.mu.Lock()
			in.kept = nil
			in.mu.Unlock()
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	req := &Request{ReceivedAt: in.opts.Now(), Method: r.Method, Path: r.RequestURI}
	req.Headers, req.HeadersExact = headers(r)
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody))
	req.BodySize = int64(len(body))
	if err == nil {
		var more int64
		more, err = io.Copy(io.Discard, io.LimitReader(r.Body, maxRead))
		req.BodySize += more
		req.Truncated = more > 0
	}
	if utf8.Valid(body) || req.Truncated && validUpToCut(body) {
		req.Body = strings.ToValidUTF8(string(body), "")
	} else {
		req.Bytes = body
	}
	req.Signature = in.check(r, body, req, err)
	if err != nil { // the sender closed the connection early; show the part that came
		req.Truncated = true
	}
	if !in.wait(r.Context()) {
		in.keep(req, body, "the sender went away before it was answered")
		panic(http.ErrAbortHandler) // else net/http would answer 200
	}
	note := in.keep(req, body, "")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(req.Answered)
	fmt.Fprintln(w, note)
}

// check verifies the signature.
func (in *Inbox) check(r *http.Request, body []byte, req *Request, readErr error) string {
	switch {
	case in.badKey != nil:
		return "not checked: " + in.badKey.Error()
	case in.verifier == nil:
		return "not checked"
	case readErr != nil:
		return "not checked: the body did not arrive completely"
	case req.Truncated:
		return fmt.Sprintf("not checked: the body is larger than %d bytes", MaxBody)
	}
	m := sign.Message{Method: r.Method, URL: "http://" + r.Host + r.RequestURI, Body: body, Settings: in.opts.Settings}
	for _, h := range req.Headers {
		m.Headers = append(m.Headers, hook.Header{Name: h[0], Value: h[1]})
	}
	if in.opts.Secret == "" {
		w, err := in.opts.Scheme.Wanted(m)
		if err == nil {
			m.Keys, err = in.opts.Keys(r.Context(), w)
		}
		if err != nil {
			return err.Error()
		}
	}
	if err := in.verifier.Verify(m, req.ReceivedAt); err != nil {
		return err.Error()
	}
	return "valid"
}

// wait waits out the delay; false means that the sender went away.
func (in *Inbox) wait(ctx context.Context) bool {
	if in.opts.Delay <= 0 {
		return true
	}
	t := time.NewTimer(in.opts.Delay)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// keep numbers the request, decides its answer, remembers and prints it, and
// returns the text of the answer.
func (in *Inbox) keep(req *Request, body []byte, gone string) (note string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.count++
	req.Number = in.count
	note = "received"
	switch {
	case gone != "":
		note = gone
	case req.Number <= int64(in.opts.FailFirst):
		req.Answered = statusFail
		note = fmt.Sprintf("failing on purpose, %d of %d", req.Number, in.opts.FailFirst)
	default:
		req.Answered = in.opts.Status
	}
	if len(in.kept) >= in.opts.Keep {
		in.kept = slices.Delete(in.kept, 0, len(in.kept)-in.opts.Keep+1)
	}
	in.kept = append(in.kept, req)
	_, _ = in.opts.Out.Write(render(req, body, note)) // for people; under the lock: one at a time, in order
	return note
}

func (in *Inbox) list(w http.ResponseWriter, r *http.Request) {
	var after int64
	if s := r.URL.Query().Get("after"); s != "" {
		if _, err := fmt.Sscanf(s, "%d", &after); err != nil {
			http.Error(w, "after must be the number of a request, e.g. ?after=12", http.StatusBadRequest)
			return
		}
	}
	path := r.URL.Query().Get("path")
	answer := struct {
		Items []*Request `json:"items"`
		Count int64      `json:"count"` // all that have arrived since the start
	}{Items: []*Request{}}
	in.mu.Lock()
	answer.Count = in.count
	for _, req := range in.kept {
		own, _, _ := strings.Cut(req.Path, "?")
		if req.Number > after && (path == "" || path == own) {
			answer.Items = append(answer.Items, req)
		}
	}
	in.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(answer) // fails only if the reader went away
}

// headers lists the headers of the request, as they came if that is known.
func headers(r *http.Request) (list [][2]string, exact bool) {
	if rec, ok := r.Context().Value(recorderKey{}).(*recorder); ok {
		if list, ok := rec.take(r); ok {
			return list, true
		}
	}
	list = [][2]string{{"Host", r.Host}}
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range r.Header[name] {
			list = append(list, [2]string{name, v})
		}
	}
	return list, false
}

// render writes a request for people.
func render(req *Request, body []byte, note string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\n#%d  %s  %s %s\n", req.Number, req.ReceivedAt.Format("15:04:05.000"), safe(req.Method), safe(req.Path))
	for _, h := range req.Headers {
		fmt.Fprintf(&b, "    %s: %s\n", safe(h[0]), safe(h[1]))
	}
	b.WriteByte('\n')
	switch {
	case len(body) == 0:
		b.WriteString("    (no body)\n")
	case req.Bytes != nil:
		fmt.Fprintf(&b, "    (%d bytes that are not text)\n", req.BodySize)
	default:
		var pretty bytes.Buffer
		if !req.Truncated && json.Indent(&pretty, bytes.TrimSpace(body), "", "  ") == nil {
			body = pretty.Bytes()
		}
		cut := len(body) > maxPrint
		if cut {
			body = body[:maxPrint]
		}
		for line := range bytes.Lines(body) {
			fmt.Fprintf(&b, "    %s\n", safe(strings.TrimRight(string(line), "\r\n")))
		}
		if cut || req.Truncated {
			fmt.Fprintf(&b, "    … (%d bytes in all)\n", req.BodySize)
		}
	}
	fmt.Fprintf(&b, "\n    signature: %s\n", safe(req.Signature))
	if req.Answered == 0 {
		fmt.Fprintf(&b, "    no answer: %s\n", note)
	} else {
		fmt.Fprintf(&b, "    answered %d (%s)\n", req.Answered, note)
	}
	return b.Bytes()
}

// safe makes a stranger's text harmless for a terminal: control characters,
// escape sequences and directional overrides become visible codes.
func safe(s string) string {
	clean := func(r rune) bool {
		return r == utf8.RuneError || r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
	}
	if strings.IndexFunc(s, clean) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if clean(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// validUpToCut reports whether the body is text whose last character was cut.
func validUpToCut(body []byte) bool {
	for i := 1; i < utf8.UTFMax && i <= len(body); i++ {
		if utf8.Valid(body[:len(body)-i]) {
			return true
		}
	}
	return false
}
