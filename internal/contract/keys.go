package contract

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gancho/internal/hook"
	"gancho/internal/sign"
)

// keysOf has the keys of each section of the language. "" is the top level, and * stands for any name. Every other key is
// refused.
var keysOf = namesOfKeys(language)

// keysIn are the keys of a section.
func keysIn(path string) []key {
	i := slices.IndexFunc(language, func(s section) bool { return s.path == path })
	return language[i].keys
}

// section is a part of a contract with its keys, as the loader accepts them and the reference describes them.
type section struct {
	path string // of its keys, as in keysOf
	in   string // the heading of docs/contract-language.md that explains it
	keys []key
}

// key is one key of a section.
type key struct {
	name  string
	value string // what stands there
	unset string // what holds without it, [needed], or "" if nothing follows
	about string // what it says, one sentence
}

// needed is the unset of a key that has to be there.
const needed = "needed"

func namesOfKeys(list []section) map[string][]string {
	names := map[string][]string{}
	for _, s := range list {
		for _, k := range s.keys {
			names[s.path] = append(names[s.path], k.name)
		}
	}
	return names
}

// Values that many keys have.
const (
	aText     = "text, or one for each language"
	aNoun     = "word, or mapping"
	aSchema   = "JSON Schema"
	aValue    = "JSON template"
	aTemplate = "template"
	aRule     = "condition"
	yesNo     = "`true` or `false`"
	aMapping  = "mapping from names to templates"
	aDocument = "JSON as a text, a file, or YAML"
)

