// Package send is the port through which messages leave: what a message is, what
// comes back, and the [Transport] that exchanges the one for the other. There is one
// transport for each kind of target (package http is one), chosen by the scheme of
// the target's URL; see [Transports].
//
// The package knows neither HTTP nor any other protocol, and nothing of deliveries:
// whether a reply counts as success, and what follows, is for the caller to decide.
//
// It promises: whoever sends needs no case for a transport. Adding one takes a
// package that implements [Transport], and a line where the program is put together.
package send

import (
	"context"
	"time"

	"gancho/internal/certs"
	"gancho/internal/egress"
	"gancho/internal/hook"
)

// Transport sends messages to one kind of target. It is safe for concurrent use.
type Transport interface {
	// Name is the stable word that attempts are stored with, for example "http".
	Name() string
	// Send makes one attempt to exchange the message for a reply, which is never nil.
	// It does not try again by itself, except as [Attributes.Resend] permits, and
	// ends with [hook.ClassInterrupted] when ctx ends.
	Send(ctx context.Context, m *Message) *Reply
	// Headers returns the headers that Send would send, in their order, without
	// sending anything. If the message cannot be sent, refusal says why, as one
	// English sentence, and headers is nil.
	Headers(m *Message) (headers []hook.Header, refusal string)
}

// Message is something to be sent. A transport only reads it, but may still read
// Body shortly after Send has returned (when the receiver answers before it has taken
// the whole message), so the bytes of Body must never change.
type Message struct {
	Tenant string // whose message it is: what a transport keeps of a receiver, it keeps for this tenant only
	Target string // a URL; its scheme chooses the transport
	Attributes
	Headers []hook.Header
	Body    []byte
}

// Attributes say how a message is to be sent. A transport ignores what its
// protocol has no use for.
type Attributes struct {
	Method         string          // of an HTTP request
	Timeout        time.Duration   // the time limit, see Clock; 0: [hook.DefaultTimeout]
	ConnectTimeout time.Duration   // for the name lookup, the connect and TLS together; 0: the transport's default
	Clock          Clock           // which part of the attempt Timeout covers
	Egress         *egress.Rules   // to which hosts the contract lets it go; the transport knows the tenant's rules
	Follow         *Follow         // which redirects are followed, by a transport that knows them; nil: none
	Identity       *certs.Identity // what is shown in the TLS handshake, and who is trusted; nil: nothing, and the usual ones
	OAuth2         *hook.OAuth2    // where a transport that knows tokens gets that of the message; nil: it needs none
	// Resend permits one immediate second try on a new connection, when a connection that was
	// kept open turned out to be closed before any byte of the answer came. Nearly always the
	// receiver closed an idle connection at the same moment. But it may also have taken the
	// message and crashed, so at-most-once forbids it. (If no byte of the message was written,
	// it may always be tried again.)
	Resend bool
	// WholeAnswer asks for [hook.Response.Read], because somebody judges more of the answer than is kept.
	WholeAnswer bool
}

// Follow says which redirects are followed.
type Follow struct {
	Most int // how many, one after the other
	// Elsewhere are the headers for another host than that of the message: without credentials.
	Elsewhere []hook.Header
	// Stay is set if the body holds a secret: then no redirect to another host is followed.
	Stay bool
}

// Clock says which part of an attempt [Attributes.Timeout] covers.
type Clock int

const (
	// ClockTotal is one deadline for the whole attempt, from the name lookup to the
	// last byte of the reply.
	ClockTotal Clock = iota
	// ClockResponse covers only the wait for the reply to begin, after the message is
	// written. Connecting and writing may take ConnectTimeout each, and the rest of
	// the reply has a limit of the transport's own.
	ClockResponse
)

// Reply is what became of a [Message].
type Reply struct {
	StartedAt time.Time
	// Sent are the headers as they were sent, secrets included. If there was no connection,
	// they are the headers that would have been sent. They are nil if the message cannot be
	// sent at all ([hook.ClassRender]).
	Sent []hook.Header
	// Response is what the receiver answered. It is never nil when Class is empty; its Status
	// is 0 if the transport's answers have none. When Class is not empty, it is the part of the
	// answer that arrived, or nil if no answer began.
	Response *hook.Response
	Timing   hook.Timing
	// Class is the error class (hook.Class…) of an exchange that failed. It is empty
	// when a complete answer came, even if that says no.
	Class      string
	Detail     string        // what failed, as one English sentence; empty with Class
	RetryAfter time.Duration // how long the answer asks to be left alone, whatever its status; 0: it does not ask
	Unsent     bool          // no byte of the message was written, so the receiver cannot have acted on it
	// NotNow says why the transport could not find out whether the message may be sent, for example because the
	// database cannot be read. Then nothing was sent, the message is not at fault, and a later try may succeed.
	NotNow error
	Detour *Detour // nil: it took one exchange
	Resent bool    // the second try of [Attributes.Resend] was made
}

// Detour is what came before the exchange that a reply is of.
type Detour struct {
	// Target is where that exchange ended, if it is not the message's own: after a redirect.
	Target string
	Steps  []hook.Step // what was exchanged before, in order
	// Secrets are those that the transport came by, such as tokens: whoever keeps anything of the reply hides them.
	Secrets []string
}

// Way is the reply's Detour, zero if there was none.
func (r *Reply) Way() Detour {
	if r.Detour == nil {
		return Detour{}
	}
	return *r.Detour
}
