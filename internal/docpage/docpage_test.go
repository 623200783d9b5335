package docpage

import (
	"strings"
	"testing"
)

func TestTextsOfContractsAreText(t *testing.T) {
	page := Render([]byte("# T <b>x</b>\n\nA <script>alert(1)</script> & [l](javascript:alert(1)) [w](https://e.org) ![i](https://e.org/x.png)\n\n"+
		"<iframe src=x></iframe>\n\n## <img src=x onerror=alert(1)>\n\n| a | b |\n|---|---|\n| <i>c</i> | `<u>` |\n\n"+
		"```json\n{\"a\": \"</code></pre><script>1</script>\"}\n```\n\n```\"><script>\nx\n```\n"), "es", map[string]string{"x": "\"><script>"})
	for _, bad := range []string{"<script", "<iframe", "<img", "<i>", "<u>", "<b>", "javascript:"} {
		if strings.Contains(page.HTML, bad) {
			t.Errorf("%s is HTML on the page:\n%s", bad, page.HTML)
		}
	}
	for _, want := range []string{"&lt;script&gt;alert(1)&lt;/script&gt;", `href="https://e.org" rel="nofollow noreferrer"`, ">Copiar<"} {
		if !strings.Contains(page.HTML, want) {
			t.Errorf("%s is missing:\n%s", want, page.HTML)
		}
	}
	if page.Title != "T <b>x</b>" || len(page.Contents) != 1 || page.Contents[0].ID != "img-src-x-onerror-alert-1" {
		t.Errorf("%q, %v", page.Title, page.Contents)
	}
}
