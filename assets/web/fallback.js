// Where the socket does not come about although the studio answers, Gradio's own webcam stream serves.
const FAILURES = 2;

export function offerStream(link, say) {
  const block = document.getElementById("expression-stream");
  let failures = 0;
  const show = (awake) => {
    block?.classList.toggle("awake", awake);
    document.getElementById("live").classList.toggle("asleep", awake); // what needs the socket makes room
  };
  link.addEventListener("open", () => {
    failures = 0;
    show(false);
  });
  link.addEventListener("lost", async () => {
    failures += 1;
    const answers = await fetch("/healthy").then((answer) => answer.ok, () => false);
    if (failures < FAILURES || !answers || !block || link.open) return say("offline");
    show(true);
    say("stream");
  });
}
