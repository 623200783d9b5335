package sign

import (
	"crypto/ed25519"
	"fmt"
	"math/bits"
	"regexp"
	"slices"
	"strings"
	"time"

	"gancho/internal/hook"
	"gancho/internal/nearest"
)

// Description says in words and templates how requests are signed. [Compile] makes a scheme of it. A field that is
// zero stands for its default.
//
// A template is a text with ${…} in it, and parts in brackets that are left out if something in them is absent:
// ${body} ${body.sha256} ${body.sha256.base64} ${body.crc32} ${host} ${timestamp} ${nonce} ${event.id} ${key.id} ${secret} ${method} ${url}
// ${url.decoded} ${url.query.sorted} ${url.query.grouped} ${path} ${query} ${query.NAME} ${header.NAME} ${form.NAME} ${form.sorted} ${json.PATH} ${settings.NAME}
// ${signed.headers} ${signed.values} ${signed.names}, and where a signature stands ${signature} or ${signature.1} to ${signature.5}. ${lower(…)}, ${upper(…)}, ${sha256(…)},
// ${base64(…)} and ${urlencode(…)} change what they are given: sources, texts in quotes and functions, with commas between them. $${, $[ and $] are plain ${, [ and ].
type Description struct {
	Algorithm string // one of [Algorithms]; "": hmac-sha256
	// Also are further algorithms that a receiver takes, for keys of the same kind. Nothing is signed with them.
	Also []string
	// Keys says where receivers find the public key; nil: they are given it.
	Keys      *KeySource
	Key       string         // how the text of a secret becomes a key, one of [Keys]; "": what is usual for the algorithm
	Over      string         // template of what is signed; "": ${body}
	Encoding  string         // of the signature, one of [Encodings]; "": hex
	JWT       *JWT           // the signature is a JSON Web Token; nil: it is the bytes that the algorithm makes
	Timestamp string         // how the time is written: unix, unix_ms, rfc3339, or http as in the header Date; "": unix
	Signed    *SignedHeaders // the headers of ${signed.headers}; nil: it names none
	Places    []Place        // where the signature and what belongs to it stand, in order
	// Join stands between signatures while a secret is replaced. Of a template that has it inside, the piece with the
	// signature is repeated. nil: only the newest secret signs.
	Join      *string
	Tolerance time.Duration // of the time, for receivers; 0: 5 minutes
	Secret    Form          // of new secrets
	Nonce     Form          // of ${nonce}; it has no prefix
}

// Place is one header, parameter of the query, or member of the body.
type Place struct {
	In Part
	// Path is the name. In a body it is the names from the outermost object on, and in a header that is a JSON object in
	// Base64 the name of the header and that of the member.
	Path  []string
	Value string // template
}

// Part is a part of a request.
type Part string

// The parts that a signature can stand in.
const (
	InHeader Part = "header"
	InQuery  Part = "query"
	InBody   Part = "body"
)

// Form is what a random text looks like.
type Form struct {
	Prefix   string
	Length   int    // characters after the prefix; of keys in base64 or hex: bytes of the key. 0: a good number
	Alphabet string // the characters; "": letters and digits, or for a nonce hexadecimal digits
}

// Problem is something that is wrong with a description.
type Problem struct {
	At      []string // the key of the contract language, for example headers and the name of the header
	Message string
	Fix     string // "" if the message says it
}

// NeedsHeaders lists the headers that a request must have, because they are signed and not in brackets.
func (d *Description) NeedsHeaders() (names []string) {
	for _, t := range d.signed() {
		t.each(func(s *source, optional bool) {
			if s.kind == kindHeader && !optional {
				names = append(names, s.arg)
			}
		})
	}
	return names
}

// signed are the templates of what is signed: over, or the members of a token.
func (d *Description) signed() []text {
	over, _ := parseText(d.Over) // a scheme has it, so it was parsed before
	list := []text{over}
	if d.JWT == nil {
		return list
	}
	for _, x := range slices.Concat(d.JWT.Claims, d.JWT.Header) {
		t, _ := parseText(x.Value) // likewise
		list = append(list, t)
	}
	if d.JWT.Detached {
		list = append(list, text{{source: &source{kind: kindBody, name: "body"}}})
	}
	return list
}

