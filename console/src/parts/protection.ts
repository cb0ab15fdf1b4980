// Cards of the device page: which protection is full, partial or absent and why, and the
// maintenance window.
import { api } from "../api";
import { h, wide } from "../dom";
import { clock, count, day, duration, t, word } from "../i18n";
import { said } from "../i18n/said";
import type { DeviceDetail, EventRecord } from "../types";
import { badge } from "./badges";
import { dropDown } from "./choice";
import { attempt, dialog, field, notice } from "./dialog";
import { timeOf } from "./event";
import { textField } from "./form";

const tones: Record<string, string> = { full: "good", partial: "warn", absent: "severe", off: "plain" };

interface Part {
  name: string;
  level: string;
  why: string;
  pending: boolean;
}

/** What the policy switches off is no fault. */
function partsOf(device: DeviceDetail): Part[] {
  const reasons = device.status?.why ?? {};
  return Object.entries(device.status?.protection ?? {}).map(([name, level]) => {
    const why = reasons[name] ?? "";
    return {
      name,
      why,
      level: level === "absent" && /\boff by policy$/.test(why) ? "off" : level,
      pending: name === "firewall" && why.includes("not confirmed yet"),
    };
  });
}

const needsAttention = ({ level, pending }: Part): boolean => pending || (level !== "full" && level !== "off");

function partRow({ name, level, why, pending }: Part): HTMLElement {
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, word("protection", name)),
    h("td", {}, badge(word("protection", level), tones[level] ?? "plain"), pending && " ", pending && badge(t("protection.pending"), "warn")),
    h("td", { class: "why" }, said(why)),
  );
}

function partTable(parts: Part[]): HTMLElement {
  const heads = ["protection.part", "protection.level", "protection.why"] as const;
  return wide(
    t("protection.title"),
    h(
      "table",
      { class: "protection" },
      h("caption", { class: "unseen" }, t("protection.title")),
      h("thead", {}, h("tr", {}, ...heads.map((key) => h("th", { scope: "col" }, t(key))))),
      h("tbody", {}, ...parts.map(partRow)),
    ),
  );
}

/** What needs attention is in sight, the rest unfolds. OPEN: whether it was unfolded before. */
export function protectionCard(device: DeviceDetail, open: boolean): HTMLElement {
  const parts = partsOf(device);
  const urgent = parts.filter(needsAttention);
  const others = parts.filter((part) => !needsAttention(part));
  const numbers = ["full", "partial", "absent", "off"]
    .map((level): [string, number] => [level, parts.filter((part) => part.level === level).length])
    .filter(([, n]) => n)
    .map(([level, n]) => badge(`${word("protection", level)}: ${count(n)}`, tones[level] ?? "plain"));
  return h(
    "section",
    { class: "card" },
    h("div", { class: "card-head" }, h("h2", {}, t("protection.title")), h("div", { class: "marks" }, ...numbers)),
    parts.length ? null : h("p", { class: "empty" }, t("protection.none")),
    urgent.length ? partTable(urgent) : null,
    others.length ? h("details", { open }, h("summary", {}, t("protection.others", { n: others.length })), partTable(others)) : null,
  );
}

/** When the newest window of these events ends; 0: none is open. */
export function windowEnd(events: EventRecord[]): number {
  const newest = events.find((event) => event.lockdown?.operation === "maintenance");
  const end = newest?.lockdown?.seconds ? timeOf(newest) + newest.lockdown.seconds : 0;
  return end > Date.now() / 1000 ? end : 0;
}

const lengths = [900, 1800, 3600, 4 * 3600, 8 * 3600];

async function askFor(device: string, seconds: number, updater: unknown): Promise<void> {
  await api.command(device, { name: "maintenance", seconds, ...(updater ? { updater } : {}) });
  notice(t("window.sent"));
}

function windowDialog(device: DeviceDetail): void {
  const time = dropDown(lengths.map((one) => [String(one), duration(one)]), "1800", () => {});
  const updater = textField({ label: t("window.updater"), hint: t("window.updater.hint") }, "", () => {}, (text) =>
    !text || text.startsWith("/") ? undefined : t("wrong.here"),
  );
  const form = h(
    "form",
    { novalidate: true },
    h("p", { class: "sub" }, t("window.hint")),
    field(t("window.time"), time),
    updater.element,
    h("div", { class: "buttons" }, h("button", { class: "primary" }, t("window.start"))),
  );
  const box = dialog(t("window.title"), [form]);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const wrong = updater.wrong();
    updater.fault(wrong);
    if (wrong) return updater.focus();
    void attempt(() => askFor(device.id, Number(time.value), updater.value())).then(box.close);
  });
  time.focus();
}

/** END: of the open window, seconds since 1970. */
export function windowBanner(device: DeviceDetail, end: number, mayOperate: boolean): HTMLElement {
  const until = end - Date.now() / 1000 > 43200 ? `${day(end)} ${clock(end)}` : clock(end);
  return h(
    "div",
    { class: "window", role: "status" },
    h("span", {}, t("window.until", { time: until })),
    mayOperate && device.online && h("button", { type: "button", click: () => void attempt(() => askFor(device.id, 0, "")) }, t("window.close")),
  );
}

export const windowButton = (device: DeviceDetail): HTMLElement =>
  h("button", { type: "button", click: () => windowDialog(device) }, t("window.open"));
