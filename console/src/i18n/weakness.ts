// Weaknesses of a device's set-up: by their id in other languages, in English in the device's words.
import { japanese, language } from ".";
import type { Weakness } from "../types";

/** WHAT: the component that the weakness is about, where it is known. */
export function weaknessText(weakness: Weakness, what: string): { detail: string; fix: string; known: boolean } {
  const found = japanese()?.weaknesses[weakness.id];
  const filled = (text: string): string => text.replace("{subject}", weakness.subject).replace("{what}", what);
  return found
    ? { detail: filled(found[0]), fix: filled(found[1]), known: true }
    : { detail: weakness.detail, fix: weakness.fix, known: language() === "en" };
}
