package policy

import (
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// dependencies are the modules that we depend on directly, each with the reason: what
// it saves us from writing.
var dependencies = map[string]string{
	clientModule:                                               "our own public client, a module of its own so that other programs can import it alone",
	"cel.dev/cel-go":                                           "CEL, the language of conditions and filters in contracts and endpoints",
	"code.dny.dev/ssrf":                                        "which addresses a delivery must not reach, generated from the IANA registries",
	"filippo.io/age":                                           "files encrypted with a passphrase, for moving tenants",
	"github.com/alecthomas/kong":                               "commands, flags and their help from one struct",
	"github.com/andybalholm/brotli":                            "Brotli, in which receivers answer",
	"github.com/danielgtaylor/huma/v2":                         "REST operations that are their own OpenAPI 3.1 document",
	"github.com/go-json-experiment/json":                       "jsontext: JSON read token by token with its bytes kept",
	"github.com/goccy/go-yaml":                                 "YAML with the line and column of every value, for contracts and the configuration",
	"github.com/golang-jwt/jwt/v5":                             "tokens of credentials: JSON Web Tokens, signed and checked",
	"github.com/google/go-cmp":                                 "tests: differences of values that people can read",
	"github.com/google/uuid":                                   "time-ordered ids (UUIDv7)",
	"github.com/jackc/pgx/v5":                                  "PostgreSQL: arrays as parameters, pipelines, LISTEN",
	"github.com/klauspost/compress":                            "Zstandard, for large payloads at rest and answers of receivers",
	"github.com/ncruces/go-strftime":                           "times in contracts, in the layouts that strftime has everywhere",
	"github.com/pressly/goose/v3":                              "database migrations, in order and once",
	"github.com/prometheus/client_golang":                      "the metrics page",
	"github.com/rogpeppe/go-internal":                          "tests: testscript, conversations with the program as text files",
	"github.com/santhosh-tekuri/jsonschema/v6":                 "JSON Schema 2020-12, for payloads and settings",
	"github.com/standard-webhooks/standard-webhooks/libraries": "tests: the official verifier judges our signatures",
	"github.com/yuin/goldmark":                                 "Markdown to HTML: the documentation of contracts as pages",
	"go.uber.org/goleak":                                       "tests: no goroutine outlives its owner",
	"golang.org/x/net":                                         "host names in other scripts (punycode), what a header may hold, SOCKS5, charsets of answers",
	"golang.org/x/oauth2":                                      "tokens by client credentials, for receivers that want them",
	"golang.org/x/sync":                                        "errgroup: start and stop of the parts of the server; singleflight: one load of a key at a time",
	"golang.org/x/time":                                        "rate limits of endpoints",
	"modernc.org/quickjs":                                      "JavaScript without cgo, with limits of time and memory, for the transformations of endpoints",
	"modernc.org/sqlite":                                       "SQLite without cgo, the default database",
	"pgregory.net/rapid":                                       "tests: properties on random values, shrunk when they fail",
}

func TestDependencies(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go mod edit: %v", err)
	}
	var mod struct {
		Module  struct{ Path string }
		Require []struct {
			Path     string
			Indirect bool
		}
		Replace []struct{ Old, New struct{ Path string } }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	if mod.Module.Path != module {
		t.Fatalf("go.mod is of module %s", mod.Module.Path)
	}
	for _, r := range mod.Replace {
		if r.Old.Path == clientModule && r.New.Path == "./client" {
			continue // our own, in this repository
		}
		t.Errorf("go.mod replaces %s: then other code stands under its name; use another version, or exclude what cannot be had (docs/adr/0003)", r.Old.Path)
	}
	var direct []string
	for _, r := range mod.Require {
		if r.Indirect {
			continue
		}
		direct = append(direct, r.Path)
		if dependencies[r.Path] == "" {
			t.Errorf("%s is a new dependency: write its reason in dependencies, or do without it", r.Path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(dependencies)) {
		if !slices.Contains(direct, path) {
			t.Errorf("%s is no longer a direct dependency: remove its line", path)
		}
	}
}

// TestClientStandsAlone checks that the public client needs the standard library only,
// so that a program that imports it gets nothing else.
func TestClientStandsAlone(t *testing.T) {
	dir := filepath.Join("..", "..", "client")
	mod := exec.CommandContext(t.Context(), "go", "mod", "edit", "-json")
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	mod.Dir, list.Dir = dir, dir
	mod.Stderr, list.Stderr = t.Output(), t.Output()
	out, err := mod.Output()
	if err != nil {
		t.Fatalf("go mod edit: %v", err)
	}
	var m struct {
		Module  struct{ Path string }
		Require []struct{ Path string }
	}
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	if m.Module.Path != clientModule || len(m.Require) > 0 {
		t.Errorf("client/go.mod is of module %s and requires %v; want %s, without requirements", m.Module.Path, m.Require, clientModule)
	}
	if out, err = list.Output(); err != nil {
		t.Fatalf("go list: %v", err)
	}
	if got := strings.TrimSpace(string(out)); got != clientModule {
		t.Errorf("the client imports more than the standard library: %s", got)
	}
}
