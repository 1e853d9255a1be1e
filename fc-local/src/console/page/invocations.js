// The table of invocations, and one of them opened. What an invocation is, is the console's.

import { get, post } from "./api.js";
import { $, bytes, clock, clockParts, coloured, duration, fill, h, megabytes, say, sayWhenCalm, short, s } from "./dom.js";
import { Rows } from "./rows.js";
import { hasFailed } from "./store.js";
import * as timeline from "./timeline.js";

const MOST_LINES = 200;
const MOST_TRACED = 100;

export class Invocations {
  constructor({ store, onOpen, onLogs, onAnswer }) {
    Object.assign(this, { store, onOpen, onLogs, onAnswer });
    this.opened = null;
    this.rows = new Rows({
      scroller: $("invocation-scroll"),
      body: $("invocation-rows"),
      height: 30,
      key: (one) => one.key,
      make: (one) => cells(one),
      open: (one) => this.open(one.key),
    });
    this.rows.classOf = (one) => (hasFailed(one) ? "failed" : null);
    for (const id of ["filter-text", "filter-function", "filter-kind"]) {
      $(id).addEventListener("input", () => {
        this.render({ stay: false });
        sayWhenCalm(`${this.rows.items.length} of ${this.store.invocations.size} invocations`);
      });
    }
    this.order = { by: "accepted_at", isAscending: false };
    for (const button of $("invocation-table").tHead.querySelectorAll("button")) button.addEventListener("click", () => this.sort(button));
    $("invocation-filter").addEventListener("submit", (event) => event.preventDefault());
  }

  /** By another column, the largest first, or the other way round. */
  sort(button) {
    const { by } = button.dataset;
    this.order = { by, isAscending: by === this.order.by && !this.order.isAscending };
    for (const head of $("invocation-table").tHead.rows[0].cells) head.removeAttribute("aria-sort");
    button.parentElement.setAttribute("aria-sort", this.order.isAscending ? "ascending" : "descending");
    $("invocation-scroll").scrollTop = 0;
    this.render({ stay: false });
  }

