/** Opening a model on the best engine for it. */

import { candidates, type Download, startEngine, withGpuTimeout } from "./engines.js";
import { chooseEngine, type EngineKind, type Measurement, type Trial } from "./probe.js";
import type { EngineChoice, EngineInUse } from "./protocol.js";
import { Model, type ModelCard } from "./wasm/easel_wasm.js";

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
    const trial: Trial<ModelOnEngine> = {
        open: (kind) => openOn(kind, choice !== "auto", bytes, download),
        // A session that cannot be released stays until the Worker ends, which is no reason to fail.
        close: ({ model }) => model.release().catch(() => {}),
    };
    const kinds = candidates(choice);
    const known = choice === "auto" ? best.get(modelKind) : undefined;
    const { kind, opened, rejections } = known
        ? await chooseEngine([known.kind, ...kinds.filter((kind) => kind !== known.kind)], trial, Infinity)
        : await chooseEngine(kinds, trial);
    const all = [...(known?.rejections ?? []), ...rejections];
    if (choice === "auto") best.set(modelKind, { kind, rejections: all });
    return { model: opened.model, engine: { kind, name: opened.name, rejections: all } };
}

/** Starts the engine, opens the model and checks it, which also warms it up: the first run is slow. */
async function openOn(
    kind: EngineKind,
    named: boolean,
    bytes: Uint8Array,
    download: Download,
): Promise<Measurement<ModelOnEngine>> {
    const engine = await startEngine(kind, named, download);
    const model = await withGpuTimeout(kind, named, Model.load(bytes, engine));
    try {
        await withGpuTimeout(kind, named, model.check());
        const start = performance.now();
        if (!named) await withGpuTimeout(kind, named, model.check());
        return { opened: { model, name: engine.name }, milliseconds: performance.now() - start };
    } catch (error) {
        // Not awaited: a GPU that does not answer will not answer this either.
        void model.release().catch(() => {});
        throw error;
    }
}
