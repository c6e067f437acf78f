"use strict";
const rows = [...document.querySelectorAll("#matrix tbody tr")].map((row) => ({
  row, words: row.textContent.toLowerCase(),
}));
const field = (name) => document.getElementById(name);
const choices = ["level", "verdict", "family"].map(field);
const familyButtons = [...document.querySelectorAll("button.family")];

function filter() {
  const wanted = field("text").value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { row, words } of rows) {
    const fits = choices.every((choice) => !choice.value || row.dataset[choice.id] === choice.value)
      && wanted.every((word) => words.includes(word));
    row.hidden = !fits;
    shown += fits;
  }
  field("shown").textContent = shown === rows.length ? `${shown} shown` : `${shown} of ${rows.length} shown`;
  for (const button of familyButtons) {
    button.setAttribute("aria-pressed", String(button.dataset.family === field("family").value));
  }
}

function clear() {
  for (const choice of [...choices, field("text")]) choice.value = "";
  filter();
}

// A link may point into something folded, or to a row that a filter hides.
function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.hidden) clear();
  for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  target.scrollIntoView();
}

for (const choice of choices) choice.addEventListener("change", filter);
field("text").addEventListener("input", filter);
field("clear").addEventListener("click", clear);
for (const button of familyButtons) {
  button.addEventListener("click", () => {
    const chosen = button.getAttribute("aria-pressed") === "true";
    field("family").value = chosen ? "" : button.dataset.family;
    filter();
  });
}
field("unfold").addEventListener("click", (event) => {
  const open = event.target.getAttribute("aria-pressed") !== "true";
  for (const details of document.querySelectorAll("details.case")) details.open = open;
  event.target.setAttribute("aria-pressed", String(open));
  event.target.textContent = open ? "Fold all" : "Unfold all";
});
addEventListener("hashchange", reveal);
filter();
reveal();