  /** Those that fit all words and choices, in the order that was chosen. */
  filtered() {
    const words = $("filter-text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const [name, kind] = [$("filter-function").value, $("filter-kind").value];
    const isKind = { "": () => true, failed: hasFailed, cold: (one) => one.cold, open: (one) => one.stage !== "ended" }[kind];
    const found = [];
    for (const one of this.store.invocations.values()) {
      if ((name && one.function !== name) || !isKind(one)) continue;
      if (words.length && !words.every((word) => searched(one).includes(word))) continue;
      found.push(one);
    }
    const { by, isAscending } = this.order;
    if (by !== "accepted_at") found.sort((one, other) => (one[by] ?? -1) - (other[by] ?? -1)); // else they are
    return isAscending ? found : found.reverse();
  }

  render({ stay = true } = {}) {
    const began = performance.now();
    const found = this.filtered();
    this.rows.set(found, { stay });
    $("invocation-scroll").dataset.filterMs = (performance.now() - began).toFixed(1);
    const all = this.store.invocations.size;
    $("no-invocations").hidden = found.length > 0;
    $("no-invocations").textContent = all ? "No invocation fits." : "No invocation yet.";
    $("invocation-count").textContent = found.length === all ? "" : `${found.length} of ${all}`;
    if (this.opened) this.renderStage();
  }

  setFunctions(names) {
    $("filter-function").replaceChildren(h("option", { value: "" }, "all"), ...names.map((name) => h("option", {}, name)));
  }

  async open(key) {
    this.opened = key;
    this.rows.chosen = this.rows.active = String(key);
    this.rows.mark();
    this.onOpen(this.store.invocations.get(key));
    await this.load();
    const head = $("detail").querySelector("h3");
    head?.focus({ preventScroll: false });
  }

  close() {
    const key = this.opened;
    this.opened = null;
    this.rows.chosen = null;
    $("detail").hidden = true;
    $("detail").parentElement.classList.remove("opened");
    this.rows.mark();
    this.onOpen(null);
    (this.rows.handle(this.rows.shown.get(String(key))?.row) ?? $("invocation-scroll")).focus();
  }

  async load() {
    const key = this.opened;
    const panel = $("detail");
    const hasFocus = () => panel.contains(document.activeElement);
    let [hadFocus, reading] = [false, null];
    try {
      const one = await get(`invocations/${key}`);
      const { lines } = await get(`logs?limit=${MOST_LINES}&request_id=${encodeURIComponent(one.request_id)}`);
      const traced = one.trace ? (await get(`invocations?limit=${MOST_TRACED}&trace_id=${one.trace.trace_id}`)).invocations : [];
      if (this.opened !== key) return;
      this.stage = one.stage;
      hadFocus = hasFocus();
      reading = this.shown === key && !panel.hidden ? state(panel) : null;
      fill(panel, ...this.detail(one, lines, traced));
      this.shown = key;
    } catch (error) {
      if (this.opened !== key) return;
      panel.replaceChildren(h("h3", { tabindex: "-1" }, "Invocation"), this.closer(), h("p", { class: "notice" }, error.message));
    }
    panel.hidden = false;
    panel.parentElement.classList.add("opened");
    if (reading) restore(panel, reading);
    if (hadFocus && !hasFocus()) panel.querySelector("h3").focus({ preventScroll: true });
  }

  /** One that was open while it ran is read again when it has ended. */
  renderStage() {
    const one = this.store.invocations.get(this.opened);
    if (one && one.stage !== this.stage) {
      this.stage = one.stage;
      this.load();
    }
  }

  closer() {
    return h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => this.close() }, "×");
  }

  detail(one, lines, traced) {
    const instance = this.store.instances.get(one.instance);
    const repeat = h("button", { type: "button", disabled: !one.repeatable, title: one.repeatable ? null : "What was sent is not kept: it was long, came piece by piece, or was too long ago" }, "Repeat");
    repeat.addEventListener("click", () => this.repeat(one, repeat));
    return [
      h("h3", { tabindex: "-1" }, `${one.method} ${one.path}`),
      this.closer(),
      h("p", { class: "badges" }, status(one), one.cold && h("span", { class: "badge cold" }, "cold start"), one.retries > 0 && h("span", { class: "badge" }, `retry ${one.retries}`)),
      h("p", { class: "actions" }, repeat, h("button", { type: "button", onclick: () => this.onLogs(one.request_id) }, "Its log")),
      one.error && h("pre", { class: "error" }, one.error),
      facts(one),
      instance && h("h4", {}, "Its lane"),
      instance && lane(this.store, one, instance),
      one.cold_start.length > 0 && h("h4", {}, "Its cold start"),
      one.cold_start.length > 0 && coldStart(one.cold_start),
      one.trace && h("h4", {}, `Its trace${traced.length === MOST_TRACED ? `, the last ${MOST_TRACED} of it` : ""}`),
      one.trace && trace(one, traced.reverse(), this.store.now(), (key) => this.open(key)),
      ...message("Request", one.request),
      ...message("Response", one.response),
      h("h4", {}, `Its log lines${lines.length === MOST_LINES ? `, the last ${MOST_LINES}` : ""}`),
      lines.length ? h("div", { class: "line", tabindex: "0", role: "region", "aria-label": "Its log lines" }, ...lines.map((line) => h("div", { class: line.source }, ...coloured(line.text)))) : h("p", { class: "quiet" }, "None."),
    ];
  }

  async repeat(one, button) {
    if (button.ariaDisabled) return;
    button.ariaDisabled = "true"; // one that is disabled would lose the focus
    say("sent once more");
    try {
      this.onAnswer(await post(`invocations/${one.key}/repeat`, {}));
    } catch (error) {
      this.onAnswer({ error: error.message });
    }
    button.ariaDisabled = null;
  }
}

/** What somebody has made of what is opened, which is shown anew when the invocation ends. */
function state(panel) {
  const open = [...panel.querySelectorAll("details[open]")].map((one) => one.className);
  const focused = panel.contains(document.activeElement) ? document.activeElement.textContent : null;
  return { top: panel.scrollTop, open, focused };
}

function restore(panel, { top, open, focused }) {
  for (const one of panel.querySelectorAll("details")) one.open = open.includes(one.className);
  [...panel.querySelectorAll("button, summary, h3")].find((one) => one.textContent === focused)?.focus({ preventScroll: true });
  panel.scrollTop = top;
}

const searched = (one) =>
  (one.searched ??= [one.request_id, one.function, one.trigger, one.method, one.path, one.status, one.error_type, one.error, one.instance, one.cold ? "cold" : "warm", one.stage]
    .join(" ")
    .toLowerCase());

function status(one) {
  const text = one.status == null ? one.stage : `${one.status}${one.x_fc_status ? ` (x-fc-status ${one.x_fc_status})` : ""}`;
  const kind = hasFailed(one) ? "bad" : one.stage !== "ended" ? "open" : one.status >= 400 ? "odd" : "good";
  return h("span", { class: `badge ${kind}` }, text);
}

