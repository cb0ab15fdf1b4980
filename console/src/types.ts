// The manager's answers, as docs/api/openapi.yaml describes them.
export interface Session {
  account: string;
  role: "admin" | "operator" | "viewer";
  tenant: string | null;
  has_password: boolean;
  current_tenant?: string;
  version?: string;
}

export interface Overview {
  totals: { devices: number; online: number; events: number; findings: number; patches: number; indicators: number };
  stopped: { layer: string; count: number }[];
  series: { time: number; layer: string; count: number }[];
  since: number;
  now: number;
  bucket_s: number;
}

export interface Device {
  id: string;
  kind: string;
  name: string;
  enrolled: number;
  last_seen: number | null;
  address: string | null;
  online: boolean;
  link: "up" | "down" | "silent";
  silent_since: number | null;
  os: { id?: string; version_id?: string; codename?: string; kernel?: string } | null;
  status: {
    agent_version?: string;
    bundle?: { refused?: number; fault?: string };
    hidden_by_tls?: { patch: string; port: number }[];
    /** The level of each part of the protection, and why it is so. */
    protection?: Record<string, string>;
    why?: Record<string, string>;
  } | null;
  lockdown: unknown;
  bundle_version: number;
  bundle_in_force: number | null;
  chain_faults: number;
}

export interface DeviceRow extends Device {
  findings: number;
  patches: number;
  blocked: number;
}

export interface Finding {
  device?: string;
  cve: string;
  package: string;
  version: string;
  fixed: string | null;
  severity: string | null;
  state: "open" | "patched";
  patches: string[];
}

export interface Component {
  ecosystem: string;
  name: string;
  arch: string;
  version: string;
  findings: number;
}

export interface Service {
  component: string;
  path: string;
  proto: string;
  address: string;
  port: number;
}

export interface Patch {
  id: string;
  cves: string[];
  component: string;
  ports: { proto: string; port: number }[];
  origin: "automatic" | "manual" | "excluded";
  mode?: "prevent" | "detect";
  since: number;
}

/** A weakness of a device's set-up. */
export interface Weakness {
  id: string;
  severity: string;
  subject: string;
  detail: string;
  fix: string;
}

export interface DeviceDetail extends Device {
  product: { vendor?: string; model: string; firmware?: string } | null;
  services: Service[] | null;
  posture: Weakness[] | null;
  components: Component[];
  findings: Finding[];
  patches: Patch[];
}

export interface Indicator {
  type: string;
  value: string;
  source: string;
  confidence: number;
  expiry: number;
  reason: string;
}

/** Sections by name; what is in each the manager's schema says. */
export type Policy = { version: number } & Record<string, { mode?: string }>;

export interface Checkpoint {
  size: number;
  root: string;
  time: number;
}

export interface Verdict {
  ok: boolean;
  records?: number;
  record?: number;
  event?: string;
  device?: string;
  problem?: string;
}

export interface Process {
  pid?: number;
  uid?: number;
  login_uid?: number;
  name?: string;
  path?: string;
  sha256?: string;
  cmdline?: string;
  state?: string;
}

export interface FileFacts {
  type?: string;
  mode?: string;
  uid?: number;
  gid?: number;
  size?: number;
  mtime?: string;
  sha256?: string;
  target?: string;
}

/** A record as the device made it; n, leaf, received and chain are there when it came from the store. */
export interface EventRecord {
  id: string;
  device: string;
  timestamp: string;
  event_type: string;
  layer?: string;
  action?: string;
  src_ip?: string;
  src_port?: number;
  dest_ip?: string;
  dest_port?: number;
  proto?: string;
  name?: string;
  operation?: string;
  alert?: { signature_id?: number; signature?: string; category?: string; severity?: number };
  process?: Process;
  lockdown?: { mode?: string; operation?: string; path?: string; sha256?: string; seconds?: number; updater?: string };
  indicator?: { type?: string; value?: string; source?: string; confidence?: number; reason?: string };
  attacker?: { ip?: string; ttl_s?: number; reason?: string };
  integrity?: {
    change?: string;
    path?: string;
    seen?: string;
    changed?: string[];
    before?: FileFacts;
    after?: FileFacts;
    diff?: string;
    diff_left_out?: string;
    created?: number;
    modified?: number;
    deleted?: number;
  };
  log?: {
    rule?: number;
    level?: number;
    mitre?: string;
    count?: number;
    source?: string;
    fields?: Record<string, string>;
    line?: string;
    block?: { ip?: string; ttl_s?: number };
  };
  malware?: {
    path?: string;
    name?: string;
    engine?: string;
    why?: string;
    sha256?: string;
    size?: number;
    links?: number;
    quarantine?: string;
    refused?: string;
  };
  firewall?: { rule?: string; direction?: string; mode?: string; untold?: number; operation?: string };
  silence?: { state?: string; since?: number; seconds?: number };
  reason?: string;
  reasons?: (string | { text?: string; count?: number })[];
  n?: number;
  leaf?: number;
  received?: number;
  chain?: string;
}
