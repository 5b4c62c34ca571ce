/** The Worker: it owns the models and the engines. */

import { download } from "./download.js";
import { type Directions, MeanJacobian, type PictureSize, trials } from "./directions.js";
import { giveUpGpu, gpuLost, gpuSettled } from "./engines.js";
import { allKept, know } from "./kept.js";
import { BYTES_OF_STYLIZED_PIXEL, budget, bytesOfPicture, LARGEST_MODEL, limit, size, tilePixels } from "./memory.js";
import { open } from "./opening.js";
import { sentence } from "./probe.js";
import type {
    About,
    Call,
    Calls,
    DirectionsRequest,
    Drawing,
    DrawRequest,
    LatentRequest,
    Loaded,
    LoadRequest,
    NormalsRequest,
    Rendered,
    Reply,
    Request,
    Sampled,
    SampleRequest,
    Stylized,
    StylizeRequest,
    Telling,
} from "./protocol.js";
import { Turns } from "./turns.js";
import init, { Model, type ModelCard, normals, type Pictures, readCard, type Step } from "./wasm/easel_wasm.js";

/** The other end of a call that is being answered. */
interface Caller {
    tell(progress: Telling): void;
    /** Ends the call where the caller no longer wants it. */
    signal: AbortSignal;
}

/** In GB; not all browsers tell. */
const { deviceMemory } = navigator as { deviceMemory?: number };

/** A GPU that was lost once may be fine again. */
const MOST_GPUS_LOST = 1;

/** The time between two pictures of a denoising that the eye can tell apart. */
const MILLISECONDS_A_STEP = 30;

const scope = self as unknown as DedicatedWorkerGlobalScope;
const initialised = init({ module_or_path: new URL("./easel_wasm_bg.wasm", import.meta.url) });
// Whoever asks first is told of a failure; until then it is nobody's.
initialised.catch(() => {});

/** A model, and its turns: it serves one call at a time. */
interface Place {
    model: Model | undefined;
    turns: Turns;
}

const places = new Map<string, Place>();
/** Engines run one model at a time. */
const engines = new Turns();

function place(as: string): Place {
    let found = places.get(as);
    if (!found) places.set(as, (found = { model: undefined, turns: new Turns() }));
    return found;
}

/** Does something with a model while nobody else does. `pause` lets other models have their turn. */
async function using<T>(
    { as }: About,
    work: (model: Model, pause: () => Promise<void>) => Promise<T>,
): Promise<T> {
    const here = place(as);
    const endTurn = await here.turns.take();
    let endEngine = await engines.take();
    const pause = async () => {
        endEngine();
        await nextTask();
        endEngine = await engines.take();
    };
    try {
        if (!here.model) throw new Error("no model is loaded");
        return await work(here.model, pause);
    } finally {
        endEngine();
        endTurn();
    }
}

async function load(request: LoadRequest, caller: Caller): Promise<Loaded> {
    const here = place(request.as);
    const endTurn = await here.turns.take();
    try {
        return await loadInto(here, request, caller);
    } finally {
        endTurn();
    }
}

async function loadInto(here: Place, request: LoadRequest, { tell, signal }: Caller): Promise<Loaded> {
    const bytes =
        typeof request.source === "string"
            ? await download(request.source, (loading) => tell({ what: "model", ...loading }), signal)
            : await read(request.source);
    signal.throwIfAborted();
    const card = readCard(bytes, request.kind);

    const endEngine = await engines.take();
    try {
        const { model, engine } = await open(bytes, card, request.engine, tell);
        // A session that cannot be given back is lost with the Worker; the new one works all the same.
        await here.model?.release().catch(() => {});
        here.model = model;
        return { card, bytes: bytes.length, engine };
    } finally {
        endEngine();
    }
}

async function read(file: Blob): Promise<Uint8Array> {
    if (file.size > LARGEST_MODEL) {
        throw new Error(`has ${size(file.size)}, and this page opens files of ${size(LARGEST_MODEL)} at most`);
    }
    try {
        return new Uint8Array(await file.arrayBuffer());
    } catch {
        throw new Error("cannot be read; was it moved or changed?");
    }
}

/** The card of a file of any kind that makes pictures. */
async function inspect(file: Blob): Promise<ModelCard> {
    return readCard(await read(file));
}

function draw(request: DrawRequest): Promise<Drawing> {
    return using(request, async (model) => {
        const { seed, count } = request;
        enough(model.card, count);
        const start = performance.now();
        const pictures = await model.generate(seed, 0, count);
        try {
            const sheet = pictures.grid();
            const { width, height, data: rgba } = sheet;
            sheet.free();
            return { width, height, rgba, count, milliseconds: performance.now() - start };
        } finally {
            pictures.free();
        }
    });
}

function sample({ labels, seed, count, as, ...options }: SampleRequest & About, caller: Caller): Promise<Sampled> {
    const odd = [...labels, count].find((number) => !Number.isInteger(number) || number < 0);
    if (odd !== undefined) throw new Error(`${odd} is no label and no count of pictures; give whole numbers`);
    return using({ as }, async (model, pause) => {
        enough(model.card, labels.length * count);
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
            await pause();
        };
        const { signal } = caller;
        return pixels(await model.sample(Uint32Array.from(labels), seed, 0, count, { ...options, onStep, signal }));
    });
}