// language is everything that can stand in a contract.
var language = []section{
	{"", "The sections", []key{
		{"contract", "name", needed, "The name: lower-case letters, digits, `_` and `-`."},
		{"title", aText, needed, "What people read instead of the name."},
		{"about", aText, "", "What the system does, for people."},
		{"document", "URL", "", "Where the public document of the system is."},
		{"category", oneOf(Categories...), "", "What kind of system it is."},
		{"names", "mapping", "the words of the product", "What the system calls its things, where people read of them."},
		{"records", "mapping from kinds", "no changes are watched", "The kinds of business object whose changes are watched."},
		{"events", "mapping from names", needed, "The event types, and what makes them; `\"*\"` stands for any other."},
		{"endpoint", "mapping", "POST of the payload as JSON", "What a request looks like, and what a person fills in."},
		{"delivery", "mapping", "15 s, three days of retries", "How long, how often, and what an answer means."},
		{"credentials", "mapping", "there are none", "What the apiKey, secret and token of a tenant look like."},
		{"lookup", "mapping from names", "there are none", "Routes on which receivers read the record that an event is about."},
		{"redact", "list of paths", "", "Values that are replaced by `\"[redacted]\"` before a payload is stored."},
		{"sensitive", "list of at most " + fmt.Sprint(maxSensitive) + " paths", "", "Personal data: stored and sent, but masked for people; `*` is any element, `**` any depth."},
		{"seal_payloads", yesNo, "`false`", "Payloads and records are encrypted before they are stored."},
		{"schema_on_post", oneOf("refuse", "report"), "`refuse`", "What becomes of a posted event whose payload the schema of its type refuses."},
		{"docs", "mapping", "", "What customers read: a text for the beginning of each chapter, questions, tables, notes and links."},
		{"assumed", "mapping from paths to texts", "", "What no public document of the system states."},
		{"tests", "mapping from names", "", "Examples with what has to come out, for `gancho contract test`."},
	}},
	{"names", "What things are called", []key{
		{"endpoint", aNoun + ", or one for each language", "endpoint, destino", "What an endpoint is called, for example `webhook`."},
	}},
	{"names.endpoint", "What things are called", []key{
		{"en", aNoun, "endpoint", "The noun in English."},
		{"es", aNoun, "destino", "The noun in Spanish."},
		{"pt", aNoun, "destino", "The noun in Portuguese."},
	}},
	{"names.endpoint.*", "What things are called", []key{
		{"one", "words of at most " + fmt.Sprint(maxNoun) + " characters", needed, "The word as it stands in the middle of a sentence."},
		{"many", "words of at most " + fmt.Sprint(maxNoun) + " characters", "`one` with an s", "Its plural."},
		{"gender", oneOf(Genders...), "`masculine`", "The gender that Spanish and Portuguese articles and adjectives follow."},
	}},
	{"records.*", "Records", []key{
		{"title", aText, needed, "What people read instead of the name."},
		{"about", aText, "", "What such a record is."},
		{"key", "path", needed, "What identifies a record: a text or a whole number."},
		{"schema", aSchema, "any document", "What a record is like; it is checked when a record is written."},
	}},
	{"events.*", "Events", []key{
		{"title", aText, needed, "What people read instead of the name."},
		{"about", aText, "", "When it is sent, and what it means."},
		{"aliases", "list of texts", "", "What else people call it, such as its name in the system's own document."},
		{"example", "JSON as a text, or a file", "", "A payload, for the documentation and for trials."},
		{"cases", "mapping from names", "", "Further examples, for payloads that look different."},
		{"schema", aSchema, "any document", "What a payload is like; posted payloads are checked with it."},
		{"set", "mapping from names to JSON templates", "", "Constants of this type, which templates name as `${set.NAME}`."},
		{"headers", aMapping, "", "Headers of this type; they replace those of `endpoint` with the same name."},
		{"on", "kind of record", "it is posted, or on a schedule", "Changes of such records make the event."},
		{"when", aRule, "each create and change", "Which changes make it: a condition over `old`, `new` and `changes`."},
		{"every", spanOf(minEvery, maxEvery), "", "It is sent again after this time."},
		{"cron", "five fields", "", "It is sent at these times."},
		{"timezone", "name of the IANA", "UTC", "Whose time `cron` means."},
		{"select", "kind of record", needed + " with `every` and `cron`", "Which records a snapshot has."},
		{"where", aRule, "all records", "Which of these: a condition over `record`."},
		{"item", aValue, "the record", "What a record becomes in the snapshot."},
		{"payload", aValue, "`new`, or `${items}`", "What the payload is made of: of `new`, `old` and `changes`, or of `items`."},
		{"max_body", fmt.Sprintf("size up to %dMiB", maxMaxBody>>20), fmt.Sprintf("%dMiB", DefaultMaxBody>>20), "How large a snapshot may be."},
	}},
	{"events.*.cases.*", "Events", []key{
		{"title", aText, needed, "What is special about it."},
		{"example", "JSON as a text, or a file", needed, "A payload."},
	}},
	{"endpoint", "The request", []key{
		{"method", oneOf(methods...), "`POST`", "The method of requests."},
		{"methods", "list of methods", "only `method`", "What a person may choose from."},
		{"content_type", aTemplate, "`" + defaultContentType + "`", "The header Content-Type."},
		{"user_agent", "text, or `none`", "`" + DefaultUserAgent + "`", "The header User-Agent."},
		{"accept", "text", "it is not sent", "The header Accept."},
		{"settings", "JSON Schema of an object", "nothing", "What a person fills in; `secret: true` marks what is never shown."},
		{"headers", aMapping, "", "Further headers; one whose value is absent is left out."},
		{"query", aMapping, "", "Parameters behind the URL."},
		{"auth", "mapping with one key", "each endpoint chooses", "How requests authenticate: it fills in Authorization."},
		{"pairs", "`settings.NAME`", "", "The setting that lists keys and values of the person's own."},
		{"body", aValue + ", or `$raw`", "the payload", "What the body is made of."},
		{"item", aValue + ", or `$raw`", "the payload", "What one event becomes in a request with several; needs `delivery.batch`."},
		{"schema", aSchema, "", "What that body is like, for the documentation and for tests."},
		{"form", "mapping", "JSON", "The body is sent as a form."},
		{"json", "mapping", "as it came", "How JSON is written."},
		{"sign", "name, mapping, or list of up to " + fmt.Sprint(maxSignatures), "requests are not signed", "How requests are signed, and verified."},
		{"verify", "mapping", "there is no handshake", "A request that an address has to answer before it gets events."},
		{"shaping", oneOf("on", "off"), "`on`", "Whether endpoints may filter and transform."},
		{"per_tenant", "number up to 1000", "any number", "How many endpoints a tenant may have at once."},
		{"event_types", "mapping", "any number", "How many event types an endpoint names."},
		{"egress", "mapping", "any host", "The hosts that requests may go to."},
	}},
	{"endpoint.auth", "Authentication", []key{
		{"basic", "mapping", "", "User and password (RFC 7617)."},
		{"bearer", aTemplate, "", "A token that does not change."},
		{"oauth2", "mapping", "", "A token that is fetched by client credentials (RFC 6749, 4.4)."},
	}},
	{"endpoint.auth.basic", "Authentication", []key{
		{"user", aTemplate, needed, "The user, without a colon."},
		{"password", aTemplate, "no text", "The password."},
	}},
	{"endpoint.auth.oauth2", "Authentication", []key{
		{"token_url", aTemplate, needed, "Where tokens are fetched."},
		{"client_id", aTemplate, needed, "Who fetches them."},
		{"client_secret", aTemplate, needed, "The secret of who fetches them."},
		{"scope", aTemplate, "", "What the token is for; several are separated by spaces."},
		{"audience", aTemplate, "", "Whom the token is for, which some servers want."},
		{"style", oneOf(authStyles...), "`header`", "Where id and secret stand: as Basic credentials, or in the form."},
	}},
	{"endpoint.verify", "Handshakes", []key{
		{"method", oneOf(handshakeMethods...), "`POST`", "The method of the request."},
		{"query", aMapping, "", "Parameters behind the URL."},
		{"headers", aMapping, "", "Headers of the request; those of `endpoint` are not sent."},
		{"body", aValue + ", or `$raw`", "`{\"challenge\": …}`", "The body; it can name `challenge`, but no secret."},
		{"form", "mapping", "JSON", "The body is sent as a form."},
		{"accept", aRule, "any 2xx", "Which answer is right: a condition over `response`, `challenge` and `secret`."},
		{"per_minute", "expression", "no limit", "Where the answer says how many requests a minute the receiver takes."},
	}},
	{"endpoint.egress", "The request", []key{
		{"allow", "list of hosts and networks", "any", "Requests go to these only."},
		{"deny", "list of hosts and networks", "none", "Requests never go there, even if `allow` names it."},
	}},
	{"endpoint.sign", "Signatures", []key{
		{"algorithm", oneOf(sign.Algorithms()...) + ", or a list", "`hmac-sha256`", "How it is signed; of a list by the first, and receivers take any."},
		{"key", oneOf(sign.Keys()...), "`text`, or `pem`", "How the text of the secret becomes the key."},
		{"over", "template of signatures", "`${body}`", "What is signed."},
		{"encoding", oneOf(sign.Encodings()...), "`hex`; of `token`: `text`", "How the signature is written."},
		{"timestamp", oneOf(sign.Timestamps()...), "`unix`", "How the time is written."},
		{"headers", "mapping from names to templates of signatures", "", "Headers that hold signature, time, nonce and id; a mapping is JSON in Base64."},
		{"query", "mapping from names to templates of signatures", "", "Parameters that hold them."},
		{"body", "mapping, which may be nested", "", "Members of the body that hold them."},
		{"several", "mapping", "the newest secret signs alone", "How signatures stand side by side while a secret is replaced."},
		{"tolerance", spanOf(minTolerance, maxTolerance), "5m", "How far the time may be from the receiver's."},
		{"secret", "mapping", "40 letters and digits, or 32 bytes", "How new secrets look."},
		{"nonce", "mapping", "32 hexadecimal digits", "How `${nonce}` looks."},
		{"jwt", "mapping", "", "The signature is a JSON Web Token."},
		{"keys", "https address, or mapping", "receivers are given the key", "Where receivers find the public key."},
		{"signed", "mapping", "", "Which headers `${signed.headers}`, `${signed.values}` and `${signed.names}` are."},
	}},
	{"endpoint.sign.keys", "Signatures", []key{
		{"url", "template of signatures", needed, "The address of the document with the key."},
		{"hosts", "list of hosts, or of hosts and beginnings of paths", "that in `url`", "Where the address may lead; `*` is one label."},
		{"form", oneOf(sign.Forms()...), "`" + sign.FormJWKS + "`", "What the document is."},
		{"member", "path", "the document itself", "Where in a JSON document the key stands."},
		{"name", "host", "any", "What a certificate has to be made out for."},
		{"ca", "PEM", "whom the system trusts", "Who has to have signed a certificate."},
		{"trust", oneOf(keyTrusts...), "`authority`", "Who vouches for a certificate: an authority, or the host that it comes from."},
		{"auth", "mapping", "", "How the fetch of the document authenticates."},
	}},
	{"endpoint.sign.keys.auth", "Signatures", []key{
		{"oauth2", "mapping", needed, "With a token that is fetched by client credentials."},
	}},
	{"endpoint.sign.keys.auth.oauth2", "Signatures", []key{
		{"token_url", "template of signatures", needed, "Where tokens are fetched."},
		{"client_id", "template of signatures", needed, "Who fetches them."},
		{"client_secret", "template of signatures", needed, "The secret of who fetches them."},
		{"scope", "template of signatures", "", "What the token is for."},
	}},
	{"endpoint.sign.signed", "Signatures", []key{
		{"headers", "list of names", needed, "The headers that are signed, if a request has them, in this order."},
		{"between", "text of up to 3 characters", "`,`", "What stands between the names in `${signed.names}`."},
		{"pair", "text of up to 3 characters", "`:`", "What stands between a name and its value."},
		{"join", "text of up to 3 characters", "a line break", "What stands between the headers."},
	}},
	{"endpoint.sign.jwt", "Signatures", []key{
		{"claims", "mapping from names to templates of signatures", "", "What the token says."},
		{"header", "mapping from names to texts", "", "What stands in its header beside `alg`."},
		{"lifetime", spanOf(minTolerance, maxTolerance), "no `iat`, no `exp`", "How long it is valid: adds the claims `iat` and `exp`."},
		{"detached", yesNo, "`false`", "It signs the body, which is not in it."},
		{"enclosed", yesNo, "`false`", "It takes the place of the body, whose members are its claims."},
	}},
	{"endpoint.sign.several", "Signatures", []key{
		{"join", "text", needed, "What stands between signatures."},
	}},
	{"endpoint.sign.secret", "Signatures", []key{
		{"prefix", "text", "", "What new secrets begin with."},
		{"length", fmt.Sprintf("8 to %d", maxSecretLength), "40 characters, 32 bytes", "Characters behind the prefix; of keys in `base64` or `hex` bytes."},
		{"alphabet", "characters such as `a-z0-9`", "`a-zA-Z0-9`", "The characters of a `text`."},
	}},
	{"endpoint.sign.nonce", "Signatures", []key{
		{"length", fmt.Sprintf("8 to %d", maxSecretLength), "32", "How many characters it has."},
		{"alphabet", "characters such as `a-z0-9`", "`0-9a-f`", "Its characters."},
	}},
	{"endpoint.json", "JSON", []key{
		{"ascii", yesNo, "as it came", "`ã` is written `\\u00e3`, or the other way round."},
		{"escape_slash", yesNo, "as it came", "`/` is written `\\/`, or the other way round."},
		{"compact", yesNo, "`false`", "White space between tokens is removed."},
	}},
	{"endpoint.body", "XML and other texts", []key{
		{"$raw", aTemplate, needed, "The body is this text, and no JSON."},
		{"content_type", aTemplate, needed, "What the text is, such as `text/xml`."},
		{"join", "text", "nothing", "What stands between the items of several events; needs `delivery.batch`."},
	}},
	{"endpoint.item", "Several events in one request", []key{
		{"$raw", aTemplate, needed, "The item is this text, and no JSON; needs a body with `$raw`."},
	}},
	{"endpoint.form", "Forms", []key{
		{"field", "text", needed + ", or `fields`", "The one field that holds the whole body."},
		{"fields", oneOf("flat", "nested", "dotted"), needed + ", or `field`", "Each value has a field of its own: how names are made."},
		{"booleans", oneOf("numbers", "words"), "`numbers`", "How `true` and `false` are written."},
		{"empty", oneOf("leave_out", "send"), "`leave_out`", "What becomes of `null`, `{}` and `[]`."},
		{"when", "condition over `settings`", "always", "When the body is sent as a form."},
	}},
	{"endpoint.event_types", "The request", []key{
		{"min", "0 to 1000", "0", "The least."},
		{"max", "1 to 1000", "any number, and patterns", "The most; patterns such as `order.*` are then refused."},
	}},
	{"delivery", "Time, retries and speed", []key{
		{"timeout", upTo(hook.MaxTimeout), "15s", "How long a receiver has to answer."},
		{"connect_timeout", upTo(hook.MaxTimeout), span(defaultConnectTimeout), "How long the name lookup, the connection and TLS may take."},
		{"clock", oneOf(string(ClockTotal), string(ClockResponse)), "`" + string(ClockTotal) + "`", "What `timeout` covers: all, or from the sent request to the status line."},
		{"retry", fmt.Sprintf("list of up to %d durations up to %s, or `none`", hook.MaxRetries, span(hook.MaxRetryDelay)), spans(hook.DefaultRetry), "The delay before each attempt, the first included."},
		{"mode", oneOf(string(hook.AtLeastOnce), string(hook.AtMostOnce)), "`" + string(hook.AtLeastOnce) + "`", "Whether a request may be sent a second time."},
		{"success", aRule, "any 2xx", "Which answers are a success: a condition over `response`."},
		{"disable_if", aRule, "an answer 410", "When the endpoint is disabled."},
		{"stop_if", aRule, "never", "When a delivery is not tried again."},
		{"pause_if", aRule, "never", "When the endpoint is paused until somebody resumes it."},
		{"retry_if", aRule, "after each failure", "When a delivery is tried again, even after a success."},
		{"give_up", "mapping", "`--disable-after`", "What becomes of an endpoint that only fails."},
		{"concurrency", fmt.Sprintf("1 to %d", hook.MaxConcurrency), fmt.Sprint(hook.DefaultConcurrency), "How many requests an endpoint gets at once."},
		{"per_second", fmt.Sprintf("0.001 to %d", MaxPerSecond), "no limit", "How many requests an endpoint gets in a second."},
		{"ordered", "`true`, `false` or `strict`", "`false`", "One at a time, in order; `strict` holds the others at one that failed."},
		{"delay", upTo(maxDelay), "0s", "How long each event waits before it is sent; the first delay of `retry` comes on top."},
		{"debounce", "mapping", "each event is sent", "Of events that follow each other quickly only the newest is sent."},
		{"redirects", fmt.Sprintf("0 to %d", maxRedirects), "0", "How many redirects of one request are followed."},
		{"batch", "mapping", "each event has its own", "Several events share a request."},
	}},
	{"delivery.give_up", "When an endpoint is given up", []key{
		{"after", fmt.Sprintf("1 to %d, or %s", hook.MaxGiveUpCount, spanOf(time.Second, hook.MaxGiveUpTime)), needed + " but for `nothing`", "After how many failures in a row, or how much time."},
		{"of", oneOf(string(hook.GiveUpAttempts), string(hook.GiveUpDeliveries), string(hook.GiveUpTime)), "`" + string(hook.GiveUpAttempts) + "`", "What `after` counts."},
		{"do", oneOf(string(hook.GiveUpDisable), string(hook.GiveUpPause), string(hook.GiveUpNothing)), "`" + string(hook.GiveUpDisable) + "`", "What becomes of the endpoint."},
	}},
	{"delivery.debounce", "Delays", []key{
		{"key", aTemplate, needed, "What events have in common that replace each other; over `payload` and `event`."},
		{"wait", spanOf(minDebounce, maxDelay), needed, "How long an event waits for a newer one, if `delay` and the first delay of `retry` are not longer."},
		{"max", spanOf(minDebounce, maxDelay), "no limit", "How long the first of them waits for newer ones at most; `delay` and the first delay of `retry` come on top."},
	}},
	{"delivery.batch", "Several events in one request", []key{
		{"max", fmt.Sprintf("1 to %d", hook.MaxBatch), fmt.Sprint(defaultBatch), "How many events a request has at most."},
		{"wait", upTo(maxBatchWait), span(defaultBatchWait), "How long an event waits for others."},
		{"bytes", fmt.Sprintf("size from 1KiB to %dMiB", hook.MaxBatchBytes>>20), fmt.Sprintf("%dMiB", defaultBatchBytes>>20), "How large the body is at most; one event alone may be larger."},
		{"failed", "expression over `response`", "all or none", "Which events the receiver did not take: places from 0, or ids."},
	}},
	{"credentials", "Credentials and look-ups", []key{
		{"api_key", "mapping", needed, "How new keys look."},
		{"secret", "mapping", needed, "How new secrets look."},
		{"token", "mapping", needed, "The tokens, JSON Web Tokens (HS256)."},
		{"endpoint", yesNo, "`false`", "Each credential is created together with its endpoint."},
	}},
	{"credentials.api_key", "Credentials and look-ups", alphabetKeys},
	{"credentials.secret", "Credentials and look-ups", alphabetKeys},
	{"credentials.token", "Credentials and look-ups", []key{
		{"lifetime", spanOf(time.Minute, maxTokenLifetime), needed, "How long a token is valid."},
		{"claims", aValue, "", "What it says; `jti`, `iat` and `exp` are added."},
	}},
	{"lookup.*", "Credentials and look-ups", []key{
		{"title", aText, needed, "What the route is for."},
		{"about", aText, "", "More about it."},
		{"paths", "list of paths with one `{…}`", needed, "Where it is; `{…}` is the key of the record."},
		{"record", "kind of record", needed, "Which records it reads."},
		{"auth", "`bearer`", "`bearer`", "Who may read: somebody with a token of a credential."},
	}},
	{"docs", "What customers read", append(chapterKeys(), []key{
		{"needs", "list of texts", "", "What a customer has to have before the set-up."},
		{"tables", "list of mappings", "", "What numbers and words in a request stand for."},
		{"faq", "list of mappings", "", "What customers ask, with the answers."},
		{"notes", "list of texts", "", "What to know when one reads the system's own document: where it is wrong or contradicts itself."},
		{"links", "list of mappings", "", "Where to read more."},
	}...)},
	{"docs.tables", "What customers read", []key{
		{"title", aText, needed, "What the table is about."},
		{"about", aText, "", "What stands before it."},
		{"head", "list of texts", needed, "The heads of the columns."},
		{"rows", "list of lists of texts and numbers", needed, "The rows, each with a cell for each column."},
	}},
	{"docs.faq", "What customers read", []key{
		{"question", aText, needed, "The question."},
		{"answer", aText, needed, "The answer."},
	}},
	{"docs.links", "What customers read", []key{
		{"title", aText, needed, "What one reads there."},
		{"url", "URL", needed, "The address of the page."},
	}},
	{"tests.*", "Tests", []key{
		{"on", "kind of record", "that of `event`", "Which kind of record changes."},
		{"event", "event type", "", "Which event is sent."},
		{"old", aDocument, "the record is new", "A record before its change."},
		{"new", aDocument, "the record is deleted", "A record after its change."},
		{"records", "list of documents", "", "The records of a snapshot."},
		{"payload", aDocument, "", "The payload of a posted event."},
		{"settings", "mapping", "none", "What the person filled in."},
		{"credential", "mapping", "none", "The credential of the endpoint: `api_key`, `id`, `name`, `tenant`."},
		{"method", "method", "that of the contract", "The method of the endpoint."},
		{"endpoint", "mapping", "", "More of the endpoint."},
		{"id", "text", "a new one", "The id of the event."},
		{"time", "RFC 3339, or seconds since 1970", "2026-01-02T03:04:05Z", "When the request is sent."},
		{"attempt", "number, or mapping", "1", "Which attempt it is."},
		{"secret", "text, or list with the newest first", "it is not signed", "The secret that the request is signed with."},
		{"nonce", "text", "a random one", "The nonce of the signature."},
		{"fires", "list of event types", "not checked", "All that the change makes, in the order of the file."},
		{"url", "text", "not checked", "The URL that is requested, with its query."},
		{"headers", "mapping; `null`: not there", "not checked", "Headers of the request; others are not looked at."},
		{"body", "text, file, or YAML", "not checked", "The body, byte for byte."},
		{"answer", "mapping", "not checked", "An answer, and what it means."},
		{"challenge", "text", "", "The test makes a handshake with this challenge."},
		{"received", "mapping", "", "A request that somebody sent, whose signature is verified."},
		{"keys", "text, or file", "the secret verifies", "The document with the public key that verifies the request."},
		{"verified", yesNo, "`true`", "Whether the signature of the received request is right."},
	}},
	{"tests.*.received", "Tests", []key{
		{"method", "method", "`POST`", "Its method."},
		{"url", "URL", "`" + testURL + "`", "Where it was sent, with its query."},
		{"headers", "mapping from names to texts", "none", "Its headers."},
		{"body", "text, file, or YAML", "none", "Its body, byte for byte."},
	}},
	{"tests.*.endpoint", "Tests", []key{
		{"url", "URL", "`" + testURL + "`", "Its URL."},
		{"method", "method", "that of the contract", "Its method."},
		{"settings", "mapping", "none", "What the person filled in."},
		{"headers", "mapping", "none", "Headers that the person added."},
		{"name", "text", "`" + testName + "`", "Its name."},
	}},
	{"tests.*.attempt", "Tests", []key{
		{"number", fmt.Sprintf("1 to %d", hook.MaxRetries), "1", "Which attempt it is."},
		{"first_at", "RFC 3339, or seconds since 1970", "", "When the first one was."},
		{"last_status", "100 to 599", "", "The status of the one before."},
		{"last_error", "error class", "", "What went wrong in the one before."},
	}},
	{"tests.*.answer", "Tests", []key{
		{"status", "100 to 599", "200", "The status."},
		{"headers", "mapping", "none", "Headers of the answer."},
		{"body", "text, file, or YAML", "empty", "The body of the answer."},
		{"is", oneOf(meansSuccess, meansRetry, meansStop, meansPause), needed, "What it means for the delivery."},
	}},
}

