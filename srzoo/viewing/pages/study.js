"use strict";

const WORDS = ["bad", "poor", "fair", "good", "excellent"];
const PAUSE = 400; // milliseconds of grey between two pictures, so that they are not compared by flicker
const GAP = 8; // pictures that come between a picture and its repeat, at least

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const stimulusOf = new Map(data.stimuli.map((stimulus) => [stimulus.id, stimulus]));
const STORE = `srzoo-mos-${data.study}`;

let state;
let shownAt = 0; // when the picture came up, or 0 while an answer is not taken
let presented = 0;

function random(below) {
  return Math.floor((crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32) * below);
}

function shuffled(items) {
  const copy = [...items];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}

function pictureOf(trial) {
  return stimulusOf.get(trial.stimulus).picture;
}

/** All stimuli in random order, two versions of one picture never in a row if that can be. */
function randomOrder() {
  let rest = shuffled(data.stimuli.map((stimulus) => ({ stimulus: stimulus.id, repeat: false })));
  const order = [];
  while (rest.length) {
    const last = order.length ? pictureOf(order.at(-1)) : null;
    const others = rest.filter((trial) => pictureOf(trial) !== last);
    const next = mostLeft(rest, last) || others[0] || rest[0];
    order.push(next);
    rest = rest.filter((trial) => trial !== next);
  }
  return order;
}

/** A trial of the picture that has half of those left or more: it must come now, or it comes twice in a row later. */
function mostLeft(rest, last) {
  return rest.find((trial) => {
    const same = rest.filter((other) => pictureOf(other) === pictureOf(trial)).length;
    return pictureOf(trial) !== last && 2 * same > rest.length;
  });
}

function withRepeats(order) {
  const gap = Math.min(GAP, Math.floor(order.length / 2));
  const left = new Set(shuffled(order.slice(0, order.length - gap)));
  for (let repeats = Math.min(data.repeats, left.size); repeats > 0; repeats--) {
    // One that can come again beside no version of its picture, if any can.
    const trial = [...left].find((each) => placesApart(order, each, gap).length) || [...left][0];
    const apart = placesApart(order, trial, gap);
    const usable = apart.length ? apart : placesAfter(order, trial, gap);
    order.splice(usable[random(usable.length)], 0, { stimulus: trial.stimulus, repeat: true });
    left.delete(trial);
  }
  return order;
}

function placesAfter(order, trial, gap) {
  const first = order.indexOf(trial) + gap + 1;
  return Array.from({ length: order.length - first + 1 }, (_, i) => first + i);
}

function placesApart(order, trial, gap) {
  return placesAfter(order, trial, gap).filter((at) =>
    [order[at - 1], order[at]].every((near) => !near || pictureOf(near) !== pictureOf(trial)));
}

