package contract

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
)

// greeting is the request of a handshake with an endpoint at https://example.com/in?a=1, and its challenge.
func greeting(t *testing.T, verify, settings string) (c *Contract, r Rendering, challenge string) {
	t.Helper()
	by := parseContract(t, `contract: o
title: O
events: {order.paid: {title: E}}
endpoint:
  settings: {type: object, properties: {token: {type: string, title: {en: T}, secret: true}, app: {type: string, title: {en: A}}}}
  headers: {x-type: "${event.type}"}
  body: {never: "${payload}"}
  verify: `+verify+"\n")
	ev := by.NewHandshake("acme", time.Now())
	c = by.Handshake(ev, []hook.Secret{{Text: "s3cret"}})
	r, err := c.Render(hook.EndpointConfig{URL: "https://example.com/in?a=1", Settings: []byte(settings)}, ev)
	if err != nil {
		t.Fatal(err)
	}
	var payload struct{ Challenge string }
	if err := json.Unmarshal(ev.Payload, &payload); err != nil || len(payload.Challenge) < 32 {
		t.Fatalf("%s, %v", ev.Payload, err)
	}
	return c, r, payload.Challenge
}

// Handshakes of public systems.
func TestHandshakes(t *testing.T) {
	t.Parallel()
	const settings = `{"token":"t0ken","app":"shop"}`
	type answer struct {
		r  hook.Response
		ok bool
	}
	at := func(status int, body string, header ...string) hook.Response {
		return hook.Response{Status: status, Body: []byte(body), Headers: headers(header...)}
	}
	for name, tc := range map[string]struct {
		verify  string
		request string // method, URL, headers and body; CHALLENGE stands for the challenge
		answers []answer
	}{
		"echoed in the body, as JSON": { // Slack
			`{body: {type: url_verification, challenge: "${challenge}"}, accept: response.status == 200 && (response.json.challenge == challenge || response.body == challenge)}`,
			`POST https://example.com/in?a=1 Content-Type=application/json User-Agent=Gancho {"type":"url_verification","challenge":"CHALLENGE"}`,
			[]answer{
				{at(200, `{"challenge":"CHALLENGE"}`), true},
				{at(200, "CHALLENGE"), true},
				{at(200, `{"challenge":"x"}`), false},
				{at(200, ""), false},
				{at(404, "CHALLENGE"), false},
			},
		},
		"in the query": { // Meta
			`{method: GET, query: {hub.mode: subscribe, hub.challenge: "${challenge}", hub.verify_token: "${settings.token}"}, accept: response.status == 200 && response.body == challenge}`,
			`GET https://example.com/in?a=1&hub.mode=subscribe&hub.challenge=CHALLENGE&hub.verify_token=t0ken User-Agent=Gancho`,
			[]answer{{at(200, "CHALLENGE"), true}, {at(200, "CHALLENGE "), false}, {at(403, ""), false}},
		},
		"in a header": { // Okta
			`{method: GET, headers: {X-Challenge: "${challenge}", X-App: "${settings.app}", X-No: "${settings.none?}"}, accept: response.json.verification == challenge}`,
			`GET https://example.com/in?a=1 X-Challenge=CHALLENGE X-App=shop User-Agent=Gancho`,
			[]answer{{at(200, `{"verification":"CHALLENGE"}`), true}, {at(200, `CHALLENGE`), false}},
		},
		"a ping": { // GitHub
			`{headers: {X-Event: ping}, body: {zen: "Keep it simple."}}`,
			`POST https://example.com/in?a=1 Content-Type=application/json X-Event=ping User-Agent=Gancho {"zen":"Keep it simple."}`,
			[]answer{{at(204, ""), true}, {at(302, ""), false}, {at(500, ""), false}},
		},
		"an origin": { // CloudEvents
			`{method: OPTIONS, headers: {WebHook-Request-Origin: shop.example}, accept: 'response.headers["webhook-allowed-origin"] in ["*", "shop.example"]'}`,
			`OPTIONS https://example.com/in?a=1 WebHook-Request-Origin=shop.example User-Agent=Gancho`,
			[]answer{{at(200, "", "WebHook-Allowed-Origin", "shop.example"), true}, {at(200, "", "webhook-allowed-origin", "*"), true}, {at(200, ""), false}},
		},
		"a form": { // WooCommerce
			`{body: {webhook_id: 5}, form: {fields: flat}}`,
			`POST https://example.com/in?a=1 Content-Type=application/x-www-form-urlencoded User-Agent=Gancho webhook_id=5`,
			[]answer{{at(200, ""), true}},
		},
		"XML": {
			`{body: {$raw: "<ask>${xml(challenge)}</ask>", content_type: text/xml}, accept: response.body.contains(challenge)}`,
			`POST https://example.com/in?a=1 Content-Type=text/xml User-Agent=Gancho <ask>CHALLENGE</ask>`,
			[]answer{{at(200, "<ok>CHALLENGE</ok>"), true}},
		},
		"nothing but the challenge": {
			`{accept: response.body == challenge}`,
			`POST https://example.com/in?a=1 Content-Type=application/json User-Agent=Gancho {"challenge":"CHALLENGE"}`,
			[]answer{{at(200, "CHALLENGE"), true}},
		},
		"the endpoint's secret": {
			`{accept: response.body == challenge + secret}`,
			`POST https://example.com/in?a=1 Content-Type=application/json User-Agent=Gancho {"challenge":"CHALLENGE"}`,
			[]answer{{at(200, "CHALLENGEs3cret"), true}, {at(200, "CHALLENGE"), false}},
		},
		"a sum of the challenge": { // X
			`{method: GET, query: {crc_token: "${challenge}"}, accept: 'response.json.response_token == "sha256=" + challenge.hmac_sha256_base64(secret)'}`,
			`GET https://example.com/in?a=1&crc_token=CHALLENGE User-Agent=Gancho`,
			[]answer{{at(200, `{"response_token":"sha256=HMAC"}`), true}, {at(200, `{"response_token":"HMAC"}`), false}},
		},
		"computed": {
			`{body: {half: {$expr: "challenge.substring(0, 8)"}}, accept: response.body == challenge.substring(8)}`,
			`POST https://example.com/in?a=1 Content-Type=application/json User-Agent=Gancho {"half":"CHALLENGE8"}`,
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, r, challenge := greeting(t, strings.ReplaceAll(tc.verify, "${settings.none?}", "${settings.app}"), settings)
			fill := func(s string) string {
				sum := hmac.New(sha256.New, []byte("s3cret"))
				sum.Write([]byte(challenge))
				return strings.NewReplacer("CHALLENGE8", challenge[:8], "CHALLENGE", challenge,
					"HMAC", base64.StdEncoding.EncodeToString(sum.Sum(nil))).Replace(s)
			}
			var got strings.Builder
			got.WriteString(r.Method + " " + r.URL)
			for _, h := range r.Headers {
				if h.Name != "X-No" {
					got.WriteString(" " + h.Name + "=" + h.Value)
				}
			}
			if body := string(r.WithoutBody().Body); body != "" {
				got.WriteString(" " + body)
			}
			if want := fill(tc.request); got.String() != want {
				t.Errorf("sent %s\nwant %s", got.String(), want)
			}
			for _, a := range tc.answers {
				a.r.Body = []byte(fill(string(a.r.Body)))
				if v := c.Judge(&a.r); v.OK != a.ok || v.OK == (v.Class != "") {
					t.Errorf("%d %q %v: %+v, want %t", a.r.Status, a.r.Body, a.r.Headers, v, a.ok)
				}
			}
		})
	}
}

