package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho.example/client"
)

// What huma finds wrong is said in sentences, with the codes that the console has texts for.
func TestWhatHumaFinds(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.do("PUT", "/v1/tenants/acme", `{}`).want(201)
	const endpoints = "/v1/tenants/acme/endpoints"
	event := s.do("POST", "/v1/tenants/acme/events", `{"type":"a","payload":1}`).want(202).str("id")
	for _, c := range []struct{ method, path, body, code, detail string }{
		{"POST", endpoints, `{"url":""}`, "url_required", "This is required: the address that receives the webhook, like https://example.com/webhook."},
		{"POST", endpoints, `{"url":7}`, "type_string", "This has to be a text."},
		{"POST", endpoints, `{"url":"http://a","retry":[]}`, "empty", "This cannot be empty."},
		{"POST", endpoints, `{"url":"http://a","timeout_ms":0}`, "too_small", "This has to be at least 1."},
		{"POST", endpoints, `{"url":"http://a","timeout_ms":"15s"}`, "type_integer", "This has to be a whole number."},
		{"POST", endpoints, `{"url":"http://a","event_types":"order.*"}`, "type_array", "This has to be a list."},
		{"POST", endpoints, `{"url":"http://a","rate_limit":-1}`, "type_object", "This has to be an object."},
		{"POST", endpoints, `{"url":"http://a","ordered":"yes"}`, "type_boolean", "This has to be true or false."},
		{"GET", "/v1/tenants/acme/deliveries?state=faild", "", "one_of", "This has to be one of pending, sending, retrying, delivered, failed, unknown, cancelled."},
		{"GET", "/v1/tenants/acme/events/" + event + "/explain", "", "required", "This is required."},
	} {
		a := s.do(c.method, c.path, c.body).want(422)
		got := client.ProblemError{Code: a.str("errors.0.code"), Detail: a.str("errors.0.detail")}
		if got.Code != c.code || got.Detail != c.detail {
			t.Errorf("%s %s: %s %q, want %s %q", c.path, c.body, got.Code, got.Detail, c.code, c.detail)
		}
	}
}

// A form is told of all its mistakes at once, each at its place, with a code that the console has a text for.
func TestFormsAreToldOfAllMistakes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	acme := s.tenant("acme")
	for _, c := range []struct{ path, body, want string }{
		{
			"/endpoints", `{"contract":"upnify","url":"","settings":{"pairs":[{}]}}`,
			"/url url_required, /event_types event_types_exactly, /settings/pairs/0/key required, /settings/pairs/0/value required",
		},
		{"/credentials", `{"contract":"cabaprop","name":"","url":""}`, "/name name_required, /url url_required"},
		{"/credentials", `{"contract":"cabaprop","name":"App","url":""}`, "/url url_required"},
	} {
		var got []string
		for _, e := range decoded[client.Problem](s.do("POST", acme+c.path, c.body).want(422)).Errors {
			got = append(got, *e.Pointer+" "+e.Code)
		}
		if diff := cmp.Diff(c.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.body, diff)
		}
	}
}

// A parameter that is a sentence comes in the language of the request; details are English.
func TestSentencesAmongParameters(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	acme := s.tenant("acme")
	for _, c := range []struct{ language, members, problem string }{
		{"en", `"filter":"tpye == 'a'"`, "There is no tpye here. Did you mean type?"},
		{"es-MX", `"filter":"tpye == 'a'"`, "Aquí no existe tpye. ¿Quiso escribir type?"},
		{"es", `"secret":"abc"`, "no es un secreto de firma"},
		{"pt-BR", `"filter":"payload.total +"`, "A condição não pode ser lida"},
		{"pt", `"filter":"type + 1"`, "não pode"},
	} {
		a := s.as(adminKey, "POST", acme+"/endpoints", `{"url":"`+nobody+`",`+c.members+`}`, "Accept-Language", c.language).want(422)
		if got := a.str("errors.0.params.problem"); !strings.Contains(got, c.problem) {
			t.Errorf("%s in %s: %q, want %q", c.members, c.language, got, c.problem)
		}
	}
}

// decoded is an answer as the client reads it.
func decoded[T any](a answer) (out T) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(a.Body), &out); err != nil {
		a.t.Fatalf("%v: %s", err, a.Body)
	}
	return out
}
