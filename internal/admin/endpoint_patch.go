package admin

import (
	"encoding/json"
	"strings"
	"time"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// EndpointPatch is a change of an endpoint. A field that is nil stays as it is. One that points to a zero value is set
// to it, which for most means: as the contract says.
type EndpointPatch struct {
	Name       *string
	Contract   *string // it cannot be changed, only repeated
	URL        *string
	Method     *string
	EventTypes *[]string
	Filter     *string
	// ClearHeaders removes all headers before Headers are set.
	ClearHeaders bool
	// Headers are set by their names, whose case does not matter; nil removes one. The mask that is shown in the place
	// of a secret value stands for the stored value.
	Headers map[string]*string
	// Settings are a JSON Merge Patch (RFC 7396) on the settings. Masks in it stand for the stored values.
	Settings       json.RawMessage
	Timeout        *time.Duration
	Retry          *[]time.Duration
	PerSecond      *float64
	Concurrency    *int
	Ordered        *bool
	GiveUp         *hook.GiveUp
	Mode           *hook.Mode
	Transformation *string
	State          *hook.EndpointState
	If             hook.Precondition // on the revision of the endpoint
	// Auth and TLS are JSON Merge Patches on the stored ones. A mask in them stands for the stored secret.
	Auth, TLS json.RawMessage
	Secret    *string // takes over at once; "" is refused
	// Knows says which secrets need not be given again where they would go to another host.
	Knows Knows
	// Wrong is what the caller found wrong while reading the request. It is reported together with what the rules find.
	Wrong []hook.FieldError
}

// apply copies what the patch sets into a spec.
func (p EndpointPatch) apply(to *EndpointSpec) {
	set(&to.Name, p.Name)
	set(&to.Contract, p.Contract)
	set(&to.State, p.State)
	cfg := &to.Config
	set(&cfg.URL, p.URL)
	set(&cfg.Method, p.Method)
	set(&cfg.EventTypes, p.EventTypes)
	set(&cfg.Filter, p.Filter)
	set(&cfg.Timeout, p.Timeout)
	set(&cfg.Retry, p.Retry)
	set(&cfg.PerSecond, p.PerSecond)
	set(&cfg.Concurrency, p.Concurrency)
	set(&cfg.Ordered, p.Ordered)
	set(&cfg.GiveUp, p.GiveUp)
	set(&cfg.Mode, p.Mode)
	set(&cfg.Transformation, p.Transformation)
	cfg.Headers = p.headers(cfg.Headers)
	if p.Settings != nil {
		cfg.Settings = rawjson.Merge(cfg.Settings, p.Settings)
	}
	to.Wrong = append(to.Wrong, p.Wrong...)
	if p.Auth != nil {
		a, err := patched(cfg.Auth, p.Auth)
		if err != nil { // never: who read the request has checked its types
			to.Wrong = append(to.Wrong, hook.Field("/auth", "object_needed", "This has to be an object."))
		}
		cfg.Auth = a
	}
	if p.TLS != nil {
		t, err := patched(cfg.TLS, p.TLS)
		if err != nil { // never, as above
			to.Wrong = append(to.Wrong, hook.Field("/tls", "object_needed", "This has to be an object."))
		}
		if cfg.TLS = t; t != nil && *t == (hook.TLS{}) { // the fields of a form that were cleared
			cfg.TLS = nil
		}
	}
}

// set replaces a value if the patch has a new one.
func set[T any](value, to *T) {
	if to != nil {
		*value = *to
	}
}

// headers are the headers after the patch. A header keeps its place only if it is not named: headers are sorted later.
func (p EndpointPatch) headers(stored []hook.Header) []hook.Header {
	out := []hook.Header{}
	for _, h := range stored {
		named := false
		for name := range p.Headers {
			named = named || strings.EqualFold(name, h.Name)
		}
		if !p.ClearHeaders && !named {
			out = append(out, h)
		}
	}
	for name, value := range p.Headers {
		if value == nil {
			continue
		}
		out = append(out, hook.Header{Name: name, Value: *value})
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
