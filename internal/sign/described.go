package sign

import (
	"crypto/hmac"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// describedSigner has the keys of one endpoint.
type describedSigner struct {
	*compiled
	keys    []material
	expires []time.Time // zero: in force until replaced
	pool    sync.Pool   // *describedWork
}

// describedWork is the memory that one call of Sign needs.
type describedWork struct {
	macs    []hash.Hash // per key, made when they are needed
	message []byte
	sum     []byte
}

// newSigner decodes the secrets. An error says which secret is wrong, by its place from 1.
func (c *compiled) newSigner(secrets []hook.Secret) (Signer, error) {
	if len(secrets) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrSecret)
	}
	s, several := &describedSigner{compiled: c}, c.several()
	for i, secret := range secrets {
		m, err := c.parseSecret(secret.Text, false)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		if s.usesKeyID {
			m.id = keyID(m.public)
		}
		s.keys, s.expires = append(s.keys, m), append(s.expires, secret.ExpiresAt)
		if !several {
			break
		}
	}
	return s, nil
}

// several reports whether older secrets sign as well.
func (c *compiled) several() bool {
	several := c.Join != nil
	for _, p := range c.places {
		p.text.each(func(x *source, _ bool) { several = several || x.index > 1 })
	}
	return several
}

func unsignable(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsignable, fmt.Sprintf(format, args...))
}

// Sign puts the time and what else is known beforehand into the request, then signs it, then puts the signature into it.
func (s *describedSigner) Sign(m Message) (Message, error) {
	v := values{m: &m, strip: s.strip, timestamp: s.timeText(m.Time), id: m.ID}
	if s.usesKeyID {
		v.keyID = s.keys[0].id
	}
	if v.nonce = m.Nonce; s.usesNonce && v.nonce == "" {
		v.nonce = pick(s.nonce.Length, s.nonce.Alphabet)
	}
	for i := range s.places {
		if p := &s.places[i]; !p.signature {
			if p.lists {
				s.list(&v)
			}
			if _, err := s.fill(&m, &v, p); err != nil {
				return m, err
			}
		}
	}
	if why := s.doubt(&v); why != "" {
		return m, unsignable("%s", why)
	}
	s.list(&v)
	if why, _ := s.readList(&v); why != "" {
		return m, unsignable("%s", why)
	}
	w, _ := s.pool.Get().(*describedWork)
	if w == nil {
		w = &describedWork{macs: make([]hash.Hash, len(s.keys))}
	}
	defer func() {
		if cap(w.message) <= keepMessage {
			s.pool.Put(w)
		}
	}()
	for i := range s.keys {
		if i > 0 && !s.expires[i].IsZero() && !m.Time.Before(s.expires[i]) {
			continue
		}
		v.secret = s.keys[i].text
		if s.usesKeyID {
			v.keyID = s.keys[i].id
		}
		message, absent, token := m.Body, (*source)(nil), ""
		switch {
		case s.jwt != nil:
			message, token, absent = s.jwt.input(&v, m.Time)
		case !s.bodyOnly:
			message, absent = s.over.append(w.message[:0], &v)
			w.message = message
		}
		if absent != nil {
			return m, unsignable("the contract signs ${%s}, and the request has none", absent.name)
		}
		var err error
		switch {
		case s.algorithm.kind == tokenKind:
			w.sum = append(w.sum[:0], s.keys[i].shared...)
		case s.algorithm.private():
			w.sum, err = s.algorithm.sign(&s.keys[i], message)
		default:
			if w.macs[i] == nil {
				w.macs[i] = s.algorithm.newHash(&s.keys[i])
			}
			w.macs[i].Reset()
			w.macs[i].Write(message)
			w.sum = w.macs[i].Sum(w.sum[:0])
		}
		if err != nil {
			return m, unsignable("%v", err)
		}
		if s.jwt != nil {
			v.signature = append(v.signature, token+"."+base64url(w.sum))
		} else {
			v.signature = append(v.signature, s.encoding.encode(w.sum))
		}
	}
	signed := false
	for i := range s.places {
		if p := &s.places[i]; p.signature {
			text, err := s.fill(&m, &v, p)
			if err != nil {
				return m, err
			}
			signed = signed || strings.Contains(text, v.signature[0])
		}
	}
	if !signed {
		return m, unsignable("the signature of the newest secret stands nowhere in it; the contract can put what may be absent into brackets")
	}
	return m, nil
}

