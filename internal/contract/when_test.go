package contract

import (
	"strings"
	"testing"

	"gancho/internal/hook"
)

// $when reads what $expr can read. A contract that was accepted before that was checked stays in force.
func TestWhenReadsWhatExprReads(t *testing.T) {
	t.Parallel()
	const begin = "contract: o\ntitle: O\nevents: {\"*\": {title: E, set: {topic: any}}}\nendpoint:\n  settings: {properties: {flag: {type: boolean, title: {en: F}}}}\n  body: {a: {$when: "
	for condition, want := range map[string]string{
		"settings.flg == null":               "There is no setting flg. Did you mean flag?",
		"set.topc == null":                   "no event type sets topc. Did you mean topic?",
		"credential.id == null":              "There is no credential here",
		"settings.flag == true":              "",
		"set.topic == \"any\"":               "",
		"payload.whatever == null":           "",
		"type == \"a\" || event.id == \"b\"": "",
	} {
		source := []byte(begin + "'" + condition + "', $value: 1}}\n")
		_, err := Parse("o.yaml", source)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", condition, err, want)
		}
		c, err := ParseStored("o.yaml", source)
		if err != nil {
			t.Errorf("%s, stored: %v", condition, err)
			continue
		}
		e := &hook.Event{ID: hook.NewEventID(), Type: "a", Payload: []byte(`{}`)}
		if r, err := c.Render(hook.EndpointConfig{URL: "https://x.example/", Settings: []byte(`{"flag":true}`)}, e); err != nil || string(r.Body) != `{"a":1}` {
			t.Errorf("%s: %s, %v", condition, r.Body, err)
		}
	}
}
