"use strict";

// The count of what is new, as the server says it. Of a tab that nobody sees, the stream is closed:
// a browser has few connections to one server.
const url = document.body.dataset.events;
let events = null;

function listen() {
  const wanted = Boolean(url) && !document.hidden;
  if (wanted && !events) {
    events = new EventSource(url);
    events.addEventListener("counts", (event) => {
      const { unseen } = JSON.parse(event.data);
      const output = document.getElementById("unseen");
      output.textContent = unseen;
      output.hidden = unseen === 0;
    });
  } else if (!wanted) {
    hangUp();
  }
}

function hangUp() {
  events?.close();
  events = null;
}

listen();
document.addEventListener("visibilitychange", listen);
window.addEventListener("pagehide", hangUp);
window.addEventListener("pageshow", listen); // also a page that one comes back to

// Scrolling on: what comes after the page is asked for before its end is reached.
const older = () => document.querySelector(".older a[rel=next]");
const watcher = new IntersectionObserver(
  (entries) => {
    if (entries.some((entry) => entry.isIntersecting)) scrollOn();
  },
  { rootMargin: "600px" },
);
if (older()) watcher.observe(older());

async function load(address) {
  try {
    const answer = await fetch(address);
    return new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return null; // the server is gone, or the network
  }
}

async function scrollOn() {
  const link = older();
  watcher.unobserve(link);
  const page = await load(link.href);
  const more = page?.querySelector("[data-endless]");
  if (!more) return; // the link stays, and may be followed
  document.querySelector("[data-endless]").append(...more.children);
  link.closest(".older").replaceWith(page.querySelector(".older"));
  if (older()) watcher.observe(older());
}
