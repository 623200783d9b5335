package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// compileAll makes a scheme of a description in which nothing may be wrong.
func compileAll(t testing.TB, d Description) *Scheme {
	t.Helper()
	s, problems := Compile(d)
	if len(problems) > 0 {
		t.Fatalf("the description is refused: %+v", problems)
	}
	return s
}

func inHeader(name, value string) Place {
	return Place{In: InHeader, Path: []string{name}, Value: value}
}

func secretsOf(texts ...string) (list []hook.Secret) {
	for _, s := range texts {
		list = append(list, hook.Secret{Text: s})
	}
	return list
}

// signWith signs a message with the secrets, newest first.
func signWith(t testing.TB, s *Scheme, m Message, texts ...string) Message {
	t.Helper()
	signer, err := s.NewSigner(secretsOf(texts...))
	if err != nil {
		t.Fatal(err)
	}
	out, err := signer.Sign(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// verifyWith verifies a message with keys.
func verifyWith(t testing.TB, s *Scheme, m Message, now time.Time, keys ...string) error {
	t.Helper()
	v, err := s.NewVerifier(0, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return v.Verify(m, now)
}

// vector is a published signature.
type vector struct {
	name   string
	d      Description
	secret string
	m      Message
	want   Place // where it stands, and how it looks
}

// published reads the published signatures. The file says where each comes from.
func published(t *testing.T) (list []vector) {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	get := func(path ...string) []byte {
		token, ok := rawjson.Lookup(raw, path...)
		if !ok {
			t.Fatalf("vectors.json has no %v", path)
		}
		return token
	}
	text := func(doc []byte, name string) string {
		token, _ := rawjson.Lookup(doc, name)
		if token == nil {
			return ""
		}
		return rawjson.Text(token)
	}
	at := func(doc []byte) time.Time {
		var n int64
		fmt.Sscan(text(doc, "timestamp"), &n)
		if n > 1e11 {
			return time.UnixMilli(n)
		}
		return time.Unix(n, 0)
	}
	add := func(name string, d Description, doc []byte, m Message, want string) {
		secret := text(doc, "secret") + text(doc, "token")
		if n := len(secret); 0 < n && n < minSecret && d.Algorithm != "sha256" {
			// This is shorter than a secret that may be brought along. The HMAC of a key is that of the key with zeros
			// behind it.
			secret += strings.Repeat("\x00", minSecret-n)
		}
		place := d.Places[len(d.Places)-1]
		place.Value = want
		list = append(list, vector{name: name, d: d, secret: secret, m: m, want: place})
	}
	for i, v := range rawjson.Elements(get("github", "vectors")) {
		d := Description{Places: []Place{inHeader("X-Hub-Signature-256", "sha256=${signature}")}}
		add(fmt.Sprint("github ", i), d, v, Message{Body: []byte(text(v, "body"))}, text(v, "signature"))
	}
	for i, v := range rawjson.Elements(get("shopify", "vectors")) {
		d := Description{Encoding: "base64", Places: []Place{inHeader("X-Shopify-Hmac-Sha256", "${signature}")}}
		add(fmt.Sprint("shopify ", i), d, v, Message{Body: []byte(text(v, "body"))}, text(v, "signature"))
	}
	for i, v := range rawjson.Elements(get("slack", "vectors")) {
		d := Description{Over: "v0:${timestamp}:${body}", Places: []Place{
			inHeader("X-Slack-Request-Timestamp", "${timestamp}"), inHeader("X-Slack-Signature", "v0=${signature}"),
		}}
		add(fmt.Sprint("slack ", i), d, v, Message{Time: at(v), Body: []byte(text(v, "body"))}, text(v, "signature"))
	}
	for i, v := range rawjson.Elements(get("twilio", "vectors")) {
		d := Description{Algorithm: "hmac-sha1", Encoding: "base64", Over: "${url}${form.sorted}", Places: []Place{inHeader("X-Twilio-Signature", "${signature}")}}
		params, _ := rawjson.Lookup(v, "params")
		form := url.Values{}
		for _, m := range rawjson.Members(params) {
			form.Set(m.Name, rawjson.Text(m.Value))
		}
		m := Message{
			URL: text(v, "url"), Body: []byte(form.Encode()),
			Headers: []hook.Header{{Name: "Content-Type", Value: "application/x-www-form-urlencoded; charset=utf-8"}},
		}
		add(fmt.Sprint("twilio ", i), d, v, m, text(v, "signature"))
	}
	for version, over := range map[string]string{"v1": "${secret}${body}", "v2": "${secret}${method}${url}${body}"} {
		for i, v := range rawjson.Elements(get("hubspot", version, "vectors")) {
			d := Description{Algorithm: "sha256", Over: over, Places: []Place{inHeader("X-HubSpot-Signature", "${signature}")}}
			m := Message{Method: text(v, "method"), URL: text(v, "uri"), Body: []byte(text(v, "body"))}
			add(fmt.Sprint("hubspot ", version, " ", i), d, v, m, text(v, "signature"))
		}
	}
	for i, v := range rawjson.Elements(get("hubspot", "v3", "vectors")) {
		d := Description{
			Encoding: "base64", Over: "${method}${url.decoded}${body}${timestamp}", Timestamp: "unix_ms",
			Places: []Place{inHeader("X-HubSpot-Request-Timestamp", "${timestamp}"), inHeader("X-HubSpot-Signature-v3", "${signature}")},
		}
		m := Message{Method: text(v, "method"), URL: text(v, "uri"), Body: []byte(text(v, "body")), Time: at(v)}
		add(fmt.Sprint("hubspot v3 ", i), d, v, m, text(v, "signature"))
	}
	for i, v := range rawjson.Elements(get("standard-webhooks", "positive")) {
		d := standardDescription(text(v, "scheme"))
		m := Message{ID: text(v, "id"), Time: at(v), Body: []byte(text(v, "body"))}
		add(fmt.Sprint("standard-webhooks ", i), d, v, m, text(v, "signature"))
		list[len(list)-1].secret += text(v, "private")
	}
	return list
}

// standardDescription says in the language what package sign has built in.
func standardDescription(version string) Description {
	join, algorithm := " ", "hmac-sha256"
	if version == "v1a" {
		algorithm = "ed25519"
	}
	return Description{
		Algorithm: algorithm, Key: "whsec", Encoding: "base64", Over: "${event.id}.${timestamp}.${body}", Join: &join,
		Places: []Place{inHeader("webhook-id", "${event.id}"), inHeader("webhook-timestamp", "${timestamp}"), inHeader("webhook-signature", version+",${signature}")},
	}
}

// What systems publish about their signatures is what a description of them signs, and it verifies it; and nothing
// else.
func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	list := published(t)
	if len(list) != 20 {
		t.Errorf("%d vectors, want all 20 of the file", len(list))
	}
	for _, v := range list {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			s := compileAll(t, v.d)
			m := signWith(t, s, v.m, v.secret)
			if got, _ := m.Header(v.want.Path[0]); got != v.want.Value {
				t.Fatalf("signed %q, want %q", got, v.want.Value)
			}
			now := v.m.Time
			if now.IsZero() {
				now = time.Now()
			}
			key, err := s.VerifyKey(v.secret)
			if err != nil {
				t.Fatal(err)
			}
			if err := verifyWith(t, s, m, now, key); err != nil {
				t.Fatalf("its own signature is refused: %v", err)
			}
			refused(t, s, m, now, key)
		})
	}
}

