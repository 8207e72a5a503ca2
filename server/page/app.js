// SPDX-License-Identifier: AGPL-3.0-or-later
// Shows alerts and shelves as they are now. Every word from outside goes in as text, never as markup.
"use strict";

const KINDS = {
  restock_from_back: "Restock from the back",
  out_of_stock: "Out of stock",
  phantom_inventory: "Only in the books",
  unrecorded_stock: "Not in the books",
  view_lost: "Camera cannot see",
  node_lost: "Node is gone",
};
const REASONS = {
  black: "picture is black",
  frozen: "picture stands still",
  blurred: "picture is blurred",
  occluded: "something is in front",
  covered: "its lens is covered",
  moved: "camera was moved",
  no_shelf: "no shelf in the picture",
  no_calibration: "zones not drawn yet",
  out_of_view: "outside the picture",
  camera_lost: "no picture from the camera",
  unsettled: "picture does not come to rest",
  other: "the node gives a reason this hub does not know",
  never_seen: "not looked at yet",
  stale: "no new look for a while",
  node_lost: "its node is gone",
  other_product: "node and planogram disagree",
};
const ANSWERS = { done: "Done", none_in_back: "None in the back", not_true: "Not true" };
const REFRESH_MS = 10000;
const PATIENCE_MS = 25000;
const MOST_PIPS = 24;

const byId = (id) => document.getElementById(id);
let hubAheadMs = 0;
let heardAtMs = 0;

/** An element with properties and children; strings become text nodes. */
function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

async function api(path, options) {
  const response = await fetch(`/api/v1/${path}`, { credentials: "same-origin", ...options });
  if (response.status === 401) {
    askForToken();
    throw new Error("locked");
  }
  if (!response.ok) {
    const body = await response.json().catch(() => ({}));
    throw new Error(typeof body.detail === "string" ? body.detail : `the hub answered ${response.status}`);
  }
  return response.status === 204 ? null : response.json();
}