// timeText is a time as the description writes it.
func (c *compiled) timeText(t time.Time) string {
	switch c.Timestamp {
	case "unix_ms":
		return strconv.FormatInt(t.UnixMilli(), 10)
	case "rfc3339":
		return t.UTC().Format(time.RFC3339)
	case "http":
		return t.UTC().Format(http.TimeFormat)
	}
	return strconv.FormatInt(t.Unix(), 10)
}

// fill puts the text of a place into the request, and returns the text. A place of which something is absent is left
// out, unless a receiver needs it.
func (c *compiled) fill(m *Message, v *values, p *place) (string, error) {
	text, absent := p.text.render(v)
	if p.signature && c.Join != nil {
		text, absent = p.side(v)
	}
	switch {
	case absent == nil:
	case absent.kind != kindSignature && (p.signature || p.reads):
		return "", unsignable("the %s %s has ${%s} in it, and the request has none", p.In, strings.Join(p.Path, "."), absent.name)
	default:
		return "", nil
	}
	switch p.In {
	case InHeader:
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) || strings.Trim(text, " \t") != text {
			return "", unsignable("the header %s would have a line break or another character that a header cannot have", p.Path[0])
		}
		if len(p.Path) > 1 {
			m.Headers = withHeaderMember(m.Headers, p.Path, text)
			return text, nil
		}
		m.Headers = append(m.Headers, hook.Header{Name: p.Path[0], Value: text})
	case InQuery:
		m.URL = withParameter(m.URL, p.Path[0], text)
	case InBody:
		v.form = nil
		if len(p.Path) == 0 {
			m.Body = []byte(text)
			return text, nil
		}
		if isForm(m) {
			m.Body = withField(m.Body, p.field(), text)
			return text, nil
		}
		body, ok := []byte(nil), false
		if rawjson.Check(m.Body, rawjson.MaxDepth) == nil {
			body, ok = withMember(m.Body, p.Path, text)
		}
		if !ok {
			return "", unsignable("the signature stands in the body, and this body is neither a JSON object nor a form")
		}
		m.Body = body
	}
	return text, nil
}

// side is the text of a place with all signatures side by side.
func (p *place) side(v *values) (string, *source) {
	var b []byte
	absent := (*source)(nil)
	for i, x := range p.pieces {
		for n := range max(1, len(v.signature)) {
			if n > 0 && !x.signed {
				break
			}
			if i+n > 0 {
				b = append(b, p.join...)
			}
			one := *v
			if x.signed {
				one.signature = v.signature[n:]
			}
			if b, absent = x.text.append(b, &one); absent != nil {
				return "", absent
			}
		}
	}
	return string(b), nil
}

// describedVerifier has the keys of one receiver.
type describedVerifier struct {
	*compiled
	keys      []material
	tolerance time.Duration
}

func (c *compiled) newVerifier(tolerance time.Duration, keys []string) (Verifier, error) {
	if len(keys) == 0 && c.keys == nil {
		return nil, fmt.Errorf("%w: there is none", ErrSecret)
	}
	v := &describedVerifier{compiled: c, tolerance: tolerance}
	if tolerance <= 0 {
		v.tolerance = c.tolerance
	}
	for i, text := range keys {
		m, err := c.parseSecret(text, true)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		v.keys = append(v.keys, m)
	}
	return v, nil
}

// Limits of what a verifier looks at, because a stranger chooses it.
const (
	maxLines  = 16      // values of one place
	maxPieces = 64      // of one value
	maxValue  = 8 << 10 // bytes of one value
)

