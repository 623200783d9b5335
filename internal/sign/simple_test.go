package sign

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A sample program signs the steps one after the other, and finds each value in its header.
func TestSimple(t *testing.T) {
	t.Parallel()
	space := " "
	for name, tt := range map[string]struct {
		d     Description
		over  []Step
		reads []Read
	}{
		"only the body": {
			Description{Places: []Place{inHeader("X-Sig", "sha256=${signature}")}},
			[]Step{{Source: "body"}},
			[]Read{{Header: "X-Sig", Prefix: "sha256=", Source: "signature"}},
		},
		"all that a short program knows": {
			Description{
				Algorithm: "sha256", Over: "v0:${timestamp}.${nonce}.${event.id}.${header.x-id}${secret}${body}",
				Places: []Place{
					inHeader("X-Time", "${timestamp}"), inHeader("X-Nonce", "n ${nonce}"), inHeader("X-Event", "${event.id}"),
					inHeader("X-Version", "2"), inHeader("X-Sig", "${signature}"),
				},
			},
			[]Step{
				{Literal: "v0:"},
				{Source: "timestamp"},
				{Literal: "."},
				{Source: "nonce"},
				{Literal: "."},
				{Source: "event.id"},
				{Literal: "."},
				{Source: "header", Header: "x-id"},
				{Source: "secret"},
				{Source: "body"},
			},
			[]Read{
				{Header: "X-Time", Source: "timestamp"},
				{Header: "X-Nonce", Prefix: "n ", Source: "nonce"},
				{Header: "X-Event", Source: "event.id"},
				{Header: "X-Sig", Source: "signature"},
			},
		},
		"pieces with names, and one that says nothing": {
			Description{Over: "${timestamp}.${body}", Places: []Place{inHeader("X-Sig", "t=${timestamp}, k=1, v1=${signature}")}},
			[]Step{{Source: "timestamp"}, {Literal: "."}, {Source: "body"}},
			[]Read{{Header: "X-Sig", Join: ",", Prefix: "t=", Source: "timestamp"}, {Header: "X-Sig", Join: ",", Prefix: "v1=", Source: "signature"}},
		},
		"several signatures": {
			Description{Join: &space, Places: []Place{inHeader("X-Sig", "v1,${signature}")}},
			[]Step{{Source: "body"}},
			[]Read{{Header: "X-Sig", Join: " ", Prefix: "v1,", Source: "signature"}},
		},
	} {
		over, reads, ok := tt.d.Simple()
		if diff := cmp.Diff(tt.over, over) + cmp.Diff(tt.reads, reads); diff != "" || !ok {
			t.Errorf("%s: %v %s", name, ok, diff)
		}
	}
}

// What needs more than a short program gets no steps at all: a sample that does half of it would be wrong.
func TestNotSimple(t *testing.T) {
	t.Parallel()
	comma := ","
	sig := []Place{inHeader("X-Sig", "${signature}")}
	for name, d := range map[string]Description{
		"a mistake":                     {Over: "${bdoy}", Places: sig},
		"a private key":                 {Algorithm: "ed25519", Places: sig},
		"brackets":                      {Over: "${body}[${header.x-id}]", Places: sig},
		"a function":                    {Over: "${lower(body)}", Places: sig},
		"a function of a header":        {Over: "${upper(header.x-id)}", Places: sig},
		"the address":                   {Over: "${url}", Places: sig},
		"the sum of the body":           {Over: "${body.sha256}", Places: sig},
		"the query":                     {Places: []Place{{In: InQuery, Path: []string{"sig"}, Value: "${signature}"}}},
		"pieces without names":          {Join: &comma, Places: []Place{inHeader("X-Sig", "1,${signature}")}},
		"brackets in the header":        {Places: []Place{inHeader("X-Sig", "[${header.x-id} ]${signature}")}},
		"text behind the signature":     {Places: []Place{inHeader("X-Sig", "${signature};")}},
		"two values in one piece":       {Places: []Place{inHeader("X-Sig", "${timestamp}:${signature}")}},
		"the signature of old secrets":  {Places: []Place{inHeader("X-Sig", "${signature.1}"), inHeader("X-Old", "${signature.2}")}},
		"a header that repeats another": {Places: []Place{inHeader("X-Copy", "${header.x-id}"), inHeader("X-Sig", "${signature}")}},
	} {
		if over, reads, ok := d.Simple(); ok || over != nil || reads != nil {
			t.Errorf("%s: %v %v %v", name, over, reads, ok)
		}
	}
}

// A contract asks what is signed, to say which headers a request must have, and what the documentation shows.
func TestWhatIsSigned(t *testing.T) {
	t.Parallel()
	sig := inHeader("X-Sig", "${signature}")
	d := compileAll(t, Description{
		Over: "${upper(header.x-a)}.${body}[${header.x-b}${header.x-a}${body}]${header.x-c}", Places: []Place{sig},
	}).Description
	if diff := cmp.Diff([]string{"x-a", "x-c"}, d.NeedsHeaders()); diff != "" {
		t.Errorf("the headers that have to be there: %s", diff)
	}
	if diff := cmp.Diff([]string{"header.x-a", "body", "header.x-b", "header.x-c"}, d.Sources()); diff != "" {
		t.Errorf("what is signed: %s", diff)
	}
	if d.InBody() {
		t.Error("a signature in a header changes the body")
	}
	d = compileAll(t, Description{Over: "${method}", Places: []Place{{In: InBody, Path: []string{"sig"}, Value: "${signature}"}}}).Description
	if !d.InBody() {
		t.Error("a signature in the body does not change it")
	}
}

// Whoever reads the description of a scheme reads what is in force, with all defaults.
func TestDefaults(t *testing.T) {
	t.Parallel()
	sig, stamp := inHeader("X-Sig", "${signature}"), inHeader("X-T", "${timestamp}")
	for name, tt := range map[string]struct{ given, want Description }{
		"nothing said": {
			Description{Places: []Place{sig}},
			Description{Algorithm: "hmac-sha256", Key: "text", Over: "${body}", Encoding: "hex", Timestamp: "unix", Places: []Place{sig}},
		},
		"with a time": {
			Description{Algorithm: "ed25519", Over: "${timestamp}${body}", Places: []Place{stamp, sig}},
			Description{
				Algorithm: "ed25519", Key: "pem", Over: "${timestamp}${body}", Encoding: "hex", Timestamp: "unix", Places: []Place{stamp, sig},
				Tolerance: standardTolerance,
			},
		},
		"a tolerance": {
			Description{Key: "hex", Over: "${timestamp}${body}", Timestamp: "unix_ms", Encoding: "base64", Places: []Place{stamp, sig}, Tolerance: 7e9},
			Description{
				Algorithm: "hmac-sha256", Key: "hex", Over: "${timestamp}${body}", Encoding: "base64", Timestamp: "unix_ms",
				Places: []Place{stamp, sig}, Tolerance: 7e9,
			},
		},
	} {
		if diff := cmp.Diff(tt.want, *compileAll(t, tt.given).Description); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
