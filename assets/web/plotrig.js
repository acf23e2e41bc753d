// The rig where three.js is not installed: the same numbers move a mesh that Plotly draws. Slower, with plainer light.
const FACE = { across: 0.13, low: -0.12, high: 0.165, depth: 0.14 }; // metres about the face that are shown
const LEAST_SEEN = 0.01;
const KINDS = { float32: Float32Array, uint8: Uint8Array, uint32: Uint32Array, int16: Int16Array };

function loadPlotly(address) {
  if (window.Plotly) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.addEventListener("load", resolve);
    script.addEventListener("error", () => reject(new Error("Plotly did not come")));
    document.head.append(script);
  });
}

export class Rig {
  static ending = ".mesh";

  constructor(element, root) {
    this.element = element;
    this.root = root;
    this.ground = "#e3ddd3";
    this.weights = [];
    this.angles = [0, 0, 0];
    this.box = document.createElement("div");
    this.box.className = "plot";
    element.append(this.box);
    this.watcher = new ResizeObserver(() => this.drawn && window.Plotly.Plots.resize(this.box));
    this.watcher.observe(element);
  }

  // Reads a character and draws it; resolves when it is seen.
  async open(address) {
    const [answer] = await Promise.all([fetch(address), loadPlotly(`${this.root}/plotly.js`)]);
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    this.#read(await answer.arrayBuffer());
    if (this.drawn) window.Plotly.purge(this.box);
    const axis = { visible: false, autorange: false };
    const scene = {
      aspectmode: "manual", aspectratio: { x: 1, y: FACE.depth * 2 / (FACE.across * 2), z: (FACE.high - FACE.low) / (FACE.across * 2) },
      xaxis: { ...axis, range: [-FACE.across, FACE.across] }, yaxis: { ...axis, range: [-FACE.depth, FACE.depth] },
      zaxis: { ...axis, range: [FACE.low, FACE.high] }, bgcolor: this.ground, camera: this.#camera(), dragmode: "orbit",
    };
    const layout = { scene, margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: this.ground, autosize: true };
    await window.Plotly.newPlot(this.box, [this.#trace()], layout, { displayModeBar: false, responsive: false });
    this.drawn = true;
  }

  setWeights(values, names) {
    names.forEach((name, at) => {
      const place = this.places?.get(name);
      if (place !== undefined) this.weights[place] = values[at] ?? 0;
    });
    this.ask();
  }

  turn(yaw, pitch, roll) {
    this.angles = [yaw, pitch, roll];
    this.ask();
  }

  stage(ground) {
    this.ground = ground;
    if (this.drawn) window.Plotly.relayout(this.box, { "scene.bgcolor": ground, paper_bgcolor: ground });
  }

  look() {
    if (this.drawn) window.Plotly.relayout(this.box, { "scene.camera": this.#camera() });
  }

  // One drawing at a time; what came meanwhile is drawn after it, the newest only.
  async ask() {
    this.wanted = true;
    if (this.busy || !this.drawn) return;
    this.busy = true;
    while (this.wanted && this.drawn) {
      this.wanted = false;
      const { x, y, z } = this.#trace();
      await window.Plotly.restyle(this.box, { x: [x], y: [y], z: [z] }, [0]);
      await new Promise(requestAnimationFrame);
    }
    this.busy = false;
  }

  close() {
    this.watcher.disconnect();
    if (this.drawn) window.Plotly.purge(this.box);
    this.drawn = false;
    this.box.remove();
  }

  #camera() {
    return { eye: { x: 0, y: 1.42, z: 0.05 }, up: { x: 0, y: 0, z: 1 }, center: { x: 0, y: 0, z: 0 }, projection: { type: "perspective" } };
  }

  #read(data) {
    const length = new DataView(data).getUint32(0, true);
    const told = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    let at = 4 + length;
    this.mesh = { ...told };
    for (const [name, kind, count] of told.arrays) {
      this.mesh[name] = new KINDS[kind](data, at, count);
      at += Math.ceil((count * this.mesh[name].BYTES_PER_ELEMENT) / 4) * 4;
    }
    this.places = new Map(told.names.map((name, index) => [name, index]));
    this.weights = told.names.map((_, index) => this.weights[index] ?? 0);
  }

  // Vertices as they stand now; the head turns on its neck, the shoulders stay.
  #vertices() {
    const { rest, counts, places, moves, step } = this.mesh;
    const moved = Float32Array.from(rest);
    let from = 0;
    counts.forEach((count, row) => {
      const weight = Math.min(1, this.weights[row]) * step;
      if (this.weights[row] >= LEAST_SEEN) {
        for (let at = from; at < from + count; at++) {
          for (let way = 0; way < 3; way++) moved[3 * places[at] + way] += weight * moves[3 * at + way];
        }
      }
      from += count;
    });
    return moved;
  }

  #matrix() {
    const [yaw, pitch, roll] = this.angles.map((one) => (one * Math.PI) / 180);
    const [cy, sy, cp, sp, cr, sr] = [Math.cos(yaw), Math.sin(yaw), Math.cos(-pitch), Math.sin(-pitch), Math.cos(-roll), Math.sin(-roll)];
    return [
      [cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp],
      [cp * sr, cp * cr, -sp],
      [-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp],
    ];
  }

  #trace() {
    const { colours, triangles, still, neck } = this.mesh;
    const moved = this.#vertices();
    const turn = this.#matrix();
    const count = still.length;
    const [x, y, z] = [0, 1, 2].map(() => new Float32Array(count));
    for (let at = 0; at < count; at++) {
      const from = [0, 1, 2].map((way) => moved[3 * at + way] - neck[way]);
      const to = turn.map((row) => row[0] * from[0] + row[1] * from[1] + row[2] * from[2]);
      const stands = still[at];
      const [across, up, forward] = [0, 1, 2].map((way) => neck[way] + stands * from[way] + (1 - stands) * to[way]);
      x[at] = -across; // Plotly looks along its second axis from the front: the face's left is on the right
      y[at] = forward;
      z[at] = up;
    }
    const corner = (which) => Array.from({ length: triangles.length / 3 }, (_, at) => triangles[3 * at + which]);
    this.shape ??= new WeakMap();
    if (!this.shape.has(this.mesh)) {
      this.shape.set(this.mesh, {
        i: corner(0), j: corner(1), k: corner(2),
        vertexcolor: Array.from({ length: count }, (_, at) => `rgb(${colours.slice(3 * at, 3 * at + 3).join(",")})`),
      });
    }
    return {
      type: "mesh3d", x, y, z, ...this.shape.get(this.mesh), hoverinfo: "skip", flatshading: false,
      lighting: { ambient: 0.62, diffuse: 0.55, specular: 0.12, roughness: 0.7, fresnel: 0.05 },
      lightposition: { x: 200, y: 900, z: 700 },
    };
  }
}