// A receiver says in its answer how many requests a minute it takes, as CloudEvents has it.
func TestAllowedRate(t *testing.T) {
	t.Parallel()
	c, _, _ := greeting(t, `{method: OPTIONS, per_minute: 'response.headers["webhook-allowed-rate"]'}`, `{}`)
	for value, want := range map[string]float64{
		"120": 2, " 30 ": 0.5, "0.001": 0.001, "1e300": MaxPerSecond, "*": 0, "0": 0, "-5": 0, "NaN": 0, "many": 0, "": 0,
	} {
		if got := c.AllowedRate(&hook.Response{Status: 200, Headers: headers("WebHook-Allowed-Rate", value)}); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
	if got := c.AllowedRate(&hook.Response{Status: 200}); got != 0 {
		t.Errorf("without the header: %v", got)
	}
	if c, _, _ := greeting(t, `{method: OPTIONS}`, `{}`); c.AllowedRate(&hook.Response{Headers: headers("WebHook-Allowed-Rate", "60")}) != 0 {
		t.Error("nobody asked for a rate")
	}
}

// A test in the file makes a handshake with a challenge that it gives.
func TestHandshakeInTests(t *testing.T) {
	t.Parallel()
	run := func(test string) []Result {
		return parseContract(t, `contract: o
title: O
events: {order.paid: {title: E}}
endpoint:
  event_types: {min: 1}
  sign: {over: "${body}", encoding: hex, headers: {X-Sum: "${signature}"}}
  verify:
    body: {type: url_verification, challenge: "${challenge}"}
    accept: response.json.challenge == challenge
tests:
  asked: `+test+"\n").RunTests()
	}
	for test, want := range map[string]string{
		`{challenge: abc, body: '{"type":"url_verification","challenge":"abc"}', answer: {body: '{"challenge":"abc"}', is: success}}`:                                                           "",
		`{challenge: abc, secret: a-secret-of-ours, body: '{"type":"url_verification","challenge":"abc"}', headers: {X-Sum: 0f1d8bce3f6e2a80ba0dd5cbd8f9dcdd3ef5d8c9c6ccb2cb0d7d1b9f6a1e6e83}}`: "A header differs",
		`{challenge: abc, answer: {body: '{"challenge":"abd"}', is: success}}`:                                                                                                                  "The answer means stop",
		`{challenge: abc, body: '{}'}`: "The body differs",
	} {
		if r := run(test); len(r) != 1 || (r[0].Wrong == "") != (want == "") || !strings.Contains(r[0].Wrong, want) {
			t.Errorf("%s: %+v, want %q", test, r, want)
		}
	}
	for test, want := range map[string]string{
		"endpoint: {verify: {method: GET}}\ntests: {a: {challenge: x, event: order.paid, body: x}}": "A handshake is no event",
		"tests: {a: {challenge: x, body: x}}":                                                       "this contract has no handshake",
	} {
		_, err := Parse("o.yaml", []byte("contract: o\ntitle: O\nevents: {order.paid: {title: E}}\n"+test+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", test, err, want)
		}
	}
}

// The rule for the answer can depend on the secret of the test alone, and a secret that nothing depends on is reported.
func TestHandshakeSecretInTests(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"{body: 71e6d8c1ca2c14fbd2b4c8fb86a1a8ae8e6fb4bd, is: stop}": "secret does nothing here",
		"{body: SUM, is: success}":                                   "",
	} {
		sum := hmac.New(sha256.New, []byte("a-secret-of-ours"))
		sum.Write([]byte("abc"))
		r := parseContract(t, `contract: o
title: O
events: {order.paid: {title: E}}
endpoint:
  sign: {headers: {X-Sum: "${signature}"}}
  verify: {method: GET, query: {q: "${challenge}"}, accept: response.body == challenge.hmac_sha256_base64(secret)}
tests:
  asked: {challenge: abc, secret: a-secret-of-ours, answer: `+
			strings.Replace(answer, "SUM", base64.StdEncoding.EncodeToString(sum.Sum(nil)), 1)+"}\n").RunTests()
		if len(r) != 1 || (r[0].Wrong == "") != (want == "") || !strings.Contains(r[0].Wrong, want) {
			t.Errorf("%s: %+v, want %q", answer, r, want)
		}
	}
}

// The examples of the reference are right.
func TestHandshakeExamples(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/contract-language.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(b), "```yaml handshake\n")[1:]
	if len(blocks) < 2 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, block := range blocks {
		src, _, _ := strings.Cut(block, "```")
		if c := parseContract(t, "contract: o\ntitle: O\nevents: {order.paid: {title: E}}\n"+src); !c.Verifies() {
			t.Errorf("no handshake:\n%s", src)
		}
	}
}

