// What did each instance do when? A lane each on one axis of time: a bar of its phases, its invocations side by side below it.
// Few elements, however many invocations there are: one path for all of a kind in a lane. What is opened by a click is
// not decided here.

import { clock, duration, h, megabytes, s, short } from "./dom.js";
import { hasFailed } from "./store.js";

const BAR = 7;
const ROW = 9;
const GAP = 3;
const MOST_ROWS = 12;
const MOST_LANES = 40;
const SPANS = [1e3, 2e3, 5e3, 10e3, 20e3, 60e3, 120e3, 300e3, 600e3, 1800e3, 3600e3];
const STEPS = [50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 1800e3];

/** Which stretch of time is in view. */
export class View {
  constructor(store) {
    this.store = store;
    this.span = 60e3;
    this.end = null;
  }

  get isLive() {
    return this.end === null;
  }

  get to() {
    return this.end ?? this.store.now();
  }

  get from() {
    return this.to - this.span;
  }

  zoom(step) {
    const at = SPANS.findIndex((span) => span >= this.span);
    const middle = this.from + this.span / 2;
    this.span = SPANS[Math.min(SPANS.length - 1, Math.max(0, at + step))];
    if (!this.isLive) this.end = middle + this.span / 2;
  }

  move(part) {
    this.end = this.to + part * this.span;
    if (this.end >= this.store.now()) this.end = null;
  }

  follow() {
    this.end = null;
  }

  /** Shows this stretch, with some room around it where as much time as is shown would not do. */
  show(from, to) {
    const wanted = (to - from) * 1.6;
    if (this.span < wanted) this.span = SPANS.find((span) => span >= wanted) ?? SPANS.at(-1);
    const end = (from + to) / 2 + this.span / 2;
    this.end = end >= this.store.now() && this.span >= this.store.now() - from ? null : end;
  }

  text() {
    return this.span < 60e3 ? `${this.span / 1000} s` : this.span < 3600e3 ? `${this.span / 60e3} min` : "1 h";
  }
}

export const labelWidth = (width) => (width < 600 ? 76 : 168);

/** A box as a path, at least a pixel wide. */
const box = (x, y, width, height) => `M${x.toFixed(1)} ${y}h${Math.max(1, width).toFixed(1)}v${height}h${-Math.max(1, width).toFixed(1)}z`;

/** Where the calls of a lane stand: the first row that is free when they begin. */
function placed(calls, rows) {
  const free = [];
  return calls.map((call) => {
    const [from, to] = call.stretch;
    let row = free.findIndex((until) => until <= from);
    if (row < 0) row = Math.min(free.length, rows - 1);
    free[row] = to;
    return { ...call, row };
  });
}

/** The lanes in view, with all that is in them. */
export function lanes(store, from, to) {
  const now = store.now();
  const inView = (begin, end) => begin <= to && (end ?? now) >= from;
  const ofInstance = new Map();
  const waiting = [];
  for (const call of store.invocations.values()) {
    if (!inView(call.accepted_at, call.ended_at)) continue;
    if (call.queue_ms > 1 || (call.stage === "waiting" && now - call.accepted_at > 1)) {
      waiting.push({ call, stretch: [call.accepted_at, call.started_at ?? call.ended_at ?? now] });
    }
    if (!call.instance) continue;
    const all = ofInstance.get(call.instance) ?? [];
    all.push({ call, stretch: [call.started_at, call.ended_at ?? now] });
    ofInstance.set(call.instance, all);
  }
  const found = [...store.instances.values()].filter((one) => inView(one.started_at, one.ended_at));
  found.sort((one, other) => one.started_at - other.started_at);
  const byBegin = (one, other) => one.stretch[0] - other.stretch[0];
  const lane = (instance, calls, most) => {
    const all = placed(calls.sort(byBegin), Math.max(1, Math.min(most, MOST_ROWS)));
    return { instance, calls: all, rows: all.reduce((rows, call) => Math.max(rows, call.row + 1), 1) };
  };
  const result = found.slice(-MOST_LANES).map((one) => lane(one, ofInstance.get(one.id) ?? [], one.concurrency));
  if (waiting.length) result.unshift(lane(null, waiting, 8));
  return { lanes: result, hidden: Math.max(0, found.length - MOST_LANES) };
}

