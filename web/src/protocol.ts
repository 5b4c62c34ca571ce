/** What the page and its Worker say to each other. */

import type { ModelCard } from "./wasm/easel_wasm.js";

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
export interface Progress {
    /** What is downloaded. */
    what: "model" | "engine";
    loaded: number;
    /** Undefined where the server does not say. */
    total: number | undefined;
}

/** A model to load: an address, or a file that the user gave. */
export interface LoadRequest {
    source: string | Blob;
    /** What error messages call it. */
    name: string;
    engine: EngineChoice;
}

export interface Loaded {
    card: ModelCard;
    bytes: number;
    engine: EngineInUse;
}

export interface DrawRequest {
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

export interface NormalsRequest {
    seed: bigint;
    stream: bigint;
    count: number;
}

/** What the Worker can be asked, and what it answers. */
export interface Calls {
    load: (request: LoadRequest) => Loaded;
    draw: (request: DrawRequest) => Drawing;
    generateRaw: (z: Float32Array) => Float32Array;
    normals: (request: NormalsRequest) => Float32Array;
}

export type Call = keyof Calls;

/** Page to Worker. */
export type Request = { [C in Call]: { id: number; call: C; argument: Parameters<Calls[C]>[0] } }[Call];

/** Worker to page. */
export type Reply =
    | { id: number; progress: Progress }
    | { id: number; value: ReturnType<Calls[Call]> }
    | { id: number; error: string };
