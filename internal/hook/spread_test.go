package hook

import (
	"testing"
	"time"
)

// Waits are spread to both sides, over the whole width and evenly, by the delivery and by the place in the schedule.
func TestSpread(t *testing.T) {
	t.Parallel()
	const n, wait = 20_000, time.Hour
	event := NewEventID() // deliveries of one event differ in two bytes
	for name, id := range map[string]func(i int) (DeliveryID, int){
		"deliveries of one event":           func(i int) (DeliveryID, int) { return event.Delivery(i + 1), 1 },
		"deliveries of events of one time":  func(int) (DeliveryID, int) { return NewEventID().Delivery(1), 1 },
		"places of one delivery's schedule": func(i int) (DeliveryID, int) { return event.Delivery(1), i },
	} {
		var tenths [10]int
		for i := range n {
			d, slot := id(i)
			got := spread(wait, ID(d), slot)
			share := (float64(got)/float64(wait) - (1 - jitter)) / (2 * jitter) // 0 at -10 %, 1 at +10 %
			if share < 0 || share >= 1 {
				t.Fatalf("%s: %v became %v", name, wait, got)
			}
			tenths[int(share*10)]++
		}
		for i, count := range tenths {
			if count < n/20 || count > n/5 { // a tenth, give or take as much as chance never does
				t.Errorf("%s: %d of %d waits are in the tenth %d: %v", name, count, n, i, tenths)
				break
			}
		}
	}
	if got := spread(0, ID(event.Delivery(1)), 0); got != 0 {
		t.Errorf("no wait became %v", got)
	}
}
