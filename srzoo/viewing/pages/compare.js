"use strict";

const STOPS = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
const MOST = 64; // CSS pixels a picture pixel

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const colours = Array.from({ length: 256 }, (_, level) => mix(level / 255));
const view = { x: 0, y: 0, zoom: 1 }; // the picture's point in the middle of every panel; CSS pixels a picture pixel
const pointers = new Map();

let current = 0;
let panels = [];
let size = { width: 1, height: 1 };
let loading = 0;

function mix(share) {
  const at = Math.min(STOPS.length - 2, Math.floor(share * (STOPS.length - 1)));
  const rest = share * (STOPS.length - 1) - at;
  return STOPS[at].map((level, i) => Math.round(level + rest * (STOPS[at + 1][i] - level)));
}

async function load(source) {
  const image = new Image();
  image.src = source;
  await image.decode();
  return image;
}

async function open(index) {
  const mine = ++loading;
  const { versions } = data.pictures[index];
  const images = await Promise.all(versions.map((version) => load(version.source)));
  if (mine !== loading) return; // another picture was asked for meanwhile
  current = index;
  $("which").value = index;
  size = { width: images[0].naturalWidth * data.scale, height: images[0].naturalHeight * data.scale };
  panels = versions.map((version, i) => ({ name: version.name, image: images[i], map: null, canvas: null }));
  $("panels").replaceChildren(...panels.map((panel, i) => figure(panel, versions[i])));
  $("panels").style.setProperty("--columns", panels.length <= 3 ? panels.length : Math.ceil(panels.length / 2));
  fit();
}

function figure(panel, version) {
  const element = document.createElement("figure");
  const caption = document.createElement("figcaption");
  const note = document.createElement("small");
  caption.textContent = panel.name;
  note.textContent = Object.entries(version.figures).map(([name, value]) => `${data.metrics[name][0]} ${digits(name, value)}`).join(", ");
  caption.append(note);
  panel.canvas = document.createElement("canvas");
  panel.canvas.setAttribute("role", "img");
  panel.canvas.setAttribute("aria-label", panel.name);
  listen(panel.canvas);
  element.append(caption, panel.canvas);
  return element;
}

function digits(name, value) {
  return value === null ? "∞" : value.toFixed(data.metrics[name][1]);
}

function pixelsOf(image) {
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** The largest difference of the three channels, times the gain, as a colour. */
function differenceMap(image, reference) {
  const gain = Number($("gain").value);
  const pixels = pixelsOf(image);
  const a = pixels.data;
  const b = pixelsOf(reference).data;
  for (let i = 0; i < a.length; i += 4) {
    const most = Math.max(Math.abs(a[i] - b[i]), Math.abs(a[i + 1] - b[i + 1]), Math.abs(a[i + 2] - b[i + 2]));
    [a[i], a[i + 1], a[i + 2]] = colours[Math.min(255, most * gain)];
  }
  const canvas = new OffscreenCanvas(pixels.width, pixels.height);
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

function shownOf(panel) {
  const reference = panels.find((other) => other.name === data.against);
  if (!$("difference").checked || panel === reference || panel === panels[0]) return panel.image;
  panel.map ||= differenceMap(panel.image, reference.image);
  return panel.map;
}

function draw() {
  view.x = Math.min(size.width, Math.max(0, view.x));
  view.y = Math.min(size.height, Math.max(0, view.y));
  const ratio = window.devicePixelRatio || 1;
  for (const panel of panels) {
    const { canvas } = panel;
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    const context = canvas.getContext("2d");
    const pixel = view.zoom * ratio;
    context.imageSmoothingEnabled = pixel < 1;
    const left = Math.round(canvas.width / 2 - view.x * pixel);
    const top = Math.round(canvas.height / 2 - view.y * pixel);
    context.drawImage(shownOf(panel), left, top, size.width * pixel, size.height * pixel);
  }
  const percent = view.zoom * 100;
  $("status").textContent = `${size.width} × ${size.height}, ${percent.toFixed(percent < 100 ? 1 : 0)} %`;
}

function fitting() {
  const { clientWidth, clientHeight } = panels[0].canvas;
  return Math.min(clientWidth / size.width, clientHeight / size.height);
}

function fit() {
  Object.assign(view, { x: size.width / 2, y: size.height / 2, zoom: fitting() });
  draw();
}

/** Zooms so that the picture's point under a panel's point, counted from the middle, stays there. */
function zoomTo(zoom, x = 0, y = 0) {
  const next = Math.min(MOST, Math.max(Math.min(fitting(), 1), zoom));
  view.x += x / view.zoom - x / next;
  view.y += y / view.zoom - y / next;
  view.zoom = next;
  draw();
}

function step(direction) {
  const powers = Math.log2(view.zoom);
  zoomTo(2 ** (direction > 0 ? Math.floor(powers + 1.001) : Math.ceil(powers - 1.001)));
}

function fromMiddle(canvas, event) {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
}

function listen(canvas) {
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomTo(view.zoom * 2 ** (-event.deltaY / 200), ...fromMiddle(canvas, event));
  }, { passive: false });
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
  });
  canvas.addEventListener("pointermove", (event) => move(canvas, event));
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => pointers.delete(event.pointerId));
}

