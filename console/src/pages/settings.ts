// The policy's modes, and the indicators.
import { api } from "../api";
import { fill, h } from "../dom";
import { dateTime, t, word } from "../i18n";
import { dropDown, segments } from "../parts/choice";
import { attempt, field, notice } from "../parts/dialog";
import { icon } from "../parts/icons";
import { modesOf, sectionsOf, type Schema } from "../policy/schema";
import type { Indicator, Policy } from "../types";
import { mayAdminister, mayOperate, type Open } from "./page";

const kinds = ["ip", "cidr", "domain", "url", "sha256", "ja3"] as const;

/** Modes change at once; everything else is on the section's own page. */
function policyCard(mayChange: boolean): HTMLElement {
  const place = h("div", {});
  const show = (policy: Policy, schema: Schema): void => {
    const change = (section: string) => (mode: string) =>
      void attempt(() => api.setPolicy({ [section]: { mode } })).then(async (changed) => {
        if (changed) notice(t("policy.saved"));
        show(changed ?? (await api.policy()), schema);
      });
    const row = (name: string): HTMLElement => {
      const title = word("policy", name);
      const modes = modesOf(schema.properties?.[name]);
      return h(
        "div",
        { class: "mode" },
        h("div", {}, h("strong", {}, title), h("div", { class: "sub" }, word("policy", `${name}.what`))),
        h(
          "div",
          { class: "mode-choice" },
          modes.length ? segments(title, modes, policy[name]?.mode ?? "", change(name), !mayChange) : null,
          h("a", { href: `#/settings/${name}`, "aria-label": `${t("policy.open")}: ${title}` }, t("policy.open"), icon("on")),
        ),
      );
    };
    fill(place, ...sectionsOf(schema).map(row), h("p", { class: "sub" }, t("policy.version", { n: String(policy.version) })));
  };
  void attempt(() => Promise.all([api.policy(), api.policySchema()])).then((answer) => {
    if (answer) show(...answer);
  });
  return h("section", { class: "card" }, h("h2", {}, t("policy.title")), place);
}

function addForm(added: () => void): HTMLElement {
  const kind = dropDown(kinds.map((k) => [k, t(`indicator.${k}`)]), "ip", () => {});
  const value = h("input", { type: "text", required: true, spellcheck: "false", autocapitalize: "none" });
  const reason = h("input", { type: "text", maxlength: 200 });
  const form = h(
    "form",
    { class: "filters" },
    field(t("indicators.type"), kind),
    field(t("indicators.value"), value),
    field(t("indicators.reason"), reason),
    h("button", { class: "primary" }, t("common.add")),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = { type: kind.value, value: value.value.trim(), reason: reason.value.trim() };
    void attempt(async () => {
      await api.addIndicator(body);
      value.value = reason.value = "";
      added();
    });
  });
  return form;
}

/** "device:d-1" with the name that people know. */
function sourceName(source: string, names: ReadonlyMap<string, string>): string {
  const [kind, id = ""] = source.split(":", 2);
  return (kind === "device" && names.get(id)) || source;
}

function indicatorRow(indicator: Indicator, names: ReadonlyMap<string, string>, remove: (() => void) | false): HTMLElement {
  return h(
    "tr",
    {},
    h("td", {}, word("indicator", indicator.type)),
    h("th", { scope: "row" }, h("code", { class: "break" }, indicator.value)),
    h("td", {}, indicator.reason || "–"),
    h("td", {}, sourceName(indicator.source, names)),
    h("td", {}, indicator.expiry ? dateTime(indicator.expiry) : t("common.never")),
    h(
      "td",
      { class: "number" },
      remove &&
        h(
          "button",
          { type: "button", class: "quiet round", "aria-label": t("indicators.remove", { value: indicator.value }), click: remove },
          icon("close"),
        ),
    ),
  );
}

function indicatorsCard(mayChange: boolean): { element: HTMLElement; load: () => Promise<void> } {
  const place = h("div", {});
  const heads = ["indicators.type", "indicators.value", "indicators.reason", "indicators.source", "indicators.expiry"] as const;
  const load = async (): Promise<void> => {
    const answer = await attempt(() => Promise.all([api.indicators(), api.devices()]));
    if (!answer) return;
    const [list, devices] = answer;
    const names = new Map(devices.map((device) => [device.id, device.name]));
    const remove = (i: Indicator) => () => void attempt(() => api.removeIndicator(i.type, i.value)).then(load);
    const rows = list.slice(0, 500).map((i) => indicatorRow(i, names, mayChange && remove(i)));
    fill(
      place,
      rows.length
        ? h(
            "div",
            { class: "scroll" },
            h(
              "table",
              {},
              h("caption", { class: "unseen" }, t("indicators.title")),
              h("thead", {}, h("tr", {}, ...heads.map((key) => h("th", { scope: "col" }, t(key))), h("td", {}))),
              h("tbody", {}, ...rows),
            ),
          )
        : h("p", { class: "empty" }, t("indicators.empty")),
      list.length > rows.length && h("p", { class: "sub" }, t("common.shown", { shown: rows.length, total: list.length })),
    );
  };
  const element = h(
    "section",
    { class: "card" },
    h("h2", {}, t("indicators.title")),
    h("p", { class: "sub" }, t("indicators.hint")),
    mayChange && addForm(() => void load()),
    place,
  );
  return { element, load };
}

export const settingsPage: Open = ({ session }) => {
  const indicators = indicatorsCard(mayOperate(session));
  void indicators.load();
  const timer = window.setInterval(() => void indicators.load(), 10000);
  return {
    title: t("settings.title"),
    element: h(
      "div",
      { class: "page" },
      h("div", { class: "page-head" }, h("h1", { tabindex: -1 }, t("settings.title"))),
      policyCard(mayAdminister(session)),
      indicators.element,
    ),
    leave: () => window.clearInterval(timer),
  };
};
