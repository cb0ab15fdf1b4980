// Stacked bars over time as SVG of our own, with the same numbers in a table for those who do not see it.
import { h, svg } from "../dom";
import { clock, count, day, t } from "../i18n";
import type { Overview } from "../types";
import { layerMark, layerOf, layers } from "./badges";

const height = 160;
const left = 34;
const top = 10;
const bottom = 24;

interface Bucket {
  time: number;
  counts: Map<string, number>;
  total: number;
}

function buckets(data: Overview): Bucket[] {
  const first = Math.floor(data.since / data.bucket_s) * data.bucket_s;
  const list: Bucket[] = [];
  for (let time = first; time <= data.now; time += data.bucket_s) list.push({ time, counts: new Map(), total: 0 });
  for (const { time, layer, count: n } of data.series) {
    const bucket = list[Math.round((time - first) / data.bucket_s)];
    if (!bucket) continue;
    const known = layerOf(layer);
    bucket.counts.set(known, (bucket.counts.get(known) ?? 0) + n);
    bucket.total += n;
  }
  return list;
}

/** A round number at or above N that four steps divide. */
export function scaleTop(n: number): number {
  if (n <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 4, 6, 8, 10].map((f) => f * power).find((v) => v >= n && v % 4 === 0) ?? Math.ceil(n / 4) * 4;
}

const label = (time: number, data: Overview): string =>
  data.now - data.since > 2 * 86400 ? day(time) : clock(time);

const shown = (bucket: Bucket): string[] => [...layers, "other"].filter((layer) => bucket.counts.get(layer));

function bar(bucket: Bucket, x: number, wide: number, unit: number, data: Overview): SVGElement {
  let y = height - bottom;
  const text = shown(bucket)
    .map((layer) => `${t(`layer.${layer}` as "layer.other")}: ${count(bucket.counts.get(layer) ?? 0)}`)
    .join(", ");
  const group = svg("g", { class: "bar" }, svg("title", {}, `${label(bucket.time, data)} – ${text}`));
  for (const layer of shown(bucket)) {
    const tall = (bucket.counts.get(layer) ?? 0) * unit;
    y -= tall;
    group.append(svg("rect", { x, y: y + 0.5, width: wide, height: Math.max(tall - 1, 1.5), rx: 1.5, class: `fill-${layer}` }));
  }
  return group;
}

function picture(list: Bucket[], data: Overview, width: number): SVGElement {
  const most = scaleTop(Math.max(0, ...list.map((bucket) => bucket.total)));
  const unit = (height - top - bottom) / most;
  const step = (width - left) / list.length;
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": t("overview.chart") });
  for (let i = 0; i <= 4; i++) {
    const y = height - bottom - (most / 4) * i * unit;
    chart.append(
      svg("line", { x1: left, x2: width, y1: y, y2: y, class: i ? "grid" : "axis" }),
      svg("text", { x: left - 8, y: y + 4, "text-anchor": "end" }, count((most / 4) * i)),
    );
  }
  const labels = Math.ceil((list.length * 95) / width);
  list.forEach((bucket, i) => {
    const x = left + i * step;
    if (bucket.total) chart.append(bar(bucket, x + step * 0.12, step * 0.76, unit, data));
    if (i % labels === 0 && x < width - 30)
      chart.append(svg("text", { x: x + step / 2, y: height - 6, "text-anchor": i ? "middle" : "start" }, label(bucket.time, data)));
  });
  return chart;
}

function table(list: Bucket[]): HTMLElement {
  const columns = [...layers, "other"].filter((layer) => layer !== "other" || list.some((b) => b.counts.has("other")));
  const rows = list.filter((bucket) => bucket.total);
  return h(
    "table",
    {},
    h("caption", { class: "unseen" }, t("overview.chart")),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, t("overview.chart.time")),
        ...columns.map((layer) => h("th", { scope: "col", class: "number" }, t(`layer.${layer}` as "layer.other"))),
        h("th", { scope: "col", class: "number" }, t("overview.chart.total")),
      ),
    ),
    h(
      "tbody",
      {},
      ...rows.map((bucket) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, `${day(bucket.time)} ${clock(bucket.time)}`),
          ...columns.map((layer) => h("td", { class: "number" }, count(bucket.counts.get(layer) ?? 0))),
          h("td", { class: "number" }, count(bucket.total)),
        ),
      ),
    ),
  );
}

export const legend = (): HTMLElement => h("div", { class: "legend" }, ...layers.map((layer) => layerMark(layer)));

/** OPEN: whether the table was open before, kept over updates. WIDTH: in pixels, so that text keeps its size. */
export function timeChart(data: Overview, open: boolean, width: number): HTMLElement {
  const list = buckets(data);
  return h(
    "figure",
    { class: "time-chart" },
    picture(list, data, width),
    list.some((bucket) => bucket.total)
      ? h("details", { open }, h("summary", {}, t("overview.chart.table")), h("div", { class: "scroll" }, table(list)))
      : null,
  );
}
