// Make a one-time enrolment token, and show the command that uses it.
import { api } from "../api";
import { h } from "../dom";
import { t } from "../i18n";
import { dropDown } from "./choice";
import { attempt, dialog, field } from "./dialog";

const noChange = (): void => {};

function command(kind: string, token: string): string {
  const program = kind === "gateway" ? "sekisho-gateway" : "sekisho-agent";
  return `${program} enrol --manager ${location.origin} --token ${token}`;
}

function result(kind: string, token: string): HTMLElement {
  const text = command(kind, token);
  const copy = h("button", { type: "button" }, t("common.copy"));
  copy.addEventListener("click", () => {
    void navigator.clipboard.writeText(text).then(() => (copy.textContent = t("common.copied")));
  });
  return h("div", { class: "token" }, h("p", {}, t("token.once")), h("pre", { tabindex: 0, "aria-label": t("token.command") }, text), copy);
}

export function tokenDialog(): void {
  const kind = dropDown([["agent", t("kind.agent")], ["gateway", t("kind.gateway")]], "agent", noChange);
  const note = h("input", { type: "text", maxlength: 120 });
  const life = dropDown([["3600", t("token.hour")], ["86400", t("token.day")], ["604800", t("token.week")]], "86400", noChange);
  const form = h(
    "form",
    {},
    field(t("token.kind"), kind),
    field(t("token.expires"), life),
    field(t("token.note"), note),
    h("div", { class: "buttons" }, h("button", { class: "primary" }, t("token.make"))),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = { kind: kind.value, note: note.value.trim(), expires_in_s: Number(life.value) };
    void attempt(() => api.makeToken(body)).then((made) => {
      if (made) form.replaceWith(result(kind.value, made.token));
    });
  });
  dialog(t("token.title"), [form]);
}
