// Package yamlfile reads YAML files that people write, such as contracts.
//
// It promises that every mistake is found in one pass, each with line, column and what would be right: [Open] makes a
// tree of nodes that know their places, and the methods of [File] read texts, numbers, durations and lists from nodes
// and report what is wrong. It reads a small YAML: mappings, lists and plain values, without anchors, tags and several
// documents, because a file has to be readable by somebody who knows only key: value and lists.
//
// The package is pure: it reads no files.
package yamlfile

import (
	"bytes"
	"fmt"
)

// File is a YAML file that is being read. It collects the problems that are found in it. It is not safe for concurrent
// use.
type File struct {
	Name     string // for messages
	src      []byte
	problems Problems
	inlined  []inlined
	accepted bool // see [Reopen]

	// Advice says what to write in the place of a key that is unknown where keys are possible; "" if it does not know. nil:
	// nobody does.
	Advice func(key string, keys []string) string
}

// inlined is a text that takes the place of the name of its file, see [File.Standalone].
type inlined struct {
	at   *Node
	text []byte
}

// Open reads a file of at most limit bytes. The node is nil if the file cannot be read; then [File.err] says why.
func Open(name string, src []byte, limit int) (*File, *Node) {
	f := &File{Name: name}
	return f, f.open(src, limit)
}

// Reopen is [Open] for a file that was accepted earlier, perhaps by a release that doubted less: [File.Doubt] reports
// nothing.
func Reopen(name string, src []byte, limit int) (*File, *Node) {
	f := &File{Name: name, accepted: true}
	return f, f.open(src, limit)
}

func (f *File) open(src []byte, limit int) *Node {
	f.src = bytes.TrimPrefix(src, []byte(byteOrderMark))
	if len(f.src) > limit {
		f.Problem(1, 1, fmt.Sprintf("The file has %d bytes; at most %d are allowed.", len(f.src), limit), "")
		return nil
	}
	if !f.isText(f.src) {
		return nil
	}
	return f.read(f.src)
}

// Problem reports a mistake at a line and column, both from 1. fix says what would be right, "" if message does.
func (f *File) Problem(line, col int, message, fix string) {
	f.problems.List = append(f.problems.List, Problem{File: f.Name, Line: max(line, 1), Column: max(col, 1), Message: message, Fix: fix})
}

// ProblemAt reports a mistake at the place of a node.
func (f *File) ProblemAt(n *Node, message, fix string) { f.Problem(n.Line, n.Column, message, fix) }

// Doubt is [File.Problem] for what has a meaning, but surely another one than its author thinks.
func (f *File) Doubt(line, col int, message, fix string) {
	if !f.accepted {
		f.Problem(line, col, message, fix)
	}
}

// Count is how many problems were reported so far.
func (f *File) Count() int { return len(f.problems.List) }

// Forget takes back the problems that were reported after the first count ones.
func (f *File) Forget(count int) { f.problems.List = f.problems.List[:count] }

// Err is nil if no problem was reported, else a *[Problems] in the order of the file.
func (f *File) Err() error {
	if len(f.problems.List) == 0 {
		return nil
	}
	f.problems.sort()
	return &f.problems
}

// Inline puts a text into the place of a node, which is the name of the file that the text comes from.
func (f *File) Inline(at *Node, text []byte) { f.inlined = append(f.inlined, inlined{at, text}) }
