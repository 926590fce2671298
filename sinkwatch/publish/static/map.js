/* What folium's map asks of the page: marks, cards, labels and controls; arrange.js finds room for them.
   Text from outside only ever becomes text: nothing here, or fed from here, is parsed as HTML. */
"use strict";

var sinkwatch = (function () {
  var SVG = "http://www.w3.org/2000/svg";
  var NARROW_PX = 720;
  var MARK_PX = 24;
  var words = { shapes: {}, bands: {}, notice: "" };
  var known = {};
  var finders = [];
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

  function markAt(latlng, said) {
    var icon = new MarkIcon({ mark: said, popupAnchor: [0, -8] });
    var made = L.marker(latlng, { icon: icon, title: said.name, riseOnHover: true });
    made.sinkwatchMark = said;
    return made;
  }

  function mark(feature, latlng) { return markAt(latlng, words.shapes[feature.id].mark); }

  /* Cards */

  function link(card) {
    if (!/^https?:\/\//.test(card.url)) { return element("span", "", card.url_title); }
    var made = element("a", "", card.url_title);
    made.href = card.url;
    made.rel = "noopener noreferrer nofollow";
    if (window.top !== window.self) { made.target = "_blank"; }
    return made;
  }

  /* In the frame of another site no page but the map may stand: a link opens beside it. */
  function linkTo(address, title) {
    var made = element("a", "", title);
    made.href = address;
    if (window.top !== window.self && address.charAt(0) !== "#") { made.target = "_blank"; made.rel = "noopener"; }
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

  /* What only arrives later goes between the facts and the links: `later` adds it. */
  function cardOf(card, later) {
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
    if (later) { later(made); }
    var links = element("p", "card-links");
    if (card.url) { links.appendChild(link(card)); }
    if (card.more && document.getElementById(card.more)) {
      offered(card.more).forEach(function (said) { links.appendChild(said.cloneNode(true)); });
      links.appendChild(linkTo("#" + card.more, "All that is known, in the table"));
    }
    if (card.folder && typeof words.root === "string") {
      links.appendChild(linkTo(words.root + card.folder + "/index.html", "All that is known, on its own page"));
    }
    if (links.firstChild) { made.appendChild(links); }
    return made;
  }

  function bindCard(layer, make) {
    layer.bindPopup(make, {
      maxWidth: 300,
      minWidth: 220,
      maxHeight: 320,
      autoPanPaddingTopLeft: isNarrow() ? [10, 10] : [60, 10],
      autoPanPaddingBottomRight: isNarrow() ? [10, 10] : [250, 10]
    });
  }

  function bind(feature, layer) {
    var card = (words.shapes[feature.id] || {}).card;
    known[feature.id] = layer;
    if (card) { bindCard(layer, function () { return cardOf(card); }); }
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

  L.Map.addInitHook(function () {
    theMap = this;
    this.on("popupopen", takeFocus).on("popupclose", returnFocus);
    this.attributionControl.setPrefix(false);
    this.attributionControl.addAttribution("Leaflet · sources and credits: see the table below");
    this.getContainer().classList.add("is-ready");
  });

  /* From a table to the map */

  function switchedLayer(layer) {
    var parents = Object.values(layer._eventParents || {});
    return parents.length ? switchedLayer(parents[0]) : layer;
  }

  function find(anchor) {
    return known[anchor] || finders.map(function (finder) { return finder(anchor); }).find(Boolean);
  }

  function show(anchor) {
    var layer = theMap && find(anchor);
    if (!layer || !layer.getLatLng) { return false; }
    theMap.addLayer(switchedLayer(layer));
    theMap.getContainer().scrollIntoView({ block: "center" });
    theMap.setView(layer.getLatLng(), Math.max(theMap.getZoom(), 15), { animate: false });
    requestAnimationFrame(function () { sinkwatch.arrange(theMap); layer.openPopup(); });
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
    words: function () { return words; },
    map: function () { return theMap; },
    known: known,
    finders: finders,
    MARK_PX: MARK_PX,
    isNarrow: isNarrow,
    element: element,
    use: use,
    mark: mark,
    markAt: markAt,
    label: label,
    link: link,
    linkTo: linkTo,
    facts: facts,
    cardOf: cardOf,
    bindCard: bindCard,
    bind: bind
  };
})();
