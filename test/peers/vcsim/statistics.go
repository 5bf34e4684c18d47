package main

import (
	"strings"
	"sync"
)

type outstanding struct {
	Now int `json:"now"`
	Max int `json:"max"`
}

type statistics struct {
	mu          sync.Mutex
	requests    map[string]int
	outstanding map[string]*outstanding
	loginsOk    int
	loginsBad   int
}

func newStatistics() *statistics {
	return &statistics{requests: map[string]int{}, outstanding: map[string]*outstanding{}}
}

// begin counts a request; what it gives is to be called at its end.
func (s *statistics) begin(method string) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[method]++
	o := s.outstanding[method]
	if o == nil {
		o = &outstanding{}
		s.outstanding[method] = o
	}
	o.Now++
	if o.Now > o.Max {
		o.Max = o.Now
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		o.Now--
	}
}

func (s *statistics) login(ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ok {
		s.loginsOk++
	} else {
		s.loginsBad++
	}
}

func (s *statistics) snapshot() map[string]interface{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := map[string]int{}
	for method, n := range s.requests {
		requests[method] = n
	}
	waiting := map[string]outstanding{}
	for method, o := range s.outstanding {
		waiting[method] = *o
	}
	return map[string]interface{}{
		"requests":    requests,
		"outstanding": waiting,
		"logins":      map[string]int{"accepted": s.loginsOk, "refused": s.loginsBad},
	}
}

// panicLog keeps what net/http reports of handlers that panicked; the connection is hung up on, the server goes on.
type panicLog struct {
	mu    sync.Mutex
	lines []string
}

func (p *panicLog) Write(line []byte) (int, error) {
	if strings.Contains(string(line), "panic") {
		p.add(string(line))
	}
	return len(line), nil
}

func (p *panicLog) add(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, line)
}

func (p *panicLog) all() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.lines...)
}
