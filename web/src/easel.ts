/** The engine's side of the page: a Worker that loads a model and draws with it, so that the page never freezes. */

import type { Call, Calls, Drawing, EngineChoice, Loaded, Progress, Reply, Request } from "./protocol.js";

export type { Drawing, EngineChoice, EngineInUse, Loaded, Progress } from "./protocol.js";
export type { ModelCard } from "./wasm/easel_wasm.js";

export interface LoadOptions {
    /** By default the best engine that works here. A named engine is used or the load fails. */
    engine?: EngineChoice;
    /** What error messages call the model; by default its address or file name. */
    name?: string;
    onProgress?: (progress: Progress) => void;
}

interface Waiting {
    resolve(value: never): void;
    reject(reason: Error): void;
    onProgress: ((progress: Progress) => void) | undefined;
}

/** One model at a time. Calls are answered in the order they were made. */
export class Easel {
    #worker: Worker | undefined;
    #waiting = new Map<number, Waiting>();
    #next = 0;

    /** Loads a model from an address or a file, in place of the one before. When it fails, the one before stays. */
    load(source: string | Blob, options: LoadOptions = {}): Promise<Loaded> {
        const name = options.name ?? (source instanceof File ? source.name : String(source));
        const address = typeof source === "string" ? new URL(source, document.baseURI).href : source;
        return this.#ask("load", { source: address, name, engine: options.engine ?? "auto" }, options.onProgress);
    }

    /** Draws the first `count` pictures of a seed (64 bits) into a grid. */
    draw(seed: bigint, count: number): Promise<Drawing> {
        return this.#ask("draw", { seed, count });
    }

    /** The model's output for given latent vectors, both as the elements of all pictures in a row. */
    generateRaw(z: Float32Array): Promise<Float32Array> {
        return this.#ask("generateRaw", z);
    }

    /** Standard normal numbers of a stream of a seed. */
    normals(seed: bigint, stream: bigint, count: number): Promise<Float32Array> {
        return this.#ask("normals", { seed, stream, count });
    }

    /** Ends the Worker; calls on their way fail. */
    close(): void {
        this.#fail("the engine was closed");
    }

    #ask<C extends Call>(
        call: C,
        argument: Parameters<Calls[C]>[0],
        onProgress?: (progress: Progress) => void,
    ): Promise<ReturnType<Calls[C]>> {
        const worker = (this.#worker ??= this.#start());
        const id = this.#next++;
        return new Promise((resolve, reject) => {
            this.#waiting.set(id, { resolve, reject, onProgress });
            worker.postMessage({ id, call, argument } as Request);
        });
    }

    #start(): Worker {
        const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "easel" });
        worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => this.#answer(data));
        worker.addEventListener("error", (event) => {
            event.preventDefault();
            this.#fail(event.message || "the engine cannot be started");
        });
        return worker;
    }

    #answer(reply: Reply): void {
        const waiting = this.#waiting.get(reply.id);
        if (!waiting) return;
        if ("progress" in reply) {
            waiting.onProgress?.(reply.progress);
            return;
        }
        this.#waiting.delete(reply.id);
        if ("error" in reply) waiting.reject(new Error(reply.error));
        else waiting.resolve(reply.value as never);
    }

    /** A Worker that failed is given up; the next call starts another, which has no model yet. */
    #fail(reason: string): void {
        this.#worker?.terminate();
        this.#worker = undefined;
        for (const waiting of this.#waiting.values()) waiting.reject(new Error(reason));
        this.#waiting.clear();
    }
}
