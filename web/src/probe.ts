/** Choosing an engine by measuring: engines that fail are skipped, and the fastest one is used. */

/** The project's own engine, or one of onnxruntime-web's. */
export type EngineKind = "easel" | "webgpu" | "wasm";

const NAMES: Record<EngineKind, string> = { easel: "Easel", webgpu: "WebGPU", wasm: "WASM" };

/** No faster engine is looked for if a run takes at most this many milliseconds. */
const FAST_ENOUGH = 4;

/** The engine that is tried only if no other can run the model: one thread of it takes twice as long as Easel. */
const LAST_RESORT: EngineKind = "wasm";

/** A model opened on an engine. */
export interface Measurement<T> {
    opened: T;
    /** The time of a run. */
    milliseconds: number;
}

/** How to try an engine. */
export interface Trial<T> {
    /** Throws if the engine cannot run the model, or computes it wrongly. */
    open(kind: EngineKind): Promise<Measurement<T>>;
    /** Frees a model that a faster engine replaces. */
    close(opened: T): Promise<void>;
}

export interface Choice<T> {
    kind: EngineKind;
    opened: T;
    /** Why other engines were not used, a sentence each. */
    rejections: string[];
}

/** The fastest of the engines. Once a run takes at most `enough` milliseconds, the rest are not tried. */
export async function chooseEngine<T>(
    kinds: readonly EngineKind[],
    trial: Trial<T>,
    enough = FAST_ENOUGH,
): Promise<Choice<T>> {
    const rejections: string[] = [];
    let best: (Measurement<T> & { kind: EngineKind }) | undefined;
    let reason: string | undefined;
    for (const kind of kinds) {
        if (best && (best.milliseconds <= enough || kind === LAST_RESORT)) break;
        try {
            const measured = { kind, ...(await trial.open(kind)) };
            if (best) {
                const [fast, slow] = measured.milliseconds < best.milliseconds ? [measured, best] : [best, measured];
                const times = `${time(slow)} ms a run here, ${NAMES[fast.kind]} ${time(fast)} ms`;
                rejections.push(`${NAMES[slow.kind]}: ${times}`);
                best = fast;
                await trial.close(slow.opened);
            } else {
                best = measured;
            }
        } catch (error) {
            rejections.push(firstLine(error));
            // The last resort runs every model in every browser, so its error is about the model.
            if (reason === undefined || kind === LAST_RESORT) reason = firstLine(error);
        }
    }
    if (!best) throw new Error(reason);
    return { kind: best.kind, opened: best.opened, rejections };
}

function time({ milliseconds }: Measurement<unknown>): string {
    return milliseconds.toFixed(milliseconds < 10 ? 1 : 0);
}

/** An error's message in one line. */
export function firstLine(error: unknown): string {
    const text = error instanceof Error ? error.message : String(error);
    return text.split("\n", 1)[0] || "failed without a message";
}