function cells(one) {
  const cell = (name, ...content) => h("td", { class: `c-${name}` }, ...content);
  const cutCell = (name, text) => h("td", { class: `c-${name}`, title: text }, text);
  return [
    cell("time", ...clockParts(one.accepted_at)),
    cell("call", h("button", { type: "button", class: "link", title: one.path }, `${one.method} ${one.path}`)),
    cutCell("function", one.function),
    cell("trigger", one.trigger),
    cell("status", status(one)),
    cutCell("error", one.error_type ?? ""),
    cell("duration", duration(one.duration_ms)),
    cell("queue", duration(one.queue_ms)),
    cell("cold", one.stage === "waiting" || !one.instance ? "" : one.cold ? "cold" : "warm"),
    cell("billed", one.billed_ms == null ? "" : `${one.billed_ms} ms`),
    cell("memory", megabytes(one.memory_mb)),
    cell("id", one.request_id),
  ];
}

function facts(one) {
  const all = [
    ["Request id", one.request_id],
    ["Function", one.function],
    ["Trigger", one.trigger],
    ["Instance", one.instance],
    ["Accepted", clock(one.accepted_at)],
    ["Waited", duration(one.queue_ms)],
    ["Duration", duration(one.duration_ms)],
    ["Billed", one.billed_ms == null ? "" : `${one.billed_ms} ms`],
    ["Memory", megabytes(one.memory_mb)],
    ["Error type", one.error_type],
  ];
  return h("dl", { class: "facts" }, ...all.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function lane(store, one, instance) {
  const svg = s("svg", { class: "own-lane", "aria-hidden": "true" });
  const now = store.now();
  const end = one.ended_at ?? now;
  const room = Math.max(20, (end - one.accepted_at) * 0.15);
  const [from, to] = [one.accepted_at - room, end + room];
  const all = timeline.lanes(store, from, to);
  const own = all.lanes.filter((found) => found.instance?.id === instance.id);
  timeline.draw(svg, { lanes: own, hidden: 0 }, { from, to, now, width: Math.min(372, innerWidth - 60), left: 60, chosen: one.key, several: false });
  return svg;
}

function coldStart(parts) {
  const total = parts.reduce((sum, { ms }) => sum + ms, 0);
  const bar = s("svg", { class: "split-bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
  let x = 0;
  parts.forEach(({ ms }, at) => {
    const width = (ms / total) * 100;
    bar.append(s("rect", { class: `part p${at % 4}`, x, y: 0, width, height: 8 }));
    x += width;
  });
  const items = parts.map(({ part, ms }, at) => h("li", {}, h("i", { class: `k p${at % 4}` }), `${part} ${duration(ms)}`));
  return h("div", {}, bar, h("ul", { class: "legend" }, ...items, h("li", {}, `in all ${duration(total)}`)));
}

/** The calls of the same trace, each with its part of the trace's time. */
function trace(one, calls, now, open) {
  const end = (call) => call.ended_at ?? now;
  const [from, to] = [Math.min(...calls.map((call) => call.accepted_at)), Math.max(...calls.map(end))];
  const place = (at) => ((at - from) / Math.max(to - from, 0.001)) * 100;
  const items = calls.map((call) => {
    const bar = s("svg", { class: "span", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" });
    const [accepted, started] = [place(call.accepted_at), place(call.started_at ?? end(call))];
    const part = (kind, x, until) => s("rect", { class: `call ${kind}`, x, y: 0, width: Math.max(0.6, until - x), height: 6 });
    bar.append(part("waiting", accepted, started));
    if (call.started_at) bar.append(part(hasFailed(call) ? "failed" : "ok", started, place(end(call))));
    const name = `${call.function} ${call.method} ${call.path}`;
    const link = h("button", { type: "button", class: "link", "aria-current": call.key === one.key ? "true" : null, onclick: () => open(call.key) }, name);
    return h("li", {}, h("div", {}, link, h("span", { class: "quiet" }, duration(end(call) - call.accepted_at))), bar);
  });
  const sampled = one.trace.is_sampled ? "sampled" : "not sampled";
  return h("div", {}, h("p", { class: "quiet trace" }, `${one.trace.trace_id}, called by ${one.trace.parent_id}, ${sampled}`), h("ol", { class: "spans" }, ...items));
}

function message(name, one) {
  if (!one) return [];
  const rows = one.headers.map(([key, value]) => h("tr", {}, h("th", { scope: "row" }, key), h("td", {}, value)));
  const body = one.body ? [h("pre", { tabindex: "0", role: "region", "aria-label": `${name} body` }, one.body)] : [];
  return [
    h("h4", {}, name),
    h("details", { class: name.toLowerCase() }, h("summary", {}, `${one.line}, ${one.headers.length} headers${one.body_bytes ? `, ${bytes(one.body_bytes)}` : ""}`), h("table", { class: "headers" }, h("tbody", {}, ...rows))),
    ...body,
  ];
}
