package deliver

import "sync"

// requestSlots bounds the requests that all lanes have in flight, and so their sockets. A lane
// without any request in flight may draw on a reserve, which is as large as the limit. So
// endpoints that never answer do not block deliveries to other endpoints, however many slots
// they hold.
type requestSlots struct {
	mu      sync.Mutex
	limit   int // of used; the reserve has as many again
	used    int
	waiting []*lane // for a slot, in the order in which they asked
}

// acquire takes a slot. first says that the lane holds none yet, so it may draw on the
// reserve. If there is no slot, the lane waits in line, and is pumped when it is its turn.
func (s *requestSlots) acquire(l *lane, first bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used < s.limit || first && s.used < 2*s.limit {
		s.used++
		return true
	}
	if !l.waitsForSlot {
		l.waitsForSlot = true
		s.waiting = append(s.waiting, l)
	}
	return false
}

// release gives a slot back and then pumps lanes that wait, until one has taken it or
// none waits any more: a lane may have no use for a slot by now.
func (s *requestSlots) release() {
	s.mu.Lock()
	s.used--
	next := s.dequeue()
	s.mu.Unlock()
	for next != nil {
		next.pump()
		s.mu.Lock()
		next = nil
		if s.used < s.limit {
			next = s.dequeue()
		}
		s.mu.Unlock()
	}
}

// dequeue removes the first lane of the line, nil if none waits; with mu held.
func (s *requestSlots) dequeue() *lane {
	if len(s.waiting) == 0 {
		return nil
	}
	l := s.waiting[0]
	s.waiting = s.waiting[1:]
	l.waitsForSlot = false
	return l
}
