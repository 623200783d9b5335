// Package docpage makes web pages of the documentation of contracts: the part that the console and the portal show
// ([Render]), and whole pages at public addresses, for those contracts for which the operator switched them on
// ([Public]).
//
// It promises:
//
//   - The pages say what the Markdown says that package guide writes, and nothing else. There is no second source.
//   - Texts of contracts are shown as text. HTML in them is not HTML on the page, and links lead to web addresses only.
//   - A page can be read, and its tabs work, without scripts. Nothing is loaded from another server.
//   - A page whose contract did not change keeps its ETag, so browsers and search engines load it once.
package docpage

import (
	"embed"

	"gancho/internal/texts"
)

// Languages are the languages of the pages, the first for everybody whose own is not among them.
var Languages = []string{"en", "es", "pt"}

//go:embed texts/*.txt
var textFiles embed.FS

var words = texts.Must(texts.Load(textFiles, "texts", Languages...))
