package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// The simulator has run a task by the time it answers, and has none left over when its client dies. A real vCenter
// answers at once and goes on by itself; so here a task of ours is answered, and the simulator's runs behind it.

type ref = types.ManagedObjectReference

type taskMethod struct {
	name        string // as TaskInfo names it
	description string // TaskInfo's descriptionId
	target      func(body interface{}) ref
	check       func(body interface{}) types.BaseMethodFault
	run         func(ctx context.Context, rt soap.RoundTripper, body interface{}) (ref, error)
	settle      func(ctx context.Context, rt soap.RoundTripper, body interface{}, result types.AnyType) error
}

var taskMethods = map[string]taskMethod{
	"CloneVM_Task": {
		"CloneVM_Task", "VirtualMachine.clone",
		func(b interface{}) ref { return b.(*types.CloneVM_Task).This },
		func(b interface{}) types.BaseMethodFault { return checkClone(b.(*types.CloneVM_Task)) },
		runClone,
		settleClone,
	},
	"CreateVM_Task": {
		"CreateVM_Task", "Folder.createVm",
		func(b interface{}) ref { return b.(*types.CreateVM_Task).This },
		func(b interface{}) types.BaseMethodFault {
			create := b.(*types.CreateVM_Task)
			return checkName(create.This, create.Config.Name)
		},
		func(ctx context.Context, rt soap.RoundTripper, b interface{}) (ref, error) {
			res, err := methods.CreateVM_Task(ctx, rt, b.(*types.CreateVM_Task))
			if err != nil {
				return ref{}, err
			}
			return res.Returnval, nil
		},
		func(_ context.Context, _ soap.RoundTripper, _ interface{}, result types.AnyType) error {
			return announce(result.(ref))
		},
	},
	"ReconfigVM_Task": {
		"ReconfigVM_Task", "VirtualMachine.reconfigure",
		func(b interface{}) ref { return b.(*types.ReconfigVM_Task).This },
		func(b interface{}) types.BaseMethodFault { return checkReconfigure(b.(*types.ReconfigVM_Task)) },
		func(ctx context.Context, rt soap.RoundTripper, b interface{}) (ref, error) {
			res, err := methods.ReconfigVM_Task(ctx, rt, b.(*types.ReconfigVM_Task))
			if err != nil {
				return ref{}, err
			}
			return res.Returnval, nil
		},
		func(_ context.Context, _ soap.RoundTripper, b interface{}, _ types.AnyType) error {
			return announce(b.(*types.ReconfigVM_Task).This)
		},
	},
	"PowerOnVM_Task": {
		"PowerOnVM_Task", "VirtualMachine.powerOn",
		func(b interface{}) ref { return b.(*types.PowerOnVM_Task).This },
		nil,
		func(ctx context.Context, rt soap.RoundTripper, b interface{}) (ref, error) {
			res, err := methods.PowerOnVM_Task(ctx, rt, b.(*types.PowerOnVM_Task))
			if err != nil {
				return ref{}, err
			}
			return res.Returnval, nil
		},
		nil,
	},
	"PowerOffVM_Task": {
		"PowerOffVM_Task", "VirtualMachine.powerOff",
		func(b interface{}) ref { return b.(*types.PowerOffVM_Task).This },
		nil,
		func(ctx context.Context, rt soap.RoundTripper, b interface{}) (ref, error) {
			res, err := methods.PowerOffVM_Task(ctx, rt, b.(*types.PowerOffVM_Task))
			if err != nil {
				return ref{}, err
			}
			return res.Returnval, nil
		},
		func(_ context.Context, _ soap.RoundTripper, b interface{}, _ types.AnyType) error {
			return setGuest(b.(*types.PowerOffVM_Task).This, "", nil)
		},
	},
	"Destroy_Task": {
		"Destroy_Task", "VirtualMachine.destroy",
		func(b interface{}) ref { return b.(*types.Destroy_Task).This },
		nil,
		func(ctx context.Context, rt soap.RoundTripper, b interface{}) (ref, error) {
			res, err := methods.Destroy_Task(ctx, rt, b.(*types.Destroy_Task))
			if err != nil {
				return ref{}, err
			}
			return res.Returnval, nil
		},
		nil,
	},
}

func isTask(method string) bool {
	_, known := taskMethods[method]
	return known
}

