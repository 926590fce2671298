/* The map inside a page of somebody else: what leads on opens beside that page, never in the frame, where no page of
   this site but those under embed/ may stand. */
"use strict";

document.addEventListener("click", function (event) {
  var link = event.target instanceof Element && event.target.closest("a[href]");
  if (!link || link.getAttribute("href").charAt(0) === "#") { return; }
  link.target = "_blank";
  link.relList.add("noopener");
}, true);
