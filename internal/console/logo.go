package console

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
)

// Logo is the operator's picture, which the portal shows.
type Logo struct {
	name string // of the file, which contains its hash
	kind string // Content-Type
	data []byte
}

const maxLogo = 512 << 10 // bytes

// logoPolicy applies when somebody opens the picture by itself. It keeps scripts in an SVG from running.
const logoPolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

// logoTypes are the types of pictures that every browser shows, and the extensions of their names.
var logoTypes = map[string]string{
	"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp",
	"image/svg+xml": ".svg",
}

// ReadLogo reads a picture: SVG, PNG, JPEG, GIF or WebP, of at most 512 KiB. Its error says what to change. An empty
// path gives no logo, which is nil.
func ReadLogo(path string) (*Logo, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the picture cannot be read (%w); check the path", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxLogo+1))
	if err != nil {
		return nil, fmt.Errorf("the picture cannot be read (%w); name a file", err)
	}
	if len(data) > maxLogo {
		return nil, fmt.Errorf("%s is larger than %d KiB; make the picture smaller, 64 pixels of height are enough", path,
			maxLogo>>10)
	}
	kind := http.DetectContentType(data)
	if isSVG(data) {
		kind = "image/svg+xml"
	}
	end, ok := logoTypes[kind]
	if !ok {
		return nil, fmt.Errorf("%s is no picture that browsers show; save it as SVG, PNG, JPEG, GIF or WebP", path)
	}
	hash := sha256.Sum256(data)
	return &Logo{name: "assets/portal-logo-" + hex.EncodeToString(hash[:8]) + end, kind: kind, data: data}, nil
}

// isSVG reports whether the outermost element of an XML document is svg.
func isSVG(data []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		if first, ok := token.(xml.StartElement); ok {
			return first.Name.Local == "svg"
		}
	}
}

// Path is the URL path of the logo, "" if there is none.
func (l *Logo) Path() string {
	if l == nil {
		return ""
	}
	return "/" + l.name
}
