// One firewall rule: its fields, folded into a line that says what it does.
import { h } from "../dom";
import { t, word, type Key } from "../i18n";
import { listField, numberField, pickField, textField, type Field, type Labels } from "../parts/form";
import { addressWrong } from "./sets";
import { choicesOf, type Schema, type Section } from "./schema";
import { present } from "./section";

const rateLimit = 1000000;

const labels = (name: string, hint = false): Labels => ({
  label: t(`firewall.rule.${name}` as Key),
  ...(hint ? { hint: t(`firewall.rule.${name}.hint` as Key) } : {}),
});

export type Rule = Section;

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

export class RuleForm {
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
        !one.startsWith("set:") ? addressWrong(one) : sets().includes(one.slice(4)) ? undefined : t("firewall.wrong.noset", { text: one.slice(4) }),
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
