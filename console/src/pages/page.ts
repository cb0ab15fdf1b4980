// What a page is to the frame around it.
import type { Key } from "../i18n";
import type { Session } from "../types";

export interface Context {
  session: Session;
  /** What follows the page's name in the address. */
  argument: string;
  go: (path: string) => void;
}

export interface Page {
  title: string;
  element: HTMLElement;
  /** Is there something that leaving would lose? */
  dirty?: () => boolean;
  /** End timers and streams. */
  leave?: () => void;
}

export type Open = (context: Context) => Page;

export interface Place {
  path: string;
  name: Key;
  icon: "overview" | "devices" | "events" | "settings";
  open: Open;
}

/** May the account change things, or only look? */
export const mayOperate = (session: Session): boolean => session.role !== "viewer";
export const mayAdminister = (session: Session): boolean => session.role === "admin";
