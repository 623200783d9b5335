package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/admin"
	"gancho/internal/contract"
	"gancho/internal/egress"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/sign"
	"gancho/internal/transform"
)

// Contracts to test with: one that signs and lets endpoints shape requests, one with settings that does neither, and
// two with credentials, of which one makes endpoints with them.
const (
	signing = `contract: standard
title: {en: Signing}
endpoint: {sign: standard-webhooks, shaping: on}
events: {"*": {title: {en: Any}}}
`
	settings = `contract: shop
title: {en: Shop}
endpoint:
  per_tenant: 2
  settings:
    properties: {token: {type: string, title: {en: Token}, secret: true}, region: {type: string, title: {en: Region}}}
    required: [token]
  headers: {x-token: "${settings.token}"}
  shaping: off
delivery: {timeout: 3s, retry: [0s, 5s]}
events: {order.paid: {title: {en: Paid}}}
`
	keyed = `contract: %s
title: {en: Keyed}
credentials: {endpoint: %t, api_key: {length: 20, alphabet: a-z}, secret: {length: 24, alphabet: a-z}, token: {lifetime: 1h}}
events: {order.paid: {title: {en: Paid}}}
`
)

// newSet is a set of contracts in force.
func newSet(t *testing.T, sources ...string) *contract.Set {
	t.Helper()
	set := new(contract.Set)
	for _, source := range sources {
		c, err := contract.Parse("test.yaml", []byte(source))
		if err != nil {
			t.Fatal(err)
		}
		set.Add(c.WithVersion(1))
	}
	return set
}

// scripts takes every script but one that says "wrong".
type scripts struct{ checked int }

func (s *scripts) Check(_ context.Context, _, source string) error {
	s.checked++
	if source == "wrong" {
		return &transform.Error{Class: hook.ClassScript, Message: "there is no handler", Line: 1, Column: 2}
	}
	return nil
}

func newEndpoints(t *testing.T) (x admin.Endpoints, tenant string) {
	t.Helper()
	db, tenant := newTenant(t)
	return admin.Endpoints{Store: db, Egress: egress.NewKeeper(db, nil), Contracts: newSet(t, signing, settings), Scripts: &scripts{}}, tenant
}

const address = "https://crm.example.com/hooks"

func TestCreateEndpoint(t *testing.T) {
	t.Parallel()
	x, tenant := newEndpoints(t)
	e := must(x.Create(t.Context(), tenant, admin.EndpointSpec{
		Name: "CRM", State: hook.EndpointPaused,
		Config: hook.EndpointConfig{URL: address, Headers: []hook.Header{{Name: "X-B", Value: "2"}, {Name: "X-A", Value: "1"}}},
	}))(t)
	if e.Contract != hook.DefaultContract || e.State != hook.EndpointPaused || e.StateReason != hook.ReasonByPerson || e.Version != 1 {
		t.Errorf("created %+v", e)
	}
	if len(e.Secrets) != 1 || sign.StandardWebhooks.Check(e.Secrets[0].Text) != nil {
		t.Errorf("secrets %v", e.Secrets)
	}
	if e.Config.Headers[0].Name != "X-A" {
		t.Errorf("headers are not sorted: %v", e.Config.Headers)
	}
	stored := must(x.Get(t.Context(), tenant, e.ID.String()))(t)
	if diff := cmp.Diff(e.Config, stored.Config); diff != "" {
		t.Errorf("stored (-created +stored):\n%s", diff)
	}
	list, _, err := x.List(t.Context(), tenant, hook.Page{Limit: 10})
	if err != nil || len(list) != 1 {
		t.Errorf("list %v, %v", list, err)
	}
	unsigned := must(x.Create(t.Context(), tenant, admin.EndpointSpec{
		Contract: "shop", Config: hook.EndpointConfig{URL: address, Settings: json.RawMessage(`{"token":"t"}`)},
	}))(t)
	if len(unsigned.Secrets) > 0 {
		t.Errorf("a secret although the contract does not sign: %v", unsigned.Secrets)
	}
}

