package policy

import (
	"encoding/json"
	"io"
	"maps"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// module is the module path and the start of every import path of ours.
const module = "gancho"

// clientModule is the module and the import path of the public client, in client/.
const clientModule = "gancho.example/client"

// mayImport is the architecture: for each package, the packages of ours that it may
// import. Imports go in one direction: the vocabulary (hook), then pure computation,
// then the parts that do things, then the wiring. ingest, schedule, deliver, admin and
// api never import each other nor store, except that api calls admin. Each declares
// the few methods it needs as an interface, and app connects them.
var mayImport = map[string][]string{
	// The vocabulary, and helpers for plain values.
	"internal/hook":    {"internal/nearest"},
	"internal/nearest": {},
	"internal/rawjson": {},
	"internal/texts":   {},
	"internal/cache":   {},
	"internal/work":    {},

	// Pure computation: no network, no database, no clock.
	"internal/cron":      {},
	"internal/expr":      {"internal/answer", "internal/hook", "internal/rawjson", "internal/nearest", "internal/work"},
	"internal/match":     {"internal/hook", "internal/expr", "internal/cache", "internal/work"},
	"internal/sign":      {"internal/hook", "internal/nearest", "internal/rawjson"},
	"internal/diagnose":  {"internal/hook", "internal/texts"},
	"internal/transform": {"internal/hook", "internal/rawjson"},
	"internal/answer":    {"internal/hook"},
	"internal/mask":      {"internal/hook", "internal/answer", "internal/rawjson"},
	"internal/certs":     {"internal/hook"},
	"internal/yamlfile":  {"internal/nearest"},
	"internal/translate": {"internal/texts"},
	"internal/schema":    {"internal/hook", "internal/mask", "internal/nearest", "internal/rawjson", "internal/work", "internal/yamlfile"},
	"internal/template":  {"internal/expr", "internal/hook", "internal/nearest", "internal/rawjson", "internal/work", "internal/yamlfile"},
	"internal/contract":  {"internal/certs", "internal/egress", "internal/template", "internal/schema", "internal/yamlfile", "internal/hook", "internal/mask", "internal/cron", "internal/expr", "internal/rawjson", "internal/match", "internal/sign", "internal/nearest", "internal/translate", "internal/work"},
	"internal/guide":     {"internal/hook", "internal/contract", "internal/diagnose", "internal/rawjson", "internal/sign", "internal/texts"},
	"internal/docpage":   {"internal/contract", "internal/texts"},
	"internal/explain":   {"internal/hook", "internal/contract", "internal/diagnose", "internal/match"},
	"internal/view":      {"internal/hook", "internal/answer", "internal/contract", "internal/mask", "internal/rawjson"},
	"internal/bearer":    {"internal/hook", "internal/contract"},
	"contracts":          {}, // the shipped contracts, embedded

	"internal/deliver/window":  {"internal/hook"},
	"internal/deliver/pace":    {},
	"internal/deliver/compose": {"internal/hook", "internal/contract", "internal/mask", "internal/send", "internal/sign", "internal/transform"},

	// The parts that do things.
	"internal/store":     {"internal/hook", "internal/rawjson"},
	"internal/move":      {"internal/store"},
	"internal/catalog":   {"internal/hook", "internal/contract"},
	"internal/ingest":    {"internal/hook", "internal/match", "internal/contract", "internal/rawjson", "internal/cache", "internal/work"},
	"internal/share":     {"internal/hook"},
	"internal/schedule":  {"internal/hook", "internal/contract", "internal/work"},
	"internal/stats":     {"internal/hook"},
	"internal/egress":    {"internal/hook", "internal/cache"},
	"internal/quota":     {"internal/hook", "internal/cache", "internal/transform"},
	"internal/metrics":   {"internal/hook"},
	"internal/retention": {"internal/hook"},
	"internal/rekey":     {},
	"internal/lograte":   {},
	"internal/listen":    {},
	"internal/stream":    {"internal/hook"},
	"internal/deliver":   {"internal/hook", "internal/deliver/compose", "internal/deliver/pace", "internal/deliver/window", "internal/contract", "internal/send"},
	"internal/admin":     {"internal/egress", "internal/hook", "internal/mask", "internal/rawjson", "internal/contract", "internal/bearer"},
	"internal/auth":      {"internal/hook", "internal/cache"},
	"internal/api":       {"internal/hook", clientModule, "internal/admin", "internal/auth", "internal/contract", "internal/rawjson"},
	"internal/inbox":     {"internal/hook", "internal/sign"},
	"internal/keyset":    {"internal/cache", "internal/hook", "internal/send", "internal/sign"},
	"internal/console":   {},

	// The port for sending, and a package for each transport.
	"internal/send":          {"internal/hook", "internal/certs", "internal/egress"},
	"internal/send/http":     {"internal/hook", "internal/certs", "internal/egress", "internal/send"},
	"internal/send/oauth":    {"internal/cache", "internal/hook", "internal/mask", "internal/send"},
	"internal/send/redirect": {"internal/hook", "internal/send"},
	"internal/send/shadow":   {"internal/hook", "internal/send"},

	// The wiring, commands, and tests' helpers.
	"internal/app":       {anyButCLI},
	"internal/bench":     {},
	"internal/cli":       {clientModule, "internal/app", "internal/hook", "internal/inbox", "internal/bench", "internal/contract", "internal/guide", "internal/transform", "internal/nearest", "contracts"},
	"internal/storetest": {"internal/store", "internal/pgtest"},
	"internal/pgtest":    {},
	"internal/refused":   {},
	"internal/policy":    {},
	"cmd/gancho":         {"internal/cli"},
}

// anyButCLI stands for every package but cli: only app knows all others.
const anyButCLI = "*"

// mayUse lists the foreign modules that some packages may import. These packages must
// stay light, so that they can be understood, tested and reused anywhere.
var mayUse = map[string][]string{
	"contracts":          {},
	"internal/hook":      {"github.com/google/uuid"},
	"internal/nearest":   {},
	"internal/cron":      {},
	"internal/texts":     {},
	"internal/translate": {},
	"internal/rawjson":   {"github.com/go-json-experiment/json"},
	"internal/cache":     {"golang.org/x/sync"},
	"internal/work":      {},
	"internal/sign":      {},
	"internal/answer":    {"github.com/andybalholm/brotli", "github.com/klauspost/compress", "golang.org/x/net"},
	"internal/mask":      {},
	"internal/diagnose":  {},
	"internal/bearer":    {"github.com/golang-jwt/jwt/v5"},
	"internal/inbox":     {},
}

// pkg is the output of go list for one package.
type pkg struct {
	Dir        string
	ImportPath string
	Doc        string
	Imports    []string
	GoFiles    []string
}

// name returns the import path without the module, as in the tables above.
func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

// packages returns all packages of the root module.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=Dir,ImportPath,Doc,Imports,GoFiles", module+"/...")
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 3 {
		t.Fatalf("go list finds only %d packages", len(all))
	}
	return all
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		allowed, ok := mayImport[p.name()]
		if !ok {
			t.Errorf("%s is a new package: give it a line in mayImport, and a place in ARCHITECTURE.md", p.name())
			continue
		}
		light, isLight := mayUse[p.name()]
		for _, imp := range p.Imports {
			first, _, _ := strings.Cut(imp, "/")
			switch {
			case first == module || imp == clientModule:
				name := strings.TrimPrefix(imp, module+"/")
				if slices.Contains(allowed, anyButCLI) && name != "internal/cli" {
					continue
				}
				if !slices.Contains(allowed, name) {
					t.Errorf("%s imports %s, and may import only %v: state what it needs as an interface, and join the two in internal/app", p.name(), name, allowed)
				}
			case strings.Contains(first, ".") && isLight:
				if !slices.ContainsFunc(light, func(m string) bool { return imp == m || strings.HasPrefix(imp, m+"/") }) {
					t.Errorf("%s imports %s, and may use only %v beside the standard library", p.name(), imp, light)
				}
			}
		}
	}
}