// Sources lists what is signed, without functions: body, timestamp, header.x-id. Each is there once.
func (d *Description) Sources() (names []string) {
	t, _ := parseText(d.Over) // a scheme has it, so it was parsed before
	t.each(func(s *source, _ bool) {
		if !slices.Contains(names, s.name) {
			names = append(names, s.name)
		}
	})
	return names
}

// InBody reports whether the signature changes the body.
func (d *Description) InBody() bool {
	return slices.ContainsFunc(d.Places, func(p Place) bool { return p.In == InBody })
}

// Timestamps lists the ways to write a time.
func Timestamps() []string { return []string{"unix", "unix_ms", "rfc3339", "http"} }

const (
	letters      = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	hexDigits    = "0123456789abcdef"
	newTextSize  = 40
	newNonceSize = 32
	// Of what is random, at least.
	minSecretBits = 128
	minNonceBits  = 64
	maxPlaces     = 20
)

// compiled is a description that can be used. It does not change.
type compiled struct {
	Description
	algorithm    *algorithm
	encoding     *encoding
	key          string
	over         text
	also         []*algorithm
	keys         *keySource // nil: receivers are given the key
	usesKeyID    bool
	jwt          *jwt      // nil: the signature is no token
	bodyOnly     bool      // over is just ${body}
	bodySums     bool      // the whole body is signed, or its sum
	namesHeaders bool      // listed headers are signed with their names
	doubtful     []*source // those in over that receivers can read in different ways
	usesNonce    bool
	places       []place
	strip        []string // parameters of the query that hold the signature
	form         Form     // of secrets, complete
	nonce        Form     // complete
	tolerance    time.Duration
}

// place is a Place that can be used.
type place struct {
	Place
	text      text
	signature bool // it holds the signature
	reads     bool // a receiver reads something back: a time, a nonce, the id of the event
	computed  bool // a receiver can compute all of it otherwise, and compares
	lists     bool // it holds the names of the signed headers
	join      string
	pieces    []piece // between joins
	named     bool    // the pieces are name=value and can come in any order, among others
}

// piece is the part of a template between two joins.
type piece struct {
	text    text
	pattern *regexp.Regexp
	groups  []kind // what the groups of the pattern are
	signed  bool   // it holds the signature
}

// compiler collects problems.
type compiler struct {
	*compiled
	problems []Problem
}

func (c *compiler) problem(fix, message string, at ...string) {
	c.problems = append(c.problems, Problem{At: at, Message: message, Fix: fix})
}

// Compile makes a scheme of a description. If something is wrong with it, it returns all of that and no scheme.
func Compile(d Description) (*Scheme, []Problem) {
	c, problems := compileDescription(d)
	if len(problems) > 0 {
		return nil, problems
	}
	return c.scheme(), nil
}

func compileDescription(d Description) (*compiled, []Problem) {
	c := &compiler{compiled: &compiled{Description: d}}
	c.words()
	if d.JWT != nil {
		c.readJWT()
	} else if c.algorithm.kind != tokenKind {
		c.over, _ = c.template(d.Over, "${body}", "over")
	} else if d.Over != "" {
		c.problem("Remove over, or choose an algorithm that signs, such as hmac-sha256.",
			"A token is the secret itself, so nothing is signed.", "over")
	}
	c.readKeys()
	c.readPlaces()
	c.readSigned()
	c.secrets()
	if len(c.problems) == 0 {
		c.checkSigned()
		c.checkOver()
		c.checkPlaces()
		c.checkTime()
	}
	return c.compiled, c.problems
}

