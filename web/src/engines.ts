/**
 * The engines: our own, which is part of the module of `runtime-wasm`, and builds of onnxruntime-web, served beside the page
 * and downloaded when they are needed.
 */

import type * as Ort from "onnxruntime-web";

import type { EngineKind } from "./probe.js";
import type { EngineChoice } from "./protocol.js";
import { TimeoutError, withTimeout } from "./timeout.js";
import type { Backend } from "./wasm/easel_wasm.js";

/** Fetches the file at an address. */
export type Download = (address: string) => Promise<Uint8Array<ArrayBuffer>>;

/** The engines of onnxruntime-web. */
type BackendKind = Exclude<EngineKind, "easel">;

/** More threads do not speed up models of this size. */
const MAX_THREADS = 8;

/** Sessions log errors and nothing less severe. */
const LOG_ERRORS = 3;

/** Seconds after which a GPU is disabled if it does not answer. One named by the user may be slow, as in software. */
const GPU_TIMEOUT = { auto: 20, named: 120 };

/** How long the loss of a GPU may be reported after the failure that it causes, in milliseconds. */
const GPU_LOSS_DELAY = 500;

const running = new Map<BackendKind, Backend>();

/** Why the GPU is no longer used. */
let disabled: string | undefined;

let loseGpu: () => void;
/** Resolves when the GPU is lost, and with it all its models. */
export const gpuLost = new Promise<void>((resolve) => (loseGpu = resolve));

/** The engines to try for a choice, the preferred one first. */
export function candidates(choice: EngineChoice): EngineKind[] {
    return choice === "auto" ? ["easel", "webgpu", "wasm"] : [choice];
}

/** Waits a moment for the loss of the GPU to be reported, if a GPU is in use. */
export async function waitForGpuLoss(): Promise<void> {
    if (running.has("webgpu")) await withTimeout(GPU_LOSS_DELAY, gpuLost, "").catch(() => {});
}

/** Makes further calls fail instead of using the GPU. */
export function disableGpu(reason: string): void {
    disabled = `WebGPU: ${reason}`;
}

/**
 * Starts an engine of onnxruntime-web, or returns the running one. Unless the user named it (`named`), WebGPU in software
 * is refused: WebAssembly is faster.
 */
export async function startBackend(kind: BackendKind, named: boolean, download: Download): Promise<Backend> {
    let backend = running.get(kind);
    if (!backend) {
        backend = kind === "webgpu" ? await startWebGpu(named, download) : await startWasm(download);
        running.set(kind, backend);
    }
    return backend;
}

/** The engine's answer. A GPU that does not answer in time is disabled. */
export async function withGpuTimeout<T>(kind: EngineKind, named: boolean, answer: Promise<T>): Promise<T> {
    if (kind !== "webgpu") return answer;
    if (disabled !== undefined) throw new Error(disabled);
    const seconds = named ? GPU_TIMEOUT.named : GPU_TIMEOUT.auto;
    const reason = `the GPU did not answer for ${seconds} s; reload the page to try it again`;
    try {
        return await withTimeout(1000 * seconds, answer, `WebGPU: ${reason}`);
    } catch (error) {
        if (error instanceof TimeoutError) disableGpu(reason);
        throw error;
    }
}

async function startWasm(download: Download): Promise<Backend> {
    // Threads need shared memory, which only cross-origin isolated pages have.
    const threads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency || 1, MAX_THREADS) : 1;
    const ort = await import("onnxruntime-web/wasm");
    await prepare(ort, "ort-wasm-simd-threaded", threads, download);
    return {
        name: threads > 1 ? `WASM, ${threads} threads` : "WASM",
        Tensor: ort.Tensor,
        open: (model) =>
            ort.InferenceSession.create(model, { executionProviders: ["wasm"], logSeverityLevel: LOG_ERRORS }),
    };
}

async function startWebGpu(named: boolean, download: Download): Promise<Backend> {
    if (disabled !== undefined) throw new Error(disabled);
    if (!("gpu" in navigator)) throw new Error("WebGPU: this browser does not support it");
    const adapter = await withGpuTimeout("webgpu", named, navigator.gpu.requestAdapter());
    if (!adapter) throw new Error("WebGPU: this browser found no usable GPU");
    const software = adapter.info.isFallbackAdapter || adapter.info.architecture === "swiftshader";
    if (software && !named) throw new Error("WebGPU: it runs in software here, which is slower than Easel");

    // Waiting for the GPU takes JSPI, or a build that was transformed to do without.
    const jspi = "Suspending" in WebAssembly;
    const ort = jspi ? await import("onnxruntime-web/jspi") : await import("onnxruntime-web/webgpu");
    await prepare(ort, `ort-wasm-simd-threaded.${jspi ? "jspi" : "asyncify"}`, 1, download);
    return {
        name: software ? "WebGPU (software)" : "WebGPU",
        Tensor: ort.Tensor,
        async open(model) {
            const session = await ort.InferenceSession.create(model, {
                executionProviders: ["webgpu"],
                logSeverityLevel: LOG_ERRORS,
            });
            reportLoss(await ort.env.webgpu.device);
            return session;
        },
    };
}

const devices = new WeakSet<GPUDevice>();

/** Resolves `gpuLost` when the device is lost, but not when it is destroyed on purpose. */
function reportLoss(device: GPUDevice): void {
    if (devices.has(device)) return;
    devices.add(device);
    void device.lost.then(({ reason }) => reason !== "destroyed" && loseGpu());
}

async function prepare(ort: typeof Ort, file: string, threads: number, download: Download): Promise<void> {
    const folder = new URL("../ort/", import.meta.url);
    ort.env.logLevel = "error";
    ort.env.wasm.numThreads = threads;
    ort.env.wasm.proxy = false;
    ort.env.wasm.wasmPaths = { mjs: new URL(`${file}.js`, folder).href };
    try {
        ort.env.wasm.wasmBinary = await download(new URL(`${file}.wasm`, folder).href);
    } catch (error) {
        throw new Error(`the engine, ${file}.wasm: ${(error as Error).message}`);
    }
}
