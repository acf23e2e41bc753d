// A canvas to draw a cut on and a rectangle to crop a cloth with. What was drawn or cropped is kept here and for the
// browser's tab, not in the page's elements, so that it outlives a change of tabs; listeners of the page fetch it.
const DRAWN = "likeness-garment-drawing";
const FINE = 1e4;
const kept = { shapes: read(), crops: new Map() };
const sketches = new Set();

function read() {
  try {
    const found = JSON.parse(sessionStorage.getItem(DRAWN) ?? "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}

function keep(shapes) {
  kept.shapes = shapes;
  try {
    sessionStorage.setItem(DRAWN, JSON.stringify(shapes));
  } catch {
    // private windows may refuse; the drawing lives on in this page
  }
  for (const one of sketches) one.paint();
}

const round = (value) => Math.round(value * FINE) / FINE;
const inside = (value) => Math.min(1, Math.max(0, value));

function place(event, element) {
  const box = element.getBoundingClientRect();
  return [round(inside((event.clientX - box.left) / box.width)), round(inside((event.clientY - box.top) / box.height))];
}

function button(text, act, kind = "") {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.className = kind;
  made.addEventListener("click", act);
  return made;
}

// Drawn in one go around a piece: it is filled when the pen is lifted. A further shape adds to the cut or is taken away.
class Sketch extends HTMLElement {
  connectedCallback() {
    if (this.canvas) {
      sketches.add(this);
      this.paint();
      return;
    }
    const words = JSON.parse(this.dataset.words);
    this.cuts = false;
    this.mirrors = true;
    this.line = null;
    this.canvas = Object.assign(document.createElement("canvas"), { width: 512, height: 512 });
    this.canvas.setAttribute("aria-label", words.canvas);
    this.canvas.setAttribute("role", "img");
    const bar = document.createElement("div");
    bar.className = "tools";
    this.add = button(words.add, () => this.#choose(false), "add");
    this.cut = button(words.cut, () => this.#choose(true), "cut");
    this.mirror = button(words.mirror, () => this.#flip(), "mirror");
    bar.append(
      this.add, this.cut, this.mirror,
      button(words.undo, () => keep(kept.shapes.slice(0, -1)), "undo"),
      button(words.clear, () => keep([]), "clear"),
    );
    this.replaceChildren(bar, this.canvas);
    this.canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    this.canvas.addEventListener("pointermove", (event) => this.#move(event));
    this.canvas.addEventListener("pointerup", () => this.#end());
    this.canvas.addEventListener("pointercancel", () => this.#end());
    sketches.add(this);
    this.#choose(false);
    this.#tell();
    this.paint();
  }

  disconnectedCallback() {
    sketches.delete(this);
  }

  #choose(cuts) {
    this.cuts = cuts;
    this.#tell();
  }

  #flip() {
    this.mirrors = !this.mirrors;
    this.#tell();
    this.paint();
  }

  #tell() {
    this.add.setAttribute("aria-pressed", String(!this.cuts));
    this.cut.setAttribute("aria-pressed", String(this.cuts));
    this.mirror.setAttribute("aria-pressed", String(this.mirrors));
  }

  #begin(event) {
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.line = [place(event, this.canvas)];
  }

  #move(event) {
    if (!this.line) return;
    const at = place(event, this.canvas);
    const last = this.line.at(-1);
    if (Math.hypot(at[0] - last[0], at[1] - last[1]) < 0.004) return;
    this.line.push(at);
    this.paint();
  }

  #end() {
    const line = this.line;
    this.line = null;
    if (line && line.length > 3) keep([...kept.shapes, { cut: this.cuts, mirror: this.mirrors, points: line }]);
    else this.paint();
  }

  paint() {
    const pen = this.canvas.getContext("2d");
    const side = this.canvas.width;
    const dark = document.body.classList.contains("dark");
    pen.fillStyle = dark ? "#1a1c21" : "#ffffff";
    pen.fillRect(0, 0, side, side);
    const shapes = this.line ? [...kept.shapes, { cut: this.cuts, mirror: this.mirrors, points: this.line }] : kept.shapes;
    for (const shape of shapes) {
      pen.fillStyle = shape.cut ? (dark ? "#1a1c21" : "#ffffff") : "#14a08f";
      for (const flipped of shape.mirror ? [false, true] : [false]) {
        pen.beginPath();
        for (const [x, y] of shape.points) pen.lineTo((flipped ? 1 - x : x) * side, y * side);
        pen.closePath();
        pen.fill();
      }
    }
    if (this.mirrors) {
      pen.strokeStyle = "#14a08f99";
      pen.setLineDash([6, 8]);
      pen.beginPath();
      pen.moveTo(side / 2, 0);
      pen.lineTo(side / 2, side);
      pen.stroke();
      pen.setLineDash([]);
    }
    if (this.line) {
      pen.strokeStyle = this.cuts ? "#dc2626" : dark ? "#f3f1ed" : "#134b47";
      pen.lineWidth = 3;
      pen.beginPath();
      for (const [x, y] of this.line) pen.lineTo(x * side, y * side);
      pen.stroke();
      pen.lineWidth = 1;
    }
  }
}

// A picture with a rectangle: drag to crop, drag inside it to move it, arrows to move and with Shift to size it.
// The page patches elements in place when it shows another cloth: attributes change, and what was built in here may go.
class Crop extends HTMLElement {
  static observedAttributes = ["data-medium", "data-source", "data-crop"];

  connectedCallback() {
    this.watch ??= new MutationObserver(() => this.frame?.parentNode === this || this.#build());
    this.watch.observe(this, { childList: true });
    this.#build();
  }

  disconnectedCallback() {
    this.watch.disconnect();
  }

  attributeChangedCallback() {
    if (this.waiting || !this.isConnected) return;
    this.waiting = true;
    queueMicrotask(() => {
      this.waiting = false;
      this.#build();
    });
  }

  #build() {
    if (!this.dataset.words) return;
    const words = JSON.parse(this.dataset.words);
    this.medium = this.dataset.medium;
    if (this.dataset.crop) kept.crops.set(this.medium, this.dataset.crop.split(" ").map(Number));
    this.frame = document.createElement("div");
    this.frame.className = "frame";
    const image = Object.assign(new Image(), { src: this.dataset.source, alt: words.cloth, draggable: false });
    this.box = document.createElement("div");
    this.box.className = "box";
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "img");
    this.box.setAttribute("aria-label", words.hint);
    this.frame.append(image, this.box);
    this.whole = button(words.whole, () => this.#set([0, 0, 1, 1]), "whole");
    this.replaceChildren(this.frame, this.whole);
    this.frame.addEventListener("pointerdown", (event) => this.#begin(event));
    this.frame.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) this.frame.addEventListener(name, () => (this.start = null));
    this.box.addEventListener("keydown", (event) => this.#press(event));
    this.#set(kept.crops.get(this.medium) ?? [0, 0, 1, 1]);
  }

  #set(values) {
    this.values = values.map(round);
    kept.crops.set(this.medium, this.values);
    const [x, y, width, height] = this.values;
    Object.assign(this.box.style, {
      left: `${x * 100}%`, top: `${y * 100}%`, width: `${width * 100}%`, height: `${height * 100}%`,
    });
    this.whole.hidden = width === 1 && height === 1;
  }

  #begin(event) {
    event.preventDefault();
    this.frame.setPointerCapture(event.pointerId);
    const at = place(event, this.frame);
    const [x, y, width, height] = this.values;
    const part = width * height < 0.98;
    const within = part && at[0] > x && at[0] < x + width && at[1] > y && at[1] < y + height;
    this.start = { at, held: within ? [...this.values] : null };
  }

  #move(event) {
    if (!this.start) return;
    const at = place(event, this.frame);
    const { at: from, held } = this.start;
    if (held) {
      const x = Math.min(Math.max(held[0] + at[0] - from[0], 0), 1 - held[2]);
      const y = Math.min(Math.max(held[1] + at[1] - from[1], 0), 1 - held[3]);
      this.#set([x, y, held[2], held[3]]);
    } else if (Math.abs(at[0] - from[0]) > 0.02 && Math.abs(at[1] - from[1]) > 0.02) {
      const [x, y] = [Math.min(at[0], from[0]), Math.min(at[1], from[1])];
      this.#set([x, y, Math.abs(at[0] - from[0]), Math.abs(at[1] - from[1])]);
    }
  }

  #press(event) {
    const step = { ArrowLeft: [-0.02, 0], ArrowRight: [0.02, 0], ArrowUp: [0, -0.02], ArrowDown: [0, 0.02] }[event.key];
    if (!step) return;
    event.preventDefault();
    let [x, y, width, height] = this.values;
    if (event.shiftKey) {
      width = Math.min(Math.max(width + step[0], 0.05), 1 - x);
      height = Math.min(Math.max(height + step[1], 0.05), 1 - y);
    } else {
      x = Math.min(Math.max(x + step[0], 0), 1 - width);
      y = Math.min(Math.max(y + step[1], 0), 1 - height);
    }
    this.#set([x, y, width, height]);
  }
}

window.likenessGarment = {
  // A listener's values with the drawing and the crop of the cloth (named by its medium) put in their places.
  fill(values, drawing, cloth) {
    const filled = [...values];
    filled[drawing] = JSON.stringify(kept.shapes);
    filled[cloth + 1] = (kept.crops.get(filled[cloth]) ?? []).join(" ");
    return filled;
  },
  restore(text) {
    if (text) keep(JSON.parse(text));
  },
};
if (!customElements.get("likeness-sketch")) {
  customElements.define("likeness-sketch", Sketch);
  customElements.define("likeness-crop", Crop);
}
