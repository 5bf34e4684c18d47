"""What cloud-init makes of a VM's guestinfo: its VMware data source reads it, its modules decode the files, its renderers write the network.

Takes {"guestinfo.metadata": ..., ...} as JSON on standard input, gives what came of it as JSON on standard output.
"""

import json
import os
import sys
import tempfile

extra_config = json.load(sys.stdin)
os.environ["VMX_GUESTINFO"] = "1"
for key, value in extra_config.items():
    os.environ["VMX_" + key.upper().replace(".", "_")] = value

from cloudinit import distros, helpers, util
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


with tempfile.TemporaryDirectory() as work:
    paths = helpers.Paths({"cloud_dir": work, "run_dir": work})
    distro = distros.fetch("debian")("debian", {}, paths)
    source = DataSourceVMware({}, distro, paths)
    if not source._get_data():
        sys.exit("cloud-init found nothing")
    cloud_config = util.load_yaml(source.get_userdata_raw())
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
        },
        sys.stdout,
    )
