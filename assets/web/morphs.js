// Morphs added up in a script, for a machine whose processor draws: there a vertex program walks through all of them, moved or
// not, for each vertex of each picture, which takes longer than all the rest. Only what a morph moves is kept of it.
import { BufferAttribute, DynamicDrawUsage } from "three";

export class Morphs {
  // Takes a mesh's morphs, which are relative as glTF has them, out of the sight of the graphics.
  constructor(mesh) {
    const { geometry } = mesh;
    this.mesh = mesh;
    this.laid = new Float32Array(mesh.morphTargetInfluences.length);
    this.parts = Object.entries(geometry.morphAttributes).map(([name, targets]) => {
      const rest = numbers(geometry.getAttribute(name));
      const shown = new BufferAttribute(rest.slice(), 3).setUsage(DynamicDrawUsage);
      geometry.setAttribute(name, shown);
      return { rest, shown, targets: targets.map(sparse) };
    });
    geometry.morphAttributes = {};
  }

  // The mesh as its influences have it now.
  lay() {
    const { laid } = this, wanted = this.mesh.morphTargetInfluences;
    if (laid.every((value, at) => value === Math.fround(wanted[at]))) return;
    laid.set(wanted);
    for (const { rest, shown, targets } of this.parts) {
      const sum = shown.array;
      sum.set(rest);
      laid.forEach((much, at) => {
        if (much === 0) return;
        const { places, moves } = targets[at];
        for (let one = 0, from = 0; one < places.length; one += 1, from += 3) {
          const to = places[one];
          sum[to] += much * moves[from];
          sum[to + 1] += much * moves[from + 1];
          sum[to + 2] += much * moves[from + 2];
        }
      });
      shown.needsUpdate = true;
    }
  }
}

// x, y, z of all vertices in a row, whatever whole numbers a file keeps them as.
function numbers(attribute) {
  const all = new Float32Array(attribute.count * 3);
  for (let at = 0; at < attribute.count; at += 1) all.set([attribute.getX(at), attribute.getY(at), attribute.getZ(at)], 3 * at);
  return all;
}

function sparse(attribute) {
  const all = numbers(attribute), places = [];
  for (let at = 0; at < all.length; at += 3) if (all[at] || all[at + 1] || all[at + 2]) places.push(at);
  const moves = new Float32Array(places.length * 3);
  places.forEach((place, at) => moves.set(all.subarray(place, place + 3), 3 * at));
  return { places: Uint32Array.from(places), moves };
}
