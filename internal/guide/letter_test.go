package guide

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho/internal/contract"
	"gancho/internal/deliver/compose"
	"gancho/internal/hook"
	"gancho/internal/send"
)

// reader is somebody who sets up a webhook, and does what its documentation says, by the letter. Each secret is another
// one, so whoever takes the wrong one is refused.
type reader struct {
	c          *contract.Contract
	text       string // of the documentation
	address    string // of the receiver, with what the documentation says to put into it
	settings   json.RawMessage
	types      []string
	entered    map[string]string // what was typed into a field of the form
	signing    string
	credential *contract.Credential
	method     string // "": that of the contract
	auth       *hook.Auth
}

const (
	typedURL  = "a secret&of=mine"
	typedPair = "the value of a pair"
)

func newReader(t *testing.T, c *contract.Contract) *reader {
	t.Helper()
	r := &reader{
		c: c, text: string(Markdown(c, "en")), address: sampleURL, entered: map[string]string{},
		credential: &contract.Credential{ID: "c1", Tenant: "acme", Name: "CRM", APIKey: "the key of the credential"},
	}
	if s := c.Scheme(); s != nil {
		r.signing = s.NewSecret()
	}
	body := setUp.FindStringSubmatch(r.text)
	if body == nil {
		t.Fatalf("%s: the documentation has no request that sets the webhook up", c.Name)
	}
	var request struct {
		Settings   json.RawMessage
		EventTypes []string `json:"event_types"`
	}
	if err := json.Unmarshal([]byte(body[1]), &request); err != nil {
		t.Fatal(err)
	}
	settings := request.Settings
	r.types = request.EventTypes
	for _, s := range c.Settings() {
		if s.Secret && strings.Contains(string(settings), `"`+placeholder(s.Name)+`"`) {
			title := s.Title.En
			if title == "" {
				title = s.Name
			}
			r.entered[title] = "typed into " + s.Name
			settings = bytes.ReplaceAll(settings, quote(placeholder(s.Name)), quote(r.entered[title]))
		}
	}
	r.settings = bytes.ReplaceAll(settings, quote(pairValue), quote(typedPair))
	if own := regexp.MustCompile("`(https://example[^`]*)your-secret`").FindStringSubmatch(r.text); own != nil {
		r.address = own[1] + "a+secret%26of%3Dmine"
	}
	if wrong := c.CheckEndpoint(r.config()); len(wrong) > 0 {
		t.Errorf("%s: what the documentation says to enter is refused: %v", c.Name, wrong)
	}
	return r
}

func (r *reader) config() hook.EndpointConfig {
	return hook.EndpointConfig{URL: r.address, Method: r.method, EventTypes: r.types, Settings: r.settings, Auth: r.auth, Credential: r.credential}
}

var (
	setUp        = regexp.MustCompile("(?s)A program can do the same with `POST [^`]*`:\n\n```json\n(.*?)\n```")
	intoVariable = regexp.MustCompile("Put (.+) into the environment variable `([A-Z_]+)`")
	underField   = regexp.MustCompile(`^what you entered under \*\*(.+)\*\*$`)
	ofKey        = regexp.MustCompile("^the value that you gave the key `.+`$")
	inAddress    = regexp.MustCompile("^the text that you put in place of `your-secret`$")
)

// variable is the environment variable that the documentation names, and the value that it says to give it.
func (r *reader) variable(t *testing.T) (name, value string) {
	t.Helper()
	found := intoVariable.FindAllStringSubmatch(r.text, -1)
	if len(found) != 1 {
		t.Fatalf("%s: the documentation says %d times what to put into a variable", r.c.Name, len(found))
	}
	what, name := found[0][1], found[0][2]
	switch {
	case what == "the signing secret of your webhook":
		value = r.signing
	case what == "the API key of your credential":
		value = r.credential.APIKey
	case what == "the user name and the password that you entered, with a colon between them":
		a := r.c.Auth(r.config())
		value = a.Basic.User + ":" + a.Basic.Password
	case ofKey.MatchString(what):
		value = typedPair
	case inAddress.MatchString(what):
		value = typedURL
	case underField.MatchString(what):
		value = r.entered[underField.FindStringSubmatch(what)[1]]
	}
	if value == "" {
		t.Fatalf("%s: nobody knows what %q is", r.c.Name, what)
	}
	return name, value
}

