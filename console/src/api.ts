// Calls of the manager. The session is a cookie that scripts cannot read; every change carries the
// header that pages of other sites cannot send.
import type {
  Checkpoint, Device, DeviceDetail, DeviceRow, EventRecord, Finding, Indicator, Overview, Policy, Session, Verdict,
} from "./types";
import type { Schema } from "./policy/schema";

/** What is wrong at one place of what was sent: a JSON pointer, as "/exit/default". */
export interface Misplaced {
  pointer: string;
  detail: string;
}

export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly errors: Misplaced[] = [],
  ) {
    super(detail);
  }
}

export type Filter = Partial<Record<"layer" | "action" | "event_type" | "device" | "text", string>>;
type Query = Record<string, string | number | undefined>;

let onExpired = (): void => {};

/** CALL when the manager no longer knows the session. */
export function whenExpired(call: () => void): void {
  onExpired = call;
}

const part = encodeURIComponent;

function withQuery(path: string, query: Query): string {
  const used = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  return used.length ? `${path}?${new URLSearchParams(used.map(([k, v]) => [k, String(v)]))}` : path;
}

async function call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const headers: Record<string, string> = { "X-Sekisho": "1" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer: Response;
  try {
    answer = await fetch(`/api/v1/${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new Problem(0, "");
  }
  const text = await answer.text();
  if (answer.ok) return (text ? JSON.parse(text) : undefined) as Answer;
  if (answer.status === 401 && path !== "login" && path !== "session") onExpired();
  throw problemOf(answer, text);
}

function problemOf(answer: Response, text: string): Problem {
  try {
    const told = JSON.parse(text) as { detail?: string; title?: string; errors?: Misplaced[] };
    return new Problem(answer.status, told.detail ?? told.title ?? answer.statusText, told.errors);
  } catch {
    return new Problem(answer.status, answer.statusText);
  }
}

const get = <Answer>(path: string): Promise<Answer> => call<Answer>("GET", path);

export const api = {
  login: (body: { account: string; password: string } | { one_time: string }) => call<Session>("POST", "login", body),
  logout: () => call<void>("POST", "logout"),
  session: () => get<Session>("session"),
  setPassword: (account: string, password: string) =>
    call<void>("PUT", `accounts/${part(account)}/password`, { password }),

  overview: (hours: number) => get<Overview>(withQuery("overview", { hours })),
  devices: async () => (await get<{ devices: DeviceRow[] }>("devices")).devices,
  device: (id: Device["id"]) => get<DeviceDetail>(`devices/${part(id)}`),
  removeDevice: (id: string) => call<void>("DELETE", `devices/${part(id)}`),
  assignPatch: (device: string, patch: string) => call<void>("PUT", `devices/${part(device)}/patches/${part(patch)}`),
  withdrawPatch: (device: string, patch: string) =>
    call<void>("DELETE", `devices/${part(device)}/patches/${part(patch)}`),
  findings: async () => (await get<{ findings: Finding[] }>("findings")).findings,

  events: (filter: Filter, limit: number, cursor?: number) =>
    get<{ events: EventRecord[]; next: number | null }>(withQuery("events", { ...filter, limit, cursor })),
  event: (id: string) => get<EventRecord>(`events/${part(id)}`),

  makeToken: (body: { kind?: string; note?: string; expires_in_s: number }) =>
    call<{ token: string; expires: number }>("POST", "tokens", body),
  indicators: async () => (await get<{ indicators: Indicator[] }>("indicators")).indicators,
  addIndicator: (body: { type: string; value: string; reason?: string }) => call<void>("POST", "indicators", body),
  removeIndicator: (type: string, value: string) => call<void>("DELETE", withQuery("indicators", { type, value })),
  policy: () => get<Policy>("policy"),
  policySchema: () => get<Schema>("policy/schema"),
  setPolicy: (change: Record<string, unknown>) => call<Policy>("PUT", "policy", change),
  command: (device: string, body: { name: string } & Record<string, unknown>) =>
    call<void>("POST", `devices/${part(device)}/commands`, body),

  checkpoint: () => get<Checkpoint>("audit/checkpoint"),
  verify: () => get<Verdict>("audit/verify"),
};

export type Link = "live" | "reconnecting";

const retryMs = 3000;

function parsed(message: Event): EventRecord | undefined {
  try {
    return JSON.parse((message as MessageEvent<string>).data) as EventRecord;
  } catch {
    return undefined; // a record that is not JSON cannot be shown; the store has it
  }
}

/** The live stream. A broken one is made again; after a refusal only when the session still holds. */
export function follow(filter: Filter, onEvent: (event: EventRecord) => void, onLink?: (link: Link) => void): () => void {
  let source: EventSource | undefined;
  let timer = 0;
  let ended = false;
  const refused = (): void => {
    timer = window.setTimeout(() => {
      api.session().then(connect, (fault: unknown) => {
        if (fault instanceof Problem && fault.status === 401) onExpired();
        else if (!ended) refused();
      });
    }, retryMs);
  };
  const connect = (): void => {
    if (ended) return;
    const mine = new EventSource(withQuery("/api/v1/events/stream", filter));
    source = mine;
    mine.addEventListener("event", (message) => {
      const event = parsed(message);
      if (event) onEvent(event);
    });
    mine.addEventListener("open", () => onLink?.("live"));
    mine.addEventListener("error", () => {
      onLink?.("reconnecting");
      if (mine.readyState === EventSource.CLOSED && !ended) refused();
    });
  };
  connect();
  return () => {
    ended = true;
    source?.close();
    window.clearTimeout(timer);
  };
}
