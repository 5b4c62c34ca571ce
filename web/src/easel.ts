/** The engine's side of the page: a Worker that loads models and draws with them, so that the page never freezes. */

import type {
    Call,
    Calls,
    Counted,
    Drawing,
    EngineChoice,
    Loaded,
    ModelKind,
    Progress,
    Rendered,
    Reply,
    Request,
    Sampled,
    SampleRequest,
    SampleStep,
    Stylized,
    StylizeRequest,
    Tellings,
    TilesDone,
} from "./protocol.js";
import type { Directions } from "./directions.js";
import { addressOf, type Files } from "./files.js";
import type { ModelCard } from "./wasm/easel_wasm.js";

export type { Directions } from "./directions.js";
export type { Files, Listed } from "./files.js";
export type {
    Counted,
    Drawing,
    EngineChoice,
    EngineInUse,
    Loaded,
    ModelKind,
    Progress,
    Rendered,
    Sampled,
    SampleRequest,
    SampleStep,
    Stylized,
    StylizeRequest,
    TilesDone,
} from "./protocol.js";
export type { ModelCard } from "./wasm/easel_wasm.js";

export interface LoadOptions {
    /** What the model has to be; by default a generator. */
    kind?: ModelKind;
    /** By default the best engine that works here. A named engine is used or the load fails. */
    engine?: EngineChoice;
    /** What error messages call the model; by default its address or file name. */
    name?: string;
    /** What further calls call the model, which takes the place of the one that was loaded as the same. */
    as?: string;
    onProgress?: (progress: Progress) => void;
    /** Ends the download, and the load with it; a model that is downloaded is loaded all the same. */
    signal?: AbortSignal | undefined;
}

export interface Watching {
    /** Shown the pictures so far, about thirty times a second. */
    onStep?: (step: SampleStep) => void;
    /** Ends the sampling, which then rejects with the signal's reason. */
    signal?: AbortSignal;
}

interface Waiting {
    resolve(value: never): void;
    reject(reason: unknown): void;
    onProgress: ((progress: never) => void) | undefined;
    /** What the Worker was sent. */
    request: Request & { call: Call };
}

/** A Worker that is computing hears nothing. So long it may take to end a stylization, in milliseconds. */
const MOST_TO_END = 1000;

/** What another Worker can be asked just as well: no model is needed. */
const ASKED_AGAIN: readonly Call[] = ["inspect", "load", "keep", "normals"];

/** What calls on their way fail with when the GPU that they needed is gone. The next call starts anew. */
export class GpuLost extends Error {
    constructor() {
        super("the GPU was lost; try again");
    }
}

/** What a model is called where the caller has only one. */
const ONLY = "model";

/**
 * Models and what they draw. Calls that concern one model are answered in the order they were made; between the steps
 * of a sampling, those that concern others are.
 */
export class Easel {
    /** Told when the Worker failed: its models are gone, and calls on their way have been rejected. */
    onLost: () => void = () => {};

    /** What is listed is checked when it was downloaded, and kept. To be set before the first call. */
    files: Files = {};

    #worker: Worker | undefined;
    #waiting = new Map<number, Waiting>();
    #next = 0;
    #gpusLost = 0;

    /** The card of a file of a kind that makes pictures. No engine is started for it. */
    inspect(file: Blob): Promise<ModelCard> {
        return this.#ask("inspect", file);
    }

    /** Loads a model from an address or a file. When it fails, the one that it was to replace stays. */
    load(source: string | Blob, options: LoadOptions = {}): Promise<Loaded> {
        const name = options.name ?? (source instanceof File ? source.name : String(source));
        const address = typeof source === "string" ? new URL(source, document.baseURI).href : source;
        const { kind = "generator", engine = "auto", as = ONLY, onProgress, signal } = options;
        return this.#ask("load", { source: address, name, kind, engine, as }, onProgress, signal);
    }

    /** Downloads a listed file for later. Says whether that, and all that was downloaded before, is kept. */
    keep(path: string): Promise<boolean> {
        return this.#ask("keep", addressOf(document.baseURI, path));
    }

    /** Draws the first `count` pictures of a seed (64 bits) into a grid. */
    draw(seed: bigint, count: number, as = ONLY): Promise<Drawing> {
        return this.#ask("draw", { as, seed, count });
    }

    /** Samples a denoiser: the first `count` pictures of a seed for each label, label after label. */
    sample(request: SampleRequest, { onStep, signal }: Watching = {}, as = ONLY): Promise<Sampled> {
        return this.#ask("sample", { ...request, as }, onStep, signal);
    }

