package template

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gancho/internal/nearest"
	"gancho/internal/yamlfile"
)

// otherSyntax are templates as other systems write them. The first group is what they name.
var otherSyntax = []*regexp.Regexp{
	regexp.MustCompile(`\{\{\{?\s*([A-Za-z_][\w.]*)\s*\}?\}\}`),
	regexp.MustCompile(`<%=\s*([A-Za-z_][\w.]*)\s*%>`),
	regexp.MustCompile(`[%#]\{\s*([A-Za-z_][\w.]*)\s*\}`),
	regexp.MustCompile(`\$((?:payload|settings|event|credential|attempt|changes)\.[\w.]+)`),
	regexp.MustCompile(`(?:^|[^$])\{((?:payload|settings|event|credential|attempt|changes)\.[\w.]+)\}`),
}

// doubtful reports a text that is a template in another language: it would go out as it stands here.
func doubtful(f *yamlfile.File, n *yamlfile.Node) {
	for _, other := range otherSyntax {
		m := other.FindStringSubmatchIndex(n.Text)
		if m == nil {
			continue
		}
		line, col := f.Within(n, 1+strings.Count(n.Text[:m[2]], "\n"), 1)
		if !strings.Contains(n.Text, "\n") {
			line, col = f.Within(n, 1, 1+len([]rune(n.Text[:m[0]])))
		}
		f.Doubt(line, col, fmt.Sprintf("%s would be sent as it stands here.", strings.TrimSpace(n.Text[m[0]:m[1]])),
			fmt.Sprintf("A template is written ${%s}.", wholePath(n.Text[m[2]:m[3]])))
		return
	}
}

// wholePath is what a name of another system probably stands for.
func wholePath(name string) string {
	root, rest, _ := strings.Cut(name, ".")
	switch {
	case slices.Contains([]string{"payload", "settings", "event", "credential", "attempt", "changes"}, root):
		return name
	case root == "body" || root == "data" || root == "object":
		return strings.TrimSuffix("payload."+rest, ".")
	}
	return "payload." + name
}

// rootFix says what may have been meant by a path whose first name is nothing that there is.
func (at Place) rootFix(path []string) string {
	root := path[0]
	if slices.Contains(at.Roots, "challenge") && (root == "payload" || root == "set") {
		return " A handshake belongs to no event. Write the value itself, or name ${challenge} or a setting."
	}
	if _, near := nearest.Word(root, at.Roots); !near {
		has := func(name string) bool { return slices.Contains(at.Roots, name) }
		switch {
		case has("settings") && slices.Contains(at.Settings, root):
			return fmt.Sprintf(" Write ${settings.%s}.", root)
		case has("event") && (root == "id" || root == "type" || root == "time" || root == "tenant") && len(path) == 1:
			return fmt.Sprintf(" Write ${event.%s}, or ${payload.%s} for a member of the payload.", root, root)
		case has("payload") && (root == "body" || root == "data" || root == "object" || root == "record"):
			return fmt.Sprintf(" Write ${%s}.", strings.Join(append([]string{"payload"}, path[1:]...), "."))
		case root == "secret":
			return " The signing secret is never sent; what people fill in is written ${settings.token}, and described under settings."
		case has("settings") && (root == "token" || root == "api_key" || root == "apiKey" || root == "password" || root == "env" || strings.ToUpper(root) == root):
			return fmt.Sprintf(" What people fill in is written ${settings.%s}, and described under settings.", strings.ToLower(path[len(path)-1]))
		}
	}
	return nearest.DidYouMean(root, at.Roots)
}
