// The live desk of the expression page: camera or clip left, the character's picture in the middle, the rig on the right.
import { Link } from "/live/expression/modules/link.js";
import { Correction } from "/live/expression/modules/correction.js";
import { offerStream } from "/live/expression/modules/fallback.js";
import { Guide } from "/live/expression/modules/guide.js";
import { Board } from "/live/expression/modules/sliders.js";
import { Recorder } from "/live/expression/modules/recorder.js";
import { Senders } from "/live/expression/modules/senders.js";
import { showTimes } from "/live/expression/modules/times.js";

const ROOT = "/live/expression";
const FRAME_WIDTH = 480;
const HELD = ["no_face", "black"];

class LikenessLive extends HTMLElement {
  async connectedCallback() {
    if (this.link) return;
    this.words = JSON.parse(this.dataset.words);
    this.facts = JSON.parse(this.dataset.facts);
    this.names = this.facts.parts.flatMap((part) => part.controllers.map((one) => one.name));
    this.values = this.names.map(() => 0);
    this.turn = [0, 0, 0];
    this.neutral = null;
    this.reach = null; // how far this person's face moves what it is asked to: of a guided clip
    this.running = false;
    this.find = (name) => this.querySelector(`[data-at="${name}"]`);
    this.video = this.find("video");
    this.board = new Board(this.find("board"), this.facts.parts, this.words);
    this.board.addEventListener("change", () => this.#steer());
    this.recorder = new Recorder(this.find("recorded"), ROOT, this.words);
    this.correction = new Correction(this, ROOT, this.words);
    this.guide = new Guide(this, this.facts, this.words);
    this.#wire();
    this.link = new Link(ROOT);
    this.senders = new Senders(this, this.link, this.words);
    this.link.addEventListener("open", () => {
      this.#settings();
      this.senders.again();
    });
    offerStream(this.link, (word) => this.#say(word));
    this.link.addEventListener("said", (event) => this.#hear(event.detail));
    this.link.addEventListener("answer", (event) => this.#take(event.detail));
    this.clock = setInterval(() => showTimes(this), 500);
    await this.#openRig();
  }

  disconnectedCallback() {
    if (!this.link) return;
    this.#stop();
    clearInterval(this.clock);
    this.correction.close();
    this.link.close();
    this.rig?.close();
  }

  #wire() {
    const click = (name, act) => this.find(name).addEventListener("click", act);
    click("start", () => (this.running ? this.#stop() : this.#camera()));
    click("neutral", () => this.link.tell({ type: "neutral" }));
    click("keep", () => this.#keep());
    click("correct", () => this.guide.stop() || this.correction.start() || this.#say("correct_none"));
    click("guided", () => (this.running && !this.held ? this.guide.start() : this.#say("guide_wants")));
    click("record", () => this.#record());
    click("reset", () => this.#reset());
    for (const button of this.querySelectorAll("[data-example]")) {
      button.addEventListener("click", () => this.#play(button.dataset.example));
    }
    for (const name of ["character", "ground", "light", "middle", "way", "smoothing"]) {
      this.find(name).addEventListener("input", () => this.#choose(name));
    }
    this.find("mirror").addEventListener("input", (event) => this.classList.toggle("mirrored", event.target.checked));
    this.classList.add("mirrored");
    navigator.mediaDevices?.addEventListener("devicechange", () => {
      if (this.lost) this.#camera(); // a camera came back
    });
  }

  // three.js moves the rig; where it is not installed Plotly does; where neither can, the server draws. Each says so.
  async #openRig() {
    const place = this.find("rig");
    for (const [kind, module] of this.facts.three ? [["three", "rig"], ["plotly", "plotrig"]] : [["plotly", "plotrig"]]) {
      try {
        const { Rig } = await import(`${ROOT}/modules/${module}.js`);
        this.rig = new Rig(place, ROOT);
        await this.#openCharacter();
        this.#stage();
        this.#move();
        this.find("rignote").textContent = kind === "three" ? "" : this.words.plotly_rig;
        place.dataset.ready = kind;
        return;
      } catch (error) {
        console.warn(`The ${kind} rig is not shown:`, error.message);
        this.rig = null;
        place.replaceChildren();
      }
    }
    place.dataset.ready = "drawn";
    place.replaceChildren(document.createElement("img"));
    this.find("rignote").textContent = this.words.no_rig;
    this.#settings();
    this.#pose();
  }

  #openCharacter() {
    return this.rig.open(`${ROOT}/characters/${this.find("character").value}${this.rig.constructor.ending}`);
  }

  async #choose(name) {
    if (name === "character" && this.rig) await this.#openCharacter();
    if (this.rig) this.#stage();
    this.#settings();
    this.#move();
    if (!this.running) this.#pose();
  }

  #stage() {
    const ground = this.facts.grounds[this.find("ground").value] ?? "#ffffff";
    this.rig.stage(ground, this.facts.lights[this.find("light").value]);
  }

  #settings() {
    const wantsScene = this.find("middle").value === "scene";
    const smoothing = Number(this.find("smoothing").value);
    this.link?.tell({
      type: "settings", character: this.find("character").value, ground: this.find("ground").value,
      light: this.find("light").value, gains: this.board.gains, locked: [...this.board.locked], hand: this.board.hand,
      neutral: this.neutral, reach: this.reach, smoothing: smoothing > 0 ? 6 * (1 - smoothing) ** 2 + 0.4 : null,
      virtual: !wantsScene, drawn: wantsScene || !this.rig, way: this.find("way").value,
    });
  }

  // A slider was moved: the rig follows at once, and the server hears of it with the browser's next frame.
  #steer() {
    const held = new Set(Object.keys(this.board.hand));
    if (this.correction.open) this.values = this.correction.open.values;
    else if (!this.running) this.values = this.names.map((name) => (held.has(name) ? this.board.hand[name] : 0));
    this.values = this.board.lay(this.names, this.values);
    if (this.correction.open) this.board.show(this.names, this.values, true);
    this.#move();
    if (this.told) return;
    this.told = requestAnimationFrame(() => {
      this.told = 0;
      if (!this.correction.open) this.#settings();
      if (!this.running || this.correction.open) this.#pose();
    });
  }

  // The picture stands still and the sliders take its numbers, until they are put right.
  hold(values, turn) {
    this.video.pause();
    this.held = true;
    this.values = values;
    this.turn = turn;
    this.board.take({});
    this.board.show(this.names, values, true);
    this.#move();
    if (!this.running) this.#pose();
    this.#say("correct_how");
  }

  get character() {
    return this.find("character").value;
  }

  // The desk as a picture read elsewhere wants it: nothing runs, nothing is mirrored, and its character is there.
  async receive(character) {
    this.#stop();
    this.find("mirror").checked = false;
    this.classList.remove("mirrored");
    if (this.character === character) return;
    this.find("character").value = character;
    await this.#choose("character");
  }

  goOn(hand, word) {
    this.held = false;
    this.board.take(hand);
    this.#settings();
    if (this.running) this.video.play();
    this.#say(word);
  }

  say(word, more) {
    this.#say(word, more);
  }

  #move() {
    this.rig?.setWeights(this.values, this.names);
    this.rig?.turn(...this.turn);
  }

  // Without a camera the server draws what the hand has set; the newest pose waits while one is being drawn.
  #pose() {
    if (!this.link?.open) return;
    if (this.link.free) this.link.pose(this.values, this.turn);
    else this.posePending = true;
  }

  async #camera() {
    this.lost = false;
    if (!navigator.mediaDevices?.getUserMedia) return this.#say("insecure");
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480, frameRate: 30 } });
      this.#stop();
      stream.getVideoTracks()[0].addEventListener("ended", () => {
        this.#stop();
        this.lost = true;
        this.#say("lost");
      });
      this.video.srcObject = stream;
      this.find("mirror").checked = true;
      this.classList.add("mirrored");
      await this.video.play();
      this.#run("watching");
    } catch (error) {
      this.lost = true;
      this.#say(error.name === "NotAllowedError" ? "refused" : error.name === "NotFoundError" ? "no_camera" : "busy");
    }
  }

