// A head that is turned by hand: views drawn by the studio, one asked for at a time and always the newest; and a mesh
// drawn by the browser itself from its GLB.
const VIEW = "/live/facefield/view";
const MOST_KEPT = 240;
const STEP = 2;
const REST_MILLISECONDS = 500;
const SWEEP_SECONDS = 7;
const last = { of: "", yaw: 0, pitch: 0, show: "picture" };
const pictures = new Map();

function remember(key, url) {
  pictures.set(key, url);
  if (pictures.size <= MOST_KEPT) return;
  const [oldest, gone] = pictures.entries().next().value;
  pictures.delete(oldest);
  URL.revokeObjectURL(gone);
}

const within = (value, most) => Math.min(most, Math.max(-most, value));

function make(kind, values = {}, ...inside) {
  const made = Object.assign(document.createElement(kind), values);
  made.append(...inside);
  return made;
}

function button(text, act, name) {
  const made = make("button", { type: "button", textContent: text, className: name });
  made.addEventListener("click", act);
  return made;
}

async function sentence(answer) {
  try {
    const said = (await answer.json()).detail;
    return typeof said === "string" ? said : answer.statusText;
  } catch {
    return answer.statusText;
  }
}

// The page patches its elements in place: attributes change under them, and what they hold is taken away.
class Orbit extends HTMLElement {
  static observedAttributes = ["data-head"];

  connectedCallback() {
    this.gone = false;
    this.watch ??= new MutationObserver(() => this.frame?.parentNode === this || this.#begin());
    this.watch.observe(this, { childList: true });
    this.#begin();
  }

  disconnectedCallback() {
    this.watch.disconnect();
    clearTimeout(this.later);
    cancelAnimationFrame(this.turning);
    this.turning = 0;
    this.gone = true;
  }

  attributeChangedCallback(name, before) {
    if (before !== null && this.frame) this.#begin();
  }

  #begin() {
    const of = JSON.parse(this.dataset.head).of;
    if (of !== last.of && this.dataset.aim) [last.yaw, last.pitch] = JSON.parse(this.dataset.aim);
    last.of = of;
    if (this.frame?.parentNode !== this) this.#build();
    this.kept.replaceChildren();
    this.#draw();
  }

