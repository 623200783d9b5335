package sign

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// The vectors of the official libraries' tests.
const (
	specID   = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	specTime = 1614265330
	specBody = `{"test": 2432232314}`
	specV1   = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	specV1a  = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
)

func signer(t testing.TB, secrets ...string) Signer {
	t.Helper()
	list := make([]hook.Secret, len(secrets))
	for i, text := range secrets {
		list[i].Text = text
	}
	s, err := newStandardSigner(list)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// signature is what the headers of a signed request say.
type signature struct{ ID, Timestamp, Value string }

// signed signs a body and reads the headers.
func signed(s Signer, id string, now time.Time, body []byte) signature {
	m, err := s.Sign(Message{ID: id, Time: now, Body: body})
	if err != nil {
		panic(err) // Standard Webhooks signs any message
	}
	lines := m.Headers
	return signature{ID: lines[0].Value, Timestamp: lines[1].Value, Value: lines[2].Value}
}

func (s signature) headers() []hook.Header {
	return []hook.Header{{Name: headerID, Value: s.ID}, {Name: headerTimestamp, Value: s.Timestamp}, {Name: headerSignature, Value: s.Value}}
}

// newKeyPair makes an ed25519 key pair.
func newKeyPair() (private, public string) {
	pub, priv, err := ed25519.GenerateKey(nil)
	if err != nil { // crypto/rand never fails
		panic(err)
	}
	return prefixPrivate + base64.StdEncoding.EncodeToString(priv), prefixPublic + base64.StdEncoding.EncodeToString(pub)
}

// received is a request with the headers of a signature, their names in another case than they are sent in.
func received(s signature, body string) Message {
	m := Message{Body: []byte(body)}
	for _, line := range s.headers() {
		m.Headers = append(m.Headers, hook.Header{Name: http.CanonicalHeaderKey(line.Name), Value: line.Value})
	}
	return m
}

func TestSignVectors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		secrets []string
		want    string
	}{
		{"v1", []string{specShared}, specV1},
		{"v1a", []string{specPrivate}, specV1a},
		{"v1a from the seed", []string{specSeed}, specV1a},
		{"both, newest first", []string{specPrivate, specShared}, specV1a + " " + specV1},
		{"both, the other way", []string{specShared, specPrivate}, specV1 + " " + specV1a},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := signer(t, tt.secrets...)
			for range 3 { // memory is reused
				got := signed(s, specID, time.Unix(specTime, 999), []byte(specBody))
				want := signature{ID: specID, Timestamp: "1614265330", Value: tt.want}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatal(diff)
				}
			}
		})
	}
}

func TestSignRotation(t *testing.T) {
	t.Parallel()
	now := time.Unix(specTime, 0)
	s, err := newStandardSigner([]hook.Secret{
		{Text: specShared},
		{Text: specPrivate, ExpiresAt: now},
		{Text: shared(24), ExpiresAt: now.Add(time.Hour)},
	})
	if err != nil {
		t.Fatal(err)
	}
	versions := func(at time.Time) (list []string) {
		for one := range strings.SplitSeq(signed(s, "x", at, nil).Value, " ") {
			v, _, _ := strings.Cut(one, ",")
			list = append(list, v)
		}
		return list
	}
	if diff := cmp.Diff([]string{"v1", "v1a", "v1"}, versions(now.Add(-1))); diff != "" {
		t.Error("just before the second expires:", diff)
	}
	if diff := cmp.Diff([]string{"v1", "v1"}, versions(now)); diff != "" {
		t.Error("when it expires:", diff)
	}
	if diff := cmp.Diff([]string{"v1"}, versions(now.Add(time.Hour))); diff != "" {
		t.Error("when all old ones have expired:", diff)
	}
}

func TestNewSignerRefuses(t *testing.T) {
	t.Parallel()
	for name, list := range map[string][]hook.Secret{
		"none":       nil,
		"public key": {{Text: specPublic}},
		"second bad": {{Text: specShared}, {Text: "whsec_AAAA"}},
	} {
		_, err := newStandardSigner(list)
		if !errors.Is(err, ErrSecret) {
			t.Errorf("%s: error %v", name, err)
		}
		if name == "second bad" && !strings.HasPrefix(err.Error(), "secret 2: ") {
			t.Errorf("error does not say which secret: %v", err)
		}
	}
}