// words fills in what is one word of a few.
func (c *compiler) words() {
	word := func(key, given string, possible []string) int {
		if given == "" {
			return 0
		}
		i := slices.Index(possible, given)
		if i < 0 {
			c.problem(strings.TrimSpace(nearest.DidYouMean(given, possible)), fmt.Sprintf("%q is not possible here.", given), key)
		}
		return max(i, 0)
	}
	c.algorithm = algorithms[word("algorithm", c.Algorithm, Algorithms())]
	c.encoding = encodings[word("encoding", c.Encoding, Encodings())]
	c.Timestamp = Timestamps()[word("timestamp", c.Timestamp, Timestamps())]
	if c.algorithm.kind == tokenKind && c.Encoding == "" {
		c.encoding = encodings[slices.Index(Encodings(), "text")]
	} else if c.algorithm.kind != tokenKind && c.encoding.name == "text" {
		c.problem("Write hex, base64 or base64url.", "Only a token can be written as text; a signature is bytes.", "encoding")
	}
	for _, name := range c.Also {
		other := algorithms[word("algorithm", name, Algorithms())]
		if other.name == name && (other.kind != c.algorithm.kind || !other.private()) {
			c.problem("Write algorithms for the same kind of private key, such as [rsa-sha256, rsa-sha1].",
				fmt.Sprintf("%s does not verify with the keys of %s.", name, c.algorithm.name), "algorithm")
		}
		c.also = append(c.also, other)
	}
	c.Algorithm = c.algorithm.name
	if c.Description.JWT == nil {
		c.Encoding = c.encoding.name
	}
	c.key = c.algorithm.keys[0]
	if Keys()[word("key", c.Key, Keys())] == c.Key { // it is given, and one of them
		c.key = c.Key
		if !slices.Contains(c.algorithm.keys, c.key) {
			why := fmt.Sprintf("The algorithm %s cannot use a key of the kind %s.", c.Algorithm, c.Key)
			if c.algorithm.private() {
				why = fmt.Sprintf("The algorithm %s signs with a private key, which cannot be of the kind %s.", c.Algorithm, c.Key)
			}
			c.problem("Possible: "+strings.Join(c.algorithm.keys, ", ")+".", why, "key")
		}
	}
	c.Key = c.key
	if c.tolerance = c.Tolerance; c.tolerance == 0 {
		c.tolerance = standardTolerance
	}
}

// template parses a template, and reports what is wrong with it.
func (c *compiler) template(s, otherwise string, at ...string) (text, bool) {
	if s == "" {
		s = otherwise
	}
	t, err := parseText(s)
	if err != nil {
		message, fix, _ := strings.Cut(err.Error(), ". ") // there is no ${x}. Did you mean ${y}?
		c.problem(fix, "This template is wrong: "+message+".", at...)
	}
	return t, err == nil
}

// key is the key of the contract language that a place is under.
func (p Place) key() []string {
	return append([]string{map[Part]string{InHeader: "headers", InQuery: "query", InBody: "body"}[p.In]}, p.Path...)
}

func (c *compiler) readPlaces() {
	if len(c.Places) > maxPlaces {
		c.problem("", fmt.Sprintf("There are %d places; at most %d are possible.", len(c.Places), maxPlaces))
		return
	}
	// What is signed may include the body and the query, so these are complete before headers are made.
	order := []Part{InBody, InQuery, InHeader}
	c.Places = slices.Clone(c.Places)
	slices.SortStableFunc(c.Places, func(a, b Place) int { return slices.Index(order, a.In) - slices.Index(order, b.In) })
	for _, x := range c.Places {
		p := place{Place: x}
		var ok bool
		if p.text, ok = c.template(x.Value, "", x.key()...); !ok {
			continue
		}
		if strings.Contains(x.Value, "\n") {
			c.problem("Write it in one line; only over can have several.", "This has a line break.", x.key()...)
		}
		if len(p.text) == 0 {
			c.problem("Write for example \"${signature}\".", "This is empty.", x.key()...)
		}
		p.signature = p.text.has(kindSignature)
		p.reads = p.text.has(kindTimestamp, kindNonce, kindEventID, kindKeyID, kindSignedNames)
		p.lists = p.text.has(kindSignedNames)
		c.readBack(p.text, x.key()...)
		p.text.each(func(s *source, _ bool) {
			switch s.kind {
			case kindSecret:
				c.problem("The receiver knows it already; ${signature} proves it.", "The secret would be sent to the receiver.", x.key()...)
			case kindSignature, kindTimestamp, kindNonce, kindEventID, kindKeyID, kindSignedNames:
			default:
				p.computed = true
			}
		})
		c.split(&p)
		c.places = append(c.places, p)
		if p.signature && p.In == InQuery {
			c.strip = append(c.strip, p.Path[0])
		}
	}
	// The list of signed headers is made when all others are there.
	slices.SortStableFunc(c.places, func(a, b place) int { return rank(a) - rank(b) })
}

