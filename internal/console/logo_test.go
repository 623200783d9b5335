package console

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// save writes a file and returns its path.
func save(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLogo(t *testing.T) {
	t.Parallel()
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	for kind, data := range map[string][]byte{
		"image/png":     picture.Bytes(),
		"image/svg+xml": []byte(`<?xml version="1.0"?><!-- ours --><svg xmlns="http://www.w3.org/2000/svg"></svg>`),
	} {
		logo, err := ReadLogo(save(t, "whatever", data))
		if err != nil {
			t.Fatal(err)
		}
		c := serve(fstest.MapFS{"index.html.gz": {Data: zip(t, "<p>page")}}, Options{Logo: logo})
		w := get(c, logo.Path())
		if w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Body.String() != string(data) {
			t.Errorf("%s: %d %v", kind, w.Code, w.Header())
		}
		if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "sandbox") || strings.Contains(policy, "script-src") {
			t.Errorf("%s may do %s", kind, policy)
		}
		if cache := w.Header().Get("Cache-Control"); !strings.Contains(cache, "immutable") {
			t.Errorf("%s: %s", kind, cache)
		}
	}
	if none, err := ReadLogo(""); none.Path() != "" || err != nil {
		t.Errorf("no logo: %v %v", none, err)
	}
}

func TestLogoRefused(t *testing.T) {
	t.Parallel()
	for path, fix := range map[string]string{
		filepath.Join(t.TempDir(), "none.svg"): "check the path",
		t.TempDir():                            "name a file",
		save(t, "page.svg", []byte("<html><svg></svg></html>")):    "save it as SVG",
		save(t, "text.png", []byte("a logo")):                      "save it as SVG",
		save(t, "large.svg", bytes.Repeat([]byte(" "), maxLogo+1)): "smaller",
	} {
		if _, err := ReadLogo(path); err == nil || !strings.Contains(err.Error(), fix) {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
	}
}
