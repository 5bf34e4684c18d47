// A vCenter for the tests: govmomi's simulator behind a front of ours that makes it behave as a real one where that
// matters (tasks that take time, names that are taken, datastores that fill up, words in faults), and a control
// endpoint through which a test looks behind the scenes, changes things from outside, and injects faults.
//
// It prints one line of JSON when it is ready, and ends when its standard input does: no test leaves it behind.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"

	"github.com/vmware/govmomi/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator"
)

// settings is the first line of standard input: credentials never stand on a command line.
type settings struct {
	Listen     string `json:"listen"`
	Username   string `json:"username"`
	Password   string `json:"password"`
	Identity   string `json:"identity"` // folder of the certificate and its key, kept over a restart
	Clusters   int    `json:"clusters"`
	Hosts      int    `json:"hosts"` // in each cluster
	Datastores int    `json:"datastores"`
	Pools      int    `json:"pools"` // beside the root pool, in each cluster
	Machines   int    `json:"machines"`
	Portgroups int    `json:"portgroups"`
	Template   bool   `json:"template"`
	TaskMs     int    `json:"taskMs"`
	Verbose    bool   `json:"verbose"`
}

type ready struct {
	Port        int    `json:"port"`
	Control     string `json:"control"`
	Certificate string `json:"certificate"`
}

func main() {
	input := bufio.NewReader(os.Stdin)
	line, err := input.ReadBytes('\n')
	if err != nil {
		fail("no settings on standard input", err)
	}
	var s settings
	if err := json.Unmarshal(line, &s); err != nil {
		fail("settings", err)
	}
	if !s.Verbose {
		log.SetOutput(io.Discard)
	}
	model := simulator.VPX()
	defer model.Remove()
	model.Datacenter, model.Host = 1, 0
	model.Cluster, model.ClusterHost, model.Pool = s.Clusters, s.Hosts, s.Pools
	model.Datastore, model.Machine, model.Portgroup = s.Datastores, s.Machines, s.Portgroups
	if err := model.Create(); err != nil {
		fail("creating the inventory", err)
	}
	if err := furnish(model.Service, s.Template); err != nil {
		fail("furnishing the inventory", err)
	}
	identity, pemText, err := loadIdentity(s.Identity)
	if err != nil {
		fail("certificate", err)
	}
	model.Service.RegisterEndpoints = true
	model.Service.Listen = &url.URL{Host: s.Listen, User: url.UserPassword(s.Username, s.Password)}
	model.Service.TLS = identity
	server := model.Service.NewServer()
	front := newFront(model.Service, server.Config.Handler, s.TaskMs)
	server.Config.Handler = front
	server.Config.ErrorLog = log.New(front.panics, "", 0)

	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail("control endpoint", err)
	}
	go func() { _ = http.Serve(control, newControl(front)) }()

	line, _ = json.Marshal(ready{
		Port:        server.Listener.Addr().(*net.TCPAddr).Port,
		Control:     "http://" + control.Addr().String(),
		Certificate: pemText,
	})
	fmt.Println(string(line))
	_, _ = io.Copy(io.Discard, input)
}

func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "vcsim: %s: %v\n", what, err)
	os.Exit(1)
}
