package template

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/nearest"
	"gancho/internal/rawjson"
)

// rootMembers are the members of the roots that are not documents of people.
var rootMembers = map[string][]string{
	"event":      {"id", "type", "time", "tenant", "external_id", "uuid", "unix", "unix_ms"},
	"credential": CredentialMembers,
	"endpoint":   {"id", "name"},
	"url":        {"full", "host", "path", "query"},
	"attempt":    {"number", "time", "unix", "unix_ms", "first_at", "last_status", "last_error"},
	"changes":    {"old", "new", "keys"},
	"items":      nil,
	"challenge":  nil,
}

// CredentialMembers are what a template can name of a credential.
var CredentialMembers = []string{"api_key", "id", "name", "tenant"}

// RequestRoots are the roots that the parts of a request can name.
var RequestRoots = []string{"settings", "payload", "event", "credential", "set", "endpoint", "url", "attempt"}

// HandshakeRoots are the roots that the parts of a handshake can name: it has a challenge, and belongs to no event of people.
var HandshakeRoots = []string{"challenge", "settings", "event", "credential", "endpoint", "url", "attempt"}

// ofEvents are the roots that may differ from event to event, and what is not known yet when a plan is made.
var ofEvents = []string{"payload", "event", "type", "set", "endpoint", "url", "attempt", "challenge"}

// hasDocument says that a root is one JSON document, and not members that are made one by one.
func hasDocument(root string) bool { return root != "event" && root != "credential" }

// deeper says which members have members: those that a JSON document has, or a parameter of a query.
func deeper(root, member string) bool {
	return root == "changes" && member != "keys" || member == "query"
}

// wrongMember says what is wrong with a path under one of the rootMembers; "" if nothing is.
func wrongMember(root string, path []string) string {
	members, limited := rootMembers[root]
	switch {
	case !limited:
		return ""
	case members == nil && len(path) > 0:
		return fmt.Sprintf("${%s} does not exist; write ${%s}", rawjson.JoinPath(root, path[0]), root)
	case members == nil:
		return ""
	case len(path) == 0 || !slices.Contains(members, path[0]) || len(path) > 1 && !deeper(root, path[0]):
		return fmt.Sprintf("${%s} does not exist. Possible: %s.%s", joined(root, path), root, strings.Join(members, ", "+root+"."))
	case path[0] == "query" && len(path) != 2:
		return "${url.query} needs the name of a parameter, e.g. ${url.query.token}"
	}
	return ""
}

// wrongDocument says that a condition or an expression reads a member that a document of ours does not have; "" if it
// does not.
func wrongDocument(path []string) string {
	root, members := path[0], path[1:]
	if len(members) == 0 || !hasDocument(root) || wrongMember(root, members) == "" || len(members) == 1 && deeper(root, members[0]) {
		return ""
	}
	return fmt.Sprintf("There is no %s.", joined(root, members)) + nearest.DidYouMean(members[0], rootMembers[root])
}

func joined(root string, path []string) string {
	for _, name := range path {
		root = rawjson.JoinPath(root, name)
	}
	return root
}

// Endpoint is what a template can name of the endpoint that a request goes to.
type Endpoint struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Attempt is what a template can name of the attempt that a request is made for. Templates that name it are filled in
// anew for each attempt, see [Template.PerAttempt].
//
// Attempts are counted from the last time that a person or a bulk replay made the delivery begin anew; those that a
// crash interrupted do not count.
type Attempt struct {
	Number     int       // from 1
	At         time.Time // when it is sent
	FirstAt    time.Time // when the first one was sent; zero: this is the first
	LastStatus int       // of the answer to the one before; 0: there was none
	LastError  string    // error class of the one before; "": there was none before
}

// attempt is the attempt that a request is for: without one, the first, at the time of the event.
func (in *Inputs) attempt() Attempt {
	a := Attempt{Number: 1}
	if in.Attempt != nil {
		a = *in.Attempt
	}
	if a.At.IsZero() && in.Event != nil {
		a.At = in.Event.CreatedAt
	}
	if a.FirstAt.IsZero() {
		a.FirstAt = a.At
	}
	return a
}

// text is a time as templates write it.
func text(t time.Time) string { return t.UTC().Format(expr.TimeLayout) }

