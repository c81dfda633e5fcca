// The rows of the filter form: adding and removing them, and suggestions of fields and values that the queue contains.
import { ask, at, element } from "./text.js";

const rowsOf = (form) => [...form.querySelectorAll(".row")];

// Numbers the rows; the first one has nothing to be joined with.
function number(form) {
  rowsOf(form).forEach((row, n) => {
    row.setAttribute("aria-label", `Condition ${n + 1}`);
    row.querySelector(".join").hidden = n === 0;
    const button = row.querySelector(".remove");
    button.hidden = rowsOf(form).length === 1;
    button.setAttribute("aria-label", `Remove condition ${n + 1}`);
  });
}

function clear(row) {
  for (const input of row.querySelectorAll("input")) input.value = "";
  for (const select of row.querySelectorAll("select")) select.selectedIndex = 0;
}

// EXISTS and MISSING take no value.
function fit(row) {
  const takesNone = ["EXISTS", "MISSING"].includes(row.querySelector("[name=op]").value);
  row.querySelector(".value").classList.toggle("unused", takesNone);
  row.querySelector("[name=value]").readOnly = takesNone;
}

// The fields that the server found in the queue, asked for once, when the user is about to type one.
function suggestions(url) {
  let asked = null;
  return () => {
    asked ??= ask(url).catch(() => ({ fields: [] }));
    return asked;
  };
}

function options(list, values) {
  list.replaceChildren(
    ...values.map((value) => {
      const option = element("option");
      option.value = value;
      return option;
    }),
  );
}

export function filter(form) {
  const known = suggestions(form.dataset.fields);
  const fixed = [...at("fields").children].map((option) => option.value);
  number(form);
  rowsOf(form).forEach(fit);
  at("add-row").hidden = false;
  at("add-row").addEventListener("click", () => {
    const row = rowsOf(form)[0].cloneNode(true);
    clear(row);
    at("rows").append(row);
    number(form);
    fit(row);
    row.querySelector("[name=field]").focus();
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest(".remove");
    if (!button) return;
    const row = button.closest(".row");
    const next = row.nextElementSibling || row.previousElementSibling;
    row.remove();
    number(form);
    next.querySelector("[name=field]").focus();
  });
  form.addEventListener("change", (event) => {
    if (event.target.name === "op") fit(event.target.closest(".row"));
  });
  document.addEventListener("focusin", async (event) => {
    if (!event.target.getAttribute) return;
    const list = event.target.getAttribute("list");
    if (list === "fields") {
      const { fields } = await known();
      const names = fields.map((field) => field.name);
      options(at("fields"), [...new Set([...names, ...fixed])]);
    } else if (list === "values") {
      const field = event.target.closest(".row").querySelector("[name=field]").value;
      options(at("values"), []);
      const found = (await known()).fields.find((one) => one.name === field);
      if (document.activeElement === event.target) options(at("values"), found ? found.examples.map(String) : []);
    }
  });
}
