package main

import (
	"context"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"
)

const (
	terabyte     = int64(1) << 40
	templateName = "debian-12"
	snapshotName = "base"
	templateGiB  = 10
)

// furnish gives every datastore 10 TB (the simulator takes what the disk under its folder has), and makes the template.
func furnish(service *simulator.Service, template bool) error {
	for _, entity := range simulator.Map.All("Datastore") {
		setSpace(entity.(*simulator.Datastore), 10*terabyte, 10*terabyte)
	}
	if !template {
		return nil
	}
	ctx := context.Background()
	client, err := vim25.NewClient(ctx, service)
	if err != nil {
		return err
	}
	return makeTemplate(ctx, client)
}

func setSpace(ds *simulator.Datastore, capacity, free int64) {
	ds.Info.GetDatastoreInfo().FreeSpace = free
	changes := []types.PropertyChange{{Name: "summary.freeSpace", Val: free}}
	if capacity != 0 {
		changes = append(changes, types.PropertyChange{Name: "summary.capacity", Val: capacity})
	}
	simulator.Map.Update(ds, changes)
}

// makeTemplate makes what an administrator would have imported: a VM with a disk and a NIC, a snapshot for linked
// clones, marked as a template.
func makeTemplate(ctx context.Context, client *vim25.Client) error {
	finder := find.NewFinder(client, false)
	dc, err := finder.DefaultDatacenter(ctx)
	if err != nil {
		return err
	}
	finder.SetDatacenter(dc)
	folders, err := dc.Folders(ctx)
	if err != nil {
		return err
	}
	pools, err := finder.ResourcePoolList(ctx, "*/Resources")
	if err != nil {
		return err
	}
	network, err := finder.Network(ctx, "DC0_DVPG0")
	if err != nil {
		if network, err = finder.Network(ctx, "VM Network"); err != nil {
			return err
		}
	}
	devices, err := templateDevices(ctx, network)
	if err != nil {
		return err
	}
	spec := types.VirtualMachineConfigSpec{
		Name:         templateName,
		GuestId:      string(types.VirtualMachineGuestOsIdentifierDebian10_64Guest),
		Files:        &types.VirtualMachineFileInfo{VmPathName: "[LocalDS_0]"},
		NumCPUs:      2,
		MemoryMB:     2048,
		DeviceChange: devices,
	}
	task, err := folders.VmFolder.CreateVM(ctx, spec, pools[0], nil)
	if err != nil {
		return err
	}
	info, err := task.WaitForResult(ctx, nil)
	if err != nil {
		return err
	}
	vm := object.NewVirtualMachine(client, info.Result.(types.ManagedObjectReference))
	if task, err = vm.CreateSnapshot(ctx, snapshotName, "for linked clones", false, false); err != nil {
		return err
	}
	if err = task.Wait(ctx); err != nil {
		return err
	}
	return vm.MarkAsTemplate(ctx)
}

func templateDevices(ctx context.Context, network object.NetworkReference) ([]types.BaseVirtualDeviceConfigSpec, error) {
	var devices object.VirtualDeviceList
	scsi, err := devices.CreateSCSIController("pvscsi")
	if err != nil {
		return nil, err
	}
	disk := devices.CreateDisk(scsi.(types.BaseVirtualController), types.ManagedObjectReference{}, "")
	disk.CapacityInKB = templateGiB * 1024 * 1024
	backing, err := network.EthernetCardBackingInfo(ctx)
	if err != nil {
		return nil, err
	}
	nic, err := devices.CreateEthernetCard("vmxnet3", backing)
	if err != nil {
		return nil, err
	}
	devices = append(devices, scsi, disk, nic)
	return devices.ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd)
}
