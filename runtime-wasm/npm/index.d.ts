import type { InferenceSession, TensorConstructor } from "onnxruntime-common";

import type { Backend } from "./easel_wasm.js";

export { Model, normals, readCard } from "./easel_wasm.js";
export type {
    Backend,
    ModelCard,
    Pictures,
    Rgba,
    SampleOptions,
    Step,
    StylizeOptions,
} from "./easel_wasm.js";

/** The part of onnxruntime-web that is used. Any of its builds has it: `onnxruntime-web`, `onnxruntime-web/webgpu`. */
export interface OnnxRuntime {
    readonly Tensor: TensorConstructor;
    readonly InferenceSession: {
        create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
    };
}

/** onnxruntime-web as what runs models, with the processors that it is to try, best first. By default WebAssembly. */
export function onnxruntime(
    ort: OnnxRuntime,
    executionProviders?: readonly InferenceSession.ExecutionProviderConfig[],
): Backend;
