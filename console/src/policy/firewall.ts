// The form of the section "firewall": what happens to packets that no rule takes, sets of addresses,
// and the rules in their order, each folded into a line that says what it does.
import { fill, h } from "../dom";
import { t, word, type Key } from "../i18n";
import { listField, numberField, pickField, textField, type Field, type Labels } from "../parts/form";
import { icon } from "../parts/icons";
import { choicesOf, fieldOf, type Schema, type Section } from "./schema";
import { checkFields, present, type SectionForm } from "./section";

const rateLimit = 1000000;

const labels = (name: string, hint = false): Labels => ({
  label: t(`firewall.rule.${name}` as Key),
  ...(hint ? { hint: t(`firewall.rule.${name}.hint` as Key) } : {}),
});

/** An address or a prefix, roughly: the manager looks closer. */
const isPrefix = (text: string): boolean =>
  /^(\d{1,3}\.){3}\d{1,3}(\/\d{1,2})?$/.test(text) || /^[0-9a-f:.]*:[0-9a-f:.]*(\/\d{1,3})?$/i.test(text);

const addressCheck = (text: string): string | undefined =>
  isPrefix(text) ? undefined : t("firewall.wrong.address", { text });

/* --- sets --- */

interface SetForm {
  element: HTMLElement;
  name: Field;
  addresses: Field;
}

function setForm(name: string, list: unknown[], limit: number, changed: () => void, remove: () => void, taken: () => string[]): SetForm {
  const good = (text: string): boolean => /^[A-Za-z]\w{0,30}$/.test(text) && taken().filter((one) => one === text).length < 2;
  const nameField = textField({ label: t("firewall.set.name") }, name, changed, (text) => (good(text) ? undefined : t("firewall.wrong.set")), 31);
  const addresses = listField({ label: t("firewall.set.addresses"), hint: t("policy.lines") }, limit, list, changed, addressCheck);
  const away = h("button", { type: "button", class: "quiet danger", "aria-label": t("firewall.set.remove", { name }), click: remove }, t("firewall.rule.remove"));
  return {
    element: h("li", { class: "set" }, nameField.element, addresses.element, h("div", { class: "buttons" }, away)),
    name: nameField,
    addresses,
  };
}

/* --- rules --- */

type Rule = Section;

const listOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);

const portFits = (text: string): boolean => {
  const [, low = "", high = low] = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(text) ?? [];
  return Number(low) >= 1 && Number(high) <= 65535 && Number(low) <= Number(high);
};

const words = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

/** A rule in a line: "Incoming · Accept · TCP 22 · set:office". */
function lineOf(rule: Rule): string {
  const ports = listOf(rule.ports).join(", ");
  const proto = rule.proto && rule.proto !== "any" ? word("choice", String(rule.proto)) : "";
  return [
    word("choice", String(rule.direction)),
    word("choice", String(rule.action)),
    [proto, ports].filter(Boolean).join(" "),
    listOf(rule.addresses).join(", "),
    rule.process,
    rule.interface,
    rule.rate,
  ].filter(Boolean).join(" · ");
}

class RuleForm {
  readonly fields: Record<string, Field>;
  readonly element: HTMLLIElement;
  private readonly details: HTMLDetailsElement;
  private readonly title = h("strong", {});
  private readonly line = h("span", { class: "sub" });

