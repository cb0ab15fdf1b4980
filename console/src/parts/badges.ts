// Small marks. Each has its word; colour only repeats it.
import { h } from "../dom";
import { t, word } from "../i18n";
import type { Device, EventRecord } from "../types";
import { icon, type Icon } from "./icons";

export const layers = ["device", "network", "cloud", "data"] as const;

export function layerOf(layer: string | undefined): string {
  return layer && (layers as readonly string[]).includes(layer) ? layer : "other";
}

export function layerMark(layer: string | undefined): HTMLElement {
  const known = layerOf(layer);
  return h("span", { class: `layer ${known}` }, h("span", { class: "dot" }), t(`layer.${known}` as "layer.other"));
}

export function layerIcon(layer: string): SVGElement {
  return icon(layer as Icon);
}

const tones: Record<string, string> = {
  blocked: "good",
  quarantined: "good",
  detected: "warn",
  allowed: "plain",
  critical: "severe",
  high: "severe",
  medium: "warn",
  low: "plain",
  enforce: "good",
  detect: "warn",
  learn: "warn",
};

export function badge(text: string, tone: string): HTMLElement {
  return h("span", { class: `badge ${tone}` }, text);
}

export function actionBadge(event: EventRecord): HTMLElement {
  return badge(word("action", event.action), tones[event.action ?? ""] ?? "plain");
}

export function severityBadge(severity: string | null): HTMLElement {
  const known = severity?.toLowerCase() ?? "";
  return badge(word("severity", known in tones ? known : "unknown"), tones[known] ?? "plain");
}

export function lockdownText(device: Device): string {
  const state = device.lockdown;
  if (typeof state === "string") return word("lockdown", state);
  if (state && typeof state === "object" && "mode" in state) return word("lockdown", String(state.mode));
  return t("device.unknown");
}

export function lockdownBadge(device: Device): HTMLElement {
  const state = typeof device.lockdown === "string" ? device.lockdown : "";
  return badge(lockdownText(device), tones[state] ?? "plain");
}

export const linkWord = (device: Device) =>
  device.link === "silent" ? "device.silent" : device.online ? "device.online" : "device.offline";

export function onlineMark(device: Device): HTMLElement {
  return h(
    "span",
    { class: device.link === "silent" ? "online silent" : device.online ? "online yes" : "online no" },
    h("span", { class: "dot" }),
    t(linkWord(device)),
  );
}

export const upToDate = (device: Device): boolean =>
  device.bundle_in_force !== null && device.bundle_in_force >= device.bundle_version;

export function bundleText(device: Device): string {
  if (device.bundle_in_force === null) return t("device.nobundle");
  return upToDate(device)
    ? t("device.inforce", { n: String(device.bundle_in_force) })
    : t("device.applying", { have: String(device.bundle_in_force), want: String(device.bundle_version) });
}
