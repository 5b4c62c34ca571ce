/** The Worker: it owns the models and the engines. */

import { DownloadCache } from "./cache.js";
import { type Directions, MeanJacobian, type PictureSize, trials } from "./directions.js";
import { disableGpu, gpuLost, waitForGpuLoss } from "./engines.js";
import { BYTES_OF_STYLIZED_PIXEL, budget, bytesOfPicture, limit, MAX_MODEL_BYTES, size, tilePixels } from "./memory.js";
import { Mutex } from "./mutex.js";
import { openModel } from "./open-model.js";
import { firstLine } from "./probe.js";
import type {
    Call,
    Calls,
    DirectionsRequest,
    DrawRequest,
    GridPicture,
    LatentsRequest,
    LoadedModel,
    LoadRequest,
    NormalsRequest,
    PictureBatch,
    PointsRequest,
    Progress,
    Reply,
    Request,
    SampleRequest,
    SlotRequest,
    StylizeRequest,
    TimedPictures,
} from "./protocol.js";
import { runtime, startRuntime } from "./runtime.js";
import type { Model, ModelCard, Pictures, SamplingStep } from "./wasm/easel_wasm.js";

/** The caller of a function. */
interface Caller {
    report(progress: Progress): void;
    /** Resolves when the page has handled every report so far, or has aborted the call. */
    handled(): Promise<void>;
    /** Aborts the call. */
    signal: AbortSignal;
}

/** In GB; not all browsers report it. */
const { deviceMemory } = navigator as { deviceMemory?: number };

/** A GPU that was lost once may work again. */
const MAX_GPU_LOSSES = 1;

/** The time between two pictures of a sampling that the eye can tell apart. */
const MILLISECONDS_PER_STEP = 30;

const scope = self as unknown as DedicatedWorkerGlobalScope;
const cache = new DownloadCache(new URL("../", import.meta.url).href);

/** Resolves when the page has sent the module and it has started. */
const started = new Promise<void>((resolve, reject) => {
    const receive = ({ data }: MessageEvent<Request>) => {
        if (!("module" in data)) return;
        scope.removeEventListener("message", receive);
        startRuntime(data).then(resolve, reject);
    };
    scope.addEventListener("message", receive);
});
// A failure is reported by the first call; before that, nobody handles it.
started.catch(() => {});

/** A place for a model, which serves one call at a time. */
interface ModelSlot {
    model: Model | undefined;
    mutex: Mutex;
}

const slots = new Map<string, ModelSlot>();
/** Engines run one model at a time. */
const engineMutex = new Mutex();

function slotOf(name: string): ModelSlot {
    let slot = slots.get(name);
    if (!slot) slots.set(name, (slot = { model: undefined, mutex: new Mutex() }));
    return slot;
}

/** Work with a model; it calls `pause` to let other models use the engine until a promise resolves. */
type ModelWork<T> = (model: Model, pause: (until: Promise<void>) => Promise<void>) => Promise<T>;

/** Does work with a slot's model while no other call uses it. */
async function withModel<T>({ slot: name }: SlotRequest, work: ModelWork<T>): Promise<T> {
    const slot = slotOf(name);
    const releaseSlot = await slot.mutex.acquire();
    let releaseEngine = await engineMutex.acquire();
    const pause = async (until: Promise<void>) => {
        releaseEngine();
        await until;
        releaseEngine = await engineMutex.acquire();
    };
    try {
        if (!slot.model) throw new Error("no model is loaded");
        return await work(slot.model, pause);
    } finally {
        releaseEngine();
        releaseSlot();
    }
}

async function load(request: LoadRequest, caller: Caller): Promise<LoadedModel> {
    const slot = slotOf(request.slot);
    const releaseSlot = await slot.mutex.acquire();
    try {
        return await loadInto(slot, request, caller);
    } finally {
        releaseSlot();
    }
}

async function loadInto(slot: ModelSlot, request: LoadRequest, { report, signal }: Caller): Promise<LoadedModel> {
    const { source } = request;
    const bytes =
        typeof source === "string"
            ? await cache.download(source, (progress) => report({ what: "model", ...progress }), signal)
            : await read(source);
    signal.throwIfAborted();
    const card = runtime.readCard(bytes, request.kind);

    const releaseEngine = await engineMutex.acquire();
    try {
        const download = (address: string) =>
            cache.download(address, (progress) => report({ what: "engine", ...progress }));
        const { model, engine } = await openModel(bytes, card, request.engine, download);
        // A session that cannot be released stays until the Worker ends, which is no reason to fail.
        await slot.model?.release().catch(() => {});
        slot.model = model;
        return { card, bytes: bytes.length, engine };
    } finally {
        releaseEngine();
    }
}

