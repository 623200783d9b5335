package contract

import (
	"strings"
	"testing"

	"gancho/internal/hook"
)

// An endpoint stays with the newest version of its contract that it satisfies.
func TestVersionOfAnEndpoint(t *testing.T) {
	t.Parallel()
	const head = "contract: a\ntitle: A\nevents: {e: {title: E}}\n"
	needs := func(name string) string {
		return head + "endpoint: {settings: {required: [" + name + "], properties: {" + name + ": {title: X, type: string}}}}\n"
	}
	var s Set
	for i, source := range []string{head, needs("x"), needs("x"), "contract: [", needs("y"), head} {
		s.AddOlder(hook.ContractText{Name: "a", Version: int64(i + 1), Source: []byte(source)})
	}
	s.Add(parseContract(t, needs("z")).WithVersion(5))
	for settings, want := range map[string]int64{"": 1, `{"x":"1"}`: 3, `{"z":"1"}`: 5, `{"other":"1"}`: 5} {
		e := &hook.Endpoint{Contract: "a", Config: hook.EndpointConfig{URL: "http://example.com", Settings: []byte(settings)}}
		c, ok := s.For(e)
		if !ok || c.Version != want {
			t.Errorf("%s: version %d, want %d", settings, c.Version, want)
		}
	}
	if _, ok := s.For(&hook.Endpoint{Contract: "b"}); ok {
		t.Error("there is a contract b")
	}
	for number, want := range map[int64]bool{0: false, 1: true, 4: true, 7: false} {
		if got := s.Has("a", number); got != want {
			t.Errorf("version %d: %v", number, got)
		}
	}
	if c, ok := s.At("a", 4); ok {
		t.Errorf("a version that cannot be compiled: %v", c)
	}
	var one Set
	one.Add(parseContract(t, needs("x")).WithVersion(1))
	if c, ok := one.For(&hook.Endpoint{Contract: "a", Config: hook.EndpointConfig{URL: "http://example.com"}}); !ok || c.Version != 1 {
		t.Error("an endpoint of the only version has no contract")
	}
}

// What an endpoint needs beside its configuration.
func TestMisfits(t *testing.T) {
	t.Parallel()
	const head = "contract: a\ntitle: A\nevents: {e: {title: E}}\n"
	plain := parseContract(t, head)
	signed := parseContract(t, head+"endpoint: {sign: standard-webhooks}\n")
	keyed := parseContract(t, head+`
credentials: {api_key: {length: 40, alphabet: a-z}, secret: {length: 40, alphabet: a-z}, token: {lifetime: 1h}, endpoint: true}
endpoint: {headers: {x-key: "${credential.api_key}"}}
`)
	whsec := "whsec_" + strings.Repeat("A", 32)
	for _, tc := range []struct {
		c          *Contract
		secret     string
		credential *hook.Identity
		want       string
	}{
		{plain, "", nil, ""},
		{plain, "any", nil, ""},
		{signed, "", nil, "/secret secret_missing"},
		{signed, "any", nil, "/secret secret_of_other_scheme"},
		{signed, whsec, nil, ""},
		{keyed, "", nil, "/contract credential_missing"},
		{keyed, "", &hook.Identity{APIKey: "k"}, ""},
	} {
		e := &hook.Endpoint{Config: hook.EndpointConfig{URL: "http://example.com", Credential: tc.credential}}
		if tc.secret != "" {
			e.Secrets = []hook.Secret{{Text: tc.secret}}
		}
		if got := found(tc.c.Misfits(e)); got != tc.want {
			t.Errorf("secret %q: got %q, want %q", tc.secret, got, tc.want)
		}
	}
}

// An operator overrules the contract in whether endpoints may have a filter and a transformation, for all its versions.
func TestSetShaping(t *testing.T) {
	t.Parallel()
	const head = "contract: a\ntitle: A\nevents: {e: {title: E}}\n"
	off := parseContract(t, head+"endpoint: {shaping: off}\n")
	var s Set
	s.Add(off.WithVersion(1))
	s.Add(off.WithVersion(2))
	yes, no := true, false
	s.SetShaping("unknown", &yes)
	for i, choice := range []*bool{nil, &yes, &no, &yes, nil} {
		s.SetShaping("a", choice)
		want := choice == &yes
		for number := range int64(2) {
			if c, ok := s.At("a", number+1); !ok || c.Version != number+1 || c.AllowsShaping() != want {
				t.Errorf("choice %d, version %d: %v, want %v", i, number+1, c.AllowsShaping(), want)
			}
		}
		if c, _ := s.Lookup("a"); c.Version != 2 || c.AllowsShaping() != want {
			t.Errorf("choice %d: version %d, %v", i, c.Version, c.AllowsShaping())
		}
	}
	s.SetShaping("a", &yes)
	s.Add(off.WithVersion(3)) // the choice holds for what comes later
	if c, _ := s.Lookup("a"); c.Version != 3 || !c.AllowsShaping() || off.AllowsShaping() {
		t.Error("the choice is lost with a new version")
	}
	if all := s.All(); len(all) != 1 || !all[0].AllowsShaping() {
		t.Error(all)
	}
}
