// One event: in a line, as a row of a table, and in full in a drawer.
import { api } from "../api";
import { h, fill } from "../dom";
import { clock, dateTime, day, secondsOf, t, word } from "../i18n";
import { said } from "../i18n/said";
import type { EventRecord } from "../types";
import { actionBadge, layerMark } from "./badges";
import { attempt, dialog } from "./dialog";
import { facts } from "./facts";
import { detailSections, endpoint, summary } from "./kinds";

export type Names = ReadonlyMap<string, string>;

export const timeOf = (event: EventRecord): number => secondsOf(event.timestamp) || event.received || 0;

/** Who with whom, or why: the second line. */
export function circumstance(event: EventRecord): string {
  const from = endpoint(event.src_ip, event.src_port);
  const to = endpoint(event.dest_ip, event.dest_port);
  const one = from || to;
  const way = from && to ? `${from} → ${to}` : one === summary(event) ? "" : one;
  const told = said(event.reason);
  const reason = told.toLowerCase() === summary(event).toLowerCase() ? "" : told;
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

function reasonList(event: EventRecord): HTMLElement | null {
  const reasons = (event.reasons ?? []).map((reason) =>
    typeof reason === "string" ? said(reason) : `${reason.text ?? ""}${reason.count && reason.count > 1 ? ` (${reason.count}×)` : ""}`,
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
        [t("event.reason"), said(event.reason)],
      ]),
      ...detailSections(event),
      reasonList(event),
      stored(event),
      h("details", { class: "raw" }, h("summary", {}, t("event.raw")), h("pre", { tabindex: 0 }, JSON.stringify(event, null, 2))),
    ],
    "drawer",
  );
}