// refused checks that a receiver refuses the request if anything in it that is signed is changed.
func refused(t *testing.T, s *Scheme, m Message, now time.Time, key string) {
	t.Helper()
	d := s.Description
	fails := func(what string, m Message, want error) {
		t.Helper()
		if err := verifyWith(t, s, m, now, key); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	changed := m
	changed.Headers = slices.Clone(m.Headers)
	if strings.Contains(d.Over, "${body}") || strings.Contains(d.Over, "form.sorted") {
		changed.Body = append(slices.Clone(m.Body), "&x=1"...)
		fails("another body", changed, ErrNoMatch)
	}
	if strings.Contains(d.Over, "${url") {
		changed = m
		changed.URL += "x"
		fails("another address", changed, ErrNoMatch)
	}
	if strings.Contains(d.Over, "${timestamp}") {
		late := now.Add(time.Hour)
		if err := verifyWith(t, s, m, late, key); !errors.Is(err, ErrTooOld) {
			t.Errorf("an hour later: %v", err)
		}
		if err := verifyWith(t, s, m, now.Add(-time.Hour), key); !errors.Is(err, ErrTooNew) {
			t.Errorf("an hour before: %v", err)
		}
		c := &compiled{Description: *d}
		from, to := c.timeText(now), c.timeText(now.Add(2*time.Second))
		fails("another time", replaced(m, from, to), ErrNoMatch)
	}
	if !(&compiled{algorithm: algorithms[slices.Index(Algorithms(), d.Algorithm)]}).algorithm.private() {
		if err := verifyWith(t, s, m, now, s.NewSecret()); !errors.Is(err, ErrNoMatch) {
			t.Errorf("another secret: %v", err)
		}
	} else {
		other, _ := s.VerifyKey(s.NewSecret())
		if err := verifyWith(t, s, m, now, other); !errors.Is(err, ErrNoMatch) {
			t.Errorf("another key: %v", err)
		}
	}
	for _, p := range d.Places {
		if !strings.Contains(p.Value, "${signature") {
			continue
		}
		cut, gone := m, m
		switch p.In {
		case InHeader:
			cut.Headers, gone.Headers = slices.Clone(m.Headers), nil
			for i, h := range m.Headers {
				if strings.EqualFold(h.Name, p.Path[0]) {
					cut.Headers[i].Value = h.Value[:len(h.Value)-4]
				} else if !strings.Contains(strings.ToLower(h.Name), "signature-") {
					gone.Headers = append(gone.Headers, h)
				}
			}
		case InBody:
			form := values{m: &m}
			if text := form.fields().Get(p.field()); text != "" {
				cut.Body = withField(m.Body, p.field(), text[:len(text)-4])
				gone.Body = []byte("bt_payload=" + url.QueryEscape(form.fields().Get("bt_payload")))
			} else {
				text, _ := jsonText(m.Body, p.Path)
				cut.Body, _ = withMember(m.Body, p.Path, text[:len(text)-4])
				gone.Body = []byte("{}")
			}
		case InQuery:
			cut.URL, gone.URL = m.URL[:len(m.URL)-4], withoutParameters(m.URL, p.Path)
		}
		fails("a cut signature", cut, ErrNoMatch)
		fails("no signature", gone, ErrMissing)
		break
	}
}

func (p Place) field() string { return (&place{Place: p}).field() }

// replaced is a message in which a text is another one, wherever it stands but in what was signed from the start.
func replaced(m Message, from, to string) Message {
	m.Headers = slices.Clone(m.Headers)
	for i := range m.Headers {
		m.Headers[i].Value = strings.ReplaceAll(m.Headers[i].Value, from, to)
	}
	m.URL = strings.ReplaceAll(m.URL, from, to)
	m.Body = bytes.ReplaceAll(m.Body, []byte(from), []byte(to))
	return m
}

// recipes are the signatures of 86 public systems.
func recipes(t *testing.T) map[string]Description {
	t.Helper()
	raw, err := os.ReadFile("testdata/recipes.json")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Description{}
	for _, doc := range rawjson.Elements(raw) {
		var d Description
		var name string
		for _, m := range rawjson.Members(doc) {
			s := rawjson.Text(m.Value)
			switch m.Name {
			case "name":
				name = s
			case "algorithm":
				d.Algorithm = s
			case "key":
				d.Key = s
			case "over":
				d.Over = s
			case "encoding":
				d.Encoding = s
			case "timestamp":
				d.Timestamp = s
			case "join":
				d.Join = &s
			case "headers", "body":
				for _, h := range rawjson.Members(m.Value) {
					p := Place{In: InHeader, Path: []string{h.Name}, Value: rawjson.Text(h.Value)}
					if m.Name == "body" {
						p.In, p.Path = InBody, strings.Split(h.Name, ".")
					}
					d.Places = append(d.Places, p)
				}
			default:
				t.Fatalf("%s: unknown member %s", name, m.Name)
			}
		}
		out[name] = d
	}
	return out
}

// Each recipe signs, and verifies what it signed, with one secret and while secrets are replaced.
func TestRecipes(t *testing.T) {
	t.Parallel()
	list := recipes(t)
	if len(list) != 86 {
		t.Errorf("%d recipes, want 86", len(list))
	}
	now := time.Unix(specTime, 0)
	for name, d := range list {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := compileAll(t, d)
			m := Message{
				ID: "evt_1", Time: now, Method: "POST", URL: "https://example.com/in?data.id=ABC%3A1", Body: []byte(`{"a":1,"signature":null}`),
				Headers: []hook.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "X-Request-Id", Value: "bb56a2f1"}},
			}
			if strings.Contains(d.Over, "form.") {
				m.Headers[0].Value, m.Body = "application/x-www-form-urlencoded", []byte("bt_payload=YWJj&a=2&a=1&a=2")
			}
			old, secret := s.NewSecret(), s.NewSecret()
			for _, secrets := range [][]string{{secret}, {secret, old}} {
				signed := signWith(t, s, m, secrets...)
				if err := verifyWith(t, s, signed, now, secret); err != nil {
					t.Fatalf("its own signature is refused: %v\n%+v", err, signed)
				}
				if len(secrets) == 1 {
					refused(t, s, signed, now, secret)
				}
				if several := d.Join != nil || strings.Contains(fmt.Sprint(d.Places), "signature.2}"); s.Several != several {
					t.Errorf("the scheme says that older secrets sign as well: %v", s.Several)
				}
				if err := verifyWith(t, s, signed, now, old); len(secrets) == 2 && s.Several != (err == nil) {
					t.Errorf("with the secret that is being replaced: %v\n%+v", err, signed)
				}
			}
		})
	}
}

// A description of Standard Webhooks in the language sends the bytes of the one that is built in.
func TestDescribedStandardWebhooks(t *testing.T) {
	t.Parallel()
	for version, secrets := range map[string][]string{"v1": {specShared, shared(32)}, "v1a": {specPrivate, specSeed}} {
		s := compileAll(t, standardDescription(version))
		for name, body := range bodies {
			m := Message{ID: specID, Time: time.Unix(specTime, 0), Body: []byte(body), Headers: []hook.Header{{Name: "a", Value: "1"}}}
			want, got := signWith(t, StandardWebhooks, m, secrets...), signWith(t, s, m, secrets...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s: %s", version, name, diff)
			}
			key, _ := s.VerifyKey(secrets[0])
			if err := verifyWith(t, s, want, m.Time, key); err != nil {
				t.Error(err)
			}
		}
	}
}

