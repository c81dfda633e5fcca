// Sends the form of the actions without leaving the page: a dry run shows its result beside the button, an error keeps the
// form, and only a job that removes something leads to its page.
import { at, element, follow, grouped, visible } from "./text.js";

async function send(url, data) {
  let response;
  try {
    response = await fetch(url, { method: "POST", body: data, headers: { accept: "application/json" } });
  } catch {
    throw { words: "qadmin serve does not answer. Send the form again: the same form never starts two jobs." };
  }
  const reply = await response.json().catch(() => ({ error: `status ${response.status}` }));
  if (!response.ok) throw { words: reply.error };
  return reply;
}

const pageOf = (form, reply) => {
  const error = at("count-error").value.slice(0, 300);
  const failed = error ? `&count_error=${encodeURIComponent(error)}` : "";
  return `${reply.status_url.replace("/api/status", "/job")}&back=${encodeURIComponent(form.dataset.back)}${failed}`;
};

const matching = (n) => `${grouped(n)} matching ${n === 1 ? "message" : "messages"}`;

async function rehearse(form, reply) {
  const said = at("rehearsed");
  const job = await follow(
    reply.status_url,
    (job) => { said.textContent = `Dry run: ${grouped(job.matched)} matches so far, ${job.progress} % examined.`; },
    (words) => { said.textContent = `Dry run: ${visible(words)}`; },
  );
  const verb = job.to === null ? "delete" : "move";
  said.textContent =
    job.status === "completed"
      ? `Dry run: would ${verb} ${grouped(job.would_delete)} of ${matching(job.matched)}. `
      : `The dry run ended as ${visible(job.status)}${job.error ? `: ${visible(job.error)}` : ""}. `;
  const link = element("a", "Its job");
  link.href = pageOf(form, reply);
  said.append(link);
}

export function actions(form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const action = event.submitter ? event.submitter.value : "dry_run";
    const data = new URLSearchParams(new FormData(form));
    data.set("action", action);
    // A dry run has an id of its own, because the form is sent again for the clear itself.
    if (action === "dry_run") data.delete("id");
    at("refusal").textContent = "";
    at("rehearsed").textContent = action === "dry_run" ? "Dry run ..." : "";
    const buttons = form.querySelectorAll("button");
    for (const button of buttons) button.disabled = true;
    try {
      const reply = await send(form.getAttribute("action").replace("/clear", "/api/clear"), data);
      if (action !== "dry_run") {
        location.assign(pageOf(form, reply));
        return;
      }
      await rehearse(form, reply);
    } catch (failure) {
      at("refusal").textContent = visible(failure.words);
      at("rehearsed").textContent = "";
      if (action !== "dry_run") form.querySelector("[name=confirm]").focus();
    }
    for (const button of buttons) button.disabled = false;
    if (action === "dry_run") at("dry-run").focus();
  });
}
