package contract

import (
	"errors"
	"math"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"gancho/internal/certs"
	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/match"
	"gancho/internal/nearest"
	"gancho/internal/schema"
	"gancho/internal/template"
)

// Limits of an endpoint beside those in hook.
const (
	MaxURL         = 2048 // bytes
	MaxHeaders     = 50
	MaxHeaderValue = 8192 // bytes
	MaxPerSecond   = 100_000
	minPerSecond   = 0.001
)

// CheckEndpoint lists all mistakes in the configuration of an endpoint, with pointers
// into the endpoint object of the REST API. If it finds none, [Contract.Plan] can use the
// configuration.
func (c *Contract) CheckEndpoint(cfg hook.EndpointConfig) []hook.FieldError {
	var r report
	r.url("/url", cfg.URL, c.schemes)
	if cfg.Method != "" && !slices.Contains(c.endpoint.methods, cfg.Method) {
		r.wrong(wrongMethod(cfg.Method, c.endpoint.methods).At("/method"))
	}
	c.checkEventTypes(&r, cfg.EventTypes)
	if _, err := match.CompileFilter(cfg.Filter); err != nil {
		r.condition("/filter", err)
	}
	settings := c.endpoint.settings.Check(cfg.Settings)
	r.list = append(r.list, settings...)
	c.checkHeaders(&r, cfg.Headers)
	if len(settings) == 0 {
		c.checkRendered(&r, cfg)
		c.checkPairs(&r, cfg)
		c.checkForm(&r, cfg)
		c.checkAuth(&r, cfg)
	}
	c.checkLimits(&r, cfg)
	r.list = append(r.list, certs.Check(cfg.TLS)...)
	c.checkTLSUsed(&r, cfg)
	return r.list
}

// CheckFilterCost says that the filter of an endpoint costs so much that it can never be evaluated, or not for the
// example of an event type that the endpoint takes; nil if that is not so. The configuration has passed
// [Contract.CheckEndpoint].
func (c *Contract) CheckFilterCost(cfg hook.EndpointConfig) []hook.FieldError {
	filter, err := match.CompileFilter(cfg.Filter)
	types, wrong := match.CompileTypes(cfg.EventTypes)
	if err != nil || wrong != nil || filter == nil {
		return nil // CheckEndpoint reports it
	}
	if least, err := match.LeastCost(cfg.Filter); err == nil && least > match.MaxCost {
		return []hook.FieldError{hook.Field("/filter", "filter_costly",
			"Whatever the event, this filter costs at least {least} units of work, and at most {most} are possible. "+
				"Write shorter lists into it, and nest all, exists, filter and map less.",
			"least", least, "most", match.MaxCost)}
	}
	for _, e := range c.events {
		if e.Example == nil || !types.Match(sampleName(e, cfg)) {
			continue
		}
		if filter.TooCostly(&hook.Event{Contract: c.Name, Type: sampleName(e, cfg), Payload: e.Example}) {
			return []hook.FieldError{hook.Field("/filter", "filter_costly_example",
				"For the example of {event} this filter costs more than the {most} units of work that are possible. "+
					"Nest all, exists, filter and map less, and search shorter texts.",
				"event", e.Name, "most", match.MaxCost)}
		}
	}
	return nil
}

type report struct{ list []hook.FieldError }

// add reports a mistake, see [hook.Field].
func (r *report) add(pointer, code, text string, params ...any) {
	r.wrong(hook.Field(pointer, code, text, params...))
}

func (r *report) wrong(f hook.FieldError) { r.list = append(r.list, f) }

func (r *report) condition(pointer string, err error) {
	if e, ok := errors.AsType[*expr.Error](err); ok {
		r.add(pointer, "condition_invalid",
			"{problem} (line {line}, column {column})", "problem", e.Message, "line", e.Line, "column", e.Column)
		return
	}
	r.add(pointer, "condition_unusable", "{problem}", "problem", err.Error())
}

// url checks a URL that is given at a place. schemes are those that it may have; nil: https
// and http.
func (r *report) url(at, s string, schemes []string) {
	if schemes == nil {
		schemes = webSchemes
	}
	if s == "" {
		r.add(at, "url_required",
			"This is required: the address that receives the webhook, like https://example.com/webhook.")
		return
	}
	if len(s) > MaxURL {
		r.add(at, "url_too_long",
			"A URL has at most {max} bytes; this one has {bytes}.", "max", MaxURL, "bytes", len(s))
		return
	}
	if i := strings.IndexFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f }); i >= 0 {
		r.add(at, "url_space", "A URL cannot contain spaces or line breaks. Write a space as %20.")
		return
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		r.add(at, "url_malformed", "This is not a URL. Write it like https://example.com/webhook.")
	case !slices.Contains(schemes, u.Scheme):
		r.add(at, "url_scheme", "The URL has to begin with one of these: {schemes}.",
			"schemes", strings.Join(schemes, "://, ")+"://")
	case u.Hostname() == "":
		r.add(at, "url_no_host", "The URL has no host. Write it like https://example.com/webhook.")
	case u.User != nil:
		r.add(at, "url_password", "The URL cannot hold a user name or password. Put credentials into a header.")
	case strings.Contains(s, "#"):
		r.add(at, "url_fragment", "The part from # on is never sent to a server. Remove it.")
	case !validPort(u):
		r.add(at, "url_port", "The port has to be a number from 1 to 65535.")
	case !validHost(u.Hostname()):
		r.add(at, "url_host", "{host} is not the name or address of a host.", "host", u.Hostname())
	}
}

