// SPDX-License-Identifier: AGPL-3.0-or-later
// The visitor's page: draws /api/state once a second and sends what the visitor presses to /api/wishes.
"use strict";

const SPEEDS = [[0, "Stop"], [1, "1×"], [10, "10×"], [30, "30×"], [120, "120×"]];
const CAMERA_ACTS = [["cover", "Cover it"], ["bump", "Bump it"], ["defocus", "Defocus"], ["freeze", "Freeze"], ["half_frames", "Break frames"],
  ["lose", "Unplug"], ["stand", "Stand before it"], ["mend", "Mend"]];
const ZONE_ACTS = [["sell", "Buy 1", 1], ["sell", "Buy all", 500], ["steal", "Steal 1", 1], ["steal", "Steal all", 500], ["restock", "Restock", 1],
  ["misplace", "Put a stranger here", 1], ["damage", "Damage one", 1]];
const REASONS = { black: "dark", frozen: "frozen picture", blurred: "blurred", occluded: "something is in the way", covered: "the lens is covered", moved: "the camera moved",
  no_shelf: "no shelf in view", no_calibration: "not calibrated", out_of_view: "out of view", camera_lost: "no picture", unsettled: "looking" };
const $ = (id) => document.getElementById(id);
let state = null;
let openZone = null;

function make(name, attributes = {}, ...children) {
  const svg = ["svg", "g", "polygon", "text", "rect", "title"].includes(name);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

function toast(words) {
  $("toast").textContent = words;
  $("toast").hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { $("toast").hidden = true; }, 5000);
}

async function wish(body, button) {
  if (button) button.disabled = true;
  try {
    const answer = await fetch("/api/wishes", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const told = await answer.json();
    toast(typeof told.detail === "string" ? told.detail : told.words || "The store did not understand that.");
  } catch {
    toast("The store does not answer.");
  }
  if (button) button.disabled = false;
  await refresh();
}

function button(words, body, attributes = {}) {
  const made = make("button", { type: "button", ...attributes }, words);
  made.addEventListener("click", () => wish(body, made));
  return made;
}

function verdict(zone) {
  if (zone.seen.state !== "seen") return "unknown";
  return Math.abs(zone.seen.facings_count - zone.front_packs_count) < 0.5 ? "right" : "wrong";
}

function zoneWords(zone) {
  return zone.seen.state === "seen" ? `${zone.front_packs_count} → ${Math.round(zone.seen.facings_count)}` : `${zone.front_packs_count} → ?`;
}

function buildBay(bay) {
  const overlay = make("svg", { viewBox: `0 0 ${bay.image_wh_px[0]} ${bay.image_wh_px[1]}`, role: "group", "aria-label": `Zones of ${bay.name}` });
  for (const zone of bay.zones) {
    const group = make("g", { class: "zone", tabindex: "0", role: "button", "data-zone": zone.zone_id });
    const [x, y] = [Math.min(...zone.polygon_px.map((p) => p[0])), Math.max(...zone.polygon_px.map((p) => p[1]))];
    const scale = bay.image_wh_px[0] / 960;
    group.append(make("title"), make("polygon", { points: zone.polygon_px.map((p) => p.join(",")).join(" ") }),
      make("rect", { x: x + 4, y: y - 38 * scale, width: 92 * scale, height: 32 * scale, rx: 6 }), make("text", { x: x + 12 * scale, y: y - 14 * scale }));
    group.lastChild.style.fontSize = `${24 * scale}px`;
    const open = () => { openZone = zone.zone_id; drawZone(); $("zone").showModal(); };
    group.addEventListener("click", open);
    group.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); } });
    overlay.append(group);
  }
  const picture = make("img", { alt: `What camera ${bay.camera_id} sends`, width: bay.image_wh_px[0], height: bay.image_wh_px[1] });
  const lost = make("div", { class: "lost", hidden: true }, "no picture");
  const acts = make("div", { class: "acts" });
  for (const [act, words] of CAMERA_ACTS) acts.append(button(words, { act, target: act === "stand" ? bay.bay_id : bay.camera_id }, { "data-act": act }));
  const card = make("article", { class: "card bay", "data-bay": bay.bay_id },
    make("header", {}, make("h2", {}, bay.name), make("span", { class: "soft" })), make("div", { class: "view" }, picture, overlay, lost), acts);
  const next = () => { setTimeout(() => { picture.src = `/cameras/${bay.camera_id}/picture.jpg?n=${Date.now()}`; }, 700); };
  picture.addEventListener("load", () => { lost.hidden = true; next(); });
  picture.addEventListener("error", () => { lost.hidden = false; next(); });
  picture.src = `/cameras/${bay.camera_id}/picture.jpg`;
  return card;
}

function drawBays() {
  if ($("bays").childElementCount !== state.bays.length) $("bays").replaceChildren(...state.bays.map(buildBay));
  for (const bay of state.bays) {
    const card = document.querySelector(`[data-bay="${bay.bay_id}"]`);
    card.querySelector("header .soft").textContent = bay.troubles.length ? bay.troubles.join(", ") : "camera works";
    for (const zone of bay.zones) {
      const group = card.querySelector(`[data-zone="${zone.zone_id}"]`);
      group.setAttribute("class", `zone ${verdict(zone)} ${zone.alerts.length ? "alert" : ""}`);
      const words = `${zone.name}: really ${zone.front_packs_count}, the system says ${zone.seen.state === "seen" ? Math.round(zone.seen.facings_count) : "unknown, " + (REASONS[zone.seen.reason] || "")}`;
      group.querySelector("title").textContent = words;
      group.setAttribute("aria-label", words);
      group.querySelector("text").textContent = zoneWords(zone);
    }
  }
}

