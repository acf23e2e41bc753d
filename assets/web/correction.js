// Putting a frame or a picture right: what was read stands still, the sliders are moved, and both sets of numbers are kept.
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
    this.listen = (event) => this.#hand(event.target.closest?.("[data-correct]"));
    document.addEventListener("click", this.listen);
  }

  close() {
    document.removeEventListener("click", this.listen);
  }

  // A picture that was read on the picture tab comes to the desk: {medium, character, values, turn}.
  async #hand(button) {
    if (!button) return;
    const read = JSON.parse(button.dataset.correct);
    document.getElementById("expression-live-button")?.click();
    await this.desk.receive(read.character);
    this.start(read);
    this.panel.scrollIntoView({ block: "nearest" });
  }

  // The newest frame that a face was read in, with its numbers; forgotten when live stops.
  remember(blob, values, turn) {
    this.last = blob ? { blob, values, turn, character: this.desk.character } : null;
  }

  // read: {blob or medium, values, turn, character}; without one, the newest frame.
  start(read = this.last) {
    if (this.open) return true;
    if (!read) return false;
    this.open = { ...read, hand: { ...this.desk.board.hand } };
    this.agreed.checked = false;
    this.image.src = read.blob ? URL.createObjectURL(read.blob) : `/files/${read.medium}`;
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
    this.desk.classList.toggle("still", Boolean(address));
    video.style.visibility = address ? "hidden" : "";
    video.parentElement.style.background = address ? `center / cover url("${address}")` : "";
  }

  async #keep() {
    const { blob, medium, values, turn, character } = this.open;
    const shown = blob ? { frame: await packed(blob) } : { medium };
    const body = { ...shown, character, read: values, right: this.desk.values, turn, agreed: this.agreed.checked };
    const answer = await fetch(`${this.root}/corrections`, { method: "POST", body: JSON.stringify(body) });
    const said = await answer.json();
    if (!answer.ok) return this.desk.say("mistake", said.detail);
    this.leave("correct_kept");
  }
}

async function packed(blob) {
  let text = "";
  for (const byte of new Uint8Array(await blob.arrayBuffer())) text += String.fromCharCode(byte);
  return btoa(text);
}
