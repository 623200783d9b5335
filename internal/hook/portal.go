package hook

import "time"

// PortalLink is a link by which people of a tenant come into the portal. As long
// as it is stored, who came by it may stay until their time is over; removing it
// ends that at once.
type PortalLink struct {
	ID        PortalLinkID
	Tenant    string
	Name      string // who it was made for
	Role      Role   // of those who come by it
	CreatedAt time.Time
	ExpiresAt time.Time // until then it can be opened
	OpenedAt  time.Time // the latest time; zero: never
	EndsAt    time.Time // of the latest session; not before ExpiresAt
}
