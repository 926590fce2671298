/* Planning applications, thousands of them: handed over in columns, drawn only where the reader looks,
   as one mark with a number where they lie close together. Words come from the table's row or the
   application's own page, and only ever as text. */
"use strict";

(function () {
  var DEGREE = 100000, HASH_LENGTH = 8, MANY_AT_ONE_PLACE = 24, MOST_LISTED = 200, MOST_CIRCLES = 30;
  var LABELS = ["Address", "For", "Received", "Decided"];
  var MARK_ORDER = 0, FLAGGED_ORDER = -10, CLUSTER_ORDER = -20, CLUSTER_PX = 28, BELOW_PX = -10000;
  var columns = null, longitude = [], latitude = [], places = null;
  var map = null, group = null, index = null, generation = 0, drawn = {}, isCrowded = false;
  var isKept = null;

  function summed(differences) {
    var total = 0;
    return differences.map(function (step) { total += step; return total / DEGREE; });
  }

  function coded(table, codes, i) {
    var code = parseInt(codes.charAt(i), 36);
    return isNaN(code) ? "" : table[code];
  }

  function isFlagged(i) { return columns.flagged.charAt(i) === "1"; }

  function folderOf(i) {
    if (columns.folders[i]) { return "applications/" + columns.folders[i]; }
    var said = columns.authorities[columns.authority[i]] + " " + columns.reference[i];
    var hash = columns.hash.slice(HASH_LENGTH * i, HASH_LENGTH * (i + 1));
    return "applications/" + said.toLowerCase().match(/[a-z0-9]+/g).concat(hash).join("-");
  }

  function addressOf(i) { return columns.root + folderOf(i) + "/index.html"; }

  function rowOf(i) { return document.querySelector('tr[data-folder="' + CSS.escape(folderOf(i)) + '"]'); }

  function placeOf(folder) {
    if (!places) {
      places = new Map();
      longitude.forEach(function (_, i) { places.set(folderOf(i), i); });
    }
    return places.get(folder);
  }

  function traitsOf(i) {
    var year = columns.year[i];
    return {
      kind: "application", evidence: "", status: coded(columns.statuses, columns.status, i),
      flagged: isFlagged(i), first: year, last: year
    };
  }

  /* Cards */

  function nameOf(i) {
    return columns.reference[i] + (isFlagged(i) ? " (flagged planning application)" : " (planning application)");
  }

  function capital(text) { return text.charAt(0).toUpperCase() + text.slice(1); }

  function wordsOf(node) { return node ? node.textContent.trim().replace(/\s+/g, " ") : ""; }

  function saidIn(within) {
    var said = { facts: {}, reasons: [], url: "", urlTitle: "" };
    within.querySelectorAll("dl.facts dt").forEach(function (term) {
      said.facts[wordsOf(term)] = wordsOf(term.nextElementSibling);
    });
    within.querySelectorAll("[data-fact]").forEach(function (fact) { said.facts[fact.dataset.fact] = wordsOf(fact); });
    said.headline = said.facts.headline || wordsOf(within.querySelector(".headline"));
    within.querySelectorAll('details li, [aria-labelledby="reasons-title"] li').forEach(function (reason) {
      said.reasons.push(wordsOf(reason));
    });
    var out = within.querySelector('[data-fact="source"] a, [aria-labelledby="known-title"] a[rel~="nofollow"]');
    if (out) { said.url = out.getAttribute("href"); said.urlTitle = wordsOf(out); }
    return said;
  }

  function reasonsOf(reasons) {
    var folded = sinkwatch.element("details"), list = sinkwatch.element("ul");
    folded.append(sinkwatch.element("summary", "", "Every reason (" + reasons.length + ")"), list);
    reasons.forEach(function (reason) { list.append(sinkwatch.element("li", "", reason)); });
    return folded;
  }

  function add(box, said) {
    var known = (said.labels || LABELS).filter(function (label) { return said.facts[label]; });
    if (said.headline) { box.append(sinkwatch.element("p", "card-headline", said.headline)); }
    box.append(sinkwatch.facts(known.map(function (label) { return [label, said.facts[label]]; })));
    if (said.reasons.length) { box.append(reasonsOf(said.reasons)); }
    if (said.url) {
      var line = sinkwatch.element("p");
      line.append(sinkwatch.link({ url: said.url, url_title: said.urlTitle }));
      box.append(line);
    }
  }

  function fetched(address) {
    return fetch(address, { credentials: "omit", redirect: "error" }).then(function (answer) {
      if (!answer.ok) { throw new Error("no page"); }
      return answer.text();
    }).then(function (text) {
      return saidIn(new DOMParser().parseFromString(text, "text/html").querySelector("main"));
    });
  }

  /* A page from a folder may not ask for another: then the card says where the words are. */
  function ask(box, address, marker) {
    if (!/^https?:$/.test(location.protocol)) {
      box.append(sinkwatch.element("p", "", "Its address and what it is for are on its own page."));
      return;
    }
    var line = sinkwatch.element("p", "", "Asking its own page …");
    line.setAttribute("role", "status");
    box.append(line);
    fetched(address).then(function (said) { line.remove(); add(box, said); }, function () {
      line.textContent = "Its own page could not be read just now.";
    }).then(function () {
      if (marker.isPopupOpen()) { marker.getPopup()._updateLayout(); marker.getPopup()._updatePosition(); }
    });
  }

  function cardOf(i, marker) {
    var row = rowOf(i), band = coded(columns.bands, columns.band, i);
    var status = coded(columns.statuses, columns.status, i), year = columns.year[i];
    var facts = [];
    if (status && !row) { facts.push(["Status", capital(status)]); }
    if (year && !row) { facts.push([columns.decided.charAt(i) === "1" ? "Received or decided" : "Received", String(year)]); }
    facts.push(["Place", "known to ± " + columns.known_m[i].toLocaleString("en-GB") + " m"]);
    var card = {
      title: columns.reference[i],
      kind: isFlagged(i) ? "flagged planning application" : "planning application",
      band: band, facts: facts, more: row ? row.id : "", folder: folderOf(i)
    };
    return sinkwatch.cardOf(card, function (box) {
      var said = sinkwatch.element("div", "card-said");
      box.append(said);
      if (row) { add(said, Object.assign(saidIn(row), { labels: LABELS.concat("Status") })); } else if (columns.root !== null) { ask(said, addressOf(i), marker); }
    });
  }

  function listOf(members) {
    var made = sinkwatch.element("div", "card"), list = sinkwatch.element("ul");
    made.append(sinkwatch.element("p", "card-kind", "at one place"));
    made.append(sinkwatch.element("p", "card-title", members.length + " planning applications"), list);
    members.slice(0, MOST_LISTED).forEach(function (i) {
      var row = rowOf(i), line = sinkwatch.element("li");
      line.append(sinkwatch.linkTo(row ? "#" + row.id : addressOf(i), nameOf(i)));
      list.append(line);
    });
    if (members.length > MOST_LISTED) {
      made.append(sinkwatch.element("p", "", "The rest are in the list of all applications."));
    }
    return made;
  }

  /* Marks */

  function grouped(number) { return String(number).replace(/\B(?=(\d{3})+$)/g, ","); }

  function counted(number, flagged) {
    return grouped(number) + " planning applications" + (flagged ? ", " + flagged + " flagged" : "");
  }

  var ClusterIcon = L.Icon.extend({
    options: { className: "mark cluster", popupAnchor: [0, -8] },
    createIcon: function () {
      var made = sinkwatch.element("div"), said = this.options.mark;
      made.append(sinkwatch.use("application", 14), sinkwatch.element("span", "", said.number));
      if (said.is_flagged) { made.append(sinkwatch.use("flag", 18)); made.lastChild.classList.add("flag"); }
      this._setIconStyles(made, "icon");
      made.setAttribute("aria-label", said.name);
      return made;
    },
    createShadow: function () { return null; }
  });

  function clusterAt(latlng, number, flagged, name) {
    var text = grouped(number), width = CLUSTER_PX + 8 * text.length;
    var said = {
      number: text, is_flagged: flagged > 0, name: name, order: CLUSTER_ORDER, box: [width, CLUSTER_PX]
    };
    var icon = new ClusterIcon({ mark: said, iconSize: [width, CLUSTER_PX] });
    var made = L.marker(latlng, { icon: icon, title: name, riseOnHover: true, zIndexOffset: BELOW_PX });
    made.sinkwatchMark = said;
    return made;
  }

  function clusterOf(feature) {
    var at = L.latLng(feature.geometry.coordinates[1], feature.geometry.coordinates[0]);
    var number = feature.properties.point_count, flagged = feature.properties.flagged;
    var made = clusterAt(at, number, flagged, counted(number, flagged) + ": show them");
    function open() {
      var zoom = index.getClusterExpansionZoom(feature.properties.cluster_id);
      map.getContainer().focus({ preventScroll: true });
      map.setView(at, Math.min(zoom, map.getMaxZoom()), { animate: false });
    }
    made.on("click", open).on("keypress", function (event) {
      if (event.originalEvent.key === "Enter") { open(); }
    });
    return [made];
  }

  function stackOf(members) {
    var at = L.latLng(latitude[members[0]], longitude[members[0]]);
    var flagged = members.filter(isFlagged).length;
    var made = clusterAt(at, members.length, flagged, counted(members.length, flagged) + " at one place: list them");
    sinkwatch.bindCard(made, function () { return listOf(members); });
    return [made];
  }

  function colourOf(i) {
    var pattern = document.querySelector("#band-" + coded(columns.bands, columns.band, i) + " rect");
    return pattern ? pattern.getAttribute("fill") : null;
  }

  function oneOf(i) {
    var at = L.latLng(latitude[i], longitude[i]);
    var made = sinkwatch.markAt(at, {
      symbol: "application", colour: colourOf(i), is_flagged: isFlagged(i), name: nameOf(i),
      order: isFlagged(i) ? FLAGGED_ORDER : MARK_ORDER
    });
    var around = L.circle(at, Object.assign({}, columns.circle, { radius: columns.known_m[i] }));
    sinkwatch.bindCard(made, function () { return cardOf(i, made); });
    made.on("popupopen", function () { group.addLayer(around); });
    made.on("popupclose", function () { if (isCrowded) { group.removeLayer(around); } });
    return [made, around];
  }

  /* Only what is in view; where many stand alone, their circles would hide the ground: then each has its
     own only while its card is open. */

  function addCircle(layers) {
    if (layers.length < 2) { return; }
    if (isCrowded && !layers[0].isPopupOpen()) { group.removeLayer(layers[1]); } else { group.addLayer(layers[1]); }
  }

  function load() {
    var points = [];
    longitude.forEach(function (east, i) {
      if (isKept && !isKept(traitsOf(i))) { return; }
      points.push({
        type: "Feature",
        properties: { i: i, flagged: isFlagged(i) ? 1 : 0 },
        geometry: { type: "Point", coordinates: [east, latitude[i]] }
      });
    });
    generation += 1;
    index = new Supercluster({
      radius: columns.radius_px, extent: 256, minPoints: 3, minZoom: Math.floor(map.getMinZoom()), maxZoom: map.getMaxZoom() - 1,
      map: function (properties) { return { flagged: properties.flagged }; },
      reduce: function (sum, properties) { sum.flagged += properties.flagged; }
    }).load(points);
  }

  /* At the closest view nothing is drawn as one any more, but for what lies on one and the same point. */
  function entries(found) {
    var together = {}, made = [];
    found.forEach(function (feature) {
      if (feature.properties.cluster) {
        made.push(["c" + generation + "-" + feature.properties.cluster_id, clusterOf, feature]);
        return;
      }
      var at = feature.geometry.coordinates.join("/");
      (together[at] = together[at] || []).push(feature.properties.i);
    });
    Object.keys(together).forEach(function (at) {
      var members = together[at].sort(function (one, other) { return one - other; });
      if (members.length > MANY_AT_ONE_PLACE) { made.push(["s" + generation + "-" + at, stackOf, members]); return; }
      members.forEach(function (i) { made.push(["a" + i, oneOf, i]); });
    });
    return made;
  }

  function draw() {
    if (!map.hasLayer(group)) { return; }
    var seen = map.getBounds().pad(0.1), next = {};
    var box = [seen.getWest(), seen.getSouth(), seen.getEast(), seen.getNorth()];
    entries(index.getClusters(box, map.getZoom())).forEach(function (entry) {
      next[entry[0]] = drawn[entry[0]] || entry[1](entry[2]);
    });
    Object.keys(drawn).forEach(function (key) {
      if (!next[key]) { drawn[key].forEach(function (layer) { group.removeLayer(layer); }); }
    });
    Object.keys(next).forEach(function (key) {
      if (!drawn[key]) { group.addLayer(next[key][0]); }
    });
    isCrowded = Object.keys(next).filter(function (key) { return next[key].length > 1; }).length > MOST_CIRCLES;
    Object.keys(next).forEach(function (key) { addCircle(next[key]); });
    drawn = next;
  }

  /* From a table's row to its mark: closer and closer, until it stands alone. */
  function find(anchor) {
    var row = document.getElementById(anchor), i = row && placeOf(row.dataset.folder);
    if (!(i >= 0) || (isKept && !isKept(traitsOf(i)))) { return null; }
    map.addLayer(group);
    for (var zoom = Math.max(map.getZoom(), 15); zoom <= map.getMaxZoom(); zoom += 1) {
      map.setView([latitude[i], longitude[i]], zoom, { animate: false });
      draw();
      if (drawn["a" + i]) { return drawn["a" + i][0]; }
    }
    var stack = "s" + generation + "-" + longitude[i] + "/" + latitude[i];
    return drawn[stack] ? drawn[stack][0] : null;
  }

  sinkwatch.crowd = function (handed) {
    columns = handed;
    longitude = summed(handed.longitude);
    latitude = summed(handed.latitude);
  };

  sinkwatch.fill = function (onMap, inGroup) {
    map = onMap;
    group = inGroup;
    load();
    draw();
    map.on("moveend resize", draw);
    group.on("add", draw);
    sinkwatch.finders.push(find);
  };

  /* For the filters: how many are kept, all of them with those that are not drawn. */
  sinkwatch.keep = function (isWanted) {
    isKept = isWanted;
    load();
    draw();
  };

  sinkwatch.count = function (isWanted) {
    return columns ? columns.reference.filter(function (_, i) { return isWanted(traitsOf(i)); }).length : 0;
  };
})();
