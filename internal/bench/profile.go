package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// profile fetches CPU profiles of servers, if asked to and if they serve them.
type profile struct {
	dir string // "": no profiles
}

// during takes a profile of the server while work runs, into name.pprof.
// A server without profiles is no error, it is said.
func (b *bench) during(ctx context.Context, s *server, name string, work func() error) error {
	if b.profile.dir == "" {
		return work()
	}
	fetched := make(chan error, 1)
	go func() { fetched <- b.profile.fetch(ctx, s, name) }()
	err := work()
	if perr := <-fetched; perr != nil {
		b.say("no profile of %s: %v", name, perr)
	}
	return err
}

// fetch profiles the server for two seconds.
func (p profile) fetch(ctx context.Context, s *server, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+"/debug/pprof/profile?seconds=2", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %s", res.Status)
	}
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(p.dir, name+".pprof"))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, res.Body)
	return errors.Join(err, f.Close())
}
