package app

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"gancho.example/client"
)

// signedRequest is a request as a receiver sees it.
type signedRequest struct {
	r    *http.Request
	body string
}

func (a signedRequest) url() string { return "http://" + a.r.Host + a.r.RequestURI }

func hexMAC(secret, text string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// A contract says how its requests are signed, and receivers that compute the signature as the systems document it find
// it right: in each attempt anew, of the form and of what a script made of the payload. The worker, the API and the
// sockets are real; the receivers use nothing of package sign.
func TestSignedAsDescribed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, endpoint, script string
		secret                 string // brought along; "": made
		wrong                  func(a signedRequest, secret string) string
	}{
		{
			name: "slack", secret: "8f742231b10e8888",
			endpoint: `{sign: {over: "v0:${timestamp}:${body}", headers: {X-Slack-Signature: "v0=${signature}", X-Slack-Request-Timestamp: "${timestamp}"}}}`,
			script:   "function handler(webhook) { webhook.payload.added = 1; return webhook }",
			wrong: func(a signedRequest, secret string) string {
				if a.body != `{"id":"ü","added":1}` {
					return "the script's body is not what is sent: " + a.body
				}
				want := "v0=" + hexMAC(secret, "v0:"+a.r.Header.Get("X-Slack-Request-Timestamp")+":"+a.body)
				return differs(a.r.Header.Get("X-Slack-Signature"), want)
			},
		},
		{
			name:     "twilio form",
			endpoint: `{form: {field: payload}, sign: {algorithm: hmac-sha1, over: "${url}${form.sorted}", encoding: base64, headers: {X-Twilio-Signature: "${signature}"}}}`,
			wrong: func(a signedRequest, secret string) string {
				form, err := url.ParseQuery(a.body)
				if err != nil || len(form) != 1 {
					return fmt.Sprint(err, form)
				}
				mac := hmac.New(sha1.New, []byte(secret))
				mac.Write([]byte(a.url() + "payload" + form.Get("payload")))
				return differs(a.r.Header.Get("X-Twilio-Signature"), base64.StdEncoding.EncodeToString(mac.Sum(nil)))
			},
		},
		{
			name: "mailgun", secret: "key-0123456789",
			endpoint: `{sign: {over: "${timestamp}${nonce}", nonce: {length: 50},
               body: {signature: {timestamp: "${timestamp}", token: "${nonce}", signature: "${signature}"}}}}`,
			wrong: func(a signedRequest, secret string) string {
				var doc struct {
					ID        string
					Signature struct{ Timestamp, Token, Signature string }
				}
				if err := json.Unmarshal([]byte(a.body), &doc); err != nil || doc.ID != "ü" || len(doc.Signature.Token) != 50 {
					return fmt.Sprint(err, a.body)
				}
				return differs(doc.Signature.Signature, hexMAC(secret, doc.Signature.Timestamp+doc.Signature.Token))
			},
		},
		{
			name:     "query and stripe",
			endpoint: `{sign: [{over: "${method} ${url}", query: {sig: "${signature}"}}, {over: "${timestamp}.${body}", headers: {Stripe-Signature: "t=${timestamp},v1=${signature}"}, several: {join: ","}}]}`,
			wrong: func(a signedRequest, secret string) string {
				stamp, given, _ := strings.Cut(strings.TrimPrefix(a.r.Header.Get("Stripe-Signature"), "t="), ",v1=")
				before, sig, _ := strings.Cut(a.url(), "&sig=")
				return differs(given, hexMAC(secret, stamp+"."+a.body)) + differs(sig, hexMAC(secret, "POST "+before))
			},
		},
		{
			name: "get without a body", secret: "8f742231b10e8888",
			endpoint: `{method: GET, query: {id: "${payload.id}"}, sign: {over: "${timestamp}.${method} ${url}.${body}", headers: {X-Sig: "${signature}", X-Time: "${timestamp}"}}}`,
			script:   "function handler(webhook) { webhook.payload.id += 1; return webhook }",
			wrong: func(a signedRequest, secret string) string {
				if h := a.r.Header; a.body != "" || a.r.ContentLength != 0 || h["Content-Length"] != nil || h["Content-Type"] != nil || a.r.RequestURI != "/in?b=1&id=%C3%BC1" {
					return fmt.Sprintf("%q %v %s", a.body, h, a.r.RequestURI)
				}
				return differs(a.r.Header.Get("X-Sig"), hexMAC(secret, a.r.Header.Get("X-Time")+".GET "+a.url()+"."))
			},
		},
		{
			name: "nested form", secret: "8f742231b10e8888",
			endpoint: `{body: {leads: {add: ["${payload}"]}}, form: {fields: nested}, sign: {over: "${timestamp}${form.sorted}", headers: {X-Sig: "${signature}", X-Time: "${timestamp}"}}}`,
			script:   "function handler(webhook) { webhook.payload.paid = true; return webhook }",
			wrong: func(a signedRequest, secret string) string {
				form, err := url.ParseQuery(a.body)
				if err != nil || form.Get("leads[add][0][id]") != "ü" || form.Get("leads[add][0][paid]") != "1" || len(form) != 2 {
					return fmt.Sprint(err, form)
				}
				return differs(a.r.Header.Get("X-Sig"), hexMAC(secret, a.r.Header.Get("X-Time")+"leads[add][0][id]ü"+"leads[add][0][paid]1"))
			},
		},
		{
			name: "xml", secret: "8f742231b10e8888",
			endpoint: `{body: {$raw: "<a>${xml(payload.id)}</a>", content_type: text/xml}, sign: {over: "${timestamp}${body}", headers: {X-Sig: "${signature}", X-Time: "${timestamp}"}}}`,
			script:   "function handler(webhook) { webhook.payload.id += '<'; return webhook }",
			wrong: func(a signedRequest, secret string) string {
				if a.body != "<a>ü&lt;</a>" || a.r.Header.Get("Content-Type") != "text/xml" {
					return fmt.Sprint(a.body, a.r.Header)
				}
				return differs(a.r.Header.Get("X-Sig"), hexMAC(secret, a.r.Header.Get("X-Time")+a.body))
			},
		},
		{
			name:     "discord",
			endpoint: `{sign: {algorithm: ed25519, over: "${timestamp}${body}", headers: {X-Signature-Ed25519: "${signature}", X-Signature-Timestamp: "${timestamp}"}}}`,
			wrong: func(a signedRequest, public string) string {
				block, _ := pem.Decode([]byte(public))
				if block == nil {
					return "no public key"
				}
				key, err := x509.ParsePKIXPublicKey(block.Bytes)
				if err != nil {
					return err.Error()
				}
				sig, err := hex.DecodeString(a.r.Header.Get("X-Signature-Ed25519"))
				k, ok := key.(ed25519.PublicKey)
				if err != nil || !ok || !ed25519.Verify(k, []byte(a.r.Header.Get("X-Signature-Timestamp")+a.body), sig) {
					return "the signature is wrong"
				}
				return ""
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var got []signedRequest
			receiver := listening(t, func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if got = append(got, signedRequest{r, string(body)}); len(got) == 1 {
					w.WriteHeader(http.StatusInternalServerError) // so that there is a second attempt
				}
			})
			p := start(t, t.TempDir())
			ctx := t.Context()
			if _, err := p.PutTenant(ctx, "acme", client.TenantInput{}); err != nil {
				t.Fatal(err)
			}
			if _, err := p.PutContract(ctx, "contract: shop\ntitle: {en: Shop}\nevents: {paid: {title: {en: Paid}}}\nendpoint: "+tt.endpoint+"\n"); err != nil {
				t.Fatal(err)
			}
			e, err := p.CreateEndpoint(ctx, "acme", client.EndpointInput{
				Name: "a", Contract: "shop", URL: receiver + "/in?b=1", Secret: tt.secret, Transformation: tt.script, Retry: []string{"0s", "1100ms"},
			})
			if err != nil {
				t.Fatal(err)
			}
			secret, err := p.EndpointSecret(ctx, "acme", e.ID)
			if err != nil || tt.secret != "" && secret.Secret != tt.secret {
				t.Fatal(err, secret)
			}
			key := secret.Secret
			if secret.Public != "" {
				key = secret.Public
			}
			ev, err := p.PublishEvent(ctx, "acme", client.NewEvent{Type: "paid", Contract: "shop", Payload: []byte(`{"id":"ü"}`)})
			if err != nil {
				t.Fatal(err)
			}
			var d *client.DeliveryDetail
			eventually(t, "both attempts", func() bool {
				list, err := p.Deliveries(ctx, "acme", client.DeliveryFilter{Event: ev.ID})
				if err != nil || len(list.Items) != 1 || list.Items[0].State != "delivered" {
					return false
				}
				d, err = p.Delivery(ctx, "acme", list.Items[0].ID)
				return err == nil && len(d.AttemptList) == 2
			})
			mu.Lock()
			defer mu.Unlock()
			for i, a := range got {
				if why := tt.wrong(a, key); why != "" {
					t.Errorf("attempt %d: %s", i+1, why)
				}
				// The history shows what was sent, the signature included.
				shown := d.AttemptList[i].Request
				if shown.Body != a.body || shown.URL != a.url() {
					t.Errorf("attempt %d: the history has %s %s, and %s %s was sent", i+1, shown.URL, shown.Body, a.url(), a.body)
				}
			}
			if tt.name != "twilio form" && slices.EqualFunc(got[:1], got[1:2], func(a, b signedRequest) bool {
				return a.body == b.body && a.url() == b.url() && fmt.Sprint(a.r.Header) == fmt.Sprint(b.r.Header)
			}) {
				t.Error("the second attempt is signed as the first one was")
			}
		})
	}
}