// The rule for events stays what it is, and there is no handshake where none is asked for.
func TestNoHandshake(t *testing.T) {
	t.Parallel()
	c := parseContract(t, "contract: o\ntitle: O\nevents: {order.paid: {title: E}}\ndelivery: {success: response.status == 202}\n")
	if c.Verifies() || c.Handshake(&hook.Event{}, nil) != nil {
		t.Error("there is a handshake")
	}
	c = parseContract(t, "contract: o\ntitle: O\nevents: {order.paid: {title: E}}\ndelivery: {success: response.status == 202}\nendpoint: {verify: {method: GET}}\n")
	ev := c.NewHandshake("acme", time.Now())
	if v := c.Judge(&hook.Response{Status: 200}); !c.Verifies() || v.OK {
		t.Error("the rule of a handshake judges an event")
	}
	if v := c.Handshake(ev, nil).Judge(&hook.Response{Status: 200}); !v.OK {
		t.Error("the rule of events judges a handshake")
	}
	if again := c.NewHandshake("acme", time.Now()); string(again.Payload) == string(ev.Payload) || again.ID == ev.ID {
		t.Errorf("two handshakes with the challenge %s", ev.Payload)
	}
}

func TestHandshakeProblems(t *testing.T) {
	t.Parallel()
	for verify, want := range map[string]string{
		`yes`:                                 "verify",
		`{path: /ping}`:                       "path",
		`{method: FETCH}`:                     "FETCH",
		`{method: GET, body: {a: 1}}`:         "carries no body",
		`{body: {a: "${settings.token}"}}`:    "would show secrets",
		`{body: {a: "${settings.tokn}"}}`:     "there is no setting tokn",
		`{headers: {a: "${chalenge}"}}`:       "challenge",
		`{accept: response.body == chalenge}`: "chalenge",
		`{per_minute: respons.status}`:        "respons",
		`{accept: 'response.status'}`:         "true or false",
	} {
		_, err := Parse("o.yaml", []byte(`contract: o
title: O
events: {order.paid: {title: E}}
endpoint:
  settings: {type: object, properties: {token: {type: string, title: {en: T}, secret: true}}}
  verify: `+verify+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "o.yaml:6:") {
			t.Errorf("%s: %v, want %q in line 6", verify, err, want)
		}
	}
	_, err := Parse("o.yaml", []byte("contract: o\ntitle: O\nevents: {order.paid: {title: E}}\nendpoint: {headers: {x: \"${challenge}\"}}\n"))
	if err == nil || !strings.Contains(err.Error(), "no challenge here") {
		t.Errorf("outside of a handshake: %v", err)
	}
}

// A handshake belongs to no event: it has nothing of an event's type, and can name nothing of one.
func TestHandshakeHasNoEvent(t *testing.T) {
	t.Parallel()
	const head = "contract: o\ntitle: O\nevents: {\"*\": {title: E, headers: {X-Topic: any, X-Set: \"${set.topic}\"}, set: {topic: any}}}\nendpoint:\n  verify: "
	c := parseContract(t, head+"{headers: {X-Ping: \"1\"}}\n")
	ev := c.NewHandshake("acme", time.Now())
	r, err := c.Handshake(ev, nil).Render(hook.EndpointConfig{URL: "https://example.com/"}, ev)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range r.Headers {
		if h.Name == "X-Topic" || h.Name == "X-Set" {
			t.Errorf("the header %s of events goes along", h.Name)
		}
	}
	for verify, want := range map[string]string{
		`{headers: {X-Topic: "${set.topic}"}}`:                                "there is no set here. A handshake belongs to no event",
		`{query: {id: "${payload.id}"}}`:                                      "there is no payload here. A handshake belongs to no event",
		`{body: {id: "${payload}"}}`:                                          "there is no payload here. A handshake belongs to no event",
		`{body: {id: {$expr: payload.id}}}`:                                   "payload",
		`{body: {id: {$when: set.topic == "any", $value: 1}}}`:                "set",
		`{headers: {X-Topic: {$expr: 'set.topic + "x"'}}}`:                    "set",
		`{body: {$raw: "<a>${xml(payload.id)}</a>", content_type: text/xml}}`: "there is no payload here. A handshake belongs to no event",
	} {
		_, err := Parse("o.yaml", []byte(head+verify+"\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", verify, err, want)
		}
	}
}
