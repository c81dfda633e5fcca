// What all parts of the script use: numbers and names for people, and questions to the program.

const POLL_MS = 500;

export const at = (id) => document.getElementById(id);
export const grouped = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
export const seconds = (ms) => (ms < 1000 ? `${ms} ms` : `${Math.round(ms / 100) / 10} s`);
export const duration = (ms) => {
  if (ms < 60000) return ms < 1000 ? `${ms} ms` : `${Math.floor(ms / 100) / 10} s`;
  const minutes = Math.floor(ms / 60000);
  return minutes < 60 ? `${minutes} min ${Math.floor((ms % 60000) / 1000)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};
export const age = (ms, bound) => (ms === null ? "-" : `${bound ? ">= " : ""}${duration(ms)}`);
// Indexes count from the consumer end: -1, -2 at the tail, 0, 1 at the head. Position 1 runs next.
export const place = (index) => (index === null ? "" : grouped(index < 0 ? -index : index + 1));
export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Escapes invisible characters that move or hide visible ones, as the program's tables do.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
export const visible = (value) =>
  value === null || value === undefined
    ? ""
    : String(value).replace(/\\/g, "\\\\").replace(UNSAFE, (c) => {
        const code = c.codePointAt(0);
        return code < 0x80 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
      });

// A notice without the command that its end says to type: the page has buttons.
export const withoutCommands = (notice) => (notice || "").replace(/(^|; )QADMIN\..*$/s, "");

export function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

export async function ask(url) {
  let response;
  try {
    response = await fetch(url, { headers: { accept: "application/json" } });
  } catch {
    throw { words: "qadmin serve does not answer", passing: true };
  }
  const reply = await response.json().catch(() => ({ error: `status ${response.status}` }));
  if (!response.ok) throw { words: reply.error, passing: response.status === 502 || response.status === 503 };
  return reply;
}

// Follows a job until it ends. While the server cannot be reached, says so and tries again.
export async function follow(url, show, away) {
  for (;;) {
    try {
      const job = await ask(url);
      show(job);
      if (!["pending", "running", "paused"].includes(job.status)) return job;
    } catch (failure) {
      if (!failure.passing) throw failure;
      away(failure.words);
    }
    await pause(POLL_MS);
  }
}

// What the index of a queue knows: names and values.
export function waits(ages) {
  const said = [
    ["next waits", age(ages.next_age, ages.next_at_least)],
    ["oldest waits", age(ages.oldest_age, ages.oldest_at_least)],
    ["per minute", `${grouped(ages.pushed_per_minute)} in, ${grouped(ages.popped_per_minute)} out`],
  ];
  if (ages.waits > 0)
    said.push(["mean wait", `${duration(ages.wait_mean_ms)} (${grouped(ages.waits)} ${ages.waits === 1 ? "message" : "messages"} that workers took)`]);
  return said;
}

