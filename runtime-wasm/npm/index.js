// For browsers: a build of the module is fetched from beside this file before an import of this file resolves.
import { builds } from "./builds.js";

// Bundlers need every path as it stands.
const BUILDS = {
    relaxed: [() => import("./relaxed/easel_wasm.js"), new URL("./relaxed/easel_wasm_bg.wasm", import.meta.url)],
    simd: [() => import("./simd/easel_wasm.js"), new URL("./simd/easel_wasm_bg.wasm", import.meta.url)],
    plain: [() => import("./plain/easel_wasm.js"), new URL("./plain/easel_wasm_bg.wasm", import.meta.url)],
};

const [bindings, address] = BUILDS[builds()[0]];
const { default: init, Blend, Model, normals, readCard } = await bindings();
await init({ module_or_path: address });

export { Blend, Model, normals, readCard };
export { onnxruntime } from "./onnxruntime.js";
