package hook

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ID is a UUIDv7 (RFC 9562): its first 48 bits are the time of making in
// milliseconds, so ids sort by age and new rows land at the end of an index.
//
// The last 16 bits of every ID made by [NewID] are zero. They are the space in
// which an event numbers its deliveries: see [EventID.Delivery].
type ID [16]byte

// EventID names an event; its text form (evt_…) is also the webhook-id header.
type EventID ID

// DeliveryID names one event for one endpoint (dlv_…). It is its event's id
// with the delivery's number in the last 16 bits, so that a delivery tells its
// event, and the deliveries of an event are one range of the primary key,
// without an index for either.
type DeliveryID ID

// EndpointID names an endpoint (ep_…).
type EndpointID ID

// KeyID names an API key (key_…).
type KeyID ID

// CredentialID names a credential (crd_…).
type CredentialID ID

// RecoveryID names a bulk replay (rec_…).
type RecoveryID ID

// PortalLinkID names a portal link (ptl_…).
type PortalLinkID ID

// MaxFanout is how many deliveries one event can have in its life.
const MaxFanout = 1<<16 - 1

// ErrID is returned for text that is no id of the wanted kind.
var ErrID = errors.New("not an id of this kind")

func init() { uuid.EnableRandPool() } // one getrandom call per 16 ids instead of one each

// NewID makes an ID. Ids made by one process are strictly increasing.
func NewID() ID {
	u, err := uuid.NewV7()
	if err != nil { // the system has no entropy: nothing sensible can go on
		panic(err)
	}
	u[14], u[15] = 0, 0
	return ID(u)
}

// NewEventID and its like make a fresh id of their kind.
func NewEventID() EventID           { return EventID(NewID()) }
func NewEndpointID() EndpointID     { return EndpointID(NewID()) }
func NewKeyID() KeyID               { return KeyID(NewID()) }
func NewRecoveryID() RecoveryID     { return RecoveryID(NewID()) }
func NewCredentialID() CredentialID { return CredentialID(NewID()) }
func NewPortalLinkID() PortalLinkID { return PortalLinkID(NewID()) }

// Delivery is the id of the n-th delivery of the event, 1 ≤ n ≤ [MaxFanout].
func (id EventID) Delivery(n int) DeliveryID {
	d := DeliveryID(id)
	binary.BigEndian.PutUint16(d[14:], uint16(n))
	return d
}

// Event is the event that the delivery carries.
func (id DeliveryID) Event() EventID {
	e := EventID(id)
	e[14], e[15] = 0, 0
	return e
}

// Number is the delivery's place among the deliveries of its event, from 1.
func (id DeliveryID) Number() int { return int(binary.BigEndian.Uint16(id[14:])) }

// IDAt is the smallest id that could have been made at t: a bound for ranges
// over time, not an id of anything.
func IDAt(t time.Time) ID {
	var id ID
	ms := max(t.UnixMilli(), 0)
	binary.BigEndian.PutUint64(id[:8], uint64(ms)<<16)
	return id
}

// Time is when the id was made, to the millisecond.
func (id ID) Time() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:8]) >> 16)).UTC()
}

// The text form is the prefix and 26 characters of Crockford's base32 in lower
// case; like the bytes, it sorts by age.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

func text(prefix string, id [16]byte) string {
	b := make([]byte, len(prefix)+26)
	copy(b, prefix)
	crockford.Encode(b[len(prefix):], id[:])
	return string(b)
}

func parse(prefix, s string) (id [16]byte, err error) {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || len(rest) != 26 {
		return id, ErrID
	}
	if n, err := crockford.Decode(id[:], []byte(rest)); err != nil || n != 16 {
		return id, ErrID
	}
	if text(prefix, id) != s { // spare bits set: the same id must not have two spellings
		return id, ErrID
	}
	return id, nil
}

func (id EventID) String() string      { return text("evt_", id) }
func (id DeliveryID) String() string   { return text("dlv_", id) }
func (id EndpointID) String() string   { return text("ep_", id) }
func (id KeyID) String() string        { return text("key_", id) }
func (id RecoveryID) String() string   { return text("rec_", id) }
func (id CredentialID) String() string { return text("crd_", id) }
func (id PortalLinkID) String() string { return text("ptl_", id) }

// ParseEventID and its like read the text form; anything else is [ErrID].
func ParseEventID(s string) (EventID, error)           { return parseAs[EventID]("evt_", s) }
func ParseDeliveryID(s string) (DeliveryID, error)     { return parseAs[DeliveryID]("dlv_", s) }
func ParseEndpointID(s string) (EndpointID, error)     { return parseAs[EndpointID]("ep_", s) }
func ParseKeyID(s string) (KeyID, error)               { return parseAs[KeyID]("key_", s) }
func ParseRecoveryID(s string) (RecoveryID, error)     { return parseAs[RecoveryID]("rec_", s) }
func ParseCredentialID(s string) (CredentialID, error) { return parseAs[CredentialID]("crd_", s) }
func ParsePortalLinkID(s string) (PortalLinkID, error) { return parseAs[PortalLinkID]("ptl_", s) }

func parseAs[T ~[16]byte](prefix, s string) (T, error) {
	id, err := parse(prefix, s)
	return T(id), err
}