const post = (path, body) =>
  api(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

// --- times ----------------------------------------------------------------------------------------------------------

function clock(at) {
  const instant = new Date(at);
  const today = new Date(Date.now() + hubAheadMs).toDateString() === instant.toDateString();
  const time = instant.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return today ? time : `${instant.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}`;
}

function ago(at) {
  const seconds = Math.max(0, (Date.now() + hubAheadMs - new Date(at).getTime()) / 1000);
  if (seconds < 60) return seconds < 5 ? "just now" : `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

/** A time that keeps itself true: `tick` rewords it. */
const when = (at) => h("time", { datetime: at, title: new Date(at).toLocaleString(), "data-ago": at }, ago(at));

function tick() {
  for (const element of document.querySelectorAll("[data-ago]")) {
    const words = ago(element.dataset.ago);
    if (element.textContent !== words) element.textContent = words;
  }
  showLink();
}

// --- keyed lists: what did not change is left alone, so nothing flickers, closes or loses focus ----------------------

function showList(parent, items, keyOf, build) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const key = keyOf(item);
    const content = JSON.stringify(item, (name, value) => (name === "age_s" ? undefined : value));
    const old = before.get(key);
    if (old && old.content === content) return old;
    const fresh = build(item);
    fresh.dataset.key = key;
    fresh.content = content;
    if (old) {
      const open = old.querySelector("details[open]") !== null;
      const details = fresh.querySelector("details");
      if (details) details.open = open;
      keepPictures(old, fresh);
    } else if (heardAtMs) fresh.classList.add("fresh");
    return fresh;
  });
  wanted.forEach((element, i) => {
    if (parent.children[i] !== element) parent.insertBefore(element, parent.children[i] || null);
  });
  while (parent.children.length > wanted.length) parent.lastChild.remove();
}

function keepPictures(old, fresh) {
  for (const picture of fresh.querySelectorAll("img")) {
    const same = [...old.querySelectorAll("img")].find((other) => other.getAttribute("src") === picture.getAttribute("src"));
    if (same) {
      same.alt = picture.alt;
      picture.replaceWith(same);
    }
  }
}

// --- alerts ---------------------------------------------------------------------------------------------------------

const isCamera = (alert) => alert.place_kind === "camera" || alert.place_kind === "node";

function alertCard(alert) {
  const card = h("article", {
    class: `card alert ${alert.severity}${isCamera(alert) ? " camera" : ""}`,
    id: `alert-${alert.alert_id}`,
    "aria-labelledby": `title-${alert.alert_id}`,
  });
  card.append(
    h("div", { class: "head" },
      h("span", { class: "chip" }, KINDS[alert.kind] || alert.kind),
      h("span", {}, `since ${clock(alert.opened_at)}, `, when(alert.opened_at))),
    h("h3", { id: `title-${alert.alert_id}` }, alert.headline));
  if (alert.why.length) card.append(h("ul", { class: "why" }, alert.why.map((sentence) => h("li", {}, sentence))));
  if (alert.picture_id) card.append(pictureOf(alert.picture_id, "The shelf when the alert opened", false, ""));
  const figures = Object.entries(alert.figures).filter(([, value]) => value !== null);
  card.append(
    h("details", {},
      h("summary", {}, "Evidence"),
      h("dl", { class: "figures" },
        h("dt", {}, "sure"), h("dd", {}, `${Math.round(alert.probability_fraction * 100)} %`),
        figures.map(([name, value]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, String(value))]).flat(),
        alert.sku ? [h("dt", {}, "SKU"), h("dd", {}, alert.sku)] : [])),
    alertButtons(alert));
  return card;
}

function alertButtons(alert) {
  const row = h("div", { class: "row" });
  const send = (answer) => async (event) => {
    const by = await nameOfUser();
    if (!by) return;
    const pressed = event.target;
    pressed.disabled = true;
    try {
      await post(`alerts/${alert.alert_id}/acknowledge`, { by, answer });
    } catch (error) {
      showBanner(`That did not work: ${error.message}`);
      pressed.disabled = false;
    }
    refresh();
  };
  if (!alert.acknowledged_at) {
    row.append(h("button", { class: "main", type: "button", onclick: send(null) }, "I take it"));
    return row;
  }
  const answer = alert.answer ? `: ${ANSWERS[alert.answer] || alert.answer}` : "";
  const taken = h("p", { class: "taken" }, `✓ Taken by ${alert.acknowledged_by}, ${clock(alert.acknowledged_at)}${answer}`);
  const offered = isCamera(alert) ? ["done", "not_true"] : ["done", "none_in_back", "not_true"];
  for (const name of offered) {
    if (alert.answer !== name) row.append(h("button", { type: "button", onclick: send(name) }, ANSWERS[name]));
  }
  return h("div", {}, taken, row);
}

function nameOfUser() {
  const known = localStorage.getItem("facings.name");
  if (known) return Promise.resolve(known);
  const dialog = byId("name-dialog");
  dialog.showModal();
  return new Promise((resolve) => {
    byId("name-form").onsubmit = () => {
      const name = byId("name").value.trim();
      if (name) localStorage.setItem("facings.name", name);
      resolve(name || null);
    };
    byId("name-cancel").onclick = () => {
      dialog.close();
      resolve(null);
    };
    dialog.oncancel = () => resolve(null);
  });
}

// --- shelves --------------------------------------------------------------------------------------------------------

function pictureOf(pictureId, words, dead, over) {
  return h("figure", { class: dead ? "dead" : "" },
    h("a", { href: `/api/v1/pictures/${pictureId}`, target: "_blank", rel: "noopener" },
      h("img", { src: `/api/v1/pictures/${pictureId}`, alt: words, loading: "lazy", decoding: "async" })),
    over ? h("div", { class: "over" }, over) : null);
}

const reasonWords = (reason) => REASONS[reason] || reason || "unknown";

function shelfCard(shelf) {
  const seen = shelf.view === "seen";
  const card = h("article", { class: "card shelf", "aria-label": shelf.bay_name });
  card.append(
    h("div", { class: "title" },
      h("h3", {}, shelf.bay_name),
      h("span", { class: `chip ${seen ? "good" : "unknown"}` }, seen ? "Seen" : "Not seen")));
  if (shelf.picture_id) {
    const over = seen ? "" : `Old picture. Not seen: ${reasonWords(shelf.view_reason)}.`;
    card.append(
      pictureOf(shelf.picture_id, `${shelf.bay_name}, picture of ${clock(shelf.picture_at)}`, !seen, over),
      h("figcaption", {}, seen ? "Picture of " : "Old picture, of ", `${clock(shelf.picture_at)}, `, when(shelf.picture_at),
        shelf.looked_at ? [" · last look ", when(shelf.looked_at)] : []));
  } else {
    card.append(h("p", { class: "nopicture" }, "No picture yet", shelf.looked_at ? [" · last look ", when(shelf.looked_at)] : []));
  }
  card.append(h("ul", { class: "zones" }, shelf.zones.map(zoneRow)));
  return card;
}

function levelOf(zone) {
  if (zone.state !== "seen") return "unknown";
  if (zone.facings_count === 0) return "bad";
  if (zone.expected_facings_count === null) return "good";
  if (zone.facings_count < Math.max(1, zone.minimum_facings_count)) return "low";
  return "good";
}

function zoneRow(zone) {
  const level = levelOf(zone);
  const expected = zone.expected_facings_count;
  const badge = { unknown: "Not seen", bad: "Empty", low: "Low", good: "OK" }[level];
  const count = level === "unknown" ? "?" : String(zone.facings_count);
  const spoken = level === "unknown" ? "count unknown" : `${zone.facings_count} facings`;
  const facts = level === "unknown" ? [reasonWords(zone.reason)] : [];
  if (zone.missing_facings_count) facts.push(`${zone.missing_facings_count} missing`);
  facts.push(zone.on_hand_units === null ? "no books" : `books: ${zone.on_hand_units}`);
  return h("li", { class: `zone ${level}`, "data-zone": zone.zone_id },
    h("span", { class: "name" }, zone.product_name),
    h("span", { class: "count", "aria-label": expected === null ? spoken : `${spoken} of ${expected}` },
      count, expected === null ? null : h("small", {}, ` / ${expected}`)),
    h("span", { class: "small" }, facts.join(" · "),
      level === "unknown" && zone.looked_at ? [" · last look ", when(zone.looked_at)] : []),
    h("span", { class: "state" }, h("span", { class: `chip ${level}` }, badge)),
    level !== "unknown" && expected ? pips(zone.facings_count, expected) : null);
}

function pips(count, expected) {
  if (Math.max(count, expected) > MOST_PIPS) return null;
  const shown = Array.from({ length: Math.max(count, expected) }, (_, i) => h("i", { class: i < count ? "" : "gap" }));
  return h("div", { class: "pips", "aria-hidden": "true" }, shown);
}

// --- the whole page -------------------------------------------------------------------------------------------------

function showTally(alerts, shelves) {
  const zones = shelves.flatMap((shelf) => shelf.zones);
  const count = (level) => zones.filter((zone) => levelOf(zone) === level).length;
  const cells = [
    ["bad", alerts.length, alerts.length === 1 ? "alert" : "alerts"],
    ["low", count("bad") + count("low"), "to fill"],
    ["good", count("good"), "in order"],
    ["unknown", count("unknown"), "not seen"],
  ];
  byId("tally").replaceChildren(
    ...cells.map(([kind, number, words]) =>
      h("div", { class: number ? kind : "" }, h("b", {}, String(number)), h("span", {}, words))));
  document.title = alerts.length ? `(${alerts.length}) Facings` : "Facings";
}

const urgency = (alert) =>
  (alert.acknowledged_at ? 4 : 0) + (alert.severity === "urgent" ? 0 : 2) + (isCamera(alert) ? 1 : 0);

let running = false;
let again = false;

async function refresh() {
  if (running) {
    again = true;
    return;
  }
  running = true;
  try {
    const [all, alerts, closed] = await Promise.all([
      api("shelves"), api("alerts?state=open&limit=200"), api("alerts?state=closed&limit=6"),
    ]);
    hubAheadMs = new Date(all.now_at).getTime() - Date.now();
    alerts.sort((a, b) => urgency(a) - urgency(b) || b.opened_at.localeCompare(a.opened_at));
    showTally(alerts, all.shelves);
    showAlerts(alerts);
    showShelves(all.shelves);
    showClosed(closed);
    const first = heardAtMs === 0;
    heardAtMs = Date.now();
    showBanner("");
    // A notice links to its alert, which is on the page only now.
    if (first && location.hash) byId(location.hash.slice(1))?.scrollIntoView({ block: "start" });
  } catch (error) {
    if (error.message !== "locked") console.warn("refresh failed:", error.message);
  } finally {
    running = false;
    showLink();
  }
  if (again) {
    again = false;
    setTimeout(refresh, 250);
  }
}

function showAlerts(alerts) {
  const parent = byId("alerts");
  if (alerts.length) {
    parent.querySelector(".calm")?.remove();
    showList(parent, alerts, (alert) => alert.alert_id, alertCard);
  } else if (!parent.querySelector(".calm")) {
    parent.replaceChildren(h("p", { class: "card calm" }, "Nothing is worth a walk right now."));
  }
}

function showShelves(shelves) {
  const parent = byId("shelves");
  if (shelves.length) {
    parent.querySelector(".calm")?.remove();
    showList(parent, shelves, (shelf) => shelf.camera_id, shelfCard);
  } else if (!parent.querySelector(".calm")) {
    parent.replaceChildren(
      h("p", { class: "card calm" }, "No camera has reported yet. Start a node, and add its calibration: facings hub calibration add FILE"));
  }
}

function showClosed(alerts) {
  byId("over").hidden = alerts.length === 0;
  showList(byId("closed"), alerts, (alert) => alert.alert_id, (alert) =>
    h("li", {}, h("div", {}, alert.headline),
      h("div", { class: "small" }, `${alert.closed_because}, `, when(alert.closed_at))));
}

function showBanner(words) {
  const banner = byId("banner");
  banner.textContent = words;
  banner.hidden = !words;
}

/** Old figures must look old: without word from the hub the page says so and fades. */
function showLink() {
  const link = byId("link");
  const lost = heardAtMs !== 0 && Date.now() - heardAtMs > PATIENCE_MS;
  document.querySelector("main").classList.toggle("old", lost);
  link.className = lost ? "link lost" : heardAtMs ? "link live" : "link";
  link.textContent = lost ? "no word from the hub" : heardAtMs ? "live" : "connecting";
  if (lost) showBanner(`No word from the hub. What you see is from ${clock(new Date(heardAtMs + hubAheadMs).toISOString())}.`);
}

function askForToken() {
  const dialog = byId("token-dialog");
  if (dialog.open) return;
  dialog.oncancel = (event) => event.preventDefault();
  byId("token-form").onsubmit = async (event) => {
    event.preventDefault();
    const response = await fetch("/api/v1/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token: byId("token").value }),
    }).catch(() => null);
    if (response && response.ok) location.reload();
    else byId("token-fault").textContent = response ? (await response.json()).detail : "The hub does not answer.";
  };
  dialog.showModal();
}

function listen() {
  const source = new EventSource("/api/v1/events");
  let soon = 0;
  const refreshSoon = () => {
    clearTimeout(soon);
    soon = setTimeout(refresh, 150);
  };
  for (const kind of ["hello", "alert", "zones"]) source.addEventListener(kind, refreshSoon);
  source.onerror = () => {
    // A browser gives up after some answers; the token dialog or the next round of `refresh` tells the user.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  };
}

refresh();
listen();
setInterval(refresh, REFRESH_MS);
setInterval(tick, 1000);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
