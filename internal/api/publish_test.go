package api_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gancho/internal/api"
	"gancho/internal/auth"
	"gancho/internal/hook"
	"gancho/internal/storetest"
)

// TestPayloadBytes publishes payloads that a decoder would change, and reads them back unchanged.
func TestPayloadBytes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	for i, payload := range []string{
		`{}`, `[]`, `null`, `true`, `""`, `0`, `-0.0`, `1E400`, `9007199254740993`, `0.000907775311708679`, `{"b":1,"a":2}`,
		"{ \"a\" :\t[ 1 ,\r\n 2 ] }", `"\/ \u00e3 ã \ud83d\ude00 <b>&"`, `{"":{"":""}}`, `{"a":"\\\"","b":"}"}`, "\"\u2028\u2029\x7f\"",
		`{"type":"x","payload":{"payload":1},"id":2}`,
		strings.Repeat("[", 128) + strings.Repeat("]", 128), `"` + strings.Repeat(`[`, 500) + `"`, `[` + strings.Repeat(`{},`, 300) + `{}]`,
		`"` + strings.Repeat("x", 64<<10-2) + `"`,
	} {
		for _, form := range []string{
			`{"type":"a","id":"i%d","payload":%s}`, " {\n\"payload\" : %[2]s , \"id\":\"j%[1]d\",\"type\":\"a\" } ", `{"t\u0079pe":"a","id":"k%d","pa\u0079load":%s}`,
			`[{"type":"b","payload":0},{"type":"a","id":"l%d","payload":%s}]`,
		} {
			body := fmt.Sprintf(form, i, payload)
			a := s.do("POST", tenant+"/events", body).want(202)
			id := strings.TrimPrefix(form, "[")
			name := ""
			for _, letter := range "ijkl" {
				if strings.Contains(id, `"`+string(letter)+`%`) {
					name = fmt.Sprintf("%c%d", letter, i)
				}
			}
			got := s.do("GET", tenant+"/events/"+name, "").want(200)
			if !strings.HasSuffix(got.Body, `"payload":`+payload+`}`) {
				t.Errorf("payload %.60s came back in %.300s (answer %.100s)", payload, got.Body, a.Body)
			}
		}
	}
}

