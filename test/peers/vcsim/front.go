package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// front stands before the simulator's handler. It counts, injects faults, and runs tasks.
//
// world guards the inventory, which the simulator leaves unguarded in places: whatever changes it holds the lock
// alone, reads share it. WaitForUpdatesEx waits for changes and so goes without.
type front struct {
	service    *simulator.Service
	inner      http.Handler
	world      sync.RWMutex
	stats      *statistics
	injections *injections
	panics     *panicLog

	mu     sync.Mutex
	taskMs int
	denied map[string]bool // privileges that the user doesn't have
}

func newFront(service *simulator.Service, inner http.Handler, taskMs int) *front {
	return &front{
		service:    service,
		inner:      inner,
		stats:      newStatistics(),
		injections: newInjections(),
		panics:     &panicLog{},
		taskMs:     taskMs,
		denied:     map[string]bool{},
	}
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/sdk" || r.Method != http.MethodPost {
		f.inner.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	method := methodOf(body)
	defer f.stats.begin(method)()

	injected := f.injections.take(method, body)
	if injected == nil {
		f.dispatch(w, r, method, body, nil)
		return
	}
	switch injected.Action {
	case "fault":
		fault, _ := newFault(injected.Fault, injected.Fields)
		refuse(w, fault, injected.Message)
	case "status":
		http.Error(w, injected.Message, injected.Status)
	case "cut-before":
		cut(w)
	case "cut-after":
		f.dispatch(httptest.NewRecorder(), r, method, body, nil)
		cut(w)
	case "delay":
		if waitFor(r, time.Duration(injected.DelayMs)*time.Millisecond) {
			f.dispatch(w, r, method, body, nil)
		}
	case "hold":
		select {
		case <-injected.released:
			f.dispatch(w, r, method, body, nil)
		case <-r.Context().Done():
		}
	case "task-fault":
		fault, _ := newFault(injected.Fault, injected.Fields)
		f.dispatch(w, r, method, body, localized(fault, injected.Message))
	}
}

// dispatch answers a request; taskFault, if given, is how the task that it starts will end.
func (f *front) dispatch(w http.ResponseWriter, r *http.Request, method string, body []byte, taskFault *types.LocalizedMethodFault) {
	if isTask(method) && f.startTask(w, r, method, body, taskFault) {
		return
	}
	if strings.Contains(method, "Privilege") && f.answerPrivileges(w, r, method, body) {
		return
	}
	switch {
	case strings.HasPrefix(method, "WaitForUpdates"), strings.HasPrefix(method, "CancelWaitForUpdates"):
		f.pass(w, r, body)
	case isRead(method):
		f.world.RLock()
		defer f.world.RUnlock()
		f.pass(w, r, body)
	default:
		f.world.Lock()
		defer f.world.Unlock()
		watched := &statusWriter{ResponseWriter: w}
		f.pass(watched, r, body)
		if method == "Login" {
			f.stats.login(watched.status < 400)
		}
		if method == "SetField" {
			settleCustomValues()
		}
	}
}

func (f *front) pass(w http.ResponseWriter, r *http.Request, body []byte) {
	r.Body = io.NopCloser(bytes.NewReader(body))
	f.inner.ServeHTTP(w, r)
}

// authenticated tells whether the request's cookie belongs to a session, by asking what every session may ask.
func (f *front) authenticated(r *http.Request) bool {
	const question = head + `<CurrentTime xmlns="urn:vim25"><_this type="ServiceInstance">ServiceInstance</_this></CurrentTime>` + tail
	recorder := httptest.NewRecorder()
	asked := r.Clone(r.Context())
	f.world.RLock()
	defer f.world.RUnlock()
	f.pass(recorder, asked, []byte(question))
	return recorder.Code == http.StatusOK
}

func isRead(method string) bool {
	for _, prefix := range []string{"Retrieve", "ContinueRetrieve", "Find", "Query", "Current", "SessionIsActive", "Has", "Fetch"} {
		if strings.HasPrefix(method, prefix) {
			return true
		}
	}
	return false
}

func cut(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = connection.Close()
	}
}

// waitFor is true after the time, and false if the client gave up before.
func waitFor(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// answerPrivileges corrects what the simulator says (all is granted) by what the test has denied.
func (f *front) answerPrivileges(w http.ResponseWriter, r *http.Request, method string, body []byte) bool {
	denied := f.deniedPrivileges()
	if len(denied) == 0 || !f.authenticated(r) {
		return false
	}
	request, err := simulator.UnmarshalBody(types.TypeFunc(), body)
	if err != nil {
		return false
	}
	ctx := r.Context()
	correct := func(answers []types.EntityPrivilege) {
		for i := range answers {
			for j := range answers[i].PrivAvailability {
				availability := &answers[i].PrivAvailability[j]
				availability.IsGranted = !denied[availability.PrivId]
			}
		}
	}
	switch asked := request.Body.(type) {
	case *types.HasPrivilegeOnEntities:
		res, err := methods.HasPrivilegeOnEntities(ctx, f.service, asked)
		if err != nil {
			return false
		}
		correct(res.Returnval)
		answer(w, res)
	case *types.HasUserPrivilegeOnEntities:
		res, err := methods.HasUserPrivilegeOnEntities(ctx, f.service, asked)
		if err != nil {
			return false
		}
		correct(res.Returnval)
		answer(w, res)
	case *types.FetchUserPrivilegeOnEntities:
		res, err := methods.FetchUserPrivilegeOnEntities(ctx, f.service, asked)
		if err != nil {
			return false
		}
		for i := range res.Returnval {
			granted := []string{}
			for _, privilege := range res.Returnval[i].Privileges {
				if !denied[privilege] {
					granted = append(granted, privilege)
				}
			}
			res.Returnval[i].Privileges = granted
		}
		answer(w, res)
	default:
		return false
	}
	return true
}

func (f *front) deniedPrivileges() map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	copied := map[string]bool{}
	for privilege := range f.denied {
		copied[privilege] = true
	}
	return copied
}
