// What each kind of event says: in a line, and in the sections of its details. A kind that is not in
// a table is shown by what all events have.
import { h, wide } from "../dom";
import { dateTime, duration, secondsOf, t, word } from "../i18n";
import { said } from "../i18n/said";
import type { EventRecord, FileFacts } from "../types";
import { facts } from "./facts";

export const endpoint = (ip: string | undefined, port: number | undefined): string =>
  !ip ? "" : !port ? ip : ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;

const baseName = (path: string | undefined): string => path?.split("/").pop() ?? "";

/* --- in a line --- */

function exitSummary(event: EventRecord): string | undefined {
  if (!event.operation) return undefined;
  const program = baseName(event.process?.path) || event.process?.name || "?";
  if (event.operation === "bind") return t("sum.bind", { program, port: String(event.src_port ?? event.dest_port ?? "?") });
  const address = endpoint(event.dest_ip, event.dest_port);
  const target = event.name ? `${event.name} (${address})` : address;
  return target && t("sum.connect", { program, target });
}

function lockdownSummary(event: EventRecord): string | undefined {
  const { lockdown } = event;
  if (lockdown?.operation !== "maintenance") return lockdown?.path;
  return lockdown.seconds ? t("sum.window", { time: duration(lockdown.seconds) }) : t("sum.window.closed");
}

const summaries: Record<string, ((event: EventRecord) => string | undefined) | undefined> = {
  exit: exitSummary,
  lockdown: lockdownSummary,
  integrity: ({ integrity }) => integrity && [word("integrity", integrity.change), integrity.path].filter(Boolean).join(": "),
  malware: ({ malware }) =>
    malware && (malware.name ? t("sum.malware", { name: malware.name, path: malware.path ?? "?" }) : t("sum.unscanned", { path: malware.path ?? "?" })),
  firewall: ({ firewall }) =>
    !firewall?.rule ? undefined : firewall.rule === "default" ? t("sum.firewall.default") : t("sum.firewall", { rule: firewall.rule }),
};

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export function summary(event: EventRecord): string {
  return (
    event.alert?.signature ??
    (event.indicator ? event.indicator.value : summaries[event.event_type]?.(event)) ??
    event.attacker?.ip ??
    (sentence(said(event.reason)) || word("type", event.event_type))
  );
}

/* --- in full --- */

function section(title: string, pairs: Parameters<typeof facts>[0], ...more: (HTMLElement | null)[]): HTMLElement | null {
  const list = facts(pairs);
  return list.childElementCount || more.some(Boolean) ? h("section", {}, h("h3", {}, title), list, ...more) : null;
}

function processSection({ process }: EventRecord): HTMLElement | null {
  return section(t("event.process"), [
    [t("event.path"), process?.path, "code"],
    [t("event.name"), process?.path ? null : process?.name, "code"],
    [t("event.hash"), process?.sha256, "code"],
    [t("event.cmdline"), process?.cmdline, "code"],
    [t("event.pid"), process?.pid],
    [t("event.user"), process?.uid],
    [t("event.login"), process?.login_uid],
  ], process?.state === "gone" ? h("p", { class: "sub" }, t("event.gone")) : null);
}

/** Before and after side by side; only lines in which there is something. */
function comparison(before: FileFacts | undefined, after: FileFacts | undefined): HTMLElement | null {
  const owner = (f: FileFacts | undefined): string => (f?.uid === undefined ? "" : `${f.uid}:${f.gid}`);
  const written = (f: FileFacts | undefined): string => (f?.mtime ? dateTime(secondsOf(f.mtime)) : "");
  const rows: [string, unknown, unknown][] = [
    [t("event.size"), before?.size, after?.size],
    [t("event.permissions"), before?.mode, after?.mode],
    [t("event.owner"), owner(before), owner(after)],
    [t("event.mtime"), written(before), written(after)],
    [t("event.target"), before?.target, after?.target],
    [t("event.hash"), before?.sha256, after?.sha256],
  ];
  const used = rows.filter(([, a, b]) => (a ?? "") !== "" || (b ?? "") !== "");
  if (!used.length) return null;
  return wide(
    t("event.changed"),
    h(
      "table",
      { class: "comparison" },
      h("caption", { class: "unseen" }, t("event.changed")),
      h("thead", {}, h("tr", {}, h("td", {}), h("th", { scope: "col" }, t("event.before")), h("th", { scope: "col" }, t("event.after")))),
      h(
        "tbody",
        {},
        ...used.map(([name, a, b]) =>
          h(
            "tr",
            { class: before && after && a !== b ? "changed" : "" },
            h("th", { scope: "row" }, name),
            h("td", {}, h("code", {}, String(a ?? "–"))),
            h("td", {}, h("code", {}, String(b ?? "–"))),
          ),
        ),
      ),
    ),
  );
}

/** The signs at the beginning of the lines say it too, not the colour alone. */
function diffBlock(diff: string | undefined): HTMLElement | null {
  if (!diff) return null;
  const tone = (line: string): string =>
    /^(\+\+\+|---)/.test(line) ? "sub" : line.startsWith("+") ? "added" : line.startsWith("-") ? "taken" : line.startsWith("@@") ? "sub" : "";
  return h("pre", { class: "diff", tabindex: 0, "aria-label": t("event.diff") }, ...diff.replace(/\n$/, "").split("\n").map((line) => h("span", { class: tone(line) }, `${line}\n`)));
}

