package send

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gancho/internal/hook"
)

// Transports are the transports of a program by the scheme of the targets that they
// send to, in lower case: "https". One transport may serve several schemes. The map
// must not change once it is in use.
type Transports map[string]Transport

// For returns the transport for a target. If there is none for its scheme, the
// result is one named "none", which refuses every message with [hook.ClassRender].
func (t Transports) For(target string) Transport {
	scheme, _, _ := strings.Cut(target, ":")
	if transport, ok := t[scheme]; ok { // nearly always: spelled in lower case
		return transport
	}
	scheme = strings.ToLower(scheme)
	if transport, ok := t[scheme]; ok {
		return transport
	}
	return none{scheme, t}
}

// Schemes lists the schemes that have a transport, sorted.
func (t Transports) Schemes() []string { return slices.Sorted(maps.Keys(t)) }

// none stands in for the missing transport of a scheme.
type none struct {
	scheme string // of the target, in lower case, or whatever the target begins with
	known  Transports
}

func (none) Name() string { return "none" }

func (n none) Send(_ context.Context, m *Message) *Reply {
	_, refusal := n.Headers(m)
	return &Reply{StartedAt: time.Now(), Class: hook.ClassRender, Detail: refusal, Unsent: true}
}

func (n none) Headers(*Message) (headers []hook.Header, refusal string) {
	which := "the scheme " + strconv.Quote(n.scheme)
	if !isScheme.MatchString(n.scheme) { // not shown, since it may be part of a secret
		which = "a target without a scheme"
	}
	return nil, fmt.Sprintf("Messages can be sent to %s, but not to %s, so nothing was sent.", strings.Join(n.known.Schemes(), ", "), which)
}

var isScheme = regexp.MustCompile(`^[a-z][a-z0-9+.-]{0,15}$`)
