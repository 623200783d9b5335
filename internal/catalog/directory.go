package catalog

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// Directory is a directory of contract files that an operator edits. It is read every
// second: unlike notifications of the file system, that works in containers and over the
// network, and the files are small.
type Directory struct {
	catalog *Catalog
	path    string
	files   map[string]*contractFile
	absent  bool // set when the directory cannot be read and that was logged, cleared when it can
}

// contractFile is what is known about one *.yaml file.
type contractFile struct {
	name string            // of the contract in it; "" if it never had a valid one
	read map[string]digest // the files that were read when it was loaded: itself and its examples
	seen map[string]digest // the same files as they were at the last scan
	// waits is set while its contract cannot come into force yet, and that was logged.
	waits bool
}

// digest is the SHA-256 of a file, zero if there is none.
type digest [sha256.Size]byte

// scanEvery is how often the directory is read.
const scanEvery = time.Second

// Directory is a directory with contracts in *.yaml files. It is not read yet.
func (k *Catalog) Directory(path string) *Directory {
	return &Directory{catalog: k, path: path, files: map[string]*contractFile{}}
}

// Import puts new and changed files of the directory into force. A mistake in a file is
// logged. An error is one of the database.
func (d *Directory) Import(ctx context.Context) error { return d.scan(ctx, true) }

// Run puts files that change into force until ctx ends.
func (d *Directory) Run(ctx context.Context) error {
	tick := time.NewTicker(scanEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := d.scan(ctx, false); err != nil && ctx.Err() == nil {
			d.catalog.log.Error("contracts could not be stored, will try again", "directory", d.path, "error", err)
		}
	}
}

// scan reads every file. A file that has changed is only loaded if it was the same in two
// scans, since somebody may be writing it, or if atOnce is set.
func (d *Directory) scan(ctx context.Context, atOnce bool) error {
	dir := os.DirFS(d.path)
	names, err := fs.Glob(dir, "*.yaml")
	if _, statErr := fs.Stat(dir, "."); err == nil {
		err = statErr // Glob has no error for a directory that does not exist
	}
	if err != nil {
		if !d.absent {
			d.catalog.log.Error("the directory of contracts cannot be read; contracts stay as they are",
				"directory", d.path, "error", err)
		}
		d.absent = true
		return nil
	}
	d.absent = false
	for name := range d.files {
		if !slices.Contains(names, name) {
			d.catalog.log.Info("a contract file is gone; its contract stays in force",
				"file", filepath.Join(d.path, name), "contract", d.files[name].name)
			delete(d.files, name)
			for _, f := range d.files { // another file may have been refused because of this one
				f.read = nil
			}
		}
	}
	var errs []error
	for _, name := range names {
		errs = append(errs, d.file(ctx, dir, name, atOnce))
	}
	return errors.Join(errs...)
}

// file loads a file and puts its contract into force, if the file has changed.
func (d *Directory) file(ctx context.Context, dir fs.FS, name string, atOnce bool) error {
	f := d.files[name]
	if f == nil {
		f = &contractFile{}
		d.files[name] = f
	}
	now := map[string]digest{name: digestOf(dir, name)}
	for other := range f.read {
		now[other] = digestOf(dir, other)
	}
	settled := maps.Equal(now, f.seen)
	f.seen = now
	if maps.Equal(now, f.read) || !settled && !atOnce {
		return nil
	}
	reading := &recorder{FS: dir, read: map[string]digest{}}
	c, err := contract.Load(reading, name)
	if err == nil {
		err = d.put(ctx, f, name, c)
	}
	if problems, ok := errors.AsType[*contract.Problems](err); ok {
		for i := range problems.List {
			problems.List[i].File = filepath.Join(d.path, name)
		}
		d.catalog.explain("a contract file is wrong; what was in force stays", problems)
		err = nil
	} else if hook.IsKind(err, hook.KindConflict) { // nodes of the release before are running; it is tried again
		if !f.waits {
			d.catalog.log.Warn("a contract file has to wait; it will be tried again", "file", filepath.Join(d.path, name), "error", err)
		}
		f.waits = true
		return nil
	} else if err != nil && !hook.IsKind(err, hook.KindUnavailable) {
		d.catalog.explain("a contract file cannot be read", err)
		err = nil
	}
	if err == nil {
		f.read, f.seen, f.waits = reading.read, maps.Clone(reading.read), false
	}
	return err
}

// put puts the contract of a file into force, unless another file has the same contract.
func (d *Directory) put(ctx context.Context, f *contractFile, name string, c *contract.Contract) error {
	for other, g := range d.files {
		if other != name && g.name == c.Name {
			return &contract.Problems{List: []contract.Problem{{
				Line: 1, Column: 1, Message: "The contract " + c.Name + " is in " + other + " too.",
				Fix: "Keep one of the two files, or give one contract another name.",
			}}}
		}
	}
	if wrong := c.FailedTests(name); wrong != nil {
		return wrong
	}
	if _, err := d.catalog.put(ctx, c, hook.ContractDirectory, hook.Precondition{}); err != nil {
		return err
	}
	f.name = c.Name
	return nil
}

// recorder is a file system that notes which files are read, with their hashes.
type recorder struct {
	fs.FS
	read map[string]digest
}

// ReadFile reads a file as [fs.ReadFile] does.
func (r *recorder) ReadFile(name string) ([]byte, error) {
	b, err := readFile(r.FS, name)
	if err != nil {
		r.read[name] = digest{}
		return nil, err
	}
	r.read[name] = sha256.Sum256(b)
	return b, nil
}

// digestOf is the digest of a file.
func digestOf(dir fs.FS, name string) digest {
	b, err := readFile(dir, name)
	if err != nil {
		return digest{}
	}
	return sha256.Sum256(b)
}

// readFile reads a file that can be a contract or an example. It refuses a device, a pipe or
// a file of many gigabytes, which may be in the directory by mistake: reading it would end
// the server, and end it again at each start.
func readFile(dir fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(dir, name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", name)
	case info.Size() > contract.MaxSource:
		return nil, fmt.Errorf("%s has %d bytes; at most %d are allowed", name, info.Size(), contract.MaxSource)
	}
	return fs.ReadFile(dir, name)
}
