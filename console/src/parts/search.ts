// A search field; all its words must fit.
import { h } from "../dom";
import { icon } from "./icons";

export function searchBox(label: string, onChange: () => void): { element: HTMLElement; words: () => string[] } {
  const input = h("input", { type: "search", placeholder: label, "aria-label": label, spellcheck: "false", input: onChange });
  return {
    element: h("div", { class: "search" }, icon("search"), input),
    words: () => input.value.toLowerCase().split(/\s+/).filter(Boolean),
  };
}
