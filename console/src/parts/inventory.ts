// Cards of the device page: vulnerabilities with their cover, virtual patches, posture, components.
import { h, wide, type Child } from "../dom";
import { ago, count, t, word, type Key } from "../i18n";
import { weaknessText } from "../i18n/weakness";
import type { Component, DeviceDetail, Finding, Patch, Weakness } from "../types";
import { badge, severityBadge, upToDate } from "./badges";
import { searchBox } from "./search";

const shownAtFirst = 100;
const severities = ["critical", "high", "medium", "low"];

export interface PatchActions {
  assign: (patch: string) => void;
  withdraw: (patch: string) => void;
}

function table(caption: string, heads: Key[], rows: HTMLElement[], kind = ""): HTMLElement {
  return wide(
    caption,
    h(
      "table",
      { class: kind },
      h("caption", { class: "unseen" }, caption),
      h("thead", {}, h("tr", {}, ...heads.map((key) => h("th", { scope: "col" }, t(key))))),
      h("tbody", {}, ...rows),
    ),
  );
}

function card(title: string, note: Child, ...content: Child[]): HTMLElement {
  return h(
    "section",
    { class: "card" },
    h("div", { class: "card-head" }, h("h2", {}, title), note ? h("span", { class: "sub" }, note) : null),
    ...content,
  );
}

type Cover = "inforce" | "detecting" | "hidden" | "applying" | "withdrawn";

/** An assigned patch is in force when the device reports the newest bundle made for it, and TLS does not hide its port. */
function coverOf(device: DeviceDetail, patch: Patch): Cover {
  if (patch.origin === "excluded") return "withdrawn";
  if (!upToDate(device)) return "applying";
  if (device.status?.hidden_by_tls?.some((place) => place.patch === patch.id)) return "hidden";
  return patch.mode === "detect" ? "detecting" : "inforce";
}

const coverTone: Record<Cover, string> = {
  inforce: "good",
  detecting: "warn",
  hidden: "severe",
  applying: "warn",
  withdrawn: "plain",
};

function coverBadge(device: DeviceDetail, patch: Patch): HTMLElement {
  const cover = coverOf(device, patch);
  return badge(t(`cover.${cover}`), coverTone[cover]);
}

function coverCell(device: DeviceDetail, finding: Finding): HTMLElement {
  const lines = device.patches
    .filter((patch) => finding.patches.includes(patch.id))
    .map((patch) => h("div", { class: "cover" }, h("code", {}, patch.id), coverBadge(device, patch)));
  return h("td", {}, ...(lines.length ? lines : [badge(t("cover.none"), "severe")]));
}

function rank(finding: Finding): number {
  const place = severities.indexOf(finding.severity?.toLowerCase() ?? "");
  return place < 0 ? severities.length : place;
}

function vulnerabilityRow(device: DeviceDetail, finding: Finding): HTMLElement {
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, finding.cve),
    h("td", {}, severityBadge(finding.severity)),
    h("td", {}, finding.package, h("div", { class: "sub" }, finding.version)),
    h("td", {}, finding.fixed ?? h("span", { class: "sub" }, t("vuln.nofix"))),
    coverCell(device, finding),
  );
}

/** The first rows, and a button for the rest: a Debian system has thousands. */
function growing(all: HTMLElement[], make: (rows: HTMLElement[]) => HTMLElement): HTMLElement {
  const place = h("div", {}, make(all.slice(0, shownAtFirst)));
  if (all.length > shownAtFirst) {
    const more = h("button", { type: "button" }, `${t("common.more")} (${count(all.length - shownAtFirst)})`);
    more.addEventListener("click", () => place.replaceChildren(make(all)));
    place.append(more);
  }
  return place;
}