// startTask answers with a running task and sees to the rest; false if the simulator itself shall answer (no session,
// no such object, an object that isn't a VM or folder).
func (f *front) startTask(w http.ResponseWriter, r *http.Request, method string, body []byte, ending *types.LocalizedMethodFault) bool {
	request, err := simulator.UnmarshalBody(types.TypeFunc(), body)
	if err != nil || !f.authenticated(r) {
		return false
	}
	kind := taskMethods[method]
	target := kind.target(request.Body)
	f.world.Lock()
	entity, found := simulator.Map.Get(target).(mo.Entity)
	if !found || (target.Type != "VirtualMachine" && target.Type != "Folder") {
		f.world.Unlock()
		return false
	}
	task := simulator.CreateTask(entity, kind.name, nil)
	task.Info.DescriptionId = kind.description
	task.Info.EntityName = entity.Entity().Name
	updateTask(task, types.PropertyChange{Name: "info.state", Val: types.TaskInfoStateRunning},
		types.PropertyChange{Name: "info.startTime", Val: time.Now()})
	f.world.Unlock()

	go f.follow(kind, task, request.Body, ending)

	returned := respondWith(method, task.Self)
	answer(w, returned)
	return true
}

func respondWith(method string, task ref) interface{} {
	switch method {
	case "CloneVM_Task":
		return &types.CloneVM_TaskResponse{Returnval: task}
	case "CreateVM_Task":
		return &types.CreateVM_TaskResponse{Returnval: task}
	case "ReconfigVM_Task":
		return &types.ReconfigVM_TaskResponse{Returnval: task}
	case "PowerOnVM_Task":
		return &types.PowerOnVM_TaskResponse{Returnval: task}
	case "PowerOffVM_Task":
		return &types.PowerOffVM_TaskResponse{Returnval: task}
	default:
		return &types.Destroy_TaskResponse{Returnval: task}
	}
}

// follow takes the task through its time to its end.
func (f *front) follow(kind taskMethod, task *simulator.Task, body interface{}, ending *types.LocalizedMethodFault) {
	f.mu.Lock()
	part := time.Duration(f.taskMs) * time.Millisecond / 4
	f.mu.Unlock()
	for progress := int32(0); part > 0 && progress < 100; progress += 25 {
		f.world.Lock()
		updateTask(task, types.PropertyChange{Name: "info.progress", Val: progress})
		f.world.Unlock()
		time.Sleep(part)
	}
	f.world.Lock()
	defer f.world.Unlock()
	if ending == nil {
		var result types.AnyType
		result, ending = f.execute(kind, body)
		if ending == nil {
			updateTask(task, types.PropertyChange{Name: "info.completeTime", Val: time.Now()},
				types.PropertyChange{Name: "info.progress", Val: int32(100)},
				types.PropertyChange{Name: "info.result", Val: result},
				types.PropertyChange{Name: "info.state", Val: types.TaskInfoStateSuccess})
			return
		}
	}
	updateTask(task, types.PropertyChange{Name: "info.completeTime", Val: time.Now()},
		types.PropertyChange{Name: "info.error", Val: *ending},
		types.PropertyChange{Name: "info.state", Val: types.TaskInfoStateError})
}

// execute has the simulator do it, and gives the result or the fault. A panic becomes a SystemError, and is reported.
func (f *front) execute(kind taskMethod, body interface{}) (result types.AnyType, fault *types.LocalizedMethodFault) {
	defer func() {
		if cause := recover(); cause != nil {
			f.panics.add(fmt.Sprintf("panic in %s: %v", kind.name, cause))
			fault = localized(&types.SystemError{Reason: fmt.Sprint(cause)}, "A general system error occurred.")
		}
	}()
	ctx := context.Background()
	if kind.check != nil {
		if refused := kind.check(body); refused != nil {
			return nil, localized(refused, "")
		}
	}
	inner, err := kind.run(ctx, f.service, body)
	if err != nil {
		return nil, faultOf(err)
	}
	info := simulator.Map.Get(inner).(*simulator.Task).Info
	if info.Error != nil {
		return nil, localized(info.Error.Fault, "")
	}
	if kind.settle != nil {
		if err := kind.settle(ctx, f.service, body, info.Result); err != nil {
			return nil, faultOf(err)
		}
	}
	return info.Result, nil
}

func faultOf(err error) *types.LocalizedMethodFault {
	if soap.IsSoapFault(err) {
		if fault, ok := soap.ToSoapFault(err).VimFault().(types.BaseMethodFault); ok {
			return localized(fault, "")
		}
	}
	return localized(&types.SystemError{Reason: err.Error()}, err.Error())
}

func updateTask(task *simulator.Task, changes ...types.PropertyChange) {
	simulator.Map.Update(task, changes)
}
