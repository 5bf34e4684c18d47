"""Runs one OpenStack service with all its daemons in one process: service.py identity|glance|neutron|nova|cinder|octavia FOLDER

The services are Debian's own; this takes the place of their console scripts. API, conductor, scheduler and agents of a
service share a process, so they can talk by oslo.messaging's in-process transport and need no RabbitMQ.
FOLDER has etc/*.conf and settings.json: {"ports": {…}, "hosts": […]}.
"""
import json
import os
import sys

sys.path.append(os.path.dirname(os.path.abspath(__file__)))

import lifeline


class Settings:
    def __init__(self, folder):
        with open(os.path.join(folder, 'settings.json'), encoding='utf-8') as file:
            values = json.load(file)
        self.folder = folder
        self.ports = values['ports']
        self.hosts = values['hosts']

    def config(self, name):
        return os.path.join(self.folder, 'etc', name + '.conf')


def serve(application, port):
    import waitress
    waitress.serve(application, host='127.0.0.1', port=port, threads=4, clear_untrusted_proxy_headers=False)


def identity(settings):
    """Keystone and placement, which are plain WSGI applications. Made one after the other: importing them side by side
    can deadlock on Python's import locks."""
    import economy
    import sqlite_files
    import threading
    sqlite_files.prepare()
    economy.prepare()
    os.environ['OS_KEYSTONE_CONFIG_FILES'] = settings.config('keystone')
    sys.argv = ['keystone']
    from keystone.server.wsgi import initialize_public_application
    keystone = initialize_public_application()
    threading.Thread(target=serve, args=(keystone, settings.ports['keystone']), daemon=True).start()
    os.environ['OS_PLACEMENT_CONFIG_DIR'] = os.path.join(settings.folder, 'etc')
    sys.argv = ['placement']
    from placement.wsgi import init_application
    placement = init_application()
    economy.settle()
    serve(placement, settings.ports['placement'])


def glance(settings):
    sys.argv = ['glance-api', '--config-file', settings.config('glance')]
    import eventlet
    eventlet.monkey_patch()
    import economy
    import sqlite_files
    sqlite_files.prepare()
    economy.prepare()
    from glance.cmd import api
    from glance.common import wsgi
    wait = wsgi.Server.wait

    def settle_and_wait(server):
        economy.settle()
        wait(server)

    wsgi.Server.wait = settle_and_wait
    api.main()


def neutron(settings):
    sys.argv = ['neutron-server', '--config-file', settings.config('neutron')]
    from neutron.common import eventlet_utils
    eventlet_utils.monkey_patch()
    import economy
    import sqlite_files
    sqlite_files.prepare()
    economy.prepare()
    from neutron import server, service
    from neutron.server import wsgi_eventlet
    import network_agents
    start_workers = service._start_workers

    def start_workers_here(workers, neutron_api=None):
        # A worker with no process of its own runs in ours, where the in-process transport reaches it.
        for worker in workers:
            worker._worker_process_count = 0
        started = start_workers(workers, neutron_api)
        network_agents.start(settings.hosts)
        economy.settle()
        return started

    service._start_workers = start_workers_here
    economy.spare_agents()
    server.boot_server(wsgi_eventlet.eventlet_wsgi_server)


