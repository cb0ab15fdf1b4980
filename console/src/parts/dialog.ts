// Dialogs, and short notices. The browser's own <dialog> keeps the keyboard inside and ends on Escape.
import { api, Problem } from "../api";
import { h, type Child } from "../dom";
import { t } from "../i18n";
import { refused } from "../i18n/said";
import { icon } from "./icons";

export interface Opened {
  close: () => void;
}

/** DRAWER: at the side, for details that are read beside the page. */
export function dialog(title: string, content: Child[], kind: "box" | "drawer" = "box"): Opened {
  const back = document.activeElement;
  const head = h("h2", { id: `dialog-${Date.now()}` }, title);
  const close = (): void => element.close();
  const element = h(
    "dialog",
    { class: kind, "aria-labelledby": head.id },
    h(
      "header",
      {},
      head,
      h("button", { type: "button", class: "quiet round", "aria-label": t("common.close"), click: close }, icon("close")),
    ),
    h("div", { class: "dialog-body" }, ...content),
  );
  element.addEventListener("close", () => {
    element.remove();
    if (back instanceof HTMLElement && back.isConnected) back.focus();
  });
  element.addEventListener("click", (event) => {
    if (event.target === element) close();
  });
  document.body.append(element);
  element.showModal();
  return { close };
}

/** A question with two answers; Escape is the second. */
export function ask(title: string, text: string, yes: string, no: string, proceed: () => void): void {
  const go = h("button", { type: "button", class: "danger" }, yes);
  const stay = h("button", { type: "button" }, no);
  const box = dialog(title, [h("p", {}, text), h("div", { class: "buttons" }, stay, go)]);
  stay.addEventListener("click", box.close);
  go.addEventListener("click", () => {
    box.close();
    proceed();
  });
}

export function explain(fault: unknown): string {
  if (fault instanceof Problem) return fault.status === 0 ? t("common.offline") : refused(fault.message);
  return t("common.error");
}

let notices: HTMLElement | undefined;

export function notice(text: string, kind: "good" | "bad" = "good"): void {
  notices ??= h("div", { class: "notices", role: "status", "aria-live": "polite" });
  if (!notices.isConnected) document.body.append(notices);
  const line = h("div", { class: `notice ${kind}` }, icon(kind === "good" ? "check" : "warning"), text);
  notices.append(line);
  window.setTimeout(() => line.remove(), 5000);
}

/** Run a change; a fault is told. */
export async function attempt<Answer>(work: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await work();
  } catch (fault) {
    if (!(fault instanceof Problem && fault.status === 401)) notice(explain(fault), "bad");
    return undefined;
  }
}

export function field(label: string, control: HTMLElement, hint?: string): HTMLElement {
  control.id ||= `field-${Math.random().toString(36).slice(2)}`;
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, hint && h("p", { class: "hint" }, hint));
}

export function passwordDialog(account: string, done: () => void): void {
  const first = h("input", { type: "password", autocomplete: "new-password", minlength: 10, maxlength: 256, required: true });
  const again = h("input", { type: "password", autocomplete: "new-password", required: true });
  const fault = h("p", { class: "fault", role: "alert" });
  const name = h("input", { type: "text", autocomplete: "username", value: account, readonly: true, hidden: true });
  const form = h(
    "form",
    {},
    name,
    field(t("password.new"), first, t("password.rule")),
    field(t("password.repeat"), again),
    fault,
    h("div", { class: "buttons" }, h("button", { class: "primary" }, t("common.save"))),
  );
  const box = dialog(t("password.set"), [form]);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (first.value !== again.value) {
      fault.textContent = t("password.differ");
      return;
    }
    api.setPassword(account, first.value).then(
      () => {
        box.close();
        notice(t("password.done"));
        done();
      },
      (problem: unknown) => (fault.textContent = explain(problem)),
    );
  });
  first.focus();
}
