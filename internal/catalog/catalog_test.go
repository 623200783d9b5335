package catalog

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const shop = "contract: shop\ntitle: {en: Shop}\nevents:\n  paid: {title: {en: Paid}, example: '{\"id\":1}'}\n"

// node is a catalog on a store, with its log.
type node struct {
	*Catalog
	t   *testing.T
	log *log

	mu      sync.Mutex
	changes []string
}

type log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// take returns what was logged since the last call.
func (l *log) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.b.Reset()
	return l.b.String()
}

func newNode(t *testing.T, db *store.DB) *node {
	t.Helper()
	b := &node{t: t, log: &log{}}
	b.Catalog = New(db, slog.New(slog.NewTextHandler(b.log, nil)))
	b.Watch(func(c hook.Change) {
		b.mu.Lock()
		defer b.mu.Unlock()
		now, _ := b.Set().Lookup(c.Contract)
		b.changes = append(b.changes, c.Contract+" "+now.Title.En) // what a watcher reads is the new one
	})
	if err := b.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *node) title(name string) string {
	c, ok := b.Set().Lookup(name)
	if !ok {
		return ""
	}
	return c.Title.En
}

func (b *node) put(source string) hook.StoredContract {
	b.t.Helper()
	c, err := contract.Parse("x.yaml", []byte(source))
	if err != nil {
		b.t.Fatal(err)
	}
	stored, err := b.Put(b.t.Context(), c, hook.Precondition{})
	if err != nil {
		b.t.Fatal(err)
	}
	return stored
}

func titled(title string) string { return strings.Replace(shop, "en: Shop", "en: "+title, 1) }

// A version is in force at once, on every other node after it reloads, and after a restart.
func TestVersions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		one, two := newNode(t, db), newNode(t, db)
		for _, title := range []string{"A", "B", "C"} {
			one.put(titled(title))
		}
		if got := strings.Join(one.changes, ", "); got != "shop A, shop B, shop C" {
			t.Errorf("watchers got %s", got)
		}
		if two.title("shop") != "" {
			t.Error("the other node has it before it reloads")
		}
		for range 2 {
			if err := two.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := strings.Join(two.changes, ", "); got != "shop C" {
			t.Errorf("the other node's watchers got %s", got)
		}
		for name, b := range map[string]*node{"one": one, "two": two, "restarted": newNode(t, db)} {
			if b.title("shop") != "C" {
				t.Errorf("%s: %s is in force", name, b.title("shop"))
			}
			for i, want := range []string{"A", "B", "C"} {
				if c, ok := b.Set().At("shop", int64(i+1)); !ok || c.Title.En != want || c.Version != int64(i+1) {
					t.Errorf("%s: version %d is %v", name, i+1, c)
				}
			}
		}
		// Stored by the other node meanwhile: found, and not stored twice.
		two.put(titled("D"))
		if s := one.put(titled("D")); s.Created || s.Version != 4 || one.title("shop") != "D" {
			t.Errorf("%+v, %s is in force", s, one.title("shop"))
		}
	})
}

// A contract that only a newer program can read does not keep an older program from starting.
func TestNotUnderstood(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	newNode(t, db).put(shop)
	newer := []byte("contract: shop\nfuture: true\n")
	if _, _, err := db.PutContract(t.Context(), "shop", newer, hook.ContractPosted, hook.Precondition{}); err != nil {
		t.Fatal(err)
	}
	b := newNode(t, db)
	if b.title("shop") != "Shop" || !strings.Contains(b.log.take(), "not understood") {
		t.Errorf("%q is in force", b.title("shop"))
	}
	if _, ok := b.Set().At("shop", 2); ok {
		t.Error("a contract that is not understood is there")
	}
	b.put(titled("Later"))
	if b.title("shop") != "Later" {
		t.Errorf("%q is in force", b.title("shop"))
	}
}

