package main

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/vmware/govmomi/vim25/types"
)

// newFault makes a fault of vSphere's API by its name, e.g. `NoPermission`, with fields as its Go struct names them.
func newFault(name string, fields json.RawMessage) (types.BaseMethodFault, error) {
	kind, ok := types.TypeFunc()(name)
	if !ok {
		return nil, fmt.Errorf("vSphere's API has no fault %q", name)
	}
	fault, ok := reflect.New(kind).Interface().(types.BaseMethodFault)
	if !ok {
		return nil, fmt.Errorf("%q is no fault", name)
	}
	if len(fields) > 0 {
		if err := json.Unmarshal(fields, fault); err != nil {
			return nil, err
		}
	}
	return fault, nil
}

// wordsOf says a fault as vCenter does; the simulator only gives the name of its Go type.
func wordsOf(fault types.BaseMethodFault) string {
	switch f := fault.(type) {
	case *types.NoDiskSpace:
		return fmt.Sprintf("Insufficient disk space on datastore '%s'.", f.Datastore)
	case *types.DuplicateName:
		return fmt.Sprintf("The name '%s' already exists.", f.Name)
	case *types.InvalidPowerState:
		state := map[types.VirtualMachinePowerState]string{
			types.VirtualMachinePowerStatePoweredOn:  "Powered on",
			types.VirtualMachinePowerStatePoweredOff: "Powered off",
			types.VirtualMachinePowerStateSuspended:  "Suspended",
		}[f.ExistingState]
		return fmt.Sprintf("The attempted operation cannot be performed in the current state (%s).", state)
	case *types.NoPermission:
		return "Permission to perform this operation was denied."
	case *types.ManagedObjectNotFound:
		return fmt.Sprintf("The object '%s:%s' has already been deleted or has not been completely created", f.Obj.Type, f.Obj.Value)
	case *types.InvalidArgument:
		return "A specified parameter was not correct: " + f.InvalidProperty
	case *types.ResourceInUse:
		return fmt.Sprintf("The resource '%s' is in use.", f.Name)
	default:
		return fmt.Sprintf("vCenter reports %s.", reflect.TypeOf(fault).Elem().Name())
	}
}

func localized(fault types.BaseMethodFault, message string) *types.LocalizedMethodFault {
	if message == "" {
		message = wordsOf(fault)
	}
	return &types.LocalizedMethodFault{Fault: fault, LocalizedMessage: message}
}
