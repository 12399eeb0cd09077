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

  // Inside the picture, and below the texts that stand there already.
  function place(text, y, left, placed) {
    const width = text.getComputedTextLength();
    const x = Math.max(Math.min(left, video.width - width), 0);
    y = Math.min(Math.max(y, size), video.height - size / 4);
    const hides = (other) => Math.abs(other.y - y) < size && x < other.x + other.width && other.x < x + width;
    while (placed.some(hides) && y + size < video.height) y += size;
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
    for (const tube of video.tubes) {
      const box = tube.boxes[index];
      if (!box || !shown(tube)) continue;
      const group = make("g", { class: tube.kind });
      const [left, top, right, bottom] = box;
      group.append(make("rect", { x: left, y: top, width: right - left, height: bottom - top }));
      const text = make("text", { x: 0, y: 0, "font-size": size, "stroke-width": size / 6 });
      text.textContent = tube.label + (tube.score === null ? "" : " " + tube.score.toFixed(2));
      group.append(text);
      boxes.append(group);
      place(text, tube.kind === "truth" ? bottom + size : top - size / 4, left, placed);
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
