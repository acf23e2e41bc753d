// Frames and their distances side by side: a time slider, colour maps, distances under the pointer, two places to measure.
// What was pressed is kept here; listeners of the page fetch it. Elements of the page are patched in place: attributes
// change, and what was built in here may go, so it is built again from what is kept.
const STATIC = 1;
const MOVING = 2;
const TINTS = { [STATIC]: [56, 132, 255, 120], [MOVING]: [255, 122, 26, 150] };
const FINE = 0.01;
const memory = { clip: "", frame: 0, places: [], said: "", map: "ember", masks: { [STATIC]: false, [MOVING]: false } };
let viewer = null;

function make(kind, given = {}, ...inside) {
  const made = Object.assign(document.createElement(kind), given);
  made.append(...inside);
  return made;
}

async function fetchPack(source) {
  const answer = await fetch(source);
  if (!answer.ok) throw new Error(String(answer.status));
  const content = await answer.arrayBuffer();
  const size = new DataView(content).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(content, 4, size)));
  const each = head.wide * head.high;
  const values = new Uint16Array(content, 4 + size, head.frames * each);
  let at = 4 + size + values.byteLength;
  at += -at & 3;
  const pictures = head.pictures.map((bytes) => {
    const blob = new Blob([new Uint8Array(content, at, bytes)], { type: "image/jpeg" });
    at += bytes;
    return blob;
  });
  return { ...head, each, values, pictures, drawn: new Map() };
}

class Depth extends HTMLElement {
  static observedAttributes = ["data-pack"];

  connectedCallback() {
    viewer = this;
    this.watch ??= new MutationObserver(() => this.desk?.parentNode === this || this.#build());
    this.watch.observe(this, { childList: true });
    this.#build();
  }

  disconnectedCallback() {
    this.watch.disconnect();
    this.#pause();
    if (viewer === this) viewer = null;
  }

  attributeChangedCallback(name, before) {
    if (!this.isConnected || this.waiting || before === null) return;
    this.waiting = true;
    queueMicrotask(() => {
      this.waiting = false;
      this.#build();
    });
  }

  async #build() {
    const source = this.dataset.pack;
    if (!source) return;
    this.words = JSON.parse(this.dataset.words);
    const clip = this.dataset.clip;
    if (memory.clip !== clip) {
      Object.assign(memory, { clip, frame: 0, places: [], said: "" });
      this.arrives = navigator.userActivation?.hasBeenActive;
    }
    this.#lay();
    if (this.source !== source) {
      this.source = source;
      this.pack = null;
      try {
        const pack = await fetchPack(source);
        if (this.source !== source) return;
        this.pack = pack;
      } catch (error) {
        this.state.textContent = `${this.words.lost} (${error.message})`;
        return;
      }
    }
    if (this.pack) this.#begin();
  }

