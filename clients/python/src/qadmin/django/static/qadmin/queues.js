// Fetches the parts of a page that take the server's time, and asks again about a live job.
// Without this script every such part has a link to a page that has it.
(() => {
  "use strict";
  // After a failure the next attempt comes later, up to this, milliseconds.
  const LONGEST_WAIT = 15000;

  const load = async (region, url, failures) => {
    let part;
    try {
      const answer = await fetch(url, { credentials: "same-origin", headers: { Accept: "application/json" } });
      if (answer.redirected || answer.status === 403) {
        tell(region, "The session has ended, or you may not see this page any more. Load the page again.");
        return;
      }
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      part = await answer.json();
    } catch (error) {
      tell(region, `The page cannot reach its server (${error.message}). It tries again.`);
      setTimeout(load, Math.min(LONGEST_WAIT, 1000 * 2 ** failures), region, url, failures + 1);
      return;
    }
    if (part.reload) {
      // Other buttons belong to the job now. A page that was the answer to a form is not sent again.
      location.assign(location.href.split("#")[0]);
      return;
    }
    // The server has escaped what is in it.
    region.innerHTML = part.html;
    if (part.url) setTimeout(load, part.wait, region, part.url, 0);
  };

  const tell = (region, text) => {
    let note = region.querySelector(".qadmin-trouble");
    if (!note) {
      note = document.createElement("p");
      note.className = "errornote qadmin-trouble";
      region.prepend(note);
    }
    note.textContent = text;
  };

  for (const region of document.querySelectorAll(".qadmin-region[data-url]")) {
    setTimeout(load, Number(region.dataset.wait), region, region.dataset.url, 0);
  }
})();
