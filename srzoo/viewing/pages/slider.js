"use strict";

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const zooms = [...document.querySelectorAll("[data-zoom]")];

let current = 0;
let zoom = 0; // CSS pixels a picture pixel; 0 fits the picture into the window

/** The address of a file, whose name may be any. */
function address(place) {
  return place.split("/").map(encodeURIComponent).join("/");
}

function open(index) {
  current = (index + data.pictures.length) % data.pictures.length;
  const picture = data.pictures[current];
  $("which").value = current;
  $("before").src = address(picture.before);
  $("after").src = address(picture.after);
  $("facts").textContent = picture.facts;
  Object.assign($("save"), { href: `${address(picture.content)}?download`, download: picture.file });
  $("save").textContent = `Download ${picture.file}`.length > 34 ? "Download" : `Download ${picture.file}`;
  resize(zoom);
}

function resize(wanted) {
  zoom = wanted;
  const { width, height } = data.pictures[current];
  const box = $("scroll");
  const middle = [(box.scrollLeft + box.clientWidth / 2) / box.scrollWidth, (box.scrollTop + box.clientHeight / 2) / box.scrollHeight];
  const pixel = zoom || Math.min($("view").clientWidth / width, $("view").clientHeight / height);
  Object.assign($("pictures").style, { width: `${width * pixel}px`, height: `${height * pixel}px` });
  $("pictures").className = pixel > 1 ? "large" : "";
  box.scrollLeft = middle[0] * box.scrollWidth - box.clientWidth / 2;
  box.scrollTop = middle[1] * box.scrollHeight - box.clientHeight / 2;
  for (const button of zooms) button.setAttribute("aria-pressed", Number(button.dataset.zoom) === zoom);
  split();
}

/** The line stands still in the window while the picture is moved below it. */
function split() {
  const at = ($("split").value / 100) * $("view").clientWidth;
  const left = $("pictures").getBoundingClientRect().left - $("view").getBoundingClientRect().left;
  $("line").style.left = `${at}px`;
  $("after").style.clipPath = `inset(0 0 0 ${Math.max(0, at - left)}px)`;
}

function drag(event) {
  if (!$("line").hasPointerCapture(event.pointerId)) return;
  const box = $("view").getBoundingClientRect();
  $("split").value = ((event.clientX - box.left) / box.width) * 100;
  split();
}

for (const failure of data.failures) {
  const item = document.createElement("li");
  item.textContent = failure;
  $("failures").append(item);
}
for (const id of ["tools", "view", "split"]) $(id).hidden = !data.pictures.length;
data.pictures.forEach((picture, i) => $("which").add(new Option(picture.name, i)));
$("choice").hidden = data.pictures.length < 2;
$("which").addEventListener("change", () => open(Number($("which").value)));
$("previous").addEventListener("click", () => open(current - 1));
$("next").addEventListener("click", () => open(current + 1));
$("squares").addEventListener("change", () => $("before").classList.toggle("squares", $("squares").checked));
$("split").addEventListener("input", split);
$("scroll").addEventListener("scroll", split);
$("line").addEventListener("pointerdown", (event) => $("line").setPointerCapture(event.pointerId));
$("line").addEventListener("pointermove", drag);
for (const button of zooms) button.addEventListener("click", () => resize(Number(button.dataset.zoom)));
if (data.pictures.length) {
  open(0);
  // Not the window's event: a frame out of sight has no size, and gets it when it is scrolled to.
  new ResizeObserver(() => resize(zoom)).observe($("view"));
}