// TestBatch checks that the other items of a batch are accepted if one is wrong.
func TestBatch(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	s.endpoint(tenant, `{"url":"`+nobody+`/","event_types":["order.*"]}`)
	big := `"` + strings.Repeat("x", 64<<10) + `"`
	wrong := []struct{ item, code, pointer string }{
		{`5`, "event_invalid", ""},
		{`{"type":"order.paid"}`, "payload_missing", "/payload"},
		{`{"type":"order paid","payload":1}`, "event_type_invalid", "/type"},
		{`{"type":"a","payload":1,"x":"hunter2"}`, "event_invalid", "/x"},
		{`{"type":"a","payload":` + big + `}`, "payload_too_large", "/payload"},
		{`{"type":"a","payload":1,"contract":"nope"}`, "contract_unknown", "/contract"},
		{`{"type":"a","payload":{"x":1,"x":2}}`, "json_invalid", "/payload/x"},
		{"{\"type\":\"a\",\"payload\":\"\xff\"}", "json_invalid", "/payload"},
		{`{"type":"a","payload":` + strings.Repeat("[", 129) + strings.Repeat("]", 129) + `}`, "payload_invalid", "/payload"},
		{`{"type":"a","type":"b","payload":1}`, "json_invalid", "/type"},
		{`[]`, "event_invalid", ""},
		{`{"type":"a","payload":1,"id":"used"}`, "event_id_reused", "-"},
	}
	s.do("POST", tenant+"/events", `{"type":"a","payload":2,"id":"used"}`).want(202)
	for i, w := range wrong { // each one between two right items
		body := fmt.Sprintf(`[{"type":"order.paid","id":"x%d","payload":1},%s,{"type":"other","payload":2}]`, i, w.item)
		a := s.do("POST", tenant+"/events", body).want(202)
		if a.get("items.0.deliveries") == nil || a.str("items.0.external_id") != fmt.Sprintf("x%d", i) || a.get("items.2.id") == nil || a.get("items.1.id") != nil {
			t.Errorf("%.60s: %s", w.item, a.Body)
		}
		if a.str("items.1.error.code") != w.code || strings.Contains(a.Body, "hunter2") {
			t.Errorf("%.60s: %s", w.item, a.Body)
		}
		if w.pointer != "-" && a.str("items.1.error.errors.0.pointer") != "/1"+w.pointer {
			t.Errorf("%.60s: %s", w.item, a.Body)
		}
	}
	// All wrong items in one batch.
	var all []string
	for _, w := range wrong {
		all = append(all, w.item)
	}
	a := s.do("POST", tenant+"/events", "["+strings.Join(all, ",")+`,{"type":"a","payload":"end"}]`).want(202)
	if strings.Count(a.Body, `"error":{`) != len(wrong) || strings.Count(a.Body, `"duplicate":false`) != 1 {
		t.Errorf("all: %s", a.Body)
	}
	many := strings.Repeat(`{"type":"order.paid","payload":{"n":1}},`, 999) + `{"type":"order.paid","payload":{"n":1}}`
	if a := s.do("POST", tenant+"/events", "["+many+"]").want(202); strings.Count(a.Body, `"deliveries":1`) != 1000 {
		t.Errorf("1000: %.300s", a.Body)
	}
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	s.endpoint(tenant, `{"url":"`+nobody+`/"}`)
	post := func(body string, header ...string) answer {
		return s.as(adminKey, "POST", tenant+"/events", body, header...)
	}
	first := post(`{"type":"a","id":"1","payload":{"x":1}}`).want(202)
	second := post(`{"type":"a","id":"1","payload":{"x":1}}`).want(202)
	if second.Body != strings.Replace(first.Body, `"duplicate":false`, `"duplicate":true`, 1) {
		t.Errorf("second answer %s after %s", second.Body, first.Body)
	}
	for _, other := range []string{`{"type":"b","id":"1","payload":{"x":1}}`, `{"type":"a","id":"1","payload":{"x":2}}`, `{"type":"a","id":"1","payload":{"x": 1}}`} {
		if a := post(other).want(409); !strings.Contains(a.Body, "event_id_reused") {
			t.Errorf("%s: %s", other, a.Body)
		}
	}
	batch := `[{"type":"a","payload":1},{"type":"","payload":1},{"type":"a","payload":2,"id":"2"}]`
	one := post(batch, "Idempotency-Key", "k1").want(202)
	two := post(batch, "Idempotency-Key", "k1").want(202)
	if strings.ReplaceAll(one.Body, `"duplicate":false`, `"duplicate":true`) != two.Body {
		t.Errorf("again:\n%s\nfirst:\n%s", two.Body, one.Body)
	}
	if a := post(batch+" ", "Idempotency-Key", "k1").want(409); !strings.Contains(a.Body, "idempotency_key_reused") {
		t.Errorf("other body: %s", a.Body)
	}
	single := post(`{"type":"a","payload":3}`, "Idempotency-Key", "k2").want(202)
	if again := post(`{"type":"a","payload":3}`, "Idempotency-Key", "k2").want(202); again.str("id") != single.str("id") || again.get("duplicate") != true {
		t.Errorf("single again: %s", again.Body)
	}
	if n := strings.Count(s.do("GET", tenant+"/events", "").want(200).Body, `"evt_`); n != 4 {
		t.Errorf("%d events are stored, want 4", n)
	}
	// A wrong request does not use up its key.
	post(`{"type":"","payload":3}`, "Idempotency-Key", "k3").want(422)
	post(`{"type":"a","payload":3}`, "Idempotency-Key", "k3").want(202)
}

// TestLogHasNoKeys checks that the log names the routes of requests, not the keys of records in their paths.
func TestLogHasNoKeys(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	for name, changer := range map[string]changer{
		"an error": func(context.Context, hook.RecordChanges) ([]hook.RecordAnswer, error) {
			return nil, hook.Unavailable(io.EOF)
		},
		"a panic":    func(context.Context, hook.RecordChanges) ([]hook.RecordAnswer, error) { panic("broken") },
		"no answers": func(context.Context, hook.RecordChanges) ([]hook.RecordAnswer, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			log := &syncBuffer{}
			a := api.New(api.Options{
				Auth: auth.New(db, adminKey, nil), Changer: changer,
				Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			})
			r := httptest.NewRequestWithContext(t.Context(), "DELETE", "/v1/tenants/acme/records/kobra/visit/ana@example.com", nil)
			r.Header.Set("Authorization", "Bearer "+adminKey)
			a.ServeHTTP(httptest.NewRecorder(), r)
			if text := log.String(); strings.Contains(text, "ana@") || !strings.Contains(text, "/v1/tenants/{tenant}/records/") {
				t.Errorf("the log: %s", text)
			}
		})
	}
}

