"use strict";
(() => {
  const content = JSON.parse(document.getElementById("content").textContent);
  const at = (id) => document.getElementById(id);
  const chart = at("chart"), video = at("video"), scrub = at("scrub");
  const LANE_PX = 44, TRACE_PX = 40, MARGIN = { l: 6, r: 6, t: 4, b: 30 };
  const PATTERNS = ["", "/", ".", "x"];
  let now = 0, playing = false, selected = null, startedAt = 0, startedFrom = 0;

  // Text on the chart: Plotly reads tags and entities in it.
  const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const clock = (time) => {
    const tenths = Math.round(time * 10);
    return `${Math.floor(tenths / 600)}:${((tenths % 600) / 10).toFixed(1).padStart(4, "0")}`;
  };

  // Video

  const proxy = at("proxy").textContent.match(/begin -->([A-Za-z0-9+/=]+)<!--/);
  const address = proxy ? URL.createObjectURL(new Blob([bytes(proxy[1])], { type: "video/webm" })) : null;
  if (address) {
    video.src = address;
    video.hidden = at("picture-words").hidden = false;
  } else {
    const forgotten = at("proxy").textContent.includes("forgotten");
    at("no-video").textContent = forgotten ? content.forgotten : "There is no video of this recording.";
    at("no-video").hidden = false;
  }

  // Time: `show` is the only place where it changes.

  const step = content.windows.length > 1 ? windowStep() : 1;

  function windowStep() {
    const steps = content.windows.slice(1).map((one, k) => one.start_s - content.windows[k].start_s);
    return Math.min(...steps.filter((one) => one > 0));
  }

  function show(time, fromVideo = false) {
    now = clamp(time, 0, content.length_s);
    at("time").textContent = clock(now);
    scrub.value = now;
    scrub.setAttribute("aria-valuetext", clock(now));
    // A hair later, since a picture's own time may be rounded to before it.
    if (!fromVideo) {
      startedAt = performance.now();
      startedFrom = now;
      if (address) video.currentTime = now + 0.001;
    }
    const [first, last] = range();
    if (now < first || now > last) zoomTo(now - (last - first) / 2, now + (last - first) / 2);
    place(at("cursor"), now);
    tell();
  }

  function tell() {
    const rows = content.lanes.map((lane) => {
      const event = lane.events.find(([start, end]) => start <= now && now < end);
      const share = event && event[3] !== null ? ` (${event[3].toFixed(2)})` : "";
      return [lane.title, event ? `${lane.names[event[2]]}${share}` : "none"];
    });
    at("moment").replaceChildren(...rows.flatMap(([title, words]) => [element("dt", title), element("dd", words)]));
  }

  function element(name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    return made;
  }

  function play(wanted) {
    if (wanted && now >= content.length_s) show(0);
    playing = wanted;
    at("play").textContent = playing ? "Pause" : "Play";
    startedAt = performance.now();
    startedFrom = now;
    if (address && playing && now < video.duration) video.play();
    else if (address) video.pause();
    if (playing) requestAnimationFrame(advance);
  }

  function advance() {
    if (!playing) return;
    const following = address && !video.ended && !video.paused;
    show(following ? video.currentTime : startedFrom + (performance.now() - startedAt) / 1000, true);
    if (following) {
      startedAt = performance.now();
      startedFrom = now;
    }
    if (now >= content.length_s) play(false);
    else requestAnimationFrame(advance);
  }

  // Chart

  const traces = content.traces.map((trace) => ({ ...trace, values: bytes(trace.values) }));

  function range() {
    return chart.layout ? chart.layout.xaxis.range.map(Number) : [0, content.length_s];
  }

  function pixel(time) {
    const [first, last] = range();
    return MARGIN.l + ((time - first) / (last - first)) * (chart.clientWidth - MARGIN.l - MARGIN.r);
  }

  function timeAt(clientX) {
    const [first, last] = range();
    const inside = clientX - chart.getBoundingClientRect().left - MARGIN.l;
    return first + (inside / (chart.clientWidth - MARGIN.l - MARGIN.r)) * (last - first);
  }

  function place(mark, time) {
    const left = pixel(time);
    mark.style.left = `${left - 1}px`;
    mark.style.visibility = left < MARGIN.l || left > chart.clientWidth - MARGIN.r ? "hidden" : "visible";
  }

  // A channel between two times: its samples, or where they are many the smallest and largest of each stretch.
  function points(trace, row, first, last) {
    const from = clamp(Math.floor((first - content.trace_start_s) * content.trace_hz) - 1, 0, trace.values.length);
    const to = clamp(Math.ceil((last - content.trace_start_s) * content.trace_hz) + 2, from, trace.values.length);
    const length = Math.max(1, Math.ceil((to - from) / Math.max(200, chart.clientWidth)));
    const x = [], y = [];
    const add = (index, code) => {
      x.push(content.trace_start_s + index / content.trace_hz);
      y.push(code === content.gap ? null : row + 0.95 - 0.55 * (code / (content.gap - 1)));
    };
    for (let start = from; start < to; start += length) {
      let low = content.gap, high = -1;
      for (let index = start; index < Math.min(start + length, to); index++) {
        const code = trace.values[index];
        if (code < low) low = code;
        if (code !== content.gap && code > high) high = code;
      }
      add(start, low);
      if (high > low) add(start, high);
    }
    return { x, y };
  }

  // Rows are counted in units of a trace's height; a lane is a little higher.
  const laneRow = (k) => k * (LANE_PX / TRACE_PX);
  const traceRow = (k) => laneRow(content.lanes.length) + k;
  const rows = traceRow(traces.length);

  function bars(lane, k) {
    const isPart = lane.title === "Part";
    const colour = (value) => (isPart ? content.greys[value % 3] : content.colours[value % content.colours.length]);
    const pattern = (value) => (isPart ? "" : PATTERNS[Math.floor(value / content.colours.length) % PATTERNS.length]);
    const text = lane.events.map((event) => plain(lane.names[event[2]]));
    return {
      type: "bar", orientation: "h",
      base: lane.events.map((event) => event[0]),
      x: lane.events.map((event) => event[1] - event[0]),
      y: lane.events.map(() => laneRow(k) + 0.74),
      width: 0.62,
      marker: {
        color: lane.events.map((event) => colour(event[2])),
        line: { color: "#ffffff", width: 0.5 },
        pattern: { shape: lane.events.map((event) => pattern(event[2])),
          bgcolor: lane.events.map((event) => colour(event[2])), fgcolor: "#ffffff", fgopacity: 0.45, size: 7, solidity: 0.2 },
      },
      text, textposition: "inside", insidetextanchor: "middle", textangle: 0, cliponaxis: true,
      customdata: lane.events.map((event) => `${clock(event[0])} to ${clock(event[1])}` +
        (event[3] === null ? "" : `, probability ${event[3].toFixed(2)}`)),
      hovertemplate: `%{text}<br>%{customdata}<extra>${plain(lane.title)}</extra>`,
      showlegend: false,
    };
  }

  function lines(first, last) {
    return traces.map((trace, k) => points(trace, traceRow(k), first, last));
  }

  function label(text, row) {
    return { text: plain(text), x: 0, xref: "paper", xanchor: "left", y: row, yanchor: "top", showarrow: false,
      bgcolor: "rgba(255,255,255,0.8)", borderpad: 0, font: { size: 11, color: content.greys[2] } };
  }

  function bounds(trace) {
    const short = (value) => String(Number(value.toPrecision(3)));
    return ` (${short(trace.low)} to ${short(trace.high)}${trace.unit ? ` ${trace.unit}` : ""})`;
  }

  function draw() {
    const drawn = lines(0, content.length_s).map(({ x, y }, k) => ({
      type: "scatter", mode: "lines", x, y, connectgaps: false, hoverinfo: "skip", showlegend: false,
      line: { width: 1, color: content.colours[[0, 4, 6][k % 3]] },
    }));
    const layout = {
      margin: MARGIN, height: rows * TRACE_PX + MARGIN.t + MARGIN.b, barmode: "overlay", bargap: 0,
      dragmode: "zoom", hovermode: "closest", uniformtext: { mode: "hide", minsize: 9 },
      font: { family: "DejaVu Sans, Verdana, sans-serif", size: 12 },
      xaxis: { range: [0, content.length_s], title: { text: "time (s)", standoff: 2 }, gridcolor: content.greys[0],
        zeroline: false, minallowed: 0, maxallowed: content.length_s },
      yaxis: { range: [rows, 0], fixedrange: true, showticklabels: false, showgrid: false, zeroline: false },
      annotations: [
        ...content.lanes.map((lane, k) => label(lane.title, laneRow(k))),
        ...traces.map((trace, k) => label(trace.name + bounds(trace), traceRow(k))),
      ],
    };
    const config = { displaylogo: false, displayModeBar: false, responsive: true, doubleClick: false,
      showTips: false, staticPlot: false };
    return Plotly.newPlot(chart, [...content.lanes.map(bars), ...drawn], layout, config);
  }

  function redrawn() {
    const [first, last] = range();
    const drawn = lines(first, last);
    const numbers = traces.map((_, k) => content.lanes.length + k);
    if (numbers.length) Plotly.restyle(chart, { x: drawn.map((one) => one.x), y: drawn.map((one) => one.y) }, numbers);
    // A bar is cut to what is in view, so that its text stands in the middle of that.
    const cut = content.lanes.map((lane) => lane.events.map(([start, end]) => [start, end].map((time) => clamp(time, first, last))));
    Plotly.restyle(chart, {
      base: cut.map((lane) => lane.map(([start]) => start)),
      x: cut.map((lane) => lane.map(([start, end]) => end - start)),
    }, content.lanes.map((_, k) => k));
    place(at("cursor"), now);
    markMatches();
  }

  function zoomTo(first, last) {
    const span = clamp(last - first, Math.min(2 * step, content.length_s), content.length_s);
    const start = clamp((first + last) / 2 - span / 2, 0, content.length_s - span);
    if (chart.layout) Plotly.relayout(chart, { "xaxis.range": [start, start + span] });
  }

  function zoom(factor) {
    const [first, last] = range();
    const centre = first <= now && now <= last ? now : (first + last) / 2;
    zoomTo(centre - (last - first) * factor / 2, centre + (last - first) * factor / 2);
  }

  // Search by example

  function nearestWindow(time) {
    let best = null, least = Infinity;
    content.windows.forEach((one, k) => {
      const distance = Math.abs((one.start_s + one.end_s) / 2 - time);
      if (distance < least) [best, least] = [k, distance];
    });
    return best;
  }

  function search(time) {
    selected = nearestWindow(time);
    if (selected === null) return;
    const one = content.windows[selected];
    const missed = time < one.start_s || time >= one.end_s;
    at("similar-words").textContent =
      (missed ? `No window lies at ${clock(time)}; the nearest is taken. ` : "") +
      `Most similar to ${clock(one.start_s)} to ${clock(one.end_s)} (${words(one)}), by the cosine of the embeddings. ` +
      "Click one to go there.";
    at("similar").replaceChildren(...one.similar.map(([other, cosine]) => {
      const item = document.createElement("li"), button = element("button", "");
      const found = content.windows[other];
      button.type = "button";
      if (address) button.append(picture(found));
      button.append(element("span", `${clock(found.start_s)}, ${cosine.toFixed(2)}`), element("span", words(found)));
      button.addEventListener("click", () => show((found.start_s + found.end_s) / 2));
      item.append(button);
      return item;
    }));
    markMatches();
  }

  function picture(found) {
    const small = document.createElement("video");
    small.muted = true;
    small.preload = "auto";
    small.tabIndex = -1;
    small.setAttribute("aria-hidden", "true");
    small.style.aspectRatio = `${content.video.width / 2} / ${content.video.height}`;
    small.src = address;
    small.addEventListener("loadedmetadata", () => { small.currentTime = (found.start_s + found.end_s) / 2; });
    return small;
  }

  function words(one) {
    const parts = [];
    if (one.label >= 0) parts.push(`label ${content.class_names[one.label]}`);
    if (one.predicted >= 0) parts.push(`predicted ${content.class_names[one.predicted]}`);
    return parts.join(", ") || "no label";
  }

  function markMatches() {
    const found = selected === null ? [] : content.windows[selected].similar;
    at("matches").replaceChildren(...found.map(([other]) => {
      const mark = document.createElement("div"), one = content.windows[other];
      place(mark, (one.start_s + one.end_s) / 2);
      return mark;
    }));
  }

  // Controls

  scrub.max = content.length_s;
  scrub.addEventListener("input", () => show(Number(scrub.value)));
  at("play").addEventListener("click", () => play(!playing));
  at("zoom-in").addEventListener("click", () => zoom(0.5));
  at("zoom-out").addEventListener("click", () => zoom(2));
  at("zoom-all").addEventListener("click", () => zoomTo(0, content.length_s));
  video.addEventListener("click", () => play(!playing));
  chart.addEventListener("click", (event) => {
    const time = timeAt(event.clientX);
    if (time < 0 || time > content.length_s) return;
    show(time);
    search(time);
  });

  const KEYS = {
    ArrowLeft: (many) => show(now - step * many),
    ArrowRight: (many) => show(now + step * many),
    Home: () => show(0),
    End: () => show(content.length_s),
    "+": () => zoom(0.5),
    "=": () => zoom(0.5),
    "-": () => zoom(2),
    " ": () => play(!playing),
  };
  document.addEventListener("keydown", (event) => {
    const act = KEYS[event.key];
    const onButton = ["BUTTON", "SUMMARY"].includes(event.target.tagName);
    if (!act || event.ctrlKey || event.altKey || event.metaKey || (event.key === " " && onButton)) return;
    event.preventDefault();
    act(event.shiftKey ? 10 : 1);
  });

  draw().then(() => {
    chart.on("plotly_relayout", redrawn);
    window.addEventListener("resize", () => setTimeout(redrawn, 300));
    show(0);
    document.body.dataset.ready = "yes";
  });
})();
