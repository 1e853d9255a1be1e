// The page put together: what is loaded, what follows, which tab is open. What each part shows is its own.

import { follow, get } from "./api.js";
import * as charts from "./charts.js";
import { $, h, say } from "./dom.js";
import * as functions from "./functions.js";
import { Invocations } from "./invocations.js";
import { Logs } from "./logs.js";
import { Send } from "./send.js";
import { hasFailed, Store } from "./store.js";
import * as timeline from "./timeline.js";

/** How often the page is drawn while something happens, and while nothing does but time. */
const DRAW_EVERY = 200;
const TICK_EVERY = 1_000;
/** While more happens than is told, when the machine is better used for that. */
const DRAW_EVERY_WHEN_BUSY = 1_900;
/** After so long without an update no more come of what happened: while much does, there is one each second. */
const CALM_AFTER = 4_000;
/** Functions change seldom, with --watch. */
const FUNCTIONS_EVERY = 10_000;

const store = new Store();
const view = new timeline.View(store);
const TABS = ["invocations", "logs", "functions", "send"];
let paused = false;
/** The newest invocation when the page was paused, and now. */
let [newestShown, newest] = [0, 0];
let names = [];
let places = [];
let chosen = null;
let isDue = false;
let drawnAt = 0;

const invocations = new Invocations({
  store,
  onOpen: (one) => {
    chosen = one?.key ?? null;
    if (one && (one.accepted_at < view.from || one.accepted_at > view.to)) view.show(one.accepted_at, one.ended_at ?? store.now());
    drawTime();
    revealChosen();
  },
  onLogs: (request) => {
    logs.show(request);
    openTab("logs", { focus: true });
  },
  onAnswer: (answer) => {
    openTab("send");
    send.show(answer);
    $("answer").querySelector("h3").focus();
  },
});
const logs = new Logs({ onRequest: openRequest });
const send = new Send({ onRequest: openRequest });

/** The newest attempt of a request, which may not have come here yet. */
async function openRequest(id) {
  const [one] = (await get(`invocations?limit=1&request_id=${encodeURIComponent(id)}`)).invocations;
  if (!one) return say("that invocation is not kept any more");
  openTab("invocations");
  invocations.open(one.key);
}

function openTab(name, { focus = false } = {}) {
  for (const other of TABS) {
    const tab = $(`tab-${other}`);
    tab.setAttribute("aria-selected", String(other === name));
    tab.tabIndex = other === name ? 0 : -1;
    $(`panel-${other}`).hidden = other !== name;
  }
  if (focus) $(`tab-${name}`).focus();
  history.replaceState(null, "", `#${name}`);
  if (name === "functions") loadFunctions().catch(() => {});
  draw();
}

$("tabs").addEventListener("click", (event) => {
  const tab = event.target.closest("[role=tab]");
  if (tab) openTab(tab.id.slice(4));
});
$("tabs").addEventListener("keydown", (event) => {
  const at = TABS.findIndex((name) => event.target.id === `tab-${name}`);
  const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  openTab(TABS[(next + TABS.length) % TABS.length], { focus: true });
});
if (TABS.includes(location.hash.slice(1))) openTab(location.hash.slice(1));
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-tab]");
  if (!link) return;
  event.preventDefault();
  openTab(link.dataset.tab, { focus: true });
});
document.addEventListener("keydown", (event) => {
  // In a field it is the field's.
  if (event.key === "Escape" && !event.target.closest("input, select") && invocations.opened && !$("panel-invocations").hidden) invocations.close();
});

// Time.

/** Without the bar that many lanes are scrolled with. */
function laneWidth() {
  return $("timeline-scroll").clientWidth || $("lanes").clientWidth;
}

function change(act) {
  act();
  drawTime();
}
const moves = { earlier: () => view.move(-0.5), later: () => view.move(0.5), live: () => view.follow(), "zoom-in": () => view.zoom(-1), "zoom-out": () => view.zoom(1) };
for (const [id, move] of Object.entries(moves)) $(id).addEventListener("click", () => change(move));
$("timeline-scroll").addEventListener("keydown", (event) => {
  const move = { ArrowLeft: moves.earlier, ArrowRight: moves.later, "+": moves["zoom-in"], "=": moves["zoom-in"], "-": moves["zoom-out"], End: moves.live }[event.key];
  if (!move) return;
  event.preventDefault();
  change(move);
});

