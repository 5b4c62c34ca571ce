// In Node.js, whose `fetch` takes no files.
import { readFileSync } from "node:fs";

import { initSync } from "./easel_wasm.js";

initSync({ module: readFileSync(new URL("./easel_wasm_bg.wasm", import.meta.url)) });

export { Model, normals, readCard } from "./easel_wasm.js";
export { onnxruntime } from "./onnxruntime.js";
