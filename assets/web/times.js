// Where the time goes, as a table of medians and 95th percentiles.
const ORDER = ["capture", "network", "decode", "find", "transfer", "draw", "encode", "server", "rig", "whole"];

export function showTimes(desk) {
  const { link, words, find } = desk;
  const found = link.percentiles;
  find("times").innerHTML = ORDER.filter((part) => found[part]).map((part) =>
    `<tr><th>${words[`time_${part}`]}</th><td>${found[part][0].toFixed(1)}</td><td>${found[part][1].toFixed(1)}</td></tr>`).join("");
  find("dropped").textContent = words.dropped.replace("#", String(link.skipped + link.dropped));
  const { whole } = found;
  find("latency").textContent = whole && desk.running ? words.latency.replace("#", whole[0].toFixed(0)).replace("#", whole[1].toFixed(0)) : "";
}
