// Refreshes parts of a page while it is visible: every element with data-live (seconds) is replaced by the one with the same
// id in a new copy of the page. The program renders both, so there is one place where text is escaped; the copy is read
// without running anything in it.

const PATIENCE_MS = 60000;

function copy() {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("GET", location.href);
    request.setRequestHeader("X-Live", "1");
    request.responseType = "document";
    request.timeout = PATIENCE_MS;
    request.onload = () => (request.status === 200 && request.response ? done(request.response) : failed(`status ${request.status}`));
    request.onerror = request.ontimeout = () => failed("qadmin serve does not answer");
    request.send();
  });
}

// How an element is found again in the new copy.
const name = (focused) => focused.id || focused.getAttribute("href") || focused.getAttribute("name") || focused.getAttribute("aria-label");

function replace(old, fresh) {
  if (old.outerHTML === fresh.outerHTML) return;
  const focused = old.contains(document.activeElement) ? name(document.activeElement) : null;
  const scrolled = [...old.querySelectorAll(".scroll")].map((region) => [region.scrollLeft, region.scrollTop]);
  const made = document.importNode(fresh, true);
  old.replaceWith(made);
  made.querySelectorAll(".scroll").forEach((region, n) => {
    if (scrolled[n]) [region.scrollLeft, region.scrollTop] = scrolled[n];
  });
  if (focused) [...made.querySelectorAll("a, button, input, select, [tabindex]")].find((one) => name(one) === focused)?.focus();
}

// Whether the user is doing something with the element that a new copy would disturb.
function isUsed(region) {
  const selection = document.getSelection();
  const selects = selection && !selection.isCollapsed && region.contains(selection.anchorNode);
  return selects || (region.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"));
}

async function round(said) {
  const regions = () => [...document.querySelectorAll("[data-live]")];
  try {
    const fresh = await copy();
    const found = regions().map((old) => [old, fresh.getElementById(old.id)]);
    if (found.every(([, made]) => !made)) throw "reload the page";
    for (const [old, made] of found) if (made && !isUsed(old)) replace(old, made);
    said.textContent = `Refreshed at ${new Date().toLocaleTimeString()}.`;
    said.className = "quiet";
  } catch (why) {
    said.textContent = `Not refreshed: ${why}.`;
    said.className = "error";
  }
}

// Refreshes until the user pauses it, and not while the page is hidden.
export function refresh(bar) {
  if (!bar) return;
  const [button, said] = [bar.querySelector("button"), bar.querySelector("span")];
  bar.hidden = false;
  let paused = false;
  let timer = null;
  let running = false;
  const every = () => Math.min(...[...document.querySelectorAll("[data-live]")].map((region) => Number(region.dataset.live) * 1000));
  const later = (ms) => {
    clearTimeout(timer);
    if (!paused && !document.hidden && Number.isFinite(ms)) timer = setTimeout(next, ms);
  };
  async function next() {
    if (running) return;
    running = true;
    const begin = Date.now();
    await round(said);
    running = false;
    // A program or server that is slow is asked less often.
    later(Math.max(every(), 5 * (Date.now() - begin)));
  }
  button.addEventListener("click", () => {
    paused = !paused;
    button.textContent = paused ? "Resume refresh" : "Pause refresh";
    said.textContent = paused ? "Paused." : "";
    said.className = "quiet";
    if (paused) clearTimeout(timer);
    else next();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : paused || next()));
  later(every());
}
