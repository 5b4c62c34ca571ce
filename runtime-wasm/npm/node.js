// For Node.js, whose `fetch` does not read files.
import { readFileSync } from "node:fs";

import { initSync } from "./easel_wasm.js";

initSync({ module: readFileSync(new URL("./easel_wasm_bg.wasm", import.meta.url)) });

export { Blend, Model, normals, readCard } from "./easel_wasm.js";
export { onnxruntime } from "./onnxruntime.js";
