/** What the page and its Worker say to each other. */

import type { Directions } from "./directions.js";
import type { Loading } from "./download.js";
import type { Files } from "./files.js";
import type { ModelCard, SampleOptions, StylizeOptions } from "./wasm/easel_wasm.js";

/** The kinds of model that make pictures. */
export type ModelKind = "generator" | "denoiser" | "stylizer";

/** Which engine to use: one by name, or the best that works here. */
export type EngineChoice = "auto" | "webgpu" | "wasm";

/** An engine in use. */
export interface EngineInUse {
    kind: "webgpu" | "wasm";
    /** For people: `WebGPU`, `WASM, 4 threads`. */
    name: string;
    /** Why better ones were passed over, a sentence each. */
    passedOver: string[];
}

/** How far a download is. */
export interface Progress extends Loading {
    /** What is downloaded. */
    what: "model" | "engine";
}

/** What a call is about: the model that was loaded as this. */
export interface About {
    as: string;
}

/** A model to load: an address, or a file that the user gave. */
export interface LoadRequest extends About {
    source: string | Blob;
    /** What error messages call it. */
    name: string;
    /** What it has to be. */
    kind: ModelKind;
    engine: EngineChoice;
}

export interface Loaded {
    card: ModelCard;
    bytes: number;
    engine: EngineInUse;
}

export interface DrawRequest extends About {
    /** 64 bits. */
    seed: bigint;
    /** How many pictures, the first ones of the seed. */
    count: number;
}

/** A drawn sheet: pictures in a grid, as `sample -o grid.png` lays them out. */
export interface Drawing {
    width: number;
    height: number;
    /** Four bytes a pixel, rows from the top. */
    rgba: Uint8ClampedArray<ArrayBuffer>;
    count: number;
    /** From the random numbers to the pixels. */
    milliseconds: number;
}

export interface SampleRequest extends Pick<SampleOptions, "sampler" | "eta" | "steps" | "guidance"> {
    /** The classes, by number. */
    labels: number[];
    /** 64 bits. */
    seed: bigint;
    /** How many pictures of each class, the first ones of the seed. */
    count: number;
}

/** Pictures of one size. */
export interface Sampled {
    width: number;
    height: number;
    /** Four bytes a pixel, rows from the top, picture after picture. */
    rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** How far a sampling is, and the pictures so far, which are those from the `first` on. */
export interface SampleStep extends Sampled {
    what: "step";
    done: number;
    of: number;
    first: number;
}

/** A picture of four bytes a pixel, rows from the top, and what is to be made of it. */
export interface StylizeRequest extends Sampled, Pick<StylizeOptions, "strength" | "keepColor" | "mostPixels"> {}

/** How many of a picture's tiles are done. */
export interface TilesDone {
    what: "tiles";
    done: number;
    of: number;
}

export interface Stylized extends Sampled {
    milliseconds: number;
}

/** Latent vectors, their elements in a row. */
export interface LatentRequest extends About {
    z: Float32Array;
}

/** What a generator makes of latent vectors. */
export interface Rendered extends Sampled {
    milliseconds: number;
}

export interface DirectionsRequest extends About {
    count: number;
}

/** How many of the pictures that are needed have been made. */
export interface Counted {
    what: "pictures";
    done: number;
    of: number;
}

export interface NormalsRequest {
    seed: bigint;
    stream: bigint;
    count: number;
}

/** What the Worker can be asked, and what it answers. */
export interface Calls {
    inspect: (file: Blob) => ModelCard;
    load: (request: LoadRequest) => Loaded;
    /** Downloads the file at an address for later. Says whether that, and all that was downloaded before, is kept. */
    keep: (address: string) => boolean;
    draw: (request: DrawRequest) => Drawing;
    sample: (request: SampleRequest & About) => Sampled;
    stylize: (request: StylizeRequest & About) => Stylized;
    render: (request: LatentRequest) => Rendered;
    directions: (request: DirectionsRequest) => Directions;
    generateRaw: (request: LatentRequest) => Float32Array;
    normals: (request: NormalsRequest) => Float32Array;
}

export type Call = keyof Calls;

/** What is told while a call is answered. */
export interface Tellings extends Record<Call, unknown> {
    load: Progress;
    sample: SampleStep;
    stylize: TilesDone;
    directions: Counted;
}

export type Telling = Progress | SampleStep | TilesDone | Counted;

/** Page to Worker: what it begins with, a call, or the wish that one be ended. */
export type Request =
    | { files: Files; gpusLost: number }
    | { [C in Call]: { id: number; call: C; argument: Parameters<Calls[C]>[0] } }[Call]
    | { id: number; end: true };

/** Worker to page: an answer, or that the GPU is gone and the Worker's models with it. */
export type Reply =
    | { gpuLost: true }
    | { id: number; progress: Telling }
    | { id: number; value: ReturnType<Calls[Call]> }
    | { id: number; error: string };
