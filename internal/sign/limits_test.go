package sign

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// macOf is the signature that a receiver computes with secret-a of what is signed.
func macOf(over string) string {
	return hex.EncodeToString(algorithms[0].sum(&material{shared: []byte("secret-a")}, []byte(over)))
}

func atPlace(in Part, value string, path ...string) Place {
	return Place{In: in, Path: path, Value: value}
}

func placesOf(n int) (list []Place) {
	for i := range n {
		list = append(list, inHeader(fmt.Sprint("X-", i), "${signature}"))
	}
	return list
}

// A mistake is reported once, and with nothing else.
func TestProblemsInFull(t *testing.T) {
	t.Parallel()
	sig := []Place{inHeader("X-Sig", "${signature}")}
	join := func(s string) *string { return &s }
	headers := func(d Description, values ...string) Description {
		for i, v := range values {
			d.Places = append(d.Places, inHeader(fmt.Sprint("X-", i+1), v))
		}
		return d
	}
	template := func(message, fix string) Problem {
		return Problem{At: []string{"over"}, Message: "This template is wrong: " + message, Fix: fix}
	}
	unseen := template("the text has a character that cannot be seen.", "")
	apart := func(header, a, b string) Problem {
		return Problem{
			[]string{"headers", header},
			"A receiver cannot tell ${" + a + "} and ${" + b + "} apart, because nothing stands between them.",
			"Put something between them that stands in neither, such as a comma or a dot.",
		}
	}
	tooLong := func(key string) Problem {
		return Problem{[]string{"secret", key}, "A secret has at most 512 bytes, its prefix included.", "Make it shorter."}
	}
	notBetween := Problem{
		[]string{"several", "join"}, "This cannot stand between signatures, because it could be part of one.", `Write for example join: " " or join: ",".`,
	}
	unseenPrefix := Problem{[]string{"secret", "prefix"}, "The prefix of a secret is a text of visible characters.", "Use letters, digits, _ and -."}
	holds := func(source string) Problem {
		return Problem{[]string{"over"}, "${" + source + "} holds the signature, so it cannot be used here.", "Name another part of the request."}
	}
	noTime := Problem{
		[]string{"tolerance"},
		"There is no time in what is signed, so tolerance has nothing to compare.",
		"Put ${timestamp} into over and into a header, or remove tolerance.",
	}
	inBody, inQuery := []Place{atPlace(InBody, "${signature}", "s", "token")}, []Place{atPlace(InQuery, "${signature}", "sig")}
	for _, tt := range []struct {
		d    Description
		want Problem
	}{
		{Description{Places: placesOf(21)}, Problem{nil, "There are 21 places; at most 20 are possible.", ""}},
		{Description{}, Problem{
			nil, "The signature stands nowhere: no header, query or body has ${signature}.", "Add for example headers: {X-Signature: \"${signature}\"}",
		}},
		{Description{Key: "txet", Places: sig}, Problem{[]string{"key"}, `"txet" is not possible here.`, "Did you mean text?"}},
		{headers(Description{}, "${signature"), Problem{
			[]string{"headers", "X-1"}, "This template is wrong: ${ is not closed by }; $${ stands for a plain ${.", "",
		}},
		{Description{Over: "${bdoy}", Places: sig}, template("there is no ${bdoy}.", "Did you mean ${body}?")},
		{Description{Over: "${query.}", Places: sig}, template("${query.} needs a name, for example ${query.id}.", "")},
		{Description{Over: "${queri.}", Places: sig}, template("there is no ${queri.}.", "Did you mean ${query}?")},
		{Description{Over: "${something}", Places: sig}, template("there is no ${something}.", "Possible: body, body.sha256, body.sha256.base64, body.crc32, host, timestamp, event.id, key.id, nonce, "+
			"secret, method, url, url.decoded, path, query, url.query.sorted, url.query.grouped, form.sorted, signed.headers, signed.values, signed.names, signature, header.NAME, query.NAME, form.NAME, json.NAME, settings.NAME.")},
		{Description{Over: "${lower(body}", Places: sig}, template(
			"${lower(body} cannot be read; write for example ${lower(query.id)} or ${sha256(method, '&', path)}.", "Functions: lower, upper, sha256, base64, urlencode.")},
		{Description{Over: "${body}\xff", Places: sig}, unseen},
		{Description{Over: "${body}\t", Places: sig}, unseen},
		{headers(Description{}, "[${timestamp}]${signature}"), apart("X-1", "timestamp", "signature")},
		{headers(Description{}, "${header.x-id}${signature}"), apart("X-1", "header.x-id", "signature")},
		{headers(Description{}, "${header.x-id}${timestamp}", "${signature}"), apart("X-1", "header.x-id", "timestamp")},
		{Description{Secret: Form{Prefix: "a b c"}, Places: sig}, unseenPrefix},
		{Description{Secret: Form{Prefix: "é"}, Places: sig}, unseenPrefix},
		{Description{Secret: Form{Prefix: "\x7f"}, Places: sig}, unseenPrefix},
		{Description{Algorithm: "rsa-sha256", Secret: Form{Prefix: "x_"}, Places: sig}, Problem{
			[]string{"secret"}, "The secrets of rsa-sha256 are private keys, whose form cannot be chosen.", "Remove it.",
		}},
		{Description{Algorithm: "ed25519", Key: "hex", Secret: Form{Alphabet: "abc"}, Places: sig}, Problem{
			[]string{"secret"}, "The secrets of ed25519 are private keys, whose form cannot be chosen.", "Remove it.",
		}},
		{Description{Secret: Form{Prefix: "sl_", Length: 510}, Places: sig}, tooLong("length")},
		{Description{Secret: Form{Prefix: strings.Repeat("x", 473)}, Places: sig}, tooLong("prefix")},
		{Description{Key: "sha1", Secret: Form{Length: 513}, Places: sig}, tooLong("length")},
		{Description{Key: "hex", Secret: Form{Length: 257}, Places: sig}, tooLong("length")},
		{Description{Key: "hex", Secret: Form{Prefix: "sl_", Length: 255}, Places: sig}, tooLong("length")},
		{Description{Key: "base64", Secret: Form{Length: 257}, Places: sig}, tooLong("length")},
		{Description{Key: "base64", Secret: Form{Prefix: strings.Repeat("x", 170), Length: 256}, Places: sig}, tooLong("length")},
		{Description{Algorithm: "ed25519", Key: "hex", Secret: Form{Prefix: strings.Repeat("x", 385)}, Places: sig}, tooLong("prefix")},
		{Description{Join: join(" || "), Places: sig}, notBetween},
		{Description{Join: join("é"), Places: sig}, notBetween},
		{Description{Join: join("\x7f"), Places: sig}, notBetween},
		{Description{Over: "${query.sig}", Places: inQuery}, holds("query.sig")},
		{Description{Over: "${form.s[token]}", Places: inBody}, holds("form.s[token]")},
		{Description{Over: "${json.s}", Places: inBody}, holds("json.s")},
		{Description{Over: "${json.s.token.x}", Places: inBody}, holds("json.s.token.x")},
		{headers(Description{Tolerance: time.Minute}, "t=${timestamp},v1=${signature}"), noTime},
		{headers(Description{Tolerance: time.Minute}, "${timestamp}", "${signature}"), noTime},
		{Description{Tolerance: time.Minute, Over: "${url}", Places: []Place{atPlace(InBody, "${timestamp}", "t"), sig[0]}}, noTime},
		{Description{Tolerance: time.Minute, Places: []Place{atPlace(InQuery, "${timestamp}", "t"), sig[0]}}, noTime},
		{Description{Tolerance: time.Minute, Over: "${url}", Places: []Place{atPlace(InQuery, "${timestamp}.${signature}", "sig")}}, noTime},
	} {
		s, problems := Compile(tt.d)
		if diff := cmp.Diff([]Problem{tt.want}, problems); diff != "" || s != nil {
			t.Errorf("%+v: %s", tt.d, diff)
		}
	}
	for _, over := range []string{"${signature.0}", "${signature.x}", "${json.a[}", "${json.a..b}"} {
		if _, problems := Compile(Description{Over: over, Places: sig}); len(problems) != 1 || !strings.Contains(problems[0].Message, over) {
			t.Errorf("%s: %+v", over, problems)
		}
	}
}

