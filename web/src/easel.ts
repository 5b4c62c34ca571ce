/** The page's side of the engine: a Worker that loads and runs models, so that the page stays responsive. */

import { addressOf, type FileManifest } from "./cache.js";
import type { Directions } from "./directions.js";
import type {
    Call,
    Calls,
    DirectionsProgress,
    EngineChoice,
    GridPicture,
    LatentPoint,
    LoadedModel,
    LoadProgress,
    ModelKind,
    PictureBatch,
    ProgressOf,
    Reply,
    Request,
    SampleRequest,
    SampleStep,
    StylizeRequest,
    TileProgress,
    TimedPictures,
} from "./protocol.js";
import { compileRuntime } from "./runtime.js";
import type { ModelCard } from "./wasm/easel_wasm.js";

export type { FileEntry, FileManifest } from "./cache.js";
export type { Directions } from "./directions.js";
export type {
    DirectionsProgress,
    EngineChoice,
    EngineInUse,
    GridPicture,
    LatentPoint,
    LoadedModel,
    LoadProgress,
    ModelKind,
    PictureBatch,
    SampleRequest,
    SampleStep,
    StylizeRequest,
    TileProgress,
    TimedPictures,
} from "./protocol.js";
export type { ModelCard } from "./wasm/easel_wasm.js";

export interface LoadOptions {
    /** The kind that the model must be of. Default: a generator. */
    kind?: ModelKind;
    /** Default: the fastest engine that works here. If a named engine does not work, the load fails. */
    engine?: EngineChoice;
    /** The model's name in error messages. Default: its address or file name. */
    name?: string;
    /** What later calls refer to the model by. The model replaces the one loaded into the same slot before. */
    slot?: string;
    onProgress?: (progress: LoadProgress) => void;
    /** Aborts the download, and with it the load. A model that has been downloaded is loaded all the same. */
    signal?: AbortSignal | undefined;
}

export interface SampleCallbacks {
    /** Called with the pictures so far, about thirty times a second. */
    onStep?: (step: SampleStep) => void;
    /** Aborts the sampling, which then rejects with the signal's reason. */
    signal?: AbortSignal;
}

export interface StylizeCallbacks {
    /** Called with the number of tiles done, before the first and after each. */
    onTile?: (tiles: TileProgress) => void;
    /**
     * Aborts the stylizing, which then rejects with the signal's reason. No tile begins, and `onTile` is not called, once
     * the signal is aborted.
     */
    signal?: AbortSignal;
}

/** A call that the Worker has not answered yet. */
interface PendingCall {
    resolve(value: never): void;
    reject(reason: unknown): void;
    onProgress: ((progress: never) => void) | undefined;
    signal: AbortSignal | undefined;
    request: Request & { call: Call };
}

/** How long a Worker may take to abort a stylizing, in milliseconds: while it computes, it receives no messages. */
const ABORT_TIMEOUT = 1000;

/** The calls that can be repeated on another Worker, because they need no model. */
const REPEATABLE: readonly Call[] = ["inspect", "load", "prefetch", "normals"];

/** Calls in progress fail with this if they used a GPU that is lost. The next call starts a new Worker. */
export class GpuLost extends Error {
    constructor() {
        super("the GPU was lost; try again");
    }
}

/** The slot of callers that have one model. */
const DEFAULT_SLOT = "model";

/**
 * Models and what they compute. Calls for one model are answered in the order in which they are made; calls for other
 * models are answered between the steps of a sampling and the tiles of a picture.
 */
export class Easel {
    /** Called when the Worker has failed: its models are gone, and calls in progress have been rejected. */
    onLost: () => void = () => {};

    /** The files to check and cache when they are downloaded. To be set before the first call. */
    files: FileManifest = {};

    #worker: Worker | undefined;
    #pending = new Map<number, PendingCall>();
    #nextId = 0;
    #gpuLosses = 0;

    /** Reads the card of a model that makes pictures. This starts no engine. */
    inspect(file: Blob): Promise<ModelCard> {
        return this.#call("inspect", file);
    }

    /** Loads a model from an address or a file. If that fails, the slot keeps its model. */
    load(source: string | Blob, options: LoadOptions = {}): Promise<LoadedModel> {
        const name = options.name ?? (source instanceof File ? source.name : String(source));
        const address = typeof source === "string" ? new URL(source, document.baseURI).href : source;
        const { kind = "generator", engine = "auto", slot = DEFAULT_SLOT, onProgress, signal } = options;
        return this.#call("load", { source: address, name, kind, engine, slot }, onProgress, signal);
    }

    /** Downloads a listed file into the cache. Returns whether everything downloaded so far is cached. */
    prefetch(path: string): Promise<boolean> {
        return this.#call("prefetch", addressOf(document.baseURI, path));
    }

    /** Draws the first `count` pictures of a seed (64 bits) in a grid. */
    draw(seed: bigint, count: number, slot = DEFAULT_SLOT): Promise<GridPicture> {
        return this.#call("draw", { slot, seed, count });
    }

    /** Samples a denoiser: the first `count` pictures of a seed for each label, label after label. */
    sample(
        request: SampleRequest,
        { onStep, signal }: SampleCallbacks = {},
        slot = DEFAULT_SLOT,
    ): Promise<PictureBatch> {
        return this.#call("sample", { ...request, slot }, onStep, signal);
    }

