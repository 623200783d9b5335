package contract

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/match"
)

// found is what is reported: each pointer, with the code of the problem.
func found(list []hook.FieldError) string {
	var out []string
	for _, f := range list {
		out = append(out, f.Pointer+" "+f.Code)
	}
	return strings.Join(out, ", ")
}

// Each limit of an endpoint: what is just possible, and what is just not.
func TestEndpointLimits(t *testing.T) {
	t.Parallel()
	c := parseContract(t, "contract: o\ntitle: O\nevents: {e: {title: E}}\n")
	once := parseContract(t, "contract: o\ntitle: O\nevents: {e: {title: E}}\ndelivery: {mode: at_most_once}\n")
	label := strings.Repeat("a", 63)
	long := strings.Repeat(label+".", 3) // 192 bytes
	many := func(n int) (out []hook.Header) {
		for i := range n {
			out = append(out, hook.Header{Name: fmt.Sprintf("x-%d", i), Value: "v"})
		}
		return out
	}
	type cfg = hook.EndpointConfig
	for _, tc := range []struct {
		c    *Contract
		set  func(*cfg)
		want string
	}{
		{c, func(e *cfg) { e.URL = "https://example.com/" + strings.Repeat("a", MaxURL-20) }, ""},
		{c, func(e *cfg) { e.URL = "https://example.com/" + strings.Repeat("é", MaxURL) + " b" }, "/url url_too_long"},
		{c, func(e *cfg) { e.URL = " https://example.com/" }, "/url url_space"},
		{c, func(e *cfg) { e.URL = "https://example.com/\x7f" }, "/url url_space"},
		{c, func(e *cfg) { e.URL = "https://azAZ09-_.example.com:65535/" }, ""},
		{c, func(e *cfg) { e.URL = "https://xn--mnchen-3ya.example./" }, ""},
		{c, func(e *cfg) { e.URL = "https://MÜNCHEN.example/" }, ""},
		{c, func(e *cfg) { e.URL = "https://a..example/" }, "/url url_host"},
		{c, func(e *cfg) { e.URL = "https://.example/" }, "/url url_host"},
		{c, func(e *cfg) { e.URL = "https://" + label + ".example/" }, ""},
		{c, func(e *cfg) { e.URL = "https://a" + label + ".example/" }, "/url url_host"},
		{c, func(e *cfg) { e.URL = "https://" + long + label[:61] + "/" }, ""},
		{c, func(e *cfg) { e.URL = "https://" + long + label[:62] + "/" }, "/url url_host"},
		{c, func(e *cfg) { e.URL = "https://[fe80::1%25eth0]/" }, ""},
		{c, func(e *cfg) { e.URL = "https://[gg::1]/" }, "/url url_malformed"},
		{c, func(e *cfg) { e.URL = "https://a~b.example/" }, "/url url_host"},
		{c, func(e *cfg) { e.URL = "https://a!b.example/" }, "/url url_host"},
		{c, func(e *cfg) { e.URL = "https://a;b.example/" }, "/url url_host"},
		{c, func(e *cfg) { e.Headers = many(MaxHeaders) }, ""},
		{c, func(e *cfg) { e.Headers = append(many(MaxHeaders), hook.Header{Name: "a b"}) }, "/headers headers_too_many"},
		{c, func(e *cfg) { e.Headers = headers("x-a", strings.Repeat("v", MaxHeaderValue)) }, ""},
		{c, func(e *cfg) { e.Headers = headers("x-a", strings.Repeat("v", MaxHeaderValue+1)) }, "/headers/x-a header_value_long"},
		{c, func(e *cfg) { e.Headers = headers("x-a", "b\x7fc") }, "/headers/x-a header_value_control"},
		{c, func(e *cfg) { e.Headers = headers("x-a", "b\tc", "x-b", "") }, ""},
		{c, func(e *cfg) { e.Headers = headers("x-a", mask.Text) }, "/headers/x-a value_masked"},
		{c, func(e *cfg) { e.Timeout = hook.MaxTimeout }, ""},
		{c, func(e *cfg) { e.Timeout = hook.MaxTimeout + 1 }, "/timeout_ms number_range"},
		{c, func(e *cfg) { e.Timeout = -1 }, "/timeout_ms number_range"},
		{c, func(e *cfg) { e.Retry = make([]time.Duration, hook.MaxRetries) }, ""},
		{c, func(e *cfg) { e.Retry = make([]time.Duration, hook.MaxRetries+1) }, "/retry retry_too_many"},
		{c, func(e *cfg) { e.Retry = []time.Duration{hook.MaxRetryDelay} }, ""},
		{c, func(e *cfg) { e.PerSecond = MaxPerSecond }, ""},
		{c, func(e *cfg) { e.PerSecond = MaxPerSecond + 1 }, "/rate_limit/per_second rate_range"},
		{c, func(e *cfg) { e.PerSecond = math.NaN() }, "/rate_limit/per_second rate_range"},
		{c, func(e *cfg) { e.Concurrency = hook.MaxConcurrency }, ""},
		{c, func(e *cfg) { e.Concurrency = hook.MaxConcurrency + 1 }, "/concurrency number_range"},
		{c, func(e *cfg) { e.Concurrency = -1 }, "/concurrency number_range"},
		{once, func(e *cfg) { e.Retry = []time.Duration{0} }, ""},
		{once, func(e *cfg) { e.Mode = hook.AtMostOnce }, ""},
		{once, func(e *cfg) { e.Retry = []time.Duration{0, 1} }, "/retry retry_of_contract"},
	} {
		e := hook.EndpointConfig{URL: "http://example.com"}
		tc.set(&e)
		if got := found(tc.c.CheckEndpoint(e)); got != tc.want {
			t.Errorf("%.200s %.60v %v %v %v %d: got %q, want %q",
				e.URL, e.Headers, e.Timeout, e.Retry, e.PerSecond, e.Concurrency, got, tc.want)
		}
	}
}