    /** Stylizes a picture; `onTile` is told how many of its tiles are done. */
    stylize(
        request: StylizeRequest,
        { onTile, signal }: { onTile?: (tiles: TilesDone) => void; signal?: AbortSignal } = {},
        as = ONLY,
    ): Promise<Stylized> {
        return this.#ask("stylize", { ...request, as }, onTile, signal);
    }

    /** A generator's pictures of given latent vectors. */
    render(z: Float32Array, as = ONLY): Promise<Rendered> {
        return this.#ask("render", { as, z });
    }

    /** The directions along which a generator of normal latent vectors changes its pictures most. */
    directions(count: number, onProgress?: (progress: Counted) => void, as = ONLY): Promise<Directions> {
        return this.#ask("directions", { as, count }, onProgress);
    }

    /** The model's output for given latent vectors, both as the elements of all pictures in a row. */
    generateRaw(z: Float32Array, as = ONLY): Promise<Float32Array> {
        return this.#ask("generateRaw", { as, z });
    }

    /** Standard normal numbers of a stream of a seed. */
    normals(seed: bigint, stream: bigint, count: number): Promise<Float32Array> {
        return this.#ask("normals", { seed, stream, count });
    }

    /** Ends the Worker; calls on their way fail. */
    close(): void {
        this.#fail(new Error("the engine was closed"));
    }

    #ask<C extends Call>(
        call: C,
        argument: Parameters<Calls[C]>[0],
        onProgress?: (progress: Tellings[C]) => void,
        signal?: AbortSignal,
    ): Promise<ReturnType<Calls[C]>> {
        if (signal?.aborted) return Promise.reject(signal.reason);
        const worker = (this.#worker ??= this.#start());
        const id = this.#next++;
        const request = { id, call, argument } as Waiting["request"];
        let timer: ReturnType<typeof setTimeout> | undefined;
        const end = () => {
            this.#worker?.postMessage({ id, end: true } satisfies Request);
            if (call === "stylize") timer = setTimeout(() => this.#leave(id, signal?.reason), MOST_TO_END);
            // Whether there is a model, and which, is known when a load has ended.
            else if (call !== "load") this.#leave(id, signal?.reason);
        };
        signal?.addEventListener("abort", end);
        const answered = new Promise<ReturnType<Calls[C]>>((resolve, reject) => {
            this.#waiting.set(id, { resolve, reject, onProgress, request });
            worker.postMessage(request);
        });
        return answered
            .catch((error: unknown) => {
                throw signal?.aborted ? signal.reason : error;
            })
            .finally(() => {
                clearTimeout(timer);
                signal?.removeEventListener("abort", end);
            });
    }

    /** Waits for a call no longer. A Worker that goes on with it is ended, unless others need its models. */
    #leave(id: number, reason: unknown): void {
        const left = this.#waiting.get(id);
        if (!left) return;
        this.#waiting.delete(id);
        const others = [...this.#waiting.values()].map(({ request }) => request);
        if (left.request.call === "stylize" && others.every(({ call }) => ASKED_AGAIN.includes(call))) {
            this.#worker?.terminate();
            this.#worker = undefined;
            this.onLost();
            const worker = others.length > 0 ? (this.#worker = this.#start()) : undefined;
            for (const request of others) worker?.postMessage(request);
        }
        left.reject(reason);
    }

    #start(): Worker {
        const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "easel" });
        worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => this.#answer(data));
        worker.addEventListener("error", (event) => {
            event.preventDefault();
            this.#fail(new Error(event.message || "the engine cannot be started"));
        });
        worker.postMessage({ files: this.files, gpusLost: this.#gpusLost } satisfies Request);
        return worker;
    }

    #answer(reply: Reply): void {
        if ("gpuLost" in reply) {
            this.#gpusLost++;
            this.#fail(new GpuLost());
            return;
        }
        const waiting = this.#waiting.get(reply.id);
        if (!waiting) return;
        if ("progress" in reply) {
            waiting.onProgress?.(reply.progress as never);
            return;
        }
        this.#waiting.delete(reply.id);
        if ("error" in reply) waiting.reject(new Error(reply.error));
        else waiting.resolve(reply.value as never);
    }

    /** A Worker that failed is given up; the next call starts another, which has no model yet. */
    #fail(reason: Error): void {
        this.#worker?.terminate();
        this.#worker = undefined;
        this.onLost();
        for (const waiting of this.#waiting.values()) waiting.reject(reason);
        this.#waiting.clear();
    }
}
