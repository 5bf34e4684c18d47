import { join } from 'node:path'

/** One port of 127.0.0.1 for each API. */
export type ServicePorts = Readonly<Record<ApiName, number>>
export const APIS = ['keystone', 'glance', 'placement', 'nova', 'neutron', 'cinder', 'octavia'] as const
export type ApiName = (typeof APIS)[number]

export const REGION = 'RegionOne'
/** Compute hosts: the first two are in the zone `nova`, the last is in `az-1`. */
export const COMPUTE_HOSTS = ['compute-1', 'compute-2', 'compute-3'] as const
/** Of the services' own accounts, which only they use. */
export const SERVICE_USERS = ['glance', 'placement', 'nova', 'neutron', 'cinder', 'octavia'] as const

export interface Settings {
  readonly folder: string
  readonly ports: ServicePorts
  /** Of `admin` and of the services' own users. */
  readonly password: string
  /** Where Debian's packages are unpacked: their paste files are used as they are. */
  readonly packages: string
}

type Section = Readonly<Record<string, string | number | boolean>>
type Configuration = Readonly<Record<string, Section>>

/** The services' configuration: file name (in `etc/`) → text. */
export function configurationFiles(settings: Settings): Readonly<Record<string, string>> {
  return {
    'keystone.conf': ini(keystone(settings)),
    'glance.conf': ini(glance(settings)),
    'placement.conf': ini(placement(settings)),
    'nova.conf': ini(nova(settings)),
    'neutron.conf': ini(neutron(settings)),
    'cinder.conf': ini(cinder(settings)),
    'octavia.conf': ini(octavia(settings)),
  }
}

export function serviceUrl(settings: Pick<Settings, 'ports'>, api: ApiName): string {
  return `http://127.0.0.1:${settings.ports[api]}`
}

function ini(configuration: Configuration): string {
  return Object.entries(configuration)
    .map(([name, section]) => {
      const lines = Object.entries(section).map(([key, value]) => `${key} = ${value}\n`)
      return `[${name}]\n${lines.join('')}`
    })
    .join('\n')
}

function keystone(settings: Settings): Configuration {
  const keys = (name: string): string => join(settings.folder, name)
  return {
    DEFAULT: { ...logging(settings, 'keystone'), max_token_size: 1024 },
    token: { provider: 'fernet', expiration: 3600 },
    fernet_tokens: { key_repository: keys('fernet') },
    fernet_receipts: { key_repository: keys('receipts') },
    credential: { key_repository: keys('credential') },
    // The least that bcrypt takes: passwords are checked often, and guard nothing here.
    identity: { password_hash_rounds: 4 },
    auth: { methods: 'password,token,application_credential' },
    cache: { enabled: true, backend: 'dogpile.cache.memory' },
    oslo_middleware: { enable_proxy_headers_parsing: true },
    oslo_messaging_notifications: { driver: 'noop' },
    database: database(settings, 'keystone'),
  }
}

function glance(settings: Settings): Configuration {
  const state = (name: string): string => join(settings.folder, 'state', name)
  return {
    ...common(settings, 'glance', {
      bind_host: '127.0.0.1',
      bind_port: settings.ports.glance,
      workers: 0,
      enabled_backends: 'file:file',
      enabled_import_methods: '[]',
      limit_param_default: 25,
      api_limit_max: 1000,
    }),
    database: database(settings, 'glance'),
    glance_store: { default_backend: 'file' },
    file: { filesystem_store_datadir: join(settings.folder, 'images') },
    os_glance_staging_store: { filesystem_store_datadir: state('staging') },
    os_glance_tasks_store: { filesystem_store_datadir: state('tasks') },
    paste_deploy: {
      flavor: 'keystone',
      config_file: join(settings.packages, 'usr/share/glance-common/glance-api-paste.ini'),
    },
  }
}

function placement(settings: Settings): Configuration {
  return {
    DEFAULT: logging(settings, 'placement'),
    api: { auth_strategy: 'keystone' },
    keystone_authtoken: tokenCheck(settings, 'placement'),
    placement_database: database(settings, 'placement'),
    oslo_middleware: { enable_proxy_headers_parsing: true },
  }
}

function nova(settings: Settings): Configuration {
  return {
    ...common(settings, 'nova', {
      my_ip: '127.0.0.1',
      compute_driver: 'pcg_driver.Driver',
      instances_path: join(settings.folder, 'instances'),
      enabled_apis: 'osapi_compute',
      osapi_compute_listen: '127.0.0.1',
      osapi_compute_listen_port: settings.ports.nova,
      osapi_compute_workers: 1,
      // What tells nova that a port is plugged is neutron's notification, which it need not wait for.
      vif_plugging_is_fatal: false,
      vif_plugging_timeout: 0,
      allow_resize_to_same_host: true,
      block_device_allocate_retries_interval: 1,
      // A machine that is busy for a while must not make its services look dead.
      service_down_time: 86_400,
      graceful_shutdown_timeout: 1,
    }),
    database: database(settings, 'nova'),
    api_database: database(settings, 'nova_api'),
    placement: client(settings, 'placement'),
    neutron: client(settings, 'neutron'),
    cinder: { ...client(settings, 'nova'), catalog_info: 'volumev3::internalURL' },
    glance: { api_servers: serviceUrl(settings, 'glance') },
    service_user: { ...client(settings, 'nova'), send_service_user_token: true },
    scheduler: { workers: 1, discover_hosts_in_cells_interval: -1 },
    conductor: { workers: 1 },
    wsgi: { api_paste_config: join(settings.packages, 'usr/share/nova-common/api-paste.ini') },
    filter_scheduler: { track_instance_changes: false, shuffle_best_same_weighed_hosts: true },
  }
}

