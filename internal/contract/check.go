package contract

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/match"
	"gancho/internal/nearest"
)

// Limits of an endpoint beside those in hook.
const (
	MaxURL         = 2048 // bytes
	MaxHeaders     = 50
	MaxHeaderValue = 8192 // bytes
	MaxPerSecond   = 100_000
)

// CheckEndpoint reports everything that is wrong with an endpoint's
// configuration, with pointers into the endpoint object of the REST API. A nil
// result means that [Contract.Plan] can be made of it.
func (c *Contract) CheckEndpoint(cfg hook.EndpointConfig) []hook.FieldError {
	var r report
	r.url(cfg.URL)
	if cfg.Method != "" && !slices.Contains(c.endpoint.methods, cfg.Method) {
		r.add("/method", "%s", methodHint(cfg.Method, c.endpoint.methods))
	}
	c.checkEventTypes(&r, cfg.EventTypes)
	if _, err := match.CompileFilter(cfg.Filter); err != nil {
		r.condition("/filter", err)
	}
	settings := c.endpoint.settings.check(cfg.Settings)
	r.list = append(r.list, settings...)
	c.checkHeaders(&r, cfg.Headers)
	if len(settings) == 0 {
		c.checkRendered(&r, cfg)
		c.checkPairs(&r, cfg)
		c.checkForm(&r, cfg)
	}
	c.checkLimits(&r, cfg)
	return r.list
}

type report struct{ list []hook.FieldError }

func (r *report) add(pointer, format string, args ...any) {
	r.list = append(r.list, hook.FieldError{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
}

func (r *report) condition(pointer string, err error) {
	if e, ok := errors.AsType[*expr.Error](err); ok {
		r.add(pointer, "%s (line %d, column %d)", e.Message, e.Line, e.Column)
		return
	}
	r.add(pointer, "%s", err.Error())
}

func (r *report) url(s string) {
	const at = "/url"
	if s == "" {
		r.add(at, "This is required: the address that receives the webhook, like https://example.com/webhook.")
		return
	}
	if len(s) > MaxURL {
		r.add(at, "A URL has at most %d bytes; this one has %d.", MaxURL, len(s))
		return
	}
	if i := strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f }); i >= 0 {
		r.add(at, "A URL cannot contain spaces or line breaks. Write a space as %%20.")
		return
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		r.add(at, "This is not a URL. Write it like https://example.com/webhook.")
	case u.Scheme != "http" && u.Scheme != "https":
		r.add(at, "The URL has to begin with https:// or http://.")
	case u.Hostname() == "":
		r.add(at, "The URL has no host. Write it like https://example.com/webhook.")
	case u.User != nil:
		r.add(at, "The URL cannot hold a user name or password. Put credentials into a header.")
	case strings.Contains(s, "#"):
		r.add(at, "The part from # on is never sent to a server. Remove it.")
	case !validPort(u):
		r.add(at, "The port has to be a number from 1 to 65535.")
	case !validHost(u.Hostname()):
		r.add(at, "%q is not the name or address of a host.", u.Hostname())
	}
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// validHost takes IP addresses and DNS names; names in other scripts than
// Latin have to come in their xn-- form, which is what browsers copy.
func validHost(h string) bool {
	if _, err := netip.ParseAddr(h); err == nil {
		return true
	}
	if len(h) > 253 || strings.Contains(h, ":") {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(h, "."), ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			switch {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
			default:
				return false
			}
		}
	}
	return true
}

// checkEventTypes refuses a glob that no event of the contract can match: it
// would make an endpoint that waits for ever.
func (c *Contract) checkEventTypes(r *report, globs []string) {
	if _, err := match.CompileTypes(globs); err != nil {
		if e, ok := errors.AsType[*match.GlobError](err); ok {
			r.add("/event_types/"+strconv.Itoa(e.Index), "%s", e.Detail)
		}
		return
	}
	c.checkTypeCount(r, globs)
	if c.anyEvent {
		return
	}
	names := c.EventNames()
	for i, g := range globs {
		t, err := match.CompileTypes([]string{g})
		if err == nil && !slices.ContainsFunc(names, t.Match) {
			r.add("/event_types/"+strconv.Itoa(i), "%s", c.NoEvent(g))
		}
	}
}

// checkTypeCount holds an endpoint to as many event types as its contract says.
func (c *Contract) checkTypeCount(r *report, globs []string) {
	const at = "/event_types"
	least, most := c.endpoint.minTypes, c.endpoint.maxTypes
	count := "at least " + strconv.Itoa(least)
	switch {
	case least == most:
		count = "exactly " + strconv.Itoa(least)
	case most > 0 && (least == 0 || len(globs) > most):
		count = "at most " + strconv.Itoa(most)
	}
	if len(globs) < least || most > 0 && (len(globs) > most || len(globs) == 0) {
		r.add(at, "An endpoint of the contract %s takes %s event type%s; this one names %d.", c.Name, count, map[bool]string{true: "", false: "s"}[strings.HasSuffix(count, " 1")], len(globs))
		return
	}
	for i, g := range globs {
		if most > 0 && strings.Contains(g, "*") {
			r.add(at+"/"+strconv.Itoa(i), "Here an event type is given by its whole name, without *.")
		}
	}
}