function stylize({ as, rgba, width, height, ...options }: StylizeRequest & About, caller: Caller): Promise<Stylized> {
    return using({ as }, async (model, pause) => {
        limit("pixels", width * height, BYTES_OF_STYLIZED_PIXEL, budget(deviceMemory));
        const start = performance.now();
        const onTile = async (done: number, of: number) => {
            caller.tell({ what: "tiles", done, of });
            await pause();
        };
        const { signal } = caller;
        const mostPixels = options.mostPixels ?? tilePixels(deviceMemory);
        const stylized = await model.stylize(rgba, width, height, { ...options, mostPixels, onTile, signal });
        const { data } = stylized;
        stylized.free();
        return { width, height, rgba: data, milliseconds: performance.now() - start };
    });
}

function render(request: LatentRequest): Promise<Rendered> {
    return using(request, async (model) => {
        const start = performance.now();
        const values = await model.generateRaw(request.z);
        const size = pictureSize(model.card);
        return { width: size.width, height: size.height, rgba: toRgba(values, size), milliseconds: performance.now() - start };
    });
}

/** As `Pictures` have it: the nearest of 256 values, rows from the top, opaque. */
function toRgba(values: Float32Array, { channels, height, width }: PictureSize): Uint8ClampedArray<ArrayBuffer> {
    const plane = height * width;
    const count = values.length / channels / plane;
    const rgba = new Uint8ClampedArray(count * plane * 4).fill(255);
    for (let picture = 0; picture < count; picture++) {
        for (let channel = 0; channel < 3; channel++) {
            const from = (picture * channels + (channels === 1 ? 0 : channel)) * plane;
            for (let at = 0; at < plane; at++) {
                rgba[(picture * plane + at) * 4 + channel] = Math.floor(values[from + at]! * 255 + 0.5);
            }
        }
    }
    return rgba;
}

/** Throws where so many pictures of a model don't fit into the tab. */
function enough(card: ModelCard, count: number): void {
    const { channels, width, height } = pictureSize(card);
    limit("pictures", count, bytesOfPicture(channels, width, height), budget(deviceMemory));
}

function pictureSize({ picture }: ModelCard): PictureSize {
    if (!picture || !("fixed" in picture.size)) throw new Error("the model's card gives its pictures no size");
    return { channels: picture.channels, ...picture.size.fixed };
}

/** The longest latent vector whose directions are looked for: each of its elements needs pictures of its own. */
const LONGEST = 1024;

/** Pictures that are made at once between two looks at what else is asked for. */
const TRIALS_AT_ONCE = 16;

async function directions(request: DirectionsRequest, { tell }: Caller): Promise<Directions> {
    const { latent, size } = await using(request, async ({ card }) => ({ latent: card.latent, size: pictureSize(card) }));
    if (latent?.distribution !== "normal") throw new Error("only normal latent vectors have directions");
    const { dim } = latent;
    if (dim > LONGEST) {
        throw new Error(`directions are looked for in latent vectors of ${LONGEST} elements at most; this model's have ${dim}`);
    }
    let stream = 0n;
    const z = trials(dim, (count) => normals(0n, stream++, count));
    const jacobian = new MeanJacobian(dim, size);
    const pairs = z.length / dim;
    const length = size.channels * size.height * size.width;
    for (let first = 0; first < pairs; first += TRIALS_AT_ONCE / 2) {
        const some = z.subarray(first * dim, (first + TRIALS_AT_ONCE / 2) * dim);
        const both = new Float32Array(2 * some.length);
        both.set(some);
        both.set(some.map((value) => -value), some.length);
        const pictures = await using(request, (model) => model.generateRaw(both));
        const one = (index: number) => pictures.subarray(index * length, (index + 1) * length);
        const count = some.length / dim;
        for (let index = 0; index < count; index++) {
            jacobian.add(some.subarray(index * dim, (index + 1) * dim), one(index), one(count + index));
        }
        tell({ what: "pictures", done: 2 * (first + count), of: 2 * pairs });
        await nextTask();
    }
    return jacobian.strongest(request.count);
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

const calls: { [C in Call]: (argument: never, caller: Caller) => ReturnType<Calls[C]> | Promise<ReturnType<Calls[C]>> } = {
    inspect,
    load: async (request: LoadRequest, caller) => {
        try {
            return await load(request, caller);
        } catch (error) {
            throw new Error(`${request.name}: ${sentence(error)}`);
        }
    },
    keep: async (address: string) => {
        await download(address, () => {});
        return allKept();
    },
    draw,
    sample,
    stylize,
    render,
    directions,
    generateRaw: (request: LatentRequest) => using(request, (model) => model.generateRaw(request.z)),
    normals: ({ seed, stream, count }: NormalsRequest) => normals(seed, stream, count),
};

const enders = new Map<number, AbortController>();

void gpuLost.then(() => scope.postMessage({ gpuLost: true } satisfies Reply));

scope.addEventListener("message", ({ data: request }: MessageEvent<Request>) => {
    if ("files" in request) {
        know(request.files);
        if (request.gpusLost > MOST_GPUS_LOST) giveUpGpu(`the GPU was lost ${request.gpusLost} times`);
        return;
    }
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
    void (async () => {
        try {
            await initialised;
            ender.signal.throwIfAborted();
            const tell = (progress: Telling) => reply({ id, progress }, progress);
            const value = await calls[request.call](request.argument as never, { tell, signal: ender.signal });
            reply({ id, value }, value);
        } catch (error) {
            if (!ender.signal.aborted) await gpuSettled();
            reply({ id, error: sentence(error) }, undefined);
        } finally {
            enders.delete(id);
        }
    })();
});
