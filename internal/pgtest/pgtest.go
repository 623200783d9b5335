// Package pgtest gives tests a real PostgreSQL: one private server for each test binary,
// which starts when a test first needs it, and a database of its own for each test.
//
// It promises that no process and no file is left, however the test binary ends. A shell
// supervises the server and reads commands from a pipe. When the pipe closes, which also
// happens after kill -9, it ends the server and removes the files.
//
// GANCHO_TEST_POSTGRES names another server instead, as the URL of a database whose user
// may create databases. Without a PostgreSQL, a test that needs one fails, since nobody
// would notice that it was skipped.
package pgtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// serverEnv is the variable that names another server.
const serverEnv = "GANCHO_TEST_POSTGRES"

// Server is a PostgreSQL server.
type Server struct {
	admin *url.URL // of its database postgres
	dir   string   // of its files; "" if it was not started here
	ctl   io.WriteCloser
	gone  *bufio.Reader // has a line after each Kill
	count atomic.Int64

	mu       sync.Mutex
	template string
}

var shared = sync.OnceValues(func() (*Server, error) {
	if text := os.Getenv(serverEnv); text != "" {
		u, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s is no URL: %w", serverEnv, err)
		}
		return &Server{admin: u}, nil
	}
	// Nothing is synced: no test asks whether the server survives a power cut.
	return start("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off")
})

// Database is the URL of a fresh database on the server that all tests of this binary
// share. prepare is called for the first database, and the others are copies of that, so
// all calls of a binary must give the same function. The database is dropped when the test
// ends.
func Database(t testing.TB, prepare func(ctx context.Context, url string) error) string {
	t.Helper()
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s.Database(t, prepare)
}

// Start is a server for one test, which can kill it. Its commits are synced. It is ready when
// Start returns, and is removed when the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.ctl.Close() })
	return s
}

// Database is [Database] on this server.
func (s *Server) Database(t testing.TB, prepare func(ctx context.Context, url string) error) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.template == "" {
		name := s.name("template")
		if err := s.exec(`CREATE DATABASE ` + name); err != nil {
			t.Fatal(err)
		}
		if err := prepare(context.WithoutCancel(t.Context()), s.URL(name)); err != nil {
			t.Fatal(err)
		}
		if s.dir == "" {
			t.Cleanup(func() { s.template = ""; _ = s.exec(`DROP DATABASE ` + name + ` WITH (FORCE)`) })
		}
		s.template = name
	}
	name := s.name("test")
	if err := s.exec(`CREATE DATABASE ` + name + ` TEMPLATE ` + s.template); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.exec(`DROP DATABASE ` + name + ` WITH (FORCE)`) }) // the test may have ended its server
	return s.URL(name)
}

func (s *Server) name(what string) string {
	return fmt.Sprintf("gancho_%s_%d_%d", what, os.Getpid(), s.count.Add(1))
}

// URL is the URL of a database of the server.
func (s *Server) URL(database string) string {
	u := *s.admin
	u.Path = "/" + database
	return u.String()
}

func (s *Server) exec(query string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.admin.String())
	if err != nil {
		return fmt.Errorf("the PostgreSQL for tests does not answer: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, query)
	return err
}

// Kill ends the server at once, as a power cut would. No process is left when it returns.
func (s *Server) Kill() {
	fmt.Fprintln(s.ctl, "kill")
	_, _ = s.gone.ReadString('\n') // without a supervisor there is no server either
}

// Start starts the server again, and returns when it answers.
func (s *Server) Start() error {
	fmt.Fprintln(s.ctl, "start")
	return s.wait()
}

func (s *Server) wait() error {
	deadline := time.Now().Add(2 * time.Minute)
	for {
		err := s.exec(`SELECT 1`)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("%w\n%s", err, log)
		}
		time.Sleep(20 * time.Millisecond) // the server does not say when it is ready
	}
}

// supervisor runs the server. $1 is its directory, $2 the directory of its binaries, the
// rest are its options. Its backends are not in its process group, so they are looked up,
// while it is stopped and cannot start more. As long as one of them lives, a new server does
// not start on the same data. A process that has no command line any more may still have the
// shared memory; a zombie has none.
const supervisor = `
trap '' INT TERM HUP
dir=$1 bin=$2
shift 2
pid=
finish() {
	[ -n "$pid" ] || return 0
	kill -STOP "$pid" 2>/dev/null
	kids=$(cat /proc/"$pid"/task/"$pid"/children 2>/dev/null)
	kill -9 "$pid" $kids 2>/dev/null
	wait "$pid" 2>/dev/null
	for kid in $kids; do
		while grep -q '^State:.[^ZX]' /proc/"$kid"/status 2>/dev/null; do sleep 0.01; done
	done
	pid=
}
begin() { "$bin"/postgres -D "$dir"/data "$@" >&2 & pid=$!; }
"$bin"/initdb -D "$dir"/data -A trust -U gancho -E UTF8 --no-locale --no-sync >&2 && begin "$@"
while read -r what; do
	case $what in
	kill) finish; echo gone ;;
	start) finish; begin "$@" ;;
	esac
done
finish
rm -rf "$dir"
`

func start(options ...string) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	// The path of a socket has to be short, and that of a test's directory is too long.
	dir, err := os.MkdirTemp("", "gancho-pg-")
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the server has its own descriptor
	args := append([]string{
		"-c", supervisor, "gancho-test-postgres", dir, bin,
		"-c", "listen_addresses=", "-c", "unix_socket_directories=" + dir, "-c", "max_connections=200", "-c", "shared_buffers=32MB",
		"-c", "wal_level=minimal", "-c", "max_wal_senders=0", "-c", "autovacuum_naptime=10min",
	}, options...)
	cmd := exec.Command("/bin/sh", args...)
	cmd.Dir, cmd.Stderr = "/", log
	if cmd.SysProcAttr, err = asServerUser(dir); err != nil {
		return nil, err
	}
	ctl, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	gone, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &Server{dir: dir, ctl: ctl, gone: bufio.NewReader(gone), admin: &url.URL{
		Scheme: "postgres", User: url.User("gancho"), Path: "/postgres", RawQuery: url.Values{"host": {dir}, "sslmode": {"disable"}}.Encode(),
	}}
	if err := s.wait(); err != nil {
		_ = ctl.Close()
		return nil, err
	}
	return s, nil
}

// binaries is the directory of the newest server that Debian's packages installed.
func binaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		if path, err := exec.LookPath("postgres"); err == nil {
			return filepath.Dir(path), nil
		}
		return "", fmt.Errorf("tests need PostgreSQL: scripts/need.sh postgresql installs it on Debian, or set %s to the URL of another", serverEnv)
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

// serverUser runs the server when the tests run as root, since the server refuses root.
func serverUser() (uid, gid int, err error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil {
			return uid, gid, nil
		}
	}
	return 0, 0, fmt.Errorf("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
}
