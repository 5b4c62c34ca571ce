/** The messages between the page and its Worker. */

import type { DownloadProgress, FileManifest } from "./cache.js";
import type { Directions } from "./directions.js";
import type { EngineKind } from "./probe.js";
import type { CompiledRuntime } from "./runtime.js";
import type { ModelCard, SampleOptions, StylizeOptions } from "./wasm/easel_wasm.js";

/** The kinds of model that make pictures. */
export type ModelKind = "generator" | "denoiser" | "stylizer";

/** Which engine to use: a named one, or the fastest. */
export type EngineChoice = "auto" | EngineKind;

/** An engine in use. */
export interface EngineInUse {
    kind: EngineKind;
    /** As shown to the user: `Easel, relaxed SIMD`, `WebGPU`, `WASM, 4 threads`. */
    name: string;
    /** Why preferred engines are not used, a sentence each. */
    rejections: string[];
}

/** The state of a download. */
export interface LoadProgress extends DownloadProgress {
    /** What is downloaded. */
    what: "model" | "engine";
}

/** Names the model that a request is for: the Worker holds one model for each slot. */
export interface SlotRequest {
    slot: string;
}

/** A model to load: an address, or a file of the user's. */
export interface LoadRequest extends SlotRequest {
    source: string | Blob;
    /** The model's name in error messages. */
    name: string;
    /** The kind that the model must be of. */
    kind: ModelKind;
    engine: EngineChoice;
}

export interface LoadedModel {
    card: ModelCard;
    bytes: number;
    engine: EngineInUse;
}

export interface DrawRequest extends SlotRequest {
    /** 64 bits. */
    seed: bigint;
    /** The number of pictures, the first ones of the seed. */
    count: number;
}

/** Pictures in a grid, laid out as by `sample -o grid.png`. */
export interface GridPicture extends TimedPictures {
    count: number;
}

export interface SampleRequest extends Pick<SampleOptions, "sampler" | "eta" | "steps" | "guidance"> {
    /** The classes, by number. */
    labels: number[];
    /** 64 bits. */
    seed: bigint;
    /** The number of pictures of each class, the first ones of the seed. */
    count: number;
}

/** One or more pictures of one size. */
export interface PictureBatch {
    width: number;
    height: number;
    /** Four bytes a pixel, rows from the top, picture after picture. */
    rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** Pictures, and the time that they took. */
export interface TimedPictures extends PictureBatch {
    milliseconds: number;
}

/** The state of a sampling: the pictures of the current batch so far, which begins at index `first`. */
export interface SampleStep extends PictureBatch {
    what: "step";
    done: number;
    of: number;
    first: number;
}

/** A picture and how to stylize it. */
export interface StylizeRequest extends PictureBatch, Pick<StylizeOptions, "strength" | "keepColor" | "maxPixels"> {}

/** How many of a picture's tiles are done. */
export interface TileProgress {
    what: "tiles";
    done: number;
    of: number;
}

/** A point of a generator's latent space, on the walk from one seed to another. */
export interface LatentPoint {
    from: bigint;
    to: bigint;
    /** From 0, the first seed's own latent vector, to 1, the other's. */
    t: number;
    /** Added to the latent vector. */
    offset?: Float32Array | undefined;
}

export interface PointsRequest extends SlotRequest {
    points: readonly LatentPoint[];
}

/** Latent vectors, their elements in a row. */
export interface LatentsRequest extends SlotRequest {
    z: Float32Array;
}

export interface DirectionsRequest extends SlotRequest {
    count: number;
}

/** How many of the pictures are done that finding directions takes. */
export interface DirectionsProgress {
    what: "pictures";
    done: number;
    of: number;
}

export interface NormalsRequest {
    seed: bigint;
    stream: bigint;
    count: number;
}

/** The Worker's functions. */
export interface Calls {
    inspect: (file: Blob) => ModelCard;
    load: (request: LoadRequest) => LoadedModel;
    /** Downloads the file at an address into the cache. Returns whether everything downloaded so far is cached. */
    prefetch: (address: string) => boolean;
    draw: (request: DrawRequest) => GridPicture;
    sample: (request: SampleRequest & SlotRequest) => PictureBatch;
    stylize: (request: StylizeRequest & SlotRequest) => TimedPictures;
    render: (request: PointsRequest) => TimedPictures;
    latents: (request: PointsRequest) => Float32Array;
    directions: (request: DirectionsRequest) => Directions;
    generateRaw: (request: LatentsRequest) => Float32Array;
    normals: (request: NormalsRequest) => Float32Array;
}

export type Call = keyof Calls;

/** What each call reports as its progress. */
export interface ProgressOf extends Record<Call, unknown> {
    load: LoadProgress;
    sample: SampleStep;
    stylize: TileProgress;
    directions: DirectionsProgress;
}

export type Progress = LoadProgress | SampleStep | TileProgress | DirectionsProgress;

/** Page to Worker: the settings and the module it starts with; a call; that a call's progress was handled; that a call is aborted. */
export type Request =
    | { files: FileManifest; gpuLosses: number }
    | CompiledRuntime
    | { [C in Call]: { id: number; call: C; argument: Parameters<Calls[C]>[0] } }[Call]
    | { id: number; handled: true }
    | { id: number; abort: true };

/** Worker to page: a call's progress or result; that the GPU was lost, and with it the Worker's models. */
export type Reply =
    | { gpuLost: true }
    | { id: number; progress: Progress }
    | { id: number; value: ReturnType<Calls[Call]> }
    | { id: number; error: string };
