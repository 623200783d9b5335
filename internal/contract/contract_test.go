package contract

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"gancho/internal/hook"
)

// What the console and the documentation show of a contract.
func TestDescription(t *testing.T) {
	t.Parallel()
	c := parseContract(t, `
contract: d
title: D
records: {r: {title: R, about: Of records., key: id, schema: {type: object, properties: {a: {type: string, title: {en: Name, es: Nombre}}}}}}
events:
  first: {title: F, about: Of events., on: r, when: new != null, schema: {type: object, properties: {a: {type: string, title: {en: Name, es: Nombre}}}}}
  second: {title: S, on: r}
  third: {title: T}
endpoint:
  body: {a: "${payload.a}"}
  schema: {type: object, properties: {a: {type: string, title: {en: Name, es: Nombre}}}}
  egress: {allow: [example.com], deny: [10.0.0.0/8]}
delivery: {success: response.status == 204}
redact: [a.b, 'list[0]["x y"]']
sensitive: ["**.email", phone]
seal_payloads: true
`)
	events, records := c.EventTypes(), c.Records()
	for _, tc := range []struct{ got, want string }{
		{events[0].Condition() + "|" + events[1].Condition() + "|" + events[2].Condition(), "new != null||"},
		{c.SuccessRule(), "response.status == 204"},
		{parseContract(t, paired).SuccessRule(), ""},
		{strings.Join(c.Redacted(), " | "), `a.b | list.0["x y"]`},
		{strings.Join(c.SensitivePaths(), " | "), "**.email | phone"},
		{events[0].About.En + " " + records[0].About.En, "Of events. Of records."},
		{c.PairsSetting() + parseContract(t, paired).PairsSetting(), "pairs"},
		{fmt.Sprint(c.SealsPayloads(), parseContract(t, paired).SealsPayloads()), "true false"},
	} {
		if tc.got != tc.want {
			t.Errorf("got  %s\nwant %s", tc.got, tc.want)
		}
	}
	for name, schema := range map[string]func(string) []byte{
		"event":  func(l string) []byte { return events[0].SchemaIn(l) },
		"record": func(l string) []byte { return records[0].SchemaIn(l) },
		"body":   func(l string) []byte { return c.BodySchema(l) },
	} {
		if !bytes.Contains(schema("es"), []byte(`"Nombre"`)) || !bytes.Contains(schema("en"), []byte(`"Name"`)) {
			t.Errorf("%s: %s", name, schema("es"))
		}
	}
	if c.Egress() == nil || parseContract(t, paired).Egress() != nil {
		t.Error("the rules for hosts")
	}
	if p := c.WithVersion(4).Plan(hook.EndpointConfig{}); p.Version() != 4 {
		t.Errorf("the plan is of version %d", p.Version())
	}
}