function fresh() {
  return {
    rater: Array.from(crypto.getRandomValues(new Uint8Array(6)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
    name: "", started: null, finished: null, trained: 0, training: shuffled(data.training.keys()),
    order: withRepeats(randomOrder()), answers: [],
  };
}

function restore() {
  try {
    return JSON.parse(localStorage.getItem(STORE));
  } catch {
    return null;
  }
}

function keep() {
  try {
    localStorage.setItem(STORE, JSON.stringify(state));
  } catch {
    // Some browsers refuse it to files; the study then has to be done in one go.
  }
}

/** CSS pixels a picture pixel: a whole number of the screen's own, about 1, so that nothing is resampled. */
function pixelSize() {
  const ratio = window.devicePixelRatio || 1;
  return Math.max(1, Math.round(ratio)) / ratio;
}

function show(section) {
  for (const each of ["intro", "trial", "done"]) $(each).hidden = each !== section;
}

function training() {
  return state.trained < state.training.length ? data.training[state.training[state.trained]] : null;
}

function next() {
  if (!training() && state.answers.length === state.order.length) return finish();
  show("trial");
  const example = training();
  const done = example ? state.trained : state.answers.length;
  const all = example ? state.training.length : state.order.length;
  $("progress").textContent = `${example ? "Example" : "Picture"} ${done + 1} of ${all}`;
  $("bar").value = done / all;
  $("undo").disabled = Boolean(example) || !state.answers.length;
  $("task").textContent = example
    ? `This one counts as ${example.score}, “${WORDS[example.score - 1]}”. Look at it, then press ${example.score}.`
    : "How good does it look?";
  present(example || stimulusOf.get(state.order[state.answers.length].stimulus));
}

async function present(stimulus) {
  const turn = ++presented;
  const picture = $("picture");
  shownAt = 0;
  $("stage").className = "blank";
  enable(false);
  picture.src = stimulus.source;
  await Promise.all([picture.decode(), new Promise((ready) => setTimeout(ready, PAUSE))]);
  if (turn !== presented) return; // another picture was asked for meanwhile
  picture.style.width = `${picture.naturalWidth * pixelSize()}px`;
  $("stage").className = "";
  enable(true);
  shownAt = performance.now();
}

function enable(on) {
  // Not disabled, or the one that was pressed would lose the keyboard's focus.
  for (const button of $("scores").children) button.setAttribute("aria-disabled", !on);
}

function answer(score) {
  if (!shownAt) return;
  const example = training();
  if (example) {
    if (score !== example.score) return;
    state.trained += 1;
  } else {
    state.answers.push({ score, seconds: Math.round(performance.now() - shownAt) / 1000 });
  }
  keep();
  next();
}

function undo() {
  if (training() || !state.answers.length) return;
  state.answers.pop();
  state.finished = null;
  keep();
  next();
}

function finish() {
  shownAt = 0;
  presented += 1; // none may come up any more
  state.finished ||= new Date().toISOString();
  keep();
  show("done");
  $("file").textContent = fileName();
  $("saved").textContent = ""; // what was saved before may be other answers
  $("again").hidden = true;
  $("save").focus();
}

function fileName() {
  return `answers-${state.rater}.json`;
}

function answersFile() {
  return {
    format: data.format,
    study: data.study,
    rater: state.rater,
    name: state.name,
    started: state.started,
    finished: state.finished,
    screen: { width: screen.width, height: screen.height, ratio: window.devicePixelRatio, pixel: pixelSize() },
    ratings: state.order.map((trial, i) => ({ ...trial, ...state.answers[i] })),
  };
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(answersFile(), null, 1)], { type: "application/json" }));
  link.download = fileName();
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  $("saved").textContent = "Saved, among your downloads.";
  $("again").hidden = false;
}

function start() {
  state.name = $("name").value.trim();
  state.started ||= new Date().toISOString();
  keep();
  next();
}

function again() {
  state = fresh();
  $("name").value = "";
  show("intro");
}

WORDS.forEach((word, i) => {
  const button = document.createElement("button");
  button.innerHTML = `<b>${i + 1}</b><span>${word}</span>`;
  button.addEventListener("click", () => answer(i + 1));
  $("scores").append(button);
  $("words").insertAdjacentHTML("afterbegin", `<b>${i + 1}</b><span>${word}</span>`);
});

document.addEventListener("keydown", (event) => {
  if ($("intro").hidden === false || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "Backspace") undo();
  else if (/^[1-5]$/.test(event.key)) answer(Number(event.key));
  else return;
  event.preventDefault();
});

function resume() {
  if (state.started) next();
  else show("intro");
}

// Of another tab: its answers would be lost if this one went on with its own.
window.addEventListener("storage", (event) => {
  if (event.key !== STORE) return;
  state = restore();
  resume();
});

state = restore() || fresh();
$("count").textContent = state.order.length;
const minutes = Math.max(1, Math.round(data.minutes));
$("minutes").textContent = `${minutes} minute${minutes === 1 ? "" : "s"}`;
$("start").addEventListener("click", start);
$("undo").addEventListener("click", undo);
$("back").addEventListener("click", undo);
$("save").addEventListener("click", save);
$("again").addEventListener("click", again);
resume();
