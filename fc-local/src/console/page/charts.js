// How many at once, and how much memory? Two strips on the timeline's axis. What is counted is the console's.

import { megabytes, s } from "./dom.js";

const HEIGHT = 44;
const TOP = 8;

export function draw(svg, samples, { from, to, width, left }) {
  const x = (at) => left + ((Math.min(Math.max(at, from), to) - from) / (to - from)) * (width - left - 8);
  const seen = steps(samples, from, to);
  const running = Math.max(1, ...seen.map((one) => one.running + one.waiting));
  const memory = Math.max(1, ...seen.map((one) => one.memory_mb));
  const nodes = [
    ...strip(seen, x, to, 0, [["waiting", (one) => (one.running + one.waiting) / running], ["running", (one) => one.running / running]]),
    ...strip(seen, x, to, HEIGHT + TOP, [["memory", (one) => one.memory_mb / memory]]),
    ...labels(0, "at once", String(running), left),
    ...labels(HEIGHT + TOP, "memory", megabytes(memory), left),
  ];
  svg.setAttribute("width", width);
  svg.setAttribute("height", 2 * (HEIGHT + TOP));
  svg.replaceChildren(...nodes);
}

/** What holds from each second on: one in which nothing changed is as the one before, with nothing under way. */
function steps(samples, from, to) {
  const found = [];
  let before = null;
  for (const sample of samples) {
    const at = sample.second * 1000;
    if (at > to) break;
    if (before && at > before.at + 1000) found.push({ ...before, at: before.at + 1000, running: 0, waiting: 0 });
    before = { at, running: sample.running, waiting: sample.waiting, memory_mb: sample.memory_mb };
    found.push(before);
  }
  if (before && before.at + 1000 < to) found.push({ ...before, at: before.at + 1000, running: 0, waiting: 0 });
  const first = found.findLastIndex((one) => one.at <= from);
  return found.slice(Math.max(0, first));
}

function strip(seen, x, to, top, kinds) {
  const bottom = top + TOP + HEIGHT - 6;
  const room = HEIGHT - 12;
  const nodes = [s("path", { class: "rule", d: `M${x(-Infinity)} ${bottom + 0.5}H${x(Infinity)}` })];
  for (const [kind, of] of kinds) {
    if (!seen.length) continue;
    let d = `M${x(seen[0].at).toFixed(1)} ${bottom}`;
    seen.forEach((one, at) => {
      const y = bottom - of(one) * room;
      d += `V${y.toFixed(1)}H${x(seen[at + 1]?.at ?? to).toFixed(1)}`;
    });
    nodes.push(s("path", { class: `area ${kind}`, d: `${d}V${bottom}z` }));
  }
  return nodes;
}

function labels(top, name, most, left) {
  return [
    s("text", { class: "lane", x: 4, y: top + TOP + 14 }, name),
    s("text", { class: "quiet", x: 4, y: top + TOP + 28 }, left < 100 ? most : `up to ${most}`),
  ];
}