function move(canvas, event) {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
  pointers.set(event.pointerId, event);
  const share = other ? 0.5 : 1; // each of two fingers moves the picture half
  view.x -= (share * (event.clientX - before.clientX)) / view.zoom;
  view.y -= (share * (event.clientY - before.clientY)) / view.zoom;
  if (!other) return draw();
  const apart = (pointer) => Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY);
  const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
  zoomTo((view.zoom * apart(event)) / Math.max(1, apart(before)), ...fromMiddle(canvas, middle));
}

function remap() {
  for (const panel of panels) panel.map = null;
  draw();
}

function turn(by) {
  open((current + by + data.pictures.length) % data.pictures.length);
}

function pan(x, y) {
  view.x += (x * panels[0].canvas.clientWidth) / 8 / view.zoom;
  view.y += (y * panels[0].canvas.clientHeight) / 8 / view.zoom;
  draw();
}

/** The mean figures of a model, without those of equal pictures, which are infinite. */
function meanOf(rows, model) {
  const mine = rows.filter(([, version]) => version.name === model).map(([, version]) => version.figures);
  const mean = (name) => {
    const finite = mine.map((figures) => figures[name]).filter((value) => value !== null);
    return finite.length ? finite.reduce((sum, value) => sum + value) / finite.length : null;
  };
  return ["mean", { name: model, figures: Object.fromEntries(Object.keys(data.metrics).map((name) => [name, mean(name)])) }];
}

function table() {
  const names = Object.keys(data.metrics);
  if (!names.length) return;
  const rows = data.pictures.flatMap((picture) =>
    picture.versions.filter((version) => names[0] in version.figures).map((version) => [picture.name, version]));
  const models = [...new Set(rows.map(([, version]) => version.name))];
  if (data.pictures.length > 1) rows.push(...models.map((model) => meanOf(rows, model)));
  const element = document.createElement("table");
  const head = element.createTHead().insertRow();
  for (const title of ["picture", "model", ...names.map((name) => data.metrics[name][0])]) {
    const cell = document.createElement("th");
    cell.textContent = title;
    head.append(cell);
  }
  const body = element.createTBody();
  for (const [picture, version] of rows) {
    const row = body.insertRow();
    for (const text of [picture, version.name, ...names.map((name) => digits(name, version.figures[name]))]) {
      row.insertCell().textContent = text;
    }
    row.cells[1].className = "name";
  }
  $("figures").append(element);
}

const KEYS = {
  "+": () => step(1), "=": () => step(1), "-": () => step(-1), "0": fit, "1": () => zoomTo(1),
  n: () => turn(1), p: () => turn(-1), d: () => $("difference").click(),
  ArrowLeft: () => pan(-1, 0), ArrowRight: () => pan(1, 0), ArrowUp: () => pan(0, -1), ArrowDown: () => pan(0, 1),
};

document.addEventListener("keydown", (event) => {
  const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action || event.ctrlKey || event.altKey || event.metaKey || event.target.tagName === "SELECT") return;
  event.preventDefault();
  action();
});

data.pictures.forEach((picture, i) => $("which").add(new Option(picture.name, i)));
$("against").textContent = data.against;
$("legend").style.background = `linear-gradient(90deg, ${STOPS.map((stop) => `rgb(${stop})`)})`;
$("which").addEventListener("change", () => open(Number($("which").value)));
$("previous").addEventListener("click", () => turn(-1));
$("next").addEventListener("click", () => turn(1));
$("in").addEventListener("click", () => step(1));
$("out").addEventListener("click", () => step(-1));
$("full").addEventListener("click", () => zoomTo(1));
$("fit").addEventListener("click", fit);
$("difference").addEventListener("change", draw);
$("gain").addEventListener("change", remap);
window.addEventListener("resize", () => panels.length && draw());
$("protocol").textContent = data.protocol;
table();
open(0);
