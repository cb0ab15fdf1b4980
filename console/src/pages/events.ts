// Live events: what the store has, then each new one as it comes, under the same filters.
import { api, follow, type Filter } from "../api";
import { calm, fill, h } from "../dom";
import { t } from "../i18n";
import { layers } from "../parts/badges";
import { dropDown } from "../parts/choice";
import { attempt, field } from "../parts/dialog";
import { eventRow, eventTable, type Names } from "../parts/event";
import { icon } from "../parts/icons";
import type { DeviceRow, EventRecord } from "../types";
import type { Open } from "./page";

const page = 100;
const kept = 1000; // rows in the page; older ones are a click away

const actions = ["blocked", "quarantined", "detected", "allowed"] as const;
const types = [
  "alert", "exit", "lockdown", "reputation", "quarantine", "attacker", "tamper", "integrity", "log", "malware", "firewall",
  "silence", "uninstall", "status",
] as const;
const filterNames = ["layer", "action", "event_type", "device", "text"] as const;

function filterOf(query: string): Filter {
  const given = new URLSearchParams(query);
  const filter: Filter = {};
  for (const name of filterNames) {
    const value = given.get(name);
    if (value) filter[name] = value;
  }
  return filter;
}

function filterForm(filter: Filter, devices: DeviceRow[], changed: () => void): HTMLElement {
  const set = (name: keyof Filter) => (value: string) => {
    if (value) filter[name] = value;
    else delete filter[name];
    changed();
  };
  const pick = (name: keyof Filter, values: (readonly [string, string])[]): HTMLSelectElement =>
    dropDown([["", t("common.all")], ...values], filter[name] ?? "", set(name));
  const settled = calm(250, () => set("text")(text.value.trim()));
  const text = h("input", {
    type: "search", value: filter.text ?? "", placeholder: t("events.text.hint"), spellcheck: "false", input: settled,
  });
  const known = devices.map((d): [string, string] => [d.id, d.name]);
  if (filter.device && !devices.some((d) => d.id === filter.device)) known.push([filter.device, filter.device]);
  return h(
    "form",
    { class: "filters", "aria-label": t("events.filters"), submit: (event: Event) => event.preventDefault() },
    field(t("events.layer"), pick("layer", layers.map((v) => [v, t(`layer.${v}`)]))),
    field(t("events.action"), pick("action", actions.map((v) => [v, t(`action.${v}`)]))),
    field(t("events.type"), pick("event_type", types.map((v) => [v, t(`type.${v}`)]))),
    field(t("events.device"), pick("device", known)),
    field(t("events.text"), text),
  );
}

export const eventsPage: Open = ({ argument }) => {
  const filter = filterOf(argument);
  const form = h("div", {});
  const body = h("tbody", { "aria-live": "off" });
  const table = eventTable(t("events.title"), body);
  const empty = h("p", { class: "empty", hidden: true }, t("events.empty"));
  const clear = h("button", { type: "button", class: "link clear" }, t("events.reset"));
  const older = h("button", { type: "button", hidden: true }, t("events.older"));
  const pause = h("button", { type: "button", "aria-pressed": "false" });
  const link = h("span", { class: "link-state", role: "status" });
  let names: Names = new Map();
  let seen = new Set<string>();
  let waiting: EventRecord[] = [];
  let paused = false;
  let live = false;
  let loaded = false;
  let next: number | null = null;
  let turn = 0;
  let end = (): void => {};

  const showState = (): void => {
    const text = paused ? t("events.paused", { n: waiting.length }) : t(live ? "events.live" : "events.reconnecting");
    link.className = `link-state ${paused ? "paused" : live ? "live" : "away"}`;
    fill(link, h("span", { class: "dot" }), text);
    fill(pause, icon(paused ? "play" : "pause"), t(paused ? "events.resume" : "events.pause"));
    pause.setAttribute("aria-pressed", String(paused));
    table.hidden = body.childElementCount === 0;
    empty.hidden = !table.hidden || !loaded;
  };
  const place = (event: EventRecord): void => {
    const row = eventRow(event, names);
    row.classList.add("new");
    body.prepend(row);
    while (body.childElementCount > kept) body.lastElementChild?.remove();
  };
  const take = (event: EventRecord): void => {
    if (seen.has(event.id)) return;
    seen.add(event.id);
    if (paused) waiting.push(event);
    else place(event);
    showState();
  };
  const append = (events: EventRecord[]): void => {
    for (const event of events) {
      if (seen.has(event.id)) continue;
      seen.add(event.id);
      body.append(eventRow(event, names));
    }
  };
  const loadMore = async (): Promise<void> => {
    const mine = turn;
    const answer = await attempt(() => api.events(filter, page, next ?? undefined));
    if (!answer || mine !== turn) return;
    append(answer.events);
    loaded = true;
    next = answer.next;
    older.hidden = next === null;
    showState();
  };
  /** The stream first, then the store: an event between the two comes from both, and is shown once. */
  const start = (): void => {
    turn++;
    end();
    seen = new Set();
    waiting = [];
    next = null;
    loaded = false;
    body.replaceChildren();
    const query = new URLSearchParams(filter as Record<string, string>).toString();
    clear.hidden = !query;
    history.replaceState(null, "", `#/events${query ? `?${query}` : ""}`);
    let opened = false;
    end = follow(filter, take, (state) => {
      live = state === "live";
      if (live && opened) void catchUp();
      opened ||= live;
      showState();
    });
    void loadMore();
  };
  /** After a broken connection: what came in between. */
  const catchUp = async (): Promise<void> => {
    const mine = turn;
    const answer = await attempt(() => api.events(filter, page));
    if (answer && mine === turn) answer.events.reverse().forEach(take);
  };
  pause.addEventListener("click", () => {
    paused = !paused;
    if (!paused) waiting.splice(0).forEach(place);
    showState();
  });
  older.addEventListener("click", () => void loadMore());
  void attempt(() => api.devices()).then((answer) => {
    const devices = answer ?? [];
    names = new Map(devices.map((device) => [device.id, device.name]));
    fill(form, filterForm(filter, devices, start));
    clear.addEventListener("click", () => {
      for (const name of filterNames) delete filter[name];
      fill(form, filterForm(filter, devices, start));
      start();
      form.querySelector("select")?.focus();
    });
    start();
  });
  showState();

  return {
    title: t("events.title"),
    element: h(
      "div",
      { class: "page" },
      h("div", { class: "page-head" }, h("h1", { tabindex: -1 }, t("events.title")), h("div", { class: "live-tools" }, link, pause)),
      h("section", { class: "card" }, form, clear, empty, table, older),
    ),
    leave: () => {
      turn++;
      end();
    },
  };
};
