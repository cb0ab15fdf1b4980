// One of a few: a row of radio buttons that looks like one control, and a plain drop-down.
import { h } from "../dom";

let groups = 0;

export function segments(
  label: string,
  options: readonly (readonly [value: string, text: string])[],
  chosen: string,
  onChoose: (value: string) => void,
  disabled = false,
): HTMLElement {
  const group = `group-${++groups}`;
  return h(
    "fieldset",
    { class: "segments", disabled },
    h("legend", { class: "unseen" }, label),
    ...options.map(([value, text]) =>
      h(
        "label",
        {},
        h("input", { type: "radio", name: group, value, checked: value === chosen, change: () => onChoose(value) }),
        h("span", {}, text),
      ),
    ),
  );
}

export function dropDown(
  options: readonly (readonly [value: string, text: string])[],
  chosen: string,
  onChoose: (value: string) => void,
): HTMLSelectElement {
  const select = h(
    "select",
    { change: () => onChoose(select.value) },
    ...options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
  );
  return select;
}