// alphabetKeys are the keys of a random text.
var alphabetKeys = []key{
	{"length", fmt.Sprintf("number up to %d", maxKeyLength), needed, "How many characters it has."},
	{"alphabet", "characters such as `a-z0-9`", needed, "Its characters."},
}

// chapterKeys are the keys of docs.
func chapterKeys() (out []key) {
	about := map[string]string{
		"when":            "When events are sent.",
		"where":           "Where in the system's own menus webhooks are.",
		"setup":           "How an endpoint is set up.",
		"authentication":  "How a receiver knows that a request is genuine.",
		"fields":          "What the fields of a request mean.",
		"answer":          "What to answer, and how fast.",
		"retries":         "When a request is sent again.",
		"receiver":        "Sample receivers.",
		"no_code":         "Zapier, Make, n8n.",
		"troubleshooting": "What to do when nothing arrives.",
	}
	for _, chapter := range Chapters {
		out = append(out, key{chapter, aText, "", about[chapter]})
	}
	return out
}

// valueKeys are the keys of a JSON template that is computed or chosen. [template.ValueKeys] are their names.
var valueKeys = section{"a JSON template", "JSON templates", []key{
	{"$expr", "expression", "", "The result of an expression; absent if it is null."},
	{"$when", aRule, "always", "The value is absent if the condition does not hold."},
	{"$value", aValue, "", "The value."},
	{"$text", aValue, "", "A text that contains this JSON."},
	{"$else", aValue, "absent", "The value instead, if it would be absent."},
}}

func oneOf(values ...string) string { return "`" + strings.Join(values, "`, `") + "`" }

func upTo(most time.Duration) string { return "duration up to " + span(most) }

func spanOf(least, most time.Duration) string {
	return fmt.Sprintf("duration from %s to %s", span(least), span(most))
}

// span writes a duration as a contract does, without units that are 0.
func span(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func spans(list []time.Duration) string {
	var out []string
	for _, d := range list {
		out = append(out, span(d))
	}
	return "`[" + strings.Join(out, ", ") + "]`"
}
