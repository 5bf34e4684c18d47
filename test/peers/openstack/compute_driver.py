"""Nova's own fake driver, with builds that take a while, builds that fail on demand, and room for many servers.

$PCG_HANDS/PROJECT.json, if it is there, says how the builds of that project go:
{"buildSeconds": 0.5, "failures": 2, "message": "…"}; `failures` counts down with each build that fails.
"""
import json
import os

import eventlet
from nova import exception
from nova.compute import task_states
from nova.virt import fake

BUILD_SECONDS = float(os.environ.get('PCG_BUILD_SECONDS', '0.3'))


class Driver(fake.FakeDriver):
    vcpus, memory_mb, local_gb = 4000, 16_000_000, 1_000_000
    # A resize may then stay on its host, where the cloud has one host in the zone only.
    capabilities = dict(fake.FakeDriver.capabilities, supports_migrate_to_same_host=True)

    def spawn(self, context, instance, *args, **kwargs):
        hands = _hands(instance.project_id)
        eventlet.sleep(hands.get('buildSeconds', BUILD_SECONDS))
        if hands.get('failures', 0) > 0 and instance.task_state == task_states.SPAWNING:
            hands['failures'] -= 1
            _write(instance.project_id, hands)
            # As a hypervisor's own error does, it takes the instance to ERROR without another host being tried.
            raise exception.BuildAbortException(instance_uuid=instance.uuid, reason=hands.get('message', 'no reason'))
        super().spawn(context, instance, *args, **kwargs)

    def cleanup(self, context, instance, network_info, **kwargs):
        # Nova's driver insists on `destroy` first, which the cleanup of a failed build does not call.
        if instance.uuid not in self.instances:
            super().cleanup(context, instance, network_info, **kwargs)


def _path(project):
    return os.path.join(os.environ['PCG_HANDS'], project + '.json')


def _hands(project):
    try:
        with open(_path(project), encoding='utf-8') as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def _write(project, hands):
    making = _path(project) + '.new'
    with open(making, 'w', encoding='utf-8') as file:
        json.dump(hands, file)
    os.replace(making, _path(project))