// Verify reads the time and what else only the sender knows back from the request, looks at the time, and then compares
// signatures, so an old request learns nothing about its signature.
func (v *describedVerifier) Verify(m Message, now time.Time) error {
	r := reading{values: values{m: &m, strip: v.strip}}
	for i := range v.places {
		if err := r.read(&v.places[i]); err != nil {
			return err
		}
	}
	if r.timestamp != "" {
		seconds, ok := v.seconds(r.timestamp)
		if !ok {
			return fmt.Errorf("%w: it is %q", ErrBadTimestamp, clip(r.timestamp))
		}
		if err := near(seconds, v.tolerance, now); err != nil {
			return err
		}
	}
	for i := range v.places {
		p := &v.places[i]
		if p.signature || !p.computed {
			continue
		}
		want, absent := p.text.render(&r.values)
		given := v.valuesOf(&m, p)
		if absent == nil && (len(given) != 1 || !same(given[0], want)) {
			return fmt.Errorf("%w: the %s %s does not fit the request", ErrNoMatch, p.In, strings.Join(p.Path, "."))
		}
	}
	if len(r.candidates) == 0 {
		if r.seen == "" {
			return fmt.Errorf("%w: %s", ErrMissing, v.expected())
		}
		return fmt.Errorf("%w: %s holds no signature of the form that is expected", ErrNoMatch, r.seen)
	}
	if name := v.lacks(&r.values); name != "" {
		return fmt.Errorf("%w: ${%s} is signed, and the request has none", ErrMissing, name)
	}
	if why := v.doubt(&r.values); why != "" {
		return fmt.Errorf("%w: %s", ErrNoMatch, why)
	}
	switch why, missing := v.readList(&r.values); {
	case missing:
		return fmt.Errorf("%w: %s", ErrMissing, why)
	case why != "":
		return fmt.Errorf("%w: %s", ErrNoMatch, why)
	}
	if v.jwt != nil {
		var err error
		for _, token := range r.candidates {
			if err = v.verifyToken(token, &r, now); err == nil {
				return nil
			}
		}
		return err
	}
	keys, err := v.keysOf(&m, r.keyID, now)
	if err != nil {
		return err
	}
	for i := range keys {
		k := &keys[i]
		r.secret = k.text
		message, absent := m.Body, (*source)(nil)
		if !v.bodyOnly {
			message, absent = v.over.append(nil, &r.values)
		}
		if absent != nil {
			return fmt.Errorf("%w: ${%s} is signed, and the request has none", ErrMissing, absent.name)
		}
		var sum []byte
		if !v.algorithm.private() {
			sum = v.algorithm.sum(k, message)
		}
		for _, text := range r.candidates {
			got, err := v.encoding.decode(text)
			if err != nil {
				continue
			}
			right := hmac.Equal(got, sum)
			if v.algorithm.private() {
				right = v.algorithm.verify(k, message, got) ||
					slices.ContainsFunc(v.also, func(a *algorithm) bool { return a.verify(k, message, got) })
			}
			if right {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: the secret is another one, or what is signed was changed on the way", ErrNoMatch)
}

// lacks names what a sender always puts into the request, and signs, and this request does not have; "" if it has all of
// that. Brackets around it change nothing: who took the time out of a request would otherwise make it valid for ever.
func (c *compiled) lacks(v *values) string {
	switch {
	case v.timestamp == "" && c.Description.Tolerance > 0 && c.jwt == nil:
		return "timestamp"
	case v.nonce == "" && c.over.has(kindNonce):
		return "nonce"
	case v.id == "" && c.over.has(kindEventID):
		return "event.id"
	case v.names == "" && c.Signed != nil:
		return "signed.names"
	}
	return ""
}

// doubt says why two receivers could read different values where one is signed; "" if they could not. A parameter, say,
// that a stranger adds behind the signed one of that name is the only one that PHP sees.
func (c *compiled) doubt(v *values) string {
	body := rawjson.KindOf(v.m.Body)
	differ := func(list []string) bool { return len(list) > 1 && len(slices.Compact(slices.Clone(list))) > 1 }
	for _, s := range c.doubtful {
		switch {
		case s.kind == kindQuery && differ(parameters(v.m.URL, s.arg)), s.kind == kindForm && differ(v.fields()[s.arg]):
			return fmt.Sprintf("${%s} is signed, and the request has two different ones", s.name)
		case (s.kind == kindForm || s.kind == kindSortedForm) && (v.fields() == nil || v.malformed):
			return fmt.Sprintf("${%s} is signed, and the form in the body is malformed", s.name)
		case s.kind == kindSortedForm && len(v.m.Body) > 0 && !isForm(v.m) && !c.bodySums:
			return fmt.Sprintf("${%s} is signed, and the body is no form: the signature would say nothing about it", s.name)
		case s.kind == kindJSON && (body == '{' || body == '[') && rawjson.Check(v.m.Body, rawjson.MaxDepth) != nil:
			return fmt.Sprintf("${%s} is signed, and the JSON in the body is malformed", s.name)
		}
	}
	return ""
}

// expected says where a signature is expected.
func (c *compiled) expected() string {
	var list []string
	for i := range c.places {
		if p := &c.places[i]; p.signature {
			list = append(list, fmt.Sprintf("the %s %s", p.In, strings.Join(p.Path, ".")))
		}
	}
	return strings.Join(list, " or ")
}

// seconds reads a time. A number so large that it would be a time after the year 5000 is one of milliseconds, because
// systems are known that send either.
func (c *compiled) seconds(text string) (int64, bool) {
	if c.Timestamp == "rfc3339" {
		t, err := time.Parse(time.RFC3339, text)
		return t.Unix(), err == nil
	}
	if c.Timestamp == "http" {
		t, err := time.Parse(http.TimeFormat, text)
		return t.Unix(), err == nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || text[0] == '+' || text[0] == '-' {
		return 0, false
	}
	if n >= 100_000_000_000 {
		n /= 1000
	}
	return n, true
}

// reading is what a verifier finds in a request.
type reading struct {
	values
	candidates []string // signatures as text
	seen       string   // a place for the signature that is there; "" if there is none
}

// valuesOf are what a request has in a place.
func (c *compiled) valuesOf(m *Message, p *place) (out []string) {
	switch p.In {
	case InHeader:
		if out = headerLines(m, p.Path[0]); len(p.Path) > 1 {
			out = headerMembers(out, p.Path[1])
		}
	case InQuery:
		out = parameters(m.URL, p.Path[0])
	case InBody:
		if len(p.Path) == 0 {
			out = []string{strings.TrimSpace(string(m.Body))}
		} else if isForm(m) {
			v := values{m: m}
			out = v.fields()[p.field()]
		} else if rawjson.KindOf(m.Body) == '{' {
			if s, ok := jsonText(m.Body, p.Path); ok {
				out = []string{s}
			}
		}
	}
	return out[:min(len(out), maxLines)]
}

// read takes apart what stands in a place.
func (r *reading) read(p *place) error {
	if !p.signature && !p.reads {
		return nil
	}
	for _, value := range (&compiled{}).valuesOf(r.m, p) {
		if p.In == InBody && len(p.Path) == 0 { // the body is the token
			if r.seen = "the body"; value != "" {
				r.candidates = append(r.candidates, value)
			}
			continue
		}
		if len(value) > maxValue {
			continue
		}
		if p.signature {
			r.seen = strings.Join(p.Path, ".")
		}
		if err := r.take(p, value); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) take(p *place, value string) error {
	if p.join == "" {
		return r.match(&p.pieces[0], value)
	}
	list := strings.SplitN(value, p.join, maxPieces+1)
	list = list[:min(len(list), maxPieces)]
	if p.named {
		for _, one := range list {
			one = strings.TrimSpace(one)
			for i := range p.pieces {
				if err := r.match(&p.pieces[i], one); err != nil {
					return err
				}
			}
		}
		return nil
	}
	// The first and the last pieces stand at their places, and what is between them are signatures.
	at := slices.IndexFunc(p.pieces, func(x piece) bool { return x.signed })
	behind := len(p.pieces) - at - 1
	for i, one := range list {
		k := at
		switch {
		case i < at:
			k = i
		case i >= len(list)-behind:
			k = len(p.pieces) - (len(list) - i)
		}
		if err := r.match(&p.pieces[k], one); err != nil {
			return err
		}
	}
	return nil
}

// match takes from a piece of a value what its pattern has groups for. A piece that looks otherwise is passed over.
func (r *reading) match(x *piece, value string) error {
	found := x.pattern.FindStringSubmatch(value)
	if found == nil {
		return nil
	}
	for i, k := range x.groups {
		text := found[i+1]
		if text == "" {
			continue
		}
		var into *string
		switch k {
		case kindSignature:
			if len(r.candidates) < maxSignatures {
				r.candidates = append(r.candidates, text)
			}
			continue
		case kindTimestamp:
			into = &r.timestamp
		case kindNonce:
			into = &r.nonce
		case kindKeyID:
			into = &r.keyID
		case kindSignedNames:
			into = &r.names
		default:
			into = &r.id
		}
		if *into != "" && *into != text {
			return fmt.Errorf("%w: the request says two different things where one is signed", ErrNoMatch)
		}
		*into = text
	}
	return nil
}