var webSchemes = []string{"https", "http"}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0
}

// validHost accepts IP addresses and DNS names. A name with letters beyond ASCII (münchen.example) is
// looked up, and sent in the header Host, in its xn-- form.
func validHost(h string) bool {
	if strings.ContainsFunc(h, func(c rune) bool { return c >= 0x80 }) {
		ascii, err := idna.Lookup.ToASCII(h)
		if err != nil {
			return false
		}
		h = ascii
	}
	if _, err := netip.ParseAddr(h); err == nil {
		return true
	}
	if len(h) > 253 {
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

// checkEventTypes refuses a glob that no event type of the contract matches: the endpoint
// would never get an event.
func (c *Contract) checkEventTypes(r *report, globs []string) {
	if _, err := match.CompileTypes(globs); err != nil {
		if e, ok := errors.AsType[*match.GlobError](err); ok {
			r.wrong(e.At("/event_types/" + strconv.Itoa(e.Index)))
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
			r.wrong(c.NoEvent(g).At("/event_types/" + strconv.Itoa(i)))
		}
	}
}

// checkTypeCount checks how many event types an endpoint lists.
func (c *Contract) checkTypeCount(r *report, globs []string) {
	const at = "/event_types"
	least, most := c.endpoint.minTypes, c.endpoint.maxTypes
	if len(globs) < least || most > 0 && (len(globs) > most || len(globs) == 0) {
		switch {
		case least == most:
			r.add(at, "event_types_exactly",
				"An endpoint of the contract {contract} takes exactly {wanted} of its event types; this one names {count}.",
				"contract", c.Name, "wanted", least, "count", len(globs))
		case most > 0 && (least == 0 || len(globs) > most):
			r.add(at, "event_types_at_most",
				"An endpoint of the contract {contract} takes at most {wanted} of its event types; this one names {count}.",
				"contract", c.Name, "wanted", most, "count", len(globs))
		default:
			r.add(at, "event_types_at_least",
				"An endpoint of the contract {contract} takes at least {wanted} of its event types; this one names {count}.",
				"contract", c.Name, "wanted", least, "count", len(globs))
		}
		return
	}
	for i, g := range globs {
		if most > 0 && strings.Contains(g, "*") {
			r.add(at+"/"+strconv.Itoa(i), "event_type_whole",
				"Here an event type is given by its whole name, without *.")
		}
	}
}

func (c *Contract) checkHeaders(r *report, headers []hook.Header) {
	if len(headers) > MaxHeaders {
		r.add("/headers", "headers_too_many",
			"There are {count} headers; at most {max} are allowed.", "count", len(headers), "max", MaxHeaders)
		return
	}
	seen := map[string]bool{}
	for _, h := range headers {
		at, low := "/headers"+schema.Pointer(h.Name), strings.ToLower(h.Name)
		if f, bad := refuseHeader(h.Name, c.endpoint.scheme); bad {
			r.wrong(f.At(at))
		} else if low == "content-type" || c.endpoint.sends(h.Name) {
			r.wrong(c.ownsHeader(h.Name).At(at))
		} else if h.Value == mask.Text {
			r.add(at, "value_masked", "This is the mask that is shown in the place of a secret. Give the value itself.")
		} else if seen[low] {
			r.add(at, "header_twice",
				"The header {name} is there already; upper and lower case do not matter.", "name", h.Name)
		} else if f, bad := wrongValue(h.Value); bad {
			r.wrong(f.At(at))
		}
		seen[low] = true
	}
}

func (c *Contract) ownsHeader(name string) hook.FieldError {
	return hook.Field("", "header_of_contract",
		"The header {name} is set by the contract {contract} and cannot be given.", "name", name, "contract", c.Name)
}

// RefuseHeader returns the reason why a request cannot have a header that a person or a
// script sets; "" if it can.
func (c *Contract) RefuseHeader(h hook.Header) string {
	if f, bad := refuseHeader(h.Name, c.endpoint.scheme); bad {
		return f.Detail
	}
	if f, bad := wrongValue(h.Value); bad {
		return "The header " + h.Name + " cannot have this value: " + f.Detail
	}
	return ""
}

// wrongValue returns the reason why a header cannot have a value; false if it can. Spaces
// at the ends are refused: HTTP drops them, and Gancho sends values exactly.
func wrongValue(v string) (hook.FieldError, bool) {
	switch {
	case len(v) > MaxHeaderValue:
		return hook.Field("", "header_value_long",
			"The value of a header has at most {max} bytes.", "max", MaxHeaderValue), true
	case !validHeaderValue(v):
		return hook.Field("", "header_value_control",
			"The value of a header cannot hold line breaks or other control characters."), true
	case strings.Trim(v, " \t") != v:
		return hook.Field("", "header_value_space",
			"The value of a header cannot begin or end with a space, because HTTP drops it."), true
	}
	return hook.FieldError{}, false
}

// checkRendered fills in the contract's headers and checks the result: a setting may be a
// valid text and still be no valid header value, for example with a line break. The
// problem names the setting, never its value.
func (c *Contract) checkRendered(r *report, cfg hook.EndpointConfig) {
	for _, h := range slices.Concat(c.endpoint.headers, c.headersOfTypes()) {
		if !h.value.Static() || h.value.Names("credential") && cfg.Credential == nil {
			continue
		}
		at := "/settings" + schema.Pointer(h.value.Setting()...)
		v, ok, err := h.value.Render(&template.Inputs{Settings: cfg.Settings, Credential: cfg.Credential})
		if err != nil {
			r.add(at, "header_undecided",
				"With these settings the contract cannot make the header {name}: {problem}.", "name", h.name, "problem", err)
			continue
		}
		if f, bad := wrongValue(v); ok && bad {
			f = f.At(at)
			f.Detail = "This goes into the header " + h.name + ". " + f.Detail
			r.wrong(f)
		}
	}
}

// checkForm reports settings for which the condition of a form has no truth value.
func (c *Contract) checkForm(r *report, cfg hook.EndpointConfig) {
	if f := c.endpoint.form; f != nil && f.when != nil {
		if _, err := f.applies(cfg.Settings); err != nil {
			r.add("/settings", "form_undecided",
				"With these settings the contract cannot tell whether to send a form: {problem}.", "problem", err)
		}
	}
}

func (c *Contract) checkLimits(r *report, cfg hook.EndpointConfig) {
	if cfg.Timeout < 0 || cfg.Timeout > hook.MaxTimeout {
		r.add("/timeout_ms", "number_range",
			"This has to be from {min} to {max}.", "min", 1, "max", hook.MaxTimeout.Milliseconds())
	}
	if len(cfg.Retry) > hook.MaxRetries {
		r.add("/retry", "retry_too_many",
			"There are {count} attempts; at most {max} are possible.", "count", len(cfg.Retry), "max", hook.MaxRetries)
	}
	for i, d := range cfg.Retry {
		if d < 0 || d > hook.MaxRetryDelay {
			r.add("/retry/"+strconv.Itoa(i), "retry_delay_range",
				"A delay has to be from 0s to {max}.", "max", days(hook.MaxRetryDelay))
		}
	}
	if cfg.PerSecond < 0 || cfg.PerSecond > MaxPerSecond || math.IsNaN(cfg.PerSecond) {
		r.add("/rate_limit/per_second", "rate_range",
			"This has to be more than 0 and at most {max}; leave it out for no limit.", "max", MaxPerSecond)
	}
	if f, wrong := checkGiveUp(cfg.GiveUp); wrong {
		r.wrong(f)
	}
	if cfg.Concurrency < 0 || cfg.Concurrency > hook.MaxConcurrency {
		r.add("/concurrency", "number_range",
			"This has to be from {min} to {max}.", "min", 1, "max", hook.MaxConcurrency)
	}
	switch cfg.Mode {
	case "", hook.AtLeastOnce, hook.AtMostOnce:
	default:
		r.wrong(notPossible(string(cfg.Mode), string(hook.AtLeastOnce), string(hook.AtMostOnce)).At("/mode"))
	}
	if c.delivery.mode == hook.AtMostOnce {
		if cfg.Mode == hook.AtLeastOnce {
			r.add("/mode", "mode_of_contract",
				"The contract {contract} promises to send at most once; an endpoint cannot change that.",
				"contract", c.Name)
		}
		if len(cfg.Retry) > 1 {
			r.add("/retry", "retry_of_contract",
				"The contract {contract} sends at most once, so nothing is retried. Leave this out.",
				"contract", c.Name)
		}
	}
}

// notPossible refuses a word in the place of a few others.
func notPossible(word string, possible ...string) hook.FieldError {
	return hook.Field("", "not_possible",
		"{value} is not possible.", append([]any{"value", strconv.Quote(word)}, nearest.Params(word, possible)...)...)
}

func days(d time.Duration) string { return strconv.Itoa(int(d.Hours())) + "h" }