async function read(file: Blob): Promise<Uint8Array> {
    if (file.size > MAX_MODEL_BYTES) {
        throw new Error(`the file has ${size(file.size)}; this page opens files of at most ${size(MAX_MODEL_BYTES)}`);
    }
    try {
        return new Uint8Array(await file.arrayBuffer());
    } catch {
        throw new Error("cannot be read; was it moved or changed?");
    }
}

/** The card of a model of any kind that makes pictures. */
async function inspect(file: Blob): Promise<ModelCard> {
    return runtime.readCard(await read(file));
}

function draw(request: DrawRequest): Promise<GridPicture> {
    return withModel(request, async (model) => {
        const { seed, count } = request;
        checkMemory(model.card, count);
        const start = performance.now();
        const pictures = await model.generate(seed, 0, count);
        try {
            const grid = pictures.grid();
            const { width, height, data: rgba } = grid;
            grid.free();
            return { width, height, rgba, count, milliseconds: performance.now() - start };
        } finally {
            pictures.free();
        }
    });
}

function sample(request: SampleRequest & SlotRequest, { report, signal }: Caller): Promise<PictureBatch> {
    const { labels, seed, count, slot, ...options } = request;
    const wrong = [...labels, count].find((number) => !Number.isInteger(number) || number < 0);
    if (wrong !== undefined) throw new Error(`${wrong} is not a label or a number of pictures; give whole numbers`);
    return withModel({ slot }, async (model, pause) => {
        checkMemory(model.card, labels.length * count);
        let reported = -Infinity;
        const onStep = async (step: SamplingStep) => {
            const now = performance.now();
            try {
                if (now - reported >= MILLISECONDS_PER_STEP || step.done === step.of) {
                    reported = now;
                    const { done, of, first } = step;
                    report({ what: "step", done, of, first, ...pixels(step.pictures()) });
                }
            } finally {
                step.free();
            }
            await pause(nextTask());
        };
        return pixels(await model.sample(Uint32Array.from(labels), seed, 0, count, { ...options, onStep, signal }));
    });
}

function stylize(request: StylizeRequest & SlotRequest, { report, handled, signal }: Caller): Promise<TimedPictures> {
    const { slot, rgba, width, height, ...options } = request;
    return withModel({ slot }, async (model, pause) => {
        limit("pixels", width * height, BYTES_OF_STYLIZED_PIXEL, budget(deviceMemory));
        const start = performance.now();
        const onTile = async (done: number, of: number) => {
            report({ what: "tiles", done, of });
            // A tile takes long: the page gets the chance to abort the call before the next one begins.
            if (done < of) await pause(handled());
        };
        const maxPixels = options.maxPixels ?? tilePixels(deviceMemory);
        const stylized = await model.stylize(rgba, width, height, { ...options, maxPixels, onTile, signal });
        const { width: wide, height: high, data } = stylized;
        stylized.free();
        return { width: wide, height: high, rgba: data, milliseconds: performance.now() - start };
    });
}

function render(request: PointsRequest): Promise<TimedPictures> {
    return withModel(request, async (model) => {
        checkMemory(model.card, request.points.length);
        const start = performance.now();
        const pictures = pixels(await model.render(latentsOf(model, request)));
        return { ...pictures, milliseconds: performance.now() - start };
    });
}

function latentsOf(model: Model, { points }: PointsRequest): Float32Array {
    const dim = model.latentLength;
    const latents = new Float32Array(points.length * dim);
    points.forEach(({ from, to, t, offset }, index) => {
        const z = model.latentBetween(from, to, t);
        offset?.forEach((value, at) => (z[at]! += value));
        latents.set(z, index * dim);
    });
    return latents;
}

/** Throws if so many pictures of a model do not fit into the tab. */
function checkMemory(card: ModelCard, count: number): void {
    const { channels, width, height } = pictureSize(card);
    limit("pictures", count, bytesOfPicture(channels, width, height), budget(deviceMemory));
}

function pictureSize({ picture }: ModelCard): PictureSize {
    if (!picture || !("fixed" in picture.size)) throw new Error("the model's card gives no picture size");
    return { channels: picture.channels, ...picture.size.fixed };
}

/** The longest latent vector for which directions are computed: each element takes more pictures. */
const MAX_LATENT_LENGTH = 1024;