def nova(settings):
    sys.argv = ['nova', '--config-file', settings.config('nova')]
    os.environ['PCG_HANDS'] = os.path.join(settings.folder, 'hands')
    import nova.monkey_patch  # noqa: F401 (patches as it is imported)
    import economy
    import sqlite_files
    sqlite_files.prepare()
    economy.prepare()
    import os_vif
    from nova import config, objects, service
    from nova.conductor import rpcapi as conductor
    from nova.scheduler import rpcapi as scheduler
    import nova.conf
    from oslo_log import log
    from oslo_service import service as launching
    import compute_driver
    conf = nova.conf.CONF
    config.parse_args(sys.argv)
    log.setup(conf, 'nova')
    objects.register_all()
    os_vif.initialize()
    # Nova loads a driver from within its own package only.
    sys.modules['nova.virt.pcg_driver'] = compute_driver
    # A compute service gives up at once if keystone or placement does not answer; all are started at the same time.
    await_identity(settings)
    launcher = launching.ServiceLauncher(conf, restart_method='mutate')
    for binary, topic in (('nova-conductor', conductor.RPC_TOPIC), ('nova-scheduler', scheduler.RPC_TOPIC)):
        launcher.launch_service(service.Service.create(binary=binary, topic=topic))
    for host in settings.hosts:
        # Parts of a compute service take their host from the configuration as they are made.
        conf.set_override('host', host)
        launcher.launch_service(service.Service.create(host=host, binary='nova-compute', topic='compute'))
    conf.clear_override('host')
    map_hosts(settings.hosts)
    launcher.launch_service(service.WSGIService('osapi_compute'))
    economy.settle()
    launcher.wait()


def await_identity(settings):
    import socket
    import time
    # In the order in which that process has them.
    waited_for = ['keystone', 'placement']
    while waited_for:
        try:
            socket.create_connection(('127.0.0.1', settings.ports[waited_for[0]])).close()
            waited_for.pop(0)
        except ConnectionRefusedError:
            time.sleep(0.05)


def map_hosts(hosts):
    """What `nova-manage cell_v2 discover_hosts` does; a start from the template finds it done."""
    from nova import context, exception
    from nova.objects import host_mapping
    admin = context.get_admin_context()
    try:
        for host in hosts:
            host_mapping.HostMapping.get_by_host(admin, host)
    except exception.HostMappingNotFound:
        host_mapping.discover_hosts(admin)


def cinder(settings):
    sys.argv = ['cinder', '--config-file', settings.config('cinder')]
    import eventlet
    eventlet.monkey_patch()
    import economy
    import sqlite_files
    sqlite_files.prepare()
    economy.prepare()
    from oslo_config import cfg
    from oslo_log import log
    from oslo_service import service as launching
    from cinder import i18n
    i18n.enable_lazy()
    from cinder.common import config
    from cinder import coordination, objects, rpc, service, version
    import cinder.volume.configuration  # noqa: F401 (registers options)
    import cinder.cmd.volume  # noqa: F401 (registers options)
    conf = cfg.CONF
    objects.register_all()
    conf(sys.argv[1:], project='cinder', version=version.version_string())
    config.set_middleware_defaults()
    log.setup(conf, 'cinder')
    coordination.COORDINATOR.start()
    rpc.init(conf)
    launcher = launching.ServiceLauncher(conf, restart_method='mutate')
    launcher.launch_service(service.Service.create(binary='cinder-scheduler'))
    for backend in conf.enabled_backends:
        launcher.launch_service(service.Service.create(
            host='%s@%s' % (conf.host, backend), service_name=backend, binary='cinder-volume', coordination=True))
    launcher.launch_service(service.WSGIService('osapi_volume'))
    economy.settle()
    launcher.wait()


def octavia(settings):
    """The API alone, with a provider of ours: neither workers nor amphorae."""
    import economy
    import sqlite_files
    sqlite_files.prepare()
    economy.prepare()
    sys.argv = ['octavia-api', '--config-file', settings.config('octavia')]
    from octavia.api import app
    from octavia.api.drivers import driver_factory
    import balancer_driver
    # Octavia finds providers among installed packages only.
    driver_factory.get_driver = lambda provider: balancer_driver.Provider()
    application = app.setup_app(argv=sys.argv)
    economy.settle()
    serve(application, settings.ports['octavia'])


SERVICES = {run.__name__: run for run in (identity, glance, neutron, nova, cinder, octavia)}

if __name__ == '__main__':
    lifeline.hold()
    SERVICES[sys.argv[1]](Settings(os.path.abspath(sys.argv[2])))
