package hook

import "fmt"

// Batch says in which request with several events a delivery is, and where. A request that is sent again with the
// same events keeps its id; if the events change, it has another one.
type Batch struct {
	ID    BatchID
	Place int // of the delivery among those of the request, from 0
	Of    int // how many deliveries the request has, at most [MaxBatch]
}

// MaxBatch is the largest number of events in one request.
const MaxBatch = 1000

// MaxBatchBytes is how many bytes the events of one request can have together, unless it has only one.
const MaxBatchBytes = 16 << 20

// IsZero reports whether there is no batch.
func (b Batch) IsZero() bool { return b.ID == BatchID{} }

// NotWaiting lists the members of a batch that must not be sent any more, according to the store.
// It is [ErrNotWaiting], and the others may be sent.
type NotWaiting []DeliveryID

func (n NotWaiting) Error() string { return fmt.Sprintf("%d deliveries: %v", len(n), ErrNotWaiting) }

// Unwrap returns [ErrNotWaiting].
func (n NotWaiting) Unwrap() error { return ErrNotWaiting }