    /** Stylizes a picture. */
    stylize(
        request: StylizeRequest,
        { onTile, signal }: StylizeCallbacks = {},
        slot = DEFAULT_SLOT,
    ): Promise<TimedPictures> {
        return this.#call("stylize", { ...request, slot }, onTile, signal);
    }

    /** A generator's pictures at points of its latent space. */
    render(points: readonly LatentPoint[], slot = DEFAULT_SLOT): Promise<TimedPictures> {
        return this.#call("render", { slot, points });
    }

    /** The latent vectors at points of a generator's latent space, their elements in a row. */
    latents(points: readonly LatentPoint[], slot = DEFAULT_SLOT): Promise<Float32Array> {
        return this.#call("latents", { slot, points });
    }

    /** The directions along which a generator of normal latent vectors changes its pictures most. */
    directions(
        count: number,
        onProgress?: (progress: DirectionsProgress) => void,
        slot = DEFAULT_SLOT,
    ): Promise<Directions> {
        return this.#call("directions", { slot, count }, onProgress);
    }

    /** A generator's output for given latent vectors, both as their elements in a row. */
    generateRaw(z: Float32Array, slot = DEFAULT_SLOT): Promise<Float32Array> {
        return this.#call("generateRaw", { slot, z });
    }

    /** Standard normal numbers from a stream of a seed. */
    normals(seed: bigint, stream: bigint, count: number): Promise<Float32Array> {
        return this.#call("normals", { seed, stream, count });
    }

    /** Terminates the Worker; calls in progress fail. */
    close(): void {
        this.#fail(new Error("the engine was closed"));
    }

    #call<C extends Call>(
        call: C,
        argument: Parameters<Calls[C]>[0],
        onProgress?: (progress: ProgressOf[C]) => void,
        signal?: AbortSignal,
    ): Promise<ReturnType<Calls[C]>> {
        if (signal?.aborted) return Promise.reject(signal.reason);
        const worker = (this.#worker ??= this.#start());
        const id = this.#nextId++;
        const request = { id, call, argument } as PendingCall["request"];
        let timer: ReturnType<typeof setTimeout> | undefined;
        const abort = () => {
            this.#worker?.postMessage({ id, abort: true } satisfies Request);
            if (call === "stylize") timer = setTimeout(() => this.#abandon(id, signal?.reason), ABORT_TIMEOUT);
            // Which model the slot holds is known only when the load has ended.
            else if (call !== "load") this.#abandon(id, signal?.reason);
        };
        signal?.addEventListener("abort", abort);
        const answer = new Promise<ReturnType<Calls[C]>>((resolve, reject) => {
            this.#pending.set(id, { resolve, reject, onProgress, signal, request });
            worker.postMessage(request);
        });
        return answer
            .catch((error: unknown) => {
                throw signal?.aborted ? signal.reason : error;
            })
            .finally(() => {
                clearTimeout(timer);
                signal?.removeEventListener("abort", abort);
            });
    }

    /** Rejects a call without waiting for the Worker. A Worker still busy with it is replaced if no other call needs it. */
    #abandon(id: number, reason: unknown): void {
        const abandoned = this.#pending.get(id);
        if (!abandoned) return;
        this.#pending.delete(id);
        const others = [...this.#pending.values()].map(({ request }) => request);
        if (abandoned.request.call === "stylize" && others.every(({ call }) => REPEATABLE.includes(call))) {
            this.#worker?.terminate();
            this.#worker = undefined;
            this.onLost();
            const worker = others.length > 0 ? (this.#worker = this.#start()) : undefined;
            for (const request of others) worker?.postMessage(request);
        }
        abandoned.reject(reason);
    }

    #start(): Worker {
        const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "easel" });
        worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => this.#receive(data));
        worker.addEventListener("error", (event) => {
            event.preventDefault();
            this.#fail(new Error(event.message || "the engine cannot be started"));
        });
        worker.postMessage({ files: this.files, gpuLosses: this.#gpuLosses } satisfies Request);
        compileRuntime().then(
            (compiled) => worker.postMessage(compiled satisfies Request),
            (error: Error) => this.#worker === worker && this.#fail(error),
        );
        return worker;
    }

    #receive(reply: Reply): void {
        if ("gpuLost" in reply) {
            this.#gpuLosses++;
            this.#fail(new GpuLost());
            return;
        }
        const { id } = reply;
        const pending = this.#pending.get(id);
        if (!pending) return;
        if ("progress" in reply) {
            try {
                if (!pending.signal?.aborted) pending.onProgress?.(reply.progress as never);
            } finally {
                // Sent after the callback: if that aborts the call, the Worker learns of it first.
                this.#worker?.postMessage({ id, handled: true } satisfies Request);
            }
            return;
        }
        this.#pending.delete(id);
        if ("error" in reply) pending.reject(new Error(reply.error));
        else pending.resolve(reply.value as never);
    }

    /** Gives up a Worker that failed; the next call starts another, which has no models yet. */
    #fail(reason: Error): void {
        this.#worker?.terminate();
        this.#worker = undefined;
        this.onLost();
        for (const pending of this.#pending.values()) pending.reject(reason);
        this.#pending.clear();
    }
}