// rank is 1 of a place that is filled in after the others.
func rank(p place) int {
	if p.lists {
		return 1
	}
	return 0
}

// readBack refuses functions of what a receiver reads in a place.
func (c *compiler) readBack(t text, at ...string) {
	for _, x := range t {
		c.readBack(x.group, at...)
		if x.source == nil || x.source.kind != kindCall {
			continue
		}
		x.source.call.text.each(func(s *source, _ bool) {
			if slices.Contains([]kind{kindSignature, kindTimestamp, kindNonce, kindEventID, kindKeyID, kindSignedNames}, s.kind) {
				c.problem("Write ${"+s.name+"}.", "A function cannot change what the receiver reads back.", at...)
			}
		})
	}
}

// named is how a piece begins that has a name: v1=…
var named = regexp.MustCompile(`^[A-Za-z0-9_-]+=`)

// split cuts a template into its pieces. Without a join of the description, one that is name=value pairs between commas
// or semicolons is cut there, because that is how such headers are read.
func (c *compiler) split(p *place) {
	cut := func(join string) (out []text, with bool) {
		out = append(out, text{})
		add := func(x part) { out[len(out)-1] = append(out[len(out)-1], x) }
		for _, x := range p.text {
			if x.literal == "" || join == "" {
				add(x)
				continue
			}
			for i, s := range strings.Split(x.literal, join) {
				if i > 0 {
					out = append(out, text{})
				}
				if s != "" {
					add(part{literal: s})
				}
			}
		}
		for _, t := range out {
			if len(t) == 0 || !named.MatchString(strings.TrimLeft(t[0].literal, " ")) {
				return out, false
			}
		}
		return out, true
	}
	pieces, _ := cut("")
	if p.signature && c.Join != nil {
		p.join = *c.Join
		pieces, p.named = cut(p.join)
	} else {
		for _, join := range []string{",", ";"} {
			if more, with := cut(join); len(more) > 1 && with {
				p.join, pieces, p.named = join, more, true
			}
		}
	}
	count := 0
	for _, t := range pieces {
		x := piece{text: t, signed: t.has(kindSignature)}
		if p.named {
			t = trimmed(t)
		}
		if x.signed {
			count++
		}
		x.pattern = regexp.MustCompile("^(?s:" + t.pattern(c.encoding, &x.groups) + ")$")
		p.pieces = append(p.pieces, x)
	}
	if c.Join != nil && count > 1 {
		c.problem("Write ${signature} once.", "With several, only one piece of the text can hold the signature.", p.key()...)
	}
	for _, x := range p.pieces {
		c.checkPiece(p, x.text)
	}
}

// trimmed is a text that begins with a literal, without the spaces at its beginning.
func trimmed(t text) text {
	t = slices.Clone(t)
	t[0].literal = strings.TrimLeft(t[0].literal, " ")
	return t
}

// checkPiece refuses what a receiver could not take apart.
func (c *compiler) checkPiece(p *place, t text) {
	var last *source
	var flat func(t text)
	flat = func(t text) {
		for _, x := range t {
			switch {
			case x.group != nil:
				flat(x.group)
			case x.source == nil:
				last = nil
			default:
				if last != nil && (p.signature || p.reads) {
					c.problem("Put something between them that stands in neither, such as a comma or a dot.",
						fmt.Sprintf("A receiver cannot tell ${%s} and ${%s} apart, because nothing stands between them.", last.name, x.source.name), p.key()...)
				}
				last = x.source
			}
		}
	}
	flat(t)
}

