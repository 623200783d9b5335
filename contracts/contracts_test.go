package contracts_test

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/contracts"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

func load(t testing.TB, file string) *contract.Contract {
	t.Helper()
	c, err := contract.Load(contracts.Files, file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Each shipped contract loads, is complete in three languages, and stands alone
// in its stored form.
func TestShipped(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(contracts.Files, "*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		c := load(t, file)
		if c.Name+".yaml" != file {
			t.Errorf("%s holds the contract %s", file, c.Name)
		}
		texts := map[string]contract.Text{"title": c.Title, "about": c.About}
		for _, e := range c.EventTypes() {
			texts["event "+e.Name] = e.Title
			if e.Example == nil {
				t.Errorf("%s: the event type %s has no example", file, e.Name)
			}
		}
		for _, s := range c.Settings() {
			texts["setting "+s.Name] = s.Title
		}
		for _, a := range c.Assumed() {
			texts["assumed "+a.Path] = a.Note
		}
		for _, chapter := range contract.Chapters {
			if text := c.Docs(chapter); !text.Empty() {
				texts["docs "+chapter] = text
			}
		}
		for what, text := range texts {
			if text.En == "" || text.Es == "" || text.Pt == "" {
				t.Errorf("%s: %s is not in all languages: %+v", file, what, text)
			}
		}
		again, err := contract.Parse(file, c.Source)
		if err != nil {
			t.Errorf("%s does not stand alone: %v", file, err)
			continue
		}
		for i, e := range again.EventTypes() {
			if !bytes.Equal(e.Example, c.EventTypes()[i].Example) {
				t.Errorf("%s: the example of %s changed: %s", file, e.Name, e.Example)
			}
		}
		if !bytes.Equal(again.Source, c.Source) {
			t.Errorf("%s: the stand-alone form is not stable", file)
		}
	}
}

// example is an example file as contracts read it: without white space at its end.
func example(t testing.TB, name string) []byte {
	t.Helper()
	b, err := fs.ReadFile(contracts.Files, "examples/"+name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimRight(b, " \t\r\n")
}

// Kobra's visit goes out as its document prints it, however it came in.
func TestKobra(t *testing.T) {
	t.Parallel()
	c := load(t, "kobra.yaml")
	want := example(t, "kobra-finish-visit.compact.json")
	cfg := hook.EndpointConfig{URL: "https://crm.example/visits", Settings: []byte(`{"api_key":"t0k/en=="}`)}
	if wrong := c.CheckEndpoint(cfg); wrong != nil {
		t.Fatal(wrong)
	}
	headers := []hook.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "api-key", Value: "t0k/en=="}, {Name: "User-Agent", Value: contract.DefaultUserAgent}}
	forms := map[string][]byte{
		"as documented": example(t, "kobra-finish-visit.as-documented.json"),
		"ASCII":         example(t, "kobra-finish-visit.compact-ascii.json"),
		"plain slashes": bytes.ReplaceAll(want, []byte(`\/`), []byte(`/`)),
	}
	for name, payload := range forms {
		ev := &hook.Event{Contract: "kobra", Type: "visit.finished", Payload: payload}
		r, err := c.Render(cfg, ev)
		if err != nil {
			t.Fatal(name, err)
		}
		if !bytes.Equal(r.Body, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, r.Body, want)
		}
		if r.Method != "POST" || r.URL != cfg.URL || cmp.Diff(headers, r.Headers) != "" {
			t.Errorf("%s: %s %s %v", name, r.Method, r.URL, r.Headers)
		}
	}
	r, err := c.Render(cfg, &hook.Event{Contract: "kobra", Type: "visit.finished", Payload: want})
	if err != nil || &r.Body[0] != &want[0] {
		t.Error("the body of a conforming payload is not the payload itself")
	}
	for payload, pointer := range map[string]string{
		`{"visitID":"A","productID":4,"finished":true}`:             "/productID",
		`{"visitID":7,"productID":1,"finished":true}`:               "/visitID",
		`{"productID":1,"finished":true}`:                           "/visitID",
		`{"visitID":"A","productID":3,"finished":true,"more":[{}]}`: "",
	} {
		wrong := c.CheckPayload("visit.finished", []byte(payload))
		if pointer == "" && wrong != nil || pointer != "" && (len(wrong) != 1 || wrong[0].Pointer != pointer) {
			t.Errorf("CheckPayload(%s) = %v, want %q", payload, wrong, pointer)
		}
	}
	if c.HasEvent("visit.started") || !c.HasEvent("visit.finished") || c.Signing() != "" || c.Shaping() {
		t.Error("event types, signing or shaping are wrong")
	}
	if strings.Contains(string(c.MaskSettings(cfg.Settings)), "t0k") {
		t.Error("the token shows")
	}
}

func TestStandard(t *testing.T) {
	t.Parallel()
	c := load(t, "standard.yaml")
	cfg := hook.EndpointConfig{URL: "http://127.0.0.1:9000/hook?x=1"}
	if wrong := c.CheckEndpoint(cfg); wrong != nil {
		t.Fatal(wrong)
	}
	payload := []byte(`{ "a" : 9007199254740993 }`)
	r, err := c.Render(cfg, &hook.Event{Contract: "standard", Type: "anything.at-all", Payload: payload})
	if err != nil || &r.Body[0] != &payload[0] || len(r.Body) != len(payload) {
		t.Errorf("the body is not the payload: %s %v", r.Body, err)
	}
	if c.Signing() != "standard-webhooks" || !c.HasEvent("anything.at-all") || c.HasEvent("") || c.HasEvent("a b") {
		t.Error("signing or event types are wrong")
	}
	if d := cmp.Diff(hook.DefaultRetry, c.Policy(cfg).Retry); d != "" {
		t.Errorf("retry:\n%s", d)
	}
}