// While a secret is replaced, of each format the part with the signature stands there twice, as its system documents.
func TestSeveralSideBySide(t *testing.T) {
	t.Parallel()
	sign := func(secret, over string) string {
		mac := algorithms[0].sum(&material{shared: []byte(secret)}, []byte(over))
		return hex.EncodeToString(mac)
	}
	a, b := "secret-a", "secret-b"
	for _, tt := range []struct{ template, join, want string }{
		{"t=${timestamp},v1=${signature}", ",", "t=1614265330,v1=" + sign(a, "x") + ",v1=" + sign(b, "x")},
		{"t=${timestamp}, v1=${signature}", ",", "t=1614265330, v1=" + sign(a, "x") + ", v1=" + sign(b, "x")},
		{"ts=${timestamp};h1=${signature}", ";", "ts=1614265330;h1=" + sign(a, "x") + ";h1=" + sign(b, "x")},
		{"v1,${signature}", " ", "v1," + sign(a, "x") + " v1," + sign(b, "x")},
		{"${timestamp},${signature}", ",", "1614265330," + sign(a, "x") + "," + sign(b, "x")},
		{"${signature},${timestamp}", ",", sign(a, "x") + "," + sign(b, "x") + ",1614265330"},
		{"key|${signature}", "&", "key|" + sign(a, "x") + "&key|" + sign(b, "x")},
		{"${signature}", ", ", sign(a, "x") + ", " + sign(b, "x")},
		{"v1=${signature}, end=1", ", ", "v1=" + sign(a, "x") + ", v1=" + sign(b, "x") + ", end=1"},
	} {
		s := compileAll(t, Description{Join: &tt.join, Places: []Place{inHeader("X-Sig", tt.template)}})
		m := Message{Time: time.Unix(specTime, 0), Body: []byte("x")}
		signed := signWith(t, s, m, a, b)
		if got, _ := signed.Header("x-sig"); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.template, got, tt.want)
		}
		for _, key := range []string{a, b} {
			if err := verifyWith(t, s, signed, m.Time, key); err != nil {
				t.Errorf("%s with %s: %v", tt.template, key, err)
			}
		}
	}
	// An older secret that has expired does not sign. Without several, none but the newest does.
	join := ","
	for _, d := range []Description{{Join: &join}, {}} {
		d.Places = []Place{inHeader("X-Sig", "${signature}")}
		signer, err := compileAll(t, d).NewSigner([]hook.Secret{{Text: a}, {Text: b, ExpiresAt: time.Unix(specTime, 0)}})
		if err != nil {
			t.Fatal(err)
		}
		m, _ := signer.Sign(Message{Time: time.Unix(specTime, 0), Body: []byte("x")})
		if got, _ := m.Header("X-Sig"); got != sign(a, "x") {
			t.Errorf("join %v: an expired secret signs: %s", d.Join, got)
		}
	}
}

// What a receiver reads: fields in any order, others among them, signatures more than once, and no more than its limits.
func TestReading(t *testing.T) {
	t.Parallel()
	good := func(over string) string {
		return hex.EncodeToString(algorithms[0].sum(&material{shared: []byte("secret-a")}, []byte(over)))
	}
	comma := ","
	stripe := Description{Over: "${timestamp}.${body}", Places: []Place{inHeader("Stripe-Signature", "t=${timestamp},v1=${signature}")}}
	stripeJoin := stripe
	stripeJoin.Join = &comma
	plain := Description{Places: []Place{inHeader("X-Sig", "sha256=${signature}")}}
	dot := Description{Over: "${timestamp}:${body}", Timestamp: "rfc3339", Places: []Place{inHeader("X-Sig", "${timestamp}:${signature}")}}
	now := time.Unix(specTime, 0)
	stamp := fmt.Sprint(specTime)
	sig := good(stamp + ".{}")
	for _, tt := range []struct {
		name  string
		d     Description
		lines []string
		want  error
	}{
		{"as sent", stripe, []string{"t=" + stamp + ",v1=" + sig}, nil},
		{"another order, more fields, spaces", stripe, []string{"v0=6ffbb59b, v1=" + sig + ", x, t=" + stamp + ",scheme=1"}, nil},
		{"the second signature", stripe, []string{"t=" + stamp + ",v1=00,v1=" + sig}, nil},
		{"with several", stripeJoin, []string{"t=" + stamp + ",v1=00,v1=" + sig + ",v0=1"}, nil},
		{"two lines", stripe, []string{"t=" + stamp + ",v1=00", "v1=" + sig}, nil},
		{"upper case digits", stripe, []string{"t=" + stamp + ",v1=" + strings.ToUpper(sig)}, nil},
		{"two times", stripe, []string{"t=" + stamp + ",v1=" + sig + ",t=1614265331"}, ErrNoMatch},
		{"only an old version", stripe, []string{"t=" + stamp + ",v0=" + sig}, ErrNoMatch},
		{"no time", stripe, []string{"v1=" + sig}, ErrMissing},
		{"time is a word", stripe, []string{"t=yesterday,v1=" + sig}, ErrBadTimestamp},
		{"time with sign", stripe, []string{"t=+" + stamp + ",v1=" + sig}, ErrBadTimestamp},
		{"time in milliseconds, signed so", stripe, []string{"t=" + stamp + "000,v1=" + good(stamp+"000.{}")}, nil},
		{"time far away", stripe, []string{"t=9223372036854775807,v1=" + sig}, ErrTooNew},
		{"time beyond numbers", stripe, []string{"t=99999999999999999999999999,v1=" + sig}, ErrBadTimestamp},
		{"empty", stripe, []string{""}, ErrNoMatch},
		{"none", stripe, nil, ErrMissing},
		{"behind too many", stripe, []string{"t=" + stamp + strings.Repeat(",v1=00", maxSignatures) + ",v1=" + sig}, ErrNoMatch},
		{"behind too many fields", stripe, []string{"t=" + stamp + strings.Repeat(",x=1", maxPieces) + ",v1=" + sig}, ErrNoMatch},
		{"too long", stripe, []string{"t=" + stamp + ",v1=" + sig + ",x=" + strings.Repeat("x", maxValue)}, ErrMissing},
		{"odd digits", stripe, []string{"t=" + stamp + ",v1=" + sig[1:]}, ErrNoMatch},
		{"plain", plain, []string{"sha256=" + good("{}")}, nil},
		{"plain, with something else", plain, []string{"sha256=" + good("{}") + ",x"}, ErrNoMatch},
		{"plain, without its beginning", plain, []string{good("{}")}, ErrNoMatch},
		{"what is between is in the time, too", dot, []string{"2021-02-25T15:02:10Z:" + good("2021-02-25T15:02:10Z:{}")}, nil},
		{"the time with a fraction and a zone", dot, []string{"2021-02-25T16:02:10.123456+01:00:" + good("2021-02-25T16:02:10.123456+01:00:{}")}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := Message{Body: []byte("{}")}
			for _, line := range tt.lines {
				m.Headers = append(m.Headers, hook.Header{Name: tt.d.Places[0].Path[0], Value: line})
			}
			err := verifyWith(t, compileAll(t, tt.d), m, now, "secret-b", "secret-a")
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if err != nil && len(err.Error()) > 300 {
				t.Errorf("the error repeats what the stranger sent: %d characters", len(err.Error()))
			}
		})
	}
}

