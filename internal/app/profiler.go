package app

import (
	"net/http"
	"net/http/pprof"
	"strings"

	"gancho/internal/auth"
)

// profiler adds Go's profiles under /debug/pprof/, for requests with the admin key. All others get what next answers.
// `gancho bench --profile` reads them, and so can people who look for slow code.
func profiler(next http.Handler, keys *auth.Auth) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/debug/pprof/") && keys.Admin(r) {
			mux.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
