// Sentences that devices and the manager say in English, in the language in use. What a device tells may
// be several sentences in one text; why a call is refused is one.
import { japanese } from ".";

interface Table {
  plain: Map<string, string>;
  patterns: (readonly [RegExp, string])[];
}

let sentences: Table | undefined;
let refusals: Table | undefined;

/** In one text of several sentences what stands for {} ends where the next begins. */
const within = "((?:(?![;,] ).)+?)";
const any = "(.+?)";

function make(pairs: readonly (readonly [string, string])[], gap: string): Table {
  const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return {
    plain: new Map(pairs.filter(([english]) => !english.includes("{}"))),
    patterns: pairs
      .filter(([english]) => english.includes("{}"))
      .map(([english, other]) => [new RegExp(`^${english.split("{}").map(escaped).join(gap)}$`), other] as const),
  };
}

function whole(text: string, { plain, patterns }: Table, again: (text: string) => string): string | undefined {
  const known = plain.get(text);
  if (known) return known;
  for (const [pattern, other] of patterns) {
    const found = pattern.exec(text);
    if (found) return other.replace(/\{(\d)\}/g, (_, n: string) => again(found[Number(n) + 1] ?? ""));
  }
  return undefined;
}

/** TEXT in the language in use where it is known, else as it came. Of several parts each is looked up. */
export function said(text: string | undefined): string {
  const loaded = japanese();
  if (!text || !loaded) return text ?? "";
  sentences ??= make(loaded.sentences, within);
  const known = whole(text, sentences, said);
  if (known) return known;
  for (const [separator, between] of [["; ", "。"], [", ", "、"]] as const) {
    const parts = text.split(separator);
    if (parts.length > 1) return parts.map(said).join(between);
  }
  return text;
}

/** Why the manager refused a call, in the language in use where it is known, else as it came. */
export function refused(text: string): string {
  const loaded = japanese();
  if (!loaded) return text;
  const { plain } = (refusals ??= make(loaded.refusals, any));
  return whole(text, refusals, (part) => plain.get(part) ?? part) ?? text;
}

/** The same at the place that SENTENCE begins with; DETAIL is the rest of SENTENCE. */
export function refusedThere(sentence: string, detail: string): string {
  const told = refused(sentence);
  return told === sentence ? detail : told.slice(told.indexOf("：") + 1);
}
