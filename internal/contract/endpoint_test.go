package contract

import (
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/mask"
)

func parseContract(t testing.TB, src string) *Contract {
	t.Helper()
	c, err := Parse("test.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func good() hook.EndpointConfig {
	return hook.EndpointConfig{URL: "https://example.com/hook", Settings: []byte(`{"token":"s3cret"}`)}
}

func TestCheckEndpoint(t *testing.T) {
	t.Parallel()
	c := loadShop(t)
	signed := parseContract(t, "contract: s\ntitle: S\nevents: {'*': {title: Any}, 'order.paid': {title: Paid}}\nendpoint: {sign: standard-webhooks}\n")
	once := parseContract(t, "contract: o\ntitle: O\nevents: {e: {title: E}}\ndelivery: {mode: at_most_once}\n")
	plain := func(change func(*hook.EndpointConfig)) hook.EndpointConfig {
		cfg := good()
		change(&cfg)
		return cfg
	}
	bare := func(change func(*hook.EndpointConfig)) hook.EndpointConfig {
		cfg := hook.EndpointConfig{URL: "http://example.com"}
		change(&cfg)
		return cfg
	}
	type cfg = hook.EndpointConfig
	for _, tc := range []struct {
		name string
		c    *Contract
		cfg  hook.EndpointConfig
		want []string // "pointer part of the detail"
	}{
		{"good", c, good(), nil},
		{"good, everything", c, plain(func(e *cfg) {
			e.Method, e.EventTypes, e.Filter = "POST", []string{"order.*", "order.paid"}, "payload.id > 1"
			e.Headers = []hook.Header{{Name: "X-A", Value: "ü"}, {Name: "User-Agent", Value: "me/1"}}
			e.Timeout, e.Retry, e.PerSecond, e.Concurrency, e.Mode = time.Second, []time.Duration{0, time.Minute}, 0.5, 1000, hook.AtMostOnce
		}), nil},
		{"no url", c, plain(func(e *cfg) { e.URL = "" }), []string{"/url is required"}},
		{"no scheme", c, plain(func(e *cfg) { e.URL = "example.com/x" }), []string{"/url begin with one of these: https://, http://."}},
		{"other scheme", c, plain(func(e *cfg) { e.URL = "ftp://example.com" }), []string{"/url begin with one of these: https://, http://."}},
		{"no host", c, plain(func(e *cfg) { e.URL = "https:///x" }), []string{"/url has no host"}},
		{"no host but port", c, plain(func(e *cfg) { e.URL = "https://:80/x" }), []string{"/url has no host"}},
		{"user", c, plain(func(e *cfg) { e.URL = "https://a:b@example.com" }), []string{"/url user name"}},
		{"fragment", c, plain(func(e *cfg) { e.URL = "https://example.com/#a" }), []string{"/url Remove it"}},
		{"empty fragment", c, plain(func(e *cfg) { e.URL = "https://example.com/#" }), []string{"/url Remove it"}},
		{"space", c, plain(func(e *cfg) { e.URL = "https://example.com/a b" }), []string{"/url spaces"}},
		{"line break", c, plain(func(e *cfg) { e.URL = "https://example.com/a\r\nx: y" }), []string{"/url line breaks"}},
		{"port", c, plain(func(e *cfg) { e.URL = "https://example.com:99999/" }), []string{"/url port"}},
		{"empty port", c, plain(func(e *cfg) { e.URL = "https://example.com:/" }), []string{"/url port"}},
		{"port 0", c, plain(func(e *cfg) { e.URL = "https://example.com:0/" }), []string{"/url port"}},
		{"percent", c, plain(func(e *cfg) { e.URL = "https://example.com/%zz" }), []string{"/url not a URL"}},
		{"host", c, plain(func(e *cfg) { e.URL = "https://exa%6dple!.com/" }), []string{"/url "}},
		{"another script", c, plain(func(e *cfg) { e.URL = "https://münchen.example/ü?q=ñ" }), nil},
		{"another script, no name", c, plain(func(e *cfg) { e.URL = "https://mün chen.example/" }), []string{"/url spaces"}},
		{"another script, no DNS name", c, plain(func(e *cfg) { e.URL = "https://mü--.exa!mple/" }), []string{"/url not the name or address of a host"}},
		{"ipv6", c, plain(func(e *cfg) { e.URL = "https://[::1]:8080/" }), nil},
		{"long", c, plain(func(e *cfg) { e.URL = "https://example.com/" + strings.Repeat("a", MaxURL) }), []string{"/url at most 2048"}},
		{"method", c, plain(func(e *cfg) { e.Method = "post" }), []string{"/method Did you mean POST?"}},
		{"one method", once, bare(func(e *cfg) { e.Method = "PUT" }), []string{"/method with POST only"}},
		{"event types", c, plain(func(e *cfg) { e.EventTypes = []string{"order.*", "order.payd", "visit.*", "a b"} }), []string{"/event_types/3 cannot be part"}},
		{
			"event types that never come", c, plain(func(e *cfg) { e.EventTypes = []string{"order.*", "order.payd", "visit.*"} }),
			[]string{"/event_types/1 Did you mean order.paid?", "/event_types/2 has no event type visit.*. Possible: order.paid, order.sent."},
		},
		{"any event type", signed, bare(func(e *cfg) { e.EventTypes = []string{"what.ever"} }), nil},
		{"filter", c, plain(func(e *cfg) { e.Filter = "paylod.a == 1" }), []string{"/filter Did you mean payload? (line 1, column 1)"}},
		{"settings missing", c, plain(func(e *cfg) { e.Settings = nil }), []string{"/settings/token This is required."}},
		{
			"settings wrong", c, plain(func(e *cfg) { e.Settings = []byte(`{"token":"x","sorce":"y","source":7,"pairs":[{"value":1}]}`) }),
			[]string{"/settings/pairs/0/value has to be a text", "/settings/sorce Did you mean source?", "/settings/source has to be a text, not a number", "/settings/token at least 3 characters"},
		},
		{"settings no object", c, plain(func(e *cfg) { e.Settings = []byte(`[]`) }), []string{"/settings has to be an object, not a list"}},
		{"settings none", once, bare(func(e *cfg) { e.Settings = []byte(`{"a":1}`) }), []string{"/settings/a this contract has none"}},
		{"settings masked", c, plain(func(e *cfg) { e.Settings = []byte(`{"token":"********"}`) }), []string{"/settings/token is the mask"}},
		{"settings break a header", c, plain(func(e *cfg) { e.Settings = []byte(`{"token":"a\r\nb: c"}`) }), []string{"/settings/token goes into the header authorization"}},
		{"settings end in space", c, plain(func(e *cfg) { e.Settings = []byte(`{"token":"abc "}`) }), []string{"/settings/token begin or end with a space"}},
		{"headers", c, plain(func(e *cfg) {
			e.Headers = headers("Host", "x", "content-length", "1", "a b", "c", "Authorization", "x", "Content-Type", "x", "X-A", "1", "x-a", "2", "X-B", "a\nb", "X-C", " a", "webhook-id", "fine here", "", "x")
		}), []string{
			"/headers/Host set by Gancho", "/headers/content-length set by Gancho", "/headers/a b cannot be the name", "/headers/Authorization set by the contract shop",
			"/headers/Content-Type set by the contract shop", "/headers/x-a there already", "/headers/X-B line breaks", "/headers/X-C begin or end", "/headers/ cannot be the name",
		}},
		{
			"headers under a signature", signed, bare(func(e *cfg) { e.Headers = headers("Webhook-Signature", "x", "WEBHOOK-other", "y") }),
			[]string{"/headers/Webhook-Signature carries the signature", "/headers/WEBHOOK-other belong to the signature"},
		},
		{"pointer is escaped", c, plain(func(e *cfg) { e.Headers = headers("a/b~c", "x") }), []string{"/headers/a~1b~0c cannot be the name"}},
		{"limits", c, plain(func(e *cfg) {
			e.Timeout, e.Retry, e.PerSecond, e.Concurrency, e.Mode = time.Hour, []time.Duration{0, -1, 8 * 24 * time.Hour}, -1, 1001, "at_least_one"
		}), []string{"/timeout_ms from 1 to 300000", "/retry/1 0s to 168h", "/retry/2 0s to 168h", "/rate_limit/per_second more than 0", "/concurrency from 1 to 1000", "/mode Did you mean at_least_once?"}},
		{"too many attempts", c, plain(func(e *cfg) { e.Retry = make([]time.Duration, 101) }), []string{"/retry at most 100"}},
		{"at most once stays", once, bare(func(e *cfg) { e.Mode, e.Retry = hook.AtLeastOnce, []time.Duration{0, 1} }), []string{"/mode at most once", "/retry at most once"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := tc.c.CheckEndpoint(tc.cfg)
			ok := len(got) == len(tc.want)
			for i := 0; ok && i < len(got); i++ {
				ok = false
				for _, w := range tc.want { // the schema reports in no order
					if detail, found := strings.CutPrefix(w, got[i].Pointer+" "); found && strings.Contains(got[i].Detail, detail) {
						ok = true
					}
				}
			}
			if !ok {
				t.Errorf("got %q\nwant %q", got, tc.want)
			}
			for _, f := range got {
				if strings.Contains(f.Detail, "s3cret") {
					t.Error("the token shows")
				}
			}
		})
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	c := loadShop(t)
	stored := []byte(`{ "token" : "a\"b" , "source":"src", "pairs":[{"key":"k","value":"val1"},{"key":"l"},{"value":"val2"},{"value":null}], "n": 1.50 }`)
	masked := `{ "token" : "********" , "source":"src", "pairs":[{"key":"k","value":"********"},{"key":"l"},{"value":"********"},{"value":null}], "n": 1.50 }`
	if got := string(c.SecretSettings().Hide(stored)); got != masked {
		t.Errorf("got  %s\nwant %s", got, masked)
	}
	m := c.Mask(hook.EndpointConfig{
		URL: "https://example.com/?token=in-url", Settings: stored, Headers: []hook.Header{{Name: "X-Key", Value: "in-header"}, {Name: "X", Value: "shown"}},
		Credential: &hook.Identity{APIKey: "key-of-credential"},
	})
	for text, want := range map[string]string{
		`a"b`: `a"b`, `"a\"b"`: `"********"`, "val1 or val2": "******** or ********", "src": "src",
		"in-url": mask.Text, "in-header": mask.Text, "shown": "shown", "key-of-credential": mask.Text,
	} {
		if got := m.Text(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if got := m.Headers([]hook.Header{{Name: "X", Value: `a"b`}}); got[0].Value != mask.Text {
		t.Errorf("a short secret that is all of a header shows: %v", got)
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	c := loadShop(t)
	in := []byte(`{"headers":{"authorization":"bearer x","set-cookie":["a"]}, "list":[1,{"x":2}],"id":1.0}`)
	want := `{"headers":{"authorization":"[redacted]","set-cookie":"[redacted]"}, "list":[1,{"x":"[redacted]"}],"id":1.0}`
	if got := string(c.Redact(in)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	clean := []byte(`{"id":1}`)
	if got := c.Redact(clean); &got[0] != &clean[0] {
		t.Error("a payload with nothing to redact was copied")
	}
}
