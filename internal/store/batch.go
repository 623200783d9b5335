package store

import (
	"encoding/binary"

	"gancho/internal/hook"
)

// batchBytes is the length of what is stored of a delivery's batch: its id, the delivery's place in it, and how many
// there are.
const batchBytes = 16 + 2 + 2

// batchColumn is the column deliveries.batch.
func batchColumn(b *hook.Batch) any {
	if b == nil {
		return nil
	}
	return appendBatch(make([]byte, 0, batchBytes), *b)
}

// writesBatch reports whether the column is written with a delivery's row. Hardly any delivery is in a batch, so those that
// are sent or finished without one leave the column as it is. What waits again may have left its batch.
func writesBatch(d *hook.Delivery) bool { return d.Batch != nil || d.State.Waiting() }

// appendBatch appends a batch as it is stored.
func appendBatch(to []byte, b hook.Batch) []byte {
	to = append(to, b.ID[:]...)
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(to, uint16(b.Place)), uint16(b.Of))
}

// readBatch reads what appendBatch has written. Anything else is no batch: the delivery is sent all the same.
func readBatch(from []byte) *hook.Batch {
	if len(from) != batchBytes {
		return nil
	}
	b := new(hook.Batch)
	copy(b.ID[:], from)
	b.Place, b.Of = int(binary.BigEndian.Uint16(from[16:])), int(binary.BigEndian.Uint16(from[18:]))
	return b
}

// openBatches says where a page may end: not between deliveries of a batch, which are neighbours in the queue.
type openBatches struct {
	missing map[hook.BatchID]int // deliveries that did not come yet
	asked   int                  // how often the page was full
}

// add notes the next delivery of the page.
func (o *openBatches) add(d *hook.Delivery) {
	if d.Batch == nil {
		return
	}
	left, begun := o.missing[d.Batch.ID]
	if !begun {
		left = d.Batch.Of
	}
	if left--; left > 0 {
		if o.missing == nil {
			o.missing = map[hook.BatchID]int{}
		}
		o.missing[d.Batch.ID] = left
	} else {
		delete(o.missing, d.Batch.ID)
	}
}

// mayEnd reports whether a page that is full may end here. Some of a batch may be gone, so it lets no more
// deliveries follow than a batch can have.
func (o *openBatches) mayEnd() bool {
	o.asked++
	return len(o.missing) == 0 || o.asked > hook.MaxBatch
}
