package hook

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ID is a UUIDv7 (RFC 9562): its first 48 bits are the time when it was made, in
// milliseconds. So ids sort by age, and new rows are added at the end of an index.
//
// The last 16 bits of every ID made by [NewID] are zero. In the id of a delivery they are
// its number among the deliveries of its event: see [EventID.Delivery].
type ID [16]byte

// EventID names an event; its text form (evt_…) is also the webhook-id header.
type EventID ID

// DeliveryID names one event for one endpoint (dlv_…). It is the id of the event with the
// delivery's number in the last 16 bits. So the event of a delivery is known from its id,
// and the deliveries of an event are one range of the primary key; neither needs an index.
type DeliveryID ID

// EndpointID names an endpoint (ep_…).
type EndpointID ID

// KeyID names an API key (key_…).
type KeyID ID

// CredentialID names a credential (crd_…).
type CredentialID ID

// RecoveryID names a bulk replay (rec_…).
type RecoveryID ID

// BulkID names a bulk action (blk_…).
type BulkID ID

// FilterID names a saved filter (flt_…).
type FilterID ID

// PortalLinkID names a portal link (ptl_…).
type PortalLinkID ID

// BatchID names a request with several events (bat_…). Its signature has it in the place of the id of an event.
type BatchID ID

// MaxFanout is the largest number of deliveries of one event, later ones included.
const MaxFanout = 1<<16 - 1

// ErrID is returned for a text that is not an id of the wanted kind.
var ErrID = errors.New("not an id of this kind")

func init() { uuid.EnableRandPool() } // one getrandom call per 16 ids instead of one each

// NewID makes an ID. Ids made by one process are strictly increasing.
func NewID() ID {
	u, err := uuid.NewV7()
	if err != nil { // the system has no random numbers, and nothing is safe without them
		panic(err)
	}
	u[14], u[15] = 0, 0
	return ID(u)
}

// NewEventID and the functions below make a new id of their kind.
func NewEventID() EventID           { return EventID(NewID()) }
func NewEndpointID() EndpointID     { return EndpointID(NewID()) }
func NewKeyID() KeyID               { return KeyID(NewID()) }
func NewRecoveryID() RecoveryID     { return RecoveryID(NewID()) }
func NewCredentialID() CredentialID { return CredentialID(NewID()) }
func NewPortalLinkID() PortalLinkID { return PortalLinkID(NewID()) }
func NewBatchID() BatchID           { return BatchID(NewID()) }

// Delivery is the id of the n-th delivery of the event, 1 ≤ n ≤ [MaxFanout].
func (id EventID) Delivery(n int) DeliveryID {
	d := DeliveryID(id)
	binary.BigEndian.PutUint16(d[14:], uint16(n))
	return d
}

// Event is the id of the delivery's event.
func (id DeliveryID) Event() EventID {
	e := EventID(id)
	e[14], e[15] = 0, 0
	return e
}

// Number is the delivery's place among the deliveries of its event, from 1.
func (id DeliveryID) Number() int { return int(binary.BigEndian.Uint16(id[14:])) }

// IDAt is the smallest id that can be made at t. It is a bound for ranges over time, not
// the id of anything.
func IDAt(t time.Time) ID {
	var id ID
	ms := max(t.UnixMilli(), 0)
	binary.BigEndian.PutUint64(id[:8], uint64(ms)<<16)
	return id
}

// Time is when the id was made, with a precision of milliseconds.
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
	if text(prefix, id) != s { // unused bits are set: one id must not have two spellings
		return id, ErrID
	}
	return id, nil
}

// UUID is the id as UUIDs are usually written: 8-4-4-4-12 hexadecimal digits.
func (id EventID) UUID() string { return uuid.UUID(id).String() }

func (id EventID) String() string      { return text("evt_", id) }
func (id DeliveryID) String() string   { return text("dlv_", id) }
func (id EndpointID) String() string   { return text("ep_", id) }
func (id KeyID) String() string        { return text("key_", id) }
func (id RecoveryID) String() string   { return text("rec_", id) }
func (id BulkID) String() string       { return text("blk_", id) }
func (id FilterID) String() string     { return text("flt_", id) }
func (id CredentialID) String() string { return text("crd_", id) }
func (id PortalLinkID) String() string { return text("ptl_", id) }
func (id BatchID) String() string      { return text("bat_", id) }

// ParseEventID and the functions below read the text form. They fail with [ErrID].
func ParseEventID(s string) (EventID, error)           { return parseAs[EventID]("evt_", s) }
func ParseDeliveryID(s string) (DeliveryID, error)     { return parseAs[DeliveryID]("dlv_", s) }
func ParseEndpointID(s string) (EndpointID, error)     { return parseAs[EndpointID]("ep_", s) }
func ParseKeyID(s string) (KeyID, error)               { return parseAs[KeyID]("key_", s) }
func ParseRecoveryID(s string) (RecoveryID, error)     { return parseAs[RecoveryID]("rec_", s) }
func ParseBulkID(s string) (BulkID, error)             { return parseAs[BulkID]("blk_", s) }
func ParseFilterID(s string) (FilterID, error)         { return parseAs[FilterID]("flt_", s) }
func ParseCredentialID(s string) (CredentialID, error) { return parseAs[CredentialID]("crd_", s) }
func ParsePortalLinkID(s string) (PortalLinkID, error) { return parseAs[PortalLinkID]("ptl_", s) }

func parseAs[T ~[16]byte](prefix, s string) (T, error) {
	id, err := parse(prefix, s)
	return T(id), err
}