// Where a signature can stand, and what can be signed.
func TestSources(t *testing.T) {
	t.Parallel()
	hash := func(s string) string { b := sha256.Sum256([]byte(s)); return hex.EncodeToString(b[:]) }
	for _, tt := range []struct{ over, address, contentType, body, want string }{
		{"${method} ${path}", "https://a.example", "", "", "POST /"},
		{"${url}", "https://a.example?x=1", "", "", "https://a.example/?x=1"},
		{"${url}", "https://a.example/ü?x=1", "", "", "https://a.example/%C3%BC?x=1"},
		{"${path}[?${query}]", "https://a.example/a%2Fb", "", "", "/a%2Fb"},
		{"${path}[?${query}]", "https://a.example/a%2Fb?c=d%20e", "", "", "/a%2Fb?c=d%20e"},
		{"${url.decoded}", "https://a.example/a%2Fb?c=%3A%20%2b%2A", "", "", "https://a.example/a/b?c=:%20%2b*"},
		{"[id:${lower(query.data.id)};][r:${header.x-request-id};]x${method}", "https://a.example/?data.id=ABC", "", "", "id:abc;xPOST"},
		{"${json.a.b}|${json.n}|${upper(json.t)}", "https://a.example/", "application/json", `{"a":{"b":"\u00e9"},"n":1.0,"t":"ab"}`, "é|1.0|AB"},
		{"[${json.a.b}|]${method}", "https://a.example/", "application/json", `{"a":{"b":null}}`, "POST"},
		{"[${json.a}|]${method}", "https://a.example/", "text/xml", `<a/>`, "POST"},
		{"${body.sha256}", "https://a.example/", "", "abc", hash("abc")},
		{"${form.b}|${form.sorted}", "https://a.example/", "application/x-www-form-urlencoded", "b=2&a=3&c=2&c=1&c=2", "2|a3b2c1c2"},
		{"${body}x${form.sorted}", "https://a.example/", "application/json", `{"a":1}`, `{"a":1}x`},
		{"$${body} $[${header.content-type}$] $5 ${body}", "https://a.example/", "text/plain", "b", "${body} [text/plain] $5 b"},
	} {
		s := compileAll(t, Description{Over: tt.over, Places: []Place{inHeader("X-Sig", "${signature}")}})
		m := Message{Method: "POST", URL: tt.address, Body: []byte(tt.body)}
		if tt.contentType != "" {
			m.Headers = []hook.Header{{Name: "Content-Type", Value: tt.contentType}}
		}
		signed := signWith(t, s, m, "secret-a")
		got, _ := signed.Header("X-Sig")
		if want := hex.EncodeToString(algorithms[0].sum(&material{shared: []byte("secret-a")}, []byte(tt.want))); got != want {
			over, absent := s.Description.over(t).render(&values{m: &m})
			t.Errorf("%s of %s %s: signed %q %v, want %q", tt.over, tt.address, tt.body, over, absent, tt.want)
		}
		if err := verifyWith(t, s, signed, time.Now(), "secret-a"); err != nil {
			t.Errorf("%s: %v", tt.over, err)
		}
	}
}

// What a stranger changes in a request that is signed only in part: nothing that is signed can be taken out, and nothing
// put beside it that another program reads in its place.
func TestChangedOnTheWay(t *testing.T) {
	t.Parallel()
	const formType, jsonType = "application/x-www-form-urlencoded", "application/json"
	now, sig := time.Unix(specTime, 0), inHeader("X-Sig", "${signature}")
	type request struct{ query, contentType, body, drop string }
	for name, tt := range map[string]struct {
		over         string
		places       []Place
		sent, change request
		want         error
	}{
		"the time in brackets, in the body now": {
			"[${timestamp}.]${body}",
			[]Place{inHeader("X-T", "${timestamp}")},
			request{body: "{}"},
			request{body: "1614265330.{}", drop: "X-T"},
			ErrMissing,
		},
		"a header with the time, in brackets": {
			"[${header.x-t}]${body}",
			[]Place{inHeader("X-T", "${timestamp}")},
			request{body: "{}"},
			request{body: "1614265330{}", drop: "X-T"},
			ErrMissing,
		},
		"the id in brackets, in the body now": {
			"[${event.id}.]${body}",
			[]Place{inHeader("X-Id", "${event.id}")},
			request{body: "{}"},
			request{body: "evt_1.{}", drop: "X-Id"},
			ErrMissing,
		},
		"JSON in the place of an empty form": {
			"${url}${form.sorted}", nil,
			request{contentType: formType},
			request{contentType: jsonType, body: `{"evil":1}`},
			ErrNoMatch,
		},
		"a field that Go does not read": {
			"${url}${form.sorted}", nil,
			request{contentType: formType, body: "a=1"},
			request{contentType: formType, body: "a=1&evil=1;x"},
			ErrNoMatch,
		},
		"a second field": {
			"${form.id}", nil,
			request{contentType: formType, body: "id=1"},
			request{contentType: formType, body: "id=1&id=2"},
			ErrNoMatch,
		},
		"a second parameter": {"${query.id}", nil, request{query: "?id=1"}, request{query: "?id=1&id=2"}, ErrNoMatch},
		"a second parameter, in brackets": {
			"${body}[${query.id}]", nil, request{body: "{}"}, request{query: "?id=1&id=2", body: "{}"}, ErrNoMatch,
		},
		"the same parameter again": {"${query.id}", nil, request{query: "?id=1"}, request{query: "?id=1&id=1"}, nil},
		"a second member": {
			"${json.id}[${json.kind}]", nil,
			request{contentType: jsonType, body: `{"id":1}`},
			request{contentType: jsonType, body: `{"id":1,"kind":1,"kind":2}`},
			ErrNoMatch,
		},
		"a second member, in brackets": {
			"${method}[${json.kind}]", nil,
			request{contentType: jsonType, body: `{}`},
			request{contentType: jsonType, body: `{"kind":1,"kind":2}`},
			ErrNoMatch,
		},
		"a list that is cut off": {
			"${method}[${json.kind}]", nil,
			request{contentType: jsonType, body: `[]`},
			request{contentType: jsonType, body: `[1`},
			ErrNoMatch,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := compileAll(t, Description{Over: tt.over, Places: append(tt.places, sig)})
			message := func(r request) Message {
				m := Message{ID: "evt_1", Time: now, Method: "POST", URL: "https://a.example/" + r.query, Body: []byte(r.body)}
				if r.contentType != "" {
					m.Headers = []hook.Header{{Name: "Content-Type", Value: r.contentType}}
				}
				return m
			}
			sent := signWith(t, s, message(tt.sent), "secret-a")
			if err := verifyWith(t, s, sent, now, "secret-a"); err != nil {
				t.Fatalf("as it was sent: %v", err)
			}
			changed := message(tt.change)
			for _, h := range sent.Headers {
				if h.Name != "Content-Type" && h.Name != tt.change.drop {
					changed.Headers = append(changed.Headers, h)
				}
			}
			if err := verifyWith(t, s, changed, now, "secret-a"); !errors.Is(err, tt.want) {
				t.Errorf("changed: %v, want %v", err, tt.want)
			}
		})
	}
	signer, err := compileAll(t, Description{Over: "${url}${form.sorted}", Places: []Place{sig}}).NewSigner(secretsOf("secret-a"))
	if err != nil {
		t.Fatal(err)
	}
	unread := Message{URL: "https://a.example/", Body: []byte("{}")}
	if _, err := signer.Sign(unread); !errors.Is(err, ErrUnsignable) {
		t.Errorf("a body that the signature would say nothing about: %v", err)
	}
}

