// For Node.js, whose `fetch` does not read files.
import { readFileSync } from "node:fs";

import { builds } from "./builds.js";

const [build] = builds();
const { initSync, Blend, Model, normals, readCard } = await import(`./${build}/easel_wasm.js`);
initSync({ module: readFileSync(new URL(`./${build}/easel_wasm_bg.wasm`, import.meta.url)) });

export { Blend, Model, normals, readCard };
export { onnxruntime } from "./onnxruntime.js";
