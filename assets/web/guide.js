// The guided clip: prompts one after the other before the live camera, then how each controller fared, as a table by part.
const TICK_MS = 100;
const LONGEST = 5; // times its seconds, where a slow machine reads few frames

export class Guide {
  // desk: knows whether live runs, and takes the resting face over.
  constructor(desk, facts, words) {
    this.desk = desk;
    this.stages = facts.guide;
    this.parts = new Map(facts.parts.map((part) => [part.name, part]));
    this.words = words;
    this.panel = desk.querySelector("[data-at=guide]");
    this.table = desk.querySelector("[data-at=channels]");
    this.panel.querySelector("button").addEventListener("click", () => this.stop());
  }

  get on() {
    return Boolean(this.clock);
  }

  start() {
    this.stop();
    this.table.replaceChildren();
    this.panel.hidden = false;
    this.at = -1;
    this.clock = setInterval(() => this.#tick(), TICK_MS);
    this.#ask();
  }

  // A face was read: a prompt stays until enough readings answer it.
  count() {
    this.answers += 1;
  }

  // Breaks it off; nothing is concluded from a part of it.
  stop() {
    if (!this.clock) return;
    this.#close();
    this.desk.link.tell({ type: "guide", stage: "off" });
  }

  #close() {
    clearInterval(this.clock);
    this.clock = 0;
    this.panel.hidden = true;
  }

  #ask() {
    this.at += 1;
    this.began = performance.now();
    this.answers = 0;
    if (this.at === this.stages.length) {
      this.#close();
      this.desk.link.tell({ type: "guide", stage: "end" });
      return;
    }
    const [name] = this.stages[this.at];
    this.panel.querySelector("strong").textContent = this.words[`guide_${name}`];
    this.desk.link.tell({ type: "guide", stage: name });
    this.#tick();
  }

  #tick() {
    const [, seconds, least] = this.stages[this.at];
    const spent = (performance.now() - this.began) / 1000;
    const sum = (stages) => stages.reduce((all, [, one]) => all + one, 0);
    const share = (sum(this.stages.slice(0, this.at)) + Math.min(spent, seconds)) / sum(this.stages);
    this.panel.querySelector("i").style.width = `${100 * share}%`;
    const left = Math.max(0, Math.ceil(seconds - spent));
    this.panel.querySelector("small").textContent = `${this.at + 1} / ${this.stages.length} · ${left} s`;
    if (spent >= seconds && (this.answers >= least || spent >= LONGEST * seconds)) this.#ask();
  }

  // What came of it.
  show(said) {
    const heads = ["part", "state", "range", "noise", "count"].map((key) => `<th>${this.words[`health_${key}`]}</th>`);
    const body = said.parts.map((row) => this.#row(row)).join("");
    this.table.innerHTML = `<h3>${this.words.health_title.replace("#", said.readings)}</h3>
      <div class="wide"><table><thead><tr>${heads.join("")}</tr></thead>${body}</table></div>
      <p class="note">${this.words.health_note}</p>`;
    for (const button of this.table.querySelectorAll("button")) {
      button.addEventListener("click", () => {
        const more = button.closest("tbody").nextElementSibling;
        more.hidden = !more.hidden;
        button.setAttribute("aria-expanded", String(!more.hidden));
      });
    }
  }

  #row(row) {
    const part = this.parts.get(row.part);
    const labels = new Map(part.controllers.map((one) => [one.name, one.label]));
    const counts = ["good", "noisy", "dead", "still"].filter((state) => row.counts[state])
      .map((state) => `${row.counts[state]} ${this.words[`health_${state}`]}`).join(", ");
    const lines = row.channels.map(([name, range, noise, state]) =>
      `<tr data-state="${state}"><td>${labels.get(name)}</td><td>${this.#lamp(state)}</td><td>${range.toFixed(2)}</td>
        <td>${noise.toFixed(3)}</td><td></td></tr>`).join("");
    return `<tbody data-part="${row.part}" data-state="${row.state}"><tr><th><button type="button" aria-expanded="false">${part.label}</button></th>
      <td>${this.#lamp(row.state)} ${this.words[`health_says_${row.state}`]}</td><td>${row.range.toFixed(2)}</td>
      <td>${row.noise.toFixed(3)}</td><td>${counts}</td></tr></tbody><tbody class="more" hidden>${lines}</tbody>`;
  }

  #lamp(state) {
    return `<span class="state ${state}">${this.words[`health_${state}`]}</span>`;
  }
}