// What is near a mistake and none, up to the last permitted byte. Each scheme accepts the secrets that it makes itself.
func TestNoProblems(t *testing.T) {
	t.Parallel()
	sig := []Place{inHeader("X-Sig", "${signature}")}
	join := func(s string) *string { return &s }
	body, query := atPlace(InBody, "${signature}", "s", "token"), atPlace(InQuery, "${signature}", "sig")
	for name, d := range map[string]Description{
		"20 places":                             {Places: placesOf(20)},
		"the longest template":                  {Over: "${body}" + strings.Repeat("x", maxText-len("${body}")), Places: sig},
		"the longest secret":                    {Secret: Form{Prefix: "sl_", Length: 509}, Places: sig},
		"the longest sum":                       {Key: "sha1", Secret: Form{Length: 512, Alphabet: "abcdef"}, Places: sig},
		"the longest prefix":                    {Secret: Form{Prefix: strings.Repeat("~", 472)}, Places: sig},
		"the longest hexadecimal key":           {Key: "hex", Secret: Form{Length: 256}, Places: sig},
		"the longest one with a prefix":         {Key: "hex", Secret: Form{Prefix: "sl_", Length: 254}, Places: sig},
		"the longest key in base64":             {Key: "base64", Secret: Form{Prefix: strings.Repeat("x", 168), Length: 256}, Places: sig},
		"the longest whsec":                     {Key: "whsec", Secret: Form{Length: 256}, Places: sig},
		"a key pair with the longest prefix":    {Algorithm: "ed25519", Key: "hex", Secret: Form{Prefix: strings.Repeat("x", 384)}, Places: sig},
		"a join of three characters":            {Join: join(" | "), Places: sig},
		"a join of the last visible one":        {Join: join("~"), Places: sig},
		"what nobody takes apart":               {Places: []Place{inHeader("X-Copy", "${header.a}${header.b}"), sig[0]}},
		"two versions side by side":             {Places: []Place{inHeader("X-Sig", "v0=${signature},v1=${signature}")}},
		"a parameter with the name of a header": {Over: "${query.x-sig}", Places: sig},
		"a header with the name of a parameter": {Over: "${header.sig}${query.other}", Places: []Place{query}},
		"a header with the name of a field":     {Over: "${header.s[token]}${form.s}${json.other}", Places: []Place{body}},
		"an id in the signed body":              {Places: []Place{atPlace(InBody, "${event.id}", "id"), sig[0]}},
		"a time in the signed body":             {Tolerance: time.Minute, Places: []Place{atPlace(InBody, "${timestamp}", "t"), sig[0]}},
		"the sum of a body with the time in it": {Tolerance: time.Minute, Over: "${body.sha256}", Places: []Place{atPlace(InBody, "${timestamp}", "t"), sig[0]}},
		"a time in the signed address":          {Tolerance: time.Minute, Over: "${url}", Places: []Place{atPlace(InQuery, "${timestamp}", "t"), query}},
		"a time in a signed header":             {Tolerance: time.Minute, Over: "${header.x-t}[${header.x-b}]", Places: []Place{inHeader("X-T", "${timestamp}"), sig[0]}},
	} {
		s := compileAll(t, d)
		if err := s.Check(s.NewSecret()); err != nil {
			t.Errorf("%s: it refuses its own secret: %v", name, err)
		}
		if several := d.Join != nil; s.Several != several {
			t.Errorf("%s: older secrets sign as well: %v", name, s.Several)
		}
		if s.Description.Tolerance != d.Tolerance {
			t.Errorf("%s: a tolerance of %v", name, s.Description.Tolerance)
		}
	}
	if compileAll(t, Description{Places: []Place{inHeader("X-Sig", "${signature.1}")}}).Several {
		t.Error("older secrets sign as well where only the newest has a place")
	}
}

