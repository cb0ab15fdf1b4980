// What was stopped, where, and when; the state of the fleet; the newest blocked attacks; the audit log.
import { api, follow } from "../api";
import { calm, fill, h } from "../dom";
import { count, t } from "../i18n";
import { auditCard } from "../parts/audit";
import { layerIcon, layers, upToDate } from "../parts/badges";
import { legend, timeChart } from "../parts/chart";
import { segments } from "../parts/choice";
import { attempt } from "../parts/dialog";
import { eventRow, eventTable, type Names } from "../parts/event";
import type { DeviceRow, EventRecord, Finding, Overview } from "../types";
import type { Open } from "./page";

const periods = ["1", "24", "168", "720"] as const;
const remembered = "sekisho.period";
const shownEvents = 8;
const stopping = ["blocked", "quarantined"];

function stoppedCard(data: Overview, hours: string): HTMLElement {
  const total = data.stopped.reduce((sum, { count: n }) => sum + n, 0);
  return h(
    "section",
    { class: "card hero", "aria-label": t("overview.chart") },
    h(
      "div",
      { class: "hero-total" },
      h("strong", { "data-stopped": total }, count(total)),
      h("span", {}, total ? t(`overview.stopped.${hours}` as "overview.stopped.24") : t("overview.quiet")),
    ),
    h(
      "ul",
      { class: "layers" },
      ...layers.map((layer) => {
        const n = data.stopped.find((entry) => entry.layer === layer)?.count ?? 0;
        return h(
          "li",
          { class: n ? layer : `${layer} zero` },
          h(
            "a",
            { href: `#/events?layer=${layer}`, title: t(`layer.${layer}.what`) },
            layerIcon(layer),
            h("span", { class: "name" }, t(`layer.${layer}`)),
            h("strong", {}, count(n)),
          ),
        );
      }),
    ),
  );
}

function counter(name: string, value: string, hint: string, href: string, tone = ""): HTMLElement {
  return h(
    "a",
    { class: `card counter ${tone}`, href },
    h("span", { class: "name" }, name),
    h("strong", {}, value),
    h("span", { class: "hint" }, hint),
  );
}

function counters(data: Overview, devices: DeviceRow[], findings: Finding[]): HTMLElement[] {
  const current = devices.filter(upToDate).length;
  const covered = findings.filter((finding) => finding.state === "patched").length;
  const open = findings.length - covered;
  return [
    counter(t("overview.devices"), count(devices.length), t("overview.devices.online", { n: data.totals.online }), "#/devices"),
    counter(
      t("overview.protected"),
      count(current),
      t("overview.protected.of", { n: devices.length }),
      "#/devices",
      devices.length && current === devices.length ? "fine" : "",
    ),
    counter(
      t("overview.findings"),
      count(covered),
      open ? t("overview.findings.open", { n: open }) : t("overview.findings.none"),
      "#/devices",
      open ? "attention" : "fine",
    ),
    counter(t("overview.indicators"), count(data.totals.indicators), t("overview.indicators.hint"), "#/settings"),
  ];
}

export const overviewPage: Open = () => {
  const stopped = h("div", { class: "stopped" });
  const chart = h("div", { class: "chart-place" });
  const numbers = h("div", { class: "counters" });
  const latest = h("tbody", {});
  const empty = h("p", { class: "empty", hidden: true }, t("overview.empty"));
  const table = eventTable(t("overview.latest"), latest);
  const audit = auditCard();
  let hours: string = periods.find((p) => p === localStorage.getItem(remembered)) ?? "24";
  let names: Names = new Map();
  let devices: DeviceRow[] = [];
  let findings: Finding[] = [];
  let events: EventRecord[] = [];
  let data: Overview | undefined;

  const showEvents = (): void => {
    table.hidden = events.length === 0;
    empty.hidden = events.length > 0;
    latest.replaceChildren(...events.map((event) => eventRow(event, names)));
  };
  const drawChart = (): void => {
    const open = chart.querySelector("details")?.open ?? false;
    if (data) fill(chart, timeChart(data, open, Math.max(chart.clientWidth, 240)));
  };
  const loadNumbers = async (): Promise<void> => {
    data = (await attempt(() => api.overview(Number(hours)))) ?? data;
    if (!data) return;
    fill(stopped, stoppedCard(data, hours));
    drawChart();
    fill(numbers, ...counters(data, devices, findings));
  };
  const loadFleet = async (): Promise<void> => {
    const answer = await attempt(() => Promise.all([api.devices(), api.findings()]));
    if (!answer) return;
    [devices, findings] = answer;
    names = new Map(devices.map((device) => [device.id, device.name]));
  };
  const loadAll = async (): Promise<void> => {
    await loadFleet();
    await loadNumbers();
    const pages = await attempt(() => Promise.all(stopping.map((action) => api.events({ action }, shownEvents))));
    if (pages)
      events = pages
        .flatMap((page) => page.events)
        .sort((a, b) => (b.n ?? 0) - (a.n ?? 0))
        .slice(0, shownEvents);
    showEvents();
  };
  const soon = calm(400, () => {
    void loadNumbers();
    audit.update();
  });
  const end = follow({}, (event) => {
    soon();
    if (!stopping.includes(event.action ?? "") || events.some((known) => known.id === event.id)) return;
    events = [event, ...events].slice(0, shownEvents);
    showEvents();
  });
  const timer = window.setInterval(() => void loadFleet().then(loadNumbers), 30000);
  const resized = calm(100, drawChart);
  window.addEventListener("resize", resized);
  void loadAll();
  audit.update();

  const choose = (value: string): void => {
    hours = value;
    localStorage.setItem(remembered, value);
    void loadNumbers();
  };
  return {
    title: t("overview.title"),
    element: h(
      "div",
      { class: "page overview" },
      h(
        "div",
        { class: "page-head" },
        h("h1", { tabindex: -1 }, t("overview.title")),
        segments(t("period.label"), periods.map((p) => [p, t(`period.${p}`)]), hours, choose),
      ),
      stopped,
      h(
        "div",
        { class: "over-time" },
        h("section", { class: "card" }, h("div", { class: "card-head" }, h("h2", {}, t("overview.chart")), legend()), chart),
        audit.element,
      ),
      numbers,
      h(
        "section",
        { class: "card" },
        h("div", { class: "card-head" }, h("h2", {}, t("overview.latest")), h("a", { href: "#/events" }, t("overview.latest.all"))),
        empty,
        table,
      ),
    ),
    leave: () => {
      end();
      window.clearInterval(timer);
      window.removeEventListener("resize", resized);
    },
  };
};
