package hook

// TenantFile says what is in the file of a tenant that was exported.
type TenantFile struct {
	Tenant string
	Rows   int
	// Unreadable are the first values that could not be decrypted when the file was written, at most [MaxUnreadable];
	// UnreadableCount is the number of all. They are in the file as they were found, and unreadable wherever it is imported.
	Unreadable      []UnreadableValue
	UnreadableCount int
}

// MaxUnreadable is how many unreadable values are listed of a file.
const MaxUnreadable = 1000

// UnreadableValue is a value that could not be decrypted.
type UnreadableValue struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	ID     string `json:"id"` // of the row, as the API writes it
	Why    string `json:"why"`
}

// Add adds an unreadable value.
func (f *TenantFile) Add(v UnreadableValue) {
	if f.UnreadableCount++; f.UnreadableCount <= MaxUnreadable {
		f.Unreadable = append(f.Unreadable, v)
	}
}
