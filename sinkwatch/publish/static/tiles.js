/* Backdrop and postcodes from vector tiles: files of our own, read piece by piece as the map moves.
   What draws them is loaded with the first of them; where they cannot be read, the map says so. */
"use strict";

function drawTiles(map, groups, paper) {
  var SVG = "http://www.w3.org/2000/svg";
  var FIRST_WIDTH = 13, LAST_WIDTH = 17, NAMES_FROM = 16;
  var OUTLINES_FROM = 14, TILE_PX = 512, SHARPER = 4;
  var LINE = 2, AREA = 3;
  var here = document.currentScript.src;
  var library = null, postcodes = null;

  function at(path) { return new URL(path, here).href; }

  function load() {
    library = library || new Promise(function (resolve, reject) {
      var script = document.createElement("script");
      script.src = at(paper.library);
      script.onload = resolve;
      script.onerror = function () { library = null; script.remove(); reject(new Error("not loaded")); };
      document.head.appendChild(script);
    });
    return library;
  }

  /* What is not there is said in one line, once */

  var line = document.createElement("p"), unread = [];
  line.className = "notice";
  line.setAttribute("role", "status");
  line.hidden = true;
  var status = L.control({ position: "bottomleft" });
  status.onAdd = function () { return line; };
  status.addTo(map);

  function say(name, isMissing) {
    unread = unread.filter(function (other) { return other !== name; }).concat(isMissing ? [name] : []);
    line.hidden = !unread.length;
    line.textContent = unread.map(function (each) { return paper.missing[each]; }).join(" ");
  }

  /* A server that does not know ranges sends the whole file: it is kept, and nothing is asked twice.
     A file that changed while it was read is of another edition: pieces of both would fit nowhere. */

  function reader(name, url) {
    var whole = null, version = null;

    function failed(error) {
      if (error.name !== "AbortError") { say(name, true); }
      throw error;
    }

    function piece(answer, offset, length) {
      var tag = answer.headers.get("ETag");
      if (answer.status === 200) {
        whole = whole || answer.arrayBuffer();
        return whole.then(function (bytes) { return bytes.slice(offset, offset + length); });
      }
      if (answer.status !== 206 || (version && tag && tag !== version)) { throw new Error("not readable: " + url); }
      version = version || tag;
      return answer.arrayBuffer();
    }

    return {
      getKey: function () { return url; },
      getBytes: function (offset, length, signal) {
        var asked = whole
          ? whole.then(function (bytes) { return bytes.slice(offset, offset + length); })
          : fetch(url, { signal: signal, headers: { Range: "bytes=" + offset + "-" + (offset + length - 1) } })
            .then(function (answer) { return piece(answer, offset, length); });
        return asked.then(function (bytes) { return { data: bytes }; }).catch(failed);
      }
    };
  }

  function opened(name) {
    var sources = {}, files = paper.archives[name];
    return Promise.all(Object.keys(files).map(function (file) {
      var url = at(files[file]), archive = new protomapsL.PmtilesSource(url, true).p;
      archive.source = reader(name, url);
      sources[file] = { url: archive, maxDataZoom: paper.lastZoom };
      return archive.getHeader();
    })).then(function () { return sources; });
  }

  /* Backdrop */

  function widthOf(zoom, kind) {
    return paper.widths[kind][Math.max(FIRST_WIDTH, Math.min(LAST_WIDTH, zoom))];
  }

  function rule(file, symbolizer, isMeant) {
    return {
      dataSource: file,
      dataLayer: file,
      symbolizer: symbolizer,
      filter: function (_, feature) { return isMeant(feature); }
    };
  }

  function isLayer(layer, type) {
    return function (feature) {
      return feature.props.layer === layer && (!type || feature.geomType === type);
    };
  }

  function roads(colour, more) {
    return Object.keys(paper.widths).map(function (kind) {
      var stroke = new protomapsL.LineSymbolizer({
        color: colour,
        width: function (zoom) { return widthOf(zoom, kind) + more(zoom); },
        lineCap: "round",
        lineJoin: "round"
      });
      return rule(kind === "local" ? "streets" : "backdrop", stroke, function (feature) {
        return feature.props.layer === "road" && feature.props.road_class === kind;
      });
    });
  }

  function filled(colour) { return new protomapsL.PolygonSymbolizer({ fill: colour }); }

  function lined(colour) { return new protomapsL.LineSymbolizer({ color: colour, width: 1.5 }); }

  function streetNames() {
    return ["backdrop", "streets"].map(function (file) {
      var named = rule(file, new protomapsL.LineLabelSymbolizer({
        font: "600 11px sans-serif", fill: paper.ink, stroke: "#ffffff", width: 3, labelProps: ["name"]
      }), function (feature) { return feature.props.layer === "road" && feature.props.name; });
      named.minzoom = NAMES_FROM;
      return named;
    });
  }

  function backdrop(sources) {
    var buildings = rule("buildings", filled(paper.colours.building), isLayer("building", AREA));
    buildings.minzoom = paper.buildingsFrom;
    return protomapsL.leafletLayer({
      sources: sources,
      pane: "backdrop",
      attribution: "",
      labelRules: streetNames(),
      paintRules: [
        rule("backdrop", filled(paper.colours.woodland), isLayer("woodland", AREA)),
        rule("backdrop", filled(paper.colours.water), isLayer("water", AREA)),
        rule("backdrop", lined(paper.colours.water), isLayer("water", LINE))
      ].concat(
        roads(paper.colours.casing, function (zoom) { return zoom < FIRST_WIDTH ? 0.6 : 1.4; }),
        roads(paper.colours.road, function () { return 0; }),
        [rule("backdrop", lined(paper.colours.railway), isLayer("railway", LINE)), buildings]
      )
    });
  }

  /* Postcodes: the same patterns as in the key, so that colour is never the only sign */

  function picture(pattern) {
    var side = Number(pattern.getAttribute("width")), drawn = document.createElementNS(SVG, "svg");
    drawn.setAttribute("width", side * SHARPER);
    drawn.setAttribute("height", side * SHARPER);
    drawn.setAttribute("viewBox", "0 0 " + side + " " + side);
    Array.from(pattern.children).forEach(function (child) { drawn.appendChild(child.cloneNode(true)); });
    return "data:image/svg+xml," + encodeURIComponent(new XMLSerializer().serializeToString(drawn));
  }

  function painter(band) {
    var pattern = document.getElementById("band-" + band), image = new Image();
    var side = Number(pattern.getAttribute("width")), ink = null;
    /* A whole number of them in each tile: no seam between two. */
    var step = TILE_PX / Math.round(TILE_PX / side) / (side * SHARPER);
    image.src = picture(pattern);
    return image.decode().then(function () {
      return rule("postcodes", {
        before: function (context) {
          ink = context.createPattern(image, "repeat");
          ink.setTransform(new DOMMatrix([step, 0, 0, step, 0, 0]));
        },
        draw: function (context, rings, zoom) {
          context.beginPath();
          rings.forEach(function (ring) {
            ring.forEach(function (point, index) { context[index ? "lineTo" : "moveTo"](point.x, point.y); });
          });
          context.fillStyle = ink;
          context.globalAlpha = paper.opacity;
          context.fill();
          context.strokeStyle = paper.paper;
          context.lineWidth = zoom < OUTLINES_FROM ? 0.4 : 1;
          context.globalAlpha = 0.9;
          context.stroke();
        }
      }, function (feature) { return feature.props.band === band; });
    });
  }

  function shaded(sources) {
    return Promise.all(paper.bands.map(painter)).then(function (rules) {
      postcodes = protomapsL.leafletLayer({
        sources: sources, pane: "postcodes", attribution: "", paintRules: rules, labelRules: []
      });
      return postcodes;
    });
  }

  /* A card, as for all else on the map. The click is caught on its way down: the zones below would
     take it, since a picture of tiles takes none. */

  function postcodeAt(place) {
    var found = postcodes && postcodes._map ? postcodes.queryTileFeaturesDebug(place.lng, place.lat) : new Map();
    return (found.get("postcodes") || [])[0];
  }

  function ask(event) {
    var isGround = event.target === map.getContainer() || event.target.closest(".leaflet-zones-pane");
    if (!isGround || (map.dragging && map.dragging.moved())) { return; }
    var place = map.mouseEventToLatLng(event), found = postcodeAt(place);
    if (!found) { return; }
    var said = found.feature.props;
    event.stopPropagation();
    map.openPopup(sinkwatch.cardOf({
      title: said.title, kind: said.kind, band: said.band, explains_band: true, facts: paper.facts
    }), place, { maxWidth: 300, minWidth: 220, maxHeight: 320 });
  }

  /* Each layer is filled when it is first switched on, and again if that came to nothing */

  var makers = { backdrop: backdrop, postcodes: shaded };

  function fill(name) {
    var group = groups[name];
    if (group.getLayers().length || group.isFilling) { return; }
    if (window.location.protocol === "file:") { say(name, true); return; }
    group.isFilling = true;
    load()
      .then(function () { return opened(name); })
      .then(makers[name])
      .then(function (layer) { group.addLayer(layer); say(name, false); })
      .catch(function () { say(name, true); })
      .then(function () { group.isFilling = false; });
  }

  Object.keys(groups).forEach(function (name) {
    groups[name].on("add", function () { fill(name); });
    groups[name].on("remove", function () { say(name, false); });
    if (map.hasLayer(groups[name])) { fill(name); }
  });
  if (groups.postcodes) { map.getContainer().addEventListener("click", ask, true); }
  if (paper.credit) { creditBackdrop(map, paper.credit); }
}
