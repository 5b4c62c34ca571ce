/** The Worker: it owns the model and the engine, and answers one call after the other. */

import { download } from "./download.js";
import { candidates, type Engine, start } from "./engines.js";
import type {
    Call,
    Calls,
    Drawing,
    DrawRequest,
    Loaded,
    LoadRequest,
    NormalsRequest,
    Progress,
    Reply,
    Request,
} from "./protocol.js";
import init, { generatorCard, Model, normals } from "./wasm/easel_wasm.js";

type Tell = (progress: Progress) => void;

const scope = self as unknown as DedicatedWorkerGlobalScope;
const initialised = init({ module_or_path: new URL("./easel_wasm_bg.wasm", import.meta.url) });
// Whoever asks first is told of a failure; until then it is nobody's.
initialised.catch(() => {});

let model: Model | undefined;
let queue = Promise.resolve();

async function load(request: LoadRequest, tell: Tell): Promise<Loaded> {
    const bytes =
        typeof request.source === "string"
            ? await download(request.source, (loaded, total) => tell({ what: "model", loaded, total }))
            : await read(request.source);
    const card = generatorCard(bytes);

    const passedOver: string[] = [];
    for (const kind of candidates(request.engine)) {
        try {
            const { engine, opened } = await open(kind, request.engine !== "auto", bytes, tell);
            // A session that cannot be given back is lost with the Worker; the new one works all the same.
            await model?.release().catch(() => {});
            model = opened;
            return { card, bytes: bytes.length, engine: { kind, name: engine.name, passedOver } };
        } catch (error) {
            passedOver.push(sentence(error));
        }
    }
    // Where several were tried, the last is the one that every browser has.
    throw new Error(passedOver.at(-1));
}

/** Starts the engine, opens the model and runs it once: what cannot run is found here, and the first run is slow. */
async function open(
    kind: Engine["kind"],
    chosen: boolean,
    bytes: Uint8Array,
    tell: Tell,
): Promise<{ engine: Engine; opened: Model }> {
    const engine = await start(kind, chosen, (loaded, total) => tell({ what: "engine", loaded, total }));
    const opened = await Model.load(bytes, engine);
    try {
        (await opened.generate(0n, 0, 1)).free();
    } catch (error) {
        await opened.release();
        throw error;
    }
    return { engine, opened };
}

async function read(file: Blob): Promise<Uint8Array> {
    try {
        return new Uint8Array(await file.arrayBuffer());
    } catch {
        throw new Error("cannot be read; was it moved or changed?");
    }
}

async function draw({ seed, count }: DrawRequest): Promise<Drawing> {
    const start = performance.now();
    const pictures = await loaded().generate(seed, 0, count);
    try {
        const sheet = pictures.grid();
        const rgba = new Uint8ClampedArray(sheet.data);
        const { width, height } = sheet;
        sheet.free();
        return { width, height, rgba, count, milliseconds: performance.now() - start };
    } finally {
        pictures.free();
    }
}

function loaded(): Model {
    if (!model) throw new Error("no model is loaded");
    return model;
}

const calls: { [C in Call]: (argument: never, tell: Tell) => ReturnType<Calls[C]> | Promise<ReturnType<Calls[C]>> } = {
    load: async (request: LoadRequest, tell) => {
        try {
            return await load(request, tell);
        } catch (error) {
            throw new Error(`${request.name}: ${sentence(error)}`);
        }
    },
    draw,
    generateRaw: (z: Float32Array) => loaded().generateRaw(z),
    normals: ({ seed, stream, count }: NormalsRequest) => normals(seed, stream, count),
};

/** An error in one line. */
function sentence(error: unknown): string {
    const text = error instanceof Error ? error.message : String(error);
    return text.split("\n", 1)[0] || "failed without a word";
}

scope.addEventListener("message", ({ data: { id, call, argument } }: MessageEvent<Request>) => {
    const reply = (reply: Reply, transfer: Transferable[] = []) => scope.postMessage(reply, transfer);
    queue = queue.then(async () => {
        try {
            await initialised;
            const value = await calls[call](argument as never, (progress) => reply({ id, progress }));
            reply({ id, value }, "rgba" in value ? [value.rgba.buffer] : []);
        } catch (error) {
            reply({ id, error: sentence(error) });
        }
    });
});
