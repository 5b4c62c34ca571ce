// Timed runs of a model in an engine of the web, in Node.js, for `cargo xtask bench web`.
//
// `bench_web.mjs ENGINE JOB.json`, run in `web`, loads the job's model, runs it once on the job's inputs, writes the
// output's float32 elements to the job's file, and prints `ready VERSION`, or `failed REASON`. Each line on stdin is a
// number of runs; it takes them and prints {"cpu": seconds, "wall": seconds, "memory": bytes by which loading and running
// have raised the process's peak}.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { setFlagsFromString } from "node:v8";

const require = createRequire(join(process.cwd(), "package.json"));
const importFrom = (path) => import(pathToFileURL(path));

/** For each engine: a function of the job and its inputs that returns `{ version, run }`; `run` resolves to the output. */
const ENGINES = {
    /** The project's own, in its npm package. */
    async easel(job, inputs) {
        // Node.js 20 has relaxed SIMD, which current browsers run, behind a flag.
        setFlagsFromString("--experimental-wasm-relaxed-simd");
        const { Model } = await importFrom(join(process.env.EASEL_PACKAGE, "node.js"));
        const model = await Model.load(readFileSync(job.model));
        const feeds = Object.fromEntries(inputs.map(({ name, type, data, shape }) => [name, { type, dims: shape, data }]));
        const run = async () => Object.values(await model.run(feeds))[0].data;
        const { version } = JSON.parse(readFileSync(join(process.env.EASEL_PACKAGE, "package.json"), "utf8"));
        return { version: `${version} (${model.engine.replace("Easel, ", "")})`, run };
    },

    async "onnxruntime-web"(job, inputs) {
        const { default: ort } = await importFrom(require.resolve("onnxruntime-web"));
        ort.env.wasm.numThreads = job.threads;
        const options = { executionProviders: ["wasm"], logSeverityLevel: 3 };
        const session = await ort.InferenceSession.create(readFileSync(job.model), options);
        const feeds = inputs.map(({ name, type, data, shape }) => [name, new ort.Tensor(type, data, shape)]);
        const [output] = session.outputNames;
        const run = async () => (await session.run(Object.fromEntries(feeds)))[output].data;
        return { version: ort.env.versions.web, run };
    },
};

const ARRAYS = { float32: Float32Array, int64: BigInt64Array };

function readInput({ name, type, shape, file }) {
    const { buffer, byteOffset, byteLength } = readFileSync(file);
    return { name, type, shape, data: new ARRAYS[type](buffer.slice(byteOffset, byteOffset + byteLength)) };
}

/** A field of `/proc/self/status` in bytes; 0 on systems without it. */
function memory(field) {
    try {
        const [, kilobytes] = readFileSync("/proc/self/status", "utf8").match(new RegExp(`^${field}:\\s*(\\d+) kB`, "m"));
        return kilobytes * 1024;
    } catch {
        return 0;
    }
}

async function main() {
    const [engine, file] = process.argv.slice(2);
    const job = JSON.parse(readFileSync(file, "utf8"));
    const inputs = job.inputs.map(readInput);
    const before = memory("VmRSS");
    let loaded;
    try {
        loaded = await ENGINES[engine](job, inputs);
        writeFileSync(job.output, new Uint8Array((await loaded.run()).slice().buffer));
    } catch (error) {
        console.log(`failed ${String(error.message ?? error).split("\n")[0]}`);
        return;
    }
    console.log(`ready ${loaded.version}`);
    for await (const line of createInterface({ input: process.stdin })) {
        const [cpu, wall] = [process.cpuUsage(), performance.now()];
        for (let left = Number(line); left > 0; left--) await loaded.run();
        const { user, system } = process.cpuUsage(cpu);
        const cost = { cpu: (user + system) / 1e6, wall: (performance.now() - wall) / 1e3 };
        console.log(JSON.stringify({ ...cost, memory: memory("VmHWM") - before }));
    }
}

await main();
// The engine's idle threads would keep the process.
process.exit();
