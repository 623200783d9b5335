package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
)

// listed is a description that signs the headers which a header lists.
func listed() Description {
	return Description{
		Over:      "${method}\n${path}[?${urlencode(urlencode(query))}]\n${signed.headers}\n${body}",
		Timestamp: "unix_ms",
		Signed: &SignedHeaders{
			Names: []string{"content-type", "X-List", "x-time", "x-topic"}, Between: ",", Pair: ":", Join: ";",
		},
		Places: []Place{inHeader("X-Sig", "${signature}"), inHeader("X-List", "${signed.names}"), inHeader("X-Time", "${timestamp}")},
	}
}

const listedSecret = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

// What is signed is, computed here by hand, each header that the list names, in its order; those that the request does
// not have are not in the list. A receiver goes by the list, whatever its order.
func TestSignedHeaders(t *testing.T) {
	t.Parallel()
	s, now := compileAll(t, listed()), time.UnixMilli(1_767_225_600_123)
	mac := func(text string) string {
		h := hmac.New(sha256.New, []byte(listedSecret))
		h.Write([]byte(text))
		return hex.EncodeToString(h.Sum(nil))
	}
	m := Message{
		Time: now, Method: "POST", URL: "https://a.example/in?a=b%20c&d", Body: []byte("{}"),
		Headers: []hook.Header{{Name: "Content-Type", Value: "application/json; charset=utf-8"}, {Name: "X-Other", Value: "1"}},
	}
	for name, topic := range map[string]string{"without": "", "with": "Entry.publish"} {
		list, values := "content-type,x-list,x-time", "content-type:application/json; charset=utf-8;x-list:LIST;x-time:1767225600123"
		sent := m
		if topic != "" {
			sent.Headers = append(slices.Clone(m.Headers), hook.Header{Name: "X-Topic", Value: " " + topic + " "})
			list, values = list+",x-topic", values+";x-topic:"+topic
		}
		signed := signWith(t, s, sent, listedSecret)
		if got, _ := signed.Header("X-List"); got != list {
			t.Errorf("%s topic: the list is %q, want %q", name, got, list)
		}
		want := mac("POST\n/in?a%253Db%252520c%2526d\n" + strings.Replace(values, "LIST", list, 1) + "\n{}")
		if got, _ := signed.Header("X-Sig"); got != want {
			t.Errorf("%s topic: the signature is %s, want %s", name, got, want)
		}
		if err := verifyWith(t, s, signed, now, listedSecret); err != nil {
			t.Errorf("%s topic: %v", name, err)
		}
	}
	// another sender signs others, in another order, and the host
	text := "POST\n/\nx-other:1;x-time:1767225600123;host:a.example;x-list:X-Other, x-time,host,x-list\n{}"
	theirs := Message{Method: "POST", URL: "https://a.example", Body: []byte("{}"), Headers: []hook.Header{
		{Name: "X-Other", Value: "1"},
		{Name: "X-Time", Value: "1767225600123"},
		{Name: "X-List", Value: "X-Other, x-time,host,x-list"},
		{Name: "X-Sig", Value: mac(text)},
	}}
	if err := verifyWith(t, s, theirs, now, listedSecret); err != nil {
		t.Error(err)
	}
}

