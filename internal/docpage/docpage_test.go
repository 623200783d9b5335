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

// Links lead to web addresses and mailboxes; of others the text stays.
func TestLinksOfOtherSchemes(t *testing.T) {
	page := Render([]byte("# T\n\n[a *b*](ftp://e.org/x) <ssh://e.org/y> [c](VBScript:z) [d](data:text/html,1) [e](intent:q) [f](file:///etc)\n\n"+
		"[g](https://e.org/g) [h](mailto:h@e.org) <i@e.org> <https://e.org/j> [k](#k) [l](HTTP://e.org/l)\n"), "en", nil)
	for _, bad := range []string{`href="ftp`, `href="ssh`, `cript:`, `href="data`, `href="intent`, `href="file`, `href=""`} {
		if strings.Contains(page.HTML, bad) {
			t.Errorf("%s is on the page:\n%s", bad, page.HTML)
		}
	}
	for _, want := range []string{
		"a <em>b</em> ssh://e.org/y c d e f", `href="https://e.org/g"`, `href="mailto:h@e.org"`, `href="mailto:i@e.org"`,
		`href="https://e.org/j"`, `href="#k"`, `href="HTTP://e.org/l"`,
	} {
		if !strings.Contains(page.HTML, want) {
			t.Errorf("%s is missing:\n%s", want, page.HTML)
		}
	}
}

func TestPlaceholdersAreMarked(t *testing.T) {
	const url = "https://example.com/webhooks"
	page := Render([]byte("# T\n\n`"+url+"`\n\n```http\nPOST /webhooks HTTP/1.1\nHost: example.com\nX-Own: me\n```\n\n"+
		"```sh\ncurl '"+url+"'\n```\n\n```http\nPOST /other HTTP/1.1\nHost: example.com\n```\n"), "en",
		map[string]string{url: "url", "X-Own": "pair_name"})
	for _, want := range []string{
		`<code><span class="fill" data-fill="url">` + url + `</span></code>`,
		`POST <span class="fill" data-fill="path">/webhooks</span> HTTP/1.1` + "\nHost: " + `<span class="fill" data-fill="host">example.com</span>`,
		`<span class="tok-key"><span class="fill" data-fill="pair_name">X-Own</span></span>: me`,
		`curl</span> <span class="tok-string">&#39;<span class="fill" data-fill="url">` + url + `</span>&#39;</span>`,
		"POST /other HTTP/1.1\n",
		`<div class="tabs" role="group" aria-label="HTTP, curl">`,
	} {
		if !strings.Contains(page.HTML, want) {
			t.Errorf("%s is missing:\n%s", want, page.HTML)
		}
	}
}

// Programs in sections of their own become tabs; sections that are something else stay.
func TestProgramsAreTabs(t *testing.T) {
	page := Render([]byte("# T\n\n## Programs\n\nAll.\n\n### PHP\n\nSave it.\n\n```php\n<?php // x\n```\n\n### Go\n\n```go\nvar x = 1\n```\n\n"+
		"### Another\n\nText.\n\n```json\n{\"a\": 1}\n```\n\n## End\n"), "en", nil)
	for _, want := range []string{
		`aria-label="PHP, Go"`, `id="tabs-1-1"><label for="tabs-1-1">Go</label>`, "<p>Save it.</p>", `<h3 id="another">Another</h3>`,
		`<span class="tok-comment">// x</span>`, `<span class="tok-key">&#34;a&#34;</span>: <span class="tok-number">1</span>`,
	} {
		if !strings.Contains(page.HTML, want) {
			t.Errorf("%s is missing:\n%s", want, page.HTML)
		}
	}
	if strings.Contains(page.HTML, "<h3 id=\"php\"") || strings.Count(page.HTML, `class="panel"`) != 2 {
		t.Errorf("%s", page.HTML)
	}
}