func TestCreateEndpointRefuses(t *testing.T) {
	t.Parallel()
	x, tenant := newEndpoints(t)
	x.Contracts = newSet(t, signing, settings, strings.NewReplacer("%s", "keyed", "%t", "true").Replace(keyed))
	token := json.RawMessage(`{"token":"t"}`)
	for _, c := range []struct {
		name   string
		spec   admin.EndpointSpec
		code   string
		places []string
	}{
		{"a contract that is not there", admin.EndpointSpec{Contract: "shp"}, "contract_unknown", []string{"/contract"}},
		{"a contract whose endpoints come with credentials", admin.EndpointSpec{Contract: "keyed"}, "credential_needed", []string{"/contract"}},
		{"several mistakes at once", admin.EndpointSpec{
			Name: strings.Repeat("ñ", 201), State: hook.EndpointDeleted, Wrong: []hook.FieldError{{Pointer: "/retry/0", Detail: "No length of time."}},
			Config: hook.EndpointConfig{URL: "nothing", Headers: []hook.Header{{Name: "X-~/", Value: mask.Text}}},
		}, "endpoint_invalid", []string{"/retry/0", "/name", "/state", "/url", "/headers/X-~0~1"}},
		{"settings that are a list", admin.EndpointSpec{Config: hook.EndpointConfig{URL: address, Settings: json.RawMessage(`[]`)}}, "endpoint_invalid", []string{"/settings"}},
		{"settings that are too large", admin.EndpointSpec{Config: hook.EndpointConfig{
			URL: address, Settings: json.RawMessage(`{"a":"` + strings.Repeat("x", 65<<10) + `"}`),
		}}, "endpoint_invalid", []string{"/settings"}},
		{"no settings where the contract asks for them", admin.EndpointSpec{Contract: "shop", Config: hook.EndpointConfig{URL: address}}, "endpoint_invalid", []string{"/settings/token"}},
		{"shaping that the contract forbids", admin.EndpointSpec{Contract: "shop", Config: hook.EndpointConfig{
			URL: address, Settings: token, Filter: "true", Transformation: "x",
		}}, "shaping_off", []string{"/filter", "/transformation"}},
		{"a script that is wrong", admin.EndpointSpec{Config: hook.EndpointConfig{URL: address, Transformation: "wrong"}}, "transformation_invalid", []string{"/transformation"}},
		{"a secret that cannot sign", admin.EndpointSpec{Secret: "abc", Config: hook.EndpointConfig{URL: address}}, "secret_invalid", []string{"/secret"}},
		{"a secret although the contract does not sign", admin.EndpointSpec{
			Contract: "shop", Secret: sign.StandardWebhooks.NewSecret(), Config: hook.EndpointConfig{URL: address, Settings: token},
		}, "secret_invalid", []string{"/secret"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := x.Create(t.Context(), tenant, c.spec)
			refused(t, err, c.code, c.places...)
		})
	}
	if list, _, err := x.List(t.Context(), tenant, hook.Page{Limit: 10}); err != nil || len(list) > 0 {
		t.Errorf("stored although refused: %v, %v", list, err)
	}
}

func TestTooManyEndpoints(t *testing.T) {
	t.Parallel()
	x, tenant := newEndpoints(t)
	spec := admin.EndpointSpec{Contract: "shop", Config: hook.EndpointConfig{URL: address, Settings: json.RawMessage(`{"token":"t"}`)}}
	for range 2 {
		must(x.Create(t.Context(), tenant, spec))(t)
	}
	_, err := x.Create(t.Context(), tenant, spec)
	refused(t, err, "too_many_endpoints")
}

