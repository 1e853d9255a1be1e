// The functions as they are configured. Secrets do not come this far.

import { $, h } from "./dom.js";

/** What is shown: each function's card, and what it was made of. */
let shown = new Map();

/** A card stays as it is while nothing of it has changed, and keeps the focus when something has. */
export function render(functions, { onSend }) {
  const before = shown;
  shown = new Map();
  for (const one of functions) {
    const { triggers, ...rest } = one;
    const text = JSON.stringify(rest);
    const known = before.get(one.name);
    const now = known?.text === text ? known : { text, element: card(one, onSend) };
    const isFocused = known && known !== now && known.element.contains(document.activeElement);
    // When a timer fires next changes often.
    const said = JSON.stringify(triggers);
    if (now.said !== said) now.element.querySelector(".triggers").replaceChildren(...triggersOf(triggers));
    now.said = said;
    shown.set(one.name, now);
    if (isFocused) {
      known.element.replaceWith(now.element);
      now.element.querySelector("button").focus();
    }
  }
  const elements = [...shown.values()].map((one) => one.element);
  const isSame = elements.length === $("functions").children.length && elements.every((one, at) => $("functions").children[at] === one);
  if (!isSame) $("functions").replaceChildren(...elements);
}

function triggersOf(triggers) {
  if (!triggers.length) return [h("p", { class: "quiet" }, "None: every HTTP call is answered.")];
  const rows = triggers.map(({ type, name, text, served }) => [type, name, served ? text : h("span", { class: "quiet" }, text)]);
  return [table(["Type", "Name", "What"], rows)];
}

function card(one, onSend) {
  const facts = [
    ["HTTP trigger", h("a", { href: one.url, target: "_blank", rel: "noreferrer" }, one.url)],
    ["Events", one.invocations_url],
    ["Command", one.command.join(" ")],
    ["Code", one.code],
    ["Runtime", one.runtime],
    ["Region", one.region],
    ["Memory", `${one.memory_mb} MB`],
    ["Time limit", `${one.timeout_ms / 1000} s`],
    ["At once", `${one.concurrency} per instance`],
    ["Port", one.port],
    ["Initializer", one.initializer],
    ["PreStop", one.pre_stop],
    ["Health check", one.health_check],
    ["Async retries", one.async_retries],
  ];
  const shown = facts.filter(([, value]) => value != null && value !== "");
  return h(
    "article",
    { class: "card" },
    h("div", { class: "bar" }, h("h3", {}, one.name), h("button", { type: "button", onclick: () => onSend(one.name) }, "Send")),
    h("dl", { class: "facts" }, ...shown.map(([name, value], at) => h("div", { class: at < 4 ? "wide" : null }, h("dt", {}, name), h("dd", {}, value instanceof Node ? value : String(value))))),
    h("h4", {}, "Triggers"),
    h("div", { class: "triggers" }),
    h("h4", {}, "Variables"),
    one.variables.length ? table(["Name", "Value"], one.variables.map(({ name, value, hidden }) => [name, hidden ? h("span", { class: "quiet" }, "hidden") : value])) : h("p", { class: "quiet" }, "None."),
  );
}

function table(names, rows) {
  const head = h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, name)));
  return h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows.map((cells) => h("tr", {}, ...cells.map((cell) => h("td", {}, cell))))));
}
