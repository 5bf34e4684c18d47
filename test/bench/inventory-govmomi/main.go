// The peer of the inventory bench: govmomi's own client, retrieving the same properties of all VMs through a
// ContainerView into its own types. Settings come as a line of JSON on standard input; then each further line starts a
// round, which is answered by a line of JSON: its milliseconds, how many VMs, the process' peak memory
// so far, and what it was before the first round.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"syscall"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"
)

type settings struct {
	URL        string   `json:"url"`
	Username   string   `json:"username"`
	Password   string   `json:"password"`
	Properties []string `json:"properties"`
}

type round struct {
	Ms       float64 `json:"ms"`
	Machines int     `json:"machines"`
	Disks    int     `json:"disks"`
	PeakKB   int64   `json:"peakKB"`
	BaseKB   int64   `json:"baseKB"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	input := bufio.NewScanner(os.Stdin)
	input.Scan()
	var s settings
	if err := json.Unmarshal(input.Bytes(), &s); err != nil {
		return err
	}
	target, err := url.Parse(s.URL)
	if err != nil {
		return err
	}
	target.User = url.UserPassword(s.Username, s.Password)
	ctx := context.Background()
	client, err := govmomi.NewClient(ctx, target, true)
	if err != nil {
		return err
	}
	defer func() { _ = client.Logout(ctx) }()
	base := peakKB()
	fmt.Println(`{"ready":true}`)
	for input.Scan() {
		start := time.Now()
		machines, err := retrieve(ctx, client, s.Properties)
		if err != nil {
			return err
		}
		r := round{Ms: float64(time.Since(start).Microseconds()) / 1000, Machines: len(machines), PeakKB: peakKB(), BaseKB: base}
		for _, vm := range machines {
			r.Disks += int(vm.Summary.Config.NumVirtualDisks)
		}
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		fmt.Println(string(line))
	}
	return input.Err()
}

func retrieve(ctx context.Context, client *govmomi.Client, properties []string) ([]mo.VirtualMachine, error) {
	container, err := view.NewManager(client.Client).
		CreateContainerView(ctx, client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = container.Destroy(ctx) }()
	var machines []mo.VirtualMachine
	err = container.Retrieve(ctx, []string{"VirtualMachine"}, properties, &machines)
	return machines, err
}

func peakKB() int64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Maxrss
}
