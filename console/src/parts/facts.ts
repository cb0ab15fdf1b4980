// Pairs of a name and a value.
import { h } from "../dom";

/** As a description list; those without a value are left out. */
export function facts(pairs: [string, string | number | Node | null | undefined, ("code" | "plain")?][]): HTMLElement {
  const list = h("dl", { class: "facts" });
  for (const [name, value, kind] of pairs) {
    if (value === undefined || value === null || value === "") continue;
    list.append(h("dt", {}, name), h("dd", {}, kind === "code" ? h("code", {}, value) : value));
  }
  return list;
}
