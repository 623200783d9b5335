package contract

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestCredentials(t *testing.T) {
	t.Parallel()
	c := parseContract(t, shaped)
	cr, ok := c.Credentials()
	if !ok || !cr.Endpoint || cr.Lifetime != 730*time.Hour || cr.APIKey.Length != 30 || cr.APIKey.Characters != "abcdefghijklmnopqrstuvwxyz0123456789" || !strings.HasSuffix(cr.Secret.Characters, "9_-") {
		t.Fatalf("%+v", cr)
	}
	if _, ok := parseContract(t, crm).Credentials(); ok {
		t.Error("a contract without the section has credentials")
	}
	random := rand.NewChaCha8([32]byte{1})
	seen := map[byte]int{}
	for range 200 {
		key, err := cr.APIKey.Make(random)
		if err != nil || len(key) != 30 {
			t.Fatal(key, err)
		}
		if !cr.APIKey.Has(key) || cr.APIKey.Has(key[1:]) || cr.APIKey.Has("A"+key[1:]) {
			t.Errorf("whether %q is a key", key)
		}
		for _, b := range []byte(key) {
			seen[b]++
		}
	}
	for _, b := range []byte(cr.APIKey.Characters) { // 6000 characters, 167 of each
		if seen[b] < 100 || seen[b] > 250 {
			t.Errorf("%c came %d times", b, seen[b])
		}
	}
	if len(seen) != 36 {
		t.Errorf("%d different characters", len(seen))
	}
	if _, err := cr.Secret.Make(bytes.NewReader(make([]byte, 10))); err == nil {
		t.Error("too little randomness was enough")
	}
	now := time.Date(2023, 9, 23, 14, 9, 48, 123456789, time.FixedZone("", -3*3600))
	claims, expires := cr.Claims(Credential{ID: "crd_1", Tenant: "acme", Name: `Mi "App"`, APIKey: "k"}, "t1", now)
	const want = `{"apiKey":"k","who":{"name":"Mi \"App\"","id":"crd_1"},"tenant":"acme","jti":"t1","iat":1695488988,"exp":1698116988}`
	if string(claims) != want || expires.Unix() != 1698116988 || expires.Nanosecond() != 0 || !json.Valid(claims) {
		t.Errorf("%s %v", claims, expires)
	}
	bare := Credentials{Lifetime: time.Hour}
	if claims, _ := bare.Claims(Credential{}, "t", now); string(claims) != `{"jti":"t","iat":1695488988,"exp":1695492588}` {
		t.Errorf("%s", claims)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	c := parseContract(t, shaped)
	if l := c.Lookups(); len(l) != 1 || l[0].Method != "GET" || l[0].Auth != "bearer" || l[0].Record != "talk" || len(l[0].Paths) != 2 || l[0].Title.En != "Talk" {
		t.Errorf("%+v", l)
	}
	for path, want := range map[string]string{
		"/api/talk/44444": "44444", "/api/talk/a%20b%2Fc": "a b/c", "/api/v1/talk/7/all": "7",
		"/api/talk/": "", "/api/talk": "", "/api/talk/1/": "", "/api/Talk/1": "", "/api/talk/%zz": "", "/api/v1/talk/7": "", "": "",
	} {
		l, key, ok := c.FindLookup(path)
		if key != want || ok != (want != "") || ok && l.Name != "get_talk" {
			t.Errorf("%s: %q %v", path, key, ok)
		}
	}
	var s Set
	s.Add(parseContract(t, crm))
	s.Add(c)
	if found, l, key, ok := s.Route("/api/talk/5"); !ok || found != c || key != "5" || l.Record != "talk" {
		t.Error(found, l, key, ok)
	}
	if _, _, _, ok := s.Route("/api/nothing"); ok {
		t.Error("a route that is not there")
	}
}

func TestScheduleNext(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 10, 7, 0, 0, time.UTC)
	every := parseContract(t, crm).Scheduled()[0].Schedule
	for after, want := range map[time.Duration]time.Duration{-time.Minute: time.Hour, 0: time.Hour, time.Minute: time.Hour, time.Hour: 2 * time.Hour, 50*time.Hour + 1: 51 * time.Hour} {
		if got := every.Next(start, start.Add(after)); !got.Equal(start.Add(want)) {
			t.Errorf("after %v: %v", after, got.Sub(start))
		}
	}
	daily := parseContract(t, crm).Scheduled()[1].Schedule
	if got := daily.Next(start, start); got.UTC() != time.Date(2026, 1, 1, 11, 30, 0, 0, time.UTC) {
		t.Error(got)
	}
}

// Bytes that would make the first characters likelier are skipped, and so are those that are left over.
func TestMakeIsEven(t *testing.T) {
	t.Parallel()
	a := Alphabet{Length: 4, Characters: "abc"} // 256 = 85 * 3 + 1
	for random, want := range map[string]string{
		"\x00\x01\x02\x03":                 "abca",
		"\xfe\xfe\xfd\x00":                 "ccba",
		"\xff\x00\xff\x01\x02\xff\x00\x01": "abca",
		"\xff\xff\xff\xff\x00\x01\x02\x00": "abca",
	} {
		if got, err := a.Make(strings.NewReader(random)); got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", random, got, err, want)
		}
	}
	if got := a.String(); got != "It has 4 characters, all of them from abc" {
		t.Error(got)
	}
	exact := Alphabet{Length: 2, Characters: "ab"}
	if got, err := exact.Make(strings.NewReader("\xff\xfe")); got != "ba" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
