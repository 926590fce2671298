/* What the page itself does: the age of each source as of the reader's day, a word where a link meant another edition,
   and paper with nothing folded away. */
"use strict";

(function () {
  var DAY_MS = 86400000;

  function inWords(days) {
    if (days <= 0) { return "today"; }
    if (days === 1) { return "yesterday"; }
    if (days < 60) { return days + " days ago"; }
    if (days < 730) { return Math.round(days / 30.44) + " months ago"; }
    return Math.floor(days / 365.25) + " years ago";
  }

  document.querySelectorAll("[data-since]").forEach(function (age) {
    var days = Math.floor((Date.now() - Date.parse(age.dataset.since)) / DAY_MS);
    var most = Number(age.dataset.staleAfterDays);
    age.textContent = inWords(days);
    if (most && days > most) {
      age.textContent += ": out of date, it should be checked every " + most + " days";
      age.classList.add("is-stale");
    }
  });

  document.querySelectorAll("[data-show]").forEach(function (asked) { asked.hidden = false; });

  function inFull(iso) {
    var day = new Date(iso + "T00:00:00Z");
    if (isNaN(day) || day.toISOString().slice(0, 10) !== iso) { return ""; }
    return day.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
  }

  function sayWhichEdition() {
    var former = document.querySelector(".edition-note");
    if (former) { former.remove(); }
    var asked = /^#edition-(\d{4}-\d{2}-\d{2})$/.exec(location.hash);
    var cited = document.querySelector("[data-edition]");
    if (!asked || !cited || asked[1] === cited.dataset.edition || !inFull(asked[1])) { return; }
    var note = document.createElement("p");
    note.className = "edition-note";
    note.setAttribute("role", "note");
    note.textContent = "You followed a link to the edition of " + inFull(asked[1]) +
      ". This page was last changed on " + inFull(cited.dataset.edition) + ". ";
    var changes = cited.querySelector("a");
    if (changes) {
      var link = document.createElement("a");
      link.href = changes.getAttribute("href");
      link.textContent = "See what changed";
      note.append(link, ".");
    }
    document.querySelector("main").prepend(note);
  }

  sayWhichEdition();
  window.addEventListener("hashchange", sayWhichEdition);

  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (folded) { folded.open = true; });
  });
})();
