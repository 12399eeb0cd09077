"use strict";
// Each player shows its frames with the tubes drawn over them. Texts of the data reach the page by
// textContent alone.
for (const player of document.querySelectorAll(".player")) {
  const video = JSON.parse(player.querySelector("script").textContent);
  const part = (name) => player.querySelector(name);
  const image = part("img"), boxes = part(".boxes"), seek = part(".seek"), play = part(".play");
  const score = part(".score"), rows = player.querySelectorAll(".row");
  const size = Math.max(video.width, video.height) / 22;
  let timer = null, least = Number(player.dataset.minScore);

  const make = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    return element;
  };

  const shown = (tube) => tube.kind === "truth" || tube.score >= least;

  // Inside the picture, and away from its box beyond the texts that stand there already: `step` is
  // one line up or down; where the picture ends, the other way.
  function place(text, y, step, left, placed) {
    const width = text.getComputedTextLength();
    const x = Math.max(Math.min(left, video.width - width), 0);
    const lowest = video.height - size / 4;
    const start = Math.min(Math.max(y, size), lowest);
    const hidden = (at) => placed.some((other) => Math.abs(other.y - at) < size && x < other.x + other.width && other.x < x + width);
    y = start;
    while (hidden(y) && y >= size && y <= lowest) y += step;
    if (y < size || y > lowest) {
      y = start;
      while (hidden(y) && y - step >= size && y - step <= lowest) y -= step;
    }
    placed.push({ x: x, y: y, width: width });
    text.setAttribute("x", x);
    text.setAttribute("y", y);
  }

  function draw() {
    const index = Number(seek.value), number = video.numbers[index];
    if (image) {
      image.src = video.pictures[index];
      image.alt = "frame " + number + " of " + video.name;
    }
    boxes.replaceChildren();
    const placed = [];
    const layer = (tube, element) => {
      const group = make("g", { class: tube.kind });
      group.append(element);
      boxes.append(group);
    };
    const here = video.tubes.filter((tube) => tube.boxes[index] && shown(tube));
    for (const tube of here) {
      const [left, top, right, bottom] = tube.boxes[index];
      layer(tube, make("rect", { x: left, y: top, width: right - left, height: bottom - top }));
    }
    for (const tube of here) { // over all boxes
      const [left, top, , bottom] = tube.boxes[index];
      const text = make("text", { x: 0, y: 0, "font-size": size, "stroke-width": size / 6 });
      text.textContent = tube.label + (tube.score === null ? "" : " " + tube.score.toFixed(2));
      layer(tube, text);
      if (tube.kind === "truth") place(text, bottom + size, size, left, placed);
      else place(text, top - size / 4, -size, left, placed);
    }
    part(".at").textContent = number + " / " + video.num_frames;
    seek.setAttribute("aria-valuetext", "frame " + number + " of " + video.num_frames);
    part(".timeline").style.setProperty("--at", 100 * (number - 0.5) / video.num_frames);
  }

  function filter() {
    for (const row of rows) row.hidden = Number(row.dataset.score) < least;
    if (score) part(".least").textContent = least.toFixed(2);
    draw();
  }

  function toggle() {
    if (timer === null) {
      timer = setInterval(() => {
        seek.value = (Number(seek.value) + 1) % video.numbers.length;
        draw();
      }, video.milliseconds);
    } else {
      clearInterval(timer);
      timer = null;
    }
    play.textContent = timer === null ? "play" : "pause";
  }

  play.addEventListener("click", toggle);
  seek.addEventListener("input", draw);
  // The slider takes the arrow keys by itself; the space bar plays and stops there too.
  seek.addEventListener("keydown", (event) => {
    if (event.key === " ") {
      event.preventDefault();
      toggle();
    }
  });
  if (score) {
    score.addEventListener("input", () => {
      least = Number(score.value);
      filter();
    });
  }
  // Where something is to be seen: the middle of the first tube.
  const there = video.tubes.length ? video.tubes[0].boxes.map((box, i) => (box ? i : -1)).filter((i) => i >= 0) : [];
  if (there.length) seek.value = there[Math.floor(there.length / 2)];
  filter();
}
