/* What the backdrop needs beyond its shapes: streets as wide as the scale allows, each with an edge;
   buildings only where they can be told apart; and a credit, as text. */
"use strict";

function drawBackdrop(map, group, roads, paper) {
  var WIDTHS = {
    local_roads: { 13: 0.7, 14: 1.2, 15: 2.6, 16: 4.5, 17: 8 },
    minor_roads: { 13: 1.4, 14: 2, 15: 3.6, 16: 6, 17: 10 },
    main_roads: { 13: 2, 14: 3, 15: 4.6, 16: 7.5, 17: 12 }
  };
  var FIRST_ZOOM = 13, LAST_ZOOM = 17, BUILDINGS_FROM = 15;
  var edges = {};

  function widthOf(kind) {
    return WIDTHS[kind][Math.max(FIRST_ZOOM, Math.min(LAST_ZOOM, map.getZoom()))];
  }

  /* The edge is the same line once more, wider, in the pane below: no street cuts off another. */
  Object.keys(roads).forEach(function (kind) {
    edges[kind] = L.featureGroup();
    roads[kind].eachLayer(function (road) {
      edges[kind].addLayer(L.polyline(road.getLatLngs(), {
        pane: "backdrop", color: paper.casing, opacity: 1, interactive: false
      }));
    });
    group.addLayer(edges[kind]);
  });

  function fit() {
    Object.keys(roads).forEach(function (kind) {
      roads[kind].setStyle({ weight: widthOf(kind) });
      edges[kind].setStyle({ weight: widthOf(kind) + (map.getZoom() < FIRST_ZOOM ? 0.6 : 1.4) });
    });
    map.getPane("buildings").style.display = map.getZoom() < BUILDINGS_FROM ? "none" : "";
  }

  function credited() {
    var line = document.createElement("span");
    line.textContent = paper.credit;
    return line.innerHTML;
  }

  /* Where the credits fill the whole width, the scale bar stands above them and not behind. */
  function clear() {
    var left = map.getContainer().querySelector(".leaflet-bottom.leaflet-left");
    var right = map.getContainer().querySelector(".leaflet-bottom.leaflet-right");
    var covers = left.offsetWidth + map.attributionControl.getContainer().offsetWidth > map.getSize().x;
    left.style.marginBottom = covers ? right.offsetHeight + "px" : "";
  }

  map.on("zoomend", fit).on("resize zoomend", clear);
  if (paper.credit) { map.attributionControl.addAttribution(credited()); }
  fit();
  clear();
}
