// Command lint runs analyzers that neither go vet nor staticcheck have. go vet starts
// it (go vet -vettool=…), so its results are cached like a build. The analyzers find
// bugs, not matters of style.
//
// A comment on the line of a wrong finding, or on the line above, silences it and gives
// the reason:
//
//	//lint:ignore bodyclose the caller closes it
package main

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"

	"github.com/gordonklaus/ineffassign/pkg/ineffassign"
	"github.com/gostaticanalysis/nilerr"
	"github.com/kisielk/errcheck/errcheck"
	"github.com/nishanths/exhaustive"
	"github.com/polyfloyd/go-errorlint/errorlint"
	"github.com/ryanrolds/sqlclosecheck/pkg/analyzer"
	"github.com/timakin/bodyclose/passes/bodyclose"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/unitchecker"
)

func main() {
	// Printing to a terminal: nobody could be told of the error. A file that matters
	// is written through a writer whose Flush or Close is checked.
	errcheck.DefaultExcludedSymbols = append(errcheck.DefaultExcludedSymbols,
		"fmt.Fprint", "fmt.Fprintf", "fmt.Fprintln",
		"(net/http.ResponseWriter).Write",
	)
	// Closing after reading: an error would have come up while reading.
	errcheck.DefaultExcludedSymbols = append(errcheck.DefaultExcludedSymbols,
		"(io.Closer).Close",
		"(net.Conn).Close",
		"(net.Listener).Close",
		"(*net/http.Server).Close",
		"(*database/sql.Rows).Close",
		"(*database/sql.Stmt).Close",
		"(*database/sql.Tx).Rollback", // after a commit it only says that there is nothing to undo
	)
	// A default case handles all other states.
	set(exhaustive.Analyzer, "d", "true")
	unitchecker.Main(
		silenceable(bodyclose.Analyzer),              // an answer whose body is never closed
		silenceable(outsideTests(errcheck.Analyzer)), // an error that nobody looks at
		silenceable(errorlint.NewAnalyzer()),         // an error compared or wrapped so that wrapping breaks it
		silenceable(exhaustive.Analyzer),             // a switch over states that forgets one
		silenceable(ineffassign.Analyzer),            // a value assigned and never used
		silenceable(nilerr.Analyzer),                 // nil returned where an error was found
		silenceable(analyzer.NewDeferOnlyAnalyzer()), // rows and statements that are never closed
	)
}

func set(a *analysis.Analyzer, flag, value string) {
	if err := a.Flags.Set(flag, value); err != nil {
		panic(err) // unreachable unless the analyzer drops the flag
	}
}

// outsideTests returns a without its findings in tests. Tests of hostile receivers
// write to connections that are meant to break. A test that needs the call to work
// fails later if it did not.
func outsideTests(a *analysis.Analyzer) *analysis.Analyzer {
	wrapped := *a
	wrapped.Run = func(pass *analysis.Pass) (any, error) {
		report := pass.Report
		pass.Report = func(d analysis.Diagnostic) {
			if !strings.HasSuffix(pass.Fset.Position(d.Pos).Filename, "_test.go") {
				report(d)
			}
		}
		return a.Run(pass)
	}
	return &wrapped
}

// silenceable returns a without the findings that a lint:ignore comment silences.
func silenceable(a *analysis.Analyzer) *analysis.Analyzer {
	wrapped := *a
	wrapped.Run = func(pass *analysis.Pass) (any, error) {
		report := pass.Report
		pass.Report = func(d analysis.Diagnostic) {
			if !ignored(pass, a.Name, d.Pos) {
				d.Message += " (" + a.Name + ")"
				report(d)
			}
		}
		return a.Run(pass)
	}
	return &wrapped
}

// ignored reports whether a comment at pos silences the analyzer called name.
func ignored(pass *analysis.Pass, name string, pos token.Pos) bool {
	line := pass.Fset.Position(pos).Line
	at := slices.IndexFunc(pass.Files, func(f *ast.File) bool { return f.FileStart <= pos && pos < f.FileEnd })
	if at < 0 {
		return false
	}
	for _, group := range pass.Files[at].Comments {
		for _, c := range group.List {
			if l := pass.Fset.Position(c.Pos()).Line; l != line && l != line-1 {
				continue
			}
			words := strings.Fields(c.Text)
			if len(words) > 2 && words[0] == "//lint:ignore" && slices.Contains(strings.Split(words[1], ","), name) {
				return true
			}
		}
	}
	return false
}
