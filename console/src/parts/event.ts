// One event: in a line, as a row of a table, and in full in a drawer.
import { api } from "../api";
import { h, fill } from "../dom";
import { clock, dateTime, day, t, word } from "../i18n";
import type { EventRecord } from "../types";
import { actionBadge, layerMark } from "./badges";
import { attempt, dialog } from "./dialog";

export type Names = ReadonlyMap<string, string>;

/** Seconds since 1970 of "2026-01-02T03:04:05.000006+0000". */
export function timeOf(event: EventRecord): number {
  const text = event.timestamp.replace(/\.(\d{3})\d*/, ".$1").replace(/([+-]\d\d)(\d\d)$/, "$1:$2");
  return Date.parse(text) / 1000 || event.received || 0;
}

const endpoint = (ip: string | undefined, port: number | undefined): string =>
  !ip ? "" : !port ? ip : ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;

export function summary(event: EventRecord): string {
  return (
    event.alert?.signature ??
    event.lockdown?.path ??
    event.indicator?.value ??
    event.attacker?.ip ??
    event.reason ??
    word("type", event.event_type)
  );
}

/** Who with whom, or why: the second line. */
export function circumstance(event: EventRecord): string {
  const from = endpoint(event.src_ip, event.src_port);
  const to = endpoint(event.dest_ip, event.dest_port);
  const one = from || to;
  const way = from && to ? `${from} → ${to}` : one === summary(event) ? "" : one;
  const reason = event.reason && event.reason !== summary(event) ? event.reason : "";
  return [way, event.process?.path, reason].filter(Boolean).join(" · ");
}

export const deviceName = (event: EventRecord, names: Names): string => names.get(event.device) ?? event.device;

function when(event: EventRecord): HTMLElement {
  const time = timeOf(event);
  const today = Date.now() / 1000 - time < 86400;
  return h(
    "time",
    { datetime: event.timestamp, title: dateTime(time) },
    today ? clock(time, true) : `${day(time)} ${clock(time)}`,
  );
}

/** A row for `eventTable`. Its own button opens the details, so that the keyboard reaches it. */
export function eventRow(event: EventRecord, names: Names): HTMLTableRowElement {
  const open = h("button", { type: "button", class: "link what" }, summary(event));
  const row = h(
    "tr",
    { class: "clickable", "data-id": event.id },
    h("td", { class: "narrow" }, when(event)),
    h("td", { class: "narrow" }, actionBadge(event)),
    h("td", { class: "wide" }, open, h("div", { class: "sub" }, circumstance(event))),
    h("td", { class: "narrow" }, word("type", event.event_type)),
    h("td", { class: "narrow" }, layerMark(event.layer)),
    h("td", { class: "narrow" }, deviceName(event, names)),
  );
  row.addEventListener("click", () => {
    open.focus();
    showEvent(event, names);
  });
  return row;
}

/** Hidden until there is something in it. */
export function eventTable(caption: string, body: HTMLTableSectionElement): HTMLElement {
  const heads = ["events.time", "events.action", "events.what", "events.type", "events.layer", "events.device"] as const;
  return h(
    "div",
    { class: "scroll", hidden: true },
    h(
      "table",
      { class: "events" },
      h("caption", { class: "unseen" }, caption),
      h("thead", {}, h("tr", {}, ...heads.map((key) => h("th", { scope: "col" }, t(key))))),
      body,
    ),
  );
}

/** Pairs as a description list; those without a value are left out. */
export function facts(pairs: [string, string | number | Node | null | undefined, ("code" | "plain")?][]): HTMLElement {
  const list = h("dl", { class: "facts" });
  for (const [name, value, kind] of pairs) {
    if (value === undefined || value === null || value === "") continue;
    list.append(h("dt", {}, name), h("dd", {}, kind === "code" ? h("code", {}, value) : value));
  }
  return list;
}

function section(title: string, pairs: Parameters<typeof facts>[0]): HTMLElement | null {
  const list = facts(pairs);
  return list.childElementCount ? h("section", {}, h("h3", {}, title), list) : null;
}

function reasonList(event: EventRecord): HTMLElement | null {
  const reasons = (event.reasons ?? []).map((reason) =>
    typeof reason === "string" ? reason : `${reason.text ?? ""}${reason.count && reason.count > 1 ? ` (${reason.count}×)` : ""}`,
  );
  return reasons.length
    ? h("section", {}, h("h3", {}, t("event.reasons")), h("ul", { class: "reasons" }, ...reasons.map((text) => h("li", {}, text))))
    : null;
}

function stored(event: EventRecord): HTMLElement {
  const place = h("div", {});
  if (event.leaf === undefined)
    void attempt(() => api.event(event.id)).then((found) => {
      if (found) fill(place, facts([[t("event.leaf"), found.leaf], [t("event.chain"), found.chain]]));
    });
  else fill(place, facts([[t("event.leaf"), event.leaf], [t("event.chain"), event.chain]]));
  return place;
}

export function showEvent(event: EventRecord, names: Names): void {
  const { process, lockdown, alert, indicator, attacker } = event;
  dialog(
    t("event.detail"),
    [
      h("p", { class: "marks" }, actionBadge(event), layerMark(event.layer), h("span", {}, word("type", event.event_type))),
      h("p", { class: "lead" }, summary(event)),
      facts([
        [t("event.when"), dateTime(timeOf(event))],
        [t("events.device"), h("a", { href: `#/devices/${encodeURIComponent(event.device)}` }, deviceName(event, names))],
        [t("event.from"), endpoint(event.src_ip, event.src_port), "code"],
        [t("event.to"), [endpoint(event.dest_ip, event.dest_port), event.proto].filter(Boolean).join(" "), "code"],
        [t("event.reason"), event.reason],
      ]),
      section(t("event.process"), [
        [t("event.path"), process?.path, "code"],
        [t("event.hash"), process?.sha256, "code"],
        [t("event.cmdline"), process?.cmdline, "code"],
        [t("event.pid"), process?.pid],
      ]),
      section(t("event.program"), [
        [t("event.path"), lockdown?.path, "code"],
        [t("event.hash"), lockdown?.sha256, "code"],
        [t("event.mode"), word("lockdown", lockdown?.mode)],
      ]),
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
        [t("event.reason"), attacker?.reason],
        [t("event.ttl"), attacker?.ttl_s ? t("event.seconds", { n: attacker.ttl_s }) : ""],
      ]),
      reasonList(event),
      stored(event),
      h("details", { class: "raw" }, h("summary", {}, t("event.raw")), h("pre", { tabindex: 0 }, JSON.stringify(event, null, 2))),
    ],
    "drawer",
  );
}
