package main

import (
	"context"
	"reflect"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// What a real vCenter does with VMs, and the simulator doesn't. The caller holds the world's lock.

const linkedCloneBytes = 64 << 20

func checkClone(clone *types.CloneVM_Task) types.BaseMethodFault {
	if fault := checkName(clone.Folder, clone.Name); fault != nil {
		return fault
	}
	source := simulator.Map.Get(clone.This).(*simulator.VirtualMachine)
	target := clone.Spec.Location.Datastore
	if target == nil {
		if len(source.Datastore) == 0 {
			return nil
		}
		target = &source.Datastore[0]
	}
	need := int64(linkedCloneBytes)
	if clone.Spec.Location.DiskMoveType != string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking) {
		need = bytesOf(source.Config.Hardware.Device)
	}
	if clone.Spec.Config != nil {
		need += bytesAdded(clone.Spec.Config.DeviceChange)
	}
	return checkSpace(*target, need)
}

func checkReconfigure(reconfigure *types.ReconfigVM_Task) types.BaseMethodFault {
	vm := simulator.Map.Get(reconfigure.This).(*simulator.VirtualMachine)
	if name := reconfigure.Spec.Name; name != "" && name != vm.Name && vm.Parent != nil {
		if fault := checkName(*vm.Parent, name); fault != nil {
			return fault
		}
	}
	if added := bytesAdded(reconfigure.Spec.DeviceChange); added > 0 && len(vm.Datastore) > 0 {
		return checkSpace(vm.Datastore[0], added)
	}
	return nil
}

// checkName: a name stands once in a folder.
func checkName(folder ref, name string) types.BaseMethodFault {
	parent, ok := simulator.Map.Get(folder).(*simulator.Folder)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: folder}
	}
	for _, child := range parent.ChildEntity {
		entity, ok := simulator.Map.Get(child).(mo.Entity)
		if ok && entity.Entity().Name == name {
			return &types.DuplicateName{Name: name, Object: child}
		}
	}
	return nil
}

func checkSpace(datastore ref, need int64) types.BaseMethodFault {
	ds, ok := simulator.Map.Get(datastore).(*simulator.Datastore)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: datastore}
	}
	if ds.Summary.FreeSpace >= need {
		return nil
	}
	return &types.NoDiskSpace{FileFault: types.FileFault{File: "[" + ds.Name + "]"}, Datastore: ds.Name}
}

func bytesOf(devices []types.BaseVirtualDevice) int64 {
	total := int64(0)
	for _, device := range devices {
		if disk, ok := device.(*types.VirtualDisk); ok {
			total += disk.CapacityInKB << 10
		}
	}
	return total
}

func bytesAdded(changes []types.BaseVirtualDeviceConfigSpec) int64 {
	added := []types.BaseVirtualDevice{}
	for _, change := range changes {
		spec := change.GetVirtualDeviceConfigSpec()
		if spec.Operation == types.VirtualDeviceConfigSpecOperationAdd {
			added = append(added, spec.Device)
		}
	}
	return bytesOf(added)
}

// runClone keeps the source's devices apart from the clone's, which the simulator lets share them; the clone gets
// MAC addresses of its own.
func runClone(ctx context.Context, rt soap.RoundTripper, body interface{}) (ref, error) {
	clone := body.(*types.CloneVM_Task)
	source := simulator.Map.Get(clone.This).(*simulator.VirtualMachine)
	kept := deepCopy(reflect.ValueOf(source.Config.Hardware.Device)).Interface().([]types.BaseVirtualDevice)
	for _, device := range source.Config.Hardware.Device {
		if card, ok := device.(types.BaseVirtualEthernetCard); ok {
			card.GetVirtualEthernetCard().MacAddress = ""
		}
	}
	res, err := methods.CloneVM_Task(ctx, rt, clone)
	source.Config.Hardware.Device = kept
	if err != nil {
		return ref{}, err
	}
	return res.Returnval, nil
}