type changer func(context.Context, hook.RecordChanges) ([]hook.RecordAnswer, error)

func (c changer) Change(ctx context.Context, in hook.RecordChanges) ([]hook.RecordAnswer, error) {
	return c(ctx, in)
}

func (changer) Repeats(context.Context, hook.RecordChanges) (bool, error) { return false, nil }

func (accepter) Fresh(context.Context, hook.NewEvents) (ask hook.QuotaAsk, err error) {
	return ask, nil
}

// TestStorageTrouble checks that the answer is an error if an event could not be stored.
func TestStorageTrouble(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	broken := accepter(func(context.Context, hook.NewEvents) ([]hook.EventAnswer, error) {
		return nil, hook.Unavailable(fmt.Errorf("disk full, hunter2"))
	})
	log := &syncBuffer{}
	do := func(in accepter) *httptest.ResponseRecorder {
		a := api.New(api.Options{Auth: auth.New(db, adminKey, nil), Accepter: in, Log: slog.New(slog.NewTextHandler(log, nil))})
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/tenants/acme/events", strings.NewReader(`{"type":"a","payload":1}`))
		r.Header.Set("Authorization", "Bearer "+adminKey)
		a.ServeHTTP(w, r)
		return w
	}
	if w := do(broken); w.Code != 503 || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "hunter2") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if !strings.Contains(log.String(), "disk full") {
		t.Errorf("the cause is not in the log: %s", log)
	}
	for _, failing := range []accepter{
		func(context.Context, hook.NewEvents) ([]hook.EventAnswer, error) { return nil, io.ErrUnexpectedEOF },
		func(context.Context, hook.NewEvents) ([]hook.EventAnswer, error) { panic("hunter2") },
		func(context.Context, hook.NewEvents) ([]hook.EventAnswer, error) { return nil, nil },
	} {
		if w := do(failing); w.Code != 500 || strings.Contains(w.Body.String(), "hunter2") || strings.Contains(w.Body.String(), "EOF") || !strings.Contains(w.Body.String(), "internal_error") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
}

type accepter func(context.Context, hook.NewEvents) ([]hook.EventAnswer, error)

func (f accepter) Accept(ctx context.Context, in hook.NewEvents) ([]hook.EventAnswer, error) {
	return f(ctx, in)
}

// BenchmarkPublish measures the handler, with an accepter that does nothing.
func BenchmarkPublish(b *testing.B) {
	db := storetest.Open(b)
	for _, c := range []struct{ name, body string }{
		{"one", `{"type":"order.paid","id":"order-12345678","payload":` + payload400 + `}`},
		{"batch100", "[" + strings.Repeat(`{"type":"order.paid","payload":`+payload400+`},`, 99) + `{"type":"order.paid","payload":` + payload400 + `}]`},
	} {
		b.Run(c.name, func(b *testing.B) {
			answers := make([]hook.EventAnswer, 100)
			in := accepter(func(_ context.Context, in hook.NewEvents) ([]hook.EventAnswer, error) {
				return answers[:len(in.Items)], nil
			})
			a := api.New(api.Options{Auth: auth.New(db, adminKey, nil), Accepter: in})
			r := httptest.NewRequest(http.MethodPost, "/v1/tenants/acme/events", nil)
			r.Header.Set("Authorization", "Bearer "+adminKey)
			r.ContentLength = int64(len(c.body))
			body := strings.NewReader("")
			r.Body = io.NopCloser(body)
			w := &discard{header: http.Header{}}
			b.ReportAllocs()
			b.SetBytes(int64(len(c.body)))
			for b.Loop() {
				body.Reset(c.body)
				w.status = 0
				a.ServeHTTP(w, r)
				if w.status != 202 {
					b.Fatal(w.status)
				}
			}
		})
	}
}

var payload400 = `{"order":{"id":12345678,"total":"129.90","currency":"EUR","lines":[{"sku":"A-1","qty":2,"price":49.95},{"sku":"B-2","qty":1,"price":30}],"customer":{"name":"Ana Souza","email":"ana@example.com","city":"S\u00e3o Paulo"},"paid_at":"2026-11-21T18:00:00Z","note":"` + strings.Repeat("n", 140) + `"}}`

type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
