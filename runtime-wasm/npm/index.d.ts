/// <reference lib="esnext.disposable" />
import type { InferenceSession, TensorConstructor } from "onnxruntime-web";

import type { Backend } from "./easel_wasm.js";

export { Blend, Model, normals, readCard } from "./easel_wasm.js";
export type {
    Backend,
    ModelCard,
    ModelOptions,
    Pictures,
    Range,
    Rgba,
    SampleOptions,
    SamplingStep,
    StylizeOptions,
} from "./easel_wasm.js";

/** The part of onnxruntime-web that this package uses. All its builds have it, such as `onnxruntime-web/webgpu`. */
export interface OnnxRuntime {
    readonly Tensor: TensorConstructor;
    readonly InferenceSession: {
        create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
    };
}

/** onnxruntime-web as a backend, with the execution providers to try in order. Default: WebAssembly. */
export function onnxruntime(
    ort: OnnxRuntime,
    executionProviders?: readonly InferenceSession.ExecutionProviderConfig[],
): Backend;
