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
    ModelKind,
    Progress,
    Reply,
    Request,
    Sampled,
    SampleRequest,
    SampleStep,
} from "./protocol.js";
import init, { Model, normals, type Pictures, readCard, type Step } from "./wasm/easel_wasm.js";

/** The other end of a call that is being answered. */
interface Caller {
    tell(progress: Progress | SampleStep): void;
    /** Ends the call where the caller no longer wants it. */
    signal: AbortSignal;
}

/** The time between two pictures of a denoising that the eye can tell apart. */
const MILLISECONDS_A_STEP = 30;

const scope = self as unknown as DedicatedWorkerGlobalScope;
const initialised = init({ module_or_path: new URL("./easel_wasm_bg.wasm", import.meta.url) });
// Whoever asks first is told of a failure; until then it is nobody's.
initialised.catch(() => {});

let model: Model | undefined;
let queue = Promise.resolve();

async function load(request: LoadRequest, { tell }: Caller): Promise<Loaded> {
    const bytes =
        typeof request.source === "string"
            ? await download(request.source, (loaded, total) => tell({ what: "model", loaded, total }))
            : await read(request.source);
    const card = readCard(bytes, request.kind);

    const passedOver: string[] = [];
    for (const kind of candidates(request.engine)) {
        try {
            const { engine, opened } = await open(kind, request.engine !== "auto", bytes, request.kind, tell);
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
    model: ModelKind,
    tell: Caller["tell"],
): Promise<{ engine: Engine; opened: Model }> {
    const engine = await start(kind, chosen, (loaded, total) => tell({ what: "engine", loaded, total }));
    const opened = await Model.load(bytes, engine);
    try {
        const first =
            model === "generator" ? opened.generate(0n, 0, 1) : opened.sample(Uint32Array.of(0), 0n, 0, 1, { steps: 1 });
        (await first).free();
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

async function sample({ labels, seed, count, ...options }: SampleRequest, caller: Caller): Promise<Sampled> {
    const odd = [...labels, count].find((number) => !Number.isInteger(number) || number < 0);
    if (odd !== undefined) throw new Error(`${odd} is no label and no count of pictures; give whole numbers`);
    let told = -Infinity;
    const onStep = async (step: Step) => {
        const now = performance.now();
        try {
            if (now - told >= MILLISECONDS_A_STEP || step.done === step.of) {
                told = now;
                const { done, of, first } = step;
                caller.tell({ what: "step", done, of, first, ...pixels(step.pictures()) });
            }
        } finally {
            step.free();
        }
        await nextTask();
    };
    const { signal } = caller;
    return pixels(await loaded().sample(Uint32Array.from(labels), seed, 0, count, { ...options, onStep, signal }));
}

/** Frees the pictures and gives their pixels. */
function pixels(pictures: Pictures): Sampled {
    const all = Array.from({ length: pictures.length }, (_, index) => pictures.at(index)!);
    pictures.free();
    const { width, height } = all[0]!;
    const rgba = new Uint8ClampedArray(all.length * width * height * 4);
    all.forEach((picture, index) => {
        rgba.set(picture.data, index * width * height * 4);
        picture.free();
    });
    return { width, height, rgba };
}

/** Lets messages in. */
function nextTask(): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    return new Promise((resolve) => {
        port1.onmessage = () => {
            port1.close();
            resolve();
        };
        port2.postMessage(null);
    });
}

function loaded(): Model {
    if (!model) throw new Error("no model is loaded");
    return model;
}

const calls: { [C in Call]: (argument: never, caller: Caller) => ReturnType<Calls[C]> | Promise<ReturnType<Calls[C]>> } = {
    load: async (request: LoadRequest, caller) => {
        try {
            return await load(request, caller);
        } catch (error) {
            throw new Error(`${request.name}: ${sentence(error)}`);
        }
    },
    draw,
    sample,
    generateRaw: (z: Float32Array) => loaded().generateRaw(z),
    normals: ({ seed, stream, count }: NormalsRequest) => normals(seed, stream, count),
};

/** An error in one line. */
function sentence(error: unknown): string {
    const text = error instanceof Error ? error.message : String(error);
    return text.split("\n", 1)[0] || "failed without a word";
}

const enders = new Map<number, AbortController>();

scope.addEventListener("message", ({ data: request }: MessageEvent<Request>) => {
    const { id } = request;
    if ("end" in request) {
        enders.get(id)?.abort();
        return;
    }
    const reply = (reply: Reply, carrier: unknown) => {
        const pixels = typeof carrier === "object" && carrier && "rgba" in carrier ? [carrier.rgba as Uint8ClampedArray] : [];
        scope.postMessage(reply, pixels.map((pixels) => pixels.buffer));
    };
    const ender = new AbortController();
    enders.set(id, ender);
    queue = queue.then(async () => {
        try {
            await initialised;
            ender.signal.throwIfAborted();
            const tell = (progress: Progress | SampleStep) => reply({ id, progress }, progress);
            const value = await calls[request.call](request.argument as never, { tell, signal: ender.signal });
            reply({ id, value }, value);
        } catch (error) {
            reply({ id, error: sentence(error) }, undefined);
        } finally {
            enders.delete(id);
        }
    });
});
