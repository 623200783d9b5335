package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){
		"gancho": func() { os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// leakChecked is the tests of this package with a look for leaked goroutines
// after them.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	code := l.m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			println(err.Error())
			return 1
		}
	}
	return code
}

// TestScripts runs the conversations in testdata/script with the real program.
// UPDATE_SCRIPTS=1 go test ./internal/cli rewrites the outputs they expect.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			// The options of whoever runs the tests must not reach the program.
			kept := env.Vars[:0]
			for _, v := range env.Vars {
				if !strings.HasPrefix(v, "GANCHO_") {
					kept = append(kept, v)
				}
			}
			env.Vars = kept
			return nil
		},
	})
}
