/**
 * The module of `runtime-wasm`, in the quickest build that the browser can run. The page downloads and compiles it once,
 * for itself and for its Workers.
 */

import { type Build, builds } from "../../runtime-wasm/npm/builds.js";
import { modulePath } from "./cache.js";

type Runtime = typeof import("./wasm/easel_wasm.js");

/** A build, compiled. */
export interface CompiledRuntime {
    build: Build;
    module: WebAssembly.Module;
}

const BINDINGS: Record<Build, () => Promise<unknown>> = {
    relaxed: () => import("./wasm/relaxed/easel_wasm.js"),
    simd: () => import("./wasm/simd/easel_wasm.js"),
    plain: () => import("./wasm/plain/easel_wasm.js"),
};

/** The module's functions and classes, once `startRuntime` is done. */
export let runtime: Runtime;

let compiling: Promise<CompiledRuntime> | undefined;

/** Downloads and compiles the module, once. After a failure, the next call tries again. */
export async function compileRuntime(): Promise<CompiledRuntime> {
    compiling ??= compile();
    try {
        return await compiling;
    } catch (error) {
        compiling = undefined;
        throw error;
    }
}

/** Starts the module in this thread. It starts once; further calls do nothing. */
export async function startRuntime({ build, module }: CompiledRuntime): Promise<void> {
    const bindings = (await BINDINGS[build]()) as Runtime;
    await bindings.default({ module_or_path: module });
    runtime = bindings;
}

async function compile(): Promise<CompiledRuntime> {
    let reason: unknown;
    for (const build of builds()) {
        try {
            return { build, module: await download(modulePath(build)) };
        } catch (error) {
            // A browser that was updated since the page was cached has only the build that suited it before.
            reason ??= error;
        }
    }
    throw reason;
}

async function download(path: string): Promise<WebAssembly.Module> {
    const response = await fetch(new URL(`../${path}`, import.meta.url)).catch(() => {
        throw new Error(`${path}: cannot be fetched: no answer from the server; check the connection and try again`);
    });
    if (!response.ok) throw new Error(`${path}: cannot be fetched: ${response.status} ${response.statusText}`.trimEnd());
    // Not every server knows the type of these files.
    const streams = response.headers.get("content-type") === "application/wasm";
    return streams ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}