function integritySections({ integrity: change }: EventRecord): (HTMLElement | null)[] {
  if (!change) return [];
  const numbers = (["created", "modified", "deleted"] as const)
    .filter((one) => change[one])
    .map((one) => `${word("integrity", one)}: ${change[one]}`)
    .join(", ");
  return [
    section(
      t("event.file"),
      [
        [t("event.path"), change.path, "code"],
        [t("event.changed"), change.changed?.map((one) => word("integrity", one)).join(", ")],
        [t("event.seen"), change.seen && word("integrity", change.seen)],
        [t("event.numbers"), numbers],
        [t("event.diff.left"), said(change.diff_left_out)],
      ],
      comparison(change.before, change.after),
    ),
    change.diff ? h("section", {}, h("h3", {}, t("event.diff")), diffBlock(change.diff)) : null,
  ];
}

function logSections({ log }: EventRecord): (HTMLElement | null)[] {
  if (!log) return [];
  return [
    section(
      t("event.finding"),
      [
        [t("event.rule.id"), log.rule],
        [t("event.level"), log.level === undefined ? null : t("event.level.of", { n: String(log.level) })],
        [t("event.mitre"), log.mitre],
        [t("event.count"), log.count],
        [t("event.source"), log.source, "code"],
        ...Object.entries(log.fields ?? {}).map(([name, value]): [string, string, "code"] => [name, value, "code"]),
        [t("event.blockedip"), log.block?.ip, "code"],
        [t("event.ttl"), log.block?.ttl_s && duration(log.block.ttl_s)],
      ],
      log.line ? h("pre", { tabindex: 0, "aria-label": t("event.line") }, log.line) : null,
    ),
  ];
}

function malwareSections({ malware }: EventRecord): (HTMLElement | null)[] {
  if (!malware) return [];
  return [
    section(t("event.malware"), [
      [t("event.name"), malware.name],
      [t("event.engine"), malware.engine && word("engine", malware.engine)],
      [t("event.why"), said(malware.why)],
      [t("event.path"), malware.path, "code"],
      [t("event.hash"), malware.sha256, "code"],
      [t("event.size"), malware.size === undefined ? null : t("event.bytes", { n: malware.size })],
      [t("event.links"), malware.links && malware.links - 1],
      [t("event.refused"), said(malware.refused)],
    ]),
    section(t("event.quarantine"), [["ID", malware.quarantine, "code"]],
      malware.quarantine ? h("p", { class: "sub" }, t("event.quarantine.how", { id: malware.quarantine })) : null),
  ];
}

const details: Record<string, ((event: EventRecord) => (HTMLElement | null)[]) | undefined> = {
  integrity: integritySections,
  log: logSections,
  malware: malwareSections,
  firewall: ({ firewall }) => [
    section(t("type.firewall"), [
      [t("event.rule"), firewall?.rule],
      [t("event.direction"), firewall?.direction && word("choice", firewall.direction)],
      [t("event.mode"), firewall?.mode && word("mode", firewall.mode)],
      [t("event.untold"), firewall?.untold],
    ]),
  ],
  silence: ({ silence }) => [
    section(t("type.silence"), [
      [t("event.since"), silence?.since && dateTime(silence.since)],
      [t("event.silence"), silence?.seconds && duration(silence.seconds)],
    ]),
  ],
  exit: ({ name, operation }) => [
    section(t("type.exit"), [
      [t("event.name"), name, "code"],
      [t("event.operation"), operation && word("operation", operation)],
    ]),
  ],
  lockdown: ({ lockdown }) => [
    lockdown?.operation === "maintenance"
      ? section(t("window.title"), [[t("event.updater"), lockdown.updater, "code"]])
      : section(t("event.program"), [
          [t("event.path"), lockdown?.path, "code"],
          [t("event.hash"), lockdown?.sha256, "code"],
          [t("event.mode"), word("lockdown", lockdown?.mode)],
        ]),
  ],
};

/** The sections of an event's details, in the order in which they are read. */
export function detailSections(event: EventRecord): (HTMLElement | null)[] {
  const { alert, indicator, attacker } = event;
  return [
    ...(details[event.event_type]?.(event) ?? []),
    processSection(event),
    section(t("event.rule"), [
      [t("event.rule"), alert?.signature],
      [t("event.rule.id"), alert?.signature_id],
      [t("event.category"), alert?.category],
    ]),
    section(t("event.indicator"), [
      [word("indicator", indicator?.type) || t("event.indicator"), indicator?.value, "code"],
      [t("event.source"), indicator?.source],
      [t("event.confidence"), indicator?.confidence],
      [t("event.reason"), indicator?.reason],
    ]),
    section(t("event.attacker"), [
      [t("event.attacker"), attacker?.ip, "code"],
      [t("event.reason"), said(attacker?.reason)],
      [t("event.ttl"), attacker?.ttl_s ? duration(attacker.ttl_s) : ""],
    ]),
  ];
}
