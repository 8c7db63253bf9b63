"use strict";
/* The heatmap: one row per column of the model, one cell per window, drawn on a canvas so that thousands of cells cost milliseconds. */

const Heatmap = (() => {
  const ROW = 19, GAP = 5, AXIS = 22;
  const STOPS = [0, 0.5, 1, 4, 16]; // multiples of the limit at which the five colours stand
  const DEFAULT_LIMIT = 0.25;
  const PRIORITY = { MINIMAL: "--none", LOW: "--low", MEDIUM: "--medium", HIGH: "--high", CRITICAL: "--critical" };

  const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

  function ramp() {
    const colours = [0, 1, 2, 3, 4].map((step) => channels(variable(`--heat-${step}`)));
    return (ratio) => {
      const upper = STOPS.findIndex((stop) => ratio < stop);
      if (upper <= 0) return `rgb(${colours[upper === 0 ? 0 : 4]})`;
      const share = (ratio - STOPS[upper - 1]) / (STOPS[upper] - STOPS[upper - 1]);
      return `rgb(${colours[upper].map((to, i) => Math.round(colours[upper - 1][i] + share * (to - colours[upper - 1][i])))})`;
    };
  }

  const month = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric", timeZone: "UTC" });
  const dayOf = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
  const moment = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone: "UTC" });

  function ticks(starts, width) {
    const cell = width / starts.length, long = new Date(starts.at(-1)) - new Date(starts[0]) > 90 * 86400e3;
    const found = [];
    let last = -Infinity, shown = "";
    starts.forEach((start, index) => {
      const text = (long ? month : dayOf).format(new Date(start));
      if (text !== shown && index * cell - last >= 78 && index * cell < width - 40) {
        found.push([index * cell, text]);
        last = index * cell;
      }
      shown = text;
    });
    return found;
  }

  function draw(host, chart) {
    host.replaceChildren();
    if (!chart.columns.length) {
      const note = document.createElement("p");
      note.className = "empty";
      note.style.gridColumn = "1 / -1";
      note.textContent = "No closed window has this measure yet.";
      host.append(note);
      return;
    }
    const names = document.createElement("div"), canvas = document.createElement("canvas"), tip = document.createElement("div");
    names.className = "heat-names";
    ["risk", ...chart.columns].forEach((name, index) => {
      const label = document.createElement("span");
      label.textContent = label.title = name;
      label.style.lineHeight = `${ROW}px`;
      if (index === 0) label.style.marginBottom = `${GAP}px`;
      names.append(label);
    });
    tip.className = "tip";
    tip.hidden = true;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", summary(chart));
    host.append(names, canvas, tip);
    paint(canvas, chart);
    canvas.addEventListener("pointermove", (event) => point(event, host, canvas, tip, chart));
    canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  }

  function summary(chart) {
    const over = chart.columns.filter((_, row) => chart.heat[row].some((value) => value > (chart.limits[row] ?? DEFAULT_LIMIT)));
    return `${chart.measure} of ${chart.columns.length} columns in ${chart.start.length} windows. ` +
      (over.length ? `Above the limit at some time: ${over.join(", ")}.` : "None was ever above its limit.");
  }

  function paint(canvas, chart) {
    const width = canvas.clientWidth || 600, height = ROW * (chart.columns.length + 1) + GAP + AXIS, scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d"), colour = ramp(), count = chart.start.length;
    pen.scale(scale, scale);
    const left = (index) => Math.round((index * width * scale) / count) / scale;
    const cell = (index, top) => pen.fillRect(left(index), top, left(index + 1) - left(index), ROW - 1);
    chart.severity.forEach((severity, index) => {
      pen.fillStyle = variable(PRIORITY[severity] ?? "--line");
      cell(index, 0);
    });
    chart.heat.forEach((values, row) => values.forEach((value, index) => {
      if (value === null) return;
      pen.fillStyle = colour(value / (chart.limits[row] || DEFAULT_LIMIT));
      cell(index, ROW * (row + 1) + GAP);
    }));
    pen.fillStyle = variable("--soft");
    pen.font = "12px system-ui, sans-serif";
    ticks(chart.start, width).forEach(([x, text]) => {
      pen.fillRect(x, height - AXIS + 1, 1, 4);
      pen.fillText(text, x + 4, height - 6);
    });
  }

  function point(event, host, canvas, tip, chart) {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const index = Math.min(Math.floor((x / box.width) * chart.start.length), chart.start.length - 1);
    const row = y < ROW ? -1 : Math.floor((y - ROW - GAP) / ROW);
    if (index < 0 || row >= chart.columns.length) { tip.hidden = true; return; }
    const when = moment.format(new Date(chart.start[index]));
    const value = row < 0 ? chart.risk[index] : chart.heat[row][index];
    const what = row < 0 ? `risk ${value === null ? "not judged" : value.toFixed(0)}` :
      `${chart.columns[row]}: ${value === null ? "not measured" : value.toFixed(3)} (limit ${chart.limits[row] ?? "none"})`;
    tip.textContent = `${when}\n${what}\n${chart.n[index].toLocaleString("en-GB")} rows${chart.whole[index] ? "" : ", incomplete"}`;
    tip.hidden = false;
    const frame = host.getBoundingClientRect(), right = event.clientX - frame.left + 14;
    tip.style.left = `${Math.min(right, frame.width - tip.offsetWidth - 4)}px`;
    tip.style.top = `${event.clientY - frame.top + 16}px`;
  }

  return { draw, variable };
})();
