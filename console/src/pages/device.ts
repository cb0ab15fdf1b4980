// One device: its state, its vulnerabilities and what covers each, patches, posture, components, events.
import { api, follow } from "../api";
import { calm, fill, h } from "../dom";
import { ago, dateTime, t, word } from "../i18n";
import { bundleText, lockdownBadge, onlineMark } from "../parts/badges";
import { ask, attempt } from "../parts/dialog";
import { eventRow, eventTable, type Names } from "../parts/event";
import { facts } from "../parts/facts";
import { componentsCard, patchesCard, postureCard, vulnerabilitiesCard } from "../parts/inventory";
import { icon } from "../parts/icons";
import { protectionCard, windowBanner, windowButton, windowEnd } from "../parts/protection";
import type { DeviceDetail, EventRecord } from "../types";
import { mayAdminister, mayOperate, type Context, type Open } from "./page";

const shownEvents = 20;

function system(device: DeviceDetail): string {
  const { os } = device;
  return os ? [os.id, os.version_id, os.codename && `(${os.codename})`, os.kernel].filter(Boolean).join(" ") : "";
}

function stateCard(device: DeviceDetail): HTMLElement {
  const fault = device.status?.bundle?.fault;
  const services = (device.services ?? []).map((s) =>
    h("li", {}, h("code", {}, `${s.proto}/${s.port}`), ` ${s.component || s.path}`),
  );
  return h(
    "section",
    { class: "card state" },
    facts([
      [t("device.bundle"), bundleText(device)],
      [t("device.lockdown"), device.kind === "gateway" ? "–" : lockdownBadge(device)],
      [t("device.seen"), device.online ? onlineMark(device) : ago(device.last_seen)],
      [t("device.chain"), device.chain_faults ? t("device.chain.bad", { n: device.chain_faults }) : t("device.chain.ok")],
      [t("device.os"), system(device)],
      [t("device.product"), [device.product?.vendor, device.product?.model, device.product?.firmware].filter(Boolean).join(" ")],
      [t("device.version"), device.status?.agent_version],
      [t("device.address"), device.address, "code"],
      [t("device.id"), device.id, "code"],
      [t("device.enrolled"), dateTime(device.enrolled)],
      [t("device.services"), services.length ? h("ul", { class: "inline-list" }, ...services) : null],
    ]),
    fault && h("p", { class: "fault" }, fault),
  );
}

function askRemoval(device: DeviceDetail, context: Context): void {
  ask(t("device.remove"), t("device.remove.ask", { name: device.name }), t("device.remove"), t("common.cancel"), () => {
    void attempt(async () => {
      await api.removeDevice(device.id);
      context.go("devices");
    });
  });
}

/** What may change while one looks; a change of this text is a reason to draw the page again. */
const picture = (device: DeviceDetail): string => JSON.stringify({ ...device, last_seen: null, events: null });

export const devicePage: Open = (context) => {
  const { session, argument: id } = context;
  const title = h("h1", { tabindex: -1 }, t("common.loading"));
  const kind = h("span", { class: "kind" });
  const state = h("div", {});
  const protection = h("div", {});
  const maintenance = h("div", { class: "maintenance" });
  const openWindow = h("span", {});
  const vulnerabilities = h("div", {});
  const patches = h("div", {});
  const posture = h("div", {});
  const components = h("div", {});
  const remove = h("button", { type: "button", class: "quiet danger", hidden: true }, t("device.remove"));
  const body = h("tbody", {});
  const table = eventTable(t("device.events"), body);
  const empty = h("p", { class: "empty", hidden: true }, t("device.events.none"));
  let device: DeviceDetail | undefined;
  let events: EventRecord[] = [];
  let windowUntil = 0;
  let windowShown = "";

  const names = (): Names => new Map(device ? [[device.id, device.name]] : []);
  const showEvents = (): void => {
    table.hidden = events.length === 0;
    empty.hidden = events.length > 0;
    body.replaceChildren(...events.map((event) => eventRow(event, names())));
  };
  const change = (work: () => Promise<void>): void => void attempt(work).then(load);
  /** Drawn anew only when it changed: the button in it may have the focus. */
  const showWindow = (): void => {
    const open = windowUntil > Date.now() / 1000;
    const now = `${device?.online} ${open ? windowUntil : 0}`;
    if (!device || now === windowShown) return;
    windowShown = now;
    const may = mayOperate(session) && device.kind !== "gateway";
    fill(maintenance, open && windowBanner(device, windowUntil, may));
    fill(openWindow, !open && may && device.online && windowButton(device));
  };
  const show = (next: DeviceDetail): void => {
    const inventoryChanged = JSON.stringify(device?.components) !== JSON.stringify(next.components);
    device = next;
    title.textContent = device.name;
    document.title = `${device.name} · Sekisho`;
    fill(kind, word("kind", device.kind), " ", onlineMark(device));
    fill(state, stateCard(device));
    const unfolded = protection.querySelector("details")?.open ?? false;
    fill(protection, device.kind === "gateway" ? null : protectionCard(device, unfolded));
    showWindow();
    fill(vulnerabilities, vulnerabilitiesCard(device));
    fill(
      patches,
      patchesCard(device, mayOperate(session) && {
        assign: (patch) => change(() => api.assignPatch(id, patch)),
        withdraw: (patch) => change(() => api.withdrawPatch(id, patch)),
      }),
    );
    fill(posture, device.kind === "gateway" ? null : postureCard(device));
    if (inventoryChanged) fill(components, componentsCard(device)); // else the search in it goes on
    remove.hidden = !mayAdminister(session);
  };
  const load = async (): Promise<void> => {
    const answer = await attempt(() => api.device(id));
    if (answer && (!device || picture(answer) !== picture(device))) show(answer);
    showWindow();
  };
  const loadWindow = async (): Promise<void> => {
    const answer = await attempt(() => api.events({ device: id, event_type: "lockdown", text: "\"maintenance\"" }, 1));
    if (answer) windowUntil = windowEnd(answer.events);
    showWindow();
  };
  const loadEvents = async (): Promise<void> => {
    const answer = await attempt(() => api.events({ device: id }, shownEvents));
    if (answer) events = answer.events;
    showEvents();
  };
  void load().then(loadEvents).then(loadWindow);
  remove.addEventListener("click", () => device && askRemoval(device, context));
  const timer = window.setInterval(() => void load(), 3000);
  const end = follow({ device: id }, (event) => {
    if (events.some((known) => known.id === event.id)) return;
    events = [event, ...events].slice(0, shownEvents);
    if (event.lockdown?.operation === "maintenance") {
      windowUntil = windowEnd([event]);
      showWindow();
    }
    soon();
  });
  const soon = calm(100, showEvents);

  return {
    title: t("devices.title"),
    element: h(
      "div",
      { class: "page device" },
      h("a", { class: "back", href: "#/devices" }, icon("back"), t("device.back")),
      h("div", { class: "page-head" }, h("div", { class: "device-title" }, title, kind), h("div", { class: "live-tools" }, openWindow, remove)),
      maintenance,
      state,
      protection,
      vulnerabilities,
      patches,
      posture,
      h(
        "section",
        { class: "card" },
        h("div", { class: "card-head" }, h("h2", {}, t("device.events")), h("a", { href: `#/events?device=${encodeURIComponent(id)}` }, t("overview.latest.all"))),
        empty,
        table,
      ),
      components,
    ),
    leave: () => {
      end();
      window.clearInterval(timer);
    },
  };
};
