/* Tables marked data-sortable can be put in the order of a column; without this script they stay as they were written. */
"use strict";

(function () {
  var words = new Intl.Collator("en-GB", { numeric: true, sensitivity: "base" });

  function keyOf(row, column) {
    var cell = row.cells[column];
    if (!cell) { return ""; }
    var given = cell.dataset.value;
    return (given === undefined ? cell.textContent : given).trim().replace(/\s+/g, " ");
  }

  function isNumber(key) { return /^[+-]?\d+(\.\d+)?$/.test(key); }

  // Days are written YYYY-MM-DD: as words they are in their order already.
  function compare(one, other) {
    return isNumber(one) && isNumber(other) ? Number(one) - Number(other) : words.compare(one, other);
  }

  function sorted(rows, column, direction) {
    var keyed = rows.map(function (row, place) { return { row: row, key: keyOf(row, column), place: place }; });
    keyed.sort(function (one, other) {
      // What is not known comes last, whichever way the rest runs.
      if (!one.key !== !other.key) { return one.key ? -1 : 1; }
      return direction * compare(one.key, other.key) || one.place - other.place;
    });
    return keyed.map(function (each) { return each.row; });
  }

  function sortBy(table, heads, head) {
    var isUp = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach(function (each) { each.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", isUp ? "ascending" : "descending");
    var body = table.tBodies[0];
    body.append.apply(body, sorted(Array.from(body.rows), head.cellIndex, isUp ? 1 : -1));
  }

  document.querySelectorAll("table[data-sortable]").forEach(function (table) {
    if (!table.tHead || !table.tBodies.length || table.tBodies[0].rows.length < 2) { return; }
    var heads = Array.from(table.tHead.querySelectorAll("th:not([data-unsorted])"));
    heads.forEach(function (head) {
      var button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append.apply(button, Array.from(head.childNodes));
      button.addEventListener("click", function () { sortBy(table, heads, head); });
      head.append(button);
    });
    table.classList.add("is-sortable");
  });
})();
