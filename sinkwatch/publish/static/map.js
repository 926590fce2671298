/* What folium's map asks of the page: marks, cards, labels and controls.
   Text from outside only ever becomes text: nothing here, or fed from here, is parsed as HTML. */
"use strict";

var sinkwatch = (function () {
  var SVG = "http://www.w3.org/2000/svg";
  var NARROW_PX = 720;
  var MARK_PX = 24;
  var GAP_PX = 20;
  var FAR_ZOOM = 13;
  var LABEL_RANKS = { 10: 1, 11: 1, 12: 1, 13: 1, 14: 2, 15: 3 };
  var words = { shapes: {}, bands: {}, notice: "" };
  var known = {};
  var theMap = null;

  function isNarrow() { return window.innerWidth < NARROW_PX; }

  function element(tag, className, text) {
    var made = document.createElement(tag);
    if (className) { made.className = className; }
    if (text !== undefined) { made.textContent = text; }
    return made;
  }

  function drawing(tag, attributes) {
    var made = document.createElementNS(SVG, tag);
    Object.keys(attributes).forEach(function (name) { made.setAttribute(name, attributes[name]); });
    return made;
  }

  function use(symbol, size, colour) {
    var picture = drawing("svg", { width: size, height: size, viewBox: "0 0 24 24", "aria-hidden": "true" });
    picture.appendChild(drawing("use", { href: "#mark-" + symbol, fill: colour || "#ffffff" }));
    return picture;
  }

  /* Marks */

  var MarkIcon = L.Icon.extend({
    options: { iconSize: [MARK_PX, MARK_PX], className: "mark" },
    createIcon: function () {
      var mark = this.options.mark;
      var made = element("div");
      made.appendChild(use(mark.symbol, MARK_PX, mark.colour));
      if (mark.is_flagged) { made.appendChild(use("flag", MARK_PX, mark.colour)).classList.add("flag"); }
      this._setIconStyles(made, "icon");
      if (mark.number) { made.appendChild(element("span", "mark-number", mark.number)); }
      made.setAttribute("aria-label", mark.name);
      return made;
    },
    createShadow: function () { return null; }
  });

  function mark(feature, latlng) {
    var said = words.shapes[feature.id].mark;
    var icon = new MarkIcon({ mark: said, popupAnchor: [0, -8] });
    var made = L.marker(latlng, { icon: icon, title: said.name, riseOnHover: true });
    made.sinkwatchMark = said;
    return made;
  }

  /* Cards */

  function link(card) {
    if (!/^https?:\/\//.test(card.url)) { return element("span", "", card.url_title); }
    var made = element("a", "", card.url_title);
    made.href = card.url;
    made.rel = "noopener noreferrer nofollow";
    return made;
  }

  function facts(pairs) {
    var list = element("dl");
    pairs.forEach(function (pair) {
      list.appendChild(element("dt", "", pair[0]));
      list.appendChild(element("dd", "", pair[1]));
    });
    return list;
  }

  function band(card) {
    var line = element("p", "card-band");
    var swatch = drawing("svg", { "class": "swatch", width: 26, height: 16, "aria-hidden": "true" });
    swatch.appendChild(drawing("rect", { width: 26, height: 16, rx: 2, fill: "url(#band-" + card.band + ")" }));
    line.appendChild(swatch);
    line.appendChild(element("strong", "", words.bands[card.band].label));
    return line;
  }

  /* The evidence pack, as the table links it; the one-file edition has none. */
  function offered(anchor) {
    var row = document.getElementById(anchor);
    return row ? row.querySelectorAll(".pack a, .pack small") : [];
  }

  function cardOf(card) {
    var made = element("div", "card");
    made.appendChild(element("p", "card-kind", card.kind));
    made.appendChild(element("p", "card-title", card.title));
    if (card.band) { made.appendChild(band(card)); }
    if (card.explains_band) {
      made.appendChild(element("p", "", words.bands[card.band].meaning));
      made.appendChild(element("p", "", words.bands[card.band].advice));
    }
    if (card.headline) { made.appendChild(element("p", "card-headline", card.headline)); }
    made.appendChild(facts(card.facts));
    var links = element("p", "card-links");
    if (card.url) { links.appendChild(link(card)); }
    if (card.more) {
      offered(card.more).forEach(function (said) { links.appendChild(said.cloneNode(true)); });
      var more = element("a", "", "All that is known, in the table");
      more.href = "#" + card.more;
      links.appendChild(more);
    }
    if (links.firstChild) { made.appendChild(links); }
    return made;
  }

  function bind(feature, layer) {
    var card = (words.shapes[feature.id] || {}).card;
    if (!card) { return; }
    known[feature.id] = layer;
    layer.bindPopup(function () { return cardOf(card); }, {
      maxWidth: 300,
      minWidth: 220,
      maxHeight: 320,
      autoPanPaddingTopLeft: isNarrow() ? [10, 10] : [60, 10],
      autoPanPaddingBottomRight: isNarrow() ? [10, 10] : [250, 10]
    });
  }

  /* Labels */

  var LabelIcon = L.Icon.extend({
    options: { className: "place-name" },
    createIcon: function () {
      var made = element("div", "", this.options.label.text);
      this._setIconStyles(made, "icon");
      made.classList.add("is-" + this.options.label.kind);
      return made;
    },
    createShadow: function () { return null; }
  });

  function label(feature, latlng) {
    var said = words.shapes[feature.id].label;
    var icon = new LabelIcon({ label: said });
    var made = L.marker(latlng, { icon: icon, pane: "names", interactive: false, keyboard: false });
    made.sinkwatchLabel = said;
    return made;
  }

  /* Room for marks and labels: each takes the first free place; what finds none is left out or left be */

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
    icon.style.marginLeft = (offset[0] - MARK_PX / 2) + "px";
    icon.style.marginTop = (offset[1] - MARK_PX / 2) + "px";
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
    var width = icon.offsetWidth, height = icon.offsetHeight;
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

  function arrange(map) {
    var taken = [];
    map.getContainer().classList.toggle("is-far", map.getZoom() < FAR_ZOOM);
    arrangeMarks(map, shown(map, "sinkwatchMark", "order"), taken);
    arrangeLabels(map, shown(map, "sinkwatchLabel", "rank"), taken.concat(controlsOf(map)));
  }

  L.Map.addInitHook(function () {
    var map = theMap = this, waiting = false;
    this.on("layeradd layerremove moveend resize", function (event) {
      if (waiting || (event.layer && event.layer.options.pane === "leaders")) { return; }
      waiting = true;
      requestAnimationFrame(function () { waiting = false; arrange(map); });
    });
    this.on("popupopen", takeFocus).on("popupclose", returnFocus);
    this.whenReady(function () { leaders.addTo(map); });
    this.attributionControl.setPrefix(false);
    this.attributionControl.addAttribution("Leaflet · sources and credits: see the table below");
    this.getContainer().classList.add("is-ready");
  });

  /* Controls */

  L.Control.North = L.Control.extend({
    options: { position: "topleft" },
    onAdd: function () {
      var made = element("div", "north");
      made.setAttribute("role", "img");
      made.setAttribute("aria-label", "North is up");
      var picture = drawing("svg", { width: 22, height: 34, viewBox: "0 0 22 34", "aria-hidden": "true" });
      picture.appendChild(drawing("use", { href: "#mark-north" }));
      made.appendChild(picture);
      return made;
    }
  });

  function scaleOf(map) {
    var size = map.getSize(), middle = size.divideBy(2);
    var metres = map.distance(
      map.containerPointToLatLng(middle), map.containerPointToLatLng(middle.add([100, 0])));
    return metres / 100 / 0.00026458;
  }

  L.Control.Notice = L.Control.extend({
    options: { position: "bottomright" },
    onAdd: function (map) {
      var made = element("p", "notice", words.notice);
      var finer = this.options.finerThan;
      made.setAttribute("role", "status");
      function show() { made.hidden = scaleOf(map) >= finer; }
      map.on("zoomend resize load", show);
      map.whenReady(show);
      return made;
    }
  });

  /* From a table to the map */

  function switchedLayer(layer) {
    var parents = Object.values(layer._eventParents || {});
    return parents.length ? switchedLayer(parents[0]) : layer;
  }

  function show(anchor) {
    var layer = known[anchor];
    if (!layer || !theMap) { return false; }
    theMap.addLayer(switchedLayer(layer));
    theMap.getContainer().scrollIntoView({ block: "center" });
    theMap.setView(layer.getLatLng(), Math.max(theMap.getZoom(), 15), { animate: false });
    requestAnimationFrame(function () { arrange(theMap); layer.openPopup(); });
    return true;
  }

  /* Opened from the keyboard, a card takes the focus; Escape gives it back to the mark */

  function takeFocus(event) {
    var box = event.popup.getElement();
    theMap.getContainer().classList.add("has-card");
    box.tabIndex = -1;
    box.setAttribute("role", "dialog");
    box.setAttribute("aria-label", box.querySelector(".card-title").textContent);
    box.focus({ preventScroll: true });
  }

  function returnFocus(event) {
    theMap.getContainer().classList.remove("has-card");
    var source = event.popup._source, icon = source && source.getElement && source.getElement();
    if (icon && icon.tabIndex === 0) { icon.focus({ preventScroll: true }); }
  }

  window.matchMedia("print").addEventListener("change", function () {
    if (theMap) { theMap.invalidateSize({ animate: false }); }
  });

  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape" && theMap) { theMap.closePopup(); }
  });

  document.addEventListener("click", function (event) {
    var asked = event.target.closest("[data-show]");
    if (asked && show(asked.dataset.show)) { event.preventDefault(); }
  });

  return {
    say: function (said) { words = said; },
    isNarrow: isNarrow,
    mark: mark,
    label: label,
    bind: bind
  };
})();
