package guide

import (
	"fmt"
	"strings"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// curl is a command that sends a request to the customer's own address, as a delivery would. It is nil for signed
// requests, which no command of one line can make, and for bodies that are too long for one.
func (p *page) curl(r contract.Rendering) []byte {
	const most = 8 << 10
	if p.auth.kind == bySignature || p.auth.kind == byRecipe || len(r.Body) > most {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "curl -i -X %s %s", r.Method, inShell(r.URL))
	for _, h := range r.Headers {
		fmt.Fprintf(&b, " \\\n  -H %s", inShell(h.Name+": "+h.Value))
	}
	if hook.CarriesBody(r.Method) {
		fmt.Fprintf(&b, " \\\n  --data-binary %s", inShell(string(r.Body)))
	}
	return []byte(b.String())
}

// inShell is a text as one word of a shell.
func inShell(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
