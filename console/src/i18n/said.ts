// Sentences that devices and the manager say in English, in the language in use.
import { japanese } from ".";

interface Table {
  plain: Map<string, string>;
  patterns: (readonly [RegExp, string])[];
}

let table: Table | undefined;

function make(sentences: readonly (readonly [string, string])[]): Table {
  const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return {
    plain: new Map(sentences.filter(([english]) => !english.includes("{}"))),
    patterns: sentences
      .filter(([english]) => english.includes("{}"))
      .map(([english, other]) => [new RegExp(`^${english.split("{}").map(escaped).join("((?:(?![;,] ).)+?)")}$`), other] as const),
  };
}

function whole(text: string, { plain, patterns }: Table): string | undefined {
  const known = plain.get(text);
  if (known) return known;
  for (const [pattern, other] of patterns) {
    const found = pattern.exec(text);
    if (found) return other.replace(/\{(\d)\}/g, (_, n: string) => said(found[Number(n) + 1]));
  }
  return undefined;
}

/** TEXT in the language in use where it is known, else as it came. Of several parts each is looked up. */
export function said(text: string | undefined): string {
  const loaded = japanese();
  if (!text || !loaded) return text ?? "";
  table ??= make(loaded.sentences);
  const known = whole(text, table);
  if (known) return known;
  for (const [separator, between] of [["; ", "。"], [", ", "、"]] as const) {
    const parts = text.split(separator);
    if (parts.length > 1) return parts.map(said).join(between);
  }
  return text;
}