// New secrets look as the contract says, and are long enough where it says nothing.
func TestNewDescribedSecrets(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		d        Description
		prefix   string
		length   int // with the prefix
		alphabet string
	}{
		{Description{}, "", 40, letters},
		{Description{Secret: Form{Prefix: "sl_"}}, "sl_", 43, letters},
		{Description{Key: "sha1", Secret: Form{Alphabet: "abcdef", Length: 64}}, "", 64, "abcdef"},
		{Description{Key: "hex", Secret: Form{Prefix: "k-"}}, "k-", 2 + 64, hexDigits},
		{Description{Key: "hex", Secret: Form{Length: 20}}, "", 40, hexDigits},
		{Description{Algorithm: "ed25519", Key: "hex"}, "", 128, hexDigits},
	} {
		tt.d.Places = []Place{inHeader("X-Sig", "${signature}")}
		secret := compileAll(t, tt.d).NewSecret()
		random, ok := strings.CutPrefix(secret, tt.prefix)
		if !ok || len(secret) != tt.length || strings.Trim(random, tt.alphabet) != "" {
			t.Errorf("%+v: %d characters: %s", tt.d, len(secret), secret)
		}
	}
	s := compileAll(t, Description{
		Over: "${nonce}", Nonce: Form{Length: 70, Alphabet: "abcd"}, Places: []Place{inHeader("X-N", "${nonce}"), inHeader("X-Sig", "${signature}")},
	})
	m := signWith(t, s, Message{}, "secret-a")
	nonce, _ := m.Header("X-N")
	if len(nonce) != 70 || strings.Trim(nonce, "abcd") != "" {
		t.Errorf("the nonce is %q", nonce)
	}
}

