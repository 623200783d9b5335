package api

import (
	"net/http"
	"net/url"

	"gancho/internal/auth"
)

// addresses makes the addresses of this server that answers have: URLs, and the paths in cookies and redirects.
type addresses struct {
	public *url.URL // where browsers reach the server; nil: where their request found it
}

// path is where browsers find a path of the API or of the pages. /v1 may be /gancho/v1 for them.
func (a addresses) path(path string) string {
	if a.public == nil {
		return path
	}
	return a.public.Path + path
}

// url is the whole address of a path, for whoever made a request.
func (a addresses) url(r *http.Request, path string) *url.URL {
	if a.public != nil {
		return a.public.JoinPath(path)
	}
	u := &url.URL{Scheme: "http", Host: r.Host, Path: path}
	if auth.Secure(r) {
		u.Scheme = "https"
	}
	return u
}