  #lay() {
    const words = this.words;
    this.left = make("canvas", { className: "frame", tabIndex: 0 });
    this.right = make("canvas", { className: "metres", tabIndex: 0 });
    for (const [canvas, label] of [[this.left, words.frame], [this.right, words.metres]]) {
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${label}. ${words.keys}`);
      canvas.addEventListener("pointermove", (event) => this.#point(event, canvas));
      canvas.addEventListener("pointerleave", () => this.#leave());
      canvas.addEventListener("pointerdown", (event) => this.#press(event, canvas));
      canvas.addEventListener("keydown", (event) => this.#type(event));
    }
    this.state = make("output", { className: "told", textContent: words.loading });
    this.slider = make("input", { type: "range", min: 0, max: 0, step: 1, value: 0 });
    this.slider.setAttribute("aria-label", words.time);
    this.slider.addEventListener("input", () => this.#show(Number(this.slider.value)));
    this.player = make("button", { type: "button", textContent: "▶", title: words.play });
    this.player.setAttribute("aria-label", words.play);
    this.player.addEventListener("click", () => (this.timer ? this.#pause() : this.#play()));
    this.clock = make("output", { className: "clock" });
    this.maps = make("select", { title: words.map });
    this.maps.setAttribute("aria-label", words.map);
    this.maps.addEventListener("change", () => this.#dye(this.maps.value));
    this.legend = make("canvas", { className: "legend", width: 256, height: 1 });
    this.ends = [make("span"), make("span")];
    const masks = [[STATIC, words.static], [MOVING, words.moving]].map(([bit, text]) => {
      const box = make("input", { type: "checkbox", checked: memory.masks[bit] });
      box.addEventListener("change", () => {
        memory.masks[bit] = box.checked;
        this.#paint();
      });
      return make("label", { className: bit === STATIC ? "static" : "moving" }, box, make("i"), ` ${text}`);
    });
    this.desk = make("div", { className: "desk" },
      make("div", { className: "views" }, make("figure", {}, this.left), make("figure", {}, this.right)),
      make("div", { className: "time" }, this.player, this.slider, this.clock),
      make("div", { className: "row" },
        make("label", {}, `${words.map} `, this.maps),
        make("div", { className: "scale" }, this.ends[0], this.legend, this.ends[1]), ...masks),
      this.state,
    );
    this.replaceChildren(this.desk);
  }

  #begin() {
    const pack = this.pack;
    for (const canvas of [this.left, this.right]) {
      const times = Math.max(1, Math.ceil(480 / pack.width)); // lines over a small picture want finer pixels than its own
      canvas.width = pack.width * times;
      canvas.height = pack.height * times;
    }
    this.still = pack.frames === 1;
    this.querySelector(".time").hidden = this.still;
    this.slider.max = pack.frames - 1;
    this.maps.replaceChildren(...Object.keys(pack.maps).map((name) => make("option", { value: name, textContent: this.words[`map_${name}`] })));
    if (!(memory.map in pack.maps)) memory.map = Object.keys(pack.maps)[0];
    this.maps.value = memory.map;
    this.ends[0].textContent = spell(pack.near);
    this.ends[1].textContent = spell(pack.far);
    this.flat = new OffscreenCanvas(pack.wide, pack.high);
    this.tint = new OffscreenCanvas(pack.wide, pack.high);
    this.#dye(memory.map);
    this.#show(Math.min(memory.frame, pack.frames - 1));
    if (memory.places.length === 2) this.#ask(); // the same clip at another scale
    else this.#tell();
    if (this.arrives) this.scrollIntoView({ block: "nearest" });
    this.arrives = false;
    this.setAttribute("data-ready", this.source);
  }

  // A colour for each step of distance, in steps of 1 / distance between the nearest and the furthest colour.
  #dye(name) {
    memory.map = name;
    const { maps, levels, low, top, near, far } = this.pack;
    const colours = maps[name];
    this.colours = new Uint32Array(levels + 1);
    for (let at = 0; at <= levels; at++) {
      const metres = Math.exp(low + (at / levels) * (top - low));
      const share = (1 / near - 1 / Math.min(Math.max(metres, near), far)) / (1 / near - 1 / far);
      const step = Math.min(255, Math.max(0, Math.round(share * 255))) * 3;
      this.colours[at] = (255 << 24) | (colours[step + 2] << 16) | (colours[step + 1] << 8) | colours[step];
    }
    const pen = this.legend.getContext("2d");
    const line = pen.createImageData(256, 1);
    for (let at = 0; at < 256; at++) line.data.set([...colours.slice(at * 3, at * 3 + 3), 255], at * 4);
    pen.putImageData(line, 0, 0);
    this.#paint();
  }

  #colour() {
    const { wide, high, each, values } = this.pack;
    const part = values.subarray(memory.frame * each, (memory.frame + 1) * each);
    const [flat, tint] = [new ImageData(wide, high), new ImageData(wide, high)];
    const [dots, over] = [new Uint32Array(flat.data.buffer), new Uint32Array(tint.data.buffer)];
    const inks = [0, 1, 2].map((bit) => {
      const [red, green, blue, cover] = TINTS[bit] ?? [0, 0, 0, 0];
      return ((cover << 24) | (blue << 16) | (green << 8) | red) >>> 0;
    });
    const { [STATIC]: stands, [MOVING]: moves } = memory.masks;
    for (let at = 0; at < each; at++) {
      const value = part[at];
      dots[at] = this.colours[value >> 2];
      if (moves && value & MOVING) over[at] = inks[MOVING];
      else if (stands && value & STATIC) over[at] = inks[STATIC];
    }
    this.flat.getContext("2d").putImageData(flat, 0, 0);
    this.tint.getContext("2d").putImageData(tint, 0, 0);
  }

  async #show(frame) {
    const pack = this.pack;
    memory.frame = frame;
    this.slider.value = frame;
    this.clock.textContent = `${(frame / pack.rate).toFixed(2)} s · ${frame + 1} / ${pack.frames}`;
    this.place(frame);
    if (!pack.drawn.has(frame)) {
      if (pack.drawn.size > 60) pack.drawn.delete(pack.drawn.keys().next().value);
      pack.drawn.set(frame, await createImageBitmap(pack.pictures[frame]));
    }
    if (memory.frame === frame && this.pack === pack) this.#paint();
  }

  #play() {
    const from = performance.now();
    const start = memory.frame >= this.pack.frames - 1 ? 0 : memory.frame;
    this.player.textContent = "❚❚";
    const step = (now) => {
      const frame = start + Math.floor(((now - from) / 1000) * this.pack.rate);
      if (frame >= this.pack.frames) {
        this.#show(this.pack.frames - 1);
        this.#pause();
        return;
      }
      if (frame !== memory.frame) this.#show(frame);
      this.timer = requestAnimationFrame(step);
    };
    this.timer = requestAnimationFrame(step);
  }

  #pause() {
    cancelAnimationFrame(this.timer);
    this.timer = 0;
    if (this.player) this.player.textContent = "▶";
  }

  // The camera on the drawing from above, which comes after the viewer.
  place(frame = memory.frame) {
    const here = document.querySelector(".above .here");
    const stop = here?.dataset.places.split(" ")[frame]?.split(",");
    if (stop) here.setAttribute("transform", `translate(${stop[0]} ${stop[1]}) rotate(${stop[2]})`);
  }

  #paint() {
    const pack = this.pack;
    const picture = pack?.drawn.get(memory.frame);
    if (!picture) return;
    this.#colour();
    for (const [canvas, shown] of [[this.left, picture], [this.right, this.flat]]) {
      const pen = canvas.getContext("2d");
      pen.imageSmoothingEnabled = true;
      pen.drawImage(shown, 0, 0, canvas.width, canvas.height);
      pen.drawImage(this.tint, 0, 0, canvas.width, canvas.height);
      this.#mark(pen, canvas.width / pack.width);
    }
  }

  #mark(pen, times) {
    const places = memory.places.filter((one) => one.frame === memory.frame).map((one) => [one.x * times, one.y * times]);
    pen.save();
    pen.lineWidth = 2;
    pen.font = "600 15px system-ui, sans-serif";
    if (places.length === 2) {
      for (const [colour, wide] of [["#000a", 5], ["#fff", 2]]) {
        Object.assign(pen, { strokeStyle: colour, lineWidth: wide });
        pen.beginPath();
        pen.moveTo(...places[0]);
        pen.lineTo(...places[1]);
        pen.stroke();
      }
      if (memory.said) this.#label(pen, memory.said, (places[0][0] + places[1][0]) / 2, (places[0][1] + places[1][1]) / 2);
    }
    for (const [x, y] of places) cross(pen, x, y, "#14d6bf");
    if (this.hover) {
      cross(pen, this.hover.x * times, this.hover.y * times, "#fff");
      const set = memory.places.some(({ x, y }) => Math.hypot(x - this.hover.x, y - this.hover.y) < 3);
      if (!set || !memory.said) this.#label(pen, spell(this.#metres(this.hover)), this.hover.x * times, this.hover.y * times - 14);
    }
    pen.restore();
  }

  #label(pen, text, x, y) {
    const wide = pen.measureText(text).width + 14;
    const left = Math.min(Math.max(x - wide / 2, 2), pen.canvas.width - wide - 2);
    const top = Math.min(Math.max(y - 26, 2), pen.canvas.height - 26);
    pen.fillStyle = "#000b";
    pen.beginPath();
    pen.roundRect(left, top, wide, 24, 7);
    pen.fill();
    pen.fillStyle = "#fff";
    pen.textBaseline = "middle";
    pen.fillText(text, left + 7, top + 12.5);
  }

  #metres({ x, y }) {
    const { width, height, wide, high, each, values, levels, low, top } = this.pack;
    const across = Math.min(wide - 1, Math.floor((x / width) * wide));
    const down = Math.min(high - 1, Math.floor((y / height) * high));
    return Math.exp(low + ((values[memory.frame * each + down * wide + across] >> 2) / levels) * (top - low));
  }

  #at(event, canvas) {
    const box = canvas.getBoundingClientRect();
    const { width, height } = this.pack;
    const inside = (value, most) => Math.min(Math.max(value, 0), most - FINE);
    return {
      x: inside(((event.clientX - box.left) / box.width) * width, width),
      y: inside(((event.clientY - box.top) / box.height) * height, height),
    };
  }

  #point(event, canvas) {
    if (!this.pack) return;
    this.hover = this.#at(event, canvas);
    this.#paint();
  }

  #leave() {
    this.hover = null;
    this.#paint();
  }

  #press(event, canvas) {
    if (!this.pack) return;
    this.#pause();
    this.#set(this.#at(event, canvas));
  }

  // Arrows move the cross, with Shift further; Enter or the space bar sets a place.
  #type(event) {
    if (!this.pack) return;
    const far = event.shiftKey ? 10 : 1;
    const step = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[event.key];
    if (step) {
      event.preventDefault();
      const { width, height } = this.pack;
      const from = this.hover ?? { x: width / 2, y: height / 2 };
      this.hover = {
        x: Math.min(Math.max(from.x + step[0], 0), width - FINE), y: Math.min(Math.max(from.y + step[1], 0), height - FINE),
      };
      this.state.textContent = spell(this.#metres(this.hover));
      this.#paint();
    } else if ((event.key === "Enter" || event.key === " ") && this.hover) {
      event.preventDefault();
      this.#set(this.hover);
    }
  }

  #set(place) {
    const others = memory.places.filter((one) => one.frame === memory.frame);
    memory.places = [...(others.length === 1 ? others : []), { frame: memory.frame, ...place }];
    memory.said = "";
    this.#paint();
    if (memory.places.length === 2) this.#ask();
    else this.#tell();
  }

  #ask() {
    memory.said = "";
    this.#tell();
    document.getElementById("depth-measure")?.click();
  }

  #tell() {
    const count = memory.places.length;
    this.state.textContent = count === 2 ? memory.said || "…" : count ? this.words.second : this.words.first;
  }

  answer(text) {
    memory.said = text;
    this.#tell();
    this.#paint();
  }
}

function cross(pen, x, y, colour) {
  for (const [ink, wide] of [["#000b", 4], [colour, 2]]) {
    Object.assign(pen, { strokeStyle: ink, lineWidth: wide });
    pen.beginPath();
    for (const [over, under] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      pen.moveTo(x + over * 4, y + under * 4);
      pen.lineTo(x + over * 11, y + under * 11);
    }
    pen.stroke();
  }
}

function spell(metres) {
  return `${metres < 10 ? metres.toFixed(2) : metres < 100 ? metres.toFixed(1) : metres.toFixed(0)} m`;
}

window.likenessDepth = {
  // A listener's values with the two places put in: the frame, then column and row of each.
  fill(values, where) {
    const filled = [...values];
    const places = memory.places.length === 2 ? memory.places : [];
    filled[where] = places.length ? [places[0].frame, ...places.flatMap(({ x, y }) => [x.toFixed(2), y.toFixed(2)])].join(" ") : "";
    return filled;
  },
  answer(text) {
    viewer?.answer(text);
  },
  place() {
    viewer?.place();
  },
};
if (!customElements.get("likeness-depth")) customElements.define("likeness-depth", Depth);
