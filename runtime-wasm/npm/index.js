// In a browser: the module beside this file is fetched before anything can be imported from here.
import init from "./easel_wasm.js";

await init({ module_or_path: new URL("./easel_wasm_bg.wasm", import.meta.url) });

export { Model, normals, readCard } from "./easel_wasm.js";
export { onnxruntime } from "./onnxruntime.js";
