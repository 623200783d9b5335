package contract

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gancho/internal/rawjson"
	"gancho/internal/sign"
)

// The guide mentions every key of the language, and its first example is valid and passes its tests.
func TestReference(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/contract-language.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for section, keys := range keysOf {
		for _, k := range keys {
			if !strings.Contains(text, k+":") && !strings.Contains(text, "`"+k+"`") && !slices.Contains(strings.Fields(strings.ReplaceAll(text, "`", " ")), k) {
				t.Errorf("docs/contract-language.md does not mention %s", rawjson.JoinPath(section, k))
			}
		}
	}
	_, rest, _ := strings.Cut(text, "```yaml\n")
	example, _, _ := strings.Cut(rest, "```")
	c := parseContract(t, example)
	if c.Name != "shop" || len(c.Tests()) != 2 {
		t.Errorf("%s", example)
	}
	for _, r := range c.RunTests() {
		if r.Wrong != "" {
			t.Errorf("%s: %s", r.Name, r.Wrong)
		}
	}
}

// Each link of the guide and of the reference to a heading of theirs leads somewhere.
func TestReferenceLinks(t *testing.T) {
	t.Parallel()
	texts := map[string]string{}
	for _, name := range []string{"contract-language.md", "contract-reference.md"} {
		b, err := os.ReadFile("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(b)
	}
	known := map[string]bool{}
	for name, text := range texts {
		for line := range strings.SplitSeq(text, "\n") {
			if heading := strings.TrimLeft(line, "#"); len(heading) < len(line) {
				known[name+"#"+anchor(strings.TrimSpace(heading))] = true
			}
		}
	}
	found := 0
	for name, text := range texts {
		for _, m := range headingLink.FindAllStringSubmatch(text, -1) {
			found++
			to := m[1]
			if to == "" {
				to = name
			}
			if texts[to] != "" && !known[to+"#"+m[2]] {
				t.Errorf("%s has a link to %s#%s, which does not exist", name, to, m[2])
			}
		}
	}
	if found < 60 {
		t.Errorf("only %d links found", found)
	}
}

var headingLink = regexp.MustCompile(`\]\(([a-z-]+\.md)?#([a-z0-9_-]+)\)`)

// The long examples of the reference together are a valid contract. Examples that are whole contracts are valid alone.
func TestReferenceSections(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/contract-language.md")
	if err != nil {
		t.Fatal(err)
	}
	var src strings.Builder
	src.WriteString("contract: shop\ntitle: Shop\n")
	for i, block := range strings.Split(string(b), "```yaml\n")[2:] {
		yaml, _, _ := strings.Cut(block, "```")
		if strings.HasPrefix(yaml, "contract: ") {
			parseContract(t, yaml)
			continue
		}
		if i == 0 { // there is no file here
			yaml = strings.Replace(yaml, "examples/order-paid.json", `'{"id":1}'`, 1)
		}
		src.WriteString(yaml)
	}
	c := parseContract(t, src.String())
	if c.Scheme() != sign.StandardWebhooks || c.AllowsShaping() || len(c.Assumed()) != 2 || !c.HasEvent("anything") {
		t.Errorf("%s", src.String())
	}
	results := c.RunTests()
	if len(results) != 6 {
		t.Errorf("%d tests", len(results))
	}
	for _, r := range results {
		if r.Wrong != "" {
			t.Errorf("%s: %s", r.Name, r.Wrong)
		}
	}
}

// An example that is a whole contract is valid, and passes its own tests.
func TestWholeExamples(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/contract-language.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(b), "```yaml whole\n")[1:]
	if len(blocks) == 0 {
		t.Fatal("there is no example that is a whole contract")
	}
	for _, block := range blocks {
		src, _, _ := strings.Cut(block, "```")
		results := parseContract(t, src).RunTests()
		if len(results) == 0 {
			t.Errorf("an example without tests:\n%s", src)
		}
		for _, r := range results {
			if r.Wrong != "" {
				t.Errorf("%s: %s", r.Name, r.Wrong)
			}
		}
	}
}

// The worked examples of the reference are copied from the shipped contracts.
func TestWorkedExamples(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/contract-language.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, block := range strings.Split(string(b), "```yaml contracts/")[1:] {
		file, rest, _ := strings.Cut(block, "\n")
		pieces, _, _ := strings.Cut(rest, "\n```")
		src, err := os.ReadFile("../../contracts/" + file)
		if err != nil {
			t.Error(err)
			continue
		}
		seen[file] = true
		for piece := range strings.SplitSeq(pieces, "\n# …\n") {
			if !strings.Contains(string(src), "\n"+piece+"\n") {
				t.Errorf("%s has no longer\n%s", file, piece)
			}
		}
	}
	if len(seen) != 5 {
		t.Errorf("examples of %v", seen)
	}
}

// Each example of how requests authenticate is valid.
func TestReferenceAuth(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/contract-language.md")
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for line := range strings.SplitSeq(string(b), "\n") {
		if !strings.HasPrefix(line, "auth: ") {
			continue
		}
		var settings strings.Builder
		settings.WriteString("settings: {properties: {")
		for _, name := range []string{"user", "password", "token", "id", "secret"} {
			settings.WriteString(name + ": {type: string, secret: true, title: T}, ")
		}
		c := parseContract(t, "contract: p\ntitle: P\nevents: {e: {title: E}}\nendpoint:\n  "+settings.String()+"}}\n  "+line)
		kinds = append(kinds, c.AuthKind())
	}
	if want := []string{"basic", "bearer", "oauth2"}; !slices.Equal(kinds, want) {
		t.Errorf("the examples are of %v, want %v", kinds, want)
	}
}