// message is a request as a worker makes it for an event.
func (r *reader) message(t *testing.T, e contract.EventType) *send.Message {
	t.Helper()
	c := r.c.WithVersion(1)
	endpoint := &hook.Endpoint{
		ID: hook.NewEndpointID(), Tenant: "acme", Name: "CRM", Contract: c.Name, State: hook.EndpointActive, Version: 1, Config: r.config(),
	}
	if r.signing != "" {
		endpoint.Secrets = []hook.Secret{{Text: r.signing}}
	}
	form, err := compose.NewForm(endpoint, c)
	if err != nil {
		t.Fatal(err)
	}
	name := e.Name
	if name == anyEvent {
		name = sampleEvent
	}
	set := &contract.Set{}
	set.Add(c)
	ev := hook.Event{ID: hook.NewEventID(), Tenant: "acme", Contract: c.Name, Type: name, CreatedAt: time.Now(), Payload: e.Sample()}
	composer := compose.Composer{Contracts: set, Log: slog.New(slog.DiscardHandler)}
	out, err := composer.Compose(t.Context(), form, &hook.Job{
		Event: &ev, Delivery: hook.Delivery{ID: ev.ID.Delivery(1), Endpoint: endpoint.ID, Mode: hook.AtLeastOnce},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Message
}

// deliver sends a message to a receiver in the place of its host.
func deliver(t *testing.T, m *send.Message, to running) *hook.Response {
	t.Helper()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), m.Method, to.url+strings.TrimPrefix(m.Target, "https://example.com"), bytes.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range m.Headers {
		req.Header[h.Name] = []string{h.Value}
	}
	answer, err := client.Do(req)
	if err != nil {
		t.Fatalf("%v\n%s", err, to.output)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return &hook.Response{Status: answer.StatusCode, Body: body}
}

// Where a document says that the customer can choose an authentication, the program takes one, and sends it.
func TestChosenAuthentication(t *testing.T) {
	t.Parallel()
	const says = "Or fill in **Authentication** of the webhook"
	told := 0
	for _, c := range append(shipped(t), library(t)...) {
		if !strings.Contains(string(Markdown(c, "en")), says) {
			continue
		}
		told++
		r := newReader(t, c)
		r.auth = &hook.Auth{Bearer: "a token"}
		if wrong := c.CheckEndpoint(r.config()); len(wrong) > 0 {
			t.Errorf("%s: %v", c.Name, wrong)
		}
		if sent := (hook.Header{Name: "Authorization", Value: "Bearer a token"}); !slices.Contains(r.message(t, c.EventTypes()[0]).Headers, sent) {
			t.Errorf("%s does not send it", c.Name)
		}
	}
	if told == 0 {
		t.Error("no document says it")
	}
}

// TestByTheLetter follows the documentation of every contract: it sets up an endpoint and starts a sample program as it is
// told there. What a worker sends is then received, and what is sent with other secrets is refused. Of the contracts in
// force each program is started, of the library's one each, in turn.
func TestByTheLetter(t *testing.T) {
	t.Parallel()
	type trial struct {
		c        *contract.Contract
		language string
	}
	var trials []trial
	for _, c := range shipped(t) {
		for _, r := range receivers {
			trials = append(trials, trial{c, r.Name})
		}
	}
	interpreted := []string{"PHP", "Node", "Python"}
	for i, c := range library(t) {
		trials = append(trials, trial{c, interpreted[i%len(interpreted)]})
	}
	dir := t.TempDir()
	for _, x := range trials {
		for _, r := range Receivers(x.c, "en") {
			if r.Name != x.language {
				continue
			}
			sub := filepath.Join(dir, x.c.Name)
			if err := os.MkdirAll(sub, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(sub, r.File), r.Code, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	goPrograms(t, dir)
	for _, x := range trials {
		t.Run(x.c.Name+"/"+x.language, func(t *testing.T) {
			t.Parallel()
			r := newReader(t, x.c)
			name, value := r.variable(t)
			to := start(t, filepath.Join(dir, x.c.Name), x.language, name+"="+value)
			e := x.c.EventTypes()[0]
			for _, r.method = range x.c.Methods() {
				if answer := deliver(t, r.message(t, e), to); !x.c.Judge(answer).OK {
					t.Errorf("what is sent with %s is answered with %d %s\n%s", r.method, answer.Status, answer.Body, to.output)
				}
			}
			other := newReader(t, x.c)
			other.address = strings.ReplaceAll(r.address, "mine", "yours")
			other.credential.APIKey = "the key of another credential"
			other.settings = bytes.ReplaceAll(bytes.ReplaceAll(r.settings, []byte("typed into"), []byte("guessed for")), []byte(typedPair), []byte("no value"))
			if answer := deliver(t, other.message(t, e), to); answer.Status != http.StatusUnauthorized {
				t.Errorf("what is sent with other secrets is answered with %d", answer.Status)
			}
		})
	}
}
