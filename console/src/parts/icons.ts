// The few icons, as paths on a 24 by 24 field. They are decoration: the text beside them says it.
import { svg } from "../dom";

const paths = {
  overview: "M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 4v3h6V4z",
  devices: "M5 5h14v10H5zM9 20h6M12 15v5",
  events: "M3 12h4l3-8 4 16 3-8h4",
  settings: "M12 3l8 3v6c0 4.6-3.2 7.7-8 9-4.8-1.3-8-4.4-8-9V6z",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM20 20l-4.8-4.8",
  close: "M6 6l12 12M18 6L6 18",
  network: "M12 4v5M5 20v-4h14v4M12 9v7M9 4h6",
  cloud: "M7 18h10a4 4 0 0 0 .6-8A6 6 0 0 0 6.2 11 3.6 3.6 0 0 0 7 18z",
  data: "M5 6c0-1.7 3.1-3 7-3s7 1.3 7 3-3.1 3-7 3-7-1.3-7-3zM5 6v12c0 1.7 3.1 3 7 3s7-1.3 7-3V6M5 12c0 1.7 3.1 3 7 3s7-1.3 7-3",
  device: "M7 7h10v10H7zM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4",
  back: "M15 5l-7 7 7 7",
  on: "M9 5l7 7-7 7",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  signout: "M14 4h5v16h-5M4 12h11M8 8l-4 4 4 4",
  pause: "M8 5v14M16 5v14",
  play: "M7 4l13 8-13 8z",
  check: "M5 12.5l4.5 4.5L19 7.5",
  warning: "M12 4l9 16H3zM12 10v4M12 17v.5",
} as const;

export type Icon = keyof typeof paths;

export function icon(name: Icon): SVGElement {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: paths[name] }),
  );
}

/** A gate across the road: what a sekisho is. */
export function logo(): SVGElement {
  return svg(
    "svg",
    { viewBox: "0 0 32 32", class: "logo", "aria-hidden": "true", focusable: "false" },
    svg("rect", { width: 32, height: 32, rx: 8, class: "logo-field" }),
    svg("path", { d: "M6 9.5c6 1.4 14 1.4 20 0M9 14.5h14M11 10.5V25M21 10.5V25", class: "logo-gate" }),
  );
}