func TestPatchEndpoint(t *testing.T) {
	t.Parallel()
	x, tenant := newEndpoints(t)
	e := must(x.Create(t.Context(), tenant, admin.EndpointSpec{
		Contract: "shop", Name: "CRM",
		Config: hook.EndpointConfig{
			URL: address, Timeout: time.Second, Retry: []time.Duration{0, time.Minute}, Settings: json.RawMessage(`{"token":"t", "region":"eu"}`),
			Headers: []hook.Header{{Name: "Authorization", Value: "secret"}, {Name: "X-Old", Value: "1"}, {Name: "X-Team", Value: "blue"}},
		},
	}))(t)
	id := e.ID.String()
	same := must(x.Patch(t.Context(), tenant, id, admin.EndpointPatch{}))(t)
	if same.Version != 1 {
		t.Errorf("a patch of nothing made version %d", same.Version)
	}
	got := must(x.Patch(t.Context(), tenant, id, admin.EndpointPatch{
		Name: new("Sales"), Contract: new("shop"), Timeout: new(time.Duration(0)), Concurrency: new(3), State: new(hook.EndpointPaused),
		Headers:  map[string]*string{"authorization": new(mask.Text), "x-old": nil, "X-New": new("2")},
		Settings: json.RawMessage(`{"token":"` + mask.Text + `","region":null}`),
	}))(t)
	want := hook.EndpointConfig{
		URL: address, Retry: []time.Duration{0, time.Minute}, Concurrency: 3, Settings: json.RawMessage(`{"token":"t"}`),
		Headers: []hook.Header{{Name: "X-New", Value: "2"}, {Name: "X-Team", Value: "blue"}, {Name: "authorization", Value: "secret"}},
	}
	if diff := cmp.Diff(want, got.Config); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if got.Name != "Sales" || got.State != hook.EndpointPaused || got.StateReason != hook.ReasonByPerson || got.Version != 2 {
		t.Errorf("patched %+v", got)
	}
	cleared := must(x.Patch(t.Context(), tenant, id, admin.EndpointPatch{ClearHeaders: true, Retry: &[]time.Duration{}, State: new(hook.EndpointState(""))}))(t)
	if len(cleared.Config.Headers) > 0 || len(cleared.Config.Retry) > 0 || cleared.State != hook.EndpointActive || cleared.StateReason != "" {
		t.Errorf("cleared %+v", cleared)
	}
	if stored := must(x.Get(t.Context(), tenant, id))(t); stored.Version != cleared.Version {
		t.Errorf("stored version %d, want %d", stored.Version, cleared.Version)
	}
}

func TestPatchEndpointRefuses(t *testing.T) {
	t.Parallel()
	x, tenant := newEndpoints(t)
	e := must(x.Create(t.Context(), tenant, admin.EndpointSpec{Config: hook.EndpointConfig{URL: address}}))(t)
	for _, c := range []struct {
		name, id string
		patch    admin.EndpointPatch
		code     string
		places   []string
	}{
		{"no such endpoint", hook.NewEndpointID().String(), admin.EndpointPatch{}, "endpoint_not_found", nil},
		{"no id", "nothing", admin.EndpointPatch{}, "endpoint_not_found", nil},
		{"another contract", e.ID.String(), admin.EndpointPatch{Contract: new("shop")}, "endpoint_invalid", []string{"/contract"}},
		{"no URL", e.ID.String(), admin.EndpointPatch{URL: new("")}, "endpoint_invalid", []string{"/url"}},
		{"a mask in the place of no stored value", e.ID.String(), admin.EndpointPatch{Headers: map[string]*string{"Token": new(mask.Text)}}, "endpoint_invalid", []string{"/headers/Token"}},
		{"an empty secret", e.ID.String(), admin.EndpointPatch{Secret: new("")}, "secret_invalid", []string{"/secret"}},
		{"a script that is wrong", e.ID.String(), admin.EndpointPatch{Transformation: new("wrong")}, "transformation_invalid", []string{"/transformation"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := x.Patch(t.Context(), tenant, c.id, c.patch)
			refused(t, err, c.code, c.places...)
		})
	}
	if stored := must(x.Get(t.Context(), tenant, e.ID.String()))(t); stored.Version != 1 || stored.Config.URL != address {
		t.Errorf("changed although refused: %+v", stored)
	}
	_, err := x.Patch(t.Context(), "other", e.ID.String(), admin.EndpointPatch{})
	refused(t, err, "endpoint_not_found")
}