function neutron(settings: Settings): Configuration {
  return {
    ...common(settings, 'neutron', {
      bind_host: '127.0.0.1',
      bind_port: settings.ports.neutron,
      core_plugin: 'ml2',
      service_plugins: 'router',
      auth_strategy: 'keystone',
      api_paste_config: join(settings.packages, 'usr/share/neutron-common/api-paste.ini'),
      api_workers: 0,
      rpc_workers: 1,
      rpc_state_report_workers: 0,
      // Nova waits for none of these; what changes the addresses of a server is still told.
      notify_nova_on_port_status_changes: false,
      notify_nova_on_port_data_changes: true,
      dhcp_agent_notification: false,
      agent_down_time: 86_400,
      pagination_max_limit: 1000,
      global_physnet_mtu: 1500,
    }),
    database: database(settings, 'neutron'),
    nova: client(settings, 'nova'),
    placement: client(settings, 'placement'),
    ml2: {
      type_drivers: 'flat,vlan,vxlan',
      tenant_network_types: 'vxlan',
      mechanism_drivers: 'openvswitch',
      extension_drivers: 'port_security',
    },
    ml2_type_flat: { flat_networks: 'physnet1' },
    ml2_type_vlan: { network_vlan_ranges: 'physnet1:100:199' },
    ml2_type_vxlan: { vni_ranges: '1:2000' },
    securitygroup: { enable_security_group: true, firewall_driver: 'openvswitch' },
  }
}

function cinder(settings: Settings): Configuration {
  return {
    ...common(settings, 'cinder', {
      my_ip: '127.0.0.1',
      osapi_volume_listen: '127.0.0.1',
      osapi_volume_listen_port: settings.ports.cinder,
      osapi_volume_workers: 1,
      api_paste_config: join(settings.packages, 'usr/share/cinder-common/api-paste.ini'),
      resource_query_filters_file: join(settings.packages, 'etc/cinder/resource_filters.json'),
      auth_strategy: 'keystone',
      enabled_backends: 'books',
      default_volume_type: 'standard',
      glance_api_servers: serviceUrl(settings, 'glance'),
      service_down_time: 86_400,
    }),
    database: database(settings, 'cinder'),
    nova: client(settings, 'nova'),
    service_user: { ...client(settings, 'cinder'), send_service_user_token: true },
    coordination: { backend_url: `file://${join(settings.folder, 'state/coordination')}` },
    books: { volume_backend_name: 'books', volume_driver: 'volume_driver.Driver' },
  }
}

function octavia(settings: Settings): Configuration {
  return {
    ...common(settings, 'octavia', {}),
    database: database(settings, 'octavia'),
    api_settings: {
      auth_strategy: 'keystone',
      enabled_provider_drivers: 'settling:Becomes ACTIVE soon',
      default_provider_driver: 'settling',
    },
    controller_worker: { network_driver: 'allowed_address_pairs_driver', compute_driver: 'compute_noop_driver' },
    service_auth: account(settings, 'octavia'),
    neutron: { region_name: REGION, endpoint_type: 'internalURL' },
  }
}

function common(settings: Settings, name: (typeof SERVICE_USERS)[number], own: Section): Configuration {
  return {
    DEFAULT: {
      ...logging(settings, name),
      host: 'controller',
      transport_url: 'fake:///',
      state_path: join(settings.folder, 'state'),
      ...own,
    },
    keystone_authtoken: tokenCheck(settings, name),
    oslo_concurrency: { lock_path: join(settings.folder, 'lock') },
    oslo_messaging_notifications: { driver: 'noop' },
    oslo_middleware: { enable_proxy_headers_parsing: true },
  }
}

function logging({ folder }: Settings, name: string): Section {
  return { debug: false, log_file: join(folder, 'log', `${name}.log`), use_stderr: false }
}

function database({ folder }: Settings, name: string): Section {
  return { connection: `sqlite:///${join(folder, 'db', `${name}.sqlite`)}`, sqlite_synchronous: false }
}

function tokenCheck(settings: Settings, username: string): Section {
  return {
    ...account(settings, username),
    www_authenticate_uri: `${serviceUrl(settings, 'keystone')}/v3`,
    service_token_roles_required: true,
    // So short that a token that was revoked is refused soon; without any, half of the time went into asking keystone.
    token_cache_time: 2,
  }
}

function client(settings: Settings, username: string): Section {
  return { ...account(settings, username), region_name: REGION, valid_interfaces: 'internal' }
}

function account(settings: Settings, username: string): Section {
  return {
    auth_type: 'password',
    auth_url: `${serviceUrl(settings, 'keystone')}/v3`,
    project_domain_name: 'Default',
    user_domain_name: 'Default',
    project_name: 'service',
    username,
    password: settings.password,
  }
}
