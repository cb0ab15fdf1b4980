// The audit log's newest signed checkpoint, and the check of every record on request.
import { api, Problem } from "../api";
import { fill, h } from "../dom";
import { count, dateTime, t } from "../i18n";
import type { Verdict } from "../types";
import { attempt } from "./dialog";
import { facts } from "./facts";
import { icon } from "./icons";

function verdictLine(verdict: Verdict): HTMLElement {
  if (verdict.ok)
    return h("p", { class: "verdict good" }, icon("check"), t("audit.ok", { n: verdict.records ?? 0 }));
  return h(
    "div",
    { class: "verdict bad" },
    h("p", {}, icon("warning"), t("audit.bad", { n: verdict.record ?? 0 })),
    facts([
      [t("audit.bad.problem"), verdict.problem],
      [t("audit.bad.event"), verdict.event, "code"],
      [t("events.device"), verdict.device, "code"],
    ]),
  );
}

export function auditCard(): { element: HTMLElement; update: () => void } {
  const state = h("div", { class: "audit-state" });
  const verdict = h("div", { "aria-live": "polite" });
  const button = h("button", { type: "button" }, t("audit.verify"));
  button.addEventListener("click", () => {
    button.disabled = true;
    button.textContent = t("audit.busy");
    void attempt(() => api.verify()).then((answer) => {
      button.disabled = false;
      button.textContent = t("audit.verify");
      if (answer) fill(verdict, verdictLine(answer));
    });
  });
  const update = (): void => {
    api.checkpoint().then(
      (point) =>
        fill(
          state,
          h("p", { class: "audit-size" }, h("strong", {}, count(point.size)), t("audit.records")),
          facts([
            [t("audit.root"), point.root, "code"],
            [t("audit.signed"), dateTime(point.time)],
          ]),
        ),
      (fault: unknown) => {
        if (fault instanceof Problem && fault.status === 404) fill(state, h("p", { class: "empty" }, t("audit.empty")));
      },
    );
  };
  const element = h(
    "section",
    { class: "card audit" },
    h("div", { class: "card-head" }, h("h2", {}, t("audit.title")), button),
    state,
    verdict,
  );
  return { element, update };
}
