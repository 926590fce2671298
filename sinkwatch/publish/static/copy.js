/* A button beside each snippet that copies it; where the browser does not let it, the text is left chosen. */
"use strict";

document.querySelectorAll("textarea[data-snippet]").forEach(function (text) {
  var button = document.createElement("button");
  var said = document.createElement("span");
  button.type = "button";
  button.textContent = "Copy";
  button.setAttribute("aria-describedby", text.id + "-title");
  said.setAttribute("role", "status");
  function choose() {
    text.focus();
    text.select();
    said.textContent = "Press Ctrl+C, or hold and choose Copy";
  }
  button.addEventListener("click", function () {
    if (!navigator.clipboard) { choose(); return; }
    navigator.clipboard.writeText(text.value).then(function () { said.textContent = "Copied"; }, choose);
  });
  text.after(button, said);
});