  constructor(rule: Rule, schema: Schema, open: boolean, sets: () => string[], changed: () => void, buttons: HTMLElement[]) {
    const touched = (): void => {
      this.tell();
      changed();
    };
    const member = (name: string): Schema => schema.properties?.[name] ?? {};
    const text = (name: string, value: unknown, check: (text: string) => string | undefined, limit = 199): Field =>
      textField(labels(name, name !== "name" && name !== "interface"), String(value ?? ""), touched, check, limit);
    const pick = (name: string): Field => pickField(labels(name), choicesOf(member(name)), String(rule[name] ?? member(name).default), touched);
    const [, rate = "", unit = "second"] = /^(\d+)\/(\w+)$/.exec(String(rule.rate ?? "")) ?? [];
    const units = ["second", "minute", "hour", "day"].map((one): [string, string] => [one, word("choice", one)]);
    this.fields = {
      name: text("name", rule.name, (one) => (/^[\w.-]{1,31}$/.test(one) ? undefined : t("firewall.wrong.name")), 31),
      direction: pick("direction"),
      action: pick("action"),
      proto: pick("proto"),
      ports: text("ports", listOf(rule.ports).join(", "), (one) => this.portsWrong(one)),
      addresses: listField(labels("addresses", true), member("addresses").maxItems ?? 4096, listOf(rule.addresses), touched, (one) =>
        !one.startsWith("set:") ? addressCheck(one) : sets().includes(one.slice(4)) ? undefined : t("firewall.wrong.noset", { text: one.slice(4) }),
      ),
      process: text("process", rule.process, (one) => this.processWrong(one)),
      interface: text("interface", rule.interface, (one) => (/^[\w.:@*-]{0,15}$/.test(one) ? undefined : t("wrong.text")), 15),
      rate: numberField(labels("rate", true), { low: 1, high: rateLimit }, rate, touched),
      per: pickField(labels("per"), units, unit, touched),
    };
    this.details = h(
      "details",
      { open },
      h("summary", {}, this.title, this.line),
      h("div", { class: "fields" }, ...Object.values(this.fields).map((field) => field.element)),
    );
    this.element = h("li", { class: "rule" }, this.details, h("div", { class: "rule-buttons" }, ...buttons));
    this.tell();
  }

  private portsWrong(text: string): string | undefined {
    const list = words(text.replace(/\s*-\s*/g, "-"));
    const proto = this.fields.proto?.value();
    if (!list.every(portFits) || list.length > 16) return t("firewall.wrong.ports");
    return list.length && proto !== "tcp" && proto !== "udp" ? t("firewall.wrong.proto") : undefined;
  }

  private processWrong(text: string): string | undefined {
    if (!text) return undefined;
    if (!/^(\/.|user:.|cgroup:.)/.test(text)) return t("firewall.wrong.process");
    const direction = this.fields.direction?.value();
    if (direction === "forward") return t("firewall.wrong.forward");
    return text.startsWith("user:") && direction !== "out" ? t("firewall.wrong.user") : undefined;
  }

  value(): Rule {
    const { rate, per, ports, ...others } = this.fields;
    const list = words(String(ports?.value() ?? "").replace(/\s*-\s*/g, "-"));
    return present([
      ...Object.entries(others).map(([name, field]) => [name, field.value()] as const),
      ["ports", list.length ? list.map((one) => (/^\d+$/.test(one) ? Number(one) : one)) : undefined],
      ["rate", rate?.value() === undefined ? undefined : `${rate.value()}/${per?.value()}`],
    ]);
  }

  name(): string {
    return String(this.fields.name?.value() ?? "") || t("firewall.new");
  }

  private tell(): void {
    this.title.textContent = this.name();
    this.line.textContent = lineOf(this.value());
  }

  open(): void {
    this.details.open = true;
  }
}

/* --- the whole --- */

