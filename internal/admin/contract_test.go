package admin_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"gancho/internal/admin"
	"gancho/internal/catalog"
	"gancho/internal/contract"
	"gancho/internal/egress"
	"gancho/internal/hook"
)

// newContracts are contracts in a real catalogue, and an endpoint of the contract shop in the version 1.
func newContracts(t *testing.T) (x admin.Contracts, endpoint *hook.Endpoint) {
	t.Helper()
	db, tenant := newTenant(t)
	known := catalog.New(db, slog.New(slog.DiscardHandler))
	x = admin.Contracts{Store: db, InForce: known.Set(), Catalog: known}
	if _, stored, err := x.Put(t.Context(), []byte(settings), hook.Precondition{}); err != nil || !stored.Created || stored.Version != 1 {
		t.Fatalf("put: %+v, %v", stored, err)
	}
	endpoints := admin.Endpoints{Store: db, Egress: egress.NewKeeper(db, nil), Contracts: known.Set()}
	return x, must(endpoints.Create(t.Context(), tenant, admin.EndpointSpec{
		Contract: "shop", Config: hook.EndpointConfig{URL: address, Settings: []byte(`{"token":"t"}`)},
	}))(t)
}

// stricter is a version of the contract shop that the endpoint does not satisfy.
var stricter = strings.Replace(settings, "required: [token]", "required: [token, region]", 1)

// mistakes checks that an error is about the text of a contract.
func mistakes(t *testing.T, err error) {
	t.Helper()
	if problems, ok := errors.AsType[*contract.Problems](err); !ok || len(problems.List) == 0 || problems.List[0].Line == 0 {
		t.Errorf("error %v, want mistakes with their lines", err)
	}
}

func TestContracts(t *testing.T) {
	t.Parallel()
	x, e := newContracts(t)
	if _, stored, err := x.Put(t.Context(), []byte(settings), hook.Precondition{}); err != nil || stored.Created {
		t.Errorf("the same text again: %+v, %v", stored, err)
	}
	c, stored, err := x.Put(t.Context(), []byte(stricter), hook.Precondition{})
	if err != nil || c.Name != "shop" || stored.Version != 2 || len(stored.KeptBack) != 1 || stored.KeptBack[0].Endpoint != e.ID {
		t.Fatalf("a new version: %+v, %v", stored, err)
	}
	for asked, want := range map[int64]int64{0: 2, 2: 2, 1: 1} {
		if got := must(x.Version("shop", asked))(t); got.Version != want {
			t.Errorf("version %d is %d, want %d", asked, got.Version, want)
		}
	}
	if versions := must(x.Versions(t.Context(), "shop"))(t); len(versions) != 2 || versions[0].Version != 2 {
		t.Errorf("versions %+v", versions)
	}
	if list := x.List(); len(list) != 1 || list[0].Name != "shop" {
		t.Errorf("list %v", list)
	}
}

func TestContractsRefuse(t *testing.T) {
	t.Parallel()
	x, _ := newContracts(t)
	_, err := x.Get("shp")
	refused(t, err, "contract_not_found")
	_, err = x.Version("shop", 7)
	refused(t, err, "version_not_found")
	_, err = x.SetShaping(t.Context(), "shp", new(true))
	refused(t, err, "contract_not_found")
	_, _, err = x.Put(t.Context(), []byte("contract: shop\n"), hook.Precondition{})
	mistakes(t, err)
	_, err = x.Check(t.Context(), []byte("contract: shop\n"))
	mistakes(t, err)
	if c := must(x.Get("shop"))(t); c.Version != 1 {
		t.Errorf("version %d is in force although the others were refused", c.Version)
	}
}

func TestCheckContract(t *testing.T) {
	t.Parallel()
	x, e := newContracts(t)
	got := must(x.Check(t.Context(), []byte(stricter)))(t)
	if !got.Passed || got.Contract.Name != "shop" || len(got.KeptBack) != 1 || got.KeptBack[0].Endpoint != e.ID {
		t.Errorf("check %+v", got)
	}
	failing := settings + `tests:
  another token:
    event: order.paid
    payload: {a: 1}
    settings: {token: t}
    headers: {x-token: other}
`
	if got := must(x.Check(t.Context(), []byte(failing)))(t); got.Passed || len(got.Tests) == 0 {
		t.Errorf("check of a contract whose test fails: %+v", got)
	}
	_, _, err := x.Put(t.Context(), []byte(failing), hook.Precondition{})
	mistakes(t, err)
	if c := must(x.Get("shop"))(t); c.Version != 1 {
		t.Errorf("a check put version %d in force", c.Version)
	}
}

func TestSetShaping(t *testing.T) {
	t.Parallel()
	x, _ := newContracts(t)
	for _, c := range []struct {
		on   *bool
		want bool
	}{{new(true), true}, {new(false), false}, {nil, false}} {
		if got := must(x.SetShaping(t.Context(), "shop", c.on))(t); got.AllowsShaping() != c.want {
			t.Errorf("shaping %t, want %t", got.AllowsShaping(), c.want)
		}
	}
}
