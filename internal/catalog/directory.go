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

// Directory is a directory of contract files that an operator edits. It is read
// again and again rather than watched: that works on every file system, in
// containers and over the network, and the files are small.
type Directory struct {
	catalog *Catalog
	path    string
	files   map[string]*contractFile
	absent  bool // it could not be read, and that was said
}

// contractFile is what is known of one *.yaml.
type contractFile struct {
	name string            // of the contract in it, "" if it was never right
	read map[string]digest // what loading it read: itself and its examples
	seen map[string]digest // what was there when it was last looked at
}

// digest is the hash of a file's content, zero if it is not there.
type digest [sha256.Size]byte

// look is how often the directory is looked at.
const look = time.Second

// Directory is the contracts in the *.yaml files of a directory. Nothing is read
// yet.
func (k *Catalog) Directory(path string) *Directory {
	return &Directory{catalog: k, path: path, files: map[string]*contractFile{}}
}

// Import takes in what is new in the directory, at once. What is wrong with a
// file is logged; the error is that of the database.
func (d *Directory) Import(ctx context.Context) error { return d.scan(ctx, true) }

// Run takes in what changes in the directory until ctx ends.
func (d *Directory) Run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := d.scan(ctx, false); err != nil && ctx.Err() == nil {
			d.catalog.log.Error("contracts not taken in, will try again", "directory", d.path, "error", err)
		}
	}
}

// scan looks at every file. Unless atOnce is set, one that changes is left alone
// until it has been the same twice: somebody may be writing it.
func (d *Directory) scan(ctx context.Context, atOnce bool) error {
	dir := os.DirFS(d.path)
	names, err := fs.Glob(dir, "*.yaml")
	if _, statErr := fs.Stat(dir, "."); err == nil {
		err = statErr // Glob says nothing of a directory that is not there
	}
	if err != nil {
		if !d.absent {
			d.catalog.log.Error("the directory of contracts cannot be read; contracts stay as they are", "directory", d.path, "error", err)
		}
		d.absent = true
		return nil
	}
	d.absent = false
	for name := range d.files {
		if !slices.Contains(names, name) {
			d.catalog.log.Info("a contract file is gone; its contract stays in force", "file", filepath.Join(d.path, name), "contract", d.files[name].name)
			delete(d.files, name)
			for _, f := range d.files { // another may have been refused because of it
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

// file takes a file in if it has changed.
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
	} else if err != nil && !hook.IsKind(err, hook.KindUnavailable) {
		d.catalog.explain("a contract file cannot be read", err)
		err = nil
	}
	if err == nil {
		f.read, f.seen = reading.read, maps.Clone(reading.read)
	}
	return err
}

func (d *Directory) put(ctx context.Context, f *contractFile, name string, c *contract.Contract) error {
	for other, g := range d.files {
		if other != name && g.name == c.Name {
			return &contract.Problems{List: []contract.Problem{{
				Line: 1, Column: 1, Message: "The contract " + c.Name + " is in " + other + " too.", Fix: "Keep one of the two files, or give one contract another name.",
			}}}
		}
	}
	if wrong := c.FailedTests(name); wrong != nil {
		return wrong
	}
	if _, err := d.catalog.put(ctx, c, hook.ContractDirectory); err != nil {
		return err
	}
	f.name = c.Name
	return nil
}

// recorder notes which files are read, and what was in them.
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

func digestOf(dir fs.FS, name string) digest {
	b, err := readFile(dir, name)
	if err != nil {
		return digest{}
	}
	return sha256.Sum256(b)
}

// readFile reads a file that can be a contract or an example. What stands in the
// directory by mistake, a device, a pipe or a backup of many gigabytes, is not
// read: that would end the server, and not only once.
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
