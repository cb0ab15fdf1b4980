// What the manager says about the policy's members: a JSON Schema. Fields are made by it, so that
// limits and words are written down once, in the manager.
import { duration, language, t, word, type Key } from "../i18n";
import { en } from "../i18n/en";
import { choiceField, listField, numberField, textField, type Field, type Labels } from "../parts/form";

export interface Schema {
  type?: string;
  enum?: string[];
  default?: unknown;
  minimum?: number;
  maximum?: number;
  maxItems?: number;
  maxLength?: number;
  pattern?: string;
  items?: Schema;
  properties?: Record<string, Schema>;
}

export type Section = Record<string, unknown>;

const longest = 255; // of items that fit a column

const has = (key: string): key is Key => key in en;

/** Texts of "field.SECTION.MEMBER"; a member that this console does not know keeps its name. */
export function labelsOf(section: string, member: string, schema: Schema): Labels {
  const key = `field.${section}.${member}`;
  const label = has(key) ? t(key) : has(`field.${member}`) ? t(`field.${member}` as Key) : member;
  const hint = has(`${key}.hint`) ? t(`${key}.hint` as Key) : "";
  const list = schema.type === "array";
  const fallback = Array.isArray(schema.default) ? schema.default.join(", ") : typeof schema.default === "number" ? String(schema.default) : "";
  const byDefault = fallback ? t("policy.default", { value: fallback }) : list && !hint ? t("policy.default.device") : "";
  const gap = language() === "ja" ? "" : " ";
  return { label, hint: [list ? t("policy.lines") : "", hint, byDefault].filter(Boolean).join(gap) };
}

/** The order in which a person reads them: from what protects most to what protects least. */
const modeOrder = ["prevent", "enforce", "detect", "learn", "off"];
const sectionOrder = ["entry", "exit", "inside", "behaviour", "integrity", "logs", "malware", "firewall", "fleet"];

const ordered = (names: string[], order: string[]): string[] => {
  const place = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  return [...names].sort((a, b) => place(a) - place(b));
};

export const modesOf = (section: Schema | undefined): [string, string][] =>
  ordered(section?.properties?.mode?.enum ?? [], modeOrder).map((mode) => [mode, word("mode", mode)]);

/** The names of the policy's sections. */
export const sectionsOf = (policy: Schema): string[] =>
  ordered(Object.keys(policy.properties ?? {}).filter((name) => name !== "version"), sectionOrder);

export const choicesOf = (schema: Schema): [string, string][] => (schema.enum ?? []).map((one) => [one, word("choice", one)]);

/** What a text of this schema must be. */
function textCheck(schema: Schema, inList: boolean): (text: string) => string | undefined {
  const pattern = schema.pattern ? new RegExp(schema.pattern, "u") : /(?:)/;
  const limit = schema.maxLength ?? 1000;
  const what = schema.pattern?.includes("all") ? t("wrong.scope") : schema.pattern?.startsWith("^/") ? t("wrong.path") : schema.pattern?.startsWith("^\\S") ? t("wrong.permission") : t("wrong.text");
  return (text) =>
    !pattern.test(text) ? (inList ? what : t("wrong.here")) : new TextEncoder().encode(text).length > limit ? t("wrong.long", { n: limit }) : undefined;
}

export function fieldOf(section: string, member: string, schema: Schema, value: unknown, changed: () => void): Field {
  const labels = labelsOf(section, member, schema);
  if (schema.enum) return choiceField(labels, member === "mode" ? modesOf({ properties: { mode: schema } }) : choicesOf(schema), String(value ?? schema.default), changed);
  if (schema.type === "boolean") {
    const made = choiceField(labels, [["true", t("choice.true")], ["false", t("choice.false")]], String(value ?? schema.default), changed);
    return { ...made, value: () => made.value() === "true" };
  }
  if (schema.type === "integer")
    return numberField(
      labels,
      { low: schema.minimum ?? 0, high: schema.maximum ?? Number.MAX_SAFE_INTEGER },
      value ?? schema.default,
      changed,
      member.endsWith("_s") ? duration : undefined,
    );
  if (schema.type === "array")
    return listField(
      labels,
      schema.maxItems ?? 1000,
      Array.isArray(value) ? value : [],
      changed,
      textCheck(schema.items ?? {}, true),
      (schema.items?.maxLength ?? 0) > longest,
    );
  return textField(labels, typeof value === "string" ? value : "", changed, textCheck(schema, false), schema.maxLength);
}
