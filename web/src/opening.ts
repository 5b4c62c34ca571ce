/** Opening a model on the engine that suits it here. */

import { answered, candidates, start } from "./engines.js";
import { choose, type EngineKind, type Trial, type Tried } from "./probe.js";
import type { EngineChoice, EngineInUse, Progress } from "./protocol.js";
import { Model, type ModelCard } from "./wasm/easel_wasm.js";

/** A model that is open, checked and warm. */
export interface Opened {
    model: Model;
    engine: EngineInUse;
}

interface OnEngine {
    model: Model;
    name: string;
}

/** What was found best for a kind of model, for as long as the Worker lives. */
const best = new Map<ModelCard["kind"], { kind: EngineKind; passedOver: string[] }>();

/** Opens a model on the engine that is named; on `auto` the engines are tried, for each kind of model once. */
export async function open(
    bytes: Uint8Array,
    { kind: what }: ModelCard,
    wanted: EngineChoice,
    tell: (progress: Progress) => void,
): Promise<Opened> {
    const trial: Trial<OnEngine> = {
        open: (kind) => openOn(kind, wanted !== "auto", bytes, tell),
        // A session that cannot be given back is lost with the Worker; the faster one works all the same.
        drop: ({ model }) => model.release().catch(() => {}),
    };
    const kinds = candidates(wanted);
    const known = wanted === "auto" ? best.get(what) : undefined;
    const { kind, opened, passedOver } = known
        ? await choose([known.kind, ...kinds.filter((kind) => kind !== known.kind)], trial, Infinity)
        : await choose(kinds, trial);
    const why = [...(known?.passedOver ?? []), ...passedOver];
    if (wanted === "auto") best.set(what, { kind, passedOver: why });
    return { model: opened.model, engine: { kind, name: opened.name, passedOver: why } };
}

/** Starts the engine and opens the model. What cannot run or computes wrongly is found here, and the first run is slow. */
async function openOn(
    kind: EngineKind,
    chosen: boolean,
    bytes: Uint8Array,
    tell: (progress: Progress) => void,
): Promise<Tried<OnEngine>> {
    const engine = await start(kind, chosen, (loading) => tell({ what: "engine", ...loading }));
    const model = await answered(kind, chosen, Model.load(bytes, engine));
    try {
        await answered(kind, chosen, model.check());
        const begun = performance.now();
        if (!chosen) await answered(kind, chosen, model.check());
        return { opened: { model, name: engine.name }, milliseconds: performance.now() - begun };
    } catch (error) {
        // A GPU that gave no answer gives none to this either.
        void model.release().catch(() => {});
        throw error;
    }
}