// How many event types an endpoint lists.
func TestEventTypeCount(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ limits, types, want string }{
		{"{min: 2, max: 2}", "a", "/event_types event_types_exactly"},
		{"{min: 2, max: 2}", "a b", ""},
		{"{min: 2, max: 2}", "a b c", "/event_types event_types_exactly"},
		{"{max: 2}", "", "/event_types event_types_at_most"},
		{"{max: 2}", "a", ""},
		{"{max: 2}", "a b", ""},
		{"{max: 2}", "a b c", "/event_types event_types_at_most"},
		{"{min: 1, max: 2}", "", "/event_types event_types_at_least"},
		{"{min: 1, max: 2}", "a b c", "/event_types event_types_at_most"},
		{"{min: 2, max: 3}", "a", "/event_types event_types_at_least"},
		{"{min: 2, max: 3}", "a b c", ""},
		{"{min: 2}", "", "/event_types event_types_at_least"},
		{"{min: 2}", "a", "/event_types event_types_at_least"},
		{"{min: 2}", "a b c", ""},
		{"{min: 1}", "*", ""},
		{"{max: 2}", "a *", "/event_types/1 event_type_whole"},
		{"{max: 1}", "* b", "/event_types event_types_at_most"},
	} {
		c := parseContract(t, "contract: o\ntitle: O\nevents: {a: {title: A}, b: {title: B}, c: {title: C}}\nendpoint: {event_types: "+tc.limits+"}\n")
		cfg := hook.EndpointConfig{URL: "http://example.com", EventTypes: strings.Fields(tc.types)}
		if got := found(c.CheckEndpoint(cfg)); got != tc.want {
			t.Errorf("%s, %s: got %q, want %q", tc.limits, tc.types, got, tc.want)
		}
	}
}

// A script may set the headers that a person may set.
func TestRefuseHeader(t *testing.T) {
	t.Parallel()
	c := parseContract(t, "contract: o\ntitle: O\nevents: {e: {title: E}}\n")
	for want, h := range map[string]hook.Header{
		"": {Name: "x-a", Value: "1"},
		"The header Host is set by Gancho itself and cannot be given.":                                                          {Name: "Host", Value: "x"},
		"The header x-a cannot have this value: The value of a header cannot begin or end with a space, because HTTP drops it.": {Name: "x-a", Value: " "},
		"The header x-a cannot have this value: The value of a header cannot hold line breaks or other control characters.":     {Name: "x-a", Value: "a\nb"},
	} {
		if got := c.RefuseHeader(h); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// A filter that costs too much whatever the event is refused. What CheckEndpoint reports is not reported again.
func TestFilterCost(t *testing.T) {
	t.Parallel()
	c := parseContract(t, "contract: c\ntitle: C\nevents: {a: {title: A}, b: {title: B, example: '{\"n\":1}'}}\n")
	list := "[" + strings.Repeat("1,", 300) + "1]"
	costly := list + ".all(x, " + list + ".all(y, " + list + ".all(z, x + y + z < 99)))"
	for filter, want := range map[string]string{
		"": "", "payload.n == 1": "", "paylod.n == 1": "", costly: "/filter filter_costly",
	} {
		if got := found(c.CheckFilterCost(hook.EndpointConfig{Filter: filter})); got != want {
			t.Errorf("%.40s: got %q, want %q", filter, got, want)
		}
	}
	if got := c.CheckFilterCost(hook.EndpointConfig{Filter: costly, EventTypes: []string{"a b"}}); got != nil {
		t.Error(got)
	}
	if least, err := match.LeastCost(costly); err != nil || least <= match.MaxCost {
		t.Errorf("the filter of this test costs %d: %v", least, err)
	}
}

// A form whose condition has no truth value is refused when the endpoint is made, not when the first event comes.
func TestFormUndecided(t *testing.T) {
	t.Parallel()
	c := parseContract(t, `
contract: f
title: F
events: {e: {title: E}}
endpoint:
  settings: {properties: {as: {title: As, type: [string, integer]}}}
  form: {field: data, when: 'settings.as + "x" == "formx"'}
`)
	for settings, want := range map[string]string{`{"as":"form"}`: "", `{"as":"json"}`: "", `{"as":1}`: "/settings form_undecided"} {
		cfg := hook.EndpointConfig{URL: "http://example.com", Settings: []byte(settings)}
		if got := found(c.CheckEndpoint(cfg)); got != want {
			t.Errorf("%s: got %q, want %q", settings, got, want)
		}
	}
}
