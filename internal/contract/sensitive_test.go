package contract

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/mask"
)

func TestSensitive(t *testing.T) {
	t.Parallel()
	const text = `
contract: people
title: {en: People}
events: {"*": {title: {en: Any}}}
endpoint: {settings: {properties: {token: {type: string, secret: true, title: {en: Token}}}}}
sensitive: [contact.email, "items.*.phone", "**.document"]
`
	c, err := Parse("people.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(mask.Fields{{"contact", "email"}, {"items", "*", "phone"}, {"**", "document"}}, c.Sensitive()); d != "" {
		t.Error(d)
	}
	doc := []byte(`{"token":"t","contact":{"email":"a@b.example"},"items":{"x":{"phone":3001}},"document":[{"document":"7777"}],"n":1}`)
	if got := string(c.SecretSettings().Hide(doc)); strings.Count(got, mask.Text) != 4 || strings.Contains(got, "7777") {
		t.Errorf("settings: %s", got)
	}
	m := c.SensitiveMask(mask.Mask{}, doc)
	if got := m.Text("a@b.example 3001 7777 t 1"); got != "******** ******** ******** t 1" {
		t.Errorf("a text that repeats them: %s", got)
	}
	for _, wrong := range []string{"a..b", "**.a.**", ""} {
		if _, err := Parse("people.yaml", []byte(strings.Replace(text, "contact.email", `"`+wrong+`"`, 1))); err == nil {
			t.Errorf("%q is accepted as a path", wrong)
		}
	}
	if _, err := Parse("people.yaml", []byte(strings.Replace(text, "contact.email", "a"+strings.Repeat(", a", 100), 1))); err == nil {
		t.Error("more than a hundred paths are accepted")
	}
}
