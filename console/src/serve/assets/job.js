// Follows a job on its page.
import { at, follow, grouped, seconds, visible, withoutCommands } from "./text.js";

export async function job(card) {
  try {
    await follow(
      card.dataset.url,
      (job) => {
        at("progress").value = job.progress;
        at("outcome").textContent = job.status;
        for (const form of card.querySelectorAll("[data-paused]"))
          form.hidden = (form.dataset.paused === "1") !== (job.status === "paused");
        for (const shown of card.querySelectorAll("[data-field]")) {
          const value = shown.dataset.field === "notice" ? withoutCommands(job.notice) : job[shown.dataset.field];
          const text = shown.dataset.field === "eta_ms" && value !== null ? seconds(value) : value;
          shown.textContent = typeof text === "number" ? grouped(text) : visible(text);
        }
      },
      (words) => { at("outcome").textContent = words; },
    );
    // The reloaded page shows the result.
    location.reload();
  } catch (failure) {
    at("outcome").textContent = failure.words;
  }
}

