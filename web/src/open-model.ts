/** Opening a model on the best engine for it. */

import { candidates, type Download, startBackend, withGpuTimeout } from "./engines.js";
import { chooseEngine, type EngineKind, firstLine, type Trial } from "./probe.js";
import type { EngineChoice, EngineInUse } from "./protocol.js";
import { runtime } from "./runtime.js";
import type { Model, ModelCard } from "./wasm/easel_wasm.js";

/** A model that is open, checked and warmed up. */
export interface OpenModel {
    model: Model;
    engine: EngineInUse;
}

interface ModelOnEngine {
    model: Model;
    name: string;
}

/** The best engine for each kind of model, once measured. */
const best = new Map<ModelCard["kind"], { kind: EngineKind; rejections: string[] }>();

/** Opens a model on the engine named; with `auto` the engines are measured, once for each kind of model. */
export async function openModel(
    bytes: Uint8Array,
    { kind: modelKind }: ModelCard,
    choice: EngineChoice,
    download: Download,
): Promise<OpenModel> {
    const named = choice !== "auto";
    const known = named ? undefined : best.get(modelKind);
    const measures = !named && !known;
    let runsOnEasel = false;
    const trial: Trial<ModelOnEngine> = {
        async open(kind) {
            const opened = await openOn(kind, named, bytes, download);
            runsOnEasel ||= kind === "easel";
            return { opened, milliseconds: measures ? await measure(opened, kind) : 0 };
        },
        // A session that cannot be released stays until the Worker ends, which is no reason to fail.
        close: ({ model }) => model.release().catch(() => {}),
    };
    const kinds = candidates(choice);
    const { kind, opened, rejections } = known
        ? await chooseEngine([known.kind, ...kinds.filter((kind) => kind !== known.kind)], trial, Infinity)
        : await chooseEngine(kinds, trial);
    const all = [...(known?.rejections ?? []), ...rejections];
    // What is used for a model that Easel cannot run says nothing about others.
    if (measures && runsOnEasel) best.set(modelKind, { kind, rejections: all });
    return { model: opened.model, engine: { kind, name: opened.name, rejections: all } };
}

/** Starts the engine, opens the model and checks it. */
async function openOn(kind: EngineKind, named: boolean, bytes: Uint8Array, download: Download): Promise<ModelOnEngine> {
    const backend = kind === "easel" ? undefined : await startBackend(kind, named, download);
    const model = await withGpuTimeout(kind, named, runtime.Model.load(bytes, backend)).catch((error: unknown) => {
        throw backend ? error : new Error(`Easel: ${firstLine(error)}`);
    });
    try {
        await withGpuTimeout(kind, named, model.check());
        return { model, name: backend?.name ?? model.engine };
    } catch (error) {
        // Not awaited: a GPU that does not answer will not answer this either.
        void model.release().catch(() => {});
        throw error;
    }
}

/** The time of a run of ordinary size, after one that warms up. */
async function measure({ model }: ModelOnEngine, kind: EngineKind): Promise<number> {
    try {
        await withGpuTimeout(kind, false, model.rehearse());
        const start = performance.now();
        await withGpuTimeout(kind, false, model.rehearse());
        return performance.now() - start;
    } catch (error) {
        void model.release().catch(() => {});
        throw error;
    }
}
