/** Rises when a table changes: by it a broker knows a database that a newer one wrote. */
export const SCHEMA_VERSION = 2

/** What takes a database that is there from a version to the next: the first from version 1 to 2, and so on. */
export const MIGRATIONS: readonly string[] = ['ALTER TABLE join_tokens ADD COLUMN key_hash TEXT']

/**
 * The tables of the broker. Times are ISO 8601 text, except those that are compared (ms since 1970). `revision` numbers come from
 * one counter (see `broker-database.ts`).
 */
export const STORE_SCHEMA = `
  CREATE TABLE IF NOT EXISTS revision (one INTEGER PRIMARY KEY CHECK (one = 1), value INTEGER NOT NULL) STRICT;
  INSERT OR IGNORE INTO revision VALUES (1, 0);

  CREATE TABLE IF NOT EXISTS tenants (name TEXT PRIMARY KEY, created_at TEXT NOT NULL) STRICT;

  CREATE TABLE IF NOT EXISTS api_keys (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL REFERENCES tenants(name), name TEXT NOT NULL, role TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE, created_at TEXT NOT NULL,
    UNIQUE (tenant, name)
  ) STRICT;

  CREATE TABLE IF NOT EXISTS resources (
    tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    generation INTEGER NOT NULL, resource TEXT NOT NULL,
    deleting TEXT CHECK (deleting IN ('delete', 'forget')),
    status TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL, revision INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, name)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS resource_revisions ON resources (tenant, revision);

  CREATE INDEX IF NOT EXISTS cluster_endpoints ON resources (tenant, json_extract(resource, '$.spec.network.endpoint.address'))
    WHERE kind = 'Cluster';

  -- Which resource names which other.
  CREATE TABLE IF NOT EXISTS refs (
    tenant TEXT NOT NULL, to_kind TEXT NOT NULL, to_name TEXT NOT NULL, from_kind TEXT NOT NULL, from_name TEXT NOT NULL,
    PRIMARY KEY (tenant, to_kind, to_name, from_kind, from_name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS refs_by_source ON refs (tenant, from_kind, from_name);

  -- Which gateway was sent which resource, in which generation.
  CREATE TABLE IF NOT EXISTS holdings (
    tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, gateway TEXT NOT NULL, generation INTEGER NOT NULL,
    PRIMARY KEY (tenant, kind, name, gateway)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE IF NOT EXISTS machines (
    tenant TEXT NOT NULL, name TEXT NOT NULL, cluster TEXT NOT NULL, status TEXT NOT NULL,
    updated_at TEXT NOT NULL, revision INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS machine_revisions ON machines (tenant, revision);
  CREATE INDEX IF NOT EXISTS machines_by_cluster ON machines (tenant, cluster);

  CREATE TABLE IF NOT EXISTS timelines (
    revision INTEGER PRIMARY KEY, tenant TEXT NOT NULL, cluster TEXT NOT NULL, machine TEXT NOT NULL, entry TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS timelines_by_machine ON timelines (tenant, machine, revision);
  CREATE INDEX IF NOT EXISTS timelines_by_cluster ON timelines (tenant, cluster);
  CREATE INDEX IF NOT EXISTS timeline_revisions ON timelines (tenant, revision);

  CREATE TABLE IF NOT EXISTS events (
    revision INTEGER PRIMARY KEY, tenant TEXT NOT NULL, time TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    severity TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, gateway TEXT NOT NULL, trace_id TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS event_revisions ON events (tenant, revision);

  -- What watchers still have to hear about things that are no more.
  CREATE TABLE IF NOT EXISTS gone (
    revision INTEGER PRIMARY KEY, tenant TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    generation INTEGER NOT NULL, left_behind TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS gone_names ON gone (tenant, kind, name, revision);
  -- What a name that isn't known begins behind: a gateway may have one of it from before the database was restored.
  CREATE TABLE IF NOT EXISTS generation_floors (tenant TEXT PRIMARY KEY, generation INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS gone_revisions ON gone (tenant, revision);
  CREATE TABLE IF NOT EXISTS forgotten_changes (tenant TEXT PRIMARY KEY, through INTEGER NOT NULL) STRICT;

  CREATE TABLE IF NOT EXISTS gateways (
    tenant TEXT NOT NULL, name TEXT NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0, connected INTEGER NOT NULL DEFAULT 0, revoked INTEGER NOT NULL DEFAULT 0,
    journal_id TEXT, event_cursor INTEGER NOT NULL DEFAULT 0, resume_floor INTEGER NOT NULL DEFAULT 0,
    version TEXT, sealing_key TEXT, certificate_ends TEXT, last_seen TEXT,
    PRIMARY KEY (tenant, name)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS gateway_serials (
    id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, gateway TEXT NOT NULL, serial TEXT NOT NULL,
    UNIQUE (tenant, gateway, serial)
  ) STRICT;

  -- Of a token only its SHA-256 is here; and that of the public key (SPKI, DER) that it was spent for last.
  CREATE TABLE IF NOT EXISTS join_tokens (
    hash TEXT PRIMARY KEY, tenant TEXT NOT NULL, gateway TEXT NOT NULL, expires_ms INTEGER NOT NULL, spent_ms INTEGER,
    key_hash TEXT
  ) STRICT;

  CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, message_id TEXT NOT NULL, payload BLOB NOT NULL,
    trace_id TEXT NOT NULL
  ) STRICT;
`