func TestFailingTestsKeepItOut(t *testing.T) {
	t.Parallel()
	b := newNode(t, storetest.Open(t))
	c, err := contract.Parse("x.yaml", []byte(shop+"tests:\n  one: {event: paid, payload: {id: 1}, body: other}\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Put(t.Context(), c, hook.Precondition{})
	if problems, ok := errors.AsType[*contract.Problems](err); !ok || problems.List[0].Line != 6 {
		t.Errorf("got %v", err)
	}
	if b.title("shop") != "" {
		t.Error("it is in force")
	}
}

// Endpoints that do not satisfy a new version stay with the newest one that they do satisfy.
func TestKeptBack(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	b := newNode(t, db)
	if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{}); err != nil {
		t.Fatal(err)
	}
	b.put(shop)
	e := &hook.Endpoint{
		ID: hook.NewEndpointID(), Tenant: "acme", Contract: "shop", State: hook.EndpointActive,
		Config: hook.EndpointConfig{URL: "http://x.example/"},
	}
	if err := db.CreateEndpoint(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{
		"endpoint: {settings: {required: [token], properties: {token: {type: string, title: {en: Token}}}}}\n",
		"endpoint: {sign: standard-webhooks}\n",
	} {
		stored := b.put(shop + more)
		if len(stored.KeptBack) != 1 || stored.KeptBack[0].Endpoint != e.ID || stored.KeptBack[0].Version != 1 ||
			len(stored.KeptBack[0].Fields) == 0 {
			t.Errorf("%s: %+v", more, stored.KeptBack)
		}
		if c, _ := b.Set().For(e); c.Version != 1 {
			t.Errorf("%s: served by version %d", more, c.Version)
		}
	}
	c, err := contract.Parse("shop.yaml", []byte(shop))
	if err != nil {
		t.Fatal(err)
	}
	if list, count, err := b.KeptBack(t.Context(), c); err != nil || len(list) != 0 || count != 1 {
		t.Errorf("%v, %d endpoints, %v", list, count, err)
	}
	if stored := b.put(titled("Again")); len(stored.KeptBack) != 0 {
		t.Errorf("%+v", stored.KeptBack)
	}
	if c, _ := b.Set().For(e); c.Version != 4 {
		t.Errorf("served by version %d", c.Version)
	}
}

// Endpoints that wait for the answer to a handshake are active as soon as their contract does not ask any more, also if the
// server ended between the two steps. Those of an older version that asks wait on.
func TestNoHandshakeAnyMore(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newNode(t, db)
		if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{}); err != nil {
			t.Fatal(err)
		}
		const asking = shop + "endpoint: {verify: {method: GET}}\n"
		b.put(asking)
		list := map[string]*hook.Endpoint{}
		create := func(name string, state hook.EndpointState, reason string, settings string) {
			e := &hook.Endpoint{
				ID: hook.NewEndpointID(), Tenant: "acme", Name: name, Contract: "shop", State: state, StateReason: reason,
				Config: hook.EndpointConfig{URL: "http://x.example/", Settings: []byte(settings)},
			}
			if err := db.CreateEndpoint(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			list[name] = e
		}
		create("new", hook.EndpointDisabled, hook.ReasonUnverified, "")
		create("changed", hook.EndpointPaused, hook.ReasonUnverified, `{"token":"t"}`)
		create("paused", hook.EndpointPaused, hook.ReasonByPerson, `{"token":"t"}`)
		check := func(name string, want hook.EndpointState, reason string) {
			t.Helper()
			e, err := db.TenantEndpoint(t.Context(), "acme", list[name].ID)
			if err != nil || e.State != want || e.StateReason != reason {
				t.Errorf("%s is %+v, %v; want %s because of %q", name, e, err, want, reason)
			}
		}
		b.put(strings.Replace(asking, "Shop", "Again", 1))
		check("new", hook.EndpointDisabled, hook.ReasonUnverified)

		const needing = "endpoint: {settings: {required: [token], properties: {token: {type: string, title: {en: Token}}}}}\n"
		b.put(shop + needing)
		check("new", hook.EndpointDisabled, hook.ReasonUnverified) // it has no token, so the version before serves it
		check("changed", hook.EndpointActive, "")
		check("paused", hook.EndpointPaused, hook.ReasonByPerson)

		if _, _, err := db.PutContract(t.Context(), "shop", []byte(titled("Later")), hook.ContractPosted, hook.Precondition{}); err != nil {
			t.Fatal(err)
		}
		check("new", hook.EndpointDisabled, hook.ReasonUnverified)
		newNode(t, db) // the next start
		check("new", hook.EndpointActive, "")

		b.put(asking + "\n")
		for _, name := range []string{"new", "changed"} {
			check(name, hook.EndpointActive, "")
		}
	})
}

func TestImportShipped(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	files := func(title string) fstest.MapFS { return fstest.MapFS{"shop.yaml": {Data: []byte(titled(title))}} }
	b := newNode(t, db)
	for _, title := range []string{"A", "A", "B"} {
		if err := b.ImportShipped(t.Context(), files(title)); err != nil || b.title("shop") != title {
			t.Errorf("%s: %s is in force (%v)", title, b.title("shop"), err)
		}
	}
	b.put(titled("Mine"))
	b = newNode(t, db) // restarted, then upgraded
	for _, title := range []string{"B", "C"} {
		if err := b.ImportShipped(t.Context(), files(title)); err != nil || b.title("shop") != "Mine" {
			t.Errorf("%s: %s is in force (%v)", title, b.title("shop"), err)
		}
	}
	if err := b.ImportShipped(t.Context(), fstest.MapFS{"other.yaml": {Data: []byte(shop)}}); err == nil {
		t.Error("a file that is called otherwise than its contract is taken")
	}
}

