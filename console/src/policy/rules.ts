// The firewall's rules in their order, which buttons change.
import { fill, h } from "../dom";
import { t } from "../i18n";
import type { Field } from "../parts/form";
import { icon, type Icon } from "../parts/icons";
import { RuleForm, type Rule } from "./rule";
import type { Schema } from "./schema";
import { checkFields } from "./section";

export interface Rules {
  element: HTMLElement;
  value: () => Rule[] | undefined;
  check: () => Field[];
  /** A field of the rule at the place AT, which is unfolded. */
  field: (at: number, member: string) => Field | undefined;
}

/** A button of the rule NAME: the name is part of what a screen reader says. */
function ruleButton(what: string, kind: Icon, tone: string, name: () => string, click: () => void): HTMLButtonElement {
  const button = h("button", { type: "button", class: `quiet round ${tone}`, title: what, "aria-label": what, click }, icon(kind));
  button.addEventListener("focus", () => button.setAttribute("aria-label", t("firewall.rule.which", { what, name: name() })));
  return button;
}

export function ruleList(start: Rule[], schema: Schema, sets: () => string[], changed: () => void): Rules {
  let rules: RuleForm[] = [];
  const list = h("ol", { class: "rules" });
  const none = h("p", { class: "empty" }, t("firewall.rules.none"));
  const show = (): void => {
    none.hidden = rules.length > 0;
    fill(list, ...rules.map((rule) => rule.element));
  };
  const move = (rule: RuleForm, by: number, button: HTMLElement): void => {
    const at = rules.indexOf(rule);
    if (at + by < 0 || at + by >= rules.length) return;
    rules.splice(at, 1);
    rules.splice(at + by, 0, rule);
    show();
    button.focus();
    changed();
  };
  const remove = (rule: RuleForm): void => {
    const at = rules.indexOf(rule);
    const next = rules[at + 1] ?? rules[at - 1];
    rules = rules.filter((one) => one !== rule);
    show();
    (next?.element.querySelector("summary") ?? add).focus();
    changed();
  };
  const insert = (rule: Rule, open: boolean): RuleForm => {
    const name = (): string => made.name();
    const up = ruleButton(t("firewall.rule.up"), "up", "", name, () => move(made, -1, up));
    const down = ruleButton(t("firewall.rule.down"), "down", "", name, () => move(made, 1, down));
    const away = ruleButton(t("firewall.rule.remove"), "close", "danger", name, () => remove(made));
    const made: RuleForm = new RuleForm(rule, schema, open, sets, changed, [up, down, away]);
    rules.push(made);
    return made;
  };
  const add = h("button", { type: "button" }, t("firewall.rule.add"));
  add.addEventListener("click", () => {
    const rule = insert({ direction: "in", action: "accept", proto: "any" }, true);
    show();
    rule.fields.name?.focus();
    changed();
  });
  for (const rule of start) insert(rule, false);
  show();
  return {
    element: h("section", {}, h("h2", {}, t("firewall.rules")), h("p", { class: "sub" }, t("firewall.rules.hint")), none, list, add),
    value: () => (rules.length ? rules.map((rule) => rule.value()) : undefined),
    check: () =>
      rules.flatMap((rule) => {
        const wrong = checkFields(Object.values(rule.fields));
        if (wrong.length) rule.open();
        return wrong;
      }),
    field: (at, member) => {
      rules[at]?.open();
      return rules[at]?.fields[member] ?? rules[at]?.fields.name;
    },
  };
}
