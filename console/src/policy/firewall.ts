// The form of the section "firewall": what happens to packets that no rule takes, the rules in their
// order, and the sets of addresses that they name.
import { h } from "../dom";
import type { Field } from "../parts/form";
import type { Rule } from "./rule";
import { ruleList } from "./rules";
import { fieldOf, type Schema, type Section } from "./schema";
import { checkFields, present, type SectionForm } from "./section";
import { setList } from "./sets";

export function firewallForm(schema: Schema, section: Section, changed: () => void): SectionForm {
  const members = schema.properties ?? {};
  const plain = new Map(
    ["mode", "default_in", "default_out"].map((name) => [name, fieldOf("firewall", name, members[name] ?? {}, section[name], changed)]),
  );
  const sets = setList((section.sets ?? {}) as Section, changed);
  const start = Array.isArray(section.rules) ? (section.rules as Rule[]) : [];
  const rules = ruleList(start, members.rules?.items ?? {}, sets.names, changed);

  /** "rules/2/addresses/0" and "sets/office/0": the field, and the line in it. */
  const find = ([member = "", which = "", part = "", line]: string[]): [Field | undefined, string | undefined] => {
    if (member === "rules") return [rules.field(Number(which), part), part === "addresses" ? line : undefined];
    return member === "sets" ? [sets.field(which), part || undefined] : [plain.get(member), undefined];
  };
  return {
    element: h(
      "div",
      { class: "firewall" },
      h("div", { class: "fields" }, ...[...plain.values()].map((field) => field.element)),
      rules.element,
      sets.element,
    ),
    value: () =>
      present([...[...plain].map(([name, field]) => [name, field.value()] as const), ["sets", sets.value()], ["rules", rules.value()]]),
    check: () => [...checkFields(plain.values()), ...rules.check(), ...sets.check()],
    place: (pointer, detail) => {
      const [field, line] = find(pointer);
      field?.fault(detail, line === undefined ? undefined : Number(line));
      return field;
    },
  };
}