  async #play(address) {
    this.#stop();
    this.video.src = address;
    this.video.loop = true;
    this.find("mirror").checked = false;
    this.classList.remove("mirrored");
    await this.video.play();
    this.#run("playing");
  }

  #run(word) {
    this.running = true;
    this.classList.add("running");
    this.find("start").textContent = this.words.stop;
    this.#say(this.missing ? "missing" : this.ready ? word : "loading");
    this.#settings();
    this.#next();
  }

  #stop() {
    this.running = false;
    this.guide.stop();
    this.correction.leave();
    this.correction.remember(null);
    this.classList.remove("running", "held");
    this.find("start").textContent = this.words.start;
    this.find("box").hidden = true;
    for (const track of this.video.srcObject?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
    this.video.removeAttribute("src");
    this.video.load();
    this.#say("stopped");
  }

  #next() {
    if (!this.running) return;
    const again = () => this.#capture();
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(again);
    else setTimeout(again, 33);
  }

  #capture() {
    if (!this.running) return;
    if (this.ready && !this.missing && !this.held) {
      if (this.link.free && !this.packing && !this.painting) this.#pack(); // what is not yet shown would be overtaken
      else this.link.skipped += 1;
    }
    this.#next();
  }

  #pack() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width) return;
    const began = performance.now();
    this.canvas ??= document.createElement("canvas");
    this.canvas.width = Math.min(FRAME_WIDTH, width);
    this.canvas.height = Math.round((height * this.canvas.width) / width);
    this.canvas.getContext("2d").drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    this.packing = true;
    this.canvas.toBlob((blob) => {
      this.packing = false;
      if (blob) this.link.send(blob, began);
    }, "image/jpeg", 0.82);
  }

  #hear(said) {
    if (said.type === "loading") this.#say("loading");
    else if (said.type === "missing") {
      this.missing = true;
      this.#say("missing");
      this.#pose();
    } else if (said.type === "ready") {
      this.ready = true;
      this.missing = false;
      this.#say(this.running ? "watching" : "ready");
      this.#pose();
    } else if (said.type === "neutral") {
      if (said.values) this.neutral = said.values;
      this.#settings();
      this.#say(said.values ? "neutral_taken" : "neutral_none");
    } else if (said.type === "health") {
      this.neutral = said.neutral;
      this.reach = said.reach;
      this.#settings();
      this.guide.show(said);
      this.#say("guide_done");
    } else if (said.type === "sending") this.senders.hear(said);
    else if (said.type === "error" && said.about === "send") this.senders.refuse(said.say);
    else if (said.type === "error") this.#say("mistake", said.say);
  }

  #take(answer) {
    if (answer.type === "read") {
      if (!this.running || this.held) return;
      this.values = this.board.lay(this.names, answer.values);
      this.turn = answer.turn;
      const began = performance.now();
      this.#move();
      this.board.show(this.names, this.values);
      this.link.note("rig", performance.now() - began);
      this.painting = requestAnimationFrame(() => {
        this.painting = 0;
        if (answer.began) this.link.note("whole", performance.now() - answer.began);
      });
      this.#frame(answer);
      this.recorder.add(this.values, this.turn);
      this.senders.count(answer);
      if (answer.state === "ok") {
        this.correction.remember(answer.blob, this.values, this.turn);
        this.guide.count();
      }
      const held = HELD.includes(answer.state);
      if (held !== this.classList.contains("held") || (held && this.state !== answer.state)) {
        this.classList.toggle("held", held);
        this.#say(held ? answer.state : "watching");
      }
      this.state = answer.state;
    } else if (this.posePending) {
      this.posePending = false;
      this.#pose();
    }
    const middle = answer.type === "drawn" || this.find("middle").value === "scene" ? "drawn" : "virtual";
    this.#picture(this.find("picture"), answer.pictures[middle]);
    if (!this.rig) this.#picture(this.find("rig").querySelector("img"), answer.pictures.drawn);
  }

  #picture(image, blob) {
    if (!blob || !image) return;
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(blob);
  }

  // Where the face is, over the camera's picture.
  #frame(answer) {
    const box = this.find("box");
    box.hidden = !answer.face;
    if (!answer.face) return;
    const [column, row, side] = answer.face;
    const tall = (side * this.video.videoWidth) / this.video.videoHeight;
    Object.assign(box.style, {
      left: `${(column - side / 2) * 100}%`, top: `${(row - tall / 2) * 100}%`, width: `${side * 100}%`, height: `${tall * 100}%`,
    });
  }

  async #keep() {
    const body = {
      values: this.values, turn: this.turn, character: this.find("character").value, ground: this.find("ground").value,
      light: this.find("light").value,
    };
    const answer = await fetch(`${ROOT}/poses`, { method: "POST", body: JSON.stringify(body) });
    const said = await answer.json();
    if (!answer.ok) return this.#say("mistake", said.detail);
    this.#say("kept");
    const image = new Image();
    image.src = `/files/${said.medium}`;
    image.alt = this.words.kept;
    this.find("poses").prepend(image);
  }

  #record() {
    const button = this.find("record");
    if (this.recorder.on) {
      button.textContent = this.words.record;
      button.classList.remove("on");
      this.recorder.stop({
        character: this.find("character").value, ground: this.find("ground").value, light: this.find("light").value,
      }, this.facts.parts, this.names);
      return;
    }
    if (!this.running) return this.#say("record_wants");
    this.recorder.start();
    button.textContent = this.words.record_stop;
    button.classList.add("on");
  }

  #reset() {
    this.neutral = null;
    this.reach = null;
    this.find("smoothing").value = "0.5";
    this.values = this.names.map(() => 0);
    this.turn = [0, 0, 0];
    this.board.reset();
    this.rig?.look();
    this.#say("put_back");
  }

  #say(word, more = "") {
    const line = this.find("say");
    line.textContent = this.words[word] + (more ? ` ${more}` : "");
    line.dataset.word = word;
  }
}

customElements.define("likeness-live", LikenessLive);