export function firewallForm(schema: Schema, section: Section, changed: () => void): SectionForm {
  const properties = schema.properties ?? {};
  const ruleSchema = properties.rules?.items ?? {};
  const plain = new Map(
    ["mode", "default_in", "default_out"].map((name) => [name, fieldOf("firewall", name, properties[name] ?? {}, section[name], changed)]),
  );
  let sets: SetForm[] = [];
  let rules: RuleForm[] = [];
  const setList = h("ul", { class: "sets" });
  const ruleList = h("ol", { class: "rules" });
  const none = h("p", { class: "empty" }, t("firewall.rules.none"));
  const setNames = (): string[] => sets.map((set) => String(set.name.value() ?? ""));

  const showSets = (): void => fill(setList, ...sets.map((set) => set.element));
  const showRules = (): void => {
    none.hidden = rules.length > 0;
    fill(ruleList, ...rules.map((rule) => rule.element));
  };
  const addSet = (name: string, list: unknown[]): SetForm => {
    const set = setForm(name, list, 4096, changed, () => {
      sets = sets.filter((one) => one !== set);
      showSets();
      changed();
    }, setNames);
    sets.push(set);
    return set;
  };
  const addRule = (rule: Rule, open = false): RuleForm => {
    const move = (by: number): void => {
      const at = rules.indexOf(made);
      if (at + by < 0 || at + by >= rules.length) return;
      rules.splice(at, 1);
      rules.splice(at + by, 0, made);
      showRules();
      (by < 0 ? up : down).focus();
      changed();
    };
    const button = (name: "up" | "down" | "remove", click: () => void): HTMLButtonElement => {
      const what = t(`firewall.rule.${name}`);
      const label = (): string => t("firewall.rule.which", { what, name: made.name() });
      const one = h("button", { type: "button", class: `quiet round${name === "remove" ? " danger" : ""}`, title: what, click }, icon(name === "remove" ? "close" : name));
      one.addEventListener("focus", () => one.setAttribute("aria-label", label()));
      one.setAttribute("aria-label", what);
      return one;
    };
    const up = button("up", () => move(-1));
    const down = button("down", () => move(1));
    const away = button("remove", () => {
      const next = rules[rules.indexOf(made) + 1] ?? rules[rules.indexOf(made) - 1];
      rules = rules.filter((one) => one !== made);
      showRules();
      (next?.element.querySelector("summary") ?? add).focus();
      changed();
    });
    const made: RuleForm = new RuleForm(rule, ruleSchema, open, setNames, changed, [up, down, away]);
    rules.push(made);
    return made;
  };
  const add = h("button", { type: "button" }, t("firewall.rule.add"));
  add.addEventListener("click", () => {
    const rule = addRule({ direction: "in", action: "accept", proto: "any" }, true);
    showRules();
    rule.fields.name?.focus();
    changed();
  });
  const more = h("button", { type: "button" }, t("firewall.set.add"));
  more.addEventListener("click", () => {
    const set = addSet("", []);
    showSets();
    set.name.focus();
    changed();
  });

  for (const [name, list] of Object.entries((section.sets ?? {}) as Section)) addSet(name, Array.isArray(list) ? list : []);
  for (const rule of Array.isArray(section.rules) ? (section.rules as Rule[]) : []) addRule(rule);
  showSets();
  showRules();

  const setsOf = (): unknown =>
    sets.length ? Object.fromEntries(sets.map((set) => [String(set.name.value() ?? ""), set.addresses.value() ?? []])) : undefined;
  const ruleField = (at: number, member: string): Field | undefined => {
    const rule = rules[at];
    rule?.open();
    return rule?.fields[member] ?? rule?.fields.name;
  };
  return {
    element: h(
      "div",
      { class: "firewall" },
      h("div", { class: "fields" }, ...[...plain.values()].map((field) => field.element)),
      h("section", {}, h("h2", {}, t("firewall.rules")), h("p", { class: "sub" }, t("firewall.rules.hint")), none, ruleList, add),
      h("section", {}, h("h2", {}, t("firewall.sets")), h("p", { class: "sub" }, t("firewall.sets.hint")), setList, more),
    ),
    value: () =>
      present([
        ...[...plain].map(([name, field]) => [name, field.value()] as const),
        ["sets", setsOf()],
        ["rules", rules.length ? rules.map((rule) => rule.value()) : undefined],
      ]),
    check: () => {
      const wrong = checkFields([...plain.values(), ...sets.flatMap((set) => [set.name, set.addresses])]);
      for (const rule of rules) {
        const found = checkFields(Object.values(rule.fields));
        if (found.length) rule.open();
        wrong.push(...found);
      }
      return wrong;
    },
    place: ([member = "", which = "", part = "", line], detail) => {
      const field =
        member === "rules"
          ? ruleField(Number(which), part)
          : member === "sets"
            ? sets.find((set) => set.name.value() === which)?.addresses
            : plain.get(member);
      const index = member === "sets" ? part : member === "rules" && part === "addresses" ? line : undefined;
      field?.fault(detail, index ? Number(index) : undefined);
      return field;
    },
  };
}