function drawAlerts() {
  const shown = state.alerts.filter((alert) => alert.state !== "closed").concat(state.alerts.filter((alert) => alert.state === "closed").slice(0, 3));
  const key = JSON.stringify(shown);
  if (drawAlerts.key === key) return;
  drawAlerts.key = key;
  $("alerts").replaceChildren(...shown.map((alert) => make("article", { class: `card alert ${alert.state === "closed" ? "closed" : alert.severity} ${["camera", "node"].includes(alert.place_kind) ? "camera" : ""}` },
    make("h3", {}, alert.headline), make("ul", {}, ...(alert.state === "closed" ? [`Settled: ${alert.closed_because}`] : alert.why).map((line) => make("li", {}, line))))));
  if (!shown.length) $("alerts").replaceChildren(make("p", { class: "card alert closed" }, "Nothing is wrong, it says. Take something."));
}

function drawScore() {
  const zones = state.bays.flatMap((bay) => bay.zones);
  const counts = { right: 0, unknown: 0, wrong: 0 };
  for (const zone of zones) counts[verdict(zone)] += 1;
  $("score").replaceChildren(make("b", {}, counts.right), " of ", make("b", {}, zones.length), " zones counted right, ", make("b", {}, counts.unknown), " unknown, ", make("b", {}, counts.wrong), " wrong.");
}

function drawFeed() {
  const key = state.happenings.length ? state.happenings[0].at + state.happenings[0].words : "";
  if (drawFeed.key === key) return;
  drawFeed.key = key;
  $("happenings").replaceChildren(...state.happenings.map((one) => make("li", {}, make("time", {}, one.clock), make("span", {}, one.words))));
}

function drawPlugs() {
  const key = JSON.stringify(state.plugs);
  if (drawPlugs.key === key) return;
  drawPlugs.key = key;
  $("plugs").replaceChildren(...state.plugs.map((plug) => button(plug.is_on ? `Cut the power of ${plug.name}` : `Give ${plug.name} power again`,
    { act: plug.is_on ? "power_cut" : "mend", target: plug.target }, { class: plug.is_on ? "" : "off" })));
}

function drawZone() {
  const zone = state.bays.flatMap((bay) => bay.zones).find((one) => one.zone_id === openZone);
  if (!zone) return;
  $("zone-title").textContent = zone.name;
  const said = zone.seen.state === "seen" ? `${Math.round(zone.seen.facings_count)} facings` : `unknown: ${REASONS[zone.seen.reason] || zone.seen.reason}`;
  const facts = [["Really in front", `${zone.front_packs_count} of ${zone.expected_facings_count} facings${zone.misplaced_count ? `, ${zone.misplaced_count} of them strangers` : ""}`],
    ["Really on the shelf", `${zone.shelf_units_count} units`], ["Really in the back", `${zone.back_units_count} units`], ["The books say", `${zone.book_units} units`],
    ["The camera says", said], ["The system says", zone.alerts.length ? zone.alerts.join("; ") : "nothing is wrong"]];
  $("zone-facts").replaceChildren(...facts.flatMap(([term, words]) => [make("dt", {}, term), make("dd", {}, words)]));
  if ($("zone-acts").dataset.zone !== openZone) {
    $("zone-acts").dataset.zone = openZone;
    $("zone-acts").replaceChildren(...ZONE_ACTS.map(([act, words, units]) => button(words, act === "misplace" ? { act, target: zone.zone_id, units, sku: zone.stranger_sku } : { act, target: zone.zone_id, units })));
  }
}

function drawClock() {
  $("clock").textContent = state.clock;
  $("hub").href = state.hub_url;
  $("pace").textContent = state.speed ? `in the shop; one second here is ${state.speed} there` : "the shop stands still, the system does not";
  if (!$("speeds").childElementCount) $("speeds").append(...SPEEDS.map(([speed, words]) => button(words, { act: "speed", speed }, { "data-speed": speed })));
  for (const one of $("speeds").children) one.setAttribute("aria-pressed", String(Number(one.dataset.speed) === state.speed));
}

async function refresh() {
  try {
    const answer = await fetch("/api/state");
    if (!answer.ok) throw new Error("no state");
    state = await answer.json();
  } catch {
    $("banner").textContent = "The store has closed, or does not answer.";
    $("banner").hidden = false;
    return;
  }
  $("banner").textContent = state.hub_answers ? "" : "The hub does not answer: what the system says is old.";
  $("banner").hidden = state.hub_answers;
  drawClock();
  drawBays();
  drawAlerts();
  drawScore();
  drawFeed();
  drawPlugs();
  if ($("zone").open) drawZone();
}

$("zone-close").addEventListener("click", () => $("zone").close());
async function keepFresh() {
  await refresh();
  setTimeout(keepFresh, 1000);
}
keepFresh();
