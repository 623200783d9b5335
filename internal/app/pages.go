package app

import (
	"cmp"
	"context"
	"net/http"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/api"
	"gancho/internal/console"
	"gancho/internal/contract"
	"gancho/internal/docpage"
	"gancho/internal/guide"
)

// pages are the pages for people: the public documentation of contracts, and the console with the portal.
type pages struct {
	docs    *docpage.Public
	console *console.Console
}

// Takes reports whether a request is for a page or for a file that a page needs.
func (p pages) Takes(r *http.Request) bool { return p.docs.Takes(r) || p.console.Takes(r) }

// ServeHTTP serves a page.
func (p pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.docs.Takes(r) {
		p.docs.ServeHTTP(w, r)
		return
	}
	p.console.ServeHTTP(w, r)
}

func (s *server) pages(contracts admin.Contracts, documented guide.Sender) pages {
	path := s.cfg.PublicURL.path()
	return pages{
		docs: docpage.NewPublic(docpage.Options{
			Find: contracts.PublicDocs, Log: s.log.With("part", "docs"),
			Page: func(c *contract.Contract, language string) docpage.Page {
				return documentation(documented, c, language)
			},
			URL: string(s.cfg.PublicURL), Path: path, Logo: s.logo.Path(), Accent: string(s.cfg.PortalAccent),
			Language: api.AcceptedLanguage,
		}),
		console: console.New(console.Options{PortalOrigins: s.cfg.PortalOrigins.strings(), Logo: s.logo, Path: path}),
	}
}

// documentation is the documentation of a contract as a page.
func documentation(documented guide.Sender, c *contract.Contract, language string) docpage.Page {
	return docpage.Render(documented.Markdown(c, language), language, guide.Placeholders(c))
}

// guideOf is what customers and their tools read about a contract, as the API answers it.
func guideOf(documented guide.Sender) api.Guide {
	at := func(server string) guide.Sender {
		d := documented
		d.URL = cmp.Or(d.URL, server)
		return d
	}
	return api.Guide{
		Markdown: func(c *contract.Contract, language, server string) []byte { return at(server).Markdown(c, language) },
		OpenAPI:  func(c *contract.Contract, language, server string) []byte { return at(server).OpenAPI(c, language) },
		Setup:    guide.SetupRequest,
		Changes:  changes,
		Page: func(c *contract.Contract, language, server string) client.ContractPage {
			p := documentation(at(server), c, language)
			out := client.ContractPage{Title: p.Title, Description: p.Description, HTML: p.HTML, Contents: []client.ContentsEntry{}}
			for _, e := range p.Contents {
				out.Contents = append(out.Contents, client.ContentsEntry(e))
			}
			return out
		},
	}
}

// changes says what a new version of a contract changes for receivers, as JSON of the API.
func changes(ctx context.Context, before, after *contract.Contract, language string) (out []client.ContractChange, whole bool) {
	list, whole := guide.ChangesWithin(ctx, before, after)
	for _, c := range list {
		out = append(out, client.ContractChange(c.In(language)))
	}
	return out, whole
}
