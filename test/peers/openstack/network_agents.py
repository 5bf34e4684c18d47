"""Open vSwitch agents without a switch, inside neutron-server's process: one for each compute host.

They speak to the server as the real neutron-openvswitch-agent does (report_state, update_device_up), so that ML2 binds
the ports of the hosts, and a bound port goes ACTIVE.
"""
import eventlet
from neutron_lib import constants, context
from neutron_lib.agent import topics
from neutron_lib.callbacks import events, registry, resources
from oslo_config import cfg
from oslo_log import log

LOG = log.getLogger(__name__)
REPORT_SECONDS = 60


def start(hosts):
    eventlet.spawn_n(_plug, frozenset(hosts))
    for host in hosts:
        eventlet.spawn_n(_report, host)


def _state(host):
    return {
        'binary': 'neutron-openvswitch-agent',
        'host': host,
        'topic': constants.L2_AGENT_TOPIC,
        'agent_type': constants.AGENT_TYPE_OVS,
        'start_flag': True,
        'configurations': {
            'bridge_mappings': {'physnet1': 'br-ex'},
            'tunnel_types': ['vxlan'],
            'tunneling_ip': '127.0.0.1',
            'datapath_type': 'system',
            'ovs_hybrid_plug': False,
            'integration_bridge': 'br-int',
            'l2_population': False,
            'ovs_capabilities': {'datapath_types': ['system'], 'iface_types': ['internal']},
            'vhostuser_socket_dir': '/var/run/openvswitch',
        },
    }


def _report(host):
    from neutron.agent import rpc
    from neutron.conf.agent import common
    common.register_agent_state_opts_helper(cfg.CONF)
    server = rpc.PluginReportStateAPI(topics.REPORTS)
    admin = context.get_admin_context_without_session()
    state = _state(host)
    while True:
        try:
            server.report_state(admin, state)
            state.pop('start_flag', None)
            eventlet.sleep(REPORT_SECONDS)
        except Exception:
            LOG.exception('the agent of %s could not report', host)
            eventlet.sleep(0.3)


def _plug(hosts):
    from neutron.agent import rpc
    server = rpc.PluginApi(topics.PLUGIN)
    admin = context.get_admin_context_without_session()
    bound = eventlet.queue.Queue()

    def changed(resource, event, trigger, payload=None):
        port = payload.latest_state if payload else None
        if not port or port.get('binding:host_id') not in hosts:
            return
        if port.get('binding:vif_type') == 'ovs' and port['status'] != 'ACTIVE':
            bound.put((port['id'], port['binding:host_id']))

    for event in (events.AFTER_CREATE, events.AFTER_UPDATE):
        registry.subscribe(changed, resources.PORT, event)
    while True:
        port, host = bound.get()
        try:
            server.update_device_up(admin, port, 'ovs-agent-' + host, host)
        except Exception:
            LOG.exception('port %s could not be plugged on %s', port, host)
