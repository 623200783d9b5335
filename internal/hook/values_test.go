package hook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What a text may be, at its limits: the smallest and greatest character of each kind and their neighbours.
func TestValid(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		valid   func(string) bool
		yes, no []string
	}{
		{
			"external id", ValidExternalID,
			[]string{"a", "z", "A", "Z", "0", "9", "_", ".", ":", "-", "my-123", strings.Repeat("x", 128)},
			[]string{"", strings.Repeat("x", 129), "/", "a b", "a\x00", "@", "[", "`", "{", ";", "ñ", "a/"},
		},
		{
			"event type", ValidEventType,
			[]string{"a", "z", "A", "Z", "0", "9", "_", "order.paid", "a:b", "a/b", "a-b", strings.Repeat("x", 128)},
			[]string{"", strings.Repeat("x", 129), ".a", ":a", "/a", "-a", "a b", "a*", "a@", "a[", "a`", "a{", "a;", "ñ"},
		},
		{
			"tenant", ValidTenantID,
			[]string{"a", "Z", "0", "a.b", "a_b", "a-b", "...", strings.Repeat("x", 64)},
			[]string{"", ".", "..", "a/b", "a b", "a\n", "ñ", strings.Repeat("x", 65)},
		},
		{
			"state", func(s string) bool { return State(s).Valid() },
			[]string{"pending", "sending", "retrying", "delivered", "failed", "unknown", "cancelled"},
			[]string{"", "Pending", "sent"},
		},
	} {
		for _, s := range tt.yes {
			if !tt.valid(s) {
				t.Errorf("%q is no %s", s, tt.name)
			}
		}
		for _, s := range tt.no {
			if tt.valid(s) {
				t.Errorf("%q is a %s", s, tt.name)
			}
		}
	}
}

// Conditions see null instead of a payload that is not JSON.
func TestDocument(t *testing.T) {
	t.Parallel()
	for media, want := range map[string]string{"": `{"a":1}`, "text/plain": "null"} {
		e := &Event{ContentType: media, Payload: []byte(`{"a":1}`)}
		if got := string(e.Document()); got != want || e.JSON() != (media == "") {
			t.Errorf("%q: the document is %s, JSON: %t", media, got, e.JSON())
		}
	}
}

func TestPreconditionHolds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		p     Precondition
		holds string // for a record that is absent, of version 1, of version 2
	}{
		{Precondition{}, "yes yes yes"},
		{Precondition{Absent: true}, "yes no no"},
		{Precondition{Present: true}, "no yes yes"},
		{Precondition{Absent: true, Present: true}, "no no no"},
		{Precondition{Versions: []int64{}}, "no no no"},
		{Precondition{Versions: []int64{2}}, "no no yes"},
		{Precondition{Versions: []int64{0, 3, 1}}, "no yes no"},
		{Precondition{Absent: true, Versions: []int64{1}}, "no no no"},
	} {
		var got []string
		for version := range int64(3) {
			got = append(got, map[bool]string{true: "yes", false: "no"}[tt.p.Holds(version)])
		}
		if got := strings.Join(got, " "); got != tt.holds {
			t.Errorf("%+v holds: %s, want %s", tt.p, got, tt.holds)
		}
	}
	r := &Record{Contract: "a", Kind: "b", Key: "c", Version: 7}
	if got := r.Name(); got != (RecordName{"a", "b", "c"}) {
		t.Errorf("the name is %+v", got)
	}
}

