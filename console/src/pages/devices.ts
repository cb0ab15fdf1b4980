// All devices: what each is, whether it is protected, and what was found on it.
import { api, follow } from "../api";
import { calm, h, type Child } from "../dom";
import { ago, count, t, word, type Key } from "../i18n";
import { bundleText, linkWord, lockdownBadge, lockdownText, onlineMark, upToDate } from "../parts/badges";
import { attempt } from "../parts/dialog";
import { searchBox } from "../parts/search";
import { tokenDialog } from "../parts/token";
import type { DeviceRow } from "../types";
import { mayAdminister, type Open } from "./page";

const heads = [
  "device.name", "device.kind", "device.seen", "device.bundle", "device.lockdown",
  "device.findings", "device.patches", "device.blocked",
] as const;

function cell(name: Key, ...content: Child[]): HTMLTableCellElement {
  return h("td", { "data-label": t(name) }, ...content);
}

function numberCell(name: Key, n: number): HTMLTableCellElement {
  return h("td", { "data-label": t(name), class: "number" }, count(n));
}

function row(device: DeviceRow, go: (path: string) => void): HTMLTableRowElement {
  const path = `devices/${encodeURIComponent(device.id)}`;
  return h(
    "tr",
    {
      class: "clickable",
      click: (event: Event) => {
        if (!(event.target instanceof HTMLAnchorElement)) go(path);
      },
    },
    h("th", { scope: "row" }, h("a", { href: `#/${path}` }, device.name), h("div", { class: "sub" }, device.address ?? device.id)),
    cell("device.kind", word("kind", device.kind)),
    cell("device.seen", onlineMark(device), device.online ? null : h("div", { class: "sub" }, ago(device.last_seen))),
    cell("device.bundle", h("span", { class: upToDate(device) ? "" : "behind" }, bundleText(device))),
    cell("device.lockdown", device.kind === "gateway" ? "–" : lockdownBadge(device)),
    numberCell("device.findings", device.findings),
    numberCell("device.patches", device.patches),
    numberCell("device.blocked", device.blocked),
  );
}

function fits(device: DeviceRow, words: string[]): boolean {
  const text = [
    device.name, device.id, device.address, device.kind, word("kind", device.kind), lockdownText(device),
    bundleText(device), t(linkWord(device)),
  ].join(" ").toLowerCase();
  return words.every((one) => text.includes(one));
}

export const devicesPage: Open = ({ session, go }) => {
  const body = h("tbody", {});
  const empty = h("p", { class: "empty", hidden: true });
  const total = h("span", { class: "sub", "aria-live": "polite" });
  let devices: DeviceRow[] = [];
  const show = (): void => {
    const words = search.words();
    const found = devices.filter((device) => fits(device, words));
    body.replaceChildren(...found.map((device) => row(device, go)));
    table.hidden = found.length === 0;
    empty.hidden = found.length > 0;
    empty.textContent = t(devices.length ? "devices.nomatch" : "devices.empty");
    total.textContent = t("common.shown", { shown: found.length, total: devices.length });
  };
  const search = searchBox(t("devices.search"), show);
  const table = h(
    "div",
    { class: "scroll", hidden: true },
    h(
      "table",
      { class: "devices" },
      h("caption", { class: "unseen" }, t("devices.title")),
      h(
        "thead",
        {},
        h("tr", {}, ...heads.map((key, i) => h("th", { scope: "col", class: i > 4 ? "number" : "" }, t(key)))),
      ),
      body,
    ),
  );
  const load = async (): Promise<void> => {
    const answer = await attempt(() => api.devices());
    if (answer) devices = answer;
    show();
  };
  void load();
  const timer = window.setInterval(() => void load(), 5000);
  const end = follow({}, calm(2000, () => void load()));
  return {
    title: t("devices.title"),
    element: h(
      "div",
      { class: "page" },
      h(
        "div",
        { class: "page-head" },
        h("h1", { tabindex: -1 }, t("devices.title")),
        mayAdminister(session) &&
          h("button", { type: "button", class: "primary", click: () => tokenDialog() }, t("devices.add")),
      ),
      h("section", { class: "card" }, h("div", { class: "tools" }, search.element, total), empty, table),
    ),
    leave: () => {
      end();
      window.clearInterval(timer);
    },
  };
};