func (c *Contract) checkHeaders(r *report, headers []hook.Header) {
	if len(headers) > MaxHeaders {
		r.add("/headers", "There are %d headers; at most %d are allowed.", len(headers), MaxHeaders)
		return
	}
	seen := map[string]bool{}
	for _, h := range headers {
		at, low := "/headers"+pointer(h.Name), strings.ToLower(h.Name)
		switch why := refuseHeader(h.Name, c.endpoint.sign); {
		case why != "":
			r.add(at, "%s", why)
		case low == "content-type", c.endpoint.sets(h.Name):
			r.add(at, "The header %s is set by the contract %s and cannot be given.", h.Name, c.Name)
		case seen[low]:
			r.add(at, "The header %s is there already; upper and lower case do not matter.", h.Name)
		case wrongValue(h.Value) != "":
			r.add(at, "%s", wrongValue(h.Value))
		}
		seen[low] = true
	}
}

// RefuseHeader says why a request cannot have a header that a person or a script
// gives it; "" if it can.
func (c *Contract) RefuseHeader(h hook.Header) string {
	if why := refuseHeader(h.Name, c.endpoint.sign); why != "" {
		return why
	}
	if why := wrongValue(h.Value); why != "" {
		return "The header " + h.Name + " cannot have this value: " + why
	}
	return ""
}

// wrongValue says why a header cannot have a value; "" if it can. Spaces at the
// ends are refused because HTTP drops them, and values are sent exactly.
func wrongValue(v string) string {
	switch {
	case len(v) > MaxHeaderValue:
		return fmt.Sprintf("The value of a header has at most %d bytes.", MaxHeaderValue)
	case !validHeaderValue(v):
		return "The value of a header cannot hold line breaks or other control characters."
	case strings.Trim(v, " \t") != v:
		return "The value of a header cannot begin or end with a space, because HTTP drops it."
	}
	return ""
}

// checkRendered fills in the contract's headers and looks at what comes out:
// a setting may be a fine text and yet no header value. The setting is named,
// never its value.
func (c *Contract) checkRendered(r *report, cfg hook.EndpointConfig) {
	for _, h := range c.endpoint.headers {
		if !h.value.static() {
			continue
		}
		v, ok := h.value.render(&inputs{settings: cfg.Settings})
		if why := wrongValue(v); ok && why != "" {
			at := "/settings"
			for _, p := range h.value.parts {
				if p.root == "settings" {
					at = "/settings" + pointer(p.path...)
					break
				}
			}
			r.add(at, "This goes into the header %s. %s", h.name, why)
		}
	}
}

// checkForm tells of settings that the rule for forms cannot be applied to.
func (c *Contract) checkForm(r *report, cfg hook.EndpointConfig) {
	if f := c.endpoint.form; f != nil && f.when != nil {
		if _, err := f.applies(cfg.Settings); err != nil {
			r.add("/settings", "With these settings the contract cannot tell whether to send a form: %v.", err)
		}
	}
}

func (c *Contract) checkLimits(r *report, cfg hook.EndpointConfig) {
	if cfg.Timeout < 0 || cfg.Timeout > hook.MaxTimeout {
		r.add("/timeout_ms", "This has to be from 1 to %d.", hook.MaxTimeout.Milliseconds())
	}
	if len(cfg.Retry) > hook.MaxRetries {
		r.add("/retry", "There are %d attempts; at most %d are possible.", len(cfg.Retry), hook.MaxRetries)
	}
	for i, d := range cfg.Retry {
		if d < 0 || d > hook.MaxRetryDelay {
			r.add("/retry/"+strconv.Itoa(i), "A delay has to be from 0s to %s.", days(hook.MaxRetryDelay))
		}
	}
	if cfg.PerSecond < 0 || cfg.PerSecond > MaxPerSecond || math.IsNaN(cfg.PerSecond) {
		r.add("/rate_limit/per_second", "This has to be more than 0 and at most %d; leave it out for no limit.", MaxPerSecond)
	}
	if cfg.Concurrency < 0 || cfg.Concurrency > hook.MaxConcurrency {
		r.add("/concurrency", "This has to be from 1 to %d.", hook.MaxConcurrency)
	}
	switch cfg.Mode {
	case "", hook.AtLeastOnce, hook.AtMostOnce:
	default:
		r.add("/mode", "%q is not possible.%s", cfg.Mode, nearest.DidYouMean(string(cfg.Mode), []string{string(hook.AtLeastOnce), string(hook.AtMostOnce)}))
	}
	if c.delivery.mode == hook.AtMostOnce {
		if cfg.Mode == hook.AtLeastOnce {
			r.add("/mode", "The contract %s promises to send at most once; an endpoint cannot change that.", c.Name)
		}
		if len(cfg.Retry) > 1 {
			r.add("/retry", "The contract %s sends at most once, so nothing is retried. Leave this out.", c.Name)
		}
	}
}

func days(d time.Duration) string { return strconv.Itoa(int(d.Hours())) + "h" }