/** The pictures that are generated before other calls may use the engine. */
const TRIAL_BATCH = 16;

async function directions(request: DirectionsRequest, { report }: Caller): Promise<Directions> {
    const { latent, size } = await withModel(request, async ({ card }) => {
        return { latent: card.latent, size: pictureSize(card) };
    });
    if (latent?.distribution !== "normal") throw new Error("only generators of normal latent vectors have directions");
    const { dim } = latent;
    if (dim > MAX_LATENT_LENGTH) {
        throw new Error(`directions need latent vectors of at most ${MAX_LATENT_LENGTH} elements; this model's have ${dim}`);
    }
    let stream = 0n;
    const z = trials(dim, (count) => runtime.normals(0n, stream++, count));
    const jacobian = new MeanJacobian(dim, size);
    const pairs = z.length / dim;
    const length = size.channels * size.height * size.width;
    for (let first = 0; first < pairs; first += TRIAL_BATCH / 2) {
        const batch = z.subarray(first * dim, (first + TRIAL_BATCH / 2) * dim);
        const both = new Float32Array(2 * batch.length);
        both.set(batch);
        both.set(batch.map((value) => -value), batch.length);
        const pictures = await withModel(request, (model) => model.generateRaw(both));
        const pictureAt = (index: number) => pictures.subarray(index * length, (index + 1) * length);
        const count = batch.length / dim;
        for (let index = 0; index < count; index++) {
            jacobian.add(batch.subarray(index * dim, (index + 1) * dim), pictureAt(index), pictureAt(count + index));
        }
        report({ what: "pictures", done: 2 * (first + count), of: 2 * pairs });
        await nextTask();
    }
    return jacobian.strongest(request.count);
}

/** Frees the pictures and returns their pixels. */
function pixels(pictures: Pictures): PictureBatch {
    const { width, height, data: rgba } = pictures;
    pictures.free();
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
            throw new Error(`${request.name}: ${firstLine(error)}`);
        }
    },
    prefetch: async (address: string) => {
        await cache.download(address, () => {});
        return cache.complete;
    },
    draw,
    sample,
    stylize,
    render,
    latents: (request: PointsRequest) => withModel(request, async (model) => latentsOf(model, request)),
    directions,
    generateRaw: (request: LatentsRequest) => withModel(request, (model) => model.generateRaw(request.z)),
    normals: ({ seed, stream, count }: NormalsRequest) => runtime.normals(seed, stream, count),
};

/** A call in progress. */
interface ActiveCall {
    controller: AbortController;
    /** Reports that the page has not handled yet. */
    unhandled: number;
    /** Called when the page has handled the last of them, or has aborted the call. */
    resume: () => void;
}

const active = new Map<number, ActiveCall>();

void gpuLost.then(() => scope.postMessage({ gpuLost: true } satisfies Reply));

scope.addEventListener("message", ({ data: request }: MessageEvent<Request>) => {
    if ("files" in request) {
        cache.setFiles(request.files);
        if (request.gpuLosses > MAX_GPU_LOSSES) disableGpu(`the GPU was lost ${request.gpuLosses} times`);
    } else if ("call" in request) {
        void answer(request);
    } else if ("id" in request) {
        const call = active.get(request.id);
        if (!call) return;
        if ("abort" in request) call.controller.abort();
        else call.unhandled -= 1;
        if (call.unhandled === 0 || call.controller.signal.aborted) call.resume();
    }
});

async function answer({ id, call: name, argument }: Extract<Request, { call: Call }>): Promise<void> {
    const call: ActiveCall = { controller: new AbortController(), unhandled: 0, resume: () => {} };
    active.set(id, call);
    const { signal } = call.controller;
    const reply = (reply: Reply, content?: unknown) => {
        const rgba = typeof content === "object" && content && "rgba" in content ? content.rgba : undefined;
        scope.postMessage(reply, rgba ? [(rgba as Uint8ClampedArray).buffer] : []);
    };
    const report = (progress: Progress) => {
        call.unhandled += 1;
        reply({ id, progress }, progress);
    };
    const handled = async () => {
        if (call.unhandled > 0 && !signal.aborted) await new Promise<void>((resolve) => (call.resume = resolve));
    };
    try {
        await started;
        signal.throwIfAborted();
        const value = await calls[name](argument as never, { report, handled, signal });
        reply({ id, value }, value);
    } catch (error) {
        if (!signal.aborted) await waitForGpuLoss();
        reply({ id, error: firstLine(error) });
    } finally {
        active.delete(id);
    }
}
