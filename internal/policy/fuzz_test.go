package policy

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// doors are the places where Gancho reads what somebody else wrote, and the fuzz targets that throw made-up input at
// them. A target is its package and its name. make fuzz runs them for a minute each, make test only with their seeds.
var doors = map[string][]string{
	"body of a publish request":                  {"api.FuzzScan"},
	"body of a record, and a patch of one":       {"rawjson.FuzzCheck", "rawjson.FuzzMerge"},
	"body that is sent as a form, XML, CSV, …":   {"rawjson.FuzzForm", "rawjson.FuzzEscapes"},
	"contract file":                              {"contract.FuzzParse"},
	"condition of a filter or on a change":       {"expr.FuzzCompile", "match.FuzzMatch"},
	"expression of a contract":                   {"expr.FuzzExpression"},
	"template of a contract":                     {"template.FuzzReadText"},
	"event types of an endpoint":                 {"match.FuzzTypes"},
	"script of an endpoint, and its answer":      {"transform.FuzzHandler", "transform.FuzzKeep"},
	"signature of a request":                     {"sign.FuzzVerify", "sign.FuzzReading", "sign.FuzzSignedHeaders"},
	"signature that a contract describes":        {"sign.FuzzTemplate"},
	"secret of an endpoint":                      {"sign.FuzzSecret"},
	"public key at an address":                   {"sign.FuzzKeyDocument", "sign.FuzzKeyURL"},
	"token of a credential":                      {"bearer.FuzzToken"},
	"rules about hosts, and the hosts":           {"egress.FuzzRules"},
	"answer of a receiver":                       {"send/http.FuzzAnswer", "send/http.FuzzRetryAfter", "answer.FuzzRead"},
	"answer of a server of tokens":               {"send/oauth.FuzzToken"},
	"redirect of a receiver":                     {"send/redirect.FuzzFollow"},
	"certificates that people enter":             {"certs.FuzzCheck"},
	"answer of a forward proxy":                  {"send/http.FuzzProxyAnswer"},
	"session of the console or the portal":       {"auth.FuzzSession"},
	"request to the inbox":                       {"inbox.FuzzRequest"},
	"headers of a proxy":                         {"listen.FuzzProxy"},
	"headers that say two lengths":               {"listen.FuzzFinder"},
	"file of a tenant":                           {"store.FuzzImportTenant"},
	"bodies of the API":                          {"api.FuzzBodies"},
	"look-up of a record, and search parameters": {"api.FuzzLookUp"},
	"export of the audit":                        {"hook.FuzzVerifyExport"},
	"cron expression of a schedule":              {"cron.FuzzParse"},
	"configuration file":                         {"app.FuzzLoadFile"},
}

var fuzzFunction = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(f \*testing\.F\)`)

// TestDoorsAreFuzzed: each door has targets, they exist, and no target is missing in the table.
func TestDoorsAreFuzzed(t *testing.T) {
	t.Parallel()
	have := map[string]string{} // files by target
	for file, src := range goFiles(t) {
		if !isTest(file) {
			continue
		}
		for _, m := range fuzzFunction.FindAllSubmatch(src, -1) {
			dir := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(file)), "internal/")
			have[dir+"."+string(m[1])] = file
		}
	}
	listed := map[string]bool{}
	for _, door := range slices.Sorted(maps.Keys(doors)) {
		if len(doors[door]) == 0 {
			t.Errorf("the door %q has no fuzz target; write one", door)
		}
		for _, target := range doors[door] {
			if listed[target] = true; have[target] == "" {
				t.Errorf("the door %q names %s, which does not exist; write it, or name the one that took its place", door, target)
			}
		}
	}
	for _, target := range slices.Sorted(maps.Keys(have)) {
		if !listed[target] {
			t.Errorf("%s: %s belongs to no door; add it to doors in internal/policy/fuzz_test.go", have[target], target)
		}
	}
}
