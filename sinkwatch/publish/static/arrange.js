/* Room for marks and names: each takes the first free place; what finds none is left out or left be. */
"use strict";

(function () {
  var GAP_PX = 25;
  var FAR_ZOOM = 13;
  var LABEL_RANKS = { 10: 1, 11: 1, 12: 1, 13: 1, 14: 2, 15: 3 };

  function meets(box, others) {
    return others.some(function (other) {
      return box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3];
    });
  }

  function rings() {
    var offsets = [[0, 0]];
    [[GAP_PX, 8], [GAP_PX * 1.8, 12], [GAP_PX * 2.6, 16]].forEach(function (ring) {
      for (var i = 0; i < ring[1]; i += 1) {
        var turn = 2 * Math.PI * i / ring[1] - Math.PI / 4;
        offsets.push([Math.round(ring[0] * Math.cos(turn)), Math.round(ring[0] * Math.sin(turn))]);
      }
    });
    return offsets;
  }

  var OFFSETS = rings();
  var leaders = L.layerGroup();

  function boxOfMark(at, offset, mark) {
    if (mark.box) {
      return [at.x - mark.box[0] / 2, at.y - mark.box[1] / 2, at.x + mark.box[0] / 2, at.y + mark.box[1] / 2];
    }
    var half = GAP_PX / 2, number = mark.number ? 3 + 7 * mark.number.length : 0;
    return [
      at.x + offset[0] - half, at.y + offset[1] - half, at.x + offset[0] + half + number, at.y + offset[1] + half
    ];
  }

  function lead(map, marker, to, className) {
    leaders.addLayer(L.polyline([marker.getLatLng(), map.layerPointToLatLng(to)], {
      pane: "leaders", className: className, weight: 1, interactive: false, smoothFactor: 0
    }));
  }

  function moveMark(map, marker, at, offset) {
    var icon = marker.getElement();
    icon.style.marginLeft = (offset[0] - sinkwatch.MARK_PX / 2) + "px";
    icon.style.marginTop = (offset[1] - sinkwatch.MARK_PX / 2) + "px";
    marker.options.icon.options.popupAnchor = [offset[0], offset[1] - 8];
    if (!offset[0] && !offset[1]) { return; }
    lead(map, marker, at.add(offset), "leader");
    leaders.addLayer(L.circleMarker(marker.getLatLng(), {
      pane: "leaders", className: "leader-end", radius: 2, stroke: false, fillOpacity: 1, interactive: false
    }));
  }

  function arrangeMarks(map, markers, taken) {
    var candidates = map.getZoom() < FAR_ZOOM ? OFFSETS.slice(0, 1) : OFFSETS;
    leaders.clearLayers();
    markers.forEach(function (marker) {
      var at = map.latLngToLayerPoint(marker.getLatLng()), mark = marker.sinkwatchMark;
      /* A mark of many stays where it is: it stands for ground, not for a point. */
      if (mark.box) { taken.push(boxOfMark(at, [0, 0], mark)); return; }
      var free = candidates.find(function (offset) { return !meets(boxOfMark(at, offset, mark), taken); });
      var offset = free || [0, 0];
      taken.push(boxOfMark(at, offset, mark));
      moveMark(map, marker, at, offset);
    });
  }

  function placesForLabel(at, width, height, gaps) {
    var places = [];
    gaps.forEach(function (gap) {
      [
        [gap, -height / 2], [-gap - width, -height / 2], [-width / 2, -gap - height], [-width / 2, gap],
        [gap, -gap - height], [gap, gap], [-gap - width, -gap - height], [-gap - width, gap]
      ].forEach(function (corner) { places.push([at.x + corner[0], at.y + corner[1]]); });
    });
    return places;
  }

  /* What the reader sees, in layer points, with the controls that lie over it */

  function viewOf(map) {
    var corner = map.containerPointToLayerPoint([0, 0]), size = map.getSize();
    return [corner.x + 4, corner.y + 4, corner.x + size.x - 4, corner.y + size.y - 4];
  }

  function controlsOf(map) {
    var frame = map.getContainer().getBoundingClientRect(), corner = map.containerPointToLayerPoint([0, 0]);
    return Array.from(map.getContainer().querySelectorAll(".leaflet-control")).map(function (control) {
      var box = control.getBoundingClientRect();
      var left = corner.x + box.left - frame.left, top = corner.y + box.top - frame.top;
      return [left, top, left + box.width, top + box.height];
    });
  }

  function holds(view, box) {
    return box[0] >= view[0] && box[1] >= view[1] && box[2] <= view[2] && box[3] <= view[3];
  }

  function isPointed(label) { return label.kind === "village" || label.kind === "landmark"; }

  function gapsOf(label, zoom) {
    if (zoom < FAR_ZOOM) { return [11]; }
    return label.rank === 1 ? [11, 30, 48] : [11, 30];
  }

  function within(value, least, most) { return Math.max(least, Math.min(most, value)); }

  function arrangeLabel(map, marker, view, taken, named) {
    var label = marker.sinkwatchLabel, icon = marker.getElement();
    var at = map.latLngToLayerPoint(marker.getLatLng());
    var point = [at.x - 4, at.y - 4, at.x + 4, at.y + 4];
    var width = marker.sinkwatchSize.x, height = marker.sinkwatchSize.y;
    function boxAt(corner) { return [corner[0] - 3, corner[1], corner[0] + width + 3, corner[1] + height]; }
    var free = holds(view, point) && !(isPointed(label) && meets(point, named)) &&
      placesForLabel(at, width, height, gapsOf(label, map.getZoom())).find(function (corner) {
        var box = boxAt(corner);
        return holds(view, box) && !meets(box, taken) && !meets(box, named);
      });
    icon.classList.toggle("is-hidden", !free);
    if (!free) { return; }
    named.push(boxAt(free));
    var edge = L.point(within(at.x, free[0], free[0] + width), within(at.y, free[1], free[1] + height));
    if (edge.distanceTo(at) > 16) { lead(map, marker, edge, "leader is-name"); }
    if (isPointed(label)) { named.push(point); }
    icon.style.marginLeft = (free[0] - at.x) + "px";
    icon.style.marginTop = (free[1] - at.y) + "px";
    icon.style.setProperty("--point-left", (at.x - free[0]) + "px");
    icon.style.setProperty("--point-top", (at.y - free[1]) + "px");
  }

  function arrangeLabels(map, markers, taken) {
    var most = LABEL_RANKS[Math.min(15, map.getZoom())] || 1;
    var view = viewOf(map), named = [];
    markers.forEach(function (marker) {
      if (marker.sinkwatchLabel.rank > most) { marker.getElement().classList.add("is-hidden"); return; }
      arrangeLabel(map, marker, view, taken, named);
    });
  }

  function shown(map, property, rank) {
    var found = [];
    map.eachLayer(function (layer) {
      if (layer[property] && layer.getElement()) { found.push(layer); }
    });
    return found
      .map(function (layer, index) { return [layer[property][rank], index, layer]; })
      .sort(function (one, other) { return one[0] - other[0] || one[1] - other[1]; })
      .map(function (entry) { return entry[2]; });
  }

  /* All is measured before anything is moved, so that the browser lays the page out once. */
  function measure(labels) {
    labels.forEach(function (marker) {
      var icon = marker.getElement();
      marker.sinkwatchSize = L.point(icon.offsetWidth, icon.offsetHeight);
    });
  }

  function arrange(map) {
    var taken = [], labels = shown(map, "sinkwatchLabel", "rank");
    map.getContainer().classList.toggle("is-far", map.getZoom() < FAR_ZOOM);
    var controls = controlsOf(map);
    measure(labels);
    arrangeMarks(map, shown(map, "sinkwatchMark", "order"), taken);
    arrangeLabels(map, labels, taken.concat(controls));
  }

  sinkwatch.arrange = arrange;

  L.Map.addInitHook(function () {
    var map = this, waiting = false;
    this.on("layeradd layerremove moveend resize", function (event) {
      if (waiting || (event.layer && event.layer.options.pane === "leaders")) { return; }
      waiting = true;
      requestAnimationFrame(function () { waiting = false; arrange(map); });
    });
    this.whenReady(function () { leaders.addTo(map); });
  });
})();
