// The functions as they are configured. Secrets do not come this far.

import { $, h } from "./dom.js";

export function render(functions, { onSend }) {
  $("functions").replaceChildren(...functions.map((one) => card(one, onSend)));
}

function card(one, onSend) {
  const facts = [
    ["HTTP trigger", one.url],
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
    h("dl", { class: "facts" }, ...shown.map(([name, value], at) => h("div", { class: at < 4 ? "wide" : null }, h("dt", {}, name), h("dd", {}, String(value))))),
    h("h4", {}, "Triggers"),
    one.triggers.length ? table(["Type", "Name", "What"], one.triggers.map(({ type, name, text, served }) => [type, name, served ? text : `${text} (not served here)`])) : h("p", { class: "quiet" }, "None in a template: every call is answered."),
    h("h4", {}, "Variables"),
    one.variables.length ? table(["Name", "Value"], one.variables.map(({ name, value, hidden }) => [name, hidden ? h("span", { class: "quiet" }, "hidden") : value])) : h("p", { class: "quiet" }, "None."),
  );
}

function table(names, rows) {
  const head = h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, name)));
  return h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows.map((cells) => h("tr", {}, ...cells.map((cell) => h("td", {}, cell))))));
}
