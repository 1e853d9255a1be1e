// The log that follows, and what of it is shown. Whose lines they are is the console's to say.

import { get } from "./api.js";
import { $, clock, clockParts, coloured, h, sayWhenCalm, short } from "./dom.js";
import { Rows } from "./rows.js";
import { Lines } from "./store.js";

const FIRST = 1_000;
const LEVELS = ["debug", "info", "warn", "error"];
/** What of a line stands in its row: it can be 32 KB long. */
const MOST = 500;

export class Logs {
  constructor({ onRequest }) {
    this.onRequest = onRequest;
    this.lines = new Lines();
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
    $("log-follow").addEventListener("change", () => this.render());
    // Whoever scrolls up wants to read: by a wheel, a finger, a key or the bar.
    let last = { top: 0, height: 0 };
    $("log-scroll").addEventListener("scroll", () => {
      const { scrollTop: top, scrollHeight: height } = $("log-scroll");
      if (top < last.top - 1 && height >= last.height) this.stopFollowing();
      last = { top, height };
    }, { passive: true });
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
    this.render();
    return lines.length;
  }

  async earlier() {
    const before = this.lines.lines[0]?.seq;
    if (!before) return;
    this.stopFollowing();
    const { lines } = await get(`logs?${new URLSearchParams({ limit: FIRST, before, ...this.wanted() })}`);
    this.lines.prepend(lines);
    this.render();
    if (!lines.length) $("log-count").textContent = "these are the oldest";
  }

  append(lines) {
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
    const follows = $("log-follow").checked && scroller.clientHeight > 0 && this.rows.focused() === null;
    this.rows.set(lines, { stay: !follows });
    $("no-lines").hidden = lines.length > 0;
    $("log-count").textContent = `${lines.length.toLocaleString("en")} lines`;
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
    this.load();
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
