package sign

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
)

// What a receiver accepts and refuses, line by line as a stranger may send it.
func TestReceivedHeaders(t *testing.T) {
	t.Parallel()
	comma, dot := ",", "."
	sig := inHeader("X-Sig", "${signature}")
	timed := Description{Over: "${timestamp}.${body}", Places: []Place{inHeader("X-T", "${timestamp}"), sig}}
	named := Description{Over: "${timestamp}.${body}", Places: []Place{inHeader("X-Sig", "t=${timestamp}, v1=${signature}")}}
	namedJoin, ordered := named, named
	namedJoin.Join = &comma
	ordered.Join, ordered.Places = &comma, []Place{inHeader("X-Sig", "k,${timestamp},${signature},${event.id}")}
	joinedDot := Description{
		Join: &dot, Over: "${event.id}.${timestamp}",
		Places: []Place{inHeader("X-Meta", "${event.id}.${timestamp}"), inHeader("X-Sig", "v1:${signature}")},
	}
	optional := Description{Places: []Place{inHeader("X-Sig", "[${event.id} ]${signature}")}}
	computed := Description{Over: "${header.x-sum}", Places: []Place{inHeader("X-Sum", "${body.sha256}"), sig}}
	fixed := Description{Places: []Place{inHeader("X-Version", "2"), inHeader("X-Meta", "i=${event.id},v=1"), sig}}
	mixed := Description{Over: "${header.x-id}${body}", Places: []Place{inHeader("X-Sig", "x${header.x-id};${signature}")}}
	stamp := fmt.Sprint(specTime)
	good, empty := macOf(stamp+".{}"), macOf("{}")
	const sum = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	pad := func(n int) string { return strings.Repeat(",x=1", n) }
	for name, tt := range map[string]struct {
		d     Description
		lines []string // of X-Sig if they name no header
		want  error
	}{
		"a time that is there twice":           {timed, []string{"X-T: " + stamp, "X-T: " + stamp, good}, nil},
		"two different times":                  {timed, []string{"X-T: " + stamp, "X-T: 1614265331", good}, ErrNoMatch},
		"a time before 1970":                   {timed, []string{"X-T: -" + stamp, good}, ErrBadTimestamp},
		"the first number of milliseconds":     {timed, []string{"X-T: 100000000000", good}, ErrTooOld},
		"a digit too many":                     {timed, []string{"X-T: " + stamp, good + "0"}, ErrNoMatch},
		"names, without spaces":                {named, []string{"t=" + stamp + ",v1=" + good}, nil},
		"names, in another order":              {namedJoin, []string{"v1=" + good + ",v2=x,t=" + stamp}, nil},
		"names, as many as can be":             {named, []string{"t=" + stamp + pad(maxPieces-2) + ",v1=" + good}, nil},
		"names, one too many":                  {named, []string{"t=" + stamp + pad(maxPieces-1) + ",v1=" + good}, ErrNoMatch},
		"the longest value":                    {named, []string{"t=" + stamp + ",v1=" + good + ",x=" + strings.Repeat("x", maxValue-len("t=,v1=,x="+stamp+good))}, nil},
		"in order":                             {ordered, []string{"k," + stamp + "," + good + ",evt_1"}, nil},
		"in order, with an older signature":    {ordered, []string{"k," + stamp + ",00," + good + ",evt_1"}, nil},
		"in order, with two different times":   {ordered, []string{"k," + stamp + "," + good + ",evt_1", "k,1614265331,00,evt_1"}, ErrNoMatch},
		"in order, without the time":           {ordered, []string{good + ",evt_1"}, ErrNoMatch},
		"in order, nothing but a word":         {ordered, []string{"k"}, ErrNoMatch},
		"an id with what stands between":       {joinedDot, []string{"X-Meta: evt.1." + stamp, "v1:" + macOf("evt.1."+stamp)}, nil},
		"brackets, left out":                   {optional, []string{empty}, nil},
		"brackets, filled in":                  {optional, []string{"evt_1 " + empty}, nil},
		"brackets, once so and once so":        {optional, []string{"evt_1 00", empty}, nil},
		"a sum":                                {computed, []string{"X-Sum: " + sum, macOf(sum)}, nil},
		"no sum":                               {computed, []string{macOf(sum)}, ErrNoMatch},
		"two sums":                             {computed, []string{"X-Sum: " + sum, "X-Sum: " + sum, macOf(sum + ", " + sum)}, ErrNoMatch},
		"another sum":                          {computed, []string{"X-Sum: " + sum[1:], macOf(sum[1:])}, ErrNoMatch},
		"a plain header that says another":     {fixed, []string{"X-Version: 3", "X-Meta: v=2,i=evt_1", empty}, nil},
		"a plain header that is not there":     {fixed, []string{empty}, nil},
		"another header beside the signature":  {mixed, []string{"X-Id: 7", "x7;" + macOf("7{}")}, nil},
		"another one, without the signature":   {mixed, []string{"X-Id: 7", "x7"}, ErrNoMatch},
		"another one, with another separator":  {mixed, []string{"X-Id: 7", "x7:" + macOf("7{}")}, ErrNoMatch},
		"without the beginning of its pattern": {mixed, []string{"X-Id: 7", ";" + macOf("7{}")}, ErrNoMatch},
	} {
		m := Message{Body: []byte("{}")}
		for _, line := range tt.lines {
			header, value, ok := strings.Cut(line, ": ")
			if !ok {
				header, value = "X-Sig", line
			}
			m.Headers = append(m.Headers, hook.Header{Name: header, Value: value})
		}
		if err := verifyWith(t, compileAll(t, tt.d), m, time.Unix(specTime, 0), "secret-a"); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
}

// Without a signature the error says where one has to be.
func TestWhereExpected(t *testing.T) {
	t.Parallel()
	s := compileAll(t, Description{Over: "${timestamp}", Places: []Place{
		inHeader("X-T", "${timestamp}"), atPlace(InBody, "${signature}", "proof", "sig"), inHeader("X-Sig", "${signature}"),
	}})
	err := verifyWith(t, s, Message{}, time.Now(), "secret-a")
	if !errors.Is(err, ErrMissing) || !strings.HasSuffix(err.Error(), ": the body proof.sig or the header X-Sig") {
		t.Errorf("got %v", err)
	}
}

// The address is signed as the receiver sees it, without the signature in it.
func TestSignedAddress(t *testing.T) {
	t.Parallel()
	const e = "https://a.example"
	sig, query := inHeader("sig", "${signature}"), atPlace(InQuery, "${signature}", "sig")
	for _, tt := range []struct {
		over, address, want string
		place               Place
	}{
		{"${url}", e + "/?", e + "/?", sig},
		{"${url}", e + "/a b", e + "/a%20b", sig},
		{"${url}", e + `/"`, e + "/%22", sig},
		{"${url}", e + "/x#part", e + "/x", sig},
		{"${url}", e + "/ü#part", e + "/%C3%BC", sig},
		{"${url}", e + "?next=/y", e + "/?next=/y", sig},
		{"${url}", e + "/%zz", e + "/%zz", sig},
		{"${url}", e + "/%zz ü", e + "/%zz ü", sig},
		{"${body}${url}", "", "", sig},
		{"${url}", e + "/?sig=own&a=1", e + "/?sig=own&a=1", sig},
		{"${url}", e + "/", e + "/", query},
		{"${url}", e + "/?%zz=1&a=%20", e + "/?%zz=1&a=%20", query},
		{"${url}", e + "/?sig=own&a=1", e + "/?a=1", query},
		{"${path}?${query}", e + "?a=1&sig=2", "/?a=1", query},
		{"${query.a}", e + "/?%zz=0&a=%zz&a=1", "1", sig},
		{"${url.decoded}", e + "/%3A", e + "/:", sig},
		{"${url.decoded}", e + "/x3A%5A?a=%2", e + "/x3A%5A?a=%2", sig},
		{"${url.decoded}", e + "/?a=%zz%3a%", e + "/?a=%zz:%", sig},
		{"${upper(url)}", e + "/", "HTTPS://A.EXAMPLE/", sig},
		{"${upper(body)}", e + "/", "A=B&C=D", sig},
		{"[${header.content-type}]${method}", e + "/", "application/x-www-form-urlencodedPOST", sig},
		{"[${body}]", e + "/", "a=b&c=d", sig},
	} {
		s := compileAll(t, Description{Over: tt.over, Places: []Place{tt.place}})
		m := signWith(t, s, Message{
			Method: "POST", URL: tt.address, Body: []byte("a=b&c=d"),
			Headers: []hook.Header{{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}},
		}, "secret-a")
		want := tt.want
		if tt.address == "" {
			want = "a=b&c=d"
		}
		got, _ := m.Header("sig")
		if tt.place.In == InQuery {
			got = strings.Join(parameters(m.URL, "sig"), " ")
		}
		if got != macOf(want) {
			t.Errorf("%s of %s: %s is signed otherwise than %q", tt.over, tt.address, m.URL, want)
		}
		if err := verifyWith(t, s, m, time.Now(), "secret-a"); err != nil {
			t.Errorf("%s of %s: %v", tt.over, tt.address, err)
		}
	}
}

// The order in which a contract lists places does not matter: the body is complete before its sum stands in the query,
// the query before headers repeat it, and all of that before it is signed.
func TestOrderOfPlaces(t *testing.T) {
	t.Parallel()
	places := []Place{
		inHeader("X-Sig", "${signature}"), inHeader("X-Url", "${url}"), atPlace(InQuery, "${body.sha256}", "sum"),
		atPlace(InBody, "${form.a}", "copy"), atPlace(InBody, "${form.copy}2", "again"), atPlace(InQuery, "${event.id}", "id"),
	}
	s := compileAll(t, Description{Over: "${url} ${form.sorted}", Places: places})
	if places[0].In != InHeader || places[5].In != InQuery {
		t.Error("the list of places that was given is changed")
	}
	m := Message{
		ID: "evt_1", URL: "https://a.example/", Body: []byte("a=1"), Headers: []hook.Header{{Name: "Content-Type", Value: "application/x-www-form-urlencoded"}},
	}
	m = signWith(t, s, m, "secret-a")
	if string(m.Body) != "a=1&copy=1&again=12" {
		t.Errorf("the body is %s", m.Body)
	}
	if got, _ := m.Header("X-Sig"); got != macOf(m.URL+" a1again12copy1") {
		t.Error("what is sent is not what is signed")
	}
	if err := verifyWith(t, s, m, time.Now(), "secret-a"); err != nil {
		t.Errorf("its own signature is refused: %v", err)
	}
	m.URL = strings.Replace(m.URL, "evt_1", "evt_2", 1)
	if err := verifyWith(t, s, m, time.Now(), "secret-a"); !errors.Is(err, ErrNoMatch) {
		t.Errorf("another id in the signed address: %v", err)
	}
}