// Nobody without the secret can make a request that a signature fits, by another list, or by a value that reads like
// another header.
func TestSignedHeadersRefused(t *testing.T) {
	t.Parallel()
	s, now := compileAll(t, listed()), time.UnixMilli(1_767_225_600_123)
	m := signWith(t, s, Message{
		Time: now, Method: "POST", URL: "https://a.example/in", Body: []byte("{}"),
		Headers: []hook.Header{{Name: "X-Topic", Value: "a"}},
	}, listedSecret)
	set := func(name, value string) Message {
		c := m
		c.Headers = slices.DeleteFunc(slices.Clone(m.Headers), func(h hook.Header) bool { return strings.EqualFold(h.Name, name) })
		if value != "" {
			c.Headers = append(c.Headers, hook.Header{Name: name, Value: value})
		}
		return c
	}
	twice := m
	twice.Headers = append(slices.Clone(m.Headers), hook.Header{Name: "x-topic", Value: "b"})
	lists := m
	lists.Headers = append(slices.Clone(m.Headers), hook.Header{Name: "x-list", Value: "x-time"})
	// the same text is signed if a value goes on like the next header
	merged := set("X-Topic", "")
	for i := range merged.Headers {
		if merged.Headers[i].Name == "X-Time" {
			merged.Headers[i].Value += ";x-topic:a"
		}
	}
	for name, tt := range map[string]struct {
		m    Message
		want error
	}{
		"no list":                      {set("X-List", ""), ErrMissing},
		"an empty list":                {set("X-List", " "), ErrNoMatch},
		"another header":               {set("X-Topic", "b"), ErrNoMatch},
		"a header that is gone":        {set("X-Topic", ""), ErrMissing},
		"a header that is there twice": {twice, ErrNoMatch},
		"two lists":                    {lists, ErrNoMatch},
		"the time is not in the list":  {set("X-List", "x-list,x-topic"), ErrNoMatch},
		"another order":                {set("X-List", "x-topic,x-time,x-list"), ErrNoMatch},
		"a name that is there twice":   {set("X-List", "x-list,x-time,x-topic,X-Topic"), ErrNoMatch},
		"no name":                      {set("X-List", "x-list,,x-time,x-topic"), ErrNoMatch},
		"more than anybody signs":      {set("X-List", "x-list,x-time"+strings.Repeat(",x-topic", 100)), ErrNoMatch},
		"the signature signs itself":   {set("X-List", "x-list,x-time,x-topic,x-sig"), ErrNoMatch},
		"two headers in one":           {merged, ErrMissing},
	} {
		if err := verifyWith(t, s, tt.m, now, listedSecret); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	// The text that is signed here is the same with a shorter list, if a value goes on like the next header.
	d := listed()
	d.Signed.Names = []string{"x-a", "x-b"}
	d.Over, d.Places = "${signed.headers}", d.Places[:2]
	two := compileAll(t, d)
	whole := signWith(t, two, Message{Headers: []hook.Header{{Name: "X-A", Value: "1"}, {Name: "X-B", Value: "2"}}}, listedSecret)
	signature, _ := whole.Header("X-Sig")
	forged := Message{Headers: []hook.Header{{Name: "X-A", Value: "1;x-b:2"}, {Name: "X-List", Value: "x-a"}, {Name: "X-Sig", Value: signature}}}
	if err := verifyWith(t, two, forged, now, listedSecret); !errors.Is(err, ErrNoMatch) || !strings.Contains(err.Error(), "as if it were two") {
		t.Errorf("with a value that reads like two headers: %v", err)
	}
	// a value that could be two headers is not signed either
	signer, err := s.NewSigner(secretsOf(listedSecret))
	if err != nil {
		t.Fatal(err)
	}
	for value, fine := range map[string]bool{"a; b:c": true, "a;b": true, "a;b c:d": true, "a;b:c": false, "a;x-topic:": false} {
		_, err := signer.Sign(Message{Time: now, URL: "https://a.example/", Headers: []hook.Header{{Name: "X-Topic", Value: value}}})
		if fine != (err == nil) || !fine && !errors.Is(err, ErrUnsignable) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// A header in the list counts as signed: for the time, for what the loader knows, and beside other signatures.
func TestSignedHeadersInAList(t *testing.T) {
	t.Parallel()
	s := compileAll(t, listed())
	if s.Description.Tolerance != 5*time.Minute {
		t.Errorf("the tolerance is %s", s.Description.Tolerance)
	}
	topic := compileAll(t, Description{Places: []Place{inHeader("X-Topic", "${signature}")}})
	if _, err := Join(s, topic); err == nil || !strings.Contains(err.Error(), "put it first") {
		t.Errorf("a header that an earlier signature signs: %v", err)
	}
	if _, err := Join(topic, s); err != nil {
		t.Error(err)
	}
}

func TestSignedHeadersMistakes(t *testing.T) {
	t.Parallel()
	for fix, change := range map[string]func(*Description){
		`"${signed.headers}"`:     func(d *Description) { d.Over = "${body}" },
		`"${signed.names}"`:       func(d *Description) { d.Places = d.Places[:1] },
		"signed: {headers:":       func(d *Description) { d.Signed = nil },
		"Write names of headers":  func(d *Description) { d.Signed.Names = []string{"a b"} },
		"Name at least one":       func(d *Description) { d.Signed.Names = nil },
		"Remove one":              func(d *Description) { d.Signed.Names = []string{"x-a", "X-A"} },
		"Remove it from the list": func(d *Description) { d.Signed.Names = append(d.Signed.Names, "x-sig") },
		"into a header":           func(d *Description) { d.Places[1].In = InQuery },
		"for example between":     func(d *Description) { d.Signed.Between = "x" },
		"for example pair":        func(d *Description) { d.Signed.Pair = "-" },
		"for example join":        func(d *Description) { d.Signed.Join = "a" },
		"at most 32":              func(d *Description) { d.Signed.Names = slices.Repeat([]string{"x"}, 33) },
		"Name them in over":       func(d *Description) { d.Places[2].Value = "${timestamp} ${signed.headers}" },
		"Put ${signed.names} into a header of its own": func(d *Description) { d.Places[1].Value = "h=${signed.names},v=1" },
	} {
		d := listed()
		change(&d)
		_, problems := Compile(d)
		if !slices.ContainsFunc(problems, func(p Problem) bool { return strings.Contains(p.Fix, fix) && p.Message != "" }) {
			t.Errorf("%+v, want %q", problems, fix)
		}
	}
}

// FuzzSignedHeaders: whatever list and headers a stranger sends with the signature of another request, they are refused,
// unless they say the same.
func FuzzSignedHeaders(f *testing.F) {
	s, now := compileAll(f, listed()), time.UnixMilli(1_767_225_600_123)
	m := signWith(f, s, Message{
		Time: now, Method: "POST", URL: "https://a.example/in", Body: []byte("{}"),
		Headers: []hook.Header{{Name: "X-Topic", Value: "a"}, {Name: "Content-Type", Value: "text/plain; charset=utf-8"}},
	}, listedSecret)
	list, _ := m.Header("X-List")
	signature, _ := m.Header("X-Sig")
	f.Add(list, "a", "text/plain; charset=utf-8", "1767225600123")
	f.Add("content-type,x-time", "a", "text/plain; charset=utf-8;x-list:"+list, "1767225600123;x-topic:a")
	f.Fuzz(func(t *testing.T, names, topic, kind, stamp string) {
		c := m
		c.Headers = []hook.Header{
			{Name: "X-Topic", Value: topic},
			{Name: "Content-Type", Value: kind},
			{Name: "X-List", Value: names},
			{Name: "X-Time", Value: stamp},
			{Name: "X-Sig", Value: signature},
		}
		err := verifyWith(t, s, c, now, listedSecret)
		if err != nil {
			if len(err.Error()) > 300 {
				t.Fatalf("the error repeats what the stranger sent: %d characters", len(err.Error()))
			}
			return
		}
		if strings.TrimSpace(topic) != "a" || strings.TrimSpace(kind) != "text/plain; charset=utf-8" || stamp != "1767225600123" {
			t.Fatalf("accepted what was never signed: %q %q %q %q", names, topic, kind, stamp)
		}
	})
}