func differs(got, want string) string {
	if got == want {
		return ""
	}
	return fmt.Sprintf("the signature is %q, want %q", got, want)
}

// The secret is in no answer, list or log but the one that is made for it.
func TestDescribedSecretIsNotShown(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	ctx := t.Context()
	if _, err := p.PutTenant(ctx, "acme", client.TenantInput{}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.PutContract(ctx, `{contract: shop, title: {en: Shop}, events: {paid: {title: {en: Paid}}}, endpoint: {sign: {key: hex, headers: {X-Sig: "${signature}"}}}}`); err != nil {
		t.Fatal(err)
	}
	const secret = "hunter2 hunter2 hunter2"
	_, err := p.CreateEndpoint(ctx, "acme", client.EndpointInput{Name: "a", Contract: "shop", URL: "https://a.example/", Secret: secret})
	if err == nil || strings.Contains(fmt.Sprint(err), "hunter2") || !strings.Contains(fmt.Sprintf("%+v", err), "secret_invalid") {
		t.Errorf("a secret that is no key: %+v", err)
	}
	const good = "00112233445566778899aabbccddeeff"
	e, err := p.CreateEndpoint(ctx, "acme", client.EndpointInput{Name: "a", Contract: "shop", URL: "https://a.example/", Secret: good})
	if err != nil {
		t.Fatal(err)
	}
	list, err := p.Secrets(ctx, "acme", e.ID)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := json.Marshal([]any{e, list})
	if err != nil || bytes.Contains(shown, []byte(good)) || len(list.Items) != 1 || list.Items[0].Hint != "eeff" {
		t.Errorf("%v %s", err, shown)
	}
}
