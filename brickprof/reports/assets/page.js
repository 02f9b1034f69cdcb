"use strict";

// Sorts a table by the column whose head was pressed, by the numbers that its cells bring along.
function makeSortable(table) {
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      // The largest numbers and the first names are looked for first.
      const first = head.classList.contains("number") ? "descending" : "ascending";
      const down = head.getAttribute("aria-sort") === first ? first !== "descending" : first === "descending";
      table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => {
        const cell = row.children[column];
        const number = cell.dataset.value;
        return number === undefined ? cell.textContent : Number(number);
      };
      const body = table.tBodies[0];
      [...body.rows]
        .sort((a, b) => {
          const [x, y] = [key(a), key(b)];
          const order = typeof x === "number" && typeof y === "number"
            ? x - y : String(x).localeCompare(String(y));
          return down ? -order : order;
        })
        .forEach((row) => body.append(row));
    });
  });
}

// One note at a time, beside what it is about.
const note = document.createElement("div");
note.id = "note";
note.setAttribute("role", "tooltip");
note.hidden = true;
document.body.append(note);

function showNote(text, x, y) {
  note.textContent = text;
  note.hidden = false;
  const width = document.documentElement.clientWidth;
  const right = Math.max(4, Math.min(x, width - note.offsetWidth - 4));
  note.style.left = `${right + window.scrollX}px`;
  note.style.top = `${y + window.scrollY + 8}px`;
}

function hideNote() {
  note.hidden = true;
}

function showNoteBelow(element, text) {
  const box = element.getBoundingClientRect();
  showNote(text, box.left, box.bottom);
}

// What a figure in a table is and where it comes from: on hover, and as arrow keys reach its cell.
function explainCells(table) {
  const heads = [...table.querySelectorAll("thead th")];
  const explain = (cell) => {
    const head = heads[cell.cellIndex];
    if (!head) return;
    const value = cell.dataset.value;
    const exact = !value || !head.classList.contains("number") || Number.isInteger(Number(value))
      ? "" : ` Unrounded, in its base unit: ${value}.`;
    showNoteBelow(cell, `${head.textContent}: ${head.title}${exact}`);
  };
  const cellOf = (event) => event.target.closest("tbody td");
  const first = table.tBodies[0].querySelector("td");
  if (first) first.tabIndex = 0;
  table.addEventListener("mouseover", (event) => {
    const cell = cellOf(event);
    if (cell) explain(cell);
  });
  table.addEventListener("mouseout", hideNote);
  table.addEventListener("focusin", (event) => {
    const cell = cellOf(event);
    if (cell) explain(cell);
  });
  table.addEventListener("focusout", hideNote);
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  table.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    const cell = cellOf(event);
    if (!step || !cell) return;
    event.preventDefault();
    const rows = [...table.tBodies[0].rows];
    const row = rows[rows.indexOf(cell.parentElement) + step[0]];
    const next = row && row.cells[cell.cellIndex + step[1]];
    if (!next) return;
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

// The marks of a picture: arrow keys go from one to the next, and Enter follows its link.
function exploreMarks(figure) {
  const marks = () => {
    const all = [...figure.querySelectorAll("[role=graphics-symbol][aria-label]")]
      .filter((mark) => mark.tagName !== "g" && mark.getClientRects().length);
    // What links to a row comes first; lines that it is held against follow.
    return [...all.filter((mark) => mark.closest("a")), ...all.filter((mark) => !mark.closest("a"))];
  };
  let current = null;
  const choose = (mark) => {
    if (current) current.classList.remove("chosen");
    current = mark;
    if (!mark) return hideNote();
    mark.classList.add("chosen");
    const box = figure.getBoundingClientRect();
    const at = mark.getBoundingClientRect();
    if (at.left < box.left) figure.scrollLeft += at.left - box.left - 20;
    if (at.right > box.right) figure.scrollLeft += at.right - box.right + 20;
    showNoteBelow(mark, mark.getAttribute("aria-label"));
  };
  figure.addEventListener("mouseover", (event) => {
    const mark = event.target.closest("[role=graphics-symbol][aria-label]");
    if (mark && mark.tagName !== "g") showNoteBelow(mark, mark.getAttribute("aria-label"));
  });
  figure.addEventListener("mouseout", hideNote);
  figure.addEventListener("focusin", (event) => {
    const mark = event.target.querySelector && event.target.closest("a")
      ? event.target.querySelector("[aria-label]") : null;
    if (mark) choose(mark);
  });
  figure.addEventListener("focusout", () => choose(null));
  figure.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const all = marks();
      if (!all.length) return;
      const at = all.indexOf(current);
      choose(all[at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length]);
    } else if (event.key === "Enter" && current && event.target === figure) {
      const link = current.closest("a");
      if (link) goTo(link.getAttribute("xlink:href") || link.getAttribute("href"));
    } else if (event.key === "Escape") {
      choose(null);
    }
  });
}

function goTo(address) {
  location.hash = address;
  const target = document.getElementById(address.slice(1));
  if (target) target.focus();
}

// From a finding to its mark: the one in the colors that are shown.
function linkToMark(link) {
  link.addEventListener("click", (event) => {
    const figure = document.getElementById("roofline").nextElementSibling;
    const mark = [...figure.querySelectorAll("a")].find((one) =>
      (one.getAttribute("xlink:href") || one.getAttribute("href")) === `#${link.dataset.mark}`
      && one.getClientRects().length);
    if (!mark) return;
    event.preventDefault();
    figure.scrollIntoView({ block: "center" });
    mark.focus({ preventScroll: true });
  });
}

// Which tiles a cell of a heat map's table is of.
function explainMatrix(table) {
  const columns = [...table.querySelectorAll("thead th")];
  table.addEventListener("mouseover", (event) => {
    const cell = event.target.closest("tbody td");
    if (!cell || !cell.textContent) return hideNote();
    const [row, column] = [cell.parentElement.cells[0], columns[cell.cellIndex - 1]];
    showNoteBelow(cell, `${cell.textContent} µs: mean of the timed tiles in row ${row.textContent}, column `
      + `${column.textContent}, as measured, the timer's cost out.`);
  });
  table.addEventListener("mouseout", hideNote);
}

// Where a figure outside of tables comes from: on hover and on focus.
function explainFigure(figure) {
  const source = figure.title;
  // Its own note would lie over this one.
  figure.removeAttribute("title");
  figure.setAttribute("aria-description", source);
  for (const event of ["mouseenter", "focus"]) {
    figure.addEventListener(event, () => showNoteBelow(figure, source));
  }
  for (const event of ["mouseleave", "blur"]) figure.addEventListener(event, hideNote);
}

document.querySelectorAll("table.sortable").forEach(makeSortable);
document.querySelectorAll("table.sortable, table.fixed").forEach(explainCells);
document.querySelectorAll("table.matrix").forEach(explainMatrix);
document.querySelectorAll(".figure").forEach(explainFigure);
document.querySelectorAll("figure").forEach(exploreMarks);
document.querySelectorAll("a[data-mark]").forEach(linkToMark);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideNote();
});
