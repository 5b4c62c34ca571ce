/** The engines: builds of onnxruntime-web, served from beside the page. */

import type * as Ort from "onnxruntime-web";

import { download, type Loading } from "./download.js";
import { Late, within } from "./patience.js";
import type { EngineKind } from "./probe.js";
import type { EngineChoice } from "./protocol.js";
import type { Backend } from "./wasm/easel_wasm.js";

type Report = (loading: Loading) => void;

/** An engine that is ready for models. */
export interface Engine extends Backend {
    readonly kind: EngineKind;
}

/** More threads than this gain nothing on models of this size. */
const MOST_THREADS = 8;

/** The least severe of a session's messages that are logged. */
const ERRORS = 3;

/** A GPU that gives no answer for so many seconds is given up. One that the user named may be slow, as software is. */
const PATIENCE = { auto: 20, chosen: 120 };

/** In milliseconds. */
const GRACE = 500;

const ready = new Map<EngineKind, Engine>();

/** Why the GPU is not asked any more. */
let givenUp: string | undefined;

let loseGpu: () => void;
/** Resolves when the GPU is lost, and with it all models that it has. */
export const gpuLost = new Promise<void>((resolve) => (loseGpu = resolve));

/** The engines to try for a choice, best first. */
export function candidates(choice: EngineChoice): EngineKind[] {
    return choice === "auto" ? ["webgpu", "wasm"] : [choice];
}

/** Waits a moment for the GPU to be found lost, where one is in use: what runs on it fails a little earlier. */
export async function gpuSettled(): Promise<void> {
    if (ready.has("webgpu")) await within(GRACE, gpuLost, "").catch(() => {});
}

/** Leaves the GPU alone from now on. */
export function giveUpGpu(reason: string): void {
    givenUp = `WebGPU: ${reason}`;
}

/**
 * Starts an engine, or gives the one that is running. Where the user did not name the engine (`chosen`), a WebGPU that
 * is computed by the processor is refused: WebAssembly is faster.
 */
export async function start(kind: EngineKind, chosen: boolean, report: Report): Promise<Engine> {
    let engine = ready.get(kind);
    if (!engine) {
        engine = kind === "webgpu" ? await startWebGpu(chosen, report) : await startWasm(report);
        ready.set(kind, engine);
    }
    return engine;
}

/** What an engine answers. A GPU that does not is given up. */
export async function answered<T>(kind: EngineKind, chosen: boolean, answer: Promise<T>): Promise<T> {
    if (kind !== "webgpu") return answer;
    if (givenUp !== undefined) throw new Error(givenUp);
    const seconds = chosen ? PATIENCE.chosen : PATIENCE.auto;
    const silent = `the GPU gave no answer for ${seconds} s; reload the page to try it again`;
    try {
        return await within(1000 * seconds, answer, `WebGPU: ${silent}`);
    } catch (error) {
        if (error instanceof Late) giveUpGpu(silent);
        throw error;
    }
}

async function startWasm(report: Report): Promise<Engine> {
    // Threads share memory, which a page may only where it is isolated from other origins.
    const threads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency || 1, MOST_THREADS) : 1;
    const ort = await import("onnxruntime-web/wasm");
    await prepare(ort, "ort-wasm-simd-threaded", threads, report);
    return {
        kind: "wasm",
        name: threads > 1 ? `WASM, ${threads} threads` : "WASM",
        Tensor: ort.Tensor,
        open: (model) => ort.InferenceSession.create(model, { executionProviders: ["wasm"], logSeverityLevel: ERRORS }),
    };
}

async function startWebGpu(chosen: boolean, report: Report): Promise<Engine> {
    if (givenUp !== undefined) throw new Error(givenUp);
    if (!("gpu" in navigator)) throw new Error("WebGPU: this browser does not have it");
    const adapter = await answered("webgpu", chosen, navigator.gpu.requestAdapter());
    if (!adapter) throw new Error("WebGPU: this browser found no GPU that it can use");
    const software = adapter.info.isFallbackAdapter || adapter.info.architecture === "swiftshader";
    if (software && !chosen) throw new Error("WebGPU: here it is computed by the processor, which WASM does faster");

    // A GPU is waited for: WebAssembly with JSPI can, other WebAssembly needs code that was transformed for it.
    const jspi = "Suspending" in WebAssembly;
    const ort = jspi ? await import("onnxruntime-web/jspi") : await import("onnxruntime-web/webgpu");
    await prepare(ort, `ort-wasm-simd-threaded.${jspi ? "jspi" : "asyncify"}`, 1, report);
    return {
        kind: "webgpu",
        name: software ? "WebGPU (software)" : "WebGPU",
        Tensor: ort.Tensor,
        async open(model) {
            const session = await ort.InferenceSession.create(model, {
                executionProviders: ["webgpu"],
                logSeverityLevel: ERRORS,
            });
            watch(await ort.env.webgpu.device);
            return session;
        },
    };
}

const watched = new WeakSet<GPUDevice>();

/** Notices when a device is lost. One that was given back is not. */
function watch(device: GPUDevice): void {
    if (watched.has(device)) return;
    watched.add(device);
    void device.lost.then(({ reason }) => reason !== "destroyed" && loseGpu());
}

async function prepare(ort: typeof Ort, file: string, threads: number, report: Report): Promise<void> {
    const folder = new URL("../ort/", import.meta.url);
    ort.env.logLevel = "error";
    ort.env.wasm.numThreads = threads;
    ort.env.wasm.proxy = false;
    ort.env.wasm.wasmPaths = { mjs: new URL(`${file}.mjs`, folder).href };
    try {
        ort.env.wasm.wasmBinary = await download(new URL(`${file}.wasm`, folder).href, report);
    } catch (error) {
        throw new Error(`the engine, ${file}.wasm: ${(error as Error).message}`);
    }
}
