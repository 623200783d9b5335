package contract_test

import (
	"testing"
	"testing/fstest"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

const libraryShop = `contract: shop
title: {en: Shop, es: Tienda}
category: commerce
document: https://shop.example/docs
endpoint:
  headers: {X-Kind: "${event.type} of the shop", X-Event: "${event.type}"}
  sign: {headers: {X-Sum: "${signature}"}}
events:
  order.paid: {title: {en: Paid}}
  "*": {title: {en: Other}}
`

// A library reads a file when it is asked for, says of each what people look for, and names what was probably meant.
func TestLibrary(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{"shop.yaml": {Data: []byte(libraryShop)}, "notes.txt": {Data: []byte("x")}}
	l := contract.NewLibrary(files)
	list, err := l.List()
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	e := list[0]
	if e.Name != "shop" || e.Title.Es != "Tienda" || e.Category != "commerce" || e.Document != "https://shop.example/docs" ||
		e.Signature != "hmac-sha256 (X-Sum)" || e.EventHeader != "X-Event" || len(e.EventTypes) != 1 || e.EventTypes[0] != "order.paid" {
		t.Errorf("the entry is %+v", e)
	}
	for word, want := range map[string]bool{"sho": true, "TIENDA": true, " merce ": true, "x-sum": true, "x-event": true, "": true, "github": false} {
		if e.Matches(word) != want {
			t.Errorf("it matches %q: %v", word, !want)
		}
	}
	c, source, err := l.Find("shop")
	if err != nil || c.Name != "shop" || string(source) != libraryShop {
		t.Errorf("%v, %s", err, source)
	}
	for _, name := range []string{"shp", "../shop", "notes", ""} {
		if _, _, err := l.Find(name); !hook.IsKind(err, hook.KindNotFound) {
			t.Errorf("%q: %v, want not found", name, err)
		}
	}
	files["bad.yaml"] = &fstest.MapFile{Data: []byte("contract: bad\ncategory: nonsense")}
	if _, err := contract.NewLibrary(files).List(); err == nil {
		t.Error("a file with mistakes is not reported")
	}
}
