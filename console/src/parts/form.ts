// Fields of a form: each has a label, a hint, and a place for what is wrong with it, tied to the
// control for screen readers. A field holds a value of JSON; undefined stands for "not there".
import { h, type Child } from "../dom";
import { t } from "../i18n";
import { dropDown, segments } from "./choice";

export interface Field {
  element: HTMLElement;
  /** What is in the control; undefined when it is empty. Only right while `wrong` says nothing. */
  value: () => unknown;
  /** What is wrong with what is in the control. */
  wrong: () => string | undefined;
  /** Show a fault, or none. LINE: of a list, from 0. */
  fault: (text: string | undefined, line?: number) => void;
  focus: () => void;
}

export interface Labels {
  label: string;
  hint?: string;
}

const clickMs = 250;
let fields = 0;

/** The frame around a control. A fault goes when the control changes. */
function framed(
  control: HTMLElement,
  focused: () => HTMLElement | null,
  labels: Labels,
  changed: () => void,
  parts: Pick<Field, "value" | "wrong"> & { group?: boolean; beside?: Child },
): Field {
  const id = `form-${++fields}`;
  const hint = labels.hint ? h("p", { class: "hint", id: `${id}-hint` }, labels.hint) : null;
  const fault = h("p", { class: "fault", id: `${id}-fault`, role: "alert" });
  const show = (text: string | undefined): void => {
    fault.textContent = text ?? "";
    control.classList.toggle("wrong", !!text);
    control.setAttribute("aria-describedby", [hint?.id, text && fault.id].filter(Boolean).join(" "));
    if (!parts.group) control.setAttribute("aria-invalid", String(!!text));
  };
  if (!parts.group) control.id = id;
  control.addEventListener("input", () => {
    show(undefined);
    changed();
  });
  control.addEventListener("change", () => {
    // Later: a line that appears now would move the button away on which the mouse is pressed.
    window.setTimeout(() => parts.wrong() && show(parts.wrong()), clickMs);
  });
  show(undefined);
  const label = parts.group
    ? h("div", { class: "label", "aria-hidden": "true" }, labels.label) // the group's legend says it
    : h("label", { for: id }, labels.label);
  return {
    element: h("div", { class: "field" }, label, parts.beside ? h("div", { class: "beside" }, control, parts.beside) : control, hint, fault),
    value: parts.value,
    wrong: parts.wrong,
    fault: (text, line) => show(text && line !== undefined ? t("wrong.line", { n: String(line + 1), what: text }) : text),
    focus: () => focused()?.focus(),
  };
}

export function choiceField(labels: Labels, words: readonly (readonly [string, string])[], chosen: string, changed: () => void): Field {
  let now = chosen;
  const group = segments(labels.label, words, chosen, (value) => {
    now = value;
    changed();
  });
  return framed(group, () => group.querySelector("input:checked, input"), labels, () => {}, {
    value: () => now,
    wrong: () => undefined,
    group: true,
  });
}

export function pickField(labels: Labels, words: readonly (readonly [string, string])[], chosen: string, changed: () => void): Field {
  const select = dropDown(words, chosen, () => {});
  return framed(select, () => select, labels, changed, { value: () => select.value, wrong: () => undefined });
}

export interface Limits {
  low: number;
  high: number;
}

/** SAY: the number in other words, shown beside it. */
export function numberField(labels: Labels, limits: Limits, start: unknown, changed: () => void, say?: (n: number) => string): Field {
  const input = h("input", { type: "text", inputmode: "numeric", autocomplete: "off", class: "short", value: String(start ?? "") });
  const said = h("span", { class: "sub" });
  const read = (): number => (/^\s*\d{1,15}\s*$/.test(input.value) ? Number(input.value) : NaN);
  const tell = (): void => {
    said.textContent = say && read() > 0 ? say(read()) : "";
  };
  tell();
  return framed(
    input,
    () => input,
    labels,
    () => {
      tell();
      changed();
    },
    {
      value: () => (input.value.trim() ? read() : undefined),
      wrong: () =>
        !input.value.trim() || (read() >= limits.low && read() <= limits.high)
          ? undefined
          : t("wrong.number", { low: String(limits.low), high: String(limits.high) }),
      beside: say ? said : null,
    },
  );
}

/** CHECK says what is wrong with the text. An empty text is "not there". */
export function textField(
  labels: Labels,
  start: string,
  changed: () => void,
  check: (text: string) => string | undefined,
  limit = 199,
): Field {
  const input = h("input", { type: "text", value: start, spellcheck: "false", autocapitalize: "none", autocomplete: "off", maxlength: limit });
  return framed(input, () => input, labels, changed, {
    value: () => input.value.trim() || undefined,
    wrong: () => check(input.value.trim()),
  });
}

const linesOf = (text: string): string[] => text.split("\n").map((line) => line.trim()).filter(Boolean);

/** One item a line. CHECK says what is wrong with an item. WIDE: items need the whole width. */
export function listField(
  labels: Labels,
  limit: number,
  start: readonly unknown[],
  changed: () => void,
  check: (item: string) => string | undefined,
  wide = false,
): Field {
  const rows = (n: number): number => Math.min(Math.max(n + 1, 3), 12);
  const area = h("textarea", { rows: rows(start.length), spellcheck: "false", autocapitalize: "none", wrap: "off", "data-wide": wide }, start.join("\n"));
  return framed(area, () => area, labels, changed, {
    value: () => {
      const items = linesOf(area.value);
      return items.length ? items : undefined;
    },
    wrong: () => {
      const items = linesOf(area.value);
      if (items.length > limit) return t("wrong.items", { n: limit });
      const at = items.findIndex((item) => check(item));
      const what = at < 0 ? undefined : check(items[at] as string);
      return what && t("wrong.line", { n: String(at + 1), what });
    },
  });
}