// document is the document of a root, nil if there is none. Those that Gancho makes itself are made when they are named,
// because few templates name them.
func (in *Inputs) document(root string) []byte {
	switch root {
	case "settings":
		return in.Settings
	case "payload":
		return in.Event.Document()
	case "old":
		return in.Old
	case "new":
		return in.New
	case "record":
		return in.Record
	case "items":
		return in.Items
	case "set":
		return in.Set
	case "challenge":
		token, _ := rawjson.Lookup(in.Event.Document(), root)
		return token
	case "endpoint":
		return encode(in.Endpoint)
	case "url":
		return in.url()
	case "attempt":
		return encode(in.attempt())
	case "changes":
		if in.changes == nil {
			in.changes = expr.Changes(in.Old, in.New)
		}
		return in.changes
	}
	return nil
}

// encode leaves < > & as they are.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // cannot happen: these values always encode
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// MarshalJSON is what a template can name of an attempt.
func (a Attempt) MarshalJSON() ([]byte, error) {
	out := struct {
		Number     int    `json:"number"`
		Time       string `json:"time"`
		Unix       int64  `json:"unix"`
		UnixMilli  int64  `json:"unix_ms"`
		FirstAt    string `json:"first_at"`
		LastStatus *int   `json:"last_status"`
		LastError  string `json:"last_error,omitempty"`
	}{a.Number, text(a.At), a.At.Unix(), a.At.UnixMilli(), text(a.FirstAt), nil, a.LastError}
	if a.LastStatus != 0 {
		out.LastStatus = &a.LastStatus
	}
	return json.Marshal(out)
}

// url is the document of the root url.
func (in *Inputs) url() []byte {
	u, err := url.Parse(in.URL)
	if err != nil || in.URL == "" {
		return nil
	}
	query := map[string]string{}
	for name, values := range u.Query() {
		query[name] = values[0]
	}
	return encode(map[string]any{"full": in.URL, "host": u.Host, "path": cmp.Or(u.EscapedPath(), "/"), "query": query})
}

// eventMember is what ${event.…} names. It is false if the event has no such thing.
func eventMember(ev *hook.Event, name string) (string, bool) {
	switch name {
	case "id":
		return ev.ID.String(), true
	case "type":
		return ev.Type, true
	case "time":
		return text(ev.CreatedAt), true
	case "tenant":
		return ev.Tenant, true
	case "external_id":
		return ev.ExternalID, ev.ExternalID != ""
	case "uuid":
		return ev.ID.UUID(), true
	case "unix":
		return strconv.FormatInt(ev.CreatedAt.Unix(), 10), true
	case "unix_ms":
		return strconv.FormatInt(ev.CreatedAt.UnixMilli(), 10), true
	}
	return "", false
}

// isNumber reports whether a member of event is a number in JSON.
func isNumber(name string) bool { return name == "unix" || name == "unix_ms" }

// PerAttempt reports whether the text may be another one with each attempt of a delivery.
func (t *Template) PerAttempt() bool { return t.DependsOn("attempt") }

// PerAttempt reports whether the value may be another one with each attempt of a delivery.
func (v *Value) PerAttempt() bool { return v.DependsOn("attempt") }

// LooksBack reports whether the text names something of the attempts before the one that it is for.
func (t *Template) LooksBack() (found bool) {
	t.visit(func(root string, path []string) { found = found || looksBack(root, path) })
	return found
}

// LooksBack reports whether the value names something of the attempts before the one that it is for.
func (v *Value) LooksBack() (found bool) {
	v.visit(func(root string, path []string) { found = found || looksBack(root, path) })
	return found
}

func looksBack(root string, path []string) bool {
	return root == "attempt" && (len(path) == 0 || slices.Contains([]string{"first_at", "last_status", "last_error"}, path[0]))
}

// DependsOn reports whether the text names something of a root, also in a condition.
func (t *Template) DependsOn(root string) (found bool) {
	t.visit(func(r string, _ []string) { found = found || r == root })
	return found
}

// DependsOn reports whether the value names something of a root, also in a condition.
func (v *Value) DependsOn(root string) (found bool) {
	v.visit(func(r string, _ []string) { found = found || r == root })
	return found
}
