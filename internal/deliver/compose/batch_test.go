package compose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/send"
)

// batchOf is the contract of the bench, in its version 1, with these members of endpoint and a batch.
func batchOf(t *testing.T, endpoint string) *contract.Contract {
	t.Helper()
	var text strings.Builder
	text.WriteString("contract: shapes\ntitle: {en: Shapes}\nevents: {\"*\": {title: {en: Any}}}\nsensitive: [email]\nendpoint:\n  methods: [POST, PUT]\n" +
		"  settings: {properties: {token: {type: string, secret: true, title: {en: Token}}}}\n")
	for line := range strings.SplitSeq(endpoint, "\n") {
		text.WriteString("  " + line + "\n")
	}
	c, err := contract.Parse("shapes.yaml", []byte(text.String()+"delivery: {batch: {}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// useBatch puts that contract in force.
func (b *bench) useBatch(version int64, endpoint string) {
	b.t.Helper()
	b.by = batchOf(b.t, endpoint).WithVersion(version)
	b.set.Add(b.by)
}

// jobs are deliveries of these payloads that were not tried yet.
func (b *bench) jobs(payloads ...string) (list []hook.Job) {
	for i, payload := range payloads {
		ev := *b.ev
		ev.ID, ev.Payload = hook.NewEventID(), []byte(payload)
		list = append(list, hook.Job{Event: &ev, Delivery: hook.Delivery{ID: ev.ID.Delivery(i + 1), Mode: hook.AtLeastOnce}})
	}
	return list
}

func (b *bench) gather(jobs []hook.Job, maxBytes int, again bool) *Batch {
	b.t.Helper()
	batch, err := b.c.Gather(b.t.Context(), b.form(), jobs, maxBytes, again)
	if err != nil {
		b.t.Fatal(err)
	}
	return batch
}

func (b *bench) message(batch *Batch) *send.Message {
	b.t.Helper()
	m, err := batch.Message(hook.NewBatchID(), hook.AtLeastOnce)
	if err != nil {
		b.t.Fatal(err)
	}
	return m
}

func numbers(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprint(i%10))
	}
	return list
}

// The limit holds for the body that goes out: with what stands around the items, between them, the signature and the names of
// a form. As many events go as there is room for, to the byte.
func TestGatherBytes(t *testing.T) {
	t.Parallel()
	const plain = `shaping: "on"`
	for name, tt := range map[string]struct {
		endpoint string
		payloads []string
		limit    int
		want     string
	}{
		"no limit":                {plain, numbers(5), 0, `[0,1,2,3,4]`},
		"room for all":            {plain, numbers(5), 11, `[0,1,2,3,4]`},
		"a byte too few":          {plain, numbers(5), 10, `[0,1,2,3]`},
		"none fits":               {plain, numbers(3), 1, `[0]`},
		"one that is too large":   {plain, []string{`"a long one"`, `1`}, 8, `["a long one"]`},
		"a large one behind":      {plain, []string{`1`, `"a long one"`, `2`}, 8, `[1]`},
		"around them":             {`body: {all: "${items}", end: true}`, numbers(4), 30, `{"all":[0,1,2,3],"end":true}`},
		"around them, one over":   {`body: {all: "${items}", end: true}`, numbers(4), 27, `{"all":[0,1,2],"end":true}`},
		"around them, hardly one": {`body: {all: "${items}", end: true}`, numbers(4), 5, `{"all":[0],"end":true}`},
		"a text": {
			`body: {$raw: "<<${items}>>", join: " and ", content_type: text/plain}`, numbers(4), 11, `<<0 and 1>>`,
		},
		"a form": {`form: {field: f}`, []string{`"ü"`, `"ü"`, `"ü"`}, 49, `f=%5B%22%C3%BC%22%2C%22%C3%BC%22%5D`},
		"fields": {
			"form: {fields: nested}\nitem: {a: \"${payload}\"}", numbers(4), 33, `0%5Ba%5D=0&1%5Ba%5D=1&2%5Ba%5D=2`,
		},
		"fields, one over": {
			"form: {fields: nested}\nitem: {a: \"${payload}\"}", numbers(4), 31, `0%5Ba%5D=0&1%5Ba%5D=1`,
		},
		"many fields": {
			"form: {fields: nested}", []string{manyFields(6000), manyFields(4000), `[1]`}, 0, "fields 10000",
		},
		"a signature in the body": {
			"sign: {over: \"${timestamp}\", headers: {X-T: \"${timestamp}\"}, body: {sum: \"${signature}\"}}\nbody: {all: \"${items}\"}", numbers(9), 94, "signed 94",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			b.e.Secrets = []hook.Secret{{Text: "a-secret-of-tests"}}
			b.useBatch(1, tt.endpoint)
			jobs := b.jobs(tt.payloads...)
			batch := b.gather(jobs, tt.limit, false)
			m := b.message(batch)
			got := string(m.Body)
			switch {
			case strings.HasPrefix(tt.want, "signed"):
				if got, want := fmt.Sprint(len(m.Body)), strings.Fields(tt.want)[1]; batch.Len() != 6 || len(m.Body) > tt.limit || got > want {
					t.Errorf("%d events, %d bytes: %s", batch.Len(), len(m.Body), m.Body)
				}
				return
			case strings.HasPrefix(tt.want, "fields"):
				got = fmt.Sprint("fields ", strings.Count(got, "="))
			}
			if got != tt.want {
				t.Errorf("sent %s, want %s", got, tt.want)
			}
			if tt.limit > 0 && batch.Len() > 1 && len(m.Body) > tt.limit {
				t.Errorf("%d bytes", len(m.Body))
			}
			again := b.message(b.gather(jobs[:batch.Len()], 1, true)) // what was sent once fits
			if string(again.Body) != string(m.Body) {
				t.Errorf("sent again: %s", again.Body)
			}
		})
	}
}

