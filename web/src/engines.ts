/** The engines: builds of onnxruntime-web, served from beside the page. */

import type * as Ort from "onnxruntime-web";

import { download } from "./download.js";
import type { EngineChoice } from "./protocol.js";
import type { Backend } from "./wasm/easel_wasm.js";

export type Report = (loaded: number, total: number | undefined) => void;

/** An engine that is ready for models. */
export interface Engine extends Backend {
    readonly kind: "webgpu" | "wasm";
}

/** More threads than this gain nothing on models of this size. */
const MOST_THREADS = 8;

/** The least severe of a session's messages that are logged. */
const ERRORS = 3;

const ready = new Map<Engine["kind"], Engine>();

/** The engines to try for a choice, best first. */
export function candidates(choice: EngineChoice): Engine["kind"][] {
    return choice === "auto" ? ["webgpu", "wasm"] : [choice];
}

/**
 * Starts an engine, or gives the one that is running. Where the user did not name the engine (`chosen`), a WebGPU that
 * is computed by the processor is refused: WebAssembly is faster.
 */
export async function start(kind: Engine["kind"], chosen: boolean, report: Report): Promise<Engine> {
    let engine = ready.get(kind);
    if (!engine) {
        engine = kind === "webgpu" ? await startWebGpu(chosen, report) : await startWasm(report);
        ready.set(kind, engine);
    }
    return engine;
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
    if (!("gpu" in navigator)) throw new Error("WebGPU: this browser does not have it");
    const adapter = await navigator.gpu.requestAdapter();
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
        open: (model) => ort.InferenceSession.create(model, { executionProviders: ["webgpu"], logSeverityLevel: ERRORS }),
    };
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
