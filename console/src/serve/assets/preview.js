// Fills in the count and the messages of a preview.
import { age, ask, at, duration, element, follow, grouped, place, seconds, visible, waits, withoutCommands } from "./text.js";

// A member of a row as people read it. Of an arrival or an age the server may know a bound only: a text with a mark.
function shownMember(name, value) {
  const read = { run_at: true, delivered_at: true, arrived: true, age: false }[name];
  const bound = typeof value === "string" && /^([<>]=)(\d+)$/.exec(value);
  if (read === undefined || (typeof value !== "number" && !bound)) return visible(value);
  const [mark, ms] = bound ? [`${bound[1]} `, Number(bound[2])] : ["", value];
  return mark + (read ? new Date(ms).toLocaleString() : duration(ms));
}

function cell(name, row, messages) {
  const shown = shownMember(name, row[name]);
  if (name !== "id" || !messages || row.id === null || "id_b64" in row) return element("td", shown);
  const [made, link] = [element("td"), element("a", shown)];
  link.href = `${messages}&id=${encodeURIComponent(row.id)}`;
  made.append(link);
  return made;
}

// `messages` is where a message is shown whole, without its id; null if this user may not see any.
export function sampleTable(rows, messages) {
  const table = element("table");
  if (rows.length > 0) {
    const twin = (name) => name.endsWith("_b64") && name.slice(0, -4) in rows[0];
    const isShown = (name) => rows.some((row) => row[name] !== null && row[name] !== undefined);
    const names = Object.keys(rows[0]).filter((name) => name !== "index" && !twin(name) && isShown(name));
    const head = table.createTHead().insertRow();
    head.append(element("th", "Runs", "number"), ...names.map((name) => element("th", visible(name))));
    const body = table.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      line.append(element("td", place(row.index), "number"));
      line.append(...names.map((name) => cell(name, row, messages)));
    }
  }
  return table;
}

const showSample = (rows, messages) => at("sample").replaceChildren(sampleTable(rows, messages));

function sampleHeading(matches, shown) {
  if (matches === 0) return "No message matches.";
  if (matches === null) return shown ? "Matching messages:" : "No match among the messages that run next.";
  if (shown === 0) return `None of ${grouped(matches)} matching messages is shown`;
  if (matches === shown) return `The first ${grouped(matches)} matching ${matches === 1 ? "message" : "messages"}`;
  return `Showing first ${shown} of ${grouped(matches)} matching messages`;
}

function notes(reply) {
  const said = [];
  if (reply.unreadable > 0)
    said.push(`${grouped(reply.unreadable)} ${reply.unreadable === 1 ? "message" : "messages"} ${/it is only known that they have waited/.test(reply.notice) ? (reply.unreadable === 1 ? "is undecided" : "are undecided") : "cannot be read"}: it is unknown whether they match, so the count can be too low by that many; a clear keeps them.`);
  if (reply.undecodable > 0) said.push(`${grouped(reply.undecodable)} elements of the queue are not JSON objects.`);
  for (const [name, words] of [["in_chord", "in a chord"], ["in_group", "in a group"], ["with_eta", "with an eta"], ["redelivered", "redelivered"]])
    if (reply[name] > 0) said.push(`${grouped(reply[name])} of the matches are ${words}.`);
  if (reply.inexact > 0) said.push(`${grouped(reply.inexact)} ${reply.inexact === 1 ? "message matches" : "messages match"} only by argsrepr or kwargsrepr: not counted above.`);
  const notice = withoutCommands(reply.notice);
  if (notice) said.push(visible(notice));
  const lines = said.map((words) => element("p", words, "note"));
  if (reply.looks_like && reply.looks_like !== "ids") {
    const line = element("p", `The messages look like those of ${visible(reply.looks_like)}: `, "note");
    const link = element("a", "read them as such");
    link.href = `${at("count").dataset.any}&as=${encodeURIComponent(reply.looks_like)}`;
    line.append(link);
    lines.unshift(line);
  }
  if (reply.other_priorities_depth > 0) {
    const words = `${grouped(reply.other_priorities_depth)} messages in the other priority lists of this queue are not included: `;
    const [line, link] = [element("p", words, "note"), element("a", "all lists")];
    link.href = reply.lists_url;
    line.append(link);
    lines.push(line);
  }
  at("count-notes").replaceChildren(...lines);
}

