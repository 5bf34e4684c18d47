package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// newControl serves what a test may see and do behind the vCenter API's back: POST /OPERATION with a JSON object,
// answered by JSON. An operation that fails answers 400 with {error}.
func newControl(f *front) http.Handler {
	mux := http.NewServeMux()
	serve(mux, "/vms", func(struct{}) (interface{}, error) { return f.listVMs(), nil })
	serve(mux, "/datastores", func(struct{}) (interface{}, error) { return f.listDatastores(), nil })
	serve(mux, "/sessions", func(struct{}) (interface{}, error) { return f.listSessions() })
	serve(mux, "/stats", func(struct{}) (interface{}, error) { return f.stats.snapshot(), nil })
	serve(mux, "/panics", func(struct{}) (interface{}, error) { return f.panics.all(), nil })
	serve(mux, "/power", f.power)
	serve(mux, "/destroy", f.destroy)
	serve(mux, "/reconfigure", f.reconfigure)
	serve(mux, "/guest", f.guest)
	serve(mux, "/folder", f.folder)
	serve(mux, "/space", f.space)
	serve(mux, "/expire-sessions", f.expireSessions)
	serve(mux, "/task-time", func(r struct{ Ms int }) (interface{}, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.taskMs = r.Ms
		return nil, nil
	})
	serve(mux, "/deny", func(r struct{ Privileges []string }) (interface{}, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.denied = map[string]bool{}
		for _, privilege := range r.Privileges {
			f.denied[privilege] = true
		}
		return nil, nil
	})
	serve(mux, "/inject", func(r injection) (interface{}, error) { return f.injections.add(&r) })
	serve(mux, "/injected", func(r struct{ ID int }) (interface{}, error) { return f.injections.taken(r.ID), nil })
	serve(mux, "/heal", func(r struct{ ID int }) (interface{}, error) { return f.injections.remove(r.ID), nil })
	return mux
}

func serve[T any](mux *http.ServeMux, path string, operation func(T) (interface{}, error)) {
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		var request T
		w.Header().Set("Content-Type", "application/json")
		err := json.NewDecoder(r.Body).Decode(&request)
		var result interface{}
		if err == nil {
			result, err = operation(request)
		}
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			result = map[string]string{"error": err.Error()}
		}
		_ = json.NewEncoder(w).Encode(result)
	})
}

type vmView struct {
	Ref          string            `json:"ref"`
	Name         string            `json:"name"`
	Template     bool              `json:"template"`
	Power        string            `json:"power"`
	InstanceUUID string            `json:"instanceUuid"`
	UUID         string            `json:"uuid"`
	CPUs         int32             `json:"cpus"`
	MemoryMB     int32             `json:"memoryMB"`
	DisksKB      []int64           `json:"disksKB"`
	Macs         []string          `json:"macs"`
	Addresses    []string          `json:"addresses"`
	Folder       string            `json:"folder"`
	Pool         string            `json:"pool"`
	Datastores   []string          `json:"datastores"`
	Networks     []string          `json:"networks"`
	Annotation   string            `json:"annotation"`
	ExtraConfig  map[string]string `json:"extraConfig"`
	Attributes   map[string]string `json:"attributes"`
}

func (f *front) listVMs() []vmView {
	f.world.RLock()
	defer f.world.RUnlock()
	attributes := map[int32]string{}
	for _, field := range simulator.Map.CustomFieldsManager().Field {
		attributes[field.Key] = field.Name
	}
	views := []vmView{}
	for _, entity := range simulator.Map.All("VirtualMachine") {
		if vm, ok := entity.(*simulator.VirtualMachine); ok && vm.Config != nil {
			views = append(views, viewOf(vm, attributes))
		}
	}
	return views
}

