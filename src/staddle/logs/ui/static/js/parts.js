// Small elements that several views use.

import { h } from "./dom.js";

/** A bar behind a number: `part` of the width, 0 to 1. */
export function bar(part) {
  const element = h("span", { class: "part", "aria-hidden": "true" });
  // Set by script, since the page's policy forbids styles in markup.
  element.style.width = `calc((100% - var(--room, 0px)) * ${Math.max(0, Math.min(1, part)).toFixed(4)})`;
  return element;
}
