// Which service calls which, and how often: a graph from the callers on the left to the called on the right.

import { empty, h, s } from "./dom.js";
import { number, plural } from "./counts.js";

const BOX = { width: 168, height: 46, gapX: 110, gapY: 22 };

/** Layers by distance from those that nobody calls; what calls in a circle is cut where it was entered. */
export function layers(names, calls) {
  const out = new Map(names.map((name) => [name, []]));
  const into = new Map(names.map((name) => [name, 0]));
  for (const { parent, child } of calls) {
    out.get(parent).push(child);
    into.set(child, into.get(child) + 1);
  }
  const level = new Map();
  const visit = (name, depth, path) => {
    if (path.has(name) || (level.get(name) ?? -1) >= depth || depth > names.length) return;
    level.set(name, depth);
    path.add(name);
    for (const next of out.get(name)) visit(next, depth + 1, path);
    path.delete(name);
  };
  const first = names.filter((name) => into.get(name) === 0);
  for (const name of first) visit(name, 0, new Set());
  // Circles that nobody calls from outside begin somewhere.
  for (const name of names) if (!level.has(name)) visit(name, 0, new Set());
  const found = [];
  for (const name of names) (found[level.get(name)] ??= []).push(name);
  return found;
}

/** Order each layer by where its neighbours are, a few times, so that few lines cross. */
function arrange(found, calls) {
  const place = new Map();
  const renumber = () => found.forEach((layer) => layer.forEach((name, i) => place.set(name, i - (layer.length - 1) / 2)));
  renumber();
  for (let round = 0; round < 6; round += 1) {
    for (const layer of round % 2 ? [...found].reverse() : found) {
      const middle = new Map(layer.map((name) => {
        const near = calls.filter((c) => (round % 2 ? c.parent : c.child) === name).map((c) => place.get(round % 2 ? c.child : c.parent));
        return [name, near.length ? near.reduce((a, b) => a + b, 0) / near.length : place.get(name)];
      }));
      layer.sort((a, b) => middle.get(a) - middle.get(b));
      renumber();
    }
  }
}

/** The map's element; `open(service)` searches for a service's traces. */
export function serviceMap(calls, colour, open) {
  if (calls.length === 0) return h("section", { class: "panel" }, empty("No calls between services", "In this time range no service called another one, or nothing of it was traced.", "network"));
  const names = [...new Set(calls.flatMap(({ parent, child }) => [parent, child]))].sort();
  const found = layers(names, calls).filter(Boolean);
  arrange(found, calls);
  const tallest = Math.max(...found.map((layer) => layer.length));
  const width = found.length * (BOX.width + BOX.gapX) - BOX.gapX + 40;
  const height = tallest * (BOX.height + BOX.gapY) + 40;
  const at = new Map();
  found.forEach((layer, i) => layer.forEach((name, j) => at.set(name, { x: 20 + i * (BOX.width + BOX.gapX), y: height / 2 + (j - (layer.length - 1) / 2) * (BOX.height + BOX.gapY) - BOX.height / 2 })));
  const most = Math.max(...calls.map((c) => c.callCount));
  const thick = (n) => 1.2 + 5 * (Math.log10(n + 1) / Math.log10(most + 1)) ** 2;
  const edge = ({ parent, child, callCount }) => {
    const [a, b] = [at.get(parent), at.get(child)];
    const back = b.x <= a.x;
    const [x1, y1, x2, y2] = [a.x + BOX.width, a.y + BOX.height / 2, b.x - 6, b.y + BOX.height / 2];
    const bend = back ? 90 : Math.max(40, (x2 - x1) / 2);
    const path = back && parent !== child
      ? `M${a.x + BOX.width / 2},${a.y + BOX.height} C${a.x + BOX.width / 2},${a.y + bend + 40} ${b.x + BOX.width / 2},${b.y + bend + 40} ${b.x + BOX.width / 2},${b.y + BOX.height + 6}`
      : `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`;
    const [tx, ty] = back ? [(a.x + b.x + BOX.width) / 2, Math.max(a.y, b.y) + 78] : [x2 - 34, y2 - 8];
    return s("g", { class: `edge ${colour(parent)}`, "data-from": parent, "data-to": child }, s("title", null, `${parent} called ${child} ${plural(callCount, "time")}`),
      widthOf(s("path", { d: path, "marker-end": "url(#arrow)" }), thick(callCount)), s("text", { x: tx, y: ty, "text-anchor": "middle" }, number(callCount)));
  };
  const calledBy = (name) => calls.filter((c) => c.child === name).reduce((sum, c) => sum + c.callCount, 0);
  const node = (name) => {
    const { x, y } = at.get(name);
    const group = s("g", { class: `node ${colour(name)}`, transform: `translate(${x},${y})`, tabindex: "0", role: "link", "aria-label": `${name}: show its traces`, "data-name": name, onclick: () => open(name), onkeydown: (event) => event.key === "Enter" && open(name) },
      s("rect", { width: BOX.width, height: BOX.height, rx: 9 }), s("rect", { class: "stripe", width: 5, height: BOX.height, rx: 2.5 }), s("text", { x: 18, y: 20, class: "node-name" }, name.length > 19 ? `${name.slice(0, 18)}…` : name), s("text", { x: 18, y: 36 }, calledBy(name) ? `called ${plural(calledBy(name), "time")}` : "called by nobody"));
    for (const [type, on] of [["pointerenter", true], ["pointerleave", false], ["focus", true], ["blur", false]]) group.addEventListener(type, () => highlight(group, name, on));
    return group;
  };
  const drawing = s("svg", { class: "map", viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Service map" },
    s("defs", null, s("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 6, refY: 4, markerWidth: 7, markerHeight: 7, markerUnits: "userSpaceOnUse", orient: "auto" }, s("path", { d: "M0,0 L8,4 L0,8 z" }))), calls.map(edge), names.map(node));
  drawing.style.minWidth = `${Math.min(width, 640)}px`;
  drawing.style.maxWidth = `${width * 1.15}px`;
  const table = h("details", { class: "map-table" }, h("summary", null, "As a table"), h("div", { class: "table-wrap" }, h("table", null, h("thead", null, h("tr", null, h("th", null, "Caller"), h("th", null, "Called"), h("th", { class: "num" }, "Calls"))), h("tbody", null, calls.map((c) => h("tr", null, h("td", null, c.parent), h("td", null, c.child), h("td", { class: "num" }, number(c.callCount))))))));
  return h("section", { class: "panel map-panel" }, h("div", { class: "panel-head" }, h("h2", null, plural(names.length, "service")), h("span", { class: "muted small" }, `${plural(calls.length, "connection")}; lines are as thick as there are calls`)), h("div", { class: "map-scroll" }, drawing), table);
}

function widthOf(path, width) {
  path.style.strokeWidth = `${width.toFixed(1)}px`;
  return path;
}

/** Bring out a service's connections. */
function highlight(group, name, on) {
  const drawing = group.ownerSVGElement;
  drawing.classList.toggle("has-near", on);
  const near = new Set([name]);
  for (const edge of drawing.querySelectorAll(".edge")) {
    const touches = edge.dataset.from === name || edge.dataset.to === name;
    edge.classList.toggle("near", on && touches);
    if (touches) near.add(edge.dataset.from).add(edge.dataset.to);
  }
  for (const node of drawing.querySelectorAll(".node")) node.classList.toggle("near", on && near.has(node.dataset.name));
}