// Shows the result of a count. The buttons are enabled in any case: a clear does not need a count.
function counted(reply, matches, error) {
  at("count-progress").hidden = true;
  at("skip-count").hidden = true;
  if (error) {
    at("count-line").textContent = `The count failed: ${visible(error)}`;
    at("count-line").className = "error";
    at("count-error").value = error;
  } else {
    const share = reply.depth > 0 ? ` (${Math.floor((matches * 1000) / reply.depth) / 10} %)` : "";
    at("count-line").textContent = `${grouped(matches)} of ${grouped(reply.depth)} messages match${share}`;
  }
  at("count-more").textContent = reply.cached_at ? `Counted ${new Date(reply.cached_at).toLocaleString()}. ` : "";
  const anew = element("a", "Count again");
  anew.href = `${at("count").dataset.here}&bust=1`;
  at("count-more").append(anew);
  at("count-ages").textContent = reply.ages ? waits(reply.ages).map(([name, value]) => `${name} ${value}`).join("; ") : "";
  notes(reply);
  at("sample-heading").textContent = sampleHeading(error ? null : matches, reply.sample.length);
  if (!error && at("summary-count")) at("summary-count").textContent = `${grouped(matches)} ${matches === 1 ? "message matches" : "messages match"}. `;
  if (!error && at("rehearsal"))
    at("rehearsal").textContent = `A clear of all matches would remove ${grouped(matches)} ${matches === 1 ? "message" : "messages"}: a preview counts what a clear with the same filter removes.`;
  if (reply.inexact > 0 && at("inexact")) {
    at("inexact-count").textContent = `${grouped(reply.inexact)} `;
    at("inexact").hidden = false;
  }
}

// Shows an error. No action is possible: the filter is invalid, a permission is missing or the server failed.
function refused(words) {
  at("count-progress").hidden = true;
  at("count-line").textContent = words;
  at("count-line").className = "error";
  const again = element("a", "Try again");
  again.href = at("count").dataset.here;
  at("count-more").replaceChildren(again);
  at("sample-heading").textContent = "There is no sample.";
  showSample([], null);
}

function unlock() {
  if (at("locked")) at("locked").disabled = false;
}

// A user who may not clear sees what the count means, and which permission is missing.
function mayOnlyLook(reply) {
  const card = at("actions").querySelector(".card");
  // It keeps its height, so that nothing below it moves.
  const made = element("div", undefined, "card");
  made.style.minHeight = `${card.getBoundingClientRect().height}px`;
  const said = element("p", "A preview counts what a clear with the same filter removes.");
  said.id = "rehearsal";
  const missing = element("p", visible(reply.clear_missing), "error");
  missing.id = "refusal";
  made.append(said, missing, element("p", "This Redis user may preview, but not clear.", "quiet"));
  card.replaceWith(made);
}

export async function preview(card) {
  let reply;
  try {
    reply = await ask(card.dataset.url);
  } catch (failure) {
    refused(failure.words);
    return;
  }
  showSample(reply.sample, reply.message_url);
  // The server does not move unacknowledged messages.
  if (at("how-move") && reply.container === "unacked") {
    at("how-clear").checked = true;
    at("how-move").disabled = true;
  }
  if (reply.clear_refusal) mayOnlyLook(reply);
  if (reply.mode !== "job" || reply.match_count !== null) {
    unlock();
    counted(reply, reply.match_count, reply.count_error);
    return;
  }
  at("sample-heading").textContent = sampleHeading(null, reply.sample.length);
  at("count-line").textContent = `Counting ${grouped(reply.depth)} messages ...`;
  let shown = reply.sample.length;
  try {
    const job = await follow(
      reply.status_url,
      (job) => {
        at("count-progress").value = job.progress;
        const sample = job.sample.slice(0, 20);
        if (sample.length > shown) {
          shown = sample.length;
          at("sample-heading").textContent = sampleHeading(null, shown);
          showSample(sample, reply.message_url);
        }
        const eta = job.eta_ms === null ? "" : `, ${seconds(job.eta_ms)} to go`;
        at("count-more").textContent = `${grouped(job.matched)} matches so far, ${grouped(job.per_second)} messages per second${eta}`;
      },
      (words) => { at("count-more").textContent = words; },
    );
    const whole = { ...reply, ...job, depth: reply.depth, sample: job.sample.slice(0, 20) };
    const error = job.status === "completed" ? null : job.error || `the count was ${job.status}`;
    if (!error) showSample(whole.sample, reply.message_url);
    counted(error ? { ...reply, unreadable: 0, undecodable: 0 } : whole, job.matched, error);
  } catch (failure) {
    counted(reply, null, failure.words);
  }
  unlock();
}

