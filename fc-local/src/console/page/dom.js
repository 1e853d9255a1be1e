// How is something of others shown? As text, always: whatever a function sends or prints becomes text nodes. What is shown
// where is not known here.

export const $ = (id) => document.getElementById(id);

/** An element: its attributes, then its children, which are nodes or text. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

export function s(name, attributes = {}, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

const pad = (number, width = 2) => String(number).padStart(width, "0");

/** The time of day, by the clock of whoever looks. */
export function clock(at, withMillis = true) {
  const date = new Date(at);
  const text = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  return withMillis ? `${text}.${pad(date.getMilliseconds(), 3)}` : text;
}

/** The same in a table, which may have no room for the milliseconds. */
export function clockParts(at) {
  const text = clock(at);
  return [text.slice(0, 8), h("span", { class: "ms" }, text.slice(8))];
}

export function duration(ms) {
  if (ms == null) return "";
  if (ms < 0.05) return "0 ms";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 10_000) return `${Math.round(ms)} ms`;
  if (ms < 600_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}

export const megabytes = (mb) => (mb == null ? "" : mb < 10 ? `${mb.toFixed(1)} MB` : `${Math.round(mb)} MB`);

export const bytes = (count) =>
  count < 1000 ? `${count} bytes` : count < 1e6 ? `${(count / 1000).toFixed(1)} KB` : `${(count / 1e6).toFixed(1)} MB`;

/** The part of an id that tells two apart, as the log has it. */
export const short = (id) => (id ? (id.split("-").pop() ?? id).slice(0, 6) : "");

// What a terminal would act on, or what turns the order of what is shown.
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g;
const COLOUR = /\u001b\[([\d;:]{0,64})m/g;

const visible = (text) =>
  text.replace(OBEYED, (c) => {
    const code = c.charCodeAt(0);
    return code < 0x80 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
  });

// Of 256 and of 24 bits the nearest of the sixteen whose contrast is known.
const RGB = [[0, 0, 0], [190, 30, 30], [30, 150, 60], [170, 120, 0], [40, 90, 200], [160, 50, 160], [0, 140, 150], [200, 200, 200]];

function nearest(r, g, b) {
  const distance = ([x, y, z]) => (x - r) ** 2 + (y - g) ** 2 + (z - b) ** 2;
  return RGB.reduce((best, rgb, at) => (distance(rgb) < distance(RGB[best]) ? at : best), 0);
}

function of256(number) {
  if (number < 16) return number % 8;
  if (number > 231) return nearest(...Array(3).fill(8 + (number - 232) * 10));
  const part = (value) => (value ? 55 + value * 40 : 0);
  const cube = number - 16;
  return nearest(part(Math.floor(cube / 36)), part(Math.floor(cube / 6) % 6), part(cube % 6));
}

/** A colour of 256 or 24 bits: after colons, where it may name a space first, or of the parameters that follow. */
function colourOf([kind, ...parts]) {
  return kind === 5 ? of256(parts[0] ?? 0) : nearest(...[0, 1, 2].map((at) => parts[at] || 0));
}

/** What ECMA-48's SGR makes of a style, with ITU-T T.416's parts of a parameter after colons. */
function restyled(style, parameters) {
  const codes = parameters.split(";").map((code) => code.split(":").map(Number));
  let next = { ...style };
  for (let at = 0; at < codes.length; at += 1) {
    const [code, ...parts] = codes[at];
    if (code === 0) next = {};
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 3) next.italic = true;
    else if (code === 4 || code === 21) next.underline = parts[0] !== 0;
    else if (code === 22) next.bold = next.dim = false;
    else if (code === 23) next.italic = false;
    else if (code === 24) next.underline = false;
    else if (code >= 30 && code <= 37) next.colour = code - 30;
    else if (code >= 90 && code <= 97) next.colour = code - 90;
    else if (code === 39) next.colour = undefined;
    else if ([38, 48, 58].includes(code)) {
      let colour = parts[0] === 2 && parts.length > 4 ? [2, ...parts.slice(2)] : parts;
      if (!parts.length) {
        const length = codes[at + 1]?.[0] === 5 ? 2 : 4;
        colour = codes.slice(at + 1, at + 1 + length).map(([part]) => part);
        at += length;
      }
      if (code === 38) next.colour = colourOf(colour);
    }
  }
  return next;
}

/** A line as nodes: colours become colours, all else that a terminal would obey is shown. */
export function coloured(text, most = Infinity) {
  const nodes = [];
  let style = {};
  let begin = 0;
  const push = (piece) => {
    if (!piece) return;
    const names = Object.entries(style).flatMap(([name, value]) => (name === "colour" ? (value === undefined ? [] : [`a${value}`]) : value ? [name] : []));
    nodes.push(names.length ? h("span", { class: names.join(" ") }, visible(piece)) : visible(piece));
  };
  const shown = text.length > most ? `${text.slice(0, most)}…` : text;
  for (const match of shown.matchAll(COLOUR)) {
    push(shown.slice(begin, match.index));
    style = restyled(style, match[1]);
    begin = match.index + match[0].length;
  }
  push(shown.slice(begin));
  return nodes;
}

/** Other children, without those that there are none of. */
export function fill(element, ...children) {
  element.replaceChildren(...children.filter((child) => child != null && child !== false));
}

/** Says something to whoever listens to the page. */
export function say(text) {
  $("said").textContent = text;
}

let calm = null;

/** The same once nothing else is said for a moment: while somebody types. */
export function sayWhenCalm(text) {
  clearTimeout(calm);
  calm = setTimeout(() => say(text), 800);
}