func (d *Description) over(t *testing.T) text {
	t.Helper()
	out, err := parseText(d.Over)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The signature in the query, in the body, and with a sum of the body in the query.
func TestPlaces(t *testing.T) {
	t.Parallel()
	now := time.Unix(specTime, 0)
	body := func(path, value string) Place { return Place{In: InBody, Path: strings.Split(path, "."), Value: value} }
	query := func(name, value string) Place { return Place{In: InQuery, Path: []string{name}, Value: value} }
	for name, tt := range map[string]struct {
		d         Description
		form      bool
		body      string
		wantURL   string // a prefix of it
		wantBody  string // likewise
		otherBody bool   // the signature says nothing about the body
	}{
		"query": {
			d:    Description{Over: "${timestamp} ${url} ${body}", Places: []Place{query("ts", "${timestamp}"), query("sig", "${signature}")}},
			body: `{}`, wantURL: "https://a.example/x?a=1&ts=1614265330&sig=", wantBody: `{}`,
		},
		"sum of the body in the query": {
			d:    Description{Over: "${url}", Places: []Place{query("bodySHA256", "${body.sha256}"), inHeader("X-Sig", "${signature}")}},
			body: `{}`, wantURL: "https://a.example/x?a=1&bodySHA256=44136fa3", wantBody: `{}`,
		},
		"object in the body": {
			d: Description{Over: "${timestamp}${nonce}", Nonce: Form{Length: 50}, Places: []Place{
				body("signature.timestamp", "${timestamp}"), body("signature.token", "${nonce}"), body("signature.signature", "${signature}"),
			}},
			body: `{"event-data": {"id":1.0}}`, wantBody: `{"event-data": {"id":1.0},"signature":{"timestamp":"1614265330","token":"`, otherBody: true,
			wantURL: "https://a.example/x?a=1",
		},
		"members of a form": {
			d: Description{Over: "${timestamp}${nonce}", Places: []Place{
				body("timestamp", "${timestamp}"), body("s.token", "${nonce}"), body("signature", "${signature}"),
			}},
			form: true, body: "payload=%7B%7D&timestamp=0", wantBody: "payload=%7B%7D&timestamp=1614265330&s%5Btoken%5D=", otherBody: true,
			wantURL: "https://a.example/x?a=1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := compileAll(t, tt.d)
			m := Message{Time: now, Method: "POST", URL: "https://a.example/x?a=1&sig=own", Body: []byte(tt.body)}
			if name != "query" {
				m.URL = "https://a.example/x?a=1"
			}
			if tt.form {
				m.Headers = []hook.Header{{Name: "content-type", Value: "application/x-www-form-urlencoded"}}
			}
			signed := signWith(t, s, m, "secret-a")
			if !strings.HasPrefix(signed.URL, tt.wantURL) || !strings.HasPrefix(string(signed.Body), tt.wantBody) {
				t.Errorf("signed %s %s", signed.URL, signed.Body)
			}
			if string(m.Body) != tt.body {
				t.Error("the body that was given is changed")
			}
			if err := verifyWith(t, s, signed, now, "secret-a"); err != nil {
				t.Fatalf("%v\n%s %s", err, signed.URL, signed.Body)
			}
			if s.Description.Tolerance > 0 {
				if err := verifyWith(t, s, signed, now.Add(time.Hour), "secret-a"); !errors.Is(err, ErrTooOld) {
					t.Errorf("an hour later: %v", err)
				}
			}
			other := signed
			other.Body = append(slices.Clone(signed.Body[:len(signed.Body)-1]), "x"...)
			if err := verifyWith(t, s, other, now, "secret-a"); !tt.otherBody && !errors.Is(err, ErrNoMatch) {
				t.Errorf("another body: %v", err)
			}
			other = signed
			other.URL = strings.Replace(signed.URL, "a=1", "a=2", 1)
			if err := verifyWith(t, s, other, now, "secret-a"); !tt.otherBody && !errors.Is(err, ErrNoMatch) {
				t.Errorf("another address: %v", err)
			}
		})
	}
	// What has no room for the signature, or lacks what is signed, is not sent unsigned.
	for name, tt := range map[string]struct {
		d Description
		m Message
	}{
		"a list":         {Description{Over: "${nonce}", Places: []Place{body("n", "${nonce}"), body("s", "${signature}")}}, Message{Body: []byte(`[1]`)}},
		"no JSON":        {Description{Over: "${nonce}", Places: []Place{body("n", "${nonce}"), body("s", "${signature}")}}, Message{Body: []byte(`{"a`)}},
		"XML":            {Description{Over: "${nonce}", Places: []Place{body("n", "${nonce}"), body("s", "${signature}")}}, Message{Body: []byte(`<a/>`)}},
		"no such header": {Description{Over: "${header.x-id}", Places: []Place{inHeader("X-Sig", "${signature}")}}, Message{}},
		"the template of the signature names a header that is absent": {
			Description{Places: []Place{inHeader("X-Sig", "h=${header.x-id};s=${signature}")}}, Message{Body: []byte(`{}`)},
		},
		"the time stands beside a header that is absent": {
			Description{Over: "${timestamp}", Places: []Place{inHeader("X-T", "${header.x-id} ${timestamp}"), inHeader("X-Sig", "${signature}")}}, Message{},
		},
		"a second signature that no secret makes": {
			Description{Places: []Place{inHeader("X-Sig", "${signature.1},${signature.2}")}}, Message{Body: []byte(`{}`)},
		},
		"brackets around the signature and a header that is absent": {
			Description{Places: []Place{inHeader("X-Sig", "v1[,${header.x-id},${signature}]")}}, Message{Body: []byte(`{}`)},
		},
		"a line break": {Description{Places: []Place{inHeader("X-A", "${json.a}"), inHeader("X-Sig", "${signature}")}}, Message{Body: []byte(`{"a":"x\r\nX-Admin: 1"}`)}},
	} {
		signer, err := compileAll(t, tt.d).NewSigner(secretsOf("secret-a"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signer.Sign(tt.m); !errors.Is(err, ErrUnsignable) || strings.Contains(err.Error(), "secret-a") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A parameter that a stranger adds before the signed one does not count.
	s := compileAll(t, Description{Over: "${header.x-id}.${body}", Places: []Place{inHeader("X-Id", "${event.id}"), inHeader("X-Sig", "${signature}")}})
	signed := signWith(t, s, Message{ID: "evt_1"}, "secret-a")
	signed.Headers = append([]hook.Header{{Name: "x-id", Value: "evt_2"}}, signed.Headers...)
	if err := verifyWith(t, s, signed, now, "secret-a"); !errors.Is(err, ErrNoMatch) {
		t.Errorf("a second header in front of the signed one: %v", err)
	}
}

// How the text of a secret becomes a key, and what is refused. No error repeats the secret.
func TestKeys(t *testing.T) {
	t.Parallel()
	pemOfKind := func(algorithm string) string {
		return compileAll(t, Description{Algorithm: algorithm, Places: []Place{inHeader("S", "${signature}")}}).NewSecret()
	}
	rsaKey, ecKey, edKey := pemOfKind("rsa-sha256"), pemOfKind("ecdsa-sha256"), pemOfKind("ed25519")
	seed := bytes.Repeat([]byte{7}, 32)
	for _, tt := range []struct {
		algorithm, key, secret string
		wrong                  string // part of the error; "": none
		prefix                 string // of new secrets
	}{
		{"hmac-sha256", "text", "8 bytes!", "", ""},
		{"hmac-sha256", "text", "whsec_anything at all\n", "", ""},
		{"hmac-sha256", "text", strings.Repeat("é", 256), "", ""},
		{"hmac-sha256", "text", "seven!!", "has 7 bytes; it must have 8 to 512", ""},
		{"hmac-sha256", "text", strings.Repeat("x", 513), "has 513 bytes", ""},
		{"hmac-sha256", "text", "not UTF-8 \xff", "not text in UTF-8", ""},
		{"hmac-sha512", "hex", "00ff00ff00ff", "", ""},
		{"hmac-sha512", "hex", "00FF00FF00FF", "", ""},
		{"hmac-sha512", "hex", "sk_00ff00ff", "", "sk_"},
		{"hmac-sha512", "hex", "00ff00ff0", "hexadecimal digits", ""},
		{"hmac-sha512", "hex", "zz-zz-zz-zz", "hexadecimal digits", ""},
		{"hmac-sha1", "base64", "AAECAwQFBgc=", "", ""},
		{"hmac-sha1", "base64", "AAECAwQFBgc", "", ""},
		{"hmac-sha1", "base64", "__--__--", "", ""},
		{"hmac-sha1", "base64", "has spaces in it", "has to be base64", ""},
		{"hmac-sha384", "whsec", specShared, "", ""},
		{"hmac-sha256", "whsec", specShared[len("whsec_"):], "", ""},
		{"hmac-sha256", "whsec", "whsec_==", "no key in it", ""},
		{"hmac-sha1", "sha1", "a private key", "", ""},
		{"ed25519", "whsec", specPrivate, "", ""},
		{"ed25519", "whsec", specSeed, "", ""},
		{"ed25519", "whsec", specPublic, "public key, which can only verify", ""},
		{"ed25519", "hex", hex.EncodeToString(seed), "", ""},
		{"ed25519", "hex", hex.EncodeToString(seed[:31]), "has 31 bytes", ""},
		{"ed25519", "base64", base64.StdEncoding.EncodeToString(append(seed, seed...)), "do not belong together", ""},
		{"ed25519", "pem", edKey, "", ""},
		{"ed25519", "pem", rsaKey, "of another kind; ed25519 needs an ed25519 key", ""},
		{"rsa-sha256", "pem", rsaKey, "", ""},
		{"rsa-pss-sha256", "pem", rsaKey, "", ""},
		{"rsa-sha256", "pem", ecKey, "needs an RSA key", ""},
		{"rsa-sha256", "pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "cannot be read", ""},
		{"rsa-sha256", "pem", "no key at all", "has to be a key in PEM", ""},
		{"rsa-sha256", "pem", rsaKey + rsaKey, "something follows the key", ""},
		{"ecdsa-sha256", "pem", ecKey, "", ""},
		{"ecdsa-sha256-raw", "pem", ecKey, "", ""},
		{"ecdsa-sha256-raw", "pem", edKey, "needs a key of an elliptic curve", ""},
	} {
		s := compileAll(t, Description{Algorithm: tt.algorithm, Key: tt.key, Secret: Form{Prefix: tt.prefix}, Places: []Place{inHeader("S", "${signature}")}}.withSecretIn(tt.algorithm))
		err := s.Check(tt.secret)
		if tt.wrong == "" && err != nil || tt.wrong != "" && (!errors.Is(err, ErrSecret) || !strings.Contains(err.Error(), tt.wrong)) {
			t.Errorf("%s, %s: error %v, want one that says %q", tt.algorithm, tt.key, err, tt.wrong)
		}
		if err != nil {
			if strings.Contains(err.Error(), tt.secret) {
				t.Errorf("the error repeats the secret: %v", err)
			}
			continue
		}
		for _, secret := range []string{tt.secret, s.NewSecret()} {
			m := signWith(t, s, Message{Body: []byte("x")}, secret)
			key, err := s.VerifyKey(secret)
			if err != nil {
				t.Fatal(err)
			}
			if private := strings.HasPrefix(tt.algorithm, "hmac"); private != (key == secret) {
				t.Errorf("%s, %s: receivers verify with the wrong half", tt.algorithm, tt.key)
			}
			ambiguous := tt.algorithm == "ed25519" && (tt.key == "hex" || tt.key == "base64") // a public key looks like a seed
			if again, err := s.VerifyKey(key); err != nil || again != key && !ambiguous {
				t.Errorf("%s, %s: the key of a receiver is not its own: %v", tt.algorithm, tt.key, err)
			}
			for _, k := range []string{key, s.NewSecret() + ""} {
				if err := verifyWith(t, s, m, time.Now(), k); (k == key) != (err == nil) {
					t.Errorf("%s, %s: %v", tt.algorithm, tt.key, err)
				}
			}
		}
	}
}

func (d Description) withSecretIn(algorithm string) Description {
	if algorithm == "sha256" {
		d.Over = "${secret}${body}"
	}
	return d
}

// Node verifies what private keys sign, and we verify what Node signs.
func TestAgainstNode(t *testing.T) {
	t.Parallel()
	type job struct {
		Algorithm, Private, Public, Message, Signature string
	}
	var jobs []job
	var schemes []*Scheme
	for _, algorithm := range []string{"ed25519", "rsa-sha256", "rsa-pss-sha256", "ecdsa-sha256", "ecdsa-sha256-raw"} {
		s := compileAll(t, Description{Algorithm: algorithm, Encoding: "base64", Places: []Place{inHeader("S", "${signature}")}})
		secret := s.NewSecret()
		public, err := s.VerifyKey(secret)
		if err != nil {
			t.Fatal(err)
		}
		m := signWith(t, s, Message{Body: []byte(bodies["exact"])}, secret)
		jobs = append(jobs, job{algorithm, secret, public, base64.StdEncoding.EncodeToString(m.Body), m.Headers[0].Value})
		schemes = append(schemes, s)
	}
	in, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "testdata/keys.mjs")
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node (version 18 or newer must be installed for this test): %v\n%s", err, out)
	}
	var answers []struct {
		Good, Other bool
		Signature   string
	}
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(jobs) {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, a := range answers {
		if !a.Good || a.Other {
			t.Errorf("%s: node accepts our signature: %v, and of another message: %v", jobs[i].Algorithm, a.Good, a.Other)
		}
		m := Message{Body: []byte(bodies["exact"]), Headers: []hook.Header{{Name: "S", Value: a.Signature}}}
		if err := verifyWith(t, schemes[i], m, time.Now(), jobs[i].Public); err != nil {
			t.Errorf("%s: we refuse what node signs: %v", jobs[i].Algorithm, err)
		}
	}
}

// Each mistake in a description is reported at its key, with what to change.
func TestProblems(t *testing.T) {
	t.Parallel()
	sig := []Place{inHeader("X-Sig", "${signature}")}
	word := func(s string) *string { return &s }
	for _, tt := range []struct {
		d        Description
		at, want string
	}{
		{Description{Algorithm: "hmac-sha265", Places: sig}, "algorithm", `"hmac-sha265" is not possible here. Did you mean hmac-sha256?`},
		{Description{Encoding: "base46", Places: sig}, "encoding", "Did you mean base64?"},
		{Description{Timestamp: "seconds", Places: sig}, "timestamp", "Possible: unix, unix_ms, rfc3339, http."},
		{Description{Key: "txet", Places: sig}, "key", "Did you mean text?"},
		{Description{Algorithm: "rsa-sha256", Key: "text", Places: sig}, "key", "signs with a private key, which cannot be of the kind text. Possible: pem."},
		{Description{Key: "pem", Places: sig}, "key", "hmac-sha256 cannot use a key of the kind pem"},
		{Description{Over: "${bdoy}", Places: sig}, "over", "there is no ${bdoy}. Did you mean ${body}?"},
		{Description{Over: "${heder.x-id}", Places: sig}, "over", "Did you mean ${header.x-id}?"},
		{Description{Over: "${payload.a.b}", Places: sig}, "over", "Did you mean ${json.a.b}, a value in the body?"},
		{Description{Over: "${tiemstamp}.${body}", Places: sig}, "over", "Did you mean ${timestamp}?"},
		{Description{Over: "${something}", Places: sig}, "over", "Possible: body,"},
		{Description{Over: "${header.}", Places: sig}, "over", "needs a name, for example ${header.x-request-id}"},
		{Description{Over: "${lowr(body)}", Places: sig}, "over", "Functions: lower, upper"},
		{Description{Over: "${body", Places: sig}, "over", "not closed by }"},
		{Description{Over: "[a${body}", Places: sig}, "over", "$[ stands for a plain ["},
		{Description{Over: "a]${body}", Places: sig}, "over", "$] stands for a plain ]"},
		{Description{Over: "[a]${body}", Places: sig}, "over", "stands no ${…}"},
		{Description{Over: "[a[${body}]]", Places: sig}, "over", "inside brackets"},
		{Description{Over: strings.Repeat("x", maxText+1), Places: sig}, "over", "at most 4096"},
		{Description{Over: "always the same", Places: sig}, "over", "same for each request"},
		{Description{Over: "${signature}", Places: sig}, "over", "cannot be signed itself"},
		{Description{Over: "${signature.6}", Places: sig}, "over", "${signature.1} to ${signature.5}"},
		{Description{Over: "${timestamp}.${body}", Places: sig}, "over", "stands nowhere in the request, so no receiver can know it. Add for example headers: {X-Timestamp: \"${timestamp}\"}"},
		{Description{Over: "${event.id}.${body}", Places: sig}, "over", `X-Event-Id: "${event.id}"`},
		{Description{Algorithm: "sha256", Places: sig}, "over", "Anybody could make this signature"},
		{Description{Algorithm: "ed25519", Over: "${secret}${body}", Places: sig}, "over", "only the public key"},
		{Description{}, "", "stands nowhere: no header, query or body has ${signature}"},
		{Description{Places: []Place{inHeader("X-Sig", "${timestamp}")}}, "", "stands nowhere"},
		{Description{Places: []Place{inHeader("X-Sig", "")}}, "headers X-Sig", "This is empty"},
		{Description{Places: []Place{inHeader("X-Sig", "${secret}${signature}")}}, "headers X-Sig", "would be sent to the receiver"},
		{Description{Places: []Place{inHeader("X-Sig", "${timestamp}${signature}")}}, "headers X-Sig", "cannot tell ${timestamp} and ${signature} apart"},
		{Description{Places: []Place{inHeader("X-Sig", "${lower(signature)}")}}, "headers X-Sig", "Write ${signature}."},
		{Description{Places: []Place{inHeader("X-Sig", "${signature}"), inHeader("x-sig", "a")}}, "headers x-sig", "is there already"},
		{Description{Over: "${header.x-sig}", Places: sig}, "over", "${header.x-sig} holds the signature"},
		{Description{Places: []Place{{In: InBody, Path: []string{"sig"}, Value: "${signature}"}}}, "over", "stands in the body, so it cannot sign the whole body"},
		{Description{Tolerance: time.Minute, Places: sig}, "tolerance", "There is no time in what is signed"},
		{Description{Join: word(""), Places: sig}, "several join", "could be part of one"},
		{Description{Join: word("a"), Places: sig}, "several join", "could be part of one"},
		{Description{Join: word(","), Places: []Place{inHeader("X-Sig", "${signature},${signature}")}}, "headers X-Sig", "only one piece"},
		{Description{Join: word(","), Places: []Place{inHeader("X-Sig", "${signature.2}")}}, "headers X-Sig", "all signatures stand in one place"},
		{Description{Places: []Place{inHeader("X-Sig", "${signature.2}")}}, "", "newest secret stands nowhere. Name ${signature} or ${signature.1}"},
		{Description{Key: "hex", Secret: Form{Alphabet: "abc"}, Places: sig}, "secret alphabet", "is random bytes"},
		{Description{Algorithm: "ed25519", Secret: Form{Length: 10}, Places: sig}, "secret", "whose form cannot be chosen"},
		{Description{Secret: Form{Prefix: "a b"}, Places: sig}, "secret prefix", "visible characters"},
		{Description{Secret: Form{Length: 600}, Places: sig}, "secret length", "at most 512"},
		{Description{Secret: Form{Length: 8}, Places: sig}, "secret", "secret could be guessed: it has 40 bits of randomness, and at least 128"},
		{Description{Secret: Form{Alphabet: "ab"}, Places: sig}, "secret", "it has 40 bits"},
		{Description{Key: "hex", Secret: Form{Length: 8}, Places: sig}, "secret", "it has 64 bits"},
		{Description{Nonce: Form{Length: 8}, Places: sig}, "nonce", "nonce could be guessed: it has 32 bits of randomness, and at least 64"},
		{Description{Key: "whsec", Secret: Form{Prefix: "x_"}, Places: sig}, "secret prefix", "write key: base64"},
	} {
		_, problems := Compile(tt.d)
		found := slices.ContainsFunc(problems, func(p Problem) bool {
			return strings.Join(p.At, " ") == tt.at && strings.Contains(p.Message+" "+p.Fix, tt.want)
		})
		if !found {
			t.Errorf("%+v\n  gives %+v\n  want at %q: %s", tt.d, problems, tt.at, tt.want)
		}
	}
}

// Two signatures in one request: the receiver demands both, and each is what it is alone.
func TestJoin(t *testing.T) {
	t.Parallel()
	now := time.Unix(specTime, 0)
	legacy := compileAll(t, Description{Key: "whsec", Places: []Place{inHeader("X-Sig", "sha256=${signature}")}})
	text := compileAll(t, Description{Places: []Place{inHeader("X-Sig", "sha256=${signature}")}})
	for name, first := range map[string]*Scheme{"the same bytes": legacy, "the text of the secret": text} {
		both, err := Join(first, StandardWebhooks)
		if err != nil {
			t.Fatal(err)
		}
		if err := both.Check(prefixPrivate + base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(make([]byte, 32)))); !errors.Is(err, ErrSecret) {
			t.Errorf("%s: a private key, of which receivers have only one half: %v", name, err)
		}
		secret := both.NewSecret()
		m := signWith(t, both, Message{ID: "evt_1", Time: now, Body: []byte("{}")}, secret)
		if diff := cmp.Diff(both.Headers, []string{"X-Sig", headerID, headerTimestamp, headerSignature}); diff != "" || len(m.Headers) != 4 {
			t.Errorf("%s: the headers are %v %v", name, both.Headers, m.Headers)
		}
		for _, s := range []*Scheme{first, StandardWebhooks, both} {
			if err := verifyWith(t, s, m, now, secret); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, lost := range []string{"X-Sig", headerSignature} {
			less := m
			less.Headers = slices.DeleteFunc(slices.Clone(m.Headers), func(h hook.Header) bool { return h.Name == lost })
			if err := verifyWith(t, both, less, now, secret); !errors.Is(err, ErrMissing) {
				t.Errorf("%s, without %s: %v", name, lost, err)
			}
		}
	}
	inBody := compileAll(t, Description{Over: "${nonce}", Places: []Place{{InBody, []string{"n"}, "${nonce}"}, {InBody, []string{"s"}, "${signature}"}}})
	inQuery := compileAll(t, Description{Places: []Place{{InQuery, []string{"s"}, "${signature}"}}})
	overURL := compileAll(t, Description{Over: "${url}", Places: []Place{inHeader("X-Url", "${signature}")}})
	own := compileAll(t, Description{Places: []Place{inHeader("webhook-other", "${signature}")}})
	hexKey := compileAll(t, Description{Key: "hex", Places: []Place{inHeader("X-Hex", "${signature}")}})
	keyPair := compileAll(t, Description{Algorithm: "rsa-sha256", Places: []Place{inHeader("X-Rsa", "${signature}")}})
	edKey := compileAll(t, Description{Algorithm: "ed25519", Key: "base64", Places: []Place{inHeader("X-Ed", "${signature}")}})
	edWhsec := compileAll(t, Description{Algorithm: "ed25519", Key: "whsec", Places: []Place{inHeader("X-Ed", "${signature}")}})
	base64Key := compileAll(t, Description{Key: "base64", Places: []Place{inHeader("X-64", "${signature}")}})
	overHex := compileAll(t, Description{Key: "hex", Over: "${header.x-hex}${body}", Places: []Place{inHeader("X-Over", "${signature}")}})
	for _, pair := range []string{prefixPrivate, prefixPublic} { // its text is base64, too
		if err := legacy.Check(pair + strings.Repeat("A", 43)); !errors.Is(err, ErrSecret) {
			t.Errorf("%s… as the key of an HMAC: %v", pair, err)
		}
	}
	for _, tt := range []struct {
		schemes []*Scheme
		want    string
	}{
		{[]*Scheme{legacy, text}, "signature 2 has the header X-Sig"},
		{[]*Scheme{StandardWebhooks, own}, "signature 2 has the header webhook-other"},
		{[]*Scheme{own, StandardWebhooks}, "signature 2 keeps the header webhook-other"},
		{[]*Scheme{text, inBody}, "signature 2 changes what an earlier one has signed; put it first"},
		{[]*Scheme{StandardWebhooks, inBody}, "put it first"},
		{[]*Scheme{overURL, inQuery}, "put it first"},
		{[]*Scheme{hexKey, StandardWebhooks}, "no secret suits hmac-sha256 (X-Hex) and standard-webhooks"},
		{[]*Scheme{keyPair, text}, "no secret suits"},
		{[]*Scheme{edKey, base64Key}, "no secret suits"},
		{[]*Scheme{overHex, hexKey}, "signature 2 has the header X-Hex, which an earlier one signs; put it first"},
	} {
		if _, err := Join(tt.schemes...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
	for _, fit := range [][]*Scheme{{hexKey, overHex}, {edWhsec, StandardWebhooks}, {inBody, text}, {inQuery, overURL}, {keyPair, compileAll(t, Description{Algorithm: "rsa-pss-sha256", Places: []Place{inHeader("X-Pss", "${signature}")}})}} {
		s, err := Join(fit...)
		if err != nil {
			t.Fatal(err)
		}
		secret := s.NewSecret()
		key, _ := s.VerifyKey(secret)
		m := signWith(t, s, Message{ID: "evt_1", Time: now, URL: "https://a.example/", Body: []byte("{}")}, secret)
		if err := verifyWith(t, s, m, now, key); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
}

// Signing costs little: the text of the header, and of the signature in it.
func TestDescribedAllocates(t *testing.T) { // not parallel: it counts
	s := compileAll(t, Description{Over: "v0:${timestamp}:${body}", Places: []Place{inHeader("X-T", "${timestamp}"), inHeader("X-S", "v0=${signature}")}})
	signer, err := s.NewSigner(secretsOf("secret-a"))
	if err != nil {
		t.Fatal(err)
	}
	m := Message{Time: time.Unix(specTime, 0), Body: bytes.Repeat([]byte("x"), 400), Headers: make([]hook.Header, 0, 4)}
	least := math.Inf(1)
	for range 200 {
		least = min(least, testing.AllocsPerRun(1, func() { _, _ = signer.Sign(m) }))
	}
	if least > 14 {
		t.Errorf("signing allocates %v times", least)
	}
}

func BenchmarkDescribed(b *testing.B) {
	m := Message{ID: specID, Time: time.Unix(specTime, 0), Body: bytes.Repeat([]byte("x"), 400), Headers: make([]hook.Header, 0, 4)}
	signer, err := compileAll(b, standardDescription("v1")).NewSigner(secretsOf(specShared))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = signer.Sign(m)
	}
}

// FuzzTemplate: whatever a contract writes as over and as a header, either says what is wrong, or signs what its own
// verifier accepts.
func FuzzTemplate(f *testing.F) {
	for _, s := range [][3]string{
		{"${body}", "sha256=${signature}", ""},
		{"${timestamp}.${body}", "t=${timestamp},v1=${signature}", ","},
		{"[id:${lower(query.id)};]${url}$[$]", "${signature}", " "},
		{"${event.id}${nonce}", "${event.id} ${nonce} ${signature}", ""},
		{"${json.a}[${form.sorted}]", "a[${header.x}]=${signature}", "&"},
	} {
		f.Add(s[0], s[1], s[2], `{"a":"b"}`)
	}
	f.Fuzz(func(t *testing.T, over, header, join, body string) {
		d := Description{Over: over, Places: []Place{inHeader("X-Sig", header)}}
		if join != "" {
			d.Join = &join
		}
		s, problems := Compile(d)
		if s == nil {
			for _, p := range problems {
				if p.Message == "" {
					t.Fatalf("a problem says nothing: %+v", p)
				}
			}
			return
		}
		m := Message{ID: "evt_1", Time: time.Unix(specTime, 0), Method: "POST", URL: "https://a.example/?id=A", Body: []byte(body)}
		signer, err := s.NewSigner(secretsOf("secret-a", "secret-b"))
		if err != nil {
			t.Fatal(err)
		}
		if m, err = signer.Sign(m); err != nil {
			if !errors.Is(err, ErrUnsignable) {
				t.Fatal(err)
			}
			return
		}
		if len(m.Headers) == 0 {
			return // something in the header is absent
		}
		if err := verifyWith(t, s, m, time.Unix(specTime, 0), "secret-a"); err != nil {
			t.Skipf("ambiguous: %v", err)
		}
		if err := verifyWith(t, s, m, time.Unix(specTime, 0), "secret-c"); err == nil {
			t.Fatal("another secret verifies it")
		}
	})
}

// FuzzReading: no header of a stranger is taken for a signature of what was never signed.
func FuzzReading(f *testing.F) {
	join := ","
	var schemes []*Scheme
	for _, template := range []string{"t=${timestamp},v1=${signature}", "${timestamp},${signature}", "v1 ${signature}:${timestamp}", "[k=${event.id} ]${timestamp} ${signature}"} {
		schemes = append(schemes, compileAll(f, Description{Over: "${timestamp}.${body}", Places: []Place{inHeader("X-Sig", template)}}))
		if strings.Contains(template, ",") {
			schemes = append(schemes, compileAll(f, Description{Over: "${timestamp}.${body}", Join: &join, Places: []Place{inHeader("X-Sig", template)}}))
		}
	}
	for i, s := range schemes {
		m := signWith(f, s, Message{ID: "evt_1", Time: time.Unix(specTime, 0), Body: []byte("{}")}, "secret-a")
		if len(m.Headers) > 0 {
			f.Add(uint8(i), m.Headers[0].Value, []byte("{}"))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, header string, body []byte) {
		m := Message{Body: body, Headers: []hook.Header{{Name: "x-sig", Value: header}}}
		err := verifyWith(t, schemes[int(which)%len(schemes)], m, time.Unix(specTime, 0), "secret-a")
		if err == nil && string(body) != "{}" {
			t.Fatalf("accepted what was never signed: %q %q", header, body)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Fatalf("the error repeats what the stranger sent: %d characters", len(err.Error()))
		}
	})
}