// TestImportTable checks the table itself: it must have no circle, and the parts that
// only app connects must not import each other.
func TestImportTable(t *testing.T) {
	apart := []string{"internal/ingest", "internal/schedule", "internal/deliver", "internal/api", "internal/catalog", "internal/store", "internal/send/http", "internal/send/shadow"}
	for _, a := range append(slices.Clone(apart), "internal/admin") { // doors stand on admin, so they may import it
		for _, b := range mayImport[a] {
			if slices.Contains(apart, b) {
				t.Errorf("the table lets %s import %s", a, b)
			}
		}
	}
	var visit func(name string, trail []string)
	visit = func(name string, trail []string) {
		if slices.Contains(trail, name) {
			t.Fatalf("the table has a circle: %s", strings.Join(append(trail, name), " → "))
		}
		for _, next := range mayImport[name] {
			if next == anyButCLI {
				continue
			}
			if _, ok := mayImport[next]; !ok && next != clientModule {
				t.Errorf("%s may import %s, which is not in the table", name, next)
				continue
			}
			visit(next, append(slices.Clone(trail), name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(mayImport)) {
		visit(name, nil)
	}
}

func TestPackagesExplainThemselves(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) == 0 {
			continue // tests only, or excluded by a build tag
		}
		want := "Package " + path.Base(p.name()) + " "
		if strings.HasPrefix(p.name(), "cmd/") {
			want = "Command "
		}
		if !strings.HasPrefix(p.Doc, want) {
			t.Errorf("%s needs a package comment that starts with %q and says why it exists and what it promises (now: %q)", p.name(), want, p.Doc)
		}
	}
}
