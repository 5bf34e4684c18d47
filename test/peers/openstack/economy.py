"""Less CPU for the same answers: spares these services what serves a scale that tests don't have, or listeners that aren't
there. What their APIs answer stays. The figures are shares of neutron's CPU while servers, ports and routers came and went.
"""
import gc

from oslo_db.sqlalchemy import engines
from sqlalchemy.orm import strategies
from sqlalchemy.orm.relationships import RelationshipProperty


def prepare():
    """To be called once, after eventlet has patched the libraries and before the service is imported."""
    # What a service imports, it keeps: a quarter of a start went into looking for garbage there. `settle` ends this.
    gc.disable()
    # A "subquery" relationship makes its SELECT anew for each parent that is loaded (40 %); "selectin" loads the same rows
    # at the same moment, by a SELECT that is made once.
    loaders = RelationshipProperty._all_strategies[RelationshipProperty]
    loaders[(('lazy', 'subquery'),)] = strategies.SelectInLoader
    # The connection to a file does not break: no SELECT 1 before each use of it.
    engines._connect_ping_listener = lambda connection, branch: None


def settle():
    """To be called when the service is about to serve."""
    # Garbage is not looked for again in what the service consists of, and not after every few rows that it reads (20 %).
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def spare_agents():
    """For neutron, instead of what it does for agents and plugins that don't run here (10 %)."""
    from neutron.api.rpc.agentnotifiers import l3_rpc_agent_api
    from neutron.plugins.ml2 import ovo_rpc
    from neutron.services.segments import plugin as segments
    # Finds an L3 agent for a router after each change, and tells it.
    l3_rpc_agent_api.L3AgentNotifyAPI._notification = lambda *args, **kwargs: None
    # Loads each object again after each change, for the Open vSwitch agents' caches.
    ovo_rpc.OVOServerRpcInterface = lambda: None
    # Keeps placement's count of the addresses of routed networks, from the first deletion of any network on.
    segments.NovaSegmentNotifier = lambda: None