func viewOf(vm *simulator.VirtualMachine, attributes map[int32]string) vmView {
	view := vmView{
		Ref: vm.Self.Value, Name: vm.Name, Template: vm.Config.Template, Power: string(vm.Runtime.PowerState),
		InstanceUUID: vm.Config.InstanceUuid, UUID: vm.Config.Uuid,
		CPUs: vm.Config.Hardware.NumCPU, MemoryMB: vm.Config.Hardware.MemoryMB,
		DisksKB: []int64{}, Macs: []string{}, Addresses: []string{},
		Folder: nameOf(vm.Parent), Pool: nameOf(vm.ResourcePool),
		Datastores: namesOf(vm.Datastore), Networks: namesOf(vm.Network),
		Annotation: vm.Config.Annotation, ExtraConfig: map[string]string{}, Attributes: map[string]string{},
	}
	for _, device := range vm.Config.Hardware.Device {
		switch d := device.(type) {
		case *types.VirtualDisk:
			view.DisksKB = append(view.DisksKB, d.CapacityInKB)
		case types.BaseVirtualEthernetCard:
			view.Macs = append(view.Macs, d.GetVirtualEthernetCard().MacAddress)
		}
	}
	if vm.Guest != nil {
		for _, nic := range vm.Guest.Net {
			view.Addresses = append(view.Addresses, nic.IpAddress...)
		}
	}
	for _, option := range vm.Config.ExtraConfig {
		value := option.GetOptionValue()
		view.ExtraConfig[value.Key] = fmt.Sprint(value.Value)
	}
	for _, value := range vm.CustomValue {
		if text, ok := value.(*types.CustomFieldStringValue); ok {
			view.Attributes[attributes[text.Key]] = text.Value
		}
	}
	return view
}

func nameOf(target *ref) string {
	if target == nil {
		return ""
	}
	return namesOf([]ref{*target})[0]
}

func namesOf(targets []ref) []string {
	names := []string{}
	for _, target := range targets {
		switch entity := simulator.Map.Get(target).(type) {
		case *simulator.DistributedVirtualPortgroup:
			names = append(names, entity.Name)
		case *mo.Network:
			names = append(names, entity.Name)
		case mo.Entity:
			names = append(names, entity.Entity().Name)
		default:
			names = append(names, target.Value)
		}
	}
	return names
}

func (f *front) listDatastores() []map[string]interface{} {
	f.world.RLock()
	defer f.world.RUnlock()
	views := []map[string]interface{}{}
	for _, entity := range simulator.Map.All("Datastore") {
		ds := entity.(*simulator.Datastore)
		views = append(views, map[string]interface{}{
			"ref": ds.Self.Value, "name": ds.Name, "capacity": ds.Summary.Capacity, "free": ds.Summary.FreeSpace,
		})
	}
	return views
}

type session struct {
	Key      string `json:"key"`
	UserName string `json:"userName"`
	Calls    int64  `json:"calls"`
}

func (f *front) listSessions() ([]session, error) {
	f.world.RLock()
	defer f.world.RUnlock()
	ctx := context.Background()
	client, err := vim25.NewClient(ctx, f.service)
	if err != nil {
		return nil, err
	}
	var manager mo.SessionManager
	this := *client.ServiceContent.SessionManager
	if err := property.DefaultCollector(client).RetrieveOne(ctx, this, []string{"sessionList"}, &manager); err != nil {
		return nil, err
	}
	sessions := []session{}
	for _, s := range manager.SessionList {
		sessions = append(sessions, session{s.Key, s.UserName, s.CallCount})
	}
	return sessions, nil
}

// expireSessions ends every session, as a restart of vpxd or an administrator does.
func (f *front) expireSessions(struct{}) (interface{}, error) {
	sessions, err := f.listSessions()
	if err != nil || len(sessions) == 0 {
		return 0, err
	}
	f.world.Lock()
	defer f.world.Unlock()
	this := simulator.Map.SessionManager().Self
	for _, s := range sessions {
		request := &types.TerminateSession{This: this, SessionId: []string{s.Key}}
		if _, err := methods.TerminateSession(context.Background(), f.service, request); err != nil {
			return nil, err
		}
	}
	return len(sessions), nil
}