// write replaces a file in one step, as editors do.
func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDirectory(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	dir := t.TempDir()
	b := newNode(t, db)
	d := b.Directory(dir)
	scan := func() {
		t.Helper()
		for range 2 { // a change is taken in once it has settled
			if err := d.scan(t.Context(), false); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(t, dir, "notes.txt", "not a contract")
	write(t, dir, "a.yaml", titled("A"))
	if err := d.Import(t.Context()); err != nil || b.title("shop") != "A" {
		t.Fatalf("%q is in force (%v)", b.title("shop"), err)
	}
	write(t, dir, "a.yaml", titled("B"))
	if err := d.scan(t.Context(), false); err != nil || b.title("shop") != "A" {
		t.Errorf("a file that may be half written was read: %q (%v)", b.title("shop"), err)
	}
	if scan(); b.title("shop") != "B" {
		t.Errorf("%q is in force", b.title("shop"))
	}
	b.log.take()

	// A wrong file: said once, with its place and the fix; what was in force stays.
	write(t, dir, "a.yaml", titled("C")+"endpoints: {}\n")
	scan()
	scan()
	if text := b.log.take(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "a.yaml") ||
		!strings.Contains(text, "line=5 column=1") || !strings.Contains(text, "Did you mean endpoint?") {
		t.Errorf("logged: %s", text)
	}
	if b.title("shop") != "B" {
		t.Errorf("%q is in force", b.title("shop"))
	}
	// So does a new start with the wrong file there.
	again := newNode(t, db)
	if err := again.Directory(dir).Import(t.Context()); err != nil || again.title("shop") != "B" ||
		!strings.Contains(again.log.take(), "line=5") {
		t.Errorf("%q is in force after a restart (%v)", again.title("shop"), err)
	}

	// An example beside the contract counts as part of it.
	write(t, dir, "a.yaml", strings.Replace(titled("D"), `'{"id":1}'`, "examples/paid.json", 1))
	scan()
	if text := b.log.take(); !strings.Contains(text, "no such file") {
		t.Errorf("logged: %s", text)
	}
	for _, example := range []string{`{"id":2}`, `{"id":3}`} {
		write(t, dir, "examples/paid.json", example+"\n")
		scan()
		c, _ := b.Set().Lookup("shop")
		if e, _ := c.Event("paid"); c.Title.En != "D" || string(e.Example) != example {
			t.Errorf("%s: %s with %s is in force", example, c.Title.En, e.Example)
		}
	}

	// What was posted stays until the file changes.
	b.put(titled("Posted"))
	if scan(); b.title("shop") != "Posted" {
		t.Errorf("%q is in force", b.title("shop"))
	}
	write(t, dir, "b.yaml", titled("Twice"))
	scan()
	if text := b.log.take(); !strings.Contains(text, "is in a.yaml too") || b.title("shop") != "Posted" {
		t.Errorf("logged: %s", text)
	}
	if err := os.Remove(filepath.Join(dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	if scan(); b.title("shop") != "Twice" {
		t.Errorf("%q is in force after the other file went", b.title("shop"))
	}
	if err := os.Remove(filepath.Join(dir, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	if scan(); b.title("shop") != "Twice" || !strings.Contains(b.log.take(), "stays in force") {
		t.Errorf("%q is in force after its file went", b.title("shop"))
	}
}

// A file that cannot be a contract, such as a device, is logged once and not read. Other files are not affected.
func TestDirectoryOfOtherThings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := newNode(t, storetest.Open(t))
	d := b.Directory(dir)
	write(t, dir, "shop.yaml", titled("A"))
	write(t, dir, "large.yaml", strings.Repeat("#", contract.MaxSource+1))
	if err := os.Symlink(os.DevNull, filepath.Join(dir, "device.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "directory.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := d.Import(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if b.title("shop") != "A" {
		t.Errorf("%q is in force", b.title("shop"))
	}
	text := b.log.take()
	for _, want := range []string{
		"device.yaml is not a regular file", "directory.yaml is not a regular file",
		"large.yaml has 1048577 bytes; at most 1048576",
	} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%s: logged %s", want, text)
		}
	}
}

// The directory is read while the server runs. It may be made later.
func TestDirectoryRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "contracts")
	file := filepath.Join(t.TempDir(), "gancho.db")
	synctest.Test(t, func(t *testing.T) {
		db := storetest.OpenAt(t, file, store.NewKey())
		b := newNode(t, db)
		d := b.Directory(dir)
		if err := d.Import(t.Context()); err != nil || !strings.Contains(b.log.take(), "cannot be read") {
			t.Fatal("a directory that is not there", err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		for _, title := range []string{"A", "B"} {
			write(t, dir, "shop.yaml", titled(title))
			time.Sleep(3 * time.Second)
			if b.title("shop") != title {
				t.Errorf("%q is in force, want %s", b.title("shop"), title)
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
