/** Choosing an engine by trying: those that fail are passed over, and the faster one is kept. */

export type EngineKind = "webgpu" | "wasm";

const NAMES: Record<EngineKind, string> = { webgpu: "WebGPU", wasm: "WASM" };

/** An engine on which a run takes no longer than this many milliseconds is fast enough not to look for a faster one. */
const FAST = 4;

/** A model that is open on an engine. */
export interface Tried<T> {
    opened: T;
    /** What a run takes. */
    milliseconds: number;
}

/** What can be done with an engine. */
export interface Trial<T> {
    /** Throws where this engine cannot run the model, or computes it wrongly. */
    open(kind: EngineKind): Promise<Tried<T>>;
    /** Gives a model back that another engine runs faster. */
    drop(opened: T): Promise<void>;
}

export interface Choice<T> {
    kind: EngineKind;
    opened: T;
    /** Why others were passed over, a sentence each. */
    passedOver: string[];
}

/** The fastest of the engines. Once a run takes `enough` milliseconds or less, those that follow are not tried. */
export async function choose<T>(kinds: readonly EngineKind[], trial: Trial<T>, enough = FAST): Promise<Choice<T>> {
    const passedOver: string[] = [];
    let best: (Tried<T> & { kind: EngineKind }) | undefined;
    let reason: string | undefined;
    for (const kind of kinds) {
        if (best && best.milliseconds <= enough) break;
        try {
            const tried = { kind, ...(await trial.open(kind)) };
            if (best) {
                const [fast, slow] = tried.milliseconds < best.milliseconds ? [tried, best] : [best, tried];
                const runs = `${time(slow)} ms a run here, ${NAMES[fast.kind]} ${time(fast)} ms`;
                passedOver.push(`${NAMES[slow.kind]}: ${runs}`);
                best = fast;
                await trial.drop(slow.opened);
            } else {
                best = tried;
            }
        } catch (error) {
            passedOver.push(sentence(error));
            // What is wrong with the model is told by the engine that every browser has.
            if (reason === undefined || kind === "wasm") reason = sentence(error);
        }
    }
    if (!best) throw new Error(reason);
    return { kind: best.kind, opened: best.opened, passedOver };
}

function time({ milliseconds }: Tried<unknown>): string {
    return milliseconds.toFixed(milliseconds < 10 ? 1 : 0);
}

/** An error in one line. */
export function sentence(error: unknown): string {
    const text = error instanceof Error ? error.message : String(error);
    return text.split("\n", 1)[0] || "failed without a word";
}