// settleClone applies what the simulator leaves out of a clone's spec.
func settleClone(ctx context.Context, rt soap.RoundTripper, body interface{}, result types.AnyType) error {
	clone := body.(*types.CloneVM_Task)
	vm := result.(ref)
	if config := clone.Spec.Config; config != nil {
		_, err := methods.ReconfigVM_Task(ctx, rt, &types.ReconfigVM_Task{This: vm, Spec: types.VirtualMachineConfigSpec{
			NumCPUs:           config.NumCPUs,
			NumCoresPerSocket: config.NumCoresPerSocket,
			MemoryMB:          config.MemoryMB,
			Annotation:        config.Annotation,
			GuestId:           config.GuestId,
			Uuid:              config.Uuid,
		}})
		if err != nil {
			return err
		}
	}
	if err := announce(vm); err != nil {
		return err
	}
	if clone.Spec.PowerOn && !clone.Spec.Template {
		_, err := methods.PowerOnVM_Task(ctx, rt, &types.PowerOnVM_Task{This: vm})
		return err
	}
	return nil
}

// announce settles a VM's extraConfig (a key stands once, the last value counts, an empty one removes it) and tells
// those who watch of what the simulator changes in silence.
func announce(target ref) error {
	vm, ok := simulator.Map.Get(target).(*simulator.VirtualMachine)
	if !ok {
		return nil
	}
	last := map[string]int{}
	for i, option := range vm.Config.ExtraConfig {
		last[option.GetOptionValue().Key] = i
	}
	settled := []types.BaseOptionValue{}
	for i, option := range vm.Config.ExtraConfig {
		value := option.GetOptionValue()
		if last[value.Key] == i && value.Value != nil && value.Value != "" {
			settled = append(settled, option)
		}
	}
	simulator.Map.Update(vm, []types.PropertyChange{
		{Name: "name", Val: vm.Name},
		{Name: "config.extraConfig", Val: settled},
		{Name: "config.instanceUuid", Val: vm.Config.InstanceUuid},
		{Name: "config.uuid", Val: vm.Config.Uuid},
		{Name: "config.hardware.numCPU", Val: vm.Config.Hardware.NumCPU},
		{Name: "config.hardware.memoryMB", Val: vm.Config.Hardware.MemoryMB},
		{Name: "config.hardware.device", Val: vm.Config.Hardware.Device},
		{Name: "summary.config.instanceUuid", Val: vm.Summary.Config.InstanceUuid},
		{Name: "summary.config.numCpu", Val: vm.Summary.Config.NumCpu},
		{Name: "summary.config.memorySizeMB", Val: vm.Summary.Config.MemorySizeMB},
	})
	return nil
}

// setGuest sets what the guest's tools would report; no addresses: nothing is reported.
func setGuest(target ref, hostName string, addresses []string) error {
	vm, ok := simulator.Map.Get(target).(*simulator.VirtualMachine)
	if !ok {
		return nil
	}
	first := ""
	running := types.VirtualMachineToolsRunningStatusGuestToolsNotRunning
	if len(addresses) > 0 {
		first = addresses[0]
		running = types.VirtualMachineToolsRunningStatusGuestToolsRunning
	}
	nics := append([]types.GuestNicInfo{}, vm.Guest.Net...)
	if len(nics) > 0 {
		nics[0].IpAddress = addresses
	}
	simulator.Map.Update(vm, []types.PropertyChange{
		{Name: "guest.net", Val: nics},
		{Name: "guest.ipAddress", Val: first},
		{Name: "guest.hostName", Val: hostName},
		{Name: "guest.toolsRunningStatus", Val: string(running)},
		{Name: "summary.guest.ipAddress", Val: first},
		{Name: "summary.guest.hostName", Val: hostName},
	})
	return nil
}

// settleCustomValues: setting a custom attribute again replaces it.
func settleCustomValues() {
	for _, entity := range simulator.Map.All("VirtualMachine") {
		e := entity.Entity()
		e.CustomValue = lastOfEach(e.CustomValue)
		e.Value = lastOfEach(e.Value)
	}
}

func lastOfEach(values []types.BaseCustomFieldValue) []types.BaseCustomFieldValue {
	last := map[int32]int{}
	for i, value := range values {
		last[value.GetCustomFieldValue().Key] = i
	}
	if len(last) == len(values) {
		return values
	}
	kept := []types.BaseCustomFieldValue{}
	for i, value := range values {
		if last[value.GetCustomFieldValue().Key] == i {
			kept = append(kept, value)
		}
	}
	return kept
}