// machine finds a VM by its reference (`vm-42`) or its name, which must then stand once.
func machine(target string) (*simulator.VirtualMachine, error) {
	var found []*simulator.VirtualMachine
	for _, entity := range simulator.Map.All("VirtualMachine") {
		if vm, ok := entity.(*simulator.VirtualMachine); ok && (vm.Name == target || vm.Self.Value == target) {
			found = append(found, vm)
		}
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%d VMs are called %q", len(found), target)
	}
	return found[0], nil
}

func (f *front) power(r struct {
	VM string
	On bool
}) (interface{}, error) {
	f.world.Lock()
	defer f.world.Unlock()
	vm, err := machine(r.VM)
	if err != nil {
		return nil, err
	}
	if r.On {
		return nil, f.now("PowerOnVM_Task", &types.PowerOnVM_Task{This: vm.Self})
	}
	return nil, f.now("PowerOffVM_Task", &types.PowerOffVM_Task{This: vm.Self})
}

func (f *front) destroy(r struct{ VM string }) (interface{}, error) {
	f.world.Lock()
	defer f.world.Unlock()
	vm, err := machine(r.VM)
	if err != nil {
		return nil, err
	}
	if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
		if err := f.now("PowerOffVM_Task", &types.PowerOffVM_Task{This: vm.Self}); err != nil {
			return nil, err
		}
	}
	return nil, f.now("Destroy_Task", &types.Destroy_Task{This: vm.Self})
}

func (f *front) reconfigure(r struct {
	VM          string
	CPUs        int32
	MemoryMB    int64
	ExtraConfig map[string]string
}) (interface{}, error) {
	f.world.Lock()
	defer f.world.Unlock()
	vm, err := machine(r.VM)
	if err != nil {
		return nil, err
	}
	spec := types.VirtualMachineConfigSpec{NumCPUs: r.CPUs, MemoryMB: r.MemoryMB}
	for key, value := range r.ExtraConfig {
		spec.ExtraConfig = append(spec.ExtraConfig, &types.OptionValue{Key: key, Value: value})
	}
	return nil, f.now("ReconfigVM_Task", &types.ReconfigVM_Task{This: vm.Self, Spec: spec})
}

func (f *front) now(method string, body interface{}) error {
	if _, fault := f.execute(taskMethods[method], body); fault != nil {
		return fmt.Errorf("%s", fault.LocalizedMessage)
	}
	return nil
}

func (f *front) guest(r struct {
	VM        string
	HostName  string
	Addresses []string
}) (interface{}, error) {
	f.world.Lock()
	defer f.world.Unlock()
	vm, err := machine(r.VM)
	if err != nil {
		return nil, err
	}
	return nil, setGuest(vm.Self, r.HostName, r.Addresses)
}

// folder makes a folder below the VM folder of the first datacenter, with those on the way to it.
func (f *front) folder(r struct{ Path string }) (interface{}, error) {
	f.world.Lock()
	defer f.world.Unlock()
	at := simulator.Map.Any("Datacenter").(*simulator.Datacenter).VmFolder
	for _, name := range strings.Split(r.Path, "/") {
		if found := simulator.Map.FindByName(name, simulator.Map.Get(at).(*simulator.Folder).ChildEntity); found != nil {
			at = found.Reference()
			continue
		}
		made, err := methods.CreateFolder(context.Background(), f.service, &types.CreateFolder{This: at, Name: name})
		if err != nil {
			return nil, err
		}
		at = made.Returnval
	}
	return nil, nil
}

func (f *front) space(r struct {
	Datastore string
	Free      int64
}) (interface{}, error) {
	f.world.Lock()
	defer f.world.Unlock()
	for _, entity := range simulator.Map.All("Datastore") {
		if ds := entity.(*simulator.Datastore); strings.EqualFold(ds.Name, r.Datastore) {
			setSpace(ds, 0, r.Free)
			return nil, nil
		}
	}
	return nil, fmt.Errorf("no datastore is called %q", r.Datastore)
}
