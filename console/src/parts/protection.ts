// Cards of the device page: which protection is full, partial or absent and why, and the
// maintenance window.
import { api } from "../api";
import { h, type Child } from "../dom";
import { clock, day, duration, t, word } from "../i18n";
import { said } from "../i18n/said";
import type { DeviceDetail, EventRecord } from "../types";
import { badge } from "./badges";
import { dropDown } from "./choice";
import { attempt, dialog, field, notice } from "./dialog";
import { timeOf } from "./event";
import { textField } from "./form";

const tones: Record<string, string> = { full: "good", partial: "warn", absent: "severe", off: "plain" };

/** What the policy switches off is no fault. */
const levelOf = (level: string, why: string): string => (level === "absent" && /\boff by policy$/.test(why) ? "off" : level);

function partRow(part: string, level: string, why: string): HTMLElement {
  const shown = levelOf(level, why);
  const pending = part === "firewall" && why.includes("not confirmed yet");
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, word("protection", part)),
    h("td", {}, badge(word("protection", shown), tones[shown] ?? "plain"), pending && " ", pending && badge(t("protection.pending"), "warn")),
    h("td", { class: "why" }, said(why)),
  );
}

export function protectionCard(device: DeviceDetail): HTMLElement {
  const parts = Object.entries(device.status?.protection ?? {});
  const why = device.status?.why ?? {};
  const heads = ["protection.part", "protection.level", "protection.why"] as const;
  return h(
    "section",
    { class: "card" },
    h("div", { class: "card-head" }, h("h2", {}, t("protection.title"))),
    parts.length
      ? h(
          "div",
          { class: "scroll" },
          h(
            "table",
            { class: "protection" },
            h("caption", { class: "unseen" }, t("protection.title")),
            h("thead", {}, h("tr", {}, ...heads.map((key) => h("th", { scope: "col" }, t(key))))),
            h("tbody", {}, ...parts.map(([part, level]) => partRow(part, level, why[part] ?? ""))),
          ),
        )
      : h("p", { class: "empty" }, t("protection.none")),
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

/** END: of the open window, seconds since 1970; 0: none. */
export function windowControl(device: DeviceDetail, end: number, mayOperate: boolean): Child {
  if (device.kind === "gateway") return null;
  const left = end - Date.now() / 1000;
  if (left > 0)
    return h(
      "div",
      { class: "window open", role: "status" },
      h("span", {}, t("window.until", { time: left > 43200 ? `${day(end)} ${clock(end)}` : clock(end) })),
      mayOperate && device.online && h("button", { type: "button", click: () => void attempt(() => askFor(device.id, 0, "")) }, t("window.close")),
    );
  return mayOperate && device.online
    ? h("button", { type: "button", click: () => windowDialog(device) }, t("window.open"))
    : null;
}
