package compose

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/send"
	"gancho/internal/sign"
	"gancho/internal/transform"
)

// stamp signs in the body. It refuses a body that says so.
var stamp = &sign.Scheme{
	Name:      "stamp",
	Headers:   []string{"X-Stamp"},
	NewSecret: func() string { return "stamp-new" },
	Check: func(secret string) error {
		if !strings.HasPrefix(secret, "stamp-") {
			return sign.ErrSecret
		}
		return nil
	},
	VerifyKey: toy.VerifyKey, NewVerifier: toy.NewVerifier,
	NewSigner: func([]hook.Secret) (sign.Signer, error) { return stamper{}, nil },
}

func init() { sign.Register(stamp) }

type stamper struct{}

func (stamper) Sign(m sign.Message) (sign.Message, error) {
	if bytes.Contains(m.Body, []byte("refuse")) {
		return m, sign.ErrUnsignable
	}
	m.Body = append(m.Body, " stamped"...)
	return m, nil
}

// use puts another text of the contract in force, as the given version.
func (b *bench) use(version int64, text string) {
	b.t.Helper()
	c, err := contract.Parse("shapes.yaml", []byte(text))
	if err != nil {
		b.t.Fatal(err)
	}
	b.by = c.WithVersion(version)
	b.set.Add(b.by)
}

// A request of a later attempt is wholly of the contract's version that made the body, unless the endpoint does not fit
// that version any more.
func TestLaterAttemptsStayWithTheirVersionOfTheContract(t *testing.T) {
	t.Parallel()
	const one, two = shapes + "  user_agent: one\n", shapes + "  user_agent: two\n"
	for _, tc := range []struct {
		name       string
		second     string // the contract's second version
		change     func(*hook.EndpointConfig)
		agent, url string
	}{
		{"nothing is edited", two, nil, "one", "https://old.example/in?a=%7e1&token=s3cretOld9&b=2"},
		{
			"an address is edited", two, func(c *hook.EndpointConfig) { c.URL = "https://new.example/" },
			"one", "https://new.example/",
		},
		{
			"the first version refuses a setting", strings.ReplaceAll(two, "token", "other"),
			func(c *hook.EndpointConfig) { c.URL, c.Settings = "https://new.example/", []byte(`{"other":"x"}`) },
			"two", "https://new.example/",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			b.use(1, one)
			job := &hook.Job{Event: b.ev}
			eq(t, "agent", header(b.compose(job).Message, "User-Agent"), "one")
			job.Delivery.Attempts = 1
			b.use(2, tc.second)
			if tc.change != nil {
				b.edit(tc.change)
			}
			out := b.compose(job)
			eq(t, "agent", header(out.Message, "User-Agent"), tc.agent)
			eq(t, "URL", out.Message.Target, tc.url)
			eq(t, "body", string(out.Message.Body), string(b.ev.Payload))
			eq(t, "contract of the body", job.Delivery.ContractVersion, 1)
			eq(t, "endpoint of the body", job.Delivery.EndpointVersion, 1)
		})
	}
}

// A delivery of which nothing was sent yet is wholly of the present versions.
func TestWhatWasNeverSentIsOfThePresent(t *testing.T) {
	t.Parallel()
	t.Run("it was only accepted", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, nil)
		job := &hook.Job{Event: b.ev}
		b.compose(job)
		b.edit(func(c *hook.EndpointConfig) { c.URL = "https://new.example/" })
		b.compose(job)
		eq(t, "version", job.Delivery.EndpointVersion, 2)
	})
	t.Run("its attempt sent nothing and left no version", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, nil)
		job := &hook.Job{Event: b.ev, Delivery: hook.Delivery{Attempts: 1}}
		b.compose(job)
		eq(t, "version", job.Delivery.EndpointVersion, 1)
	})
	t.Run("its script failed", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, func(c *hook.EndpointConfig) { c.Transformation = `function handler() { throw new Error("x") }` })
		job := &hook.Job{Event: b.ev}
		b.compose(job)
		job.Delivery.Attempts = 1
		b.edit(func(c *hook.EndpointConfig) { c.Transformation = "" })
		eq(t, "body", string(b.compose(job).Message.Body), string(b.ev.Payload))
		eq(t, "version", job.Delivery.EndpointVersion, 2)
	})
	t.Run("the first contract could make no request of it", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, nil)
		b.ev.Payload, b.ev.ContentType = []byte("text"), "text/plain"
		b.use(1, shapes+"  body: {order: \"${payload}\"}\n")
		job := &hook.Job{Event: b.ev}
		if _, err := b.c.Compose(t.Context(), b.form(), job); err == nil {
			t.Fatal("a template takes a text")
		}
		job.Delivery.Attempts = 1
		b.use(2, shapes)
		eq(t, "body", string(b.compose(job).Message.Body), "text")
		eq(t, "version", job.Delivery.ContractVersion, 2)
	})
}

