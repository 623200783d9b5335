package policy

import (
	"go/ast"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Limits of what a reader has to hold in mind at once.
const (
	maxFanOut  = 6  // packages of ours that one package imports
	maxMethods = 12 // methods of one interface, embedded ones included
)

// manySiblings are the packages that may import more than [maxFanOut] of ours.
var manySiblings = map[string]string{
	"internal/app": "the wiring knows every part",
	"internal/cli": "each command is a door to another package",
	// The rooms it joins (YAML, schemas, templates, conditions, time tables, signatures)
	// know nothing of each other beyond what they compute with.
	"internal/contract": "the compiled contract joins the rooms of the contract language",
}

func TestFanOut(t *testing.T) {
	for _, p := range packages(t) {
		var ours []string
		for _, imp := range p.Imports {
			if imp == clientModule || strings.HasPrefix(imp, module+"/") {
				ours = append(ours, strings.TrimPrefix(imp, module+"/"))
			}
		}
		if reason := manySiblings[p.name()]; reason == "" && len(ours) > maxFanOut {
			t.Errorf("%s imports %d packages of ours (%s), and may import %d: move what needs the others to where they are known, or take what they give as a value",
				p.name(), len(ours), strings.Join(ours, ", "), maxFanOut)
		}
	}
}

// TestImportTableIsUsed finds imports that the table allows and no file has.
func TestImportTableIsUsed(t *testing.T) {
	used := map[string][]string{}
	for file, src := range goFiles(t) {
		if isTest(file) {
			continue
		}
		_, f, _ := parse(t, file, src)
		dir := filepath.ToSlash(filepath.Dir(file))
		for _, imp := range f.Imports {
			used[dir] = append(used[dir], strings.TrimPrefix(strings.Trim(imp.Path.Value, `"`), module+"/"))
		}
	}
	for name, allowed := range mayImport {
		for _, other := range allowed {
			if other != anyButCLI && !slices.Contains(used[name], other) {
				t.Errorf("the table lets %s import %s, and no file does: remove it", name, other)
			}
		}
	}
}

// TestInterfacesAreSmall counts the methods of interfaces outside tests. Whoever
// needs more than a few methods of another package probably does two things.
func TestInterfacesAreSmall(t *testing.T) {
	declared := map[string]map[string]*ast.InterfaceType{} // directory → name → interface
	imports := map[string]map[string]string{}              // directory → name of a package → its directory
	for file, src := range goFiles(t) {
		if isTest(file) {
			continue
		}
		_, f, names := parse(t, file, src)
		dir := path.Dir(file)
		if declared[dir] == nil {
			declared[dir], imports[dir] = map[string]*ast.InterfaceType{}, map[string]string{}
		}
		for name, imp := range names {
			imports[dir][name] = strings.TrimPrefix(imp, module+"/")
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if it, ok := spec.Type.(*ast.InterfaceType); ok {
					declared[dir][spec.Name.Name] = it
				}
			}
			return true
		})
	}
	found := 0
	for _, dir := range slices.Sorted(maps.Keys(declared)) {
		for name, it := range declared[dir] {
			found++
			if n := len(methods(it, dir, declared, imports)); n > maxMethods {
				t.Errorf("%s.%s has %d methods, and may have %d: split it by who needs what", dir, name, n, maxMethods)
			}
		}
	}
	if found < 20 {
		t.Fatalf("only %d interfaces found", found)
	}
}

// methods are the names of the methods of it, which stands in dir. Embedded
// interfaces of our own packages are looked up; of others they count as one.
func methods(
	it *ast.InterfaceType, dir string, declared map[string]map[string]*ast.InterfaceType, imports map[string]map[string]string,
) map[string]bool {
	names := map[string]bool{}
	for _, m := range it.Methods.List {
		for _, name := range m.Names {
			names[name.Name] = true
		}
		if len(m.Names) > 0 {
			continue
		}
		var embedded *ast.InterfaceType
		from := dir
		switch e := m.Type.(type) {
		case *ast.Ident:
			embedded = declared[dir][e.Name]
		case *ast.SelectorExpr:
			from = imports[dir][nameOf(e.X)]
			embedded = declared[from][e.Sel.Name]
		}
		if embedded == nil {
			names[nameOf(m.Type)] = true
			continue
		}
		maps.Copy(names, methods(embedded, from, declared, imports))
	}
	return names
}

var promise = regexp.MustCompile(`(?i)\bpromis|\bis pure\b|\bcan rely on\b`)

// TestPackagesPromise holds the comment of every package to say what its callers
// can rely on, not only what it is for.
func TestPackagesPromise(t *testing.T) {
	docs := map[string]string{} // directory → package comment
	for file, src := range goFiles(t) {
		if isTest(file) {
			continue
		}
		_, f, _ := parse(t, file, src)
		docs[path.Dir(file)] += f.Doc.Text()
	}
	for dir, doc := range docs {
		if !strings.HasPrefix(dir, "cmd/") && !promise.MatchString(doc) {
			t.Errorf("the comment of %s does not say what the package promises: add a sentence that does", dir)
		}
	}
}
