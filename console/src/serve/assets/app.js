// Starts what the page needs. Text from a server is inserted as text only (textContent); the policy of the pages forbids
// anything else.
import { actions } from "./actions.js";
import { filter } from "./filter.js";
import { job } from "./job.js";
import { refresh } from "./live.js";
import { preview } from "./preview.js";
import { groups, next, waiting } from "./queue.js";
import { at } from "./text.js";

if (document.querySelector("[data-live]")) refresh(at("live"));
// On a phone the count comes first.
if (at("count") && matchMedia("(max-width: 40rem)").matches) at("filter-box").open = false;
if (at("filter")) filter(at("filter"));
if (at("clear")) actions(at("clear"));
if (at("waits")) waiting(at("waits"));
if (at("next")) next(at("next"));
if (document.querySelector(".stats")) groups(document.querySelectorAll(".stats"));
if (at("count")) preview(at("count"));
if (at("job") && at("job").dataset.url) job(at("job"));