func manyFields(n int) string {
	return `{"m":[` + strings.TrimSuffix(strings.Repeat("1,", n), ",") + `]}`
}

// pastFails cannot read attempts.
type pastFails struct{ Store }

func (pastFails) Attempts(context.Context, hook.DeliveryID, int) ([]*hook.Attempt, error) {
	return nil, errors.New("no disk")
}

// A request ends before what cannot go with the others. What is at its head is asked for alone, by Compose, which says why.
func TestGatherEnds(t *testing.T) {
	t.Parallel()
	const script = `function handler(webhook) {
		if (webhook.payload === 1) { webhook.cancel = "not this" }
		if (webhook.payload === 2) { throw new Error("no") }
		if (webhook.payload === 3) { webhook.headers["X-A"] = "b" }
		if (webhook.payload === 4) { webhook.payload = "four" }
		return webhook }`
	changed := func(change func(*hook.Job)) func(*bench, *hook.Job) { return func(_ *bench, j *hook.Job) { change(j) } }
	for name, tt := range map[string]struct {
		endpoint string
		script   string
		change   func(*bench, *hook.Job) // of the one that cannot go
		payload  string
		why      string // said by Compose; "": it can go alone
	}{
		"unreadable":        {change: changed(func(j *hook.Job) { j.Unreadable = true }), why: "cannot be decrypted"},
		"no JSON":           {change: changed(func(j *hook.Job) { j.Event.ContentType = "text/plain" }), why: "text/plain"},
		"no item":           {endpoint: `item: {$when: payload != 9, $value: {a: "${payload}"}}`, payload: "9", why: "gives nothing"},
		"a wrong item":      {endpoint: `item: {a: {$expr: "1 / payload"}}`, payload: `0`, why: "division"},
		"cancelled":         {script: script, payload: "1", why: "cancelled not this"},
		"a script fails":    {script: script, payload: "2", why: "Error: no"},
		"a changed header":  {script: script, payload: "3", why: "several events in one request"},
		"a changed payload": {script: script, endpoint: `item: {a: {$expr: "1 + payload"}}`, payload: "4", why: "changed payload"},
		"another version of the endpoint": {change: func(b *bench, j *hook.Job) {
			j.Delivery.Attempts, j.Delivery.EndpointVersion, j.Delivery.ContractVersion = 1, 1, 1
			b.edit(func(c *hook.EndpointConfig) { c.URL = "https://new.example/" })
		}},
		"another version of the contract": {change: func(b *bench, j *hook.Job) {
			j.Delivery.Attempts, j.Delivery.EndpointVersion, j.Delivery.ContractVersion = 1, 1, 1
			b.useBatch(2, `user_agent: two`)
		}},
		"one event at a time at first": {change: func(b *bench, j *hook.Job) {
			j.Delivery.Attempts, j.Delivery.EndpointVersion, j.Delivery.ContractVersion = 1, 1, 1
			b.use(1, shapes)
			b.useBatch(2, `user_agent: two`)
		}},
		"a past that cannot be read": {
			endpoint: `item: {last: "${attempt.last_error}"}`, why: "no disk", change: func(b *bench, j *hook.Job) {
				b.c.Store = pastFails{b.c.Store}
				j.Delivery.Slot, j.Delivery.Attempts, j.Delivery.EndpointVersion, j.Delivery.ContractVersion = 1, 1, 1, 1
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, func(c *hook.EndpointConfig) { c.Transformation = tt.script })
			b.useBatch(1, cmp.Or(tt.endpoint, `user_agent: one`))
			jobs := b.jobs("5", "6", cmp.Or(tt.payload, "7"), "8")
			if tt.change != nil {
				tt.change(b, &jobs[2])
			}
			if n := b.gather(slices.Clone(jobs), 0, false).Len(); n != 2 {
				t.Errorf("%d can go together, want 2", n)
			}
			batch, err := b.c.Gather(t.Context(), b.form(), jobs[2:], 0, false)
			n := 0
			if err == nil {
				n = batch.Len()
			}
			out, wrong := b.c.Compose(t.Context(), b.form(), &jobs[2])
			text := fmt.Sprint(wrong)
			if out.Failure != nil {
				text += out.Failure.Text
			}
			if out.Cancelled {
				text += " cancelled " + out.Reason
			}
			alone := !strings.HasPrefix(name, "one event") && tt.why == ""
			if hook.IsKind(err, hook.KindUnavailable) != (tt.why == "no disk") || (n == 0) == alone {
				t.Errorf("at the head %d can go, %v", n, err)
			}
			if tt.why != "" && !strings.Contains(text, tt.why) || tt.why == "" && (wrong != nil || out.Message == nil) {
				t.Errorf("alone: %s, want %s", text, tt.why)
			}
		})
	}
}

