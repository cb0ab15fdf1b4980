// The language in use: the person's choice, else the browser's. Texts, numbers and times.
import { en, type Dictionary, type Key } from "./en";

export type { Key } from "./en";
export type Language = "en" | "ja";

type Japanese = typeof import("./japanese");
const remembered = "sekisho.language";

function first(): Language {
  const chosen = localStorage.getItem(remembered);
  if (chosen === "en" || chosen === "ja") return chosen;
  return navigator.language.toLowerCase().startsWith("ja") ? "ja" : "en";
}

let current: Language = "en";
let loaded: Japanese | undefined;
let dictionary: Dictionary = en;

/** The person's own way to write dates where the browser tells one of this language (en-GB, say). */
const locale = (): string => navigator.languages.find((one) => one.toLowerCase().startsWith(current)) ?? current;

export const language = (): Language => current;

/** What is there in Japanese besides the dictionary, while it is the language in use. */
export const japanese = (): Japanese | undefined => (current === "ja" ? loaded : undefined);

/** The language to begin with; English where the other's texts do not come. */
export async function startLanguage(next: Language = first()): Promise<void> {
  if (next === "ja") loaded ??= await import("./japanese").catch(() => undefined);
  current = next === "ja" && loaded ? "ja" : "en";
  dictionary = current === "ja" && loaded ? loaded.ja : en;
}

export async function setLanguage(next: Language): Promise<void> {
  localStorage.setItem(remembered, next);
  await startLanguage(next);
}

export function t(key: Key, values: Record<string, string | number> = {}): string {
  return dictionary[key].replace(/\{(\w+)\}/g, (all, name: string) => {
    const value = values[name];
    return value === undefined ? all : typeof value === "number" ? count(value) : value;
  });
}

/** The text for PREFIX.WORD where there is one; WORD itself for what a newer device may send. */
export function word(prefix: string, value: string | null | undefined): string {
  const key = `${prefix}.${value}`;
  return value && key in en ? t(key as Key) : (value ?? "");
}

export const count = (n: number): string => new Intl.NumberFormat(locale()).format(n);

const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]] as const;

/** "1 hour 30 minutes": the two largest parts that are not zero. */
export function duration(seconds: number): string {
  let rest = Math.round(seconds);
  const parts: string[] = [];
  for (const [unit, size] of units) {
    const n = Math.floor(rest / size);
    rest -= n * size;
    if (n && parts.length < 2) parts.push(new Intl.NumberFormat(locale(), { style: "unit", unit, unitDisplay: "long" }).format(n));
  }
  return parts.join(" ") || new Intl.NumberFormat(locale(), { style: "unit", unit: "second", unitDisplay: "long" }).format(0);
}

/** Seconds since 1970 of "2026-01-02T03:04:05.000006+0000"; 0 when it is no time. */
export function secondsOf(stamp: string): number {
  return Date.parse(stamp.replace(/\.(\d{3})\d*/, ".$1").replace(/([+-]\d\d)(\d\d)$/, "$1:$2")) / 1000 || 0;
}

export function dateTime(seconds: number): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "medium" }).format(seconds * 1000);
}

export function clock(seconds: number, long = false): string {
  return new Intl.DateTimeFormat(locale(), {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    ...(long ? { second: "2-digit" } : {}),
  }).format(seconds * 1000);
}

export function day(seconds: number): string {
  return new Intl.DateTimeFormat(locale(), { month: "short", day: "numeric" }).format(seconds * 1000);
}

/** "3 minutes ago". */
export function ago(seconds: number | null): string {
  if (!seconds) return t("common.never");
  const past = Math.round(seconds - Date.now() / 1000);
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: "auto" });
  const size = Math.abs(past);
  if (size < 60) return format.format(Math.min(past, 0), "second");
  if (size < 3600) return format.format(Math.trunc(past / 60), "minute");
  if (size < 86400) return format.format(Math.trunc(past / 3600), "hour");
  return format.format(Math.trunc(past / 86400), "day");
}
