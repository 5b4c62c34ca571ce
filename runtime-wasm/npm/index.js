// For browsers: the module is fetched from beside this file before an import of this file resolves.
import init from "./easel_wasm.js";

await init({ module_or_path: new URL("./easel_wasm_bg.wasm", import.meta.url) });

export { Blend, Model, normals, readCard } from "./easel_wasm.js";
export { onnxruntime } from "./onnxruntime.js";
