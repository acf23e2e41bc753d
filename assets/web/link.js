// The live socket: frames out, numbers and pictures in, newest first, times of every part; it comes back by itself.
// A second frame on its way hides the time that a network takes; where there is none, it would only wait for the first.
const MOST_IN_FLIGHT = ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname) ? 1 : 2;
const KEPT_TIMES = 240;
const LATE_MS = 4000;

export class Link extends EventTarget {
  constructor(address) {
    super();
    this.address = address;
    this.stamp = 0;
    this.flying = new Map();
    this.times = {};
    this.skipped = 0;
    this.dropped = 0;
    this.wait = 500;
    this.closed = false;
    this.#open();
  }

  get open() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  // Whether another frame may leave now; answers that never came are given up.
  get free() {
    for (const [stamp, sent] of this.flying) if (performance.now() - sent.at > LATE_MS) this.flying.delete(stamp);
    return this.open && this.flying.size < MOST_IN_FLIGHT;
  }

  tell(message) {
    if (this.open) this.socket.send(JSON.stringify(message));
  }

  // A JPEG; began: when its capture began.
  async send(blob, began) {
    const content = await blob.arrayBuffer();
    if (!this.open) return;
    const stamp = ++this.stamp;
    const whole = new Uint8Array(4 + content.byteLength);
    new DataView(whole.buffer).setUint32(0, stamp);
    whole.set(new Uint8Array(content), 4);
    const at = performance.now();
    this.flying.set(stamp, { began, at, blob });
    this.note("capture", at - began);
    this.socket.send(whole);
  }

  pose(values, turn) {
    const stamp = ++this.stamp;
    this.flying.set(stamp, { began: performance.now(), at: performance.now() });
    this.tell({ type: "pose", stamp, values, turn });
  }

  note(part, milliseconds) {
    const kept = (this.times[part] ??= []);
    kept.push(milliseconds);
    if (kept.length > KEPT_TIMES) kept.shift();
  }

  // {part: [p50, p95]} of the last answers.
  get percentiles() {
    const found = {};
    for (const [part, kept] of Object.entries(this.times)) {
      const sorted = [...kept].sort((one, other) => one - other);
      found[part] = [0.5, 0.95].map((share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
    }
    return found;
  }

  close() {
    this.closed = true;
    this.socket.close();
  }

  #open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}${this.address}`);
    this.socket.binaryType = "arraybuffer";
    this.socket.addEventListener("open", () => {
      this.wait = 500;
      this.flying.clear();
      this.#emit("open");
    });
    this.socket.addEventListener("message", (event) => this.#hear(event.data));
    this.socket.addEventListener("close", () => {
      if (this.closed) return;
      this.#emit("lost");
      setTimeout(() => this.closed || this.#open(), this.wait);
      this.wait = Math.min(this.wait * 2, 8000);
    });
  }

  #hear(data) {
    if (typeof data === "string") {
      const said = JSON.parse(data);
      if (said.type === "error") this.flying.clear();
      this.#emit("said", said);
      return;
    }
    const length = new DataView(data).getUint32(0);
    const said = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    const sent = this.flying.get(said.stamp);
    for (const stamp of this.flying.keys()) if (stamp <= said.stamp) this.flying.delete(stamp);
    if (said.type === "read") {
      for (const [part, value] of Object.entries(said.milliseconds)) this.note(part === "total" ? "server" : part, value);
      if (sent) this.note("network", Math.max(0, performance.now() - sent.at - said.milliseconds.total));
      this.dropped = said.dropped;
    }
    const picture = (from, size) => (size ? new Blob([new Uint8Array(data, from, size)], { type: "image/jpeg" }) : null);
    const virtual = picture(4 + length, said.virtual);
    const drawn = picture(4 + length + said.virtual, said.drawn);
    this.#emit("answer", { ...said, began: sent?.began, blob: sent?.blob, pictures: { virtual, drawn } });
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
