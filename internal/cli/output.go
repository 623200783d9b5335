package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// write puts a result into a file, or on standard output if none is named.
func write(out console, file string, text []byte) error {
	if file == "" {
		_, err := out.stdout.Write(text)
		return err
	}
	if err := replaceFile(file, text); err != nil {
		return fmt.Errorf("the result cannot be written: %w; check the path given to --output", err)
	}
	return nil
}

// replaceFile writes a file. If that fails, a file that was there is as it was, and no part of a new one is left: the text
// is written under another name, and renamed. What is no file on a disk, such as a pipe, is written to as it is.
func replaceFile(file string, text []byte) error {
	mode := fs.FileMode(0o644)
	if target, err := filepath.EvalSymlinks(file); err == nil {
		info, err := os.Stat(target)
		if err != nil || !info.Mode().IsRegular() {
			return os.WriteFile(file, text, mode)
		}
		file, mode = target, info.Mode().Perm() // a symbolic link stays one
	}
	return writeBeside(file, text, mode, os.Rename)
}

// newFile writes a file that must not be there yet: then the error is [fs.ErrExist]. If it fails, nothing is left.
func newFile(file string, text []byte) error {
	return writeBeside(file, text, 0o644, func(from, to string) error {
		err := os.Link(from, to) // it never replaces a file, as a rename would
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return os.Rename(from, to) // a file system without links
		}
		if err == nil {
			_ = os.Remove(from) // otherwise the file has two names, and is complete
		}
		return err
	})
}

// writeBeside writes a text into a file beside another one, and lets put give it that other name.
func writeBeside(file string, text []byte, mode fs.FileMode, put func(from, to string) error) error {
	beside := fmt.Sprintf("%s.%d.new", file, os.Getpid())
	f, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = put(beside, file)
	}
	if err != nil {
		_ = os.Remove(beside)
	}
	return err
}
