// Handing the numbers to other programs: which way, to which address, and how many moments went there. Off at the start.
const HERE = /^(127(\.\d+){3}|localhost|::1)$/;
const TOLD_MS = 500;

export class Senders {
  constructor(element, link, words) {
    this.words = words;
    this.link = link;
    this.lamp = element.querySelector("[data-at=sending]");
    this.rows = new Map();
    for (const row of element.querySelectorAll(".sender")) this.#wire(row);
    this.told = 0;
  }

  // After the socket came back: it forgot what was asked for.
  again() {
    for (const row of this.rows.values()) if (row.on.checked) this.#tell(row);
  }

  // The studio's answer to being asked.
  hear(said) {
    const row = this.rows.get(said.kind);
    if (!row) return;
    const [host, port] = said.address;
    row.asked = false;
    row.element.classList.toggle("away", said.on && !HERE.test(host));
    row.said.textContent = said.on ? this.#waits(host, port) : "";
    this.#light();
  }

  refuse(text) {
    const row = [...this.rows.values()].find((one) => one.asked);
    if (!row) return;
    row.asked = row.on.checked = false;
    row.said.textContent = text;
    this.#light();
  }

  // With an answer to a frame: how much was sent so far, or why it was not.
  count(answer) {
    if (!answer.sent || performance.now() - this.told < TOLD_MS) return;
    this.told = performance.now();
    for (const [kind, number] of Object.entries(answer.sent)) {
      const row = this.rows.get(kind);
      if (row?.on.checked) row.said.textContent = answer.trouble || this.words.send_sent.replace("#", String(number));
    }
  }

  #waits(host, port) {
    const waits = this.words.send_waits.replace("#", `${host}:${port}`);
    return HERE.test(host) ? waits : `${waits} ${this.words.send_away}`;
  }

  #light() {
    const on = [...this.rows.values()].some((row) => row.on.checked);
    this.lamp.textContent = on ? this.words.send_on : this.words.send_off;
    this.lamp.classList.toggle("lit", on);
  }

  #wire(element) {
    const find = (selector) => element.querySelector(selector);
    const row = {
      element, kind: element.dataset.kind, on: find("[type=checkbox]"), host: find(".host"), port: find(".port"),
      said: find(".told"), asked: false,
    };
    this.rows.set(row.kind, row);
    row.on.addEventListener("change", () => this.#tell(row));
    for (const field of [row.host, row.port]) {
      field.addEventListener("change", () => row.on.checked && this.#tell(row));
    }
    this.#light();
  }

  #tell(row) {
    row.asked = row.on.checked;
    if (!row.on.checked) row.said.textContent = "";
    this.link.tell({ type: "send", kind: row.kind, on: row.on.checked, host: row.host.value, port: row.port.value });
  }
}