func TestSignConcurrently(t *testing.T) {
	t.Parallel()
	s := signer(t, specShared, specPrivate)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if got := signed(s, specID, time.Unix(specTime, 0), []byte(specBody)); got.Value != specV1+" "+specV1a {
					t.Errorf("got %q", got.Value)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestSignAllocates(t *testing.T) { // not parallel: it counts
	s := signer(t, specShared)
	m := Message{ID: specID, Time: time.Unix(specTime, 0), Body: bytes.Repeat([]byte("x"), 400), Headers: make([]hook.Header, 0, 3)}
	// The least of many runs, because the race detector makes sync.Pool forget every fourth value on purpose.
	least := math.Inf(1)
	for range 200 {
		least = min(least, testing.AllocsPerRun(1, func() { _, _ = s.Sign(m) }))
	}
	if least != 1 {
		t.Errorf("signing allocates %v times, want once for the text", least)
	}
}

// Memory is reused from one message to the next, also by a key pair and after a large message.
func TestSignOtherMessages(t *testing.T) {
	t.Parallel()
	for _, secrets := range [][]string{{specPrivate}, {specShared}, {specPrivate, specShared}} {
		s := signer(t, secrets...)
		v, err := newStandardVerifier(0, secrets[0])
		if err != nil {
			t.Fatal(err)
		}
		for i, size := range []int{10, keepMessage + 1, 0, 10} {
			body, now := bytes.Repeat([]byte{byte('a' + i)}, size), time.Unix(specTime+int64(i), 0)
			if err := v.Verify(received(signed(s, "msg", now, body), string(body)), now); err != nil {
				t.Errorf("message %d of %.6s…: %v", i, secrets, err)
			}
		}
	}
}

// The memory of a large message is not kept, that of one of the largest size worth keeping is.
func TestSignKeepsLittle(t *testing.T) { // not parallel: it looks into the pool
	s := signer(t, specPrivate).(*standardSigner)
	kept := func(size int) (kept bool) {
		for range 100 { // the race detector makes sync.Pool forget every fourth value on purpose
			_, _ = s.Sign(Message{ID: "x", Body: make([]byte, size)})
			if w, _ := s.pool.Get().(*signing); w != nil && w.message != nil {
				kept = true
			}
		}
		return kept
	}
	if !kept(100) {
		t.Error("the memory of a small message is never used again")
	}
	if kept(2 * keepMessage) {
		t.Error("the memory of a large message is kept")
	}
}

// The newest secret signs whatever its expiry says: without it there would be no signature.
func TestNewestNeverExpires(t *testing.T) {
	t.Parallel()
	now := time.Unix(specTime, 0)
	s, err := newStandardSigner([]hook.Secret{{Text: specShared, ExpiresAt: now.Add(-time.Hour)}, {Text: specPrivate}})
	if err != nil {
		t.Fatal(err)
	}
	if got := signed(s, specID, now, []byte(specBody)); got.Value != specV1+" "+specV1a {
		t.Errorf("signatures: %s", got.Value)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	now := time.Unix(specTime, 0)
	type request struct{ id, stamp, value, body string }
	good := request{specID, "1614265330", specV1, specBody}
	_, otherPublic := newKeyPair()
	mac := hmac.New(sha256.New, nil)
	mac.Write([]byte(specID + ".1614265330." + specBody))
	unkeyed := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	with := func(change func(*request)) request { r := good; change(&r); return r }
	for _, tt := range []struct {
		name    string
		secrets []string
		request request
		now     time.Time
		want    error
	}{
		{"right", []string{specShared}, good, now, nil},
		{"right, v1a with the public key", []string{specPublic}, with(func(r *request) { r.value = specV1a }), now, nil},
		{"right, v1a with the private key", []string{specPrivate}, with(func(r *request) { r.value = specV1a }), now, nil},
		{"second secret", []string{shared(32), specShared}, good, now, nil},
		{"second signature", []string{specShared}, with(func(r *request) { r.value = "v1,AAAA v2,x v1a,y  junk " + specV1 }), now, nil},
		{"oldest accepted", []string{specShared}, good, now.Add(standardTolerance), nil},
		{"newest accepted", []string{specShared}, good, now.Add(-standardTolerance), nil},

		{"no id", []string{specShared}, with(func(r *request) { r.id = "" }), now, ErrMissing},
		{"no timestamp", []string{specShared}, with(func(r *request) { r.stamp = "" }), now, ErrMissing},
		{"no signature", []string{specShared}, with(func(r *request) { r.value = "" }), now, ErrMissing},
		{"timestamp a word", []string{specShared}, with(func(r *request) { r.stamp = "yesterday" }), now, ErrBadTimestamp},
		{"timestamp with zero before", []string{specShared}, with(func(r *request) { r.stamp = "01614265330" }), now, ErrBadTimestamp},
		{"timestamp with sign", []string{specShared}, with(func(r *request) { r.stamp = "+1614265330" }), now, ErrBadTimestamp},
		{"timestamp beyond numbers", []string{specShared}, with(func(r *request) { r.stamp = strings.Repeat("9", 5000) }), now, ErrBadTimestamp},
		{"timestamp far in the past", []string{specShared}, with(func(r *request) { r.stamp = "-9223372036854775808" }), now, ErrTooOld},
		{"timestamp far in the future", []string{specShared}, with(func(r *request) { r.stamp = "9223372036854775807" }), now, ErrTooNew},
		{"too old", []string{specShared}, good, now.Add(standardTolerance + time.Second), ErrTooOld},
		{"too new", []string{specShared}, good, now.Add(-standardTolerance - time.Second), ErrTooNew},
		{"other secret", []string{shared(32)}, good, now, ErrNoMatch},
		{"other body", []string{specShared}, with(func(r *request) { r.body += " " }), now, ErrNoMatch},
		{"other id", []string{specShared}, with(func(r *request) { r.id += "x" }), now, ErrNoMatch},
		{"other time", []string{specShared}, with(func(r *request) { r.stamp = "1614265331" }), now, ErrNoMatch},
		{"v1 value called v1a", []string{specShared, specPublic}, with(func(r *request) { r.value = "v1a" + specV1[2:] }), now, ErrNoMatch},
		{"v1a value called v1", []string{specShared, specPublic}, with(func(r *request) { r.value = "v1" + specV1a[3:] }), now, ErrNoMatch},
		{"v1a, other body", []string{specPublic}, with(func(r *request) { r.value, r.body = specV1a, r.body+" " }), now, ErrNoMatch},
		{"v1a, other key", []string{otherPublic}, with(func(r *request) { r.value = specV1a }), now, ErrNoMatch},
		{"v1a, cut", []string{specPublic}, with(func(r *request) { r.value = "v1a,AAAA" }), now, ErrNoMatch},
		{"v1, only a public key", []string{specPublic}, good, now, ErrNoMatch},
		{"v1a, only a shared key", []string{specShared}, with(func(r *request) { r.value = specV1a }), now, ErrNoMatch},
		{"v1 by an empty key, only a public key", []string{specPublic}, with(func(r *request) { r.value = unkeyed }), now, ErrNoMatch},
		{"something behind the signature", []string{specShared}, with(func(r *request) { r.value = specV1 + "x" }), now, ErrNoMatch},
		{"unknown version only", []string{specShared}, with(func(r *request) { r.value = "v2" + specV1[2:] }), now, ErrNoMatch},
		{"empty signature", []string{specShared}, with(func(r *request) { r.value = "v1," }), now, ErrNoMatch},
		{"cut signature", []string{specShared}, with(func(r *request) { r.value = specV1[:20] }), now, ErrNoMatch},
		{"right one behind too many", []string{specShared}, with(func(r *request) { r.value = strings.Repeat("v1,AAAA ", maxSignatures) + specV1 }), now, ErrNoMatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := newStandardVerifier(0, tt.secrets...)
			if err != nil {
				t.Fatal(err)
			}
			r := tt.request
			err = v.Verify(received(signature{ID: r.id, Timestamp: r.stamp, Value: r.value}, r.body), tt.now)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if err != nil && len(err.Error()) > 300 {
				t.Fatalf("the error repeats what the stranger sent: %d characters", len(err.Error()))
			}
		})
	}
}

// The errors say what was found: for people, and not at the length that a stranger chose.
func TestVerifyErrors(t *testing.T) {
	t.Parallel()
	v, err := newStandardVerifier(0, specShared)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ stamp, value, want string }{
		{strings.Repeat("x", 40), specV1, `is "` + strings.Repeat("x", 40) + `"`},
		{strings.Repeat("x", 41), specV1, `is "` + strings.Repeat("x", 40) + `…"`},
		{"1614265330", "v2,AAAA", "no signature of a known version"},
		{"1614265330", "v1,%", "another one, or the body was changed"},
		{"1614265330", "v1,AAAA", "another one, or the body was changed"},
	} {
		err := v.Verify(received(signature{ID: specID, Timestamp: tt.stamp, Value: tt.value}, specBody), time.Unix(specTime, 0))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %s: error %v, want one that says %s", tt.stamp, tt.value, err, tt.want)
		}
	}
}

