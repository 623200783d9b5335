package admin_test

import (
	"testing"
	"time"

	"gancho/internal/admin"
	"gancho/internal/hook"
)

func TestPortalLinks(t *testing.T) {
	t.Parallel()
	db, tenant := newTenant(t)
	x := admin.PortalLinks{Store: db}
	l, stays, err := x.Create(t.Context(), &hook.Key{}, tenant, admin.PortalLinkSpec{Name: "Ana"})
	if err != nil || l.Role != hook.RoleTenant || l.Name != "Ana" || stays != 8*time.Hour || time.Until(l.ExpiresAt) > 10*time.Minute || !l.EndsAt.Equal(l.ExpiresAt) {
		t.Fatalf("created %+v for %v, %v", l, stays, err)
	}
	read, stays, err := x.Create(t.Context(), &hook.Key{}, tenant, admin.PortalLinkSpec{ReadOnly: true, OpensFor: new(time.Hour), StaysOpen: new(time.Minute)})
	if err != nil || read.Role != hook.RoleRead || stays != time.Minute || time.Until(read.ExpiresAt) < 59*time.Minute {
		t.Errorf("created %+v for %v, %v", read, stays, err)
	}
	if list, _, err := x.List(t.Context(), tenant, hook.Page{Limit: 10}); err != nil || len(list) != 2 {
		t.Errorf("list %v, %v", list, err)
	}
	soon := time.Now().Add(time.Minute)
	short, _, err := x.Create(t.Context(), &hook.Key{ExpiresAt: soon}, tenant, admin.PortalLinkSpec{OpensFor: new(time.Hour)})
	if err != nil || !short.ExpiresAt.Equal(soon) || !short.EndsAt.Equal(soon) {
		t.Errorf("a link of a key that ends before it: %+v, %v", short, err)
	}
	for _, c := range []struct {
		spec   admin.PortalLinkSpec
		places []string
	}{
		{admin.PortalLinkSpec{OpensFor: new(25 * time.Hour)}, []string{"/expires_in"}},
		{admin.PortalLinkSpec{OpensFor: new(time.Duration(0)), StaysOpen: new(time.Duration(-1))}, []string{"/expires_in", "/session_for"}},
	} {
		_, _, err := x.Create(t.Context(), &hook.Key{}, tenant, c.spec)
		refused(t, err, "portal_link_invalid", c.places...)
	}
	if err := x.Delete(t.Context(), tenant, l.ID.String()); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{l.ID.String(), "nothing"} {
		refused(t, x.Delete(t.Context(), tenant, id), "portal_link_not_found")
	}
	refused(t, x.Delete(t.Context(), "other", read.ID.String()), "portal_link_not_found")
}

func TestFindEvent(t *testing.T) {
	t.Parallel()
	db, tenant := newTenant(t)
	x := admin.Events{Store: db}
	ev := publish(t, db, tenant, "standard")
	for _, name := range []string{ev.ID.String(), ev.ExternalID} {
		if got := must(x.Find(t.Context(), tenant, name))(t); got.ID != ev.ID {
			t.Errorf("%s: found %s", name, got.ID)
		}
	}
	for _, name := range []string{"nothing", "not an id", hook.NewEventID().String()} {
		_, err := x.Find(t.Context(), tenant, name)
		refused(t, err, "event_not_found")
	}
	_, err := x.Find(t.Context(), "other", ev.ExternalID)
	refused(t, err, "event_not_found")
}
