/// <reference lib="esnext.disposable" />
import type { Backend, OrtSession } from "./easel_wasm.js";

export { Blend, Model, normals, readCard } from "./easel_wasm.js";
export type {
    Backend,
    ModelCard,
    ModelOptions,
    OrtSession,
    Pictures,
    Range,
    Rgba,
    SampleOptions,
    SamplingStep,
    StylizeOptions,
    TensorFields,
    Tensors,
} from "./easel_wasm.js";

/** The part of onnxruntime-web that this package uses. All its builds have it, such as `onnxruntime-web/webgpu`. */
export interface OnnxRuntime {
    readonly Tensor: new (...elements: never[]) => object;
    readonly InferenceSession: {
        create(model: Uint8Array, options: { executionProviders: readonly ExecutionProvider[] }): Promise<OrtSession>;
    };
}

/** What onnxruntime-web computes with: `wasm`, `webgpu`, or an object with such a name and options. */
export type ExecutionProvider = string | { readonly name: string };

/** onnxruntime-web as a backend, with the execution providers to try in order. Default: WebAssembly. */
export function onnxruntime(ort: OnnxRuntime, executionProviders?: readonly ExecutionProvider[]): Backend;
