// Keeps the status page fresh and explains events without leaving it. The page works without this, by reloading.
"use strict";

const EVERY_MS = 2000;
const UNSEEN_EVERY_MS = 30000; // the title is seen in a tab that is not

const pause = document.getElementById("pause");
const wanted = document.getElementById("wanted");
const connection = document.getElementById("connection");
const asOf = document.getElementById("as-of");
const explain = document.getElementById("explain");
const explanation = document.getElementById("explanation");

let asked = 0;
let refreshing = null;
let timer = 0;

async function refresh() {
  clearTimeout(timer);
  refreshing?.abort();
  refreshing = new AbortController();
  const signal = refreshing.signal;
  const filter = wanted.value;
  try {
    const late = AbortSignal.timeout(10000);
    const answer = await fetch("./?rules=" + encodeURIComponent(filter), { signal: AbortSignal.any([signal, late]) });
    if (!answer.ok) throw new Error((await answer.text()).trim() || answer.statusText);
    show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch (error) {
    if (signal.aborted) return; // a newer one is under way
    showOld(error.message);
  }
  if (!signal.aborted) later();
}

function show(fresh) {
  if (!fresh.getElementById("verdict")) throw new Error("something else than a worker answers here");
  for (const part of document.querySelectorAll("[data-live]")) {
    const newer = fresh.getElementById(part.id);
    if (newer) update(part, newer);
  }
  document.title = fresh.title;
  document.documentElement.classList.remove("old");
  say("");
}

// The last headline would go on to say that all is well: it makes way.
function showOld(why) {
  say("No answer: " + why.replace(/\.$/, "") + ". What you see is old, of " + asOf.textContent + ".");
  document.title = "No answer \u00b7 Turnout";
  document.documentElement.classList.add("old");
}

// Changes what differs and nothing else: what is focused, selected, scrolled or unfolded stays so.
function update(node, newer) {
  if (node.isEqualNode(newer)) return;
  if (node.nodeName !== newer.nodeName || node.id !== newer.id) {
    node.replaceWith(newer);
    return;
  }
  if (node.nodeType !== Node.ELEMENT_NODE) {
    node.nodeValue = newer.nodeValue;
    return;
  }
  for (const name of node.getAttributeNames()) {
    if (!newer.hasAttribute(name) && !(node.nodeName === "DETAILS" && name === "open")) node.removeAttribute(name);
  }
  for (const { name, value } of newer.attributes) if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  const children = [...newer.childNodes];
  while (node.childNodes.length > children.length) node.lastChild.remove();
  children.forEach((child, index) => {
    if (index < node.childNodes.length) update(node.childNodes[index], child);
    else node.append(child);
  });
}

function say(text) {
  if (connection.textContent !== text) connection.textContent = text;
}

function later() {
  clearTimeout(timer);
  if (!paused()) timer = setTimeout(refresh, document.hidden ? UNSEEN_EVERY_MS : EVERY_MS);
}

function paused() {
  return pause.getAttribute("aria-pressed") === "true";
}

pause.hidden = false;
pause.addEventListener("click", () => {
  pause.setAttribute("aria-pressed", String(!paused()));
  if (paused()) {
    clearTimeout(timer);
    refreshing?.abort();
  } else {
    refresh();
  }
});

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !paused()) refresh();
});

wanted.form.querySelector("button").hidden = true;
wanted.form.addEventListener("submit", (event) => event.preventDefault());
wanted.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(refresh, 150);
});

explain.addEventListener("submit", async (event) => {
  event.preventDefault();
  const question = ++asked;
  explanation.textContent = "The rules are being asked \u2026"; // thousands take seconds; the last answer is to another event
  const form = new URLSearchParams({ event: explain.elements.event.value, alone: "yes" });
  try {
    const answer = await fetch("explain", { method: "POST", body: form });
    const text = await answer.text();
    if (question !== asked) return; // another event has been given since
    if (!answer.ok) throw new Error(text.trim() || answer.statusText);
    explanation.innerHTML = text;
  } catch (error) {
    if (question !== asked) return;
    explanation.textContent = "No answer: " + error.message;
  }
  explanation.focus({ preventScroll: true });
  explanation.scrollIntoView({ block: "nearest" });
});

later();
