/* The tables. Everything that belongs to a tenant carries the tenant, and every query names it. */
#include "manager/store/store.h"

#define COMPONENTS                                                                                 \
    "(device TEXT NOT NULL, ecosystem TEXT NOT NULL, name TEXT NOT NULL, arch TEXT NOT NULL,"      \
    " version TEXT NOT NULL, source TEXT NOT NULL, source_version TEXT NOT NULL, cpe TEXT,"        \
    " build_id TEXT, path TEXT, purl TEXT, origin TEXT,"                                           \
    " PRIMARY KEY(device, ecosystem, name, arch, version)) WITHOUT ROWID"

/* MODEL "": for every device of the tenant. */
#define ALLOWLIST                                                                                  \
    "(tenant TEXT NOT NULL, model TEXT NOT NULL, sha256 TEXT NOT NULL, note TEXT NOT NULL,"        \
    " PRIMARY KEY(tenant, model, sha256)) WITHOUT ROWID"

const char sek_store_schema[] =
    "CREATE TABLE IF NOT EXISTS tenants(id TEXT PRIMARY KEY, name TEXT NOT NULL,"
    " created INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS accounts(name TEXT PRIMARY KEY, tenant TEXT, role TEXT NOT NULL,"
    " salt BLOB, hash BLOB, created INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS sessions(hash TEXT PRIMARY KEY, account TEXT NOT NULL,"
    " expires INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS one_time(hash TEXT PRIMARY KEY, account TEXT NOT NULL,"
    " expires INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS tokens(id TEXT PRIMARY KEY, tenant TEXT NOT NULL,"
    " hash TEXT NOT NULL, kind TEXT, note TEXT NOT NULL, created INTEGER NOT NULL,"
    " expires INTEGER NOT NULL, used INTEGER, device TEXT);"
    "CREATE TABLE IF NOT EXISTS devices(id TEXT PRIMARY KEY, tenant TEXT NOT NULL,"
    " kind TEXT NOT NULL, name TEXT NOT NULL, serial TEXT NOT NULL, enrolled INTEGER NOT NULL,"
    " last_seen INTEGER, address TEXT, seq INTEGER NOT NULL DEFAULT 0,"
    " last_event TEXT NOT NULL DEFAULT '', chain_faults INTEGER NOT NULL DEFAULT 0,"
    " inventory TEXT NOT NULL DEFAULT '', os TEXT NOT NULL DEFAULT 'null',"
    " services TEXT NOT NULL DEFAULT '[]', product TEXT NOT NULL DEFAULT 'null',"
    " posture TEXT NOT NULL DEFAULT '[]', notes TEXT NOT NULL DEFAULT '[]',"
    " status TEXT NOT NULL DEFAULT 'null',"
    " bundle_version INTEGER NOT NULL DEFAULT 0, bundle_digest TEXT NOT NULL DEFAULT '',"
    " timestamp_version INTEGER NOT NULL DEFAULT 0,"
    " gone INTEGER NOT NULL DEFAULT 0, silent INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX IF NOT EXISTS devices_tenant ON devices(tenant);"
    "CREATE TABLE IF NOT EXISTS components" COMPONENTS ";"
    "CREATE INDEX IF NOT EXISTS components_source ON components(source);"
    "CREATE TABLE IF NOT EXISTS findings(device TEXT NOT NULL, cve TEXT NOT NULL,"
    " package TEXT NOT NULL, version TEXT NOT NULL, fixed TEXT, severity TEXT,"
    " since INTEGER NOT NULL, pass INTEGER NOT NULL,"
    " PRIMARY KEY(device, cve, package)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS assignments(device TEXT NOT NULL, patch TEXT NOT NULL,"
    " origin TEXT NOT NULL, created INTEGER NOT NULL, mode TEXT NOT NULL DEFAULT 'prevent',"
    " PRIMARY KEY(device, patch)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS events(n INTEGER PRIMARY KEY, tenant TEXT NOT NULL,"
    " leaf INTEGER NOT NULL, device TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL UNIQUE,"
    " time TEXT NOT NULL, received INTEGER NOT NULL, layer TEXT NOT NULL, action TEXT NOT NULL,"
    " event_type TEXT NOT NULL, chain TEXT NOT NULL, record TEXT NOT NULL);"
    "CREATE UNIQUE INDEX IF NOT EXISTS events_leaf ON events(tenant, leaf);"
    "CREATE INDEX IF NOT EXISTS events_device ON events(device, n);"
    "CREATE INDEX IF NOT EXISTS events_received ON events(tenant, received);"
    "CREATE TABLE IF NOT EXISTS merkle(tenant TEXT NOT NULL, level INTEGER NOT NULL,"
    " position INTEGER NOT NULL, hash BLOB NOT NULL,"
    " PRIMARY KEY(tenant, level, position)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS checkpoints(tenant TEXT NOT NULL, size INTEGER NOT NULL,"
    " doc TEXT NOT NULL, PRIMARY KEY(tenant, size)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS indicators(tenant TEXT NOT NULL, type TEXT NOT NULL,"
    " value TEXT NOT NULL, source TEXT NOT NULL, confidence INTEGER NOT NULL,"
    " expiry INTEGER NOT NULL, reason TEXT NOT NULL, created INTEGER NOT NULL, hash BLOB,"
    " PRIMARY KEY(tenant, type, value)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS indicators_hash ON indicators(tenant, hash);"
    "CREATE TABLE IF NOT EXISTS policies(tenant TEXT PRIMARY KEY, version INTEGER NOT NULL,"
    " doc TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS rules(tenant TEXT NOT NULL, name TEXT NOT NULL,"
    " content TEXT NOT NULL, updated INTEGER NOT NULL, PRIMARY KEY(tenant, name));"
    "CREATE TABLE IF NOT EXISTS allowlist" ALLOWLIST ";"
    "CREATE TABLE IF NOT EXISTS feeds(name TEXT PRIMARY KEY, kind TEXT NOT NULL,"
    " advisories INTEGER NOT NULL, bytes INTEGER NOT NULL, imported INTEGER NOT NULL);";

const struct sek_store_step sek_store_steps[] = {
    {"components", "origin",
     "ALTER TABLE components RENAME TO components_before; CREATE TABLE components" COMPONENTS ";"
     "INSERT INTO components SELECT device, ecosystem, name, arch, version, source, source_version,"
     " cpe, NULL, NULL, NULL, NULL FROM components_before; DROP TABLE components_before;"},
    {"devices", "posture",
     "ALTER TABLE devices ADD COLUMN product TEXT NOT NULL DEFAULT 'null';"
     "ALTER TABLE devices ADD COLUMN posture TEXT NOT NULL DEFAULT '[]';"
     "ALTER TABLE devices ADD COLUMN notes TEXT NOT NULL DEFAULT '[]';"},
    {"assignments", "mode",
     "ALTER TABLE assignments ADD COLUMN mode TEXT NOT NULL DEFAULT 'prevent';"},
    {"devices", "silent",
     "ALTER TABLE devices ADD COLUMN gone INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE devices ADD COLUMN silent INTEGER NOT NULL DEFAULT 0;"},
    {"allowlist", "model",
     "ALTER TABLE allowlist RENAME TO allowlist_before; CREATE TABLE allowlist" ALLOWLIST ";"
     "INSERT INTO allowlist SELECT tenant, '', sha256, note FROM allowlist_before;"
     "DROP TABLE allowlist_before;"},
    {"indicators", "hash", "ALTER TABLE indicators ADD COLUMN hash BLOB;"},
    {NULL, NULL, NULL},
};
