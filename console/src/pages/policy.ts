// One section of the policy: its form, what is not saved yet, and the JSON for experts.
import { api, Problem } from "../api";
import { fill, h } from "../dom";
import { t, word } from "../i18n";
import { refusedThere } from "../i18n/said";
import { attempt, explain, field, notice } from "../parts/dialog";
import { icon } from "../parts/icons";
import { firewallForm } from "../policy/firewall";
import { sectionsOf, type Schema, type Section } from "../policy/schema";
import { sectionForm, type SectionForm } from "../policy/section";
import type { Policy } from "../types";
import { mayAdminister, type Open } from "./page";

/** What must be sent so that BEFORE becomes AFTER: a member that went away is null. */
function difference(before: Section, after: Section): Section {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return Object.fromEntries(
    [...names]
      .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
      .map((name) => [name, after[name] ?? null]),
  );
}

const make = (name: string, schema: Schema, section: Section, changed: () => void): SectionForm =>
  name === "firewall" ? firewallForm(schema, section, changed) : sectionForm(name, schema, section, changed);

function sectionLinks(names: string[], current: string): HTMLElement {
  return h(
    "nav",
    { class: "section-links", "aria-label": t("policy.sections") },
    ...names.map((name) =>
      h("a", { href: `#/settings/${name}`, "aria-current": name === current ? "page" : null }, word("policy", name)),
    ),
  );
}

/** The same as JSON, to look at, to copy and to change. GET and SET are of the form. */
function expertView(mayChange: boolean, get: () => Section, set: (section: Section) => void): { element: HTMLDetailsElement; update: () => void } {
  const json = h("textarea", { rows: 12, spellcheck: "false", wrap: "off" });
  const fault = h("p", { class: "fault", role: "alert" });
  const update = (): void => {
    if (!element.open) return;
    json.value = JSON.stringify(get(), null, 2);
    fault.textContent = "";
  };
  const take = (): void => {
    try {
      const value: unknown = JSON.parse(json.value);
      if (!value || typeof value !== "object" || Array.isArray(value)) throw new Error(t("policy.expert.object"));
      set(value as Section);
    } catch (problem) {
      fault.textContent = t("policy.expert.wrong", { detail: problem instanceof Error ? problem.message : "" });
    }
  };
  const element = h(
    "details",
    { class: "expert", toggle: update },
    h("summary", {}, t("policy.expert")),
    h(
      "fieldset",
      { class: "plain", disabled: !mayChange },
      field("JSON", json, t("policy.expert.hint")),
      fault,
      h("button", { type: "button", click: take }, t("policy.expert.take")),
    ),
  );
  return { element, update };
}

export const policyPage: Open = ({ session, argument: name }) => {
  const mayChange = mayAdminister(session);
  const title = word("policy", name);
  const links = h("div", {});
  const place = h("fieldset", { class: "plain", disabled: !mayChange });
  const state = h("span", { class: "save-state", role: "status" });
  const save = h("button", { class: "primary", disabled: true }, t("common.save"));
  const discard = h("button", { type: "button", hidden: true }, t("policy.discard"));
  const general = h("p", { class: "fault", role: "alert" });
  let schema: Schema = {};
  let saved: Section = {};
  let form: SectionForm | undefined;

  const dirty = (): boolean => !!form && JSON.stringify(form.value()) !== JSON.stringify(saved);
  const tell = (): void => {
    const changed = dirty();
    save.disabled = !changed;
    discard.hidden = !changed;
    state.textContent = changed ? t("policy.dirty") : "";
    state.classList.toggle("behind", changed);
  };
  const changed = (): void => {
    general.textContent = "";
    tell();
    expert.update();
  };
  const show = (section: Section): void => {
    form = make(name, schema, section, changed);
    fill(place, form.element);
  };
  const load = async (): Promise<void> => {
    const answer = await attempt(() => Promise.all([api.policy(), api.policySchema()]));
    if (!answer) return;
    const [policy, whole] = answer;
    schema = whole.properties?.[name] ?? {};
    fill(links, sectionLinks(sectionsOf(whole), name));
    links.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
    show((policy as unknown as Record<string, Section>)[name] ?? {});
    saved = form?.value() ?? {};
    tell();
    expert.update();
  };
  const tellRefusal = (fault: unknown): void => {
    const { message = "", errors: [wrong] = [] } = fault instanceof Problem ? fault : {};
    const [section, ...rest] = (wrong?.pointer ?? "").slice(1).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    const at = wrong && section === name ? form?.place(rest, refusedThere(message, wrong.detail)) : undefined;
    if (at) at.focus();
    else general.textContent = explain(fault);
    notice(at ? t("policy.wrong.one") : explain(fault), "bad");
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    if (!form || !dirty()) return;
    const wrong = form.check();
    if (wrong.length) {
      wrong[0]?.focus();
      notice(wrong.length === 1 ? t("policy.wrong.one") : t("policy.wrong.many", { n: wrong.length }), "bad");
      return;
    }
    const value = form.value();
    save.disabled = true;
    api.setPolicy({ [name]: difference(saved, value) }).then(
      (_: Policy) => {
        saved = value;
        notice(t("policy.saved"));
        tell();
      },
      (fault: unknown) => {
        tell();
        if (!(fault instanceof Problem && fault.status === 401)) tellRefusal(fault);
      },
    );
  };
  const expert = expertView(
    mayChange,
    () => form?.value() ?? {},
    (section) => {
      show(section);
      changed();
    },
  );
  discard.addEventListener("click", () => {
    show(saved);
    changed();
    place.querySelector<HTMLElement>("input, textarea, select, summary")?.focus();
  });
  void load();

  const element = h(
    "div",
    { class: "page policy" },
    h("a", { class: "back", href: "#/settings" }, icon("back"), t("policy.back")),
    h("div", { class: "page-head" }, h("h1", { tabindex: -1 }, title)),
    links,
    h(
      "form",
      { class: "card", novalidate: true, submit },
      h("p", { class: "sub" }, word("policy", `${name}.what`)),
      !mayChange && h("p", { class: "sub" }, t("policy.viewer")),
      place,
      expert.element,
      general,
      mayChange && h("div", { class: "save-bar" }, state, discard, save),
    ),
  );
  return { title, element, dirty };
};
