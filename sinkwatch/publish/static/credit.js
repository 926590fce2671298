/* Who must be named beside a backdrop: as text, and never over the scale bar. */
"use strict";

function creditBackdrop(map, credit) {
  var line = document.createElement("span");
  line.textContent = credit;

  /* Where the credits fill the whole width, the scale bar stands above them and not behind. */
  function clear() {
    var left = map.getContainer().querySelector(".leaflet-bottom.leaflet-left");
    var right = map.getContainer().querySelector(".leaflet-bottom.leaflet-right");
    var covers = left.offsetWidth + map.attributionControl.getContainer().offsetWidth > map.getSize().x;
    left.style.marginBottom = covers ? right.offsetHeight + "px" : "";
  }

  if (credit) { map.attributionControl.addAttribution(line.innerHTML); }
  map.on("resize zoomend", clear);
  clear();
}
