package contract

import (
	"fmt"
	"testing"
)

func TestEndpointNoun(t *testing.T) {
	t.Parallel()
	for names, want := range map[string][3]Noun{
		"": {},
		"names: {endpoint: webhook}": {
			{One: "webhook", Many: "webhooks"}, {One: "webhook", Many: "webhooks"}, {One: "webhook", Many: "webhooks"},
		},
		"names: {endpoint: {es: {one: conexión, many: conexiones, gender: feminine}, pt: { one: aviso }}}": {
			{}, {One: "conexión", Many: "conexiones", Feminine: true}, {One: "aviso", Many: "avisos"},
		},
		"names: {endpoint: {en: call-back URL}}": {{One: "call-back URL", Many: "call-back URLs"}},
	} {
		c, err := Parse("shop.yaml", fmt.Appendf(nil, "contract: shop\ntitle: Shop\nevents: {a: {title: A}}\n%s\n", names))
		if err != nil {
			t.Fatal(names, err)
		}
		for i, language := range Languages {
			if got := c.EndpointNoun(language); got != want[i] {
				t.Errorf("%s: in %s an endpoint is called %+v, not %+v", names, language, got, want[i])
			}
		}
	}
}
