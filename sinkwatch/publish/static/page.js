/* What the page itself does: the age of each source as of the reader's day, and paper with nothing folded away. */
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

  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details").forEach(function (folded) { folded.open = true; });
  });
})();
