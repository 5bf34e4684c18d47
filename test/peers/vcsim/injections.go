package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
)

// injection is what happens to a request instead of being answered as usual.
type injection struct {
	ID       int             `json:"id"`
	Method   string          `json:"method"`   // `CloneVM_Task`, or `*`
	Matching string          `json:"matching"` // text that the request must hold
	Skip     int             `json:"skip"`     // how many to let through first
	Times    int             `json:"times"`    // how many to affect; -1: all
	Action   string          `json:"action"`
	Fault    string          `json:"fault"`
	Fields   json.RawMessage `json:"fields,omitempty"`
	Message  string          `json:"message"`
	DelayMs  int             `json:"delayMs"`
	Status   int             `json:"status"`
	Taken    int             `json:"taken"`

	released chan struct{}
}

type injections struct {
	mu     sync.Mutex
	nextID int
	list   []*injection
}

func newInjections() *injections { return &injections{nextID: 1} }

func (s *injections) add(i *injection) (int, error) {
	switch i.Action {
	case "fault", "task-fault":
		if _, err := newFault(i.Fault, i.Fields); err != nil {
			return 0, err
		}
	case "cut-before", "cut-after", "delay", "hold", "status":
	default:
		return 0, fmt.Errorf("unknown action %q", i.Action)
	}
	if i.Times == 0 {
		i.Times = 1
	}
	i.released = make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	i.ID = s.nextID
	s.nextID++
	s.list = append(s.list, i)
	return i.ID, nil
}

// take gives the injection that this request falls to, if any.
func (s *injections) take(method string, body []byte) *injection {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.list {
		if i.Method != "*" && i.Method != method {
			continue
		}
		if i.Matching != "" && !bytes.Contains(body, []byte(i.Matching)) {
			continue
		}
		if i.Skip > 0 {
			i.Skip--
			continue
		}
		if i.Times == 0 {
			continue
		}
		if i.Times > 0 {
			i.Times--
		}
		i.Taken++
		return i
	}
	return nil
}

// remove ends one (or all, with 0), and lets go what it held. It gives how many requests were affected.
func (s *injections) remove(id int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := 0
	kept := []*injection{}
	for _, i := range s.list {
		if id != 0 && i.ID != id {
			kept = append(kept, i)
			continue
		}
		taken += i.Taken
		close(i.released)
	}
	s.list = kept
	return taken
}

func (s *injections) taken(id int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.list {
		if i.ID == id {
			return i.Taken
		}
	}
	return 0
}
