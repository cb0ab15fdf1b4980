// The firewall's named sets of addresses.
import { fill, h } from "../dom";
import { t } from "../i18n";
import { listField, textField, type Field } from "../parts/form";
import type { Section } from "./schema";
import { checkFields } from "./section";

const mostAddresses = 4096; // of all sets and rules; the manager counts

/** An address or a prefix, roughly: the manager looks closer. */
const isPrefix = (text: string): boolean =>
  /^(\d{1,3}\.){3}\d{1,3}(\/\d{1,2})?$/.test(text) || /^[0-9a-f:.]*:[0-9a-f:.]*(\/\d{1,3})?$/i.test(text);

export const addressWrong = (text: string): string | undefined =>
  isPrefix(text) ? undefined : t("firewall.wrong.address", { text });

interface SetForm {
  element: HTMLElement;
  name: Field;
  addresses: Field;
}

function setForm(name: string, list: unknown, changed: () => void, remove: () => void, taken: () => string[]): SetForm {
  const good = (text: string): boolean => /^[A-Za-z]\w{0,30}$/.test(text) && taken().filter((one) => one === text).length < 2;
  const nameField = textField({ label: t("firewall.set.name") }, name, changed, (text) => (good(text) ? undefined : t("firewall.wrong.set")), 31);
  const addresses = listField(
    { label: t("firewall.set.addresses"), hint: t("policy.lines") }, mostAddresses, Array.isArray(list) ? list : [], changed, addressWrong,
  );
  const away = h("button", { type: "button", class: "quiet danger", click: remove }, t("firewall.rule.remove"));
  away.addEventListener("focus", () => away.setAttribute("aria-label", t("firewall.set.remove", { name: String(nameField.value() ?? "") })));
  return {
    element: h("li", { class: "set" }, nameField.element, addresses.element, h("div", { class: "buttons" }, away)),
    name: nameField,
    addresses,
  };
}

export interface Sets {
  element: HTMLElement;
  names: () => string[];
  value: () => Section | undefined;
  check: () => Field[];
  /** The addresses of the set NAME. */
  field: (name: string) => Field | undefined;
}

export function setList(start: Section, changed: () => void): Sets {
  let sets: SetForm[] = [];
  const list = h("ul", { class: "sets" });
  const names = (): string[] => sets.map((set) => String(set.name.value() ?? ""));
  const show = (): void => fill(list, ...sets.map((set) => set.element));
  const insert = (name: string, addresses: unknown): SetForm => {
    const remove = (): void => {
      sets = sets.filter((one) => one !== set);
      show();
      add.focus();
      changed();
    };
    const set = setForm(name, addresses, changed, remove, names);
    sets.push(set);
    return set;
  };
  const add = h("button", { type: "button" }, t("firewall.set.add"));
  add.addEventListener("click", () => {
    const set = insert("", []);
    show();
    set.name.focus();
    changed();
  });
  for (const [name, addresses] of Object.entries(start)) insert(name, addresses);
  show();
  return {
    element: h("section", {}, h("h2", {}, t("firewall.sets")), h("p", { class: "sub" }, t("firewall.sets.hint")), list, add),
    names,
    value: () => (sets.length ? Object.fromEntries(sets.map((set) => [String(set.name.value() ?? ""), set.addresses.value() ?? []])) : undefined),
    check: () => checkFields(sets.flatMap((set) => [set.name, set.addresses])),
    field: (name) => sets.find((set) => set.name.value() === name)?.addresses,
  };
}