// What the store says of a submission: the zero value stands for stored.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		v      Verdicts
		stored bool
	}{
		{Verdicts{}, true},
		{Verdicts{Run: &RunVerdict{}}, true},
		{Verdicts{Prior: []byte("{}")}, false},
		{Verdicts{KeyReused: true}, false},
		{Verdicts{Run: &RunVerdict{ClaimLost: true}}, false},
	} {
		if tt.v.Stored() != tt.stored {
			t.Errorf("%+v is stored: %t", tt.v, !tt.stored)
		}
	}
	for _, tt := range []struct {
		v      ItemVerdict
		stored bool
	}{{ItemVerdict{}, true}, {ItemVerdict{Duplicate: true}, false}, {ItemVerdict{IDReused: true}, false}} {
		if tt.v.Stored() != tt.stored {
			t.Errorf("%+v is stored: %t", tt.v, !tt.stored)
		}
	}
	item := ItemVerdict{Duplicate: true, First: NewEventID()}
	record := RecordVerdict{Overtaken: true, Events: []ItemVerdict{{}, item}}
	v := Verdicts{Items: []ItemVerdict{{}, item}, Records: []RecordVerdict{{}, record}}
	if diff := cmp.Diff(item, v.Item(1)); diff != "" {
		t.Errorf("item (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(record, v.Record(1)); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(item, record.Event(1)); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if none := (Verdicts{}); !none.Item(3).Stored() || none.Record(3).Overtaken || !(RecordVerdict{}).Event(3).Stored() {
		t.Error("without verdicts, not all parts count as stored")
	}
}

// Each error has its kind, its code, and what it says to the person and to the log.
func TestErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk full")
	two := []FieldError{Field("/a", "c", "Wrong."), Field("/b", "d", "Bad.")}
	for _, tt := range []struct {
		err              *Error
		kind             Kind
		code, detail, is string
	}{
		{NotFound("api_key", "x"), KindNotFound, "api_key_not_found", `There is no api key "x" here.`, `api_key_not_found: There is no api key "x" here.`},
		{Conflict("busy", "Wait."), KindConflict, "busy", "Wait.", "busy: Wait."},
		{InvalidFields("bad", two...), KindInvalid, "bad", "2 values are wrong; see errors.", "bad: 2 values are wrong; see errors.; /a: Wrong.; /b: Bad."},
		{InvalidFields("bad", two[0]), KindInvalid, "bad", "/a: Wrong.", "bad: /a: Wrong.; /a: Wrong."},
		{InvalidFields("bad", Field(Parameter+"limit", "c", "Wrong.")), KindInvalid, "bad", "limit: Wrong.", "bad: limit: Wrong.; ?limit: Wrong."},
		{InvalidFields("bad", Field("", "c", "Wrong.")), KindInvalid, "bad", "Wrong.", "bad: Wrong.; : Wrong."},
	} {
		if tt.err.Kind != tt.kind || tt.err.Code != tt.code || tt.err.Detail != tt.detail || tt.err.Error() != tt.is {
			t.Errorf("got kind %v, code %s, detail %q, text %q; want %+v", tt.err.Kind, tt.err.Code, tt.err.Detail, tt.err.Error(), tt)
		}
	}
	u := Unavailable(cause)
	if u.Kind != KindUnavailable || u.Code != "storage_unavailable" || !errors.Is(u, cause) || !strings.HasSuffix(u.Error(), ": disk full") || strings.Contains(u.Detail, "disk") {
		t.Errorf("unavailable: %+v", u)
	}
	wrapped := fmt.Errorf("publishing: %w", u)
	if !IsKind(wrapped, KindUnavailable) || IsKind(wrapped, KindConflict) || IsKind(cause, "") || IsKind(nil, "") {
		t.Error("the kind of an error is told wrongly")
	}
}

