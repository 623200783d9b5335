package app

import (
	"crypto/subtle"
	"net/http"
	"net/http/pprof"
	"strings"
)

// profiler adds Go's profiles under /debug/pprof/, for requests with the admin key.
// `gancho bench --profile` reads them, and so can people who look for slow code.
func profiler(next http.Handler, adminKey string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	want := []byte("Bearer " + adminKey)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/debug/pprof/") && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) == 1 {
			mux.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