// TestShapingStays turns shaping off for a contract whose endpoint has a filter: what the endpoint did before it may go
// on doing, and it may not do anything new.
func TestShapingStays(t *testing.T) {
	t.Parallel()
	x, tenant := newEndpoints(t)
	e := must(x.Create(t.Context(), tenant, admin.EndpointSpec{Config: hook.EndpointConfig{URL: address, Filter: "true", Transformation: "x"}}))(t)
	x.Contracts.SetShaping(hook.DefaultContract, new(false))
	got := must(x.Patch(t.Context(), tenant, e.ID.String(), admin.EndpointPatch{Name: new("still"), Filter: new("true")}))(t)
	if got.Config.Filter != "true" || x.Scripts.(*scripts).checked != 1 {
		t.Errorf("filter %q, %d scripts checked", got.Config.Filter, x.Scripts.(*scripts).checked)
	}
	_, err := x.Patch(t.Context(), tenant, e.ID.String(), admin.EndpointPatch{Filter: new("false")})
	refused(t, err, "shaping_off", "/filter")
}

// busyStore changes the endpoint each time before it is stored.
type busyStore struct {
	admin.EndpointStore
	others int // how many changes of others come first
}

func (s *busyStore) UpdateEndpoint(ctx context.Context, e *hook.Endpoint, newConfig bool) (bool, error) {
	if s.others > 0 {
		s.others--
		return false, nil
	}
	return s.EndpointStore.UpdateEndpoint(ctx, e, newConfig)
}

func TestPatchTogetherWithOthers(t *testing.T) {
	t.Parallel()
	x, tenant := newEndpoints(t)
	e := must(x.Create(t.Context(), tenant, admin.EndpointSpec{Config: hook.EndpointConfig{URL: address}}))(t)
	x.Store = &busyStore{x.Store, 4}
	if got := must(x.Patch(t.Context(), tenant, e.ID.String(), admin.EndpointPatch{Name: new("a")}))(t); got.Name != "a" {
		t.Errorf("name %q", got.Name)
	}
	x.Store = &busyStore{x.Store, 5}
	_, err := x.Patch(t.Context(), tenant, e.ID.String(), admin.EndpointPatch{Name: new("b")})
	refused(t, err, "endpoint_busy")
}

func TestEndpointStates(t *testing.T) {
	t.Parallel()
	x, tenant := newEndpoints(t)
	e := must(x.Create(t.Context(), tenant, admin.EndpointSpec{Config: hook.EndpointConfig{URL: address}}))(t)
	for _, c := range []struct {
		state  hook.EndpointState
		reason string
	}{{hook.EndpointPaused, hook.ReasonByPerson}, {hook.EndpointDisabled, hook.ReasonByPerson}, {hook.EndpointActive, ""}} {
		got := must(x.SetState(t.Context(), tenant, e.ID.String(), c.state))(t)
		if got.State != c.state || got.StateReason != c.reason {
			t.Errorf("%s: state %s, reason %q", c.state, got.State, got.StateReason)
		}
	}
	_, err := x.SetState(t.Context(), "other", e.ID.String(), hook.EndpointPaused)
	refused(t, err, "endpoint_not_found")
	refused(t, x.Delete(t.Context(), tenant, "nothing", hook.Precondition{}), "endpoint_not_found")
	if err := x.Delete(t.Context(), tenant, e.ID.String(), hook.Precondition{}); err != nil {
		t.Fatal(err)
	}
	_, err = x.Get(t.Context(), tenant, e.ID.String())
	refused(t, err, "endpoint_not_found")
}

