// Fills in the page of a queue: its groups, its index and the messages that run next.
import { sampleTable } from "./preview.js";
import { age, ask, element, follow, grouped, place, visible, waits } from "./text.js";

const LONG = { repoid: "kwargs.repoid", commitid: "kwargs.commitid", ownerid: "kwargs.ownerid", pullid: "kwargs.pullid" };

// The value of a group in one field, as a link to its messages.
function groupLink(card, by, group, field) {
  const shown = group[field] === null ? "none" : visible(group[field]);
  // Bytes that are not text cannot be typed into a filter.
  if (by.some((name) => `${name}_b64` in group)) return element("span", shown);
  const condition = (name) => {
    const about = `join=and&field=${encodeURIComponent(LONG[name] || name)}`;
    return group[name] === null ? `${about}&op=MISSING&value=` : `${about}&op=%3D&value=${encodeURIComponent(group[name])}`;
  };
  const link = element("a", shown);
  link.href = `${card.dataset.preview}&${by.map(condition).join("&")}`;
  return link;
}

function runs(group) {
  const step = group.next_priority === null || group.next_priority === undefined ? "" : ` of step ${group.next_priority}`;
  return place(group.next_index) + step;
}

function showGroups(card, reply) {
  const by = card.dataset.by.split("\n");
  const table = element("table");
  const head = table.createTHead().insertRow();
  head.append(...by.map((field) => element("th", visible(field))), element("th", "Messages", "number"), element("th", "Share"), element("th", "Next runs", "number"));
  const withAges = reply.groups.some((group) => group.oldest_age !== undefined);
  if (withAges) head.append(element("th", "Next waits", "number"), element("th", "Oldest waits", "number"));
  const body = table.createTBody();
  // `first` is one content for each field, or one for all of them.
  const line = (first, group, next) => {
    const row = body.insertRow();
    const bar = element("td", undefined, "bar");
    for (const content of first) {
      const cell = element("td");
      cell.append(content);
      if (first.length < by.length) cell.colSpan = by.length;
      row.append(cell);
    }
    const progress = element("progress");
    progress.max = 1000;
    progress.value = group.share;
    progress.title = `${group.share / 10} %`;
    progress.setAttribute("aria-label", "Share");
    bar.append(progress);
    row.append(element("td", grouped(group.count), "number"), bar, element("td", next, "number"));
    if (withAges && group.oldest_age !== undefined)
      row.append(element("td", age(group.next_age, group.next_at_least), "number"), element("td", age(group.oldest_age, group.oldest_at_least), "number"));
  };
  for (const group of reply.groups)
    line(by.map((field) => groupLink(card, by, group, field)), group, runs(group));
  if (reply.other && reply.other.count > 0) line(["others"], reply.other, "");
  card.querySelector("div.scroll").replaceChildren(table);
}

// Requests the counts of a queue one after the other, because each scans the whole queue.
export async function groups(cards) {
  for (const card of cards) {
    const [line, progress] = [card.querySelector("p.quiet"), card.querySelector("progress")];
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
export async function waiting(card) {
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


// Shows the messages that run next.
export async function next(region) {
  try {
    const { sample, sample_error: error, message_url: messages } = await ask(region.dataset.url);
    region.replaceChildren(sample.length > 0 ? sampleTable(sample, messages) : element("p", error ? visible(error) : "There are none.", "quiet"));
  } catch (failure) {
    region.replaceChildren(element("p", failure.words, "error"));
  }
}