// secrets fills in what new secrets and nonces look like.
func (c *compiler) secrets() {
	f, at := c.Secret, "secret"
	text := c.key == keyText || c.key == keySHA1
	keyPair := c.algorithm.private()
	for i := range len(f.Prefix) {
		if f.Prefix[i] <= ' ' || f.Prefix[i] > '~' {
			c.problem("Use letters, digits, _ and -.", "The prefix of a secret is a text of visible characters.", at, "prefix")
			break
		}
	}
	switch {
	case keyPair && (f.Length != 0 || f.Alphabet != "") || c.key == keyPEM && f.Prefix != "":
		c.problem("Remove it.", fmt.Sprintf("The secrets of %s are private keys, whose form cannot be chosen.", c.Algorithm), at)
	case !text && f.Alphabet != "":
		c.problem("Remove alphabet; length says how many bytes a key has.", fmt.Sprintf("A key of the kind %s is random bytes, so it has no alphabet.", c.key), at, "alphabet")
	case c.key == keyWhsec && f.Prefix != "":
		c.problem("Remove it, or write key: base64.", "Keys of the kind whsec have a prefix of their own.", at, "prefix")
	}
	if f.Alphabet == "" {
		f.Alphabet = letters
	}
	if f.Length == 0 {
		switch {
		case text:
			f.Length = newTextSize
		case c.algorithm.kind == ed25519Kind:
			f.Length = ed25519.PrivateKeySize
		default:
			f.Length = newKeySize
		}
	}
	if key := "length"; c.key != keyPEM && f.Length > c.longestKey(maxSecret-len(f.Prefix)) {
		if c.Secret.Length == 0 {
			key = "prefix"
		}
		c.problem("Make it shorter.", fmt.Sprintf("A secret has at most %d bytes, its prefix included.", maxSecret), at, key)
	}
	c.form = f
	c.nonce = c.Nonce
	if c.nonce.Alphabet == "" {
		c.nonce.Alphabet = hexDigits
	}
	if c.nonce.Length == 0 {
		c.nonce.Length = newNonceSize
	}
	if !keyPair {
		c.guessable(c.form, text, minSecretBits, at)
	}
	c.guessable(c.nonce, true, minNonceBits, "nonce")
}

// longestKey is how long a key can be whose text has room for so many bytes. It counts like the length of a [Form].
func (c *compiler) longestKey(room int) int {
	switch c.key {
	case keyText, keySHA1:
		return room
	case keyHex:
		return room / 2
	}
	return min(256, room/4*3) // base64
}

// guessable refuses a form of which somebody could try all texts. characters says that its length counts these, not the
// bytes of a key.
func (c *compiler) guessable(f Form, characters bool, least int, at string) {
	have := 8 * f.Length
	if characters {
		have = f.Length * (bits.Len(uint(len(f.Alphabet))) - 1)
	}
	if have < least {
		c.problem("Make it longer.", fmt.Sprintf("%s could be guessed: it has %d bits of randomness, and at least %d are needed.", at, have, least), at)
	}
}

// checkOver checks what is signed.
func (c *compiler) checkOver() {
	c.checkBody()
	if c.algorithm.kind == tokenKind || c.jwt != nil {
		return
	}
	if c.over.has(kindSignature) {
		c.problem("Name what is signed, for example \"${timestamp}.${body}\".", "The signature cannot be signed itself.", "over")
	}
	secret := c.over.has(kindSecret)
	switch {
	case c.algorithm.kind == plainKind && !secret:
		c.problem("Put ${secret} into over, or use hmac-sha256.", "Anybody could make this signature: "+c.Algorithm+" has no key, and over does not name ${secret}.", "over")
	case c.algorithm.private() && secret:
		c.problem("Remove ${secret}.", "The receiver has only the public key, so it cannot know ${secret}.", "over")
	}
	if !c.over.has(kindBody, kindBodySHA256, kindBodySHA256Base64, kindBodyCRC32, kindTimestamp, kindNonce, kindEventID, kindURL, kindURLDecoded, kindPath, kindHost, kindQueryText,
		kindQuerySorted, kindQueryGrouped, kindSignedHeaders, kindSignedValues, kindSortedForm, kindHeader, kindQuery, kindForm, kindJSON, kindMethod) {
		c.problem("Name what is signed, for example \"${body}\".", "This is the same for each request, so the signature would prove nothing.", "over")
	}
	// What only the sender knows has to stand in the request.
	for _, x := range []struct {
		kind kind
		name string
	}{{kindTimestamp, "timestamp"}, {kindNonce, "nonce"}, {kindEventID, "event.id"}, {kindKeyID, "key.id"}} {
		if c.over.has(x.kind) && !slices.ContainsFunc(c.places, func(p place) bool { return p.text.has(x.kind) }) {
			c.problem(fmt.Sprintf("Add for example headers: {X-%s: \"${%s}\"}", strings.ToUpper(x.name[:1])+strings.ReplaceAll(x.name[1:], ".id", "-Id"), x.name),
				fmt.Sprintf("${%s} is signed and stands nowhere in the request, so no receiver can know it.", x.name), "over")
		}
	}
}