// Each kind of id has its own prefix, reads back, and is not taken for another kind.
func TestIDKinds(t *testing.T) {
	t.Parallel()
	same := func(parse func(string) (fmt.Stringer, error)) func(string) error {
		return func(s string) error {
			back, err := parse(s)
			if err == nil && back.String() != s {
				return fmt.Errorf("%s reads back as %s", s, back)
			}
			return err
		}
	}
	kinds := []struct {
		prefix string
		make   func() (id fmt.Stringer, zero bool)
		parse  func(string) error
	}{
		{"evt_", func() (fmt.Stringer, bool) { id := NewEventID(); return id, id.IsZero() }, same(func(s string) (fmt.Stringer, error) { return ParseEventID(s) })},
		{"dlv_", func() (fmt.Stringer, bool) { id := NewEventID().Delivery(2); return id, id.IsZero() }, same(func(s string) (fmt.Stringer, error) { return ParseDeliveryID(s) })},
		{"ep_", func() (fmt.Stringer, bool) { id := NewEndpointID(); return id, id.IsZero() }, same(func(s string) (fmt.Stringer, error) { return ParseEndpointID(s) })},
		{"key_", func() (fmt.Stringer, bool) { id := NewKeyID(); return id, id.IsZero() }, same(func(s string) (fmt.Stringer, error) { return ParseKeyID(s) })},
		{"rec_", func() (fmt.Stringer, bool) { return NewRecoveryID(), false }, same(func(s string) (fmt.Stringer, error) { return ParseRecoveryID(s) })},
		{"crd_", func() (fmt.Stringer, bool) { id := NewCredentialID(); return id, id.IsZero() }, same(func(s string) (fmt.Stringer, error) { return ParseCredentialID(s) })},
		{"ptl_", func() (fmt.Stringer, bool) { return NewPortalLinkID(), false }, same(func(s string) (fmt.Stringer, error) { return ParsePortalLinkID(s) })},
	}
	for i, k := range kinds {
		id, zero := k.make()
		other, _ := k.make()
		s := id.String()
		if zero || s == other.String() || !strings.HasPrefix(s, k.prefix) || len(s) != len(k.prefix)+26 {
			t.Errorf("%s: the ids %s and %s; the first is zero: %t", k.prefix, s, other, zero)
		}
		if err := k.parse(s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
		for _, wrong := range []string{s[1:], s + "0", s[:len(s)-1], s + "00000000", strings.ToUpper(s), k.prefix + strings.Repeat("u", 26), kinds[(i+1)%len(kinds)].prefix + s[len(k.prefix):]} {
			if err := k.parse(wrong); !errors.Is(err, ErrID) {
				t.Errorf("%s is read as an id of %s: %v", wrong, k.prefix, err)
			}
		}
	}
	if !(ID{}).IsZero() || !(EventID{}).IsZero() || !(DeliveryID{}).IsZero() || !(EndpointID{}).IsZero() || !(KeyID{}).IsZero() || !(CredentialID{}).IsZero() || NewID().IsZero() {
		t.Error("an id that is unset is not told from one that is set")
	}
	if got := (AuditID{}).String(); got != "aud_"+strings.Repeat("0", 26) {
		t.Errorf("the id of an audit entry is %s", got)
	}
	if slot := (EndpointID{8: 1, 9: 200, 10: 3}).Slot(); slot != 200 {
		t.Errorf("the slot is %d", slot)
	}
	at := time.UnixMilli(1_700_000_000_123).UTC()
	if got := IDAt(at).Time(); !got.Equal(at) {
		t.Errorf("the id of %v was made at %v", at, got)
	}
}

// A change is made by the actor of its context, or by Gancho itself.
func TestActorOf(t *testing.T) {
	t.Parallel()
	want := Actor{Kind: ActorKey, Name: "ci", Role: RoleTenant}
	if diff := cmp.Diff(want, ActorOf(WithActor(context.Background(), want))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := ActorOf(context.Background()); got.Kind != ActorSystem {
		t.Errorf("without an actor it is %+v", got)
	}
}

// An identity has everything of a credential except what is secret.
func TestIdentity(t *testing.T) {
	t.Parallel()
	c := &Credential{Name: "Mi App", Tenant: "acme", APIKey: "key"}
	want := Identity{ID: c.ID.String(), Tenant: "acme", Name: "Mi App", APIKey: "key"}
	if diff := cmp.Diff(want, c.Identity()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A month begins at midnight UTC, whatever the zone of the moment.
func TestQuotaMonth(t *testing.T) {
	t.Parallel()
	bogota := time.FixedZone("", -5*3600)
	for at, want := range map[time.Time]string{
		time.Date(2026, 11, 30, 18, 59, 59, 0, bogota): "2026-11-01",
		time.Date(2026, 11, 30, 19, 0, 0, 0, bogota):   "2026-12-01",
	} {
		if got := QuotaMonth(at); got.Format(time.DateOnly) != want || got.Location() != time.UTC || got.Hour() != 0 {
			t.Errorf("the month of %v begins %v", at, got)
		}
	}
}

// A secret has an id and a hint, which give little of it away.
func TestSecretID(t *testing.T) {
	t.Parallel()
	a, b := NewEndpointID(), NewEndpointID()
	s := Secret{Text: "whsec_abcdefgh=="}
	if id := s.ID(a); len(id) != 12 || !strings.HasPrefix(id, "sec_") || id == s.ID(b) || id == (Secret{Text: "x"}).ID(a) || id != s.ID(a) {
		t.Errorf("ids: %s, %s", id, s.ID(b))
	}
	for text, want := range map[string]string{s.Text: "efgh", "abc": "", "8 bytes!": "s!", "": "", "1234567890123456": "3456", "-----BEGIN PRIVATE KEY-----\nabcd\n-----END PRIVATE KEY-----\n": "abcd"} {
		if got := (Secret{Text: text}).Hint(); got != want {
			t.Errorf("the hint of %q is %q", text, got)
		}
	}
	if got := (&Accepted{Deliveries: make([]Delivery, 3), LeftOut: 1}).Sent(); got != 2 {
		t.Errorf("%d endpoints get it", got)
	}
	if (&Response{}).HasStatus() || !(&Response{Status: 200}).HasStatus() {
		t.Error("whether there is a status is told wrongly")
	}
}

// A bound belongs to the bucket above it, and within a bucket the estimate rises evenly.
func TestTallyBounds(t *testing.T) {
	t.Parallel()
	var tally Tally
	tally.Took(LatencyBounds[0])
	if tally.Times[0] != 0 || tally.Times[1] != 1 {
		t.Errorf("%v was counted in %v", LatencyBounds[0], tally.Times)
	}
	tally = Tally{Delivered: 4}
	tally.Times[1] = 4
	low, width := LatencyBounds[0], LatencyBounds[1]-LatencyBounds[0]
	for _, quarter := range []int{1, 2, 4} {
		want := low + width*time.Duration(quarter)/4
		if got, ok := tally.Percentile(float64(quarter) / 4); !ok || got != want {
			t.Errorf("percentile %d/4 is %v, %t; want %v", quarter, got, ok, want)
		}
	}
	var slow Tally
	slow.Took(time.Hour)
	if d, ok := slow.Percentile(1); !ok || d != LatencyBounds[len(LatencyBounds)-1] {
		t.Errorf("beyond the last bound: %v, %t", d, ok)
	}
}

// Numbers that people rely on stand here as the documents say them. Tests that use the constants notice no change of one.
func TestDocumentedNumbers(t *testing.T) {
	t.Parallel()
	want := []time.Duration{
		0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
		5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
	if diff := cmp.Diff(want, DefaultRetry); diff != "" {
		t.Errorf("the default schedule, as Standard Webhooks suggests it:\n%s", diff)
	}
	for what, n := range map[string][2]int64{
		"the default timeout, in seconds":                        {int64(DefaultTimeout / time.Second), 15},
		"the longest timeout, in seconds":                        {int64(MaxTimeout / time.Second), 300},
		"the default concurrency":                                {DefaultConcurrency, 32},
		"the highest concurrency":                                {MaxConcurrency, 1000},
		"the longest schedule, in attempts":                      {MaxRetries, 100},
		"the longest pause that Retry-After can ask for, in min": {int64(MaxRetryAfter / time.Minute), 60},
		"what is read of an answer, in bytes":                    {ReadBody, 65536},
		"what is kept of an answer, in bytes":                    {KeepBody, 16384},
		"the most deliveries of one event":                       {MaxFanout, 65535},
	} {
		if n[0] != n[1] {
			t.Errorf("%s: it is %d, the documents say %d", what, n[0], n[1])
		}
	}
}
