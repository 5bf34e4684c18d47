"""Makes the empty database of one service: schema.py keystone|glance|placement|nova|neutron|cinder|octavia FOLDER

What the services' own *-manage programs do, each command in a process of its own, forked when the imports are done.
"""
import grp
import os
import pwd
import sys


def run(main, *argv):
    child = os.fork()
    if child == 0:
        sys.argv = list(argv)
        status = 1
        try:
            result = main()
            status = 0 if result in (None, 0) else 1
        except SystemExit as end:
            status = 0 if end.code in (None, 0) else 1
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    if os.waitpid(child, 0)[1] != 0:
        sys.exit('failed: ' + ' '.join(argv))


def keystone(folder, config):
    from keystone.cmd.manage import main
    with open(os.path.join(folder, 'admin-password'), encoding='utf-8') as file:
        os.environ['OS_BOOTSTRAP_PASSWORD'] = file.read()
    owner = ['--keystone-user', pwd.getpwuid(os.getuid()).pw_name, '--keystone-group', grp.getgrgid(os.getgid()).gr_name]
    bootstrap = ['bootstrap', '--bootstrap-username', 'admin', '--bootstrap-project-name', 'admin']
    keys = [[make, *owner] for make in ('fernet_setup', 'receipt_setup', 'credential_setup')]
    for command in (['db_sync'], *keys, bootstrap):
        run(main, 'keystone-manage', '--config-file', config, *command)


def glance(folder, config):
    from glance.cmd.manage import main
    run(main, 'glance-manage', '--config-file', config, 'db_sync')


def placement(folder, config):
    # The configuration's folder is for the program's default; with the file named, any other is left alone.
    from placement.cmd.manage import main
    run(main, 'placement-manage', '--config-file', config, 'db', 'sync')


def nova(folder, config):
    from nova.cmd.manage import main
    database = 'sqlite:///%s/db/' % folder
    for command in (
        ['api_db', 'sync'],
        ['cell_v2', 'map_cell0', '--database_connection', database + 'nova_cell0.sqlite'],
        ['cell_v2', 'create_cell', '--name', 'cell1', '--database_connection', database + 'nova.sqlite',
         '--transport-url', 'fake:///'],
        ['db', 'sync'],
    ):
        run(main, 'nova-manage', '--config-file', config, *command)


def neutron(folder, config):
    # Neutron's migrations don't run on SQLite; its models say the same.
    import sqlalchemy
    from neutron.db.migration.models import head
    head.get_metadata().create_all(sqlalchemy.create_engine('sqlite:///%s/db/neutron.sqlite' % folder))


def cinder(folder, config):
    from cinder.cmd.manage import main
    run(main, 'cinder-manage', '--config-file', config, 'db', 'sync')


def octavia(folder, config):
    # Its migrations don't run on SQLite either; what they fill in is what the models refer to.
    import sqlalchemy
    from octavia.common import constants
    from octavia.db import base_models, models
    from sqlalchemy import orm
    engine = sqlalchemy.create_engine('sqlite:///%s/db/octavia.sqlite' % folder)
    base_models.BASE.metadata.create_all(engine)
    with orm.Session(engine) as session:
        for model, names in (
            (models.ProvisioningStatus, constants.SUPPORTED_PROVISIONING_STATUSES),
            (models.OperatingStatus, constants.SUPPORTED_OPERATING_STATUSES),
            (models.HealthMonitorType, constants.SUPPORTED_HEALTH_MONITOR_TYPES),
            (models.Algorithm, constants.SUPPORTED_LB_ALGORITHMS),
            (models.Protocol, constants.SUPPORTED_PROTOCOLS),
            (models.SessionPersistenceType, constants.SUPPORTED_SP_TYPES),
            (models.AmphoraRoles, constants.SUPPORTED_AMPHORA_ROLES),
            (models.LBTopology, constants.SUPPORTED_LB_TOPOLOGIES),
            (models.VRRPAuthMethod, constants.SUPPORTED_VRRP_AUTH),
            (models.L7RuleType, constants.SUPPORTED_L7RULE_TYPES),
            (models.L7RuleCompareType, constants.SUPPORTED_L7RULE_COMPARE_TYPES),
            (models.L7PolicyAction, constants.SUPPORTED_L7POLICY_ACTIONS),
            (models.ClientAuthenticationMode, constants.SUPPORTED_CLIENT_AUTH_MODES),
        ):
            session.add_all(model(name=name) for name in names)
        session.commit()


SCHEMAS = {make.__name__: make for make in (keystone, glance, placement, nova, neutron, cinder, octavia)}

if __name__ == '__main__':
    name, folder = sys.argv[1], os.path.abspath(sys.argv[2])
    SCHEMAS[name](folder, os.path.join(folder, 'etc', name + '.conf'))