func TestEndpointView(t *testing.T) {
	t.Parallel()
	x, tenant := newEndpoints(t)
	e := must(x.Create(t.Context(), tenant, admin.EndpointSpec{Contract: "shop", Config: hook.EndpointConfig{
		URL: address, Settings: json.RawMessage(`{"token":"t"}`), Headers: []hook.Header{{Name: "X-Key", Value: "k"}, {Name: "X-Team", Value: "blue"}},
	}}))(t)
	v := x.View(e)
	want := hook.EndpointConfig{
		URL: address, Method: "POST", Settings: json.RawMessage(`{"token":"` + mask.Text + `"}`), Timeout: 3 * time.Second,
		Retry: []time.Duration{0, 5 * time.Second}, Concurrency: hook.DefaultConcurrency, Mode: hook.AtLeastOnce,
		Headers: []hook.Header{{Name: "X-Key", Value: mask.Text}, {Name: "X-Team", Value: "blue"}},
	}
	if diff := cmp.Diff(want, v.InForce); diff != "" {
		t.Errorf("in force (-want +got):\n%s", diff)
	}
	if v.ContractVersion != 1 || e.Config.Headers[0].Value != "k" {
		t.Errorf("version %d, stored header %q", v.ContractVersion, e.Config.Headers[0].Value)
	}
	x.Contracts = newSet(t, signing)
	if v := x.View(e); v.ContractVersion != 0 || v.InForce.Settings != nil {
		t.Errorf("without its contract: version %d, settings %s", v.ContractVersion, v.InForce.Settings)
	}
}

// Under a contract whose requests have room for one signature, a new secret signs alone from the start, and nobody is told
// that the old one signs as well.
func TestSecretsOfOneSignature(t *testing.T) {
	t.Parallel()
	db, tenant := newTenant(t)
	const one = `
contract: one
title: {en: One}
events: {paid: {title: {en: Paid}}}
endpoint: {sign: {headers: {X-Sig: "${signature}"}}}
`
	several := strings.Replace(strings.ReplaceAll(one, "one", "several"), "sign: {", `sign: {several: {join: ","}, `, 1)
	x := admin.Endpoints{Store: db, Egress: egress.NewKeeper(db, nil), Contracts: newSet(t, one, several), Scripts: &scripts{}}
	for name, previous := range map[string]int{"one": 0, "several": 1} {
		e := must(x.Create(t.Context(), tenant, admin.EndpointSpec{Contract: name, Secret: "any text will do", Config: hook.EndpointConfig{URL: address}}))(t)
		day := 24 * time.Hour
		got := must(x.RotateSecret(t.Context(), tenant, e.ID.String(), admin.Rotation{Overlap: &day}))(t)
		if len(got.Text) != 40 || len(got.Previous) != previous {
			t.Errorf("%s: %d secrets sign beside the new one %s", name, len(got.Previous), got.Text)
		}
	}
}

func TestSigningSecrets(t *testing.T) {
	t.Parallel()
	x, tenant := newEndpoints(t)
	first := sign.StandardWebhooks.NewSecret()
	id := must(x.Create(t.Context(), tenant, admin.EndpointSpec{Secret: first, Config: hook.EndpointConfig{URL: address}}))(t).ID.String()
	second := sign.StandardWebhooks.NewSecret()
	got := must(x.RotateSecret(t.Context(), tenant, id, admin.Rotation{Secret: second}))(t)
	if got.Text != second || len(got.Previous) != 1 || got.Previous[0].Text != first || time.Until(got.Previous[0].ExpiresAt) < 23*time.Hour {
		t.Errorf("rotated: %+v", got)
	}
	again := must(x.RotateSecret(t.Context(), tenant, id, admin.Rotation{Secret: second}))(t)
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("the same request again (-first +second):\n%s", diff)
	}
	made := must(x.RotateSecret(t.Context(), tenant, id, admin.Rotation{Overlap: new(time.Duration(0))}))(t)
	if made.Text == second || len(made.Previous) != 0 {
		t.Errorf("without an overlap: %+v", made)
	}
	for range 10 {
		made = must(x.RotateSecret(t.Context(), tenant, id, admin.Rotation{}))(t)
	}
	if len(made.Previous) != 4 {
		t.Errorf("%d secrets still sign beside the newest", len(made.Previous))
	}
	patched := must(x.Patch(t.Context(), tenant, id, admin.EndpointPatch{Secret: &first}))(t)
	if len(patched.Secrets) != 1 || patched.Secrets[0].Text != first {
		t.Errorf("a patch takes over at once: %v", patched.Secrets)
	}
	if read := must(x.Secrets(t.Context(), tenant, id))(t); read.Text != first || read.Public != "" {
		t.Errorf("read %+v", read)
	}
}