func TestNewVerifierRefuses(t *testing.T) {
	t.Parallel()
	if _, err := newStandardVerifier(0); !errors.Is(err, ErrSecret) {
		t.Errorf("no secret: %v", err)
	}
	if _, err := newStandardVerifier(0, specPublic, "x"); !errors.Is(err, ErrSecret) || !strings.HasPrefix(err.Error(), "secret 2: ") {
		t.Errorf("bad second secret: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(specID, "1614265330", specV1+" "+specV1a, []byte(specBody))
	f.Fuzz(func(t *testing.T, id, stamp, value string, body []byte) {
		v, _ := newStandardVerifier(0, specShared, specPublic)
		err := v.Verify(received(signature{ID: id, Timestamp: stamp, Value: value}, string(body)), time.Unix(specTime, 0))
		// The signed text joins id, time and body with dots. So another split between
		// id and body may have the same signature, but nothing else.
		if err == nil && id+"."+stamp+"."+string(body) != specID+".1614265330."+specBody {
			t.Fatalf("accepted what was never signed: %q %q %q", id, stamp, body)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	m := Message{ID: specID, Time: time.Unix(specTime, 0), Body: bytes.Repeat([]byte("x"), 400), Headers: make([]hook.Header, 0, 3)}
	for name, secrets := range map[string][]string{"v1": {specShared}, "v1-rotating": {specShared, shared(32)}, "v1a": {specPrivate}} {
		b.Run(name, func(b *testing.B) {
			s := signer(b, secrets...)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = s.Sign(m)
			}
		})
	}
}

// FuzzSecret: a text either is a secret, with which a message is signed and verified, or is refused with an error that
// says why and does not repeat it.
func FuzzSecret(f *testing.F) {
	for _, s := range []string{specShared, specPrivate, specPublic, "whsec_", "whsec_AAAA", "hunter2-hunter2-hunter2", "whsk_" + specShared, "whsec_\n" + specShared[6:]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := checkSecret(text); err != nil {
			if !errors.Is(err, ErrSecret) || len(text) > 12 && strings.Contains(err.Error(), text) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		s, err := newStandardSigner([]hook.Secret{{Text: text}})
		if err != nil {
			t.Fatalf("%q passes the check, but cannot sign: %v", text, err)
		}
		v, err := newStandardVerifier(0, text)
		if err != nil {
			t.Fatalf("%q passes the check, but cannot verify: %v", text, err)
		}
		at := time.Unix(specTime, 0)
		if err := v.Verify(received(signed(s, "msg_1", at, []byte(text)), text), at); err != nil {
			t.Fatalf("what %q signed is not valid: %v", text, err)
		}
	})
}