// checkBody checks that a signature in the body does not sign itself.
func (c *compiler) checkBody() {
	if !slices.ContainsFunc(c.places, func(p place) bool { return p.signature && p.In == InBody }) {
		return
	}
	list := c.texts()
	if c.jwt != nil && c.jwt.Detached {
		list = append(list, located{text{{source: &source{kind: kindBody}}}, []string{"jwt", "detached"}})
	}
	for _, t := range list {
		if t.text.has(kindBody, kindBodySHA256, kindBodySHA256Base64, kindBodyCRC32, kindSortedForm) {
			c.problem("Sign parts of the body (${json.NAME}), or put the signature into a header.",
				"The signature stands in the body, so it cannot sign the whole body.", t.at...)
		}
	}
}

// located is a template and where it stands.
type located struct {
	text text
	at   []string
}

func (c *compiled) texts() []located {
	out := append([]located{{c.over, []string{"over"}}}, c.jwt.texts()...)
	for _, p := range c.places {
		out = append(out, located{p.text, p.key()})
	}
	return out
}

// checkPlaces checks where the signature stands.
func (c *compiler) checkPlaces() {
	if !slices.ContainsFunc(c.places, func(p place) bool { return p.signature }) {
		c.problem("Add for example headers: {X-Signature: \"${signature}\"}", "The signature stands nowhere: no header, query or body has ${signature}.")
		return
	}
	newest := func(p place) (found bool) {
		p.text.each(func(s *source, _ bool) { found = found || s.kind == kindSignature && s.index <= 1 })
		return found
	}
	if !slices.ContainsFunc(c.places, newest) {
		c.problem("Name ${signature} or ${signature.1} somewhere.", "The signature of the newest secret stands nowhere.")
	}
	seen := map[string]bool{}
	for _, p := range c.places {
		id := string(p.In) + "\x00" + strings.Join(p.Path, "\x00")
		if p.In == InHeader {
			id = strings.ToLower(id)
		}
		if seen[id] {
			c.problem("Keep one of them.", fmt.Sprintf("The %s %s is there already.", p.In, strings.Join(p.Path, ".")), p.key()...)
		}
		seen[id] = true
		if !p.signature {
			continue
		}
		p.text.each(func(s *source, _ bool) {
			if s.index > 0 && c.Join != nil {
				c.problem("Write ${signature}, or remove several.", "With several, all signatures stand in one place.", p.key()...)
			}
		})
		for _, t := range c.texts() {
			t.text.each(func(s *source, _ bool) {
				if p.holds(s) {
					c.problem("Name another part of the request.", fmt.Sprintf("${%s} holds the signature, so it cannot be used here.", s.name), t.at...)
				}
			})
		}
	}
	inSignature := letters + "+/=_-"
	if c.jwt != nil {
		inSignature += "." // between the parts of a token
	}
	if c.Join != nil && (*c.Join == "" || len(*c.Join) > 3 || strings.ContainsAny(*c.Join, inSignature+"[]$%\r\n\x00") || strings.ContainsFunc(*c.Join, func(r rune) bool { return r > '~' })) {
		c.problem(`Write for example join: " " or join: ",".`, "This cannot stand between signatures, because it could be part of one.", "several", "join")
	}
}

// holds reports whether a source is what stands in the place.
func (p *place) holds(s *source) bool {
	switch p.In {
	case InHeader:
		return s.kind == kindHeader && strings.EqualFold(s.arg, p.Path[0])
	case InQuery:
		return s.kind == kindQuery && s.arg == p.Path[0]
	default: // the body
		if len(p.Path) == 0 {
			return s.kind == kindForm || s.kind == kindJSON
		}
		n := min(len(s.path), len(p.Path))
		return s.kind == kindForm && s.arg == p.field() || s.kind == kindJSON && slices.Equal(s.path[:n], p.Path[:n])
	}
}

// field is the name of the place in a form: a[b][c].
func (p *place) field() string {
	if len(p.Path) == 1 {
		return p.Path[0]
	}
	return p.Path[0] + "[" + strings.Join(p.Path[1:], "][") + "]"
}

