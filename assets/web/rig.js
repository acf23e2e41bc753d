// The browser rig: a character's GLB in soft studio light, moved by name from an array of numbers, turned with the mouse.
// The page brings an import map for "three" and "three/addons/".
import * as THREE from "three";
import { OrbitControls } from "three/addons/controls/OrbitControls.js";
import { RoomEnvironment } from "three/addons/environments/RoomEnvironment.js";
import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
import { Morphs } from "./morphs.js";

const VIEW_DEGREES = 14;
const FACE_METRES = 0.27; // what the view's height takes in, about the face
const LEAST_SEEN = 0.01;
const MOVING_RATIO = 0.4; // where a processor draws, while it moves: late pictures are worse than soft ones
const STILL_MS = 1500;

function drawsInSoftware() {
  const context = document.createElement("canvas").getContext("webgl2");
  const told = context?.getExtension("WEBGL_debug_renderer_info");
  return told ? /swiftshader|llvmpipe|software/i.test(context.getParameter(told.UNMASKED_RENDERER_WEBGL)) : false;
}

export class Rig {
  static ending = ".glb";

  // element: where the picture goes; it is filled and followed when its size changes.
  // software: whether a processor draws, to which other things are dear than to graphics cards.
  constructor(element, _root = "", { ground = "#e3ddd3", software = drawsInSoftware() } = {}) {
    this.element = element;
    this.software = software;
    this.renderer = new THREE.WebGLRenderer({ antialias: !software, preserveDrawingBuffer: true });
    this.renderer.toneMapping = THREE.NeutralToneMapping;
    this.sharp = Math.min(window.devicePixelRatio, 2);
    this.moving = software ? MOVING_RATIO : this.sharp;
    this.renderer.setPixelRatio(this.sharp);
    element.append(this.renderer.domElement);
    this.scene = new THREE.Scene();
    this.scene.background = new THREE.Color(ground);
    this.camera = new THREE.PerspectiveCamera(VIEW_DEGREES, 1, 0.05, 10);
    this.controls = new OrbitControls(this.camera, this.renderer.domElement);
    this.controls.enablePan = false;
    this.controls.minDistance = 0.5;
    this.controls.maxDistance = 4;
    this.controls.addEventListener("change", () => this.ask());
    this.head = null;
    this.meshes = [];
    this.morphs = [];
    this.names = [];
    this.lamps = [];
    this.asked = false;
    this.#light();
    this.watcher = new ResizeObserver(() => this.#fit());
    this.watcher.observe(element);
    this.#fit();
  }

  // Loads a GLB in place of the one that was shown; resolves when it is drawn.
  async open(address) {
    const file = await new GLTFLoader().loadAsync(address);
    if (this.root) this.#drop(this.root);
    this.root = file.scene;
    this.clips = file.animations;
    this.head = file.scene.getObjectByName("head") ?? file.scene;
    this.meshes = [];
    file.scene.traverse((part) => {
      if (part.isMesh && part.morphTargetInfluences) this.meshes.push(part);
      if (part.isMesh) part.frustumCulled = false; // its box is that of the resting face
    });
    this.morphs = this.software ? this.meshes.map((mesh) => new Morphs(mesh)) : [];
    this.places = new Map(Object.entries(this.meshes[0]?.morphTargetDictionary ?? {}));
    this.names = [...this.places.keys()];
    this.scene.add(file.scene);
    this.look();
    this.draw();
  }

  // Values by the order of names (default: the file's own order); unknown names are passed over.
  setWeights(values, names = this.names) {
    names.forEach((name, at) => this.#put(name, values[at] ?? 0));
    this.ask();
  }

  // One controller, 0 to 1.
  set(name, value) {
    if (!this.places?.has(name)) throw new Error(`This character has no controller "${name}".`);
    this.#put(name, value);
    this.ask();
  }

  // The head on its neck, degrees: yaw to its left, pitch up, roll to its left.
  turn(yaw, pitch, roll) {
    const radians = [pitch, yaw, roll].map(THREE.MathUtils.degToRad);
    this.head?.rotation.set(-radians[0], radians[1], -radians[2], "YXZ");
    this.ask();
  }

  // Ground colour and the engine's studio light: linear colours and directions of key and rim, colour of the sky.
  stage(ground, light) {
    this.scene.background = new THREE.Color(ground);
    this.scene.environmentIntensity = 0.55 * (light.sky.reduce((sum, value) => sum + value) / 1.28);
    for (const [at, colour, place] of [[0, light.key, light.key_way], [1, light.rim, light.rim_way]]) {
      this.lamps[at].color.setRGB(...colour);
      this.lamps[at].intensity = 2.6;
      this.lamps[at].position.set(...place);
    }
    this.ask();
  }

  // Back to the view from the front.
  look() {
    const distance = FACE_METRES / 2 / Math.tan(THREE.MathUtils.degToRad(VIEW_DEGREES / 2));
    this.controls.target.set(0, 0.012, 0.05);
    this.camera.position.set(0, 0.02, 0.05 + distance);
    this.controls.update();
    this.ask();
  }

  // Draws with the next frame of the browser, once however often it was asked, and not before the graphics are done with
  // the picture before: slow graphics then show fewer pictures, never late ones.
  ask() {
    if (this.asked) return;
    this.asked = true;
    const again = () => (this.#busy() ? requestAnimationFrame(again) : this.draw(this.moving));
    requestAnimationFrame(again);
  }

  // Sharp, or with fewer pixels to an inch and sharp again as soon as nothing moves.
  draw(ratio = this.sharp) {
    this.asked = false;
    clearTimeout(this.later);
    if (ratio !== this.sharp) this.later = setTimeout(() => this.draw(), STILL_MS);
    if (ratio !== this.renderer.getPixelRatio()) this.renderer.setPixelRatio(ratio);
    for (const one of this.morphs) one.lay();
    this.renderer.render(this.scene, this.camera);
    const context = this.renderer.getContext();
    if (this.fence) context.deleteSync(this.fence);
    this.fence = context.fenceSync(context.SYNC_GPU_COMMANDS_COMPLETE, 0);
    context.flush();
  }

  #busy() {
    const context = this.renderer.getContext();
    return this.fence && context.getSyncParameter(this.fence, context.SYNC_STATUS) === context.UNSIGNALED;
  }

  // Frees what the graphics card holds.
  close() {
    clearTimeout(this.later);
    this.watcher.disconnect();
    this.controls.dispose();
    if (this.root) this.#drop(this.root);
    this.renderer.dispose();
    this.renderer.domElement.remove();
  }

  #put(name, value) {
    const place = this.places?.get(name);
    if (place === undefined) return;
    const seen = value < LEAST_SEEN ? 0 : Math.min(1, value); // what is not seen costs nothing
    for (const mesh of this.meshes) mesh.morphTargetInfluences[place] = seen;
  }

  #light() {
    const maker = new THREE.PMREMGenerator(this.renderer);
    this.scene.environment = maker.fromScene(new RoomEnvironment(), 0.04).texture;
    this.scene.environmentIntensity = 0.55;
    maker.dispose();
    for (const [colour, strength, place] of [["#fff1e0", 1.9, [-0.55, 0.62, 0.75]], ["#cfdcff", 1.6, [0.8, 0.45, -0.6]]]) {
      const lamp = new THREE.DirectionalLight(colour, strength);
      lamp.position.set(...place);
      this.lamps.push(lamp);
      this.scene.add(lamp);
    }
  }

  #fit() {
    const { clientWidth: width, clientHeight: height } = this.element;
    if (!width || !height) return;
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.renderer.setSize(width, height);
    this.draw();
  }

  #drop(root) {
    this.scene.remove(root);
    root.traverse((part) => {
      part.geometry?.dispose();
      part.material?.map?.dispose();
      part.material?.dispose();
    });
  }
}