// What may be absent is left out, and what is signed and absent is named.
func TestAbsent(t *testing.T) {
	t.Parallel()
	sig, comma := inHeader("X-Sig", "${signature}"), ","
	for _, tt := range []struct {
		d    Description
		body string
		want string
	}{
		{Description{Over: "${query.id}", Places: []Place{sig}}, "", "the contract signs ${query.id}, and the request has none"},
		{Description{Over: "${query}", Places: []Place{sig}}, "", "the contract signs ${query}, and the request has none"},
		{Description{Over: "${form.id}", Places: []Place{sig}}, "", "the contract signs ${form.id}, and the request has none"},
		{Description{Over: "${json.id}", Places: []Place{sig}}, "{}", "the contract signs ${json.id}, and the request has none"},
		{Description{Over: "${upper(header.x-id)}", Places: []Place{sig}}, "", "the contract signs ${header.x-id}, and the request has none"},
		{Description{Places: []Place{inHeader("X-Sig", "h=${header.x-id};s=${signature}")}}, "", "the header X-Sig has ${header.x-id} in it, and the request has none"},
		{Description{Join: &comma, Places: []Place{inHeader("X-Sig", "h=${header.x-id},s=${signature}")}}, "", "the header X-Sig has ${header.x-id} in it, and the request has none"},
		{Description{Places: []Place{inHeader("X-T", "${timestamp} ${header.x-id}"), sig}}, "", "the header X-T has ${header.x-id} in it, and the request has none"},
		{Description{Over: "${method}", Places: []Place{atPlace(InBody, "${signature}", "s")}}, "[1]", "this body is neither a JSON object nor a form"},
		{Description{Places: []Place{inHeader("X-A", "${json.a}"), sig}}, `{"a":"x\u007f"}`, "the header X-A would have a line break or another character"},
		{Description{Places: []Place{inHeader("X-A", "${json.a}"), sig}}, `{"a":" x"}`, "the header X-A would have"},
		{Description{Places: []Place{inHeader("X-A", "${json.a}"), sig}}, `{"a":"x\t"}`, "the header X-A would have"},
	} {
		signer, err := compileAll(t, tt.d).NewSigner(secretsOf("secret-a"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = signer.Sign(Message{Method: "POST", URL: "https://a.example/", Body: []byte(tt.body), Time: time.Unix(specTime, 0)})
		if !errors.Is(err, ErrUnsignable) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
	s := compileAll(t, Description{Places: []Place{inHeader("X-Copy", "c${header.x-id}"), inHeader("X-Tab", "${json.a}"), sig}})
	m := signWith(t, s, Message{Body: []byte(`{"a":"x\ty"}`)}, "secret-a")
	if names := headerLines(&m, "X-Copy"); len(names) > 0 || !slices.Contains(m.Headers, hook.Header{Name: "X-Tab", Value: "x\ty"}) {
		t.Errorf("the headers are %v", m.Headers)
	}
	if err := verifyWith(t, s, m, time.Now(), "secret-a"); err != nil {
		t.Errorf("a receiver demands the header that is left out: %v", err)
	}
}

// Whoever makes a signer or a verifier learns which secret is wrong. A secret that does not sign is not looked at.
func TestWhichSecret(t *testing.T) {
	t.Parallel()
	comma := ","
	alone := compileAll(t, Description{Places: []Place{inHeader("X-Sig", "${signature}")}})
	several := compileAll(t, Description{Join: &comma, Places: []Place{inHeader("X-Sig", "${signature}")}})
	if _, err := alone.NewSigner(nil); !errors.Is(err, ErrSecret) {
		t.Errorf("a signer without a secret: %v", err)
	}
	if _, err := alone.NewVerifier(0); !errors.Is(err, ErrSecret) {
		t.Errorf("a verifier without a secret: %v", err)
	}
	if _, err := several.NewSigner(secretsOf("secret-a", "short")); !errors.Is(err, ErrSecret) || !strings.HasPrefix(err.Error(), "secret 2: ") {
		t.Errorf("a signer: %v", err)
	}
	if _, err := several.NewVerifier(0, "secret-a", "short"); !errors.Is(err, ErrSecret) || !strings.HasPrefix(err.Error(), "secret 2: ") {
		t.Errorf("a verifier: %v", err)
	}
	if _, err := alone.NewSigner(secretsOf("secret-a", "short")); err != nil {
		t.Errorf("a secret that does not sign: %v", err)
	}
	// An older secret signs until the moment when it expires, and one signer signs again and again.
	end := time.Unix(specTime, 0)
	signer, err := several.NewSigner([]hook.Secret{{Text: "secret-b"}, {Text: "secret-a", ExpiresAt: end}})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		for before, count := range map[time.Duration]int{time.Second: 2, 0: 1, -time.Second: 1} {
			m, err := signer.Sign(Message{Time: end.Add(-before), Body: []byte("x")})
			if err != nil {
				t.Fatal(err)
			}
			value, _ := m.Header("X-Sig")
			if n := len(strings.Split(value, ",")); n != count || strings.HasSuffix(value, ","+macOf("x")) != (n == 2) {
				t.Errorf("%v before it expires: %s", before, value)
			}
		}
	}
}

// Of a list of schemes older secrets sign if one of them has room for it, and it says so. One alone is itself.
func TestJoinedSeveral(t *testing.T) {
	t.Parallel()
	alone := compileAll(t, Description{Key: "whsec", Places: []Place{inHeader("X-Sig", "${signature}")}})
	second := compileAll(t, Description{Key: "whsec", Places: []Place{inHeader("X-Second", "${signature}")}})
	for _, tt := range []struct {
		schemes []*Scheme
		several bool
		name    string
	}{
		{[]*Scheme{alone, second}, false, "hmac-sha256 (X-Sig) + hmac-sha256 (X-Second)"},
		{[]*Scheme{alone, StandardWebhooks}, true, "hmac-sha256 (X-Sig) + standard-webhooks"},
		{[]*Scheme{StandardWebhooks, alone}, true, "standard-webhooks + hmac-sha256 (X-Sig)"},
	} {
		s, err := Join(tt.schemes...)
		if err != nil {
			t.Fatal(err)
		}
		if s.Several != tt.several || s.Name != tt.name || s.Reserves("webhook-other") != tt.several {
			t.Errorf("%s: several %v, keeps webhook-…: %v", s.Name, s.Several, s.Reserves("webhook-other"))
		}
		if _, err := s.NewSigner(nil); !errors.Is(err, ErrSecret) {
			t.Errorf("%s: a signer without a secret: %v", s.Name, err)
		}
		if _, err := s.NewVerifier(0); !errors.Is(err, ErrSecret) {
			t.Errorf("%s: a verifier without a secret: %v", s.Name, err)
		}
	}
	if s, err := Join(alone); s != alone || err != nil {
		t.Errorf("one alone: %v", err)
	}
	absent := compileAll(t, Description{Key: "whsec", Over: "${header.x-id}", Places: []Place{inHeader("X-Id-Sig", "${signature}")}})
	both, err := Join(absent, alone)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := both.NewSigner(secretsOf(specShared))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Sign(Message{}); !errors.Is(err, ErrUnsignable) {
		t.Errorf("one of them cannot sign: %v", err)
	}
	// The newest secret signs, whenever it expires: without it nothing would be sent.
	if signer, err = alone.NewSigner([]hook.Secret{{Text: specShared, ExpiresAt: time.Unix(1, 0)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Sign(Message{Time: time.Unix(specTime, 0)}); err != nil {
		t.Errorf("the newest secret: %v", err)
	}
}
