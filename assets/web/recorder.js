// What was done before the camera, kept as numbers, made into files by the server, and how far each part moved.
const POLL_MS = 600;

export class Recorder {
  constructor(element, root, words) {
    this.element = element;
    this.root = root;
    this.words = words;
    this.on = false;
  }

  start() {
    this.on = true;
    this.began = performance.now();
    this.track = { seconds: [], values: [], turns: [] };
    this.element.replaceChildren();
  }

  add(values, turn) {
    if (!this.on) return;
    const round = (value) => Math.round(value * 1e4) / 1e4;
    this.track.seconds.push((performance.now() - this.began) / 1000);
    this.track.values.push(values.map(round));
    this.track.turns.push(turn);
  }

  async stop(scene, parts, names) {
    this.on = false;
    if (this.track.seconds.length < 2) {
      this.element.textContent = this.words.record_empty;
      return;
    }
    this.#health(parts, names);
    const answer = await this.#ask("/recordings", { ...scene, ...this.track });
    if (answer) this.#follow(answer.job);
  }

  async #ask(path, body) {
    const answer = await fetch(this.root + path, body ? { method: "POST", body: JSON.stringify(body) } : {});
    const said = await answer.json();
    if (answer.ok) return said;
    this.element.append(this.#line(said.detail));
    return null;
  }

  async #follow(job) {
    const bar = document.createElement("div");
    bar.className = "bar";
    bar.setAttribute("role", "progressbar");
    bar.append(document.createElement("i"));
    const cancel = document.createElement("button");
    cancel.type = "button";
    cancel.textContent = this.words.cancel;
    cancel.addEventListener("click", () => this.#ask(`/jobs/${job}/cancel`, {}));
    this.element.prepend(bar, cancel);
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      const found = await this.#ask(`/jobs/${job}`);
      if (!found) return;
      bar.firstChild.style.width = `${Math.round(found.share * 100)}%`;
      if (["queued", "running"].includes(found.state)) continue;
      bar.remove();
      cancel.remove();
      if (found.state === "done") this.#files(found.files);
      else this.element.prepend(this.#line(found.message || this.words.cancelled));
      return;
    }
  }

  #files(files) {
    const list = document.createElement("div");
    list.className = "files";
    for (const file of files) {
      const link = document.createElement("a");
      link.href = `/files/${file.medium}`;
      link.download = file.name;
      link.textContent = file.name;
      list.append(link);
    }
    const moving = files.find((file) => file.type.startsWith("video/"));
    if (moving) {
      const video = document.createElement("video");
      Object.assign(video, { src: `/files/${moving.medium}`, controls: true, loop: true, muted: true, playsInline: true });
      this.element.prepend(video);
    }
    this.element.prepend(list);
  }

  // How far each part moved while recording: a part that hardly moved was hidden, in the dark, or not asked to.
  #health(parts, names) {
    const at = new Map(names.map((name, index) => [name, index]));
    const box = document.createElement("dl");
    box.className = "health";
    for (const part of parts) {
      const reach = Math.max(...part.controllers.map((one) => {
        const line = this.track.values.map((values) => values[at.get(one.name)]);
        return Math.max(...line) - Math.min(...line);
      }));
      const name = document.createElement("dt");
      name.textContent = part.label;
      const value = document.createElement("dd");
      value.innerHTML = `<span class="meter"><i style="width:${Math.round(reach * 100)}%"></i></span>${reach.toFixed(2)}`;
      box.append(name, value);
    }
    const title = this.#line(this.words.health);
    title.className = "healthtitle";
    this.element.append(title, box);
  }

  #line(text) {
    const line = document.createElement("p");
    line.textContent = text;
    return line;
  }
}
