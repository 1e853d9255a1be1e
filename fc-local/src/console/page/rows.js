// How are thousands of rows shown with a few in the page? Those in view, and a few beyond; the rest is room. One row is in the
// tab order; arrow keys move on from it. What a row shows is not known here.

import { h } from "./dom.js";

const BEYOND = 8;
const MOST = 180;

export class Rows {
  /** `make(item)` is a row's cells, of which the first that can be focused opens it; `key(item)` tells rows apart. */
  constructor({ scroller, body, height, key, make, open }) {
    Object.assign(this, { scroller, body, height, key, make, open });
    this.items = [];
    this.shown = new Map();
    this.active = null;
    this.above = h("tr", { class: "room", "aria-hidden": "true" }, h("td"));
    this.below = h("tr", { class: "room", "aria-hidden": "true" }, h("td"));
    body.replaceChildren(this.above, this.below);
    this.table = body.closest("table");
    scroller.addEventListener("scroll", () => this.render(), { passive: true });
    body.addEventListener("keydown", (event) => this.onKey(event));
    body.addEventListener("click", (event) => {
      const row = event.target.closest("tr[data-key]");
      const isReading = String(getSelection()) && row?.contains(getSelection().anchorNode);
      if (row && (event.target.closest("button") || !isReading)) this.choose(row.dataset.key);
    });
    new ResizeObserver(() => this.render()).observe(scroller);
  }

  /** Other rows. What is in view stays there when rows come above it, and so does what has the focus. */
  set(items, { stay = true } = {}) {
    const top = this.scroller.scrollTop;
    const focused = this.focused();
    const place = (all, key) => all.findIndex((item) => String(this.key(item)) === key);
    const first = stay && top > this.height ? Math.floor(top / this.height) : -1;
    const was = focused === null ? first : place(this.items, focused);
    const key = this.items[was] && String(this.key(this.items[was]));
    this.items = items;
    this.table.setAttribute("aria-rowcount", items.length + 1);
    const at = key === undefined ? -1 : place(items, key);
    if (at >= 0 && at !== was) {
      this.room(this.below, items.length); // there may be no room yet to scroll to
      this.scroller.scrollTop = top + (at - was) * this.height;
    }
    this.render();
  }

  /** The key of the row that has the focus. */
  focused() {
    const row = document.activeElement?.closest?.("tr[data-key]");
    return row && this.body.contains(row) ? row.dataset.key : null;
  }

  render() {
    const { clientHeight } = this.scroller;
    if (clientHeight === 0) return;
    // Fewer rows than before: there is no room yet where it was scrolled to.
    const scrollTop = Math.min(this.scroller.scrollTop, Math.max(0, this.items.length * this.height - clientHeight + this.table.tHead.offsetHeight));
    const begin = Math.max(0, Math.floor(scrollTop / this.height) - BEYOND);
    const count = Math.min(MOST, Math.ceil(clientHeight / this.height) + 2 * BEYOND);
    const visible = this.items.slice(begin, begin + count);
    const focused = this.focused();
    this.room(this.below, this.items.length); // rows go before others come: what is lower than that in between is scrolled back
    const keep = new Map();
    visible.forEach((item, at) => {
      const key = String(this.key(item));
      let known = this.shown.get(key);
      if (!known || known.item !== item) {
        const row = h("tr", { "data-key": key, class: this.classOf(item) }, ...this.make(item));
        if (known) known.row.replaceWith(row);
        known = { item, row };
      }
      known.row.setAttribute("aria-rowindex", begin + at + 2);
      keep.set(key, known);
    });
    for (const [key, { row }] of this.shown) if (!keep.has(key)) row.remove();
    this.shown = keep;
    let place = this.above;
    for (const { row } of keep.values()) {
      if (place.nextSibling !== row) place.after(row);
      place = row;
    }
    this.room(this.above, begin);
    this.room(this.below, Math.max(0, this.items.length - begin - visible.length));
    if (!keep.has(this.active)) this.active = visible.length ? String(this.key(visible[0])) : null;
    this.mark();
    // Its row was made anew, moved, or is out of view.
    if (focused !== null && this.focused() === null) (this.handle(keep.get(focused)?.row) ?? this.scroller).focus({ preventScroll: true });
  }

  classOf() {
    return null;
  }

  room(row, rows) {
    row.hidden = rows === 0;
    row.firstChild.height = rows * this.height;
  }

  handle(row) {
    return row?.querySelector("button");
  }

  /** One row alone is in the tab order. */
  mark() {
    for (const [key, { row }] of this.shown) {
      row.classList.toggle("chosen", key === this.chosen);
      const handle = this.handle(row);
      if (handle) handle.tabIndex = key === this.active ? 0 : -1;
    }
  }

  choose(key) {
    this.chosen = this.active = String(key);
    this.mark();
    const item = this.items.find((one) => String(this.key(one)) === this.chosen);
    if (item) this.open(item);
  }

  onKey(event) {
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / this.height) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const at = this.items.findIndex((item) => String(this.key(item)) === this.active);
    this.focus(Math.min(this.items.length - 1, Math.max(0, at + step)));
  }

  /** Scrolls as far as it takes for a row to be in view. */
  reveal(at) {
    const bottom = (at + 1) * this.height + this.table.tHead.offsetHeight - this.scroller.clientHeight;
    this.scroller.scrollTop = Math.max(bottom, Math.min(at * this.height, this.scroller.scrollTop));
    this.render();
  }

  focus(at) {
    const item = this.items[at];
    if (!item) return;
    this.active = String(this.key(item));
    const active = this.active;
    this.reveal(at);
    this.active = active;
    this.mark();
    this.handle(this.shown.get(active)?.row)?.focus({ preventScroll: true });
  }
}