// All secrets that were replaced before can be ended: by the next rotation, by the same one again, or
// one by one. A rotation that says nothing about an overlap leaves them as they are.
func TestSigningSecretsEnd(t *testing.T) {
	t.Parallel()
	x, tenant := newEndpoints(t)
	id := must(x.Create(t.Context(), tenant, admin.EndpointSpec{Config: hook.EndpointConfig{URL: address}}))(t).ID.String()
	long, short, none := 20*24*time.Hour, time.Hour, time.Duration(0)
	list := func() []admin.SecretInfo { return must(x.ListSecrets(t.Context(), tenant, id))(t) }
	rotate := func(secret string, overlap *time.Duration) []hook.Secret {
		return must(x.RotateSecret(t.Context(), tenant, id, admin.Rotation{Secret: secret, Overlap: overlap}))(t).Previous
	}
	last := func(list []hook.Secret) time.Duration {
		return time.Until(list[len(list)-1].ExpiresAt).Round(time.Hour)
	}
	rotate("", &long)
	if p := rotate("", nil); len(p) != 2 || last(p) != long || last(p[:1]) != 24*time.Hour {
		t.Errorf("without a word about the overlap: %+v", p)
	}
	if p := rotate("", &short); len(p) != 3 || last(p) != short || last(p[:1]) != short {
		t.Errorf("with a short overlap: %+v", p)
	}
	for i, s := range list() {
		if s.Text != "" || len(s.Hint) != 4 || s.Current != (i == 0) || s.CreatedAt.IsZero() || s.ExpiresAt.IsZero() != s.Current {
			t.Errorf("listed %+v", s)
		}
	}
	was := list()
	if err := x.EndSecret(t.Context(), tenant, id, was[2].ID); err != nil {
		t.Fatal(err)
	}
	if now := list(); len(now) != 3 || now[0].ID != was[0].ID || now[1].ID != was[1].ID || now[2].ID != was[3].ID {
		t.Errorf("one was ended: %+v", now)
	}
	refused(t, x.EndSecret(t.Context(), tenant, id, was[2].ID), "secret_not_found")
	refused(t, x.EndSecret(t.Context(), tenant, id, was[0].ID), "secret_current")
	refused(t, x.EndSecret(t.Context(), "other", id, was[1].ID), "endpoint_not_found")
	now := must(x.Secrets(t.Context(), tenant, id))(t).Text
	if p := rotate(now, &none); len(p) != 0 || len(list()) != 1 {
		t.Errorf("the same secret again, without an overlap: %+v", p)
	}
}

func TestSigningSecretsRefuse(t *testing.T) {
	t.Parallel()
	x, tenant := newEndpoints(t)
	id := must(x.Create(t.Context(), tenant, admin.EndpointSpec{Config: hook.EndpointConfig{URL: address}}))(t).ID.String()
	unsigned := must(x.Create(t.Context(), tenant, admin.EndpointSpec{
		Contract: "shop", Config: hook.EndpointConfig{URL: address, Settings: json.RawMessage(`{"token":"t"}`)},
	}))(t).ID.String()
	for _, overlap := range []time.Duration{-1, 31 * 24 * time.Hour} {
		_, err := x.RotateSecret(t.Context(), tenant, id, admin.Rotation{Overlap: &overlap})
		refused(t, err, "request_invalid", "/overlap")
	}
	_, err := x.RotateSecret(t.Context(), tenant, id, admin.Rotation{Secret: "abc"})
	refused(t, err, "secret_invalid", "/secret")
	_, err = x.RotateSecret(t.Context(), tenant, unsigned, admin.Rotation{})
	refused(t, err, "secret_not_found")
	_, err = x.Secrets(t.Context(), tenant, unsigned)
	refused(t, err, "secret_not_found")
	_, err = x.Secrets(t.Context(), "other", id)
	refused(t, err, "endpoint_not_found")
}