// Each item names its own attempt, whatever the others are in.
func TestGatherAttempts(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.useBatch(1, `item: {try: "${attempt.number}", at: "${attempt.unix_ms}", p: "${payload}"}`+"\n"+
		`sign: {over: "${timestamp}", timestamp: unix_ms, headers: {X-At: "${timestamp}", X-Sum: "${signature}"}}`)
	b.e.Secrets = []hook.Secret{{Text: "a-secret-of-tests"}}
	jobs := b.jobs("0", "1", "2")
	for i := range jobs {
		jobs[i].Delivery.Slot, jobs[i].Delivery.Attempts, jobs[i].Delivery.EndpointVersion, jobs[i].Delivery.ContractVersion = 2*i, 9, 1, 1
	}
	batch := b.gather(jobs, 0, true)
	for now := time.Now().UnixMilli(); time.Now().UnixMilli() <= now+1; { // storing takes time
		runtime.Gosched()
	}
	m := b.message(batch)
	at := header(m, "X-At")
	eq(t, "body", string(m.Body), fmt.Sprintf(`[{"try":1,"at":%s,"p":0},{"try":3,"at":%[1]s,"p":1},{"try":5,"at":%[1]s,"p":2}]`, at))
	for i := range jobs {
		eq(t, "frozen", batch.Frozen(i) == nil, true)
	}
	attempts := []*hook.Attempt{{}, {}, {}}
	batch.Record(attempts, &send.Reply{Sent: m.Headers})
	eq(t, "kept", string(attempts[1].Request.Body), fmt.Sprintf(`{"try":3,"at":%s,"p":1}`, at))
	eq(t, "a body that nobody recorded is hidden", b.c.HidesBody(t.Context(), b.form(), jobs[0].Delivery), true)
	eq(t, "sent again with the limit", b.gather(jobs, 70, true).Len(), 1) // a number may have become longer
}

