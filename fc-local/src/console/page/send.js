// A call that is sent from the page, and what came back. How it is sent is the console's.

import { get, post } from "./api.js";
import { $, bytes, duration, fill, h } from "./dom.js";

export class Send {
  constructor({ onRequest }) {
    this.onRequest = onRequest;
    this.functions = [];
    this.samples = [];
    // What was made of each sample, so that another choice loses nothing.
    this.texts = new Map();
    this.sample = "";
    $("send-sample").addEventListener("change", () => this.begin($("send-sample").value));
    $("send-function").addEventListener("change", () => this.listSamples());
    for (const radio of document.getElementsByName("kind")) radio.addEventListener("change", () => this.choose(radio.value));
    $("send-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  async setFunctions(functions) {
    const names = functions.map((one) => one.name);
    const chosen = $("send-function").value;
    $("send-function").replaceChildren(...names.map((name) => h("option", {}, name)));
    if (names.includes(chosen)) $("send-function").value = chosen;
    this.functions = functions;
    if (!this.samples.length) this.samples = (await get("event-samples")).samples;
    this.listSamples();
  }

  setFunction(name) {
    $("send-function").value = name;
    this.listSamples();
  }

  /** The samples, first those that the function's own triggers send. */
  listSamples() {
    const own = this.functions.find((one) => one.name === $("send-function").value)?.event_samples ?? [];
    const option = ({ name, what }) => h("option", { value: name }, `${name}: ${what}`);
    const [first, rest] = [this.samples.filter(({ name }) => own.includes(name)), this.samples.filter(({ name }) => !own.includes(name))];
    fill(
      $("send-sample"),
      h("option", { value: "" }, "a text of your own"),
      first.length > 0 && h("optgroup", { label: "Samples of its triggers" }, ...first.map(option)),
      h("optgroup", { label: first.length ? "Other samples" : "Samples" }, ...rest.map(option)),
    );
    $("send-sample").value = this.sample;
  }

  begin(name) {
    this.texts.set(this.sample, $("send-payload").value);
    this.sample = name;
    $("send-payload").value = this.texts.get(name) ?? this.samples.find((one) => one.name === name)?.event ?? "";
  }

  choose(kind) {
    $("send-event").hidden = kind !== "event";
    $("send-http").hidden = kind !== "http";
  }

  /** What is in the form, or why it cannot be sent. */
  call() {
    const name = $("send-function").value;
    const kind = [...document.getElementsByName("kind")].find((radio) => radio.checked).value;
    if (kind === "event") return { kind, function: name, payload: $("send-payload").value, sample: this.sample || null, is_async: $("send-async").checked };
    const lines = $("send-headers").value.split("\n").filter((line) => line.trim());
    const headers = lines.map((line) => {
      const colon = line.indexOf(":");
      if (colon < 1) throw new Error(`a header is NAME: VALUE, not '${line}'`);
      return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    });
    const path = $("send-path").value.trim() || "/";
    return { kind, function: name, method: $("send-method").value, path, headers, body: $("send-body").value };
  }

  async send() {
    const button = $("send-button");
    if (button.ariaDisabled) return;
    button.ariaDisabled = "true"; // one that is disabled would lose the focus
    button.textContent = "Sending …";
    try {
      this.show(await post("send", this.call()));
    } catch (error) {
      this.show({ error: error.message });
    }
    button.ariaDisabled = null;
    button.textContent = "Send";
  }

  show(answer) {
    if (answer.error) return $("answer").replaceChildren(h("h3", { tabindex: "-1" }, "Not sent"), h("p", { class: "notice" }, answer.error));
    const errorType = answer.headers.find(([name]) => name === "x-fc-error-type")?.[1];
    const isBad = answer.status >= 500 || errorType;
    const rows = answer.headers.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)));
    const body = answer.body ?? `(${bytes(answer.body_bytes)} that are no text)`;
    fill(
      $("answer"),
      h("h3", { tabindex: "-1" }, "Answer"),
      h("p", { class: "badges" }, h("span", { class: `badge ${isBad ? "bad" : "good"}` }, String(answer.status)), errorType && h("span", { class: "badge bad" }, errorType), `${duration(answer.duration_ms)}, ${bytes(answer.body_bytes)}`),
      answer.incomplete && h("p", { class: "notice" }, answer.incomplete),
      answer.request_id && h("p", {}, h("button", { type: "button", class: "link", onclick: () => this.onRequest(answer.request_id) }, answer.request_id)),
      h("pre", { tabindex: "0", role: "region", "aria-label": "Body" }, body || "(empty)"),
      h("details", {}, h("summary", {}, `${answer.headers.length} headers`), h("table", { class: "headers" }, h("tbody", {}, ...rows))),
    );
  }
}