// signsTime reports whether a signature made by the description includes the time, so that a receiver can refuse old
// requests.
func (c *compiled) signsTime() bool {
	if c.jwt != nil && !c.jwt.Detached {
		return true // it may have exp or nbf, whoever made it
	}
	return c.signs(kindTimestamp)
}

// signed is that of the description, with the default for over.
func (c *compiled) signed() []text {
	if c.jwt == nil {
		return []text{c.over}
	}
	return c.Description.signed()
}

// signs reports whether a change of a source makes the signature another one: it is signed, or stands in a place that is.
func (c *compiled) signs(kinds ...kind) bool {
	for _, over := range c.signed() {
		if over.has(kinds...) {
			return true
		}
		for _, p := range c.places {
			if !p.text.has(kinds...) || p.signature {
				continue
			}
			found := false
			over.each(func(s *source, _ bool) { found = found || p.holds(s) || p.In == InHeader && c.signedBy(s, p.Path[0]) })
			if found || p.In == InBody && over.has(kindBody, kindBodySHA256, kindBodySHA256Base64, kindBodyCRC32, kindSortedForm) ||
				p.In == InQuery && over.has(kindURL, kindURLDecoded, kindQueryText, kindQuerySorted, kindQueryGrouped) {
				return true
			}
		}
	}
	return false
}

func (c *compiler) checkTime() {
	for _, t := range c.texts() {
		if t.text.has(kindKeyID) && !c.algorithm.private() {
			c.problem("Remove it, or choose an algorithm with a private key, such as rsa-sha256.",
				"${key.id} names a public key, and "+c.Algorithm+" has none.", t.at...)
		}
	}
	if c.Tolerance != 0 && !c.signsTime() {
		c.problem("Put ${timestamp} into over and into a header, or remove tolerance.", "There is no time in what is signed, so tolerance has nothing to compare.", "tolerance")
	}
}

// scheme is the result of a description in which nothing is wrong.
func (d *compiled) scheme() *Scheme {
	d.bodyOnly = len(d.over) == 1 && d.over[0].source != nil && d.over[0].source.kind == kindBody
	d.bodySums = d.signs(kindBody, kindBodySHA256, kindBodySHA256Base64)
	d.namesHeaders = slices.ContainsFunc(d.texts(), func(t located) bool { return t.text.has(kindSignedHeaders) })
	doubt := func(s *source, _ bool) {
		if slices.Contains([]kind{kindQuery, kindForm, kindSortedForm, kindJSON}, s.kind) {
			d.doubtful = append(d.doubtful, s)
		}
	}
	d.over.each(doubt)
	for _, t := range d.jwt.texts() {
		t.text.each(doubt)
	}
	for _, t := range d.texts() {
		d.usesNonce, d.usesKeyID = d.usesNonce || t.text.has(kindNonce), d.usesKeyID || t.text.has(kindKeyID)
	}
	if d.Description.Over == "" && d.algorithm.kind != tokenKind && d.jwt == nil {
		d.Description.Over = "${body}"
	}
	if d.signsTime() {
		d.Description.Tolerance = d.tolerance
	}
	s := &Scheme{
		Name: d.Algorithm, Several: d.several(), Description: &d.Description, NewSecret: d.newSecret, VerifyKey: d.verifyKey,
		Check: func(secret string) error {
			_, err := d.parseSecret(secret, false)
			return err
		},
		Bare:        d.algorithm.kind == tokenKind,
		NewSigner:   func(secrets []hook.Secret) (Signer, error) { return d.newSigner(secrets) },
		NewVerifier: func(tolerance time.Duration, keys ...string) (Verifier, error) { return d.newVerifier(tolerance, keys) },
	}
	if d.algorithm.private() {
		s.publish = d.publishKeys
	}
	if d.keys != nil {
		s.wanted = d.wanted
	}
	for _, p := range d.places {
		if p.In == InHeader && !slices.Contains(s.Headers, p.Path[0]) {
			s.Headers = append(s.Headers, p.Path[0])
		}
		if p.signature && s.Name == d.Algorithm {
			name := "body"
			switch {
			case p.In == InHeader:
				name = p.Path[0]
			case len(p.Path) > 0:
				name = p.Path[len(p.Path)-1]
			}
			s.Name = d.Algorithm + " (" + name + ")"
		}
	}
	return s
}
