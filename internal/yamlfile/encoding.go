package yamlfile

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// byteOrderMark is what some editors on Windows put before a UTF-8 text. It means
// nothing.
const byteOrderMark = "\ufeff"

// isText reports whether a file is UTF-8, and says how to make it so if it is not.
func (f *File) isText(src []byte) bool {
	const howTo = "Save it as UTF-8: in Notepad with File, Save as, Encoding: UTF-8; in VS Code with the encoding at the bottom right; in a terminal with iconv -f %s -t UTF-8 OLD > NEW."
	switch {
	case bytes.HasPrefix(src, []byte{0xff, 0xfe}), bytes.HasPrefix(src, []byte{0xfe, 0xff}), bytes.IndexByte(src, 0) >= 0:
		f.Problem(1, 1, "The file is not UTF-8 but UTF-16, as it seems.", fmt.Sprintf(howTo, "UTF-16"))
	case !utf8.Valid(src):
		line, col := 1, 1
		for rest := src; ; col++ {
			r, n := utf8.DecodeRune(rest)
			if r == utf8.RuneError && n == 1 {
				break
			}
			if rest = rest[n:]; r == '\n' {
				line, col = line+1, 0
			}
		}
		f.Problem(line, col, "The file is not UTF-8: what stands here is a letter of another encoding.", fmt.Sprintf(howTo, "WINDOWS-1252"))
	default:
		return true
	}
	return false
}
