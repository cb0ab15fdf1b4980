// The form of a section whose members are plain: one field for each, as the schema says.
import { h } from "../dom";
import type { Field } from "../parts/form";
import { fieldOf, type Schema, type Section } from "./schema";

export interface SectionForm {
  element: HTMLElement;
  /** The section as the form holds it; members that are not there are left out. */
  value: () => Section;
  /** Show what is wrong; the fields that need a correction. */
  check: () => Field[];
  /** Show DETAIL at the field that a JSON pointer (without the section) leads to. */
  place: (pointer: string[], detail: string) => Field | undefined;
}

export function checkFields(fields: Iterable<Field>): Field[] {
  return [...fields].filter((field) => {
    const wrong = field.wrong();
    field.fault(wrong);
    return wrong;
  });
}

/** {NAME: VALUE} without what is not there. */
export function present(pairs: readonly (readonly [string, unknown])[]): Section {
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}

export function sectionForm(name: string, schema: Schema, section: Section, changed: () => void): SectionForm {
  const members = Object.entries(schema.properties ?? {}).map(
    ([member, one]) => [member, fieldOf(name, member, one, section[member], changed)] as const,
  );
  const fields = new Map(members);
  return {
    element: h("div", { class: "fields" }, ...members.map(([, field]) => field.element)),
    value: () => present(members.map(([member, field]) => [member, field.value()] as const)),
    check: () => checkFields(fields.values()),
    place: ([member = "", line], detail) => {
      const field = fields.get(member);
      field?.fault(detail, line === undefined ? undefined : Number(line));
      return field;
    },
  };
}
