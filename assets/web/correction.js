// Putting a frame right: the frame that was read last stands still, the sliders are moved, and both sets of numbers are kept.
export class Correction {
  // desk: what stops and goes on with the live picture, and owns the board of sliders.
  constructor(desk, root, words) {
    this.desk = desk;
    this.root = root;
    this.words = words;
    this.panel = desk.querySelector("[data-at=correction]");
    this.image = this.panel.querySelector("img");
    this.agreed = this.panel.querySelector("input");
    this.last = null;
    this.open = null;
    this.panel.querySelector(".keep").addEventListener("click", () => this.#keep());
    this.panel.querySelector(".leave").addEventListener("click", () => this.leave());
  }

  // The newest frame that a face was read in, with its numbers; forgotten when live stops.
  remember(blob, values, turn) {
    this.last = blob ? { blob, values, turn } : null;
  }

  start() {
    if (this.open) return true;
    if (!this.last) return false;
    this.open = { ...this.last, hand: { ...this.desk.board.hand } };
    this.image.src = URL.createObjectURL(this.open.blob);
    this.#still(this.image.src);
    this.panel.hidden = false;
    this.desk.hold(this.open.values, this.open.turn);
    return true;
  }

  leave(word = "correct_left") {
    if (!this.open) return;
    const { hand } = this.open;
    this.open = null;
    this.#still("");
    URL.revokeObjectURL(this.image.src);
    this.panel.hidden = true;
    this.desk.goOn(hand, word);
  }

  // The video has gone on since the frame that was read: that frame is shown over it.
  #still(address) {
    const { video } = this.desk;
    video.style.visibility = address ? "hidden" : "";
    video.parentElement.style.background = address ? `center / cover url("${address}")` : "";
  }

  async #keep() {
    const { blob, values, turn } = this.open;
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    const body = { frame: btoa(text), read: values, right: this.desk.values, turn, agreed: this.agreed.checked };
    const answer = await fetch(`${this.root}/corrections`, { method: "POST", body: JSON.stringify(body) });
    const said = await answer.json();
    if (!answer.ok) return this.desk.say("mistake", said.detail);
    this.leave("correct_kept");
  }
}