// Items are frozen unless they are the payload itself, and those of scripts always are. A frozen one is sent again as it is.
func TestGatherFreezes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ endpoint, script, want string }{
		"the payload": {`shaping: "on"`, "", "- -"},
		"an item":     {`item: {a: "${payload}"}`, "", `{"a":0} {"a":1}`},
		"a script":    {`shaping: "on"`, "function handler(webhook) { return webhook }", "0 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, func(c *hook.EndpointConfig) { c.Transformation = tt.script })
			b.useBatch(1, tt.endpoint)
			jobs := b.jobs("0", "1", "2")
			batch := b.gather(jobs, 0, false)
			first := b.message(batch)
			eq(t, "the request is what was sent", batch.Sent(), first)
			batch.Drop(2)
			var got []string
			for i := range 2 {
				text := "-"
				if f := batch.Frozen(i); f != nil {
					text, jobs[i].Frozen, jobs[i].Delivery.Attempts = string(f.Body), f, 1
				}
				got = append(got, text)
			}
			eq(t, "frozen", strings.Join(got, " "), tt.want)
			second := b.message(batch)
			eq(t, "without the dropped", string(second.Body), strings.Replace(string(first.Body), ","+string(first.Body[len(first.Body)-len(got[0])-1:len(first.Body)-1]), "", 1))
			eq(t, "dropped", batch.Len(), 2)
			b.edit(func(c *hook.EndpointConfig) {
				c.URL, c.Transformation = "https://new.example/", "function handler() { throw 1 }"
			})
			again := b.gather(jobs[:2], 0, true)
			if name == "the payload" { // which is not frozen: the present script would see it
				return
			}
			m := b.message(again)
			eq(t, "sent again", string(m.Body), string(second.Body))
			eq(t, "to the address of now", m.Target, "https://new.example/")
			eq(t, "frozen again", again.Frozen(0) == nil, true)
		})
	}
}

// What is kept of each attempt hides secrets and personal data of all events, and has an item only if that is stored nowhere else.
func TestGatherRecords(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.useBatch(1, `headers: {X-Token: "${settings.token}"}`+"\n"+
		`item: {$when: payload.n == 1, $value: {t: "${settings.token}"}, $else: {n: "${payload.n}"}}`)
	jobs := b.jobs(`{"n":1,"email":"ana@b.example"}`, `{"n":2,"email":"bo@b.example"}`)
	for i := range jobs {
		jobs[i].Delivery.EndpointVersion, jobs[i].Delivery.ContractVersion, jobs[i].Delivery.Attempts = 1, 1, 1
	}
	b.edit(func(c *hook.EndpointConfig) { c.Settings = []byte(`{"token":"s3cretNew9"}`) })
	batch := b.gather(jobs, 0, true)
	m := b.message(batch)
	eq(t, "token", header(m, "X-Token"), "s3cretNew9")
	eq(t, "body", string(m.Body), `[{"t":"s3cretOld9"},{"n":2}]`)
	attempts := []*hook.Attempt{
		{Detail: "s3cretOld9 s3cretNew9 ana@b.example bo@b.example", Response: &hook.Response{Status: 500, Body: []byte("bo@b.example")}},
		{Detail: "another"},
	}
	batch.Record(attempts, &send.Reply{Sent: m.Headers})
	eq(t, "detail", attempts[0].Detail, "******** ******** ******** ********")
	eq(t, "detail of the other", attempts[1].Detail, "another")
	for i, a := range attempts {
		eq(t, "answer", string(a.Response.Body), "********")
		eq(t, "URL", a.Request.URL, strings.Replace(b.e.Config.URL, "s3cretOld9", "********", 1))
		eq(t, "item", string(a.Request.Body), []string{`{"t":"********"}`, ""}[i])
		if text := fmt.Sprint(a.Request.Headers); strings.Contains(text, "s3cret") || !strings.Contains(text, "X-Token") {
			t.Errorf("headers: %s", text)
		}
	}
}

// A request of which nothing can be made says so, whatever its events are.
func TestBatchWithoutMessage(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	b.useBatch(1, `sign: standard-webhooks`)
	batch := b.gather(b.jobs("1", "2"), 0, false)
	eq(t, "events", batch.Len(), 2)
	if m, err := batch.Message(hook.NewBatchID(), hook.AtLeastOnce); err == nil || m != nil || batch.Sent() != nil {
		t.Errorf("without a secret: %v, %v", m, err)
	}
	if _, err := b.c.Compose(t.Context(), b.form(), &b.jobs("1")[0]); err == nil {
		t.Error("without a secret: one event")
	}
}