const heightOf = (lane) => (lane.instance ? BAR + 2 : 2) + lane.rows * (ROW + 1) + 18;

/**
 * Draws lanes from the left edge `left` on; a lane's place is remembered for whoever points at it. The times are on top, or in
 * `times`, which stays where it is while the lanes are scrolled.
 */
export function draw(svg, { lanes: all, hidden }, { from, to, now, width, left, chosen, several, times }) {
  const x = (at) => left + ((Math.min(Math.max(at, from), to) - from) / (to - from)) * (width - left - 8);
  const nodes = [];
  const places = [];
  const top = times ? 4 : 22;
  let y = top;
  const texts = axis(nodes, x, { from, to, left, top: top - 4, height: all.reduce((sum, lane) => sum + heightOf(lane), top + 2) });
  times?.replaceChildren(...texts);
  if (!times) nodes.push(...texts);
  for (const lane of all) {
    const bottom = y + heightOf(lane);
    label(nodes, lane, y, left, several);
    if (lane.instance) phases(nodes, lane.instance, x, y + GAP, { from, to, now, bottom });
    const rowsTop = y + GAP + (lane.instance ? BAR + 2 : 0);
    calls(nodes, lane, x, rowsTop, { now, chosen });
    places.push({ lane, top: y, rowsTop, bottom });
    y = bottom;
    nodes.push(s("path", { class: "rule", d: `M0 ${y - 4.5}H${width}` }));
  }
  if (hidden) nodes.push(s("text", { class: "quiet", x: 4, y: y + 12 }, `and ${hidden} older instances`));
  if (now >= from && now <= to) nodes.push(s("path", { class: "now", d: `M${x(now).toFixed(1)} ${top - 4}V${y}` }));
  svg.setAttribute("height", y + (hidden ? 20 : 2));
  svg.setAttribute("width", width);
  svg.replaceChildren(...nodes);
  return places;
}

/** A line for each time, and its text. */
function axis(nodes, x, { from, to, left, top, height }) {
  const texts = [];
  const room = x(to) - x(from);
  const step = STEPS.find((one) => (one / (to - from)) * room >= 78) ?? STEPS.at(-1);
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
    const place = x(at);
    if (place < left) continue;
    nodes.push(s("path", { class: "tick", d: `M${place.toFixed(1)} ${top}V${height}` }));
    const isLast = place > x(to) - 24;
    texts.push(s("text", { class: "time", x: isLast ? x(to) + 6 : place.toFixed(1), y: 12, "text-anchor": isLast ? "end" : "middle" }, step < 1000 ? clock(at).slice(6) : clock(at, false)));
  }
  return texts;
}

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function label(nodes, lane, top, left, several) {
  const one = lane.instance;
  const name = one ? short(one.id) : "waiting";
  nodes.push(s("text", { class: "lane", x: 4, y: top + 13 }, several && one && left > 100 ? cut(`${name} ${one.function}`, Math.floor((left - 10) / 7.3)) : name));
  if (!one || left < 100) return;
  const state = one.phase ? one.phase.replace("_", "-") : "ended";
  const process = one.pid ? `pid ${one.pid} · ` : "";
  nodes.push(s("text", { class: "quiet", x: 4, y: top + 26 }, `${process}:${one.port}${left > 100 ? ` · ${state}` : ""}`));
}

function phases(nodes, instance, x, y, { from, to, now, bottom }) {
  const paths = new Map();
  for (const phase of instance.phases) {
    const end = phase.to ?? now;
    if (end < from || phase.from > to) continue;
    paths.set(phase.phase, (paths.get(phase.phase) ?? "") + box(x(phase.from), y, x(end) - x(phase.from), BAR));
  }
  for (const [phase, d] of paths) nodes.push(s("path", { class: `phase ${phase}`, d }));
  if (instance.ended_at && instance.ended_at >= from && instance.ended_at <= to) {
    const at = x(instance.ended_at);
    const isQuiet = instance.end.startsWith("stopped: ");
    nodes.push(s("path", { class: isQuiet ? "ended" : "ended bad", d: `M${at - 3} ${y}l7 7m0 -7l-7 7` }));
    const most = Math.floor(Math.min(44, (x(to) - x(from)) / 6));
    const text = cut(instance.end, most);
    // After it, where nothing else can be, or else below all that the lane has.
    const isAfter = at + 9 + 6 * text.length < x(to);
    const isRight = isAfter || at - 6 * text.length < x(from);
    const place = isAfter ? { x: at + 9, y: y + BAR + 1 } : { x: isRight ? x(from) : at + 4, y: bottom - 7 };
    nodes.push(s("text", { class: "end", ...place, "text-anchor": isRight ? "start" : "end" }, text));
  }
}