// The present secret signs later attempts in the scheme of their version of the contract.
func TestSchemeOfTheFirstAttempt(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.use(1, shapes+"  sign: standard-webhooks\n")
	b.e.Secrets = []hook.Secret{{Text: sign.StandardWebhooks.NewSecret()}}
	job := &hook.Job{Event: b.ev}
	b.compose(job)
	job.Delivery.Attempts = 1
	b.use(2, shapes+"  sign: toy\n")
	m := b.compose(job).Message
	eq(t, "ID", header(m, "webhook-id"), b.ev.ID.String())
	eq(t, "signature of the present scheme", header(m, "X-Toy"), "")
	b.e.Secrets = append(b.e.Secrets, hook.Secret{Text: "toy-old"})
	_, err := b.c.Compose(t.Context(), b.form(), job)
	if err == nil || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("a secret of another scheme: %v", err)
	}
}

// A body with a signature in it is not the one that is stored, so the history shows it as it was sent.
func TestSignedBodyIsShown(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.use(1, shapes+"  sign: stamp\n")
	b.e.Secrets = []hook.Secret{{Text: "stamp-1"}}
	b.ev.Payload, b.ev.ContentType = append(make([]byte, 0, 100), "text"...), "text/plain"
	out := b.compose(&hook.Job{Event: b.ev})
	eq(t, "sent", string(out.Message.Body), "text stamped")
	eq(t, "shown", string(out.Request(nil).Body), "text stamped")
	b.ev.Payload = []byte("refuse")
	if _, err := b.c.Compose(t.Context(), b.form(), &hook.Job{Event: b.ev}); !errors.Is(err, sign.ErrUnsignable) {
		t.Errorf("what cannot be signed: %v", err)
	}
	b.ev.Payload = []byte{}
	b.use(2, shapes)
	eq(t, "an empty payload is stored once", b.compose(&hook.Job{Event: b.ev}).Frozen == nil, true)
}

// A body that the contract makes is stored, also if it is as long as the payload.
func TestOtherBodyOfTheSameLengthIsStored(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.use(1, shapes+"  body: {n: \"${payload.n}\", email: \"${payload.email}\"}\n")
	out := b.compose(&hook.Job{Event: b.ev})
	if len(out.Message.Body) != len(b.ev.Payload) || out.Frozen == nil {
		t.Errorf("body %s, frozen %v", out.Message.Body, out.Frozen)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	eq(t, "clock", b.compose(&hook.Job{Event: b.ev}).Message.Clock, send.ClockTotal)
	b.use(1, shapes+"delivery: {clock: response, timeout: 7s}\n")
	m := b.compose(&hook.Job{Event: b.ev}).Message
	eq(t, "clock", m.Clock, send.ClockResponse)
	eq(t, "timeout", m.Timeout, 7*time.Second)
}

// A preview of an endpoint that has no credential yet shows a mask where its key will be.
func TestSampleCredential(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	text := strings.Replace(shapes, "${settings.token}", "${credential.api_key}", 1)
	b.use(1, text+`credentials:
  endpoint: true
  api_key: {length: 20, alphabet: a-z}
  secret: {length: 24, alphabet: a-z}
  token: {lifetime: 1h}
`)
	f := b.form()
	f.SetSampleCredential("t")
	out, err := b.c.Compose(t.Context(), f, &hook.Job{Event: b.ev})
	if err != nil {
		t.Fatal(err)
	}
	eq(t, "key", header(out.Message, "X-Token"), mask.Text)
}

// A credential that a script makes is hidden, too, at each attempt.
func TestSecretsOfScriptsAreHidden(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *hook.EndpointConfig) {
		c.Transformation = `function handler(w) { w.headers.Authorization = "Bearer hiddenKey88"; return w }`
	})
	job := &hook.Job{Event: b.ev}
	out := b.compose(job)
	for range 2 {
		eq(t, "sent", header(out.Message, "Authorization"), "Bearer hiddenKey88")
		shown := out.Request(out.Message.Headers)
		eq(t, "shown", slices.Contains(shown.Headers, hook.Header{Name: "Authorization", Value: mask.Text}), true)
		a := &hook.Attempt{Detail: "hiddenKey88"}
		out.Record(a, &send.Reply{})
		eq(t, "kept", a.Detail, mask.Text)
		job.Delivery.Attempts, job.Frozen = 1, out.Frozen
		out = b.compose(job)
	}
}

