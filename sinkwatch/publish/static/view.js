/* The view as an address that can be passed on, and where the reader is, if the reader asks.
   An address only chooses among what this page offers; a position never leaves the browser. */
"use strict";

(function () {
  var PLACE = /^(\d{1,2})\/(-?\d{1,2}(?:\.\d{1,8})?)\/(-?\d{1,3}(?:\.\d{1,8})?)$/;
  var NAME = "map=", WRITE_AFTER_MS = 400, DIGITS = 4;
  var map = null, layers = {}, usual = "", written = "", waiting = 0, here = null, isReading = false, isTouched = false;

  function byId(id) { return document.getElementById(id); }

  function say(text) { byId("view-status").textContent = text; }

  /* Layers of ours only: no address makes a browser ask another server for a background. */
  function shownLayers() {
    return Object.keys(layers).filter(function (name) { return map.hasLayer(layers[name]); }).join(",");
  }

  function fragment() {
    var at = map.getCenter();
    var parts = [NAME + [map.getZoom(), at.lat.toFixed(DIGITS), at.lng.toFixed(DIGITS)].join("/")];
    if (shownLayers() !== usual) { parts.push("layers=" + shownLayers()); }
    return "#" + parts.concat(sinkwatch.filters ? sinkwatch.filters.written() : []).join("&");
  }

  function isOurs(hash) { return hash.slice(1, 1 + NAME.length) === NAME; }

  function write() {
    var now = fragment();
    // Another fragment names a row or an edition: that stays. So does the address while it would tell
    // where the reader is.
    if (now === written || here || (location.hash && !isOurs(location.hash))) { return; }
    written = now;
    try { history.replaceState(history.state, "", now); } catch (error) { /* refused: nothing is lost */ }
  }

  function touch() { isTouched = true; }

  function writeSoon() {
    if (isReading || !isTouched) { return; }
    clearTimeout(waiting);
    waiting = setTimeout(write, WRITE_AFTER_MS);
  }

  function look(text) {
    var found = PLACE.exec(text || "");
    if (!found) { return; }
    var at = L.latLng(Number(found[2]), Number(found[3])), bounds = map.options.maxBounds;
    if (bounds && !L.latLngBounds(bounds).contains(at)) { return; }
    map.setView(at, Math.max(map.getMinZoom(), Math.min(map.getMaxZoom(), Number(found[1]))), { animate: false });
  }

  function switchLayers(text) {
    var wanted = text.split(",");
    Object.keys(layers).forEach(function (name) {
      if (wanted.includes(name)) { map.addLayer(layers[name]); } else { map.removeLayer(layers[name]); }
    });
  }

  function read() {
    if (!isOurs(location.hash)) { return; }
    var parts = new URLSearchParams(location.hash.slice(1));
    isReading = true;
    look(parts.get("map"));
    switchLayers(parts.has("layers") ? parts.get("layers") : usual);
    if (sinkwatch.filters) { sinkwatch.filters.read(parts); }
    isReading = false;
    written = fragment();
  }

  /* Link to this view */

  function offerField(address) {
    var field = byId("view-address");
    field.value = address;
    field.hidden = false;
    field.focus();
    field.select();
    say("Copy the address from the field.");
  }

  function copy() {
    var address = location.href.split("#")[0] + fragment();
    if (!navigator.clipboard) { offerField(address); return; }
    navigator.clipboard.writeText(address).then(function () {
      byId("view-address").hidden = true;
      say("The address of this view is copied.");
    }, function () { offerField(address); });
  }

  /* Where am I? */

  function forget() {
    here.remove();
    here = null;
    byId("locate").textContent = "Show where I am";
    say("Your position is no longer shown.");
  }

  function mark(position) {
    var at = L.latLng(position.coords.latitude, position.coords.longitude);
    var within = Math.max(1, Math.round(position.coords.accuracy));
    var about = "known to about " + within.toLocaleString("en-GB") + " m";
    if (!L.latLngBounds(map.options.maxBounds).contains(at)) {
      say("You are outside the area of this map.");
      return;
    }
    here = L.layerGroup([
      L.circle(at, { radius: within, className: "here-around", interactive: false }),
      L.circleMarker(at, { radius: 6, className: "here", interactive: false })
    ]).addTo(map);
    map.fitBounds(at.toBounds(2 * within), { maxZoom: 16, animate: false });
    byId("locate").textContent = "Stop showing where I am";
    say("Your position is shown, " + about + ". It stays in this browser.");
  }

  function locate() {
    if (here) { forget(); return; }
    say("Asking your browser where you are …");
    navigator.geolocation.getCurrentPosition(mark, function (error) {
      say(error.code === 1
        ? "Your browser did not tell this page where you are. You can allow it in the browser's settings."
        : "Your browser could not find out where you are.");
    }, { enableHighAccuracy: true, timeout: 20000, maximumAge: 60000 });
  }

  function offerButtons() {
    var controls = byId("view-controls");
    if (!controls) { return; }
    controls.hidden = false;
    byId("copy-view").addEventListener("click", copy);
    byId("locate").hidden = !navigator.geolocation || !window.isSecureContext || !/^https?:$/.test(location.protocol);
    byId("locate").addEventListener("click", locate);
  }

  sinkwatch.begin = function (named) {
    map = sinkwatch.map();
    layers = named;
    usual = shownLayers();
    if (sinkwatch.filters) { sinkwatch.filters.begin(); sinkwatch.filters.hear(function () { touch(); writeSoon(); }); }
    offerButtons();
    written = fragment();
    read();
    map.on("moveend overlayadd overlayremove", writeSoon);
    /* A map that fits itself to its page was not moved by its reader: that is no view to keep. */
    ["pointerdown", "wheel", "keydown"].forEach(function (gesture) {
      map.getContainer().addEventListener(gesture, touch, { capture: true, passive: true });
    });
    window.addEventListener("hashchange", read);
  };
})();