function calls(nodes, lane, x, top, { now, chosen }) {
  const paths = new Map();
  const columns = new Set();
  for (const { call, stretch, row } of lane.calls) {
    const kind = !lane.instance ? "waiting" : call.stage !== "ended" ? "running" : hasFailed(call) ? "failed" : "ok";
    const [begin, end] = [x(stretch[0]), x(stretch[1] ?? now)];
    // Thousands in a few pixels look like one.
    const column = `${kind} ${row} ${Math.round(begin * 2)}`;
    if (end - begin < 1 && columns.has(column)) continue;
    columns.add(column);
    const y = top + row * (ROW + 1);
    paths.set(kind, (paths.get(kind) ?? "") + box(begin, y, Math.max(end - begin, kind === "failed" ? 2.5 : 0), ROW));
    if (call.key === chosen) nodes.push(s("rect", { class: "chosen", x: begin - 2, y: y - 2, width: Math.max(1, end - begin) + 4, height: ROW + 4, rx: 2 }));
  }
  for (const [kind, d] of paths) nodes.push(s("path", { class: `call ${kind}`, d }));
}

/** What is at a point: a call, or else the lane's instance. */
export function at(places, { px, py }, { from, to, width, left }) {
  const place = places.find(({ top, bottom }) => py >= top && py < bottom);
  if (!place) return {};
  const time = from + ((px - left) / (width - left - 8)) * (to - from);
  const slack = ((to - from) / (width - left)) * 3;
  const row = Math.floor((py - place.rowsTop) / (ROW + 1));
  const hit = place.lane.calls.findLast((one) => one.row === row && time >= one.stretch[0] - slack && time <= one.stretch[1] + slack);
  return { call: hit?.call, instance: place.lane.instance, time };
}

/** What is told of it. */
export function told({ call, instance, time }) {
  if (call) {
    const lines = [`${call.method} ${call.path}`, `${call.status ?? call.stage}${call.error_type ? ` ${call.error_type}` : ""} · ${duration(call.duration_ms)}`];
    if (call.queue_ms > 1) lines.push(`waited ${duration(call.queue_ms)}${call.cold ? " for a cold start" : ""}`);
    return lines;
  }
  if (!instance) return null;
  const phase = instance.phases.findLast((one) => one.from <= time && (one.to ?? Infinity) >= time);
  return [`instance ${short(instance.id)} of ${instance.function}`, phase ? `${phase.phase.replace("_", "-")} ${duration((phase.to ?? time) - phase.from)}` : (instance.end ?? ""), megabytes(instance.memory_mb)];
}

/** The same without a picture. Rows and cells stay, so that they can be read and chosen while they change. */
export function table(body, instances, now) {
  const known = new Map([...body.rows].map((row) => [row.dataset.id, row]));
  const rows = instances.map((one) => {
    const row = known.get(one.id) ?? h("tr", { "data-id": one.id }, h("th", { scope: "row" }), ...Array.from({ length: 9 }, () => h("td")));
    tableCells(one, now).forEach((text, at) => {
      if (row.cells[at].textContent !== text) row.cells[at].textContent = text;
    });
    return row;
  });
  if (rows.length !== body.rows.length || rows.some((row, at) => body.rows[at] !== row)) body.replaceChildren(...rows);
}

function tableCells(one, now) {
  const frozen = one.phases.filter((phase) => phase.phase === "frozen").reduce((sum, phase) => sum + (phase.to ?? now) - phase.from, 0);
  const parts = one.cold_start.map(({ part, ms }) => `${part} ${duration(ms)}`).join(", ");
  return [short(one.id), one.function, `${one.pid ?? "–"}, ${one.port}`, clock(one.started_at, false), one.phase?.replace("_", "-") ?? "ended",
    `${one.invocations}, ${one.running.length} running`, duration(frozen), megabytes(one.memory_mb), parts, one.end ?? ""];
}
