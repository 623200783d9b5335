package hook

import "time"

// PortalLink is a link by which people of a tenant open the portal. Their sessions are
// valid until they expire, but only as long as the link is stored and the key that created it is good.
type PortalLink struct {
	ID        PortalLinkID
	Tenant    string
	Name      string // who it was made for
	Role      Role   // of those who open it
	CreatedAt time.Time
	ExpiresAt time.Time // it cannot be opened after this time
	OpenedAt  time.Time // when it was opened last; zero: never
	EndsAt    time.Time // when the last session expires; not before ExpiresAt
	// MadeWith is the hash of the key that created the link, [Key.Hash]. Zero: the admin key created it, or a program of the
	// release before.
	MadeWith [32]byte
}
