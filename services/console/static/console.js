"use strict";
/* Keeps the page live: on a change the page is fetched again and its live parts are swapped, so the server alone draws them. */

(() => {
  const page = document.getElementById("page"), live = document.getElementById("live");
  const state = page.dataset;
  const COLOURS = 6; // after Okabe and Ito: told apart by everybody
  let chart = null, busy = false, again = false;

  const address = () => {
    const asked = new URLSearchParams();
    for (const key of ["model", "granularity", "version", "measure"]) if (state[key]) asked.set(key, state[key]);
    return `/?${asked}`;
  };

  async function refresh(models) {
    if (busy) { again = again || models; return; }
    busy = true;
    try {
      const answer = await fetch(address(), { headers: { Accept: "text/html" } });
      if (answer.redirected) { location.reload(); return; }
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = fresh.getElementById("page");
      if (!document.getElementById("model") !== !fresh.getElementById("model")) { location.reload(); return; }
      swap(fresh);
      const before = address();
      for (const key of ["model", "granularity", "version", "measure"]) state[key] = next.dataset[key];
      if (before !== address() || models.includes(state.model)) await charts();
    } finally {
      busy = false;
      if (again) { const missed = again; again = false; refresh(missed); }
    }
  }

  function swap(fresh) {
    const focused = document.activeElement?.closest("[data-live]") ? document.activeElement.getAttribute("href") : null;
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(part.id);
      if (next && next.innerHTML !== part.dataset.seen) {
        part.dataset.seen = next.innerHTML;
        part.replaceChildren(...next.childNodes);
      }
    }
    if (focused) document.querySelector(`[data-live] a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    ago();
  }

  async function charts() {
    if (!state.model || !document.getElementById("heat")) return;
    const asked = new URLSearchParams({ granularity: state.granularity, version: state.version, measure: state.measure });
    const answer = await fetch(`/v1/models/${encodeURIComponent(state.model)}/windows?${asked}`);
    if (!answer.ok) return;
    chart = await answer.json();
    drawAll();
  }

  function drawAll() {
    if (!chart) return;
    Heatmap.draw(document.getElementById("heat"), chart);
    const rows = chart.lines.map((name) => chart.columns.indexOf(name));
    const high = Math.max(0, ...rows.flatMap((row) => chart.heat[row]));
    plot("lines", rows.map((row, i) => line(chart.columns[row], chart.heat[row], i)), {
      ...(high > 2 ? { type: "log", range: [-3, Math.log10(high) + 0.1] } : { type: "linear", rangemode: "tozero" }),
    }, [...new Set(rows.map((row) => chart.limits[row]).filter((limit) => limit !== null))]);
    const kept = Object.entries(chart.performance);
    plot("performance", kept.map(([name, values], i) => line(name, values, i)), {}, []);
    business();
    table();
    document.documentElement.dataset.drawn = String(chart.start.length);
  }

  const NAMES = { psi: "PSI", auc: "AUC", f1: "F1", mae: "MAE", rmse: "RMSE" };
  const line = (name, values, i) => ({
    name: NAMES[name] ?? name, x: chart.start, y: values, mode: chart.start.length > 1 ? "lines" : "markers", connectgaps: false,
    line: { color: Heatmap.variable(`--line-${(i % COLOURS) + 1}`), width: 1.8 }, hovertemplate: "%{y:.3f}",
  });

  function plot(id, traces, axis, limits) {
    const host = document.getElementById(id), soft = Heatmap.variable("--soft"), grid = Heatmap.variable("--line");
    if (!traces.some((trace) => trace.y.some((value) => value !== null))) {
      if (host.data) Plotly.purge(host);
      const note = document.createElement("p");
      note.className = "empty";
      note.textContent = id === "performance" ? "No labels have been counted yet." : "Nothing has been measured yet.";
      host.replaceChildren(note);
      return;
    }
    if (!host.data) host.replaceChildren();
    const common = { gridcolor: grid, linecolor: grid, zeroline: false, tickfont: { color: soft }, exponentformat: "none" };
    Plotly.react(host, traces, {
      margin: { l: 44, r: 8, t: 6, b: 28 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 12, color: Heatmap.variable("--ink") }, hovermode: "x unified",
      hoverlabel: { bgcolor: Heatmap.variable("--card"), bordercolor: grid, font: { color: Heatmap.variable("--ink") } },
      legend: { orientation: "h", y: -0.14, x: 0 }, showlegend: true,
      xaxis: { ...common, showgrid: false, type: "date" }, yaxis: { ...common, ...axis },
      shapes: limits.map((limit) => ({
        type: "line", xref: "paper", x0: 0, x1: 1, y0: limit, y1: limit, line: { color: soft, width: 1, dash: "dash" },
      })),
    }, { displayModeBar: false, responsive: true });
  }

  function table() {
    tabulate("table", ["Column", "Now", "Highest", "Limit", "Windows above"], chart.columns.map((name, row) => {
      const values = chart.heat[row], limit = chart.limits[row], known = values.filter((value) => value !== null);
      const shown = (value) => (value === undefined || value === null ? "–" : value.toFixed(3));
      const above = limit === null ? "–" : `${known.filter((value) => value > limit).length} of ${known.length}`;
      return [name, shown(known.at(-1)), shown(known.length ? Math.max(...known) : null), shown(limit), above];
    }));
  }

  function business() {
    const shown = (value) => (value === undefined || value === null ? "–" : value.toLocaleString("en", { maximumSignificantDigits: 6 }));
    document.getElementById("business-metrics").hidden = chart.business.length === 0;
    tabulate("business", ["Metric", "Now", "Lowest", "Highest", "Limit", "Windows that broke it"], chart.business.map((metric) => {
      const known = metric.values.filter((value) => value !== null), any = known.length > 0;
      return [
        metric.name, shown(known.at(-1)), shown(any ? Math.min(...known) : null), shown(any ? Math.max(...known) : null), shown(metric.limit),
        metric.limit === null ? "–" : `${metric.broken} of ${known.length}`,
      ];
    }));
  }

  function tabulate(id, titles, rows) {
    const made = document.createElement("table"), head = made.createTHead().insertRow(), body = made.createTBody();
    for (const title of titles) {
      const cell = document.createElement("th");
      cell.textContent = title;
      head.append(cell);
    }
    for (const row of rows) {
      const cells = body.insertRow();
      for (const text of row) cells.insertCell().textContent = text;
    }
    document.getElementById(id).replaceChildren(made);
  }

  function ago() {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const seconds = Math.max(0, (Date.now() - new Date(time.dateTime)) / 1000);
      const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([each]) => seconds >= each) ?? [1, "s"];
      time.textContent = `${Math.floor(seconds / size)} ${unit} ago`;
      time.title = time.dateTime;
    }
  }

  function listen() {
    const source = new EventSource("/v1/live");
    const tell = (word, on) => { live.textContent = word; live.className = `live ${on ? "on" : "off"}`; };
    const beat = () => { live.classList.remove("beat"); void live.offsetWidth; live.classList.add("beat"); };
    source.addEventListener("hello", () => { tell("live", true); refresh([state.model]); });
    source.addEventListener("reset", () => { tell("live", true); refresh([state.model]); });
    source.addEventListener("changed", (event) => { beat(); refresh(JSON.parse(event.data).models); });
    source.addEventListener("error", () => tell(source.readyState === EventSource.CLOSED ? "disconnected" : "reconnecting", false));
    addEventListener("pagehide", () => source.close());
  }

  let resized = 0;
  addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(drawAll, 150); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  setInterval(ago, 1000);
  ago();
  charts();
  listen();
})();
