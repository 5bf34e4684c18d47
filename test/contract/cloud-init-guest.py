"""What cloud-init makes of a VM's guestinfo: its VMware data source reads it, its modules decode the files, its renderers write the network.

Takes {"guestinfo.metadata": ..., ...} as JSON on standard input, gives what came of it as JSON on standard output,
with what is left in guestinfo once cloud-init has read it.
"""

import json
import os
import sys
import tempfile

# The tool by which a guest speaks with its hypervisor; here a file for each key is all there is behind it.
RPCTOOL = """#!/bin/sh
set -eu
cd "${0%/*}/guestinfo"
rest=${1#* }
key=${rest%% *}
case $1 in
info-get*) if [ -f "$key" ]; then cat "$key"; else printf 'No value found' >&2; exit 1; fi ;;
info-set*) printf '%s' "${rest#* }" >"$key" ;;
esac
"""

tools = tempfile.TemporaryDirectory()
guestinfo = os.path.join(tools.name, "guestinfo")
os.mkdir(guestinfo)
for key, value in json.load(sys.stdin).items():
    with open(os.path.join(guestinfo, key), "w") as file:
        file.write(value)
with open(os.path.join(tools.name, "vmware-rpctool"), "w") as file:
    file.write(RPCTOOL)
os.chmod(file.name, 0o755)
os.environ["PATH"] = tools.name + ":" + os.environ["PATH"]

from cloudinit import distros, dmi, helpers, util
from cloudinit.config import cc_write_files
from cloudinit.distros import rhel
from cloudinit.net import eni, netplan, network_state, networkd, sysconfig
from cloudinit.sources.DataSourceVMware import DataSourceVMware

# Each as a distribution has it that uses it.
RENDERERS = {
    "netplan": netplan.Renderer(),
    "networkd": networkd.Renderer(),
    "eni": eni.Renderer(),
    "sysconfig": sysconfig.Renderer(rhel.Distro.renderer_configs["sysconfig"]),
}


def written_files(cloud_config):
    for entry in cloud_config.get("write_files", []):
        encoding = cc_write_files.canonicalize_extraction(entry.get("encoding"))
        content = cc_write_files.extract_contents(entry.get("content", ""), encoding)
        yield {
            "path": entry["path"],
            "mode": "%04o" % cc_write_files.decode_perms(entry.get("permissions"), 0o644),
            "content": util.decode_binary(content),
        }


def rendered_network(config, renderer, folder):
    renderer.render_network_state(network_state.parse_net_config_data(config, renderer=renderer), target=folder)
    files = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            files[os.path.relpath(path, folder)] = util.load_file(path)
    return files


def left_in_guestinfo():
    left = {}
    for key in os.listdir(guestinfo):
        with open(os.path.join(guestinfo, key)) as file:
            left[key] = file.read()
    return left


dmi.read_dmi_data = lambda key: "VMware7,1" if key == "system-product-name" else None
with tools, tempfile.TemporaryDirectory() as work:
    paths = helpers.Paths({"cloud_dir": work, "run_dir": work})
    distro = distros.fetch("debian")("debian", {}, paths)
    source = DataSourceVMware({}, distro, paths)
    if not source._get_data():
        sys.exit("cloud-init found nothing")
    cloud_config = util.load_yaml(source.get_userdata_raw() or "{}")
    networks = {}
    for name, renderer in RENDERERS.items():
        with tempfile.TemporaryDirectory() as folder:
            networks[name] = rendered_network(source.network_config, renderer, folder)
    json.dump(
        {
            "instanceId": source.get_instance_id(),
            "hostname": source.metadata.get("local-hostname"),
            "cloudConfig": cloud_config,
            "files": list(written_files(cloud_config)),
            "networks": networks,
            "guestinfo": left_in_guestinfo(),
        },
        sys.stdout,
    )
