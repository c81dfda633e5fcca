// Updates counts and jobs without a reload. Text from a server is inserted as text only (textContent); the policy of the
// pages forbids anything else.
"use strict";

const POLL_MS = 500;

const at = (id) => document.getElementById(id);
const grouped = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
const seconds = (ms) => (ms < 1000 ? `${ms} ms` : `${Math.round(ms / 100) / 10} s`);
const duration = (ms) => {
  if (ms < 60000) return ms < 1000 ? `${ms} ms` : `${Math.floor(ms / 100) / 10} s`;
  const minutes = Math.floor(ms / 60000);
  return minutes < 60 ? `${minutes} min ${Math.floor((ms % 60000) / 1000)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};
const age = (ms, bound) => (ms === null ? "-" : `${bound ? ">= " : ""}${duration(ms)}`);
// Indexes count from the consumer end: -1, -2 at the tail, 0, 1 at the head. Position 1 runs next.
const place = (index) => (index === null ? "" : grouped(index < 0 ? -index : index + 1));
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Escapes invisible characters that move or hide visible ones, as the program's tables do.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const visible = (value) =>
  value === null || value === undefined
    ? ""
    : String(value).replace(/\\/g, "\\\\").replace(UNSAFE, (c) => {
        const code = c.codePointAt(0);
        return code < 0x80 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
      });

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

async function ask(url) {
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
async function follow(url, show, away) {
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
function waits(ages) {
  const said = [
    ["next waits", age(ages.next_age, ages.next_at_least)],
    ["oldest waits", age(ages.oldest_age, ages.oldest_at_least)],
    ["per minute", `${grouped(ages.pushed_per_minute)} in, ${grouped(ages.popped_per_minute)} out`],
  ];
  if (ages.waits > 0)
    said.push(["mean wait", `${duration(ages.wait_mean_ms)} (${grouped(ages.waits)} ${ages.waits === 1 ? "message" : "messages"} that workers took)`]);
  return said;
}

// A member of a row as people read it. Of an arrival or an age the server may know a bound only: a text with a mark.
function shownMember(name, value) {
  const read = { run_at: true, delivered_at: true, arrived: true, age: false }[name];
  const bound = typeof value === "string" && /^([<>]=)(\d+)$/.exec(value);
  if (read === undefined || (typeof value !== "number" && !bound)) return visible(value);
  const [mark, ms] = bound ? [`${bound[1]} `, Number(bound[2])] : ["", value];
  return mark + (read ? new Date(ms).toLocaleString() : duration(ms));
}

function showSample(rows) {
  const table = element("table");
  if (rows.length > 0) {
    const twin = (name) => name.endsWith("_b64") && name.slice(0, -4) in rows[0];
    const empty = (name) => rows.every((row) => row[name] === null);
    const names = Object.keys(rows[0]).filter((name) => name !== "index" && !twin(name) && !empty(name));
    const head = table.createTHead().insertRow();
    head.append(element("th", "Runs", "number"), ...names.map((name) => element("th", name)));
    const body = table.createTBody();
    for (const row of rows) {
      const line = body.insertRow();
      line.append(element("td", place(row.index), "number"));
      line.append(...names.map((name) => element("td", shownMember(name, row[name]))));
    }
  }
  at("sample").replaceChildren(table);
}

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
  // The page has buttons for what the end of a notice says to type.
  const notice = (reply.notice || "").replace(/(^|; )QADMIN\..*$/s, "");
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
  if (!error && matches + (reply.inexact || 0) <= 1 && at("keep-one")) at("keep-one").hidden = true;
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
  showSample([]);
}

async function preview(card) {
  let reply;
  try {
    reply = await ask(card.dataset.url);
  } catch (failure) {
    refused(failure.words);
    return;
  }
  showSample(reply.sample);
  // The server does not move unacknowledged messages.
  if (at("how-move") && reply.container === "unacked") {
    at("how-clear").checked = true;
    at("how-move").disabled = true;
  }
  if (reply.clear_refusal) {
    // Hidden elements keep their space, so that nothing below them moves.
    const card = at("locked").closest(".card");
    card.style.minHeight = `${card.getBoundingClientRect().height}px`;
    at("refusal").textContent = reply.clear_refusal.split("\n")[0];
    at("destructive").remove();
    at("locked").querySelector(".buttons").replaceChildren(element("p", "This Redis user may preview, but not clear."));
  }
  if (reply.mode !== "job" || reply.match_count !== null) {
    at("locked").disabled = false;
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
          showSample(sample);
        }
        const eta = job.eta_ms === null ? "" : `, ${seconds(job.eta_ms)} to go`;
        at("count-more").textContent = `${grouped(job.matched)} matches so far, ${grouped(job.per_second)} messages per second${eta}`;
      },
      (words) => { at("count-more").textContent = words; },
    );
    const whole = { ...reply, ...job, depth: reply.depth, sample: job.sample.slice(0, 20) };
    const error = job.status === "completed" ? null : job.error || `the count was ${job.status}`;
    if (!error) showSample(whole.sample);
    counted(error ? { ...reply, unreadable: 0, undecodable: 0 } : whole, job.matched, error);
  } catch (failure) {
    counted(reply, null, failure.words);
  }
  at("locked").disabled = false;
}

async function job(card) {
  try {
    await follow(
      card.dataset.url,
      (job) => {
        at("progress").value = job.progress;
        at("outcome").textContent = job.status;
        for (const form of card.querySelectorAll("[data-paused]"))
          form.hidden = (form.dataset.paused === "1") !== (job.status === "paused");
        for (const shown of card.querySelectorAll("[data-field]")) {
          const value = job[shown.dataset.field];
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

function groupLink(card, by, group) {
  const value = group[by];
  const shown = value === null ? "none" : visible(value);
  // Bytes that are not text cannot be typed into a filter.
  if (`${by}_b64` in group) return element("span", shown);
  const field = by === "task" ? by : `kwargs.${by}`;
  const [name, condition] = value === null ? ["where", `${field} MISSING`] : [by, value];
  const link = element("a", shown);
  link.href = `${card.dataset.preview}&${name}=${encodeURIComponent(condition)}`;
  return link;
}

function runs(group) {
  const step = group.next_priority === null || group.next_priority === undefined ? "" : ` of step ${group.next_priority}`;
  return place(group.next_index) + step;
}

function showGroups(card, reply) {
  const by = card.dataset.by;
  const table = element("table");
  const head = table.createTHead().insertRow();
  head.append(element("th", by), element("th", "Messages", "number"), element("th", "Share"), element("th", "Next runs", "number"));
  const withAges = reply.groups.some((group) => group.oldest_age !== undefined);
  if (withAges) head.append(element("th", "Next waits", "number"), element("th", "Oldest waits", "number"));
  const body = table.createTBody();
  const line = (first, group, next) => {
    const row = body.insertRow();
    const [name, bar] = [element("td"), element("td", undefined, "bar")];
    name.append(first);
    const progress = element("progress");
    progress.max = 1000;
    progress.value = group.share;
    progress.title = `${group.share / 10} %`;
    bar.append(progress);
    row.append(name, element("td", grouped(group.count), "number"), bar, element("td", next, "number"));
    if (withAges && group.oldest_age !== undefined)
      row.append(element("td", age(group.next_age, group.next_at_least), "number"), element("td", age(group.oldest_age, group.oldest_at_least), "number"));
  };
  for (const group of reply.groups)
    line(groupLink(card, by, group), group, runs(group));
  if (reply.other && reply.other.count > 0) line("others", reply.other, "");
  card.querySelector("div").replaceChildren(table);
}

// Requests the counts of a queue one after the other, because each scans the whole queue.
async function queue(cards) {
  for (const card of cards) {
    const [line, progress] = [card.querySelector("p"), card.querySelector("progress")];
    progress.hidden = false;
    line.textContent = "Counting ...";
    try {
      let reply = await ask(card.dataset.url);
      if (reply.mode === "job" && reply.matched === null) {
        const job = await follow(
          reply.status_url,
          (job) => {
            progress.value = job.progress;
            if (job.groups) showGroups(card, job);
          },
          (words) => { line.textContent = words; },
        );
        const error = job.status === "completed" ? null : job.error || `the count was ${job.status}`;
        reply = { ...reply, ...job, count_error: error };
      }
      if (reply.count_error) throw { words: `The count failed: ${visible(reply.count_error)}` };
      showGroups(card, reply);
      const unreadable = reply.unreadable > 0 ? `; ${grouped(reply.unreadable)} cannot be read` : "";
      line.textContent = `${grouped(reply.matched)} messages${unreadable}`;
    } catch (failure) {
      line.textContent = failure.words;
      line.className = "error";
    }
    progress.hidden = true;
  }
}

// Shows what the index of the list knows, or that it has none.
async function waiting(card) {
  const link = card.querySelector("p");
  const say = (words, className) => card.insertBefore(element("p", words, className), link);
  try {
    const { index } = await ask(card.dataset.url);
    if (index === null) {
      say("This list has no index, so it is not known since when its messages wait.");
      return;
    }
    const list = element("dl");
    const pairs = [["state", visible(index.state)]];
    if (index.reason !== null) pairs.push(["reason", visible(index.reason)]);
    if (index.exact !== null) pairs.push(...waits(index));
    for (const [name, value] of pairs) list.append(element("dt", name), element("dd", value));
    card.insertBefore(list, link);
  } catch (failure) {
    say(failure.words, "error");
  }
}

if (at("waits")) waiting(at("waits"));
if (document.querySelector(".stats")) queue(document.querySelectorAll(".stats"));
if (at("count")) preview(at("count"));
if (at("job") && at("job").dataset.url) job(at("job"));
