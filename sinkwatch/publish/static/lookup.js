/* The look-up: fetches a file per outcode, so that what is typed never leaves the browser. */
"use strict";

(function () {
  var form = document.getElementById("lookup");
  var asked = document.getElementById("lookup-asked");
  var answer = document.getElementById("lookup-answer");
  var without = document.getElementById("lookup-without");
  var root = form.dataset.root;
  var outcodes = form.dataset.outcodes.split(" ").filter(Boolean);
  var NEAREST_M = 300;
  var POSTCODE = /^([A-Z]{1,2}[0-9][A-Z0-9]?) *([0-9][A-Z]{2})$/;
  var LETTERS = /^([A-HJ-Z])([A-HJ-Z]) *([0-9]+(?: +[0-9]+)?)$/;
  var METRES = /^([0-9]{6})(?: +| *, *)([0-9]{6,7})$/;
  var ALPHABET = "ABCDEFGHJKLMNOPQRSTUVWXYZ";
  var LIMITS = "This is for the postcode’s centre, known to about 100 m. It is not for a house, " +
    "and it does not say what the ground will do.";
  var held = {};
  var turn = 0;

  /* Kept once fetched; a name comes from the page's own list, never from what was typed. */
  function fetched(name) {
    held[name] = held[name] || fetch(root + form.dataset.folder + "/" + name + ".json").then(function (got) {
      if (!got.ok) { throw new Error(String(got.status)); }
      return got.json();
    });
    held[name].catch(function () { delete held[name]; });
    return held[name];
  }

  function element(name, text) {
    var made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  function said(heading, parts) {
    var title = element("h2", heading);
    title.tabIndex = -1;
    answer.replaceChildren.apply(answer, [title].concat(parts));
    title.focus();
  }

  function paragraphs() {
    return Array.prototype.map.call(arguments, function (text) { return element("p", text); });
  }

  function link(near) {
    var item = document.createElement("li");
    var way = element("a", near[1]);
    way.href = root + near[0].split("/").map(encodeURIComponent).join("/");
    item.append(way, ", " + near[2]);
    return item;
  }

  function list(entries) {
    var within = " within " + form.dataset.nearM + " m of the centre";
    if (!entries.length) { return paragraphs("There are no records in the data we hold" + within + "."); }
    var items = document.createElement("ul");
    items.append.apply(items, entries.map(link));
    return [element("h3", "Held" + within), items];
  }

  function parts(postcode, shard) {
    var found = shard.postcodes[postcode];
    var band = shard.bands[found.band];
    return paragraphs("Band: " + band.label + ". " + band.meaning, band.advice, LIMITS).concat(list(found.near));
  }

  function has(shard, postcode) {
    return Object.prototype.hasOwnProperty.call(shard.postcodes, postcode);
  }

  function unheld(what) {
    said(what, paragraphs(what + " is not in the list we hold. That tells nothing about the ground there."));
  }

  function byPostcode(outcode, incode, isCurrent) {
    var postcode = outcode + " " + incode;
    if (outcodes.indexOf(outcode) < 0) { unheld(postcode); return Promise.resolve(); }
    return fetched(outcode).then(function (shard) {
      if (!isCurrent()) { return; }
      if (has(shard, postcode)) { said(postcode, parts(postcode, shard)); } else { unheld(postcode); }
    });
  }

  /* Letters name squares of 500 km from 1,000 km west and 500 km south of the grid's origin, then of 100 km. */
  function fromLetters(match) {
    var digits = match[3].split(/ +/);
    var halves = digits.length === 2 ? digits : [match[3].slice(0, match[3].length / 2), match[3].slice(match[3].length / 2)];
    var size = halves[0].length;
    if (size !== halves[1].length || size < 2 || size > 5) { return null; }
    var big = ALPHABET.indexOf(match[1]);
    var small = ALPHABET.indexOf(match[2]);
    var step = Math.pow(10, 5 - size);
    var east = ((big % 5) - 2) * 500000 + (small % 5) * 100000;
    var north = (3 - Math.floor(big / 5)) * 500000 + (4 - Math.floor(small / 5)) * 100000;
    /* The middle of the square that the figures name. */
    return [east + (Number(halves[0]) + 0.5) * step, north + (Number(halves[1]) + 0.5) * step];
  }

  function onGrid(text) {
    var match = METRES.exec(text);
    if (match) { return [Number(match[1]), Number(match[2])]; }
    match = LETTERS.exec(text);
    return match && fromLetters(match);
  }

  function nearest(at, shards) {
    var best = null;
    shards.forEach(function (shard) {
      Object.keys(shard.postcodes).forEach(function (postcode) {
        var centre = shard.postcodes[postcode];
        var away = Math.hypot(centre.easting - at[0], centre.northing - at[1]);
        if (!best || away < best.away) { best = { postcode: postcode, away: away, shard: shard }; }
      });
    });
    return best && best.away <= NEAREST_M ? best : null;
  }

  function aboutMetres(metres) {
    return metres < 10 ? "under 10 m" : "about " + Math.round(metres / 10) * 10 + " m";
  }

  /* Centres are rounded to 10 m. */
  function reaches(box, at) {
    var far = NEAREST_M + 10;
    return Boolean(box) && at[0] >= box[0] - far && at[1] >= box[1] - far && at[0] <= box[2] + far && at[1] <= box[3] + far;
  }

  /* The files of all outcodes, or of those that may hold a postcode near it where there are many. */
  function roundAbout(at) {
    var name = form.dataset.extents;
    if (!name) { return Promise.all(outcodes.map(fetched)); }
    return fetched(name).then(function (got) {
      return Promise.all(outcodes.filter(function (outcode) { return reaches(got.extents[outcode], at); }).map(fetched));
    });
  }

  function byGrid(text, at, isCurrent) {
    return roundAbout(at).then(function (shards) {
      if (!isCurrent()) { return; }
      var best = nearest(at, shards);
      if (!best) {
        said(text, paragraphs("There is no postcode held near it. That tells nothing about the ground there."));
        return;
      }
      var first = "The nearest postcode we hold is " + best.postcode + ", " + aboutMetres(best.away) + " away.";
      said(text, paragraphs(first).concat(parts(best.postcode, best.shard)));
    });
  }

  function plain(name) {
    return name.toUpperCase().replace(/[’'.]/g, "").replace(/\s+/g, " ").trim();
  }

  function matching(streets, text) {
    var exact = streets.filter(function (street) { return plain(street.name) === plain(text); });
    return exact.length ? exact : streets.filter(function (street) { return plain(street.name).indexOf(plain(text)) >= 0; });
  }

  function ofStreet(street, isCurrent) {
    var outcode = street.postcode.split(" ")[0];
    if (outcodes.indexOf(outcode) < 0) {
      said(street.name, paragraphs("There is no postcode held near it. That tells nothing about the ground there."));
      return null;
    }
    return fetched(outcode).then(function (shard) {
      if (!isCurrent()) { return; }
      if (!has(shard, street.postcode)) { unheld(street.name); return; }
      var first = "The nearest postcode we hold to its middle is " + street.postcode +
        ". A street can have several postcodes; look up your own to see its band.";
      said(street.name, paragraphs(first).concat(parts(street.postcode, shard)));
    });
  }

  function byName(text, isCurrent) {
    return fetched("streets").then(function (got) {
      if (!isCurrent()) { return null; }
      var found = matching(got.streets, text);
      if (!found.length) { unheld(text); return null; }
      if (found.length === 1) { return ofStreet(found[0], isCurrent); }
      var names = found.slice(0, 12).map(function (street) { return street.name; });
      said(text, paragraphs("More than one name fits. Type one of these in full, or a postcode: " + names.join("; ") + "."));
      return null;
    });
  }

  function looked(text, isCurrent) {
    var capital = text.toUpperCase();
    var postcode = POSTCODE.exec(capital);
    if (postcode) { return byPostcode(postcode[1], postcode[2], isCurrent); }
    var at = onGrid(capital);
    return at ? byGrid(capital, at, isCurrent) : byName(text, isCurrent);
  }

  /* A file opened from disk may fetch nothing: then the list is what there is. */
  function failed() {
    without.hidden = false;
    said("The look-up could not read its files", [without.cloneNode(true)]);
    answer.querySelector("p").removeAttribute("id");
    without.hidden = true;
  }

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    var text = asked.value.replace(/\s+/g, " ").trim();
    if (!text) { return; }
    var mine = (turn += 1);
    function isCurrent() { return mine === turn; }
    looked(text, isCurrent).catch(function () { if (isCurrent()) { failed(); } });
  });

  if (window.location.protocol !== "file:") {
    form.hidden = false;
    without.hidden = true;
  }
})();