// A filter that can never be evaluated is refused when it is given. One that the endpoint has already stays, so that
// other things about the endpoint can be changed.
func TestHopelessFilter(t *testing.T) {
	t.Parallel()
	x, tenant := newEndpoints(t)
	list := "[" + strings.Repeat("1,", 99) + "1]"
	hopeless := list + ".all(a, " + list + ".all(b, " + list + ".all(c, a + b + c < 9)))"
	_, err := x.Create(t.Context(), tenant, admin.EndpointSpec{Config: hook.EndpointConfig{URL: address, Filter: hopeless}})
	refused(t, err, "endpoint_invalid", "/filter")
	e := must(x.Create(t.Context(), tenant, admin.EndpointSpec{Config: hook.EndpointConfig{
		URL: address, Filter: list + ".all(a, payload.x.exists(b, a == b))",
	}}))(t)
	_, err = x.Patch(t.Context(), tenant, e.ID.String(), admin.EndpointPatch{Filter: &hopeless})
	refused(t, err, "endpoint_invalid", "/filter")
	e.Config.Filter = hopeless // as a program of the release before stored it
	if ok, err := x.Store.UpdateEndpoint(t.Context(), e, true); !ok || err != nil {
		t.Fatal(ok, err)
	}
	must(x.Patch(t.Context(), tenant, e.ID.String(), admin.EndpointPatch{Name: new("renamed")}))(t)
}

// The rules for hosts and ports hold at the door: of a new endpoint, of a changed URL, of a
// credential's endpoint. An endpoint that is there keeps its URL.
func TestEndpointReach(t *testing.T) {
	t.Parallel()
	db, tenant := newTenant(t)
	keeper := egress.NewKeeper(db, []uint16{81})
	keeper.Guard = func(ip netip.Addr) error {
		if ip.Is4() && ip.Unmap().IsPrivate() || ip.IsLoopback() && ip.Is6() {
			return errors.New("refused")
		}
		return nil
	}
	db.Watch(keeper.Changed)
	x := admin.Endpoints{Store: db, Egress: keeper, Contracts: newSet(t, signing), Scripts: &scripts{}}
	create := func(url string) (*hook.Endpoint, error) {
		return x.Create(t.Context(), tenant, admin.EndpointSpec{Config: hook.EndpointConfig{URL: url}})
	}
	e, err := create("https://old.example:81/")
	if err != nil {
		t.Fatal(err)
	}
	_, err = create("https://a.example.com:25/")
	refused(t, err, "endpoint_invalid", "/url")
	for _, url := range []string{"http://10.1.2.3/x", "http://10.1.2.3:8080/", "http://[::1]/"} {
		_, err = create(url)
		refused(t, err, "endpoint_invalid", "/url")
	}
	tenants := admin.Tenants{Store: db}
	_, _, err = tenants.Put(t.Context(), tenant, hook.TenantChange{Egress: &hook.Hosts{Allow: []string{"http://x"}}})
	refused(t, err, "request_invalid", "/egress/allow/0")
	if _, _, err := tenants.Put(t.Context(), tenant, hook.TenantChange{Egress: &hook.Hosts{Allow: []string{"*.example.com"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := create("https://a.example.com/"); err != nil {
		t.Error(err)
	}
	_, err = create("https://a.example.org/")
	refused(t, err, "endpoint_invalid", "/url")
	name, url := "new name", "https://b.example.org/"
	if _, err := x.Patch(t.Context(), tenant, e.ID.String(), admin.EndpointPatch{Name: &name}); err != nil {
		t.Errorf("an endpoint on a host that is not allowed any more cannot be renamed: %v", err)
	}
	_, err = x.Patch(t.Context(), tenant, e.ID.String(), admin.EndpointPatch{URL: &url})
	refused(t, err, "endpoint_invalid", "/url")
}
