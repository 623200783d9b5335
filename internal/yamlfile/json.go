package yamlfile

import (
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// JSON is a piece of YAML as JSON, in the order of the file. It reports numbers that JSON cannot write.
func (f *File) JSON(n *Node) []byte {
	w := Writer{File: f}
	w.Value(n)
	return w.Out
}

// Writer writes YAML as JSON, piece by piece.
type Writer struct {
	File *File
	Out  []byte
}

// Value writes a node with all that is in it.
func (w *Writer) Value(n *Node) {
	switch n.Kind {
	case KindMapping:
		w.Members(n, func(p Pair) { w.Name(p.Key); w.Value(p.Value) })
	case KindList:
		w.List(n, w.Value)
	case KindNull:
		w.Out = append(w.Out, "null"...)
	case KindBool:
		w.Out = append(w.Out, n.Text...)
	case KindNumber:
		if !jsontext.Value(n.Text).IsValid() {
			w.File.ProblemAt(n, fmt.Sprintf("%s is not a number as JSON writes it.", n.Text), "Write it in decimal, or in quotes if it is a text.")
			w.Out = append(w.Out, '0')
			return
		}
		w.Out = append(w.Out, n.Text...)
	case KindText:
		w.Str(n.Text)
	}
}

// Members writes an object. each writes one member: its name, then its value.
func (w *Writer) Members(n *Node, each func(Pair)) {
	w.Out = append(w.Out, '{')
	for i, p := range n.Pairs {
		if i > 0 {
			w.Out = append(w.Out, ',')
		}
		each(p)
	}
	w.Out = append(w.Out, '}')
}

// List writes an array. each writes one element.
func (w *Writer) List(n *Node, each func(*Node)) {
	w.Out = append(w.Out, '[')
	for i, item := range n.Items {
		if i > 0 {
			w.Out = append(w.Out, ',')
		}
		each(item)
	}
	w.Out = append(w.Out, ']')
}

// Name writes the name of a member and the colon.
func (w *Writer) Name(name string) {
	w.Str(name)
	w.Out = append(w.Out, ':')
}

// Str writes a text as a JSON string.
func (w *Writer) Str(s string) {
	out, err := jsontext.AppendQuote(w.Out, s)
	if err != nil { // YAML text is valid UTF-8; nothing else can go wrong
		out = append(w.Out, `""`...)
	}
	w.Out = out
}