// broken is a pool of scripts that runs none.
type broken struct{ err error }

func (p broken) Run(context.Context, string, string, transform.Input) (transform.Output, error) {
	return transform.Output{}, p.err
}

// If scripts cannot be run now, the attempt waits. The log says so unless the program is about to end.
func TestScriptsUnavailable(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(t.Context())
	end()
	for _, tc := range []struct {
		ctx  context.Context
		code string
		logs bool
	}{
		{t.Context(), "scripts_unavailable", true}, {ended, "scripts_unavailable", false}, {t.Context(), "other", false},
	} {
		b := newBench(t, func(c *hook.EndpointConfig) { c.Transformation = "function handler(w) { return w }" })
		var log bytes.Buffer
		b.c.Log = slog.New(slog.NewTextHandler(&log, nil))
		b.c.Scripts = broken{&hook.Error{Kind: hook.KindUnavailable, Code: tc.code}}
		_, err := b.c.Compose(tc.ctx, b.form(), &hook.Job{Event: b.ev})
		eq(t, "unavailable", hook.IsKind(err, hook.KindUnavailable), true)
		eq(t, "logged", log.Len() > 0, tc.logs)
	}
}

// A script sees names and values decoded, and what it leaves alone is sent as it was written.
func TestScriptAndQuery(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ script, query, want, console string }{
		{`console.log(w.query.b + w.query.x)`, "%62=%7e1&x=%zz", "%62=%7e1&x=%zz", "~1%zz"},
		{`w.query.c = 1`, "x=%7e&x=~&%62=2", "x=%7e&x=~&%62=2&c=1", ""},
		{`delete w.query.b; w.query.c = 1`, "a=1&b=2", "a=1&c=1", ""},
		{`w.query.x = ["~", "~", "~"]`, "x=%7e&x=~", "x=%7e&x=~&x=~", ""},
	} {
		b := newBench(t, func(c *hook.EndpointConfig) {
			c.URL = "https://old.example/?" + tc.query
			c.Transformation = "function handler(w) {" + tc.script + "; return w }"
		})
		out := b.compose(&hook.Job{Event: b.ev})
		eq(t, tc.script, strings.TrimPrefix(out.Message.Target, "https://old.example/?"), tc.want)
		eq(t, tc.script, strings.Join(out.Console, "|"), tc.console)
	}
}

// A script may change a header to what the contract permits, and a secret in the first header takes its place again.
func TestScriptAndHeaders(t *testing.T) {
	t.Parallel()
	run := func(script string, change func(*bench)) Composed {
		b := newBench(t, func(c *hook.EndpointConfig) {
			c.Transformation = "function handler(w) {" + script + "; return w }"
		})
		change(b)
		return b.compose(&hook.Job{Event: b.ev})
	}
	first := func(b *bench) {
		b.use(1, strings.Replace(shapes, `{settings.token}"`, `{settings.token}", Content-Type: application/json`, 1))
	}
	out := run(`w.headers["X-New"] = "1"`, first)
	eq(t, "name", out.Message.Headers[0].Name, "X-Token")
	eq(t, "value", out.Message.Headers[0].Value, "s3cretOld9")
	out = run(`w.headers["X-Own"] = "a\nb"`, first)
	if out.Failure == nil || !strings.Contains(out.Failure.Text, "X-Own") {
		t.Errorf("a line break in a header: %+v", out.Failure)
	}
	out = run(`delete w.headers["Content-Type"]; w.payload = {}`, func(b *bench) {
		b.ev.Payload, b.ev.ContentType = []byte("text"), "text/plain"
	})
	eq(t, "type", header(out.Message, "Content-Type"), "")
	eq(t, "body", string(out.Message.Body), "{}")
	out = run(`w.payload.n = "a\nb"`, func(b *bench) {
		b.use(1, strings.Replace(shapes, `{settings.token}"`, `{settings.token}", X-N: "${payload.n}"`, 1))
	})
	if out.Failure == nil || !strings.Contains(out.Failure.Text, "No request can be made") {
		t.Errorf("a payload that fits no header: %+v", out.Failure)
	}
}

