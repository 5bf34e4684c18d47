"""An Octavia provider that balances nothing, but settles: what the API left PENDING becomes ACTIVE, or is gone, soon after.

As third-party providers do, it answers the API at once and reports each object's state later, by Octavia's own updater.
A load balancer whose name has "doomed" in it ends in ERROR with each change, until a failover.
"""
import threading
import time

from octavia.api.drivers.driver_agent import driver_updater
from octavia.api.drivers.noop_driver import driver
from octavia.db import api as database
from octavia.db import repositories
from octavia_lib.api.drivers import exceptions
from oslo_log import log

LOG = log.getLogger(__name__)
SETTLE_SECONDS = 0.3


class Provider(driver.NoopProviderDriver):
    """The API calls each of these methods within its transaction: the objects are seen by others only afterwards."""

    name = 'settling'

    def create_vip_port(self, loadbalancer_id, project_id, vip_dictionary, additional_vip_dicts=None):
        # Octavia then makes the port in neutron.
        raise exceptions.NotImplementedError()

    def loadbalancer_create(self, loadbalancer):
        _settle(loadbalancer.loadbalancer_id)

    def loadbalancer_update(self, old, new):
        _settle(new.loadbalancer_id)

    def loadbalancer_delete(self, loadbalancer, cascade=False):
        _settle(loadbalancer.loadbalancer_id)

    def loadbalancer_failover(self, loadbalancer_id):
        _settle(loadbalancer_id, healed=True)

    def listener_create(self, listener):
        _settle(listener.loadbalancer_id)

    def listener_update(self, old, new):
        _settle(old.loadbalancer_id)

    def listener_delete(self, listener):
        _settle(listener.loadbalancer_id)

    def pool_create(self, pool):
        _settle(pool.loadbalancer_id)

    def pool_update(self, old, new):
        _settle(old.loadbalancer_id)

    def pool_delete(self, pool):
        _settle(pool.loadbalancer_id)

    def member_create(self, member):
        _settle(_balancer_of(member.pool_id))

    def member_update(self, old, new):
        _settle(_balancer_of(old.pool_id))

    def member_delete(self, member):
        _settle(_balancer_of(member.pool_id))

    def member_batch_update(self, pool_id, members):
        _settle(_balancer_of(pool_id))

    def health_monitor_create(self, healthmonitor):
        _settle(_balancer_of(healthmonitor.pool_id))

    def health_monitor_update(self, old, new):
        _settle(_balancer_of(old.pool_id))

    def health_monitor_delete(self, healthmonitor):
        _settle(_balancer_of(healthmonitor.pool_id))


def _balancer_of(pool_id):
    return repositories.PoolRepository().get(database.get_session(), id=pool_id).load_balancer_id


def _settle(balancer_id, healed=False):
    threading.Thread(target=_settle_later, args=(balancer_id, healed), daemon=True).start()


def _settle_later(balancer_id, healed):
    for _ in range(20):
        time.sleep(SETTLE_SECONDS)
        try:
            balancer = repositories.LoadBalancerRepository().get(database.get_session(), id=balancer_id)
            if balancer is None or not balancer.provisioning_status.startswith('PENDING'):
                continue
            outcome = driver_updater.DriverUpdater().update_loadbalancer_status(_states(balancer, healed))
            if outcome['status_code'] == 200:
                return
            LOG.error('load balancer %s does not settle: %s', balancer_id, outcome)
        except Exception:
            LOG.exception('load balancer %s does not settle', balancer_id)


def _states(balancer, healed):
    gone = balancer.provisioning_status == 'PENDING_DELETE'
    failed = 'doomed' in balancer.name and not healed and not gone
    monitors = [pool.health_monitor for pool in balancer.pools if pool.health_monitor]
    members = [member for pool in balancer.pools for member in pool.members]
    return {
        'members': [_state(member, gone, 'NO_MONITOR') for member in members],
        'healthmonitors': [_state(monitor, gone) for monitor in monitors],
        'pools': [_state(pool, gone) for pool in balancer.pools],
        'listeners': [_state(listener, gone) for listener in balancer.listeners],
        'loadbalancers': [_failure(balancer) if failed else _state(balancer, gone)],
    }


def _state(item, gone, operating='ONLINE'):
    if gone or item.provisioning_status == 'PENDING_DELETE':
        return {'id': item.id, 'provisioning_status': 'DELETED'}
    return {'id': item.id, 'provisioning_status': 'ACTIVE', 'operating_status': operating}


def _failure(item):
    return {'id': item.id, 'provisioning_status': 'ERROR', 'operating_status': 'ERROR'}
