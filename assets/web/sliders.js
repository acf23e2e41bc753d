// The board of sliders: controllers grouped by part, with live values, locks, gains, and what a hand has set.
export class Board extends EventTarget {
  // parts: [{name, label, controllers: [{name, label}]}]; words: texts by key.
  constructor(element, parts, words) {
    super();
    this.words = words;
    this.hand = {};
    this.gains = {};
    this.locked = new Set();
    this.rows = new Map();
    this.groups = [];
    for (const part of parts) element.append(this.#group(part));
  }

  // The hand's values as they are given, in place of what it held.
  take(hand) {
    this.hand = { ...hand };
    for (const [name, row] of this.rows) row.element.classList.toggle("held", name in this.hand);
  }

  // What is shown: numbers in the order of names. What a hand holds stays as the hand has it.
  show(names, values, all = false) {
    const open = new Set(this.groups.filter((group) => group.details.open).map((group) => group.name));
    names.forEach((name, at) => {
      const row = this.rows.get(name);
      if (!row || (!all && Math.abs(row.value - values[at]) < 0.004)) return;
      row.value = values[at];
      if (!all && !open.has(row.part)) return;
      this.#draw(row);
    });
    for (const group of this.groups) {
      const most = Math.max(...group.rows.map((row) => row.value));
      group.meter.style.width = `${Math.round(most * 100)}%`;
    }
  }

  // The hand's values laid over an array in the order of names.
  lay(names, values) {
    return names.map((name, at) => this.hand[name] ?? values[at] ?? 0);
  }

  // Everything as it was at the start.
  reset() {
    this.hand = {};
    this.gains = {};
    this.locked.clear();
    for (const row of this.rows.values()) {
      row.element.classList.remove("held");
      row.value = 0;
      this.#draw(row);
    }
    for (const group of this.groups) {
      group.lock.checked = false;
      group.gain.value = "1";
      group.gainShown.textContent = "×1.0";
    }
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }

  #draw(row) {
    row.slider.value = String(row.value);
    row.output.textContent = row.value.toFixed(2);
  }

  #group(part) {
    const details = document.createElement("details");
    details.className = "part";
    details.open = part.name === "mouth";
    details.innerHTML = `<summary><b></b><span class="meter"><i></i></span></summary>
      <div class="tools"><label class="lock"><input type="checkbox"> <span></span></label>
      <label class="gain"><span></span> <input type="range" min="0" max="2.5" step="0.1" value="1"><output>×1.0</output></label></div>`;
    const find = (selector) => details.querySelector(selector);
    find("b").textContent = part.label;
    find(".lock span").textContent = this.words.lock;
    find(".gain span").textContent = this.words.gain;
    const group = {
      name: part.name, details, meter: find(".meter i"), lock: find(".lock input"), gain: find(".gain input"),
      gainShown: find(".gain output"), rows: [],
    };
    group.lock.addEventListener("change", () => {
      if (group.lock.checked) this.locked.add(part.name);
      else this.locked.delete(part.name);
      this.#changed();
    });
    group.gain.addEventListener("input", () => {
      this.gains[part.name] = Number(group.gain.value);
      group.gainShown.textContent = `×${Number(group.gain.value).toFixed(1)}`;
      this.#changed();
    });
    details.addEventListener("toggle", () => group.rows.forEach((row) => this.#draw(row)));
    for (const controller of part.controllers) details.append(this.#row(part, group, controller));
    this.groups.push(group);
    return details;
  }

  #row(part, group, controller) {
    const element = document.createElement("div");
    element.className = "row";
    element.dataset.name = controller.name;
    element.innerHTML = `<label><span></span><input type="range" min="0" max="1" step="0.01" value="0"></label>
      <output>0.00</output><button type="button" class="free">×</button>`;
    const row = {
      part: part.name, value: 0, element, slider: element.querySelector("input"), output: element.querySelector("output"),
    };
    element.querySelector("span").textContent = controller.label;
    const free = element.querySelector(".free");
    free.title = this.words.free;
    free.setAttribute("aria-label", `${this.words.free}: ${controller.label}`);
    row.slider.addEventListener("input", () => {
      row.value = Number(row.slider.value);
      this.hand[controller.name] = row.value;
      row.output.textContent = row.value.toFixed(2);
      element.classList.add("held");
      this.#changed();
    });
    free.addEventListener("click", () => {
      delete this.hand[controller.name];
      element.classList.remove("held");
      row.value = 0; // what was read comes with the next answer
      this.#draw(row);
      this.#changed();
    });
    this.rows.set(controller.name, row);
    group.rows.push(row);
    return element;
  }
}
