// The log that follows, and what of it is shown. Whose lines they are is the console's to say.

import { get } from "./api.js";
import { $, clock, clockParts, coloured, h, sayWhenCalm, short } from "./dom.js";
import { Rows } from "./rows.js";
import { Lines, MAX_LINES } from "./store.js";

const FIRST = 1_000;
const LEVELS = ["debug", "info", "warn", "error"];
/** What of a line stands in its row: it can be 32 KB long. */
const MOST = 500;

export class Logs {
  constructor({ onRequest }) {
    this.onRequest = onRequest;
    this.lines = new Lines();
    /** Newer lines are not shown until somebody follows again: some before them are not here. */
    this.isBehind = false;
    this.query = 0;
    this.rows = new Rows({
      scroller: $("log-scroll"),
      body: $("log-rows"),
      height: 24,
      key: (line) => line.seq,
      make: (line) => cells(line),
      open: (line) => this.open(line),
    });
    this.rows.classOf = (line) => line.source;
    let timer = null;
    for (const id of ["log-text", "log-request", "log-instance", "log-level"]) {
      $(id).addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(() => this.load().then((count) => count != null && sayWhenCalm(`${count === FIRST ? "the newest " : ""}${count} lines`), () => {}), 120);
      });
    }
    $("log-filter").addEventListener("submit", (event) => event.preventDefault());
    $("log-earlier").addEventListener("click", () => this.earlier());
    $("log-follow").addEventListener("change", () => (this.isBehind && this.isFollowing() ? this.load().catch(() => {}) : this.render()));
    // Whoever scrolls up wants to read: by a wheel, a finger, a key or the bar.
    let last = { top: 0, height: 0 };
    $("log-scroll").addEventListener("scroll", () => {
      const { scrollTop: top, scrollHeight: height } = $("log-scroll");
      if (top < last.top - 1 && height >= last.height) this.stopFollowing();
      last = { top, height };
    }, { passive: true });
  }

  isFollowing() {
    return $("log-follow").checked;
  }

  stopFollowing() {
    $("log-follow").checked = false;
  }

  wanted() {
    const fields = { text: "log-text", request_id: "log-request", instance: "log-instance", level: "log-level" };
    return Object.fromEntries(Object.entries(fields).map(([name, id]) => [name, $(id).value.trim()]).filter(([, value]) => value));
  }

  /** What fits of all that the console keeps. */
  async load() {
    const query = ++this.query;
    const { lines } = await get(`logs?${new URLSearchParams({ limit: FIRST, ...this.wanted() })}`);
    if (query !== this.query) return;
    this.lines.set(lines);
    this.isBehind = false;
    this.render();
    return lines.length;
  }

  /** Some lines were missed. Who reads earlier ones goes on reading. */
  async reload() {
    if (this.isFollowing()) await this.load();
    else this.render();
  }

  async earlier() {
    const before = this.lines.lines[0]?.seq;
    if (!before) return;
    this.stopFollowing();
    const query = this.query;
    const { lines } = await get(`logs?${new URLSearchParams({ limit: FIRST, before, ...this.wanted() })}`);
    if (query !== this.query || before !== this.lines.lines[0]?.seq) return;
    if (!lines.length) return ($("log-count").textContent = "these are the oldest");
    if (!this.lines.prepend(lines)) this.isBehind = true;
    this.render();
    this.rows.reveal(lines.length); // down to the one that was the first
  }

  append(lines, missed) {
    // Who reads keeps what is read.
    const isFull = this.lines.lines.length + lines.length > MAX_LINES;
    if (!this.isFollowing() && (missed || isFull)) this.isBehind = true;
    if (this.isBehind) return;
    const { text, request_id: request, instance, level } = this.wanted();
    const fits = (line) =>
      (!text || line.text.toLowerCase().includes(text.toLowerCase())) &&
      (!request || line.request_id === request) &&
      (!instance || line.instance === instance) &&
      (!level || LEVELS.indexOf(line.level) >= LEVELS.indexOf(level));
    this.lines.append(lines.filter(fits));
  }

  render() {
    const { lines } = this.lines;
    const scroller = $("log-scroll");
    // A row that has the focus stays.
    const follows = this.isFollowing() && scroller.clientHeight > 0 && this.rows.focused() === null;
    this.rows.set(lines, { stay: !follows });
    $("no-lines").hidden = lines.length > 0;
    $("log-count").textContent = `${lines.length.toLocaleString("en")} lines${this.isBehind ? ", not the newest: Follow shows those" : ""}`;
    if (follows) {
      scroller.scrollTop = scroller.scrollHeight;
      this.rows.render();
    }
  }

  setInstances(instances) {
    const select = $("log-instance");
    const options = instances.map((one) => h("option", { value: one.id }, `${short(one.id)} ${one.function}`));
    const chosen = select.value;
    const ids = (all) => String([...all].map((option) => option.value));
    if (ids([...select.options].slice(1)) === ids(options)) return;
    select.replaceChildren(h("option", { value: "" }, "all"), ...options);
    select.value = chosen;
  }

  show(request) {
    $("log-text").value = $("log-instance").value = $("log-level").value = "";
    $("log-request").value = request;
    this.load().catch(() => {});
  }

  open(line) {
    const pane = $("log-line");
    const request = line.request_id && h("button", { type: "button", class: "link", onclick: () => this.onRequest(line.request_id) }, line.request_id);
    pane.replaceChildren(h("p", { class: "quiet" }, `${clock(line.at)} ${line.source} ${line.instance ?? ""} `, request || ""), h("div", {}, ...coloured(line.text)));
    pane.hidden = false;
  }
}

const MARKS = { stdout: "|", stderr: "!", initializer: "i", platform: "*", warning: "#" };

function cells(line) {
  const cell = (name, ...content) => h("td", { class: `l-${name}` }, ...content);
  return [
    cell("time", h("button", { type: "button", class: "link" }, ...clockParts(line.at))),
    cell("level", h("span", { class: `level ${line.level}` }, line.level)),
    cell("instance", short(line.instance)),
    cell("source", h("span", { title: line.source }, `${MARKS[line.source] ?? ""} ${line.source}`)),
    cell("text", ...coloured(line.text, MOST)),
  ];
}