  #build() {
    this.words = JSON.parse(this.dataset.words);
    this.most = JSON.parse(this.dataset.most);
    this.image = make("img", { alt: this.words.alt, draggable: false });
    if (last.shown) this.image.src = last.shown;
    this.frame = make("div", { className: "frame", tabIndex: 0 }, this.image);
    this.frame.setAttribute("role", "group");
    this.frame.setAttribute("aria-label", this.words.drag);
    this.kinds = ["picture", "depth", "opacity"].map((show) => {
      const made = button(this.words[show], () => this.#go({ show }), show);
      made.dataset.show = show;
      return made;
    });
    this.sliders = ["yaw", "pitch"].map((name, at) => {
      const slider = make("input", { type: "range", min: -this.most[at], max: this.most[at], step: 1, className: name });
      slider.addEventListener("input", () => this.#halt().#go({ [name]: Number(slider.value) }));
      return slider;
    });
    this.play = button(this.words.play, () => (this.turning ? this.#halt() : this.#sweep()), "play");
    this.note = make("p", { className: "hint", textContent: this.words.drag });
    this.note.setAttribute("role", "status");
    this.kept = make("span", { className: "files" });
    this.replaceChildren(
      make("div", { className: "kinds" }, ...this.kinds),
      this.frame,
      make("div", { className: "turns" }, ...this.sliders.map((slider, at) =>
        make("label", {}, make("span", { textContent: this.words[["yaw", "pitch"][at]] }), slider, make("output")))),
      make("div", { className: "tools" }, this.play,
        button(this.words.front, () => this.#halt().#go({ yaw: 0, pitch: 0 }), "front"),
        button(this.words.keep, () => this.#keep(), "keep"), this.kept),
      this.note,
    );
    this.frame.addEventListener("pointerdown", (event) => this.#grab(event));
    this.frame.addEventListener("pointermove", (event) => this.#drag(event));
    for (const end of ["pointerup", "pointercancel"]) this.frame.addEventListener(end, () => (this.held = null));
    this.frame.addEventListener("keydown", (event) => this.#press(event));
  }

  #grab(event) {
    event.preventDefault();
    this.frame.focus({ preventScroll: true });
    this.frame.setPointerCapture(event.pointerId);
    this.#halt();
    this.held = { x: event.clientX, y: event.clientY, yaw: last.yaw, pitch: last.pitch };
  }

  #drag(event) {
    if (!this.held) return;
    const side = this.frame.clientWidth || 1;
    const across = (event.clientX - this.held.x) / side;
    const down = (event.clientY - this.held.y) / side;
    this.#go({ yaw: this.held.yaw - across * 120, pitch: this.held.pitch + down * 90 });
  }

  #press(event) {
    const step = { ArrowLeft: [5, 0], ArrowRight: [-5, 0], ArrowUp: [0, -5], ArrowDown: [0, 5] }[event.key];
    if (!step) return;
    event.preventDefault();
    this.#halt().#go({ yaw: last.yaw + step[0], pitch: last.pitch + step[1] });
  }

  #go(change) {
    Object.assign(last, change);
    last.yaw = within(last.yaw, this.most[0]);
    last.pitch = within(last.pitch, this.most[1]);
    this.kept.replaceChildren();
    this.#draw();
    return this;
  }

  #sweep() {
    const begun = performance.now() - Math.asin(last.yaw / this.most[0]) * (SWEEP_SECONDS * 500 / Math.PI);
    this.play.setAttribute("aria-pressed", "true");
    const turn = (now) => {
      this.turning = requestAnimationFrame(turn);
      if (this.busy) return;
      const yaw = this.most[0] * Math.sin((now - begun) * 2 * Math.PI / (SWEEP_SECONDS * 1000));
      if (Math.abs(yaw - last.yaw) >= STEP) this.#go({ yaw });
    };
    this.turning = requestAnimationFrame(turn);
  }

  #halt() {
    cancelAnimationFrame(this.turning);
    this.turning = 0;
    this.play.setAttribute("aria-pressed", "false");
    return this;
  }

  #asked() {
    const round = (value, most) => within(Math.round(value / STEP) * STEP, most);
    return new URLSearchParams({
      head: this.dataset.head, yaw: round(last.yaw, this.most[0]), pitch: round(last.pitch, this.most[1]), show: last.show,
    }).toString();
  }

  async #draw() {
    for (const one of this.kinds) one.setAttribute("aria-pressed", String(one.dataset.show === last.show));
    [last.yaw, last.pitch].forEach((value, at) => {
      this.sliders[at].value = Math.round(value);
      this.sliders[at].nextElementSibling.textContent = `${Math.round(value)}\u00b0`;
    });
    clearTimeout(this.later);
    if (this.busy) return;
    this.busy = true;
    try {
      // whatever was asked for in the meantime but the newest is never drawn
      for (let asked = this.#asked(), done = ""; asked !== done && !this.gone; asked = this.#asked()) {
        await this.#show(asked);
        done = asked;
      }
    } finally {
      this.busy = false;
    }
    if (!this.turning) this.later = setTimeout(() => this.#refine(), REST_MILLISECONDS);
  }

  // a head at rest is drawn again along more rays; what comes after it was moved on is not shown
  async #refine() {
    if (this.busy || this.turning || this.gone || this.note.dataset.state) return;
    const asked = this.#asked();
    this.busy = true;
    await this.#show(asked, "&fine=true").finally(() => (this.busy = false));
    if (asked !== this.#asked()) this.#draw();
  }

  async #show(asked, how = "") {
    let url = pictures.get(asked + how);
    if (!url) {
      const begun = performance.now();
      const answer = await fetch(`${VIEW}?${asked}${how}`).catch(() => null);
      if (!answer?.ok) {
        this.#halt();
        this.note.textContent = answer ? await sentence(answer) : this.words.lost;
        this.note.dataset.state = "failed";
        return;
      }
      url = URL.createObjectURL(await answer.blob());
      remember(asked + how, url);
      this.milliseconds = Math.round(performance.now() - begun);
    }
    if (how && asked !== this.#asked()) return;
    this.note.textContent = this.words.drag;
    delete this.note.dataset.state;
    this.image.src = last.shown = url;
    this.drawn = asked + how;
  }

  async #keep() {
    const answer = await fetch(`${VIEW}s?${this.#asked()}`, { method: "POST" }).catch(() => null);
    if (!answer?.ok) {
      this.note.textContent = answer ? await sentence(answer) : this.words.lost;
      return;
    }
    const { medium } = await answer.json();
    this.kept.replaceChildren(make("a", { href: `/files/${medium}`, download: "view.png", textContent: "view.png" }));
  }
}

// --- a mesh

const VERTEX = `#version 300 es
in vec3 place; in vec3 normal; in vec3 colour; uniform mat4 whole; uniform mat3 turn; out vec3 side; out vec3 paint;
void main() { gl_Position = whole * vec4(place, 1.0); side = turn * normal; paint = colour; }`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec3 side; in vec3 paint; uniform float clay; out vec4 seen;
void main() {
  vec3 n = normalize(gl_FrontFacing ? side : -side);
  float key = max(dot(n, normalize(vec3(-0.4, 0.5, 0.8))), 0.0);
  float fill = max(dot(n, normalize(vec3(0.7, 0.1, 0.4))), 0.0);
  vec3 lit = vec3(0.80, 0.77, 0.72) * (0.22 + 0.72 * key + 0.22 * fill);
  seen = vec4(mix(paint * (0.62 + 0.42 * key), lit, clay), 1.0);
}`;
const PARTS = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4 };
const ARRAYS = { 5121: Uint8Array, 5123: Uint16Array, 5125: Uint32Array, 5126: Float32Array };

// glTF 2.0, binary: a JSON chunk that says where in the second chunk its arrays are.
function readMesh(content) {
  const view = new DataView(content);
  const length = view.getUint32(12, true);
  const scene = JSON.parse(new TextDecoder().decode(new Uint8Array(content, 20, length)));
  const begin = 28 + length;
  const read = (number) => {
    const told = scene.accessors[number];
    const held = scene.bufferViews[told.bufferView];
    const kind = ARRAYS[told.componentType];
    const at = begin + (held.byteOffset ?? 0) + (told.byteOffset ?? 0);
    const width = PARTS[told.type];
    const stride = held.byteStride || width * kind.BYTES_PER_ELEMENT;
    const values = new Float64Array(told.count * width);
    for (let row = 0; row < told.count; row += 1) {
      values.set(new kind(content.slice(at + row * stride, at + row * stride + width * kind.BYTES_PER_ELEMENT)), row * width);
    }
    return { values, width, most: kind === Float32Array ? 1 : 2 ** (8 * kind.BYTES_PER_ELEMENT) - 1 };
  };
  const { attributes, indices } = scene.meshes[0].primitives[0];
  const places = Float32Array.from(read(attributes.POSITION).values);
  const painted = attributes.COLOR_0 === undefined ? null : read(attributes.COLOR_0);
  const colours = new Float32Array(places.length).fill(0.7);
  for (let at = 0; painted && at < colours.length; at += 1) {
    colours[at] = painted.values[Math.floor(at / 3) * painted.width + (at % 3)] / painted.most;
  }
  return { places, colours, triangles: Uint32Array.from(read(indices).values) };
}

function smoothNormals({ places, triangles }) {
  const normals = new Float32Array(places.length);
  const corner = (at) => [places[3 * at], places[3 * at + 1], places[3 * at + 2]];
  for (let at = 0; at < triangles.length; at += 3) {
    const three = [triangles[at], triangles[at + 1], triangles[at + 2]];
    const [a, b, c] = three.map(corner);
    const [u, v] = [b.map((value, axis) => value - a[axis]), c.map((value, axis) => value - a[axis])];
    const cross = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    for (const one of three) for (let axis = 0; axis < 3; axis += 1) normals[3 * one + axis] += cross[axis];
  }
  return normals;
}

class MeshView extends HTMLElement {
  static observedAttributes = ["data-source"];

  connectedCallback() {
    this.watch ??= new MutationObserver(() => this.canvas?.parentNode === this || this.#begin());
    this.watch.observe(this, { childList: true });
    this.#begin();
  }

  disconnectedCallback() {
    this.watch.disconnect();
  }

  attributeChangedCallback(name, before) {
    if (before !== null && this.canvas) this.#begin();
  }

  #begin() {
    this.words = JSON.parse(this.dataset.words);
    this.aim = { yaw: -0.5, pitch: 0.1, away: 3.2 };
    this.clay = 0;
    this.pen = null;
    this.canvas = make("canvas", { tabIndex: 0, width: 720, height: 720 });
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", this.words.mesh);
    this.note = make("p", { className: "hint", textContent: this.words.mesh_drag });
    const bare = button(this.words.clay, () => {
      this.clay = 1 - this.clay;
      bare.setAttribute("aria-pressed", String(Boolean(this.clay)));
      this.#paint();
    }, "clay");
    bare.setAttribute("aria-pressed", "false");
    this.replaceChildren(this.canvas, make("div", { className: "tools" }, bare), this.note);
    this.#open(this.canvas);
  }

  async #open(canvas) {
    const pen = canvas.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true });
    const answer = pen && (await fetch(this.dataset.source).catch(() => null));
    if (canvas !== this.canvas) return;
    if (!answer?.ok) {
      this.canvas.hidden = true;
      this.note.textContent = pen ? this.words.lost : this.words.no_webgl;
      return;
    }
    const mesh = readMesh(await answer.arrayBuffer());
    if (canvas !== this.canvas) return;
    this.pen = pen;
    this.count = mesh.triangles.length;
    this.#load(mesh);
    this.#listen();
    this.#paint();
    this.dataset.triangles = this.count / 3;
  }

  #load(mesh) {
    const { pen } = this;
    const program = (this.program = pen.createProgram());
    for (const [kind, text] of [[pen.VERTEX_SHADER, VERTEX], [pen.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = pen.createShader(kind);
      pen.shaderSource(shader, text);
      pen.compileShader(shader);
      pen.attachShader(program, shader);
    }
    pen.linkProgram(program);
    pen.useProgram(program);
    const low = [Infinity, Infinity, Infinity];
    const high = [-Infinity, -Infinity, -Infinity];
    mesh.places.forEach((value, at) => {
      low[at % 3] = Math.min(low[at % 3], value);
      high[at % 3] = Math.max(high[at % 3], value);
    });
    this.middle = low.map((value, axis) => (value + high[axis]) / 2);
    this.half = Math.max(...low.map((value, axis) => (high[axis] - value) / 2)) || 1;
    for (const [name, values] of [["place", mesh.places], ["normal", smoothNormals(mesh)], ["colour", mesh.colours]]) {
      const at = pen.getAttribLocation(program, name);
      pen.bindBuffer(pen.ARRAY_BUFFER, pen.createBuffer());
      pen.bufferData(pen.ARRAY_BUFFER, values, pen.STATIC_DRAW);
      pen.enableVertexAttribArray(at);
      pen.vertexAttribPointer(at, 3, pen.FLOAT, false, 0, 0);
    }
    pen.bindBuffer(pen.ELEMENT_ARRAY_BUFFER, pen.createBuffer());
    pen.bufferData(pen.ELEMENT_ARRAY_BUFFER, mesh.triangles, pen.STATIC_DRAW);
    pen.enable(pen.DEPTH_TEST);
  }

  #listen() {
    const { canvas, aim } = this;
    const turn = (yaw, pitch) => {
      aim.yaw += yaw;
      aim.pitch = within(aim.pitch + pitch, 1.4);
      this.#paint();
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.held = [event.clientX, event.clientY];
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.held) return;
      turn((event.clientX - this.held[0]) * 0.01, (event.clientY - this.held[1]) * 0.01);
      this.held = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (this.held = null));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      aim.away = Math.min(8, Math.max(1.6, aim.away * (1 + Math.sign(event.deltaY) * 0.08)));
      this.#paint();
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
      if (!step) return;
      event.preventDefault();
      turn(...step);
    });
  }

  #paint() {
    const { pen, aim } = this;
    if (!pen) return;
    const [cy, sy, cx, sx] = [Math.cos(aim.yaw), Math.sin(aim.yaw), Math.cos(aim.pitch), Math.sin(aim.pitch)];
    const turn = [[cy, 0, sy], [sx * sy, cx, -sx * cy], [-cx * sy, sx, cx * cy]];
    const scale = 1 / this.half;
    const move = turn.map((row) => -scale * row.reduce((sum, value, axis) => sum + value * this.middle[axis], 0));
    const lens = 2.6;
    const [near, far] = [0.1, 20];
    // rows of projection x (scaled turn | move, then `away` from the eye)
    const eye = turn.map((row, at) => [...row.map((value) => value * scale), move[at] - (at === 2 ? aim.away : 0)]);
    const deep = (far + near) / (near - far);
    const whole = [
      eye[0].map((value) => value * lens), eye[1].map((value) => value * lens),
      eye[2].map((value, at) => value * deep + (at === 3 ? (2 * far * near) / (near - far) : 0)), eye[2].map((value) => -value),
    ];
    const columns = (rows) => rows[0].flatMap((_, at) => rows.map((row) => row[at]));
    pen.viewport(0, 0, this.canvas.width, this.canvas.height);
    pen.clearColor(0, 0, 0, 0);
    pen.clear(pen.COLOR_BUFFER_BIT | pen.DEPTH_BUFFER_BIT);
    pen.uniformMatrix4fv(pen.getUniformLocation(this.program, "whole"), false, columns(whole));
    pen.uniformMatrix3fv(pen.getUniformLocation(this.program, "turn"), false, columns(turn));
    pen.uniform1f(pen.getUniformLocation(this.program, "clay"), this.clay);
    pen.drawElements(pen.TRIANGLES, this.count, pen.UNSIGNED_INT, 0);
    this.dataset.drawn = `${aim.yaw.toFixed(2)} ${aim.pitch.toFixed(2)}`;
  }
}

if (!customElements.get("likeness-orbit")) {
  customElements.define("likeness-orbit", Orbit);
  customElements.define("likeness-mesh", MeshView);
}