export function vulnerabilitiesCard(device: DeviceDetail): HTMLElement {
  const title = t("device.vulns");
  if (!device.findings.length) return card(title, null, h("p", { class: "empty" }, t("device.vulns.none")));
  const sorted = [...device.findings].sort(
    (a, b) => Number(b.patches.length > 0) - Number(a.patches.length > 0) || rank(a) - rank(b) || a.cve.localeCompare(b.cve),
  );
  const covered = device.findings.filter((finding) => finding.state === "patched").length;
  const heads: Key[] = ["vuln.cve", "vuln.severity", "vuln.component", "vuln.fixed", "vuln.cover"];
  return card(
    title,
    t("device.vulns.some", { covered, total: device.findings.length }),
    growing(sorted.map((finding) => vulnerabilityRow(device, finding)), (rows) => table(title, heads, rows)),
  );
}

function patchRow(device: DeviceDetail, patch: Patch, actions: PatchActions | false): HTMLElement {
  const excluded = patch.origin === "excluded";
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("code", {}, patch.id), h("div", { class: "sub" }, patch.cves.join(", "))),
    h("td", {}, patch.component || "–"),
    h("td", {}, patch.ports.map((p) => `${p.proto}/${p.port}`).join(", ") || "–"),
    h("td", {}, coverBadge(device, patch)),
    h("td", {}, word("origin", patch.origin), h("div", { class: "sub" }, ago(patch.since))),
    h(
      "td",
      { class: "number" },
      actions &&
        h(
          "button",
          { type: "button", class: "quiet", click: () => (excluded ? actions.assign : actions.withdraw)(patch.id) },
          t(excluded ? "patch.assign" : "patch.withdraw"),
        ),
    ),
  );
}

export function patchesCard(device: DeviceDetail, actions: PatchActions | false): HTMLElement {
  const title = t("device.patches");
  if (!device.patches.length) return card(title, null, h("p", { class: "empty" }, t("device.patches.none")));
  const heads: Key[] = ["patch.id", "vuln.component", "patch.ports", "patch.state", "patch.origin"];
  const made = table(title, heads, device.patches.map((patch) => patchRow(device, patch, actions)));
  made.querySelector("thead tr")?.append(h("td", {}));
  return card(title, null, made);
}

/** Words that this console does not have in the person's language are marked as English. */
function weaknessRow(weakness: Weakness, device: DeviceDetail): HTMLElement {
  const [proto, port] = weakness.subject.split("/");
  const service = device.services?.find((one) => one.proto === proto && String(one.port) === port);
  const { detail, fix, known } = weaknessText(weakness, service?.component || service?.path || weakness.subject);
  const lang = known ? null : "en";
  return h(
    "tr",
    {},
    h("td", {}, severityBadge(weakness.severity)),
    h("th", { scope: "row", lang }, detail),
    h("td", { lang }, fix),
  );
}

export function postureCard(device: DeviceDetail): HTMLElement {
  const title = t("device.posture");
  const list = device.posture ?? [];
  if (!list.length) return card(title, null, h("p", { class: "empty" }, t("device.posture.none")));
  return card(title, null, table(title, ["vuln.severity", "posture.detail", "posture.fix"], list.map((one) => weaknessRow(one, device)), "posture"));
}

function componentRow(component: Component): HTMLElement {
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, component.name),
    h("td", {}, h("code", {}, component.version)),
    h("td", {}, component.ecosystem),
    h("td", {}, component.findings ? badge(count(component.findings), "severe") : "0"),
  );
}

export function componentsCard(device: DeviceDetail): HTMLElement {
  const title = t("device.components");
  if (!device.components.length) return card(title, null, h("p", { class: "empty" }, t("device.components.none")));
  const heads: Key[] = ["component.name", "component.version", "component.ecosystem", "device.findings"];
  const place = h("div", {});
  const total = h("span", { class: "sub", "aria-live": "polite" });
  const show = (): void => {
    const words = search.words();
    const found = device.components.filter((c) => words.every((one) => `${c.name} ${c.version}`.toLowerCase().includes(one)));
    total.textContent = t("common.shown", { shown: found.length, total: device.components.length });
    place.replaceChildren(growing(found.map(componentRow), (rows) => table(title, heads, rows)));
  };
  const search = searchBox(t("device.components.search"), show);
  show();
  return card(title, null, h("div", { class: "tools" }, search.element, total), place);
}