function pointed(event) {
  const box = $("timeline").getBoundingClientRect();
  const width = laneWidth();
  return timeline.at(places, { px: event.clientX - box.left, py: event.clientY - box.top }, { from: view.from, to: view.to, width, left: timeline.labelWidth(width) });
}
let drag = null;
$("timeline").addEventListener("pointerdown", (event) => {
  drag = { x: event.clientX, to: view.to, moved: false };
});
addEventListener("pointermove", (event) => {
  if (!drag) return;
  const width = laneWidth();
  const moved = event.clientX - drag.x;
  if (Math.abs(moved) < 4 && !drag.moved) return;
  drag.moved = true;
  change(() => {
    view.end = drag.to - (moved / (width - timeline.labelWidth(width))) * view.span;
    if (view.end >= store.now()) view.end = null;
  });
});
addEventListener("pointerup", (event) => {
  const was = drag;
  drag = null;
  if (!was || was.moved || !$("timeline").contains(event.target)) return;
  const { call } = pointed(event);
  if (!call) return;
  openTab("invocations");
  invocations.open(call.key);
});
$("timeline").addEventListener("pointermove", (event) => {
  const found = pointed(event);
  const lines = drag?.moved ? null : timeline.told(found);
  const tip = $("tip");
  tip.hidden = !lines;
  $("timeline").classList.toggle("points", Boolean(found.call));
  if (!lines) return;
  tip.replaceChildren(...lines.filter(Boolean).map((line) => h("div", {}, line)));
  const box = $("lanes").getBoundingClientRect();
  tip.style.left = `${Math.min(event.clientX - box.left + 12, box.width - tip.offsetWidth - 4)}px`;
  tip.style.top = `${event.clientY - box.top + 14}px`;
});
$("timeline").addEventListener("pointerleave", () => ($("tip").hidden = true));

function drawTime() {
  if (!$("lanes").clientWidth) return;
  const [from, to, now] = [view.from, view.to, store.now()];
  const found = timeline.lanes(store, from, to);
  const isEmpty = store.instances.size === 0 && found.lanes.length === 0;
  $("no-lanes").hidden = !isEmpty;
  $("timeline-scroll").hidden = isEmpty;
  $("charts").toggleAttribute("hidden", isEmpty);
  const width = laneWidth();
  const left = timeline.labelWidth(width);
  places = timeline.draw($("timeline"), found, { from, to, now, width, left, chosen, several: names.length > 1, times: $("times") });
  charts.draw($("charts"), store.samples, { from, to, width, left });
  $("span").textContent = view.text();
  $("live").setAttribute("aria-pressed", String(view.isLive));
  if ($("as-table").open) timeline.table($("instance-rows"), [...store.instances.values()].reverse().slice(0, 100), now);
}
$("as-table").addEventListener("toggle", drawTime);

/** The lane of what was opened may be one of those that are scrolled to. */
function revealChosen() {
  const mark = [...$("timeline").querySelectorAll(".chosen")].at(-1);
  const scroller = $("timeline-scroll");
  const y = mark?.y.baseVal.value;
  if (mark && (y < scroller.scrollTop || y + 40 > scroller.scrollTop + scroller.clientHeight)) scroller.scrollTop = y - scroller.clientHeight / 2;
}
new ResizeObserver(drawTime).observe($("lanes"));

// What is drawn, and when.

