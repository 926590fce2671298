/* What the reader wants to see: kind, evidence, status, flag and years, on the map and in this page's tables.
   Without this script the form stays hidden and everything is shown. */
"use strict";

(function () {
  var LISTS = ["kind", "evidence", "status"], YEARS = ["from", "to"];
  var NOUNS = {
    record: ["record", "records"], application: ["application", "applications"],
    site: ["watched site", "watched sites"], "case": ["past decision", "past decisions"]
  };
  var form = document.getElementById("filters");
  var totals = {}, waiting = 0, heard = [];

  function inputs(name) { return Array.from(form.querySelectorAll('input[name="' + name + '"]')); }

  function none() { return { kind: null, evidence: null, status: null, flagged: false, from: 0, to: 0 }; }

  function yearIn(name) {
    var field = inputs(name)[0], year = field ? Number(field.value) : 0;
    return Number.isInteger(year) && year > 0 && year < 10000 ? year : 0;
  }

  function asked() {
    var wanted = none();
    LISTS.forEach(function (name) {
      var boxes = inputs(name), checked = boxes.filter(function (box) { return box.checked; });
      if (checked.length < boxes.length) { wanted[name] = checked.map(function (box) { return box.value; }); }
    });
    wanted.flagged = inputs("flagged").some(function (box) { return box.checked; });
    YEARS.forEach(function (name) { wanted[name] = yearIn(name); });
    return wanted;
  }

  /* Each wish narrows only what it can be said of: a record has no status, a site no year. */
  function fits(wanted, traits) {
    if (LISTS.some(function (name) { return wanted[name] && traits[name] && !wanted[name].includes(traits[name]); })) {
      return false;
    }
    if (wanted.flagged && traits.flagged === false) { return false; }
    if (traits.kind === "site" || !(wanted.from || wanted.to)) { return true; }
    return traits.first > 0 && !(wanted.from && traits.last < wanted.from) && !(wanted.to && traits.first > wanted.to);
  }

  function traitsOf(row) {
    var said = row.dataset;
    return {
      kind: said.kind, evidence: said.evidence, status: said.status,
      flagged: said.flagged ? said.flagged === "yes" : null, first: Number(said.first), last: Number(said.last)
    };
  }

  function rows() { return Array.from(document.querySelectorAll("tr[data-kind]")); }

  /* Tables */

  function filterTables(wanted) {
    var tables = new Map();
    rows().forEach(function (row) {
      row.hidden = !fits(wanted, traitsOf(row));
      var table = row.closest("table"), seen = tables.get(table) || [0, 0];
      tables.set(table, [seen[0] + !row.hidden, seen[1] + 1]);
    });
    tables.forEach(function (seen, table) {
      var note = table.caption.querySelector(".shown") || table.caption.appendChild(sinkwatch.element("span", "shown"));
      note.textContent = seen[0] === seen[1] ? "" : " · " + seen[0] + " of these " + seen[1] + " shown";
    });
  }

  /* Marks of what is drawn as shapes: taken out of their layer and put back */

  var homes = {};

  function keepMark(id, isWanted) {
    var layer = sinkwatch.known[id];
    if (!layer) { return; }
    homes[id] = homes[id] || Object.values(layer._eventParents || {})[0];
    if (!homes[id] || homes[id].hasLayer(layer) === isWanted) { return; }
    if (isWanted) { homes[id].addLayer(layer); } else { homes[id].removeLayer(layer); }
  }

  function filterMarks(wanted) {
    var shapes = sinkwatch.words().shapes;
    Object.keys(shapes).forEach(function (id) {
      if (!shapes[id].mark) { return; }
      var own = (shapes[id].holds || [id]).map(function (anchor) { return document.getElementById(anchor); });
      var isWanted = own.some(function (row) { return !row || !row.dataset.kind || fits(wanted, traitsOf(row)); });
      keepMark(id, isWanted);
      keepMark("around-" + id, isWanted);
    });
    if (sinkwatch.keep) { sinkwatch.keep(function (traits) { return fits(wanted, traits); }); }
  }

  /* What is shown, in words */

  function counts(wanted) {
    var found = { record: 0, site: 0, "case": 0 };
    rows().forEach(function (row) {
      var traits = traitsOf(row);
      if (traits.kind !== "application" && fits(wanted, traits)) { found[traits.kind] += 1; }
    });
    found.application = sinkwatch.count(function (traits) { return fits(wanted, traits); });
    return found;
  }

  function said(found) {
    var parts = Object.keys(NOUNS).filter(function (kind) { return totals[kind]; }).map(function (kind) {
      return found[kind].toLocaleString("en-GB") + " of " + totals[kind].toLocaleString("en-GB") + " " +
        NOUNS[kind][totals[kind] === 1 ? 0 : 1];
    });
    if (parts.length < 2) { return parts.join("") + " shown."; }
    return parts.slice(0, -1).join(", ") + " and " + parts[parts.length - 1] + " shown.";
  }

  function isNarrowing(wanted) {
    return LISTS.some(function (name) { return wanted[name]; }) || wanted.flagged || wanted.from > 0 || wanted.to > 0;
  }

  function apply() {
    var wanted = asked(), narrowing = isNarrowing(wanted);
    filterTables(wanted);
    filterMarks(wanted);
    form.querySelector(".filter-status").textContent = narrowing ? said(counts(wanted)) : "Everything held is shown.";
    form.querySelector(".clear").disabled = !narrowing;
    heard.forEach(function (hear) { hear(); });
  }

  function soon() {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 150);
  }

  function set(wanted) {
    LISTS.forEach(function (name) {
      inputs(name).forEach(function (box) { box.checked = !wanted[name] || wanted[name].includes(box.value); });
    });
    inputs("flagged").forEach(function (box) { box.checked = wanted.flagged; });
    YEARS.forEach(function (name) {
      inputs(name).forEach(function (field) { field.value = wanted[name] || ""; });
    });
    apply();
  }

  /* As part of an address: only values that the form offers count, whatever the address says */

  function listed(name, text) {
    var offered = inputs(name).map(function (box) { return box.value; });
    var known = text.split(",").filter(function (value) { return offered.includes(value); });
    return known.length || text === "" ? known : null;
  }

  function fromAddress(parts) {
    var wanted = none();
    LISTS.forEach(function (name) { if (parts.has(name)) { wanted[name] = listed(name, parts.get(name)); } });
    wanted.flagged = parts.get("flagged") === "yes";
    YEARS.forEach(function (name) {
      if (/^[1-9]\d{3}$/.test(parts.get(name) || "")) { wanted[name] = Number(parts.get(name)); }
    });
    return wanted;
  }

  function toAddress() {
    var wanted = asked(), parts = [];
    LISTS.forEach(function (name) { if (wanted[name]) { parts.push(name + "=" + wanted[name].join(",")); } });
    if (wanted.flagged) { parts.push("flagged=yes"); }
    YEARS.forEach(function (name) { if (wanted[name]) { parts.push(name + "=" + wanted[name]); } });
    return parts;
  }

  if (!form) { return; }
  sinkwatch.filters = {
    read: function (parts) { set(fromAddress(parts)); },
    written: toAddress,
    hear: function (hear) { heard.push(hear); },
    begin: function () {
      Object.keys(NOUNS).forEach(function (kind) { totals[kind] = 0; });
      rows().forEach(function (row) { if (row.dataset.kind !== "application") { totals[row.dataset.kind] += 1; } });
      totals.application = sinkwatch.count(function () { return true; });
      form.hidden = false;
      // A browser that comes back to a page fills in what stood there before.
      if (isNarrowing(asked())) { apply(); }
    }
  };
  form.addEventListener("input", soon);
  form.querySelector(".clear").addEventListener("click", function () {
    set(none());
    form.querySelector("summary").focus();
  });
})();
