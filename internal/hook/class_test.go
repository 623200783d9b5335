package hook

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
)

// What each error class says about the receiver. The breaker and the health of an endpoint go by
// it.
var classMeans = map[string]struct{ trouble, neverSent bool }{
	"dns_not_found":          {true, false},
	"dns_failed":             {true, false},
	"dns_timeout":            {true, false},
	"private_address":        {true, false},
	"host_not_allowed":       {true, false},
	"port_not_allowed":       {true, false},
	"token_failed":           {true, false},
	"proxy_failed":           {true, false},
	"connect_refused":        {true, false},
	"connect_timeout":        {true, false},
	"connect_failed":         {true, false},
	"tls_untrusted":          {true, false},
	"tls_invalid":            {true, false},
	"tls_expired":            {true, false},
	"tls_hostname":           {true, false},
	"tls_client_certificate": {true, false},
	"tls_failed":             {true, false},
	"timeout":                {true, false},
	"reset":                  {true, false},
	"protocol_error":         {true, false},
	"headers_too_large":      {true, false},
	"status_5xx":             {true, false},
	"rate_limited":           {true, false},
	"redirect":               {false, false}, // about this address or request: the receiver works
	"status_4xx":             {false, false},
	"gone":                   {false, false},
	"status_unexpected":      {false, false},
	"body_rule":              {false, false},
	"answer_rule":            {false, false},
	"too_slow":               {false, false},
	"interrupted":            {false, false}, // about Gancho
	"render_failed":          {false, true},
	"script_error":           {false, true},
	"script_timeout":         {false, true},
	"script_cancelled":       {false, true},
	"shadow":                 {false, true},
}

func TestClassMeans(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "class.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	classes := map[string]bool{"": true}
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			class, _ := strconv.Unquote(lit.Value)
			classes[class] = true
		}
		return true
	})
	if len(classes) != len(classMeans)+1 {
		t.Errorf("%d classes in class.go, %d here", len(classes)-1, len(classMeans))
	}
	for class := range classes {
		want, ok := classMeans[class]
		if !ok && class != "" {
			t.Errorf("say here what %s means", class)
		}
		if ReceiverTrouble(class) != want.trouble || NeverSent(class) != want.neverSent {
			t.Errorf("%q: trouble %v, never sent %v; want %+v", class, ReceiverTrouble(class), NeverSent(class), want)
		}
	}
}
