package hook

import (
	"fmt"
	"strings"
	"time"
)

// SealKeyID names an encryption key: 8 hexadecimal digits that follow from the key and do not
// give it away.
type SealKeyID string

// SealKeyState says what an encryption key is used for.
type SealKeyState string

const (
	SealKeyNext    SealKeyState = "next"    // seals as soon as all nodes have it
	SealKeyActive  SealKeyState = "active"  // seals all that is written
	SealKeyOld     SealKeyState = "old"     // still needed: something is sealed under it
	SealKeyRetired SealKeyState = "retired" // nothing is sealed under it: it can be removed
)

// SealKey is an encryption key as the database knows it.
type SealKey struct {
	ID        SealKeyID
	State     SealKeyState
	CreatedAt time.Time
	// Damaged is how many stored values could be decrypted with no key when this one was replaced. They stay as they are.
	Damaged int64
}

// SealState says which encryption keys a database knows, and how far a rotation is.
type SealState struct {
	Keys []SealKey // oldest first
	// Waiting are the names of the nodes that do not have the next key yet, or do not seal with
	// the active one yet.
	Waiting []string
	// Done and Total count the rows that were looked at to seal them under the active key, and
	// all of them, while a key is old.
	Done, Total int64
}

// ErrUnreadable is the error about something that was stored encrypted and does not open: it was
// changed, moved to another row or cut, or its key is not among the keys of the server. Trying
// again does not help. What else is stored is not affected.
var ErrUnreadable = &Error{
	Kind: KindConflict, Code: "unreadable",
	Detail: "This was stored encrypted and cannot be decrypted: it was damaged or changed in the database, or sealed " +
		"under an encryption key that this server does not have. Restore it from a backup, or enter it again.",
}

// SealKeysError says that a server does not have the encryption keys that its database needs.
type SealKeysError struct {
	// Wanted are the ids of the keys that are missing. It is empty if the database is of a
	// release that did not store ids, and none of the keys opens what is in it.
	Wanted []SealKeyID
	Given  []SealKeyID // the ids of the keys that there are
}

func (e *SealKeysError) Error() string {
	list := func(ids []SealKeyID) string {
		texts := make([]string, len(ids))
		for i, id := range ids {
			texts[i] = string(id)
		}
		return strings.Join(texts, ", ")
	}
	wanted := "was sealed under another encryption key"
	if len(e.Wanted) > 0 {
		wanted = "is sealed under the encryption key " + list(e.Wanted)
	}
	if len(e.Given) == 0 {
		return fmt.Sprintf("the database %s, and this server has no encryption key", wanted)
	}
	return fmt.Sprintf("the database %s, and this server has only the encryption key %s", wanted, list(e.Given))
}