// What is kept of a long answer and a long text ends exactly at the limits.
func TestLimitsOfWhatIsKept(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", maxDetail)
	eq(t, "text as long as the limit", cutDetail(long), long)
	eq(t, "longer text", cutDetail(long+"x"), long+"…")
	big := hook.Header{Name: "A", Value: strings.Repeat("x", maxKeptHeaders-5)}
	typed := hook.Header{Name: "Content-Type", Value: strings.Repeat("y", maxCoding+1)}
	for _, truncated := range []bool{false, true} {
		kept, cut := cutHeaders([]hook.Header{big}, truncated)
		eq(t, "headers as long as the limit", len(kept), 1)
		eq(t, "cut", cut, truncated)
	}
	kept, cut := cutHeaders(append([]hook.Header{big}, slices.Repeat([]hook.Header{typed}, maxCodings+2)...), false)
	eq(t, "headers", len(kept), 1+maxCodings)
	eq(t, "length", len(kept[1].Value), maxCoding)
	eq(t, "cut", cut, true)
	big.Value += "x"
	kept, cut = cutHeaders([]hook.Header{big}, false)
	eq(t, "one byte more", len(kept), 0)
	eq(t, "cut", cut, true)
}

// A script answers once: later attempts send what it made at the first one, until the endpoint is edited.
func TestScriptRunsOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *hook.EndpointConfig) {
		c.Transformation = `function handler(w) { w.headers["X-R"] = w.payload.r = Math.random(); return w }`
	})
	job := &hook.Job{Event: b.ev}
	first := b.compose(job)
	job.Delivery.Attempts, job.Frozen = 1, first.Frozen
	second := b.compose(job)
	eq(t, "header", header(second.Message, "X-R"), header(first.Message, "X-R"))
	eq(t, "body", string(second.Message.Body), string(first.Message.Body))
	eq(t, "stored already", second.Frozen == nil, true)
}

// If a script fails or cancels, nothing was sent, so nothing is stored. What the script printed before is kept masked.
func TestScriptThatSendsNothing(t *testing.T) {
	t.Parallel()
	for _, end := range []string{`throw new Error("x")`, `w.cancel = true; return w`} {
		b := newBench(t, func(c *hook.EndpointConfig) {
			c.Transformation = `function handler(w) { console.log(w.payload.email); ` + end + `}`
		})
		b.use(1, shapes+"  body: {order: \"${payload}\"}\n")
		out := b.compose(&hook.Job{Event: b.ev})
		eq(t, "sends", out.Failure == nil && !out.Cancelled, false)
		eq(t, "stored", out.Frozen == nil, true)
		eq(t, "printed", strings.Join(out.Console, "|"), mask.Text)
	}
}

// If a script fails, that is what the attempt is about, also where the request could not be signed either.
func TestScriptThatFailsBesideNoSecret(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *hook.EndpointConfig) { c.Transformation = `function handler(w) { throw new Error("x") }` })
	b.use(1, shapes+"  sign: standard-webhooks\n")
	out, err := b.c.Compose(t.Context(), b.form(), &hook.Job{Event: b.ev})
	if err == nil || out.Failure == nil || out.Failure.Class != hook.ClassScript {
		t.Errorf("%+v, %v", out.Failure, err)
	}
}

// If the edited endpoint can have no request for the event, the attempt says why.
func TestCorrectionThatFitsNoHeader(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.use(1, strings.Replace(shapes, "${settings.token}", "${settings.token}-${payload.n}", 1))
	job := &hook.Job{Event: b.ev}
	out := b.compose(job)
	eq(t, "token", header(out.Message, "X-Token"), "s3cretOld9-1")
	eq(t, "no script, no failure", out.Failure == nil, true)
	job.Delivery.Attempts = 1
	b.edit(func(c *hook.EndpointConfig) { c.Settings = []byte(`{"token":"a\nb"}`) })
	if _, err := b.c.Compose(t.Context(), b.form(), job); err == nil || !strings.Contains(err.Error(), "X-Token") {
		t.Errorf("a line break in a header: %v", err)
	}
}