function draw() {
  isDue = false;
  drawnAt = performance.now();
  if (document.hidden) return;
  let [running, waiting, failed] = [0, 0, 0];
  for (const one of store.invocations.values()) {
    if (one.stage === "running") running += 1;
    else if (one.stage === "waiting") waiting += 1;
    else if (hasFailed(one)) failed += 1;
  }
  const living = [...store.instances.values()].filter((one) => !one.ended_at).length;
  const counts = { instances: living, running, waiting, invocations: store.all, failed };
  for (const [name, count] of Object.entries(counts)) {
    const text = count.toLocaleString("en");
    if ($(`count-${name}`).textContent !== text) $(`count-${name}`).textContent = text;
  }
  $("counts").classList.toggle("bad", failed > 0);
  if (view.isLive) drawTime();
  if (!$("panel-invocations").hidden) invocations.render();
  if (!$("panel-logs").hidden) {
    logs.setInstances([...store.instances.values()]);
    logs.render();
  }
}

function hold() {
  store.hold(paused || ["lost", "ended"].includes(document.body.dataset.connection));
}

function soon(time = DRAW_EVERY) {
  if (isDue) return;
  isDue = true;
  setTimeout(() => requestAnimationFrame(draw), time);
}

$("pause").addEventListener("click", () => {
  if (!paused) draw(); // all that has come so far
  paused = !paused;
  newestShown = newest = store.all;
  $("pause").classList.toggle("on", paused);
  $("pause-text").textContent = paused ? "Go on" : "Pause";
  $("pause-count").textContent = "";
  hold();
  if (paused) {
    if (view.isLive) view.end = store.now();
    drawTime();
  } else {
    view.follow();
    load().catch(() => {}); // what came meanwhile was not taken
  }
});
setInterval(() => {
  const isStill = performance.now() - drawnAt >= TICK_EVERY - DRAW_EVERY;
  if (view.isLive && !paused && !document.hidden && isStill) soon(0);
}, TICK_EVERY);

// What comes.

async function load({ isGap = false } = {}) {
  // Before the rest: what changes meanwhile is told again.
  const seq = await newestOf();
  const [status, { invocations: all }, { instances }, { now, samples }] = await Promise.all([
    get("status"), get("invocations?limit=10000"), get("instances"), get("samples"),
  ]);
  const { kept, forgotten } = status.record.invocations;
  store.load({ now, invocations: all, instances, samples, all: kept + forgotten });
  await Promise.all([loadFunctions(), isGap ? logs.reload() : logs.load()]);
  draw();
  drawTime();
  return seq;
}

/** How far things are. */
async function newestOf() {
  return (await get("invocations?limit=1")).seq;
}

async function loadFunctions() {
  const found = (await get("functions")).functions;
  const found_names = found.map((one) => one.name);
  functions.render(found, { onSend: (name) => {
    send.setFunction(name);
    openTab("send", { focus: true });
  } });
  if (String(found_names) !== String(names)) {
    await send.setFunctions(found); // what fails is asked for again
    invocations.setFunctions(found_names);
    names = found_names;
  }
}
setInterval(() => !$("panel-functions").hidden && !document.hidden && loadFunctions().catch(() => {}), FUNCTIONS_EVERY);

let gap = null;

function fillGaps() {
  if (paused) return; // all is loaded when it goes on
  store.hasGaps = false;
  load({ isGap: true }).catch(() => {});
}

const TOLD = { connecting: "connecting", live: "live", lost: "no answer, trying again", ended: "fc-local has stopped", resting: "resting" };

follow({
  begin: () => (paused ? newestOf() : load()),
  take: (update) => {
    if (paused) {
      newest = Math.max(newest, ...update.invocations.map((one) => one.key));
      if (newest > newestShown) $("pause-count").textContent = ` (${(newest - newestShown).toLocaleString("en")} new)`;
      return;
    }
    store.apply(update);
    logs.append(update.lines, update.missed.lines);
    soon(update.missed.invocations ? DRAW_EVERY_WHEN_BUSY : DRAW_EVERY);
    // Some came faster than they are told: all of them are asked for when it is calm again.
    if (!store.hasGaps) return;
    const isCalm = update.missed.invocations + update.missed.lines === 0 && update.invocations.length < 50;
    clearTimeout(gap);
    gap = setTimeout(fillGaps, isCalm ? 0 : CALM_AFTER); // nothing more may come
  },
  told: (state) => {
    document.body.dataset.connection = state;
    hold();
    if ($("connection-text").textContent !== TOLD[state]) $("connection-text").textContent = TOLD[state];
  },
});
