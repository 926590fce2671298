/* What the backdrop needs beyond its shapes: streets as wide as the scale allows, each with an edge,
   and buildings only where they can be told apart. */
"use strict";

function drawBackdrop(map, group, roads, paper) {
  var FIRST_ZOOM = 13, LAST_ZOOM = 17;
  var edges = {};

  function widthOf(name) {
    return paper.widths[paper.classes[name]][Math.max(FIRST_ZOOM, Math.min(LAST_ZOOM, map.getZoom()))];
  }

  /* The edge is the same line once more, wider, in the pane below: no street cuts off another. */
  Object.keys(roads).forEach(function (name) {
    edges[name] = L.featureGroup();
    roads[name].eachLayer(function (road) {
      edges[name].addLayer(L.polyline(road.getLatLngs(), {
        pane: "backdrop", color: paper.colours.casing, opacity: 1, interactive: false
      }));
    });
    group.addLayer(edges[name]);
  });

  function fit() {
    Object.keys(roads).forEach(function (name) {
      roads[name].setStyle({ weight: widthOf(name) });
      edges[name].setStyle({ weight: widthOf(name) + (map.getZoom() < FIRST_ZOOM ? 0.6 : 1.4) });
    });
    map.getPane("buildings").style.display = map.getZoom() < paper.buildingsFrom ? "none" : "";
  }

  map.on("zoomend", fit);
  fit();
  creditBackdrop(map, paper.credit);
}
