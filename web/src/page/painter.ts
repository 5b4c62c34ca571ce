/** The work of the styles' models, of which one at a time is loaded. */

import type { EngineChoice, EngineInUse, Loaded, TilesDone } from "../easel.js";
import type { ModelEntry, Source } from "./models.js";
import { announce, clearError, type Running } from "./notices.js";
import type { Plate } from "./plate.js";
import { Slot } from "./slot.js";
import type { Pixels, Stage } from "./stage.js";
import { WHOLE } from "./stylize-settings.js";
import { titleOf, type Wanted } from "./styles.js";
import type { Host } from "./tab.js";
import { words } from "./words.js";

/** Of the frames before, in the time that the badge shows: single frames vary. */
const INERTIA = 0.9;

/** How far the work is: under way, given up by the user, or neither. */
export interface Work {
    state: "busy" | "cancelled" | "done";
    tiles?: TilesDone | undefined;
}

/** What a picture is painted with. */
export interface Job {
    plate: Plate;
    source: Source;
    keepColor: boolean;
}

export class Painter {
    readonly #host: Host;
    readonly #tell: (work: Work) => void;
    readonly #slot: Slot;
    readonly #models = new Map<Source, Loaded>();
    #doing: { source: Source; job?: Job; ender: AbortController } | undefined;
    #milliseconds: number | undefined;
    /** The last engine that ran, which is known also when the Worker is gone. */
    engine: EngineInUse["kind"] | undefined;

    /** `tell` is told how far the work is. */
    constructor(host: Host, stage: Stage, tell: (work: Work) => void) {
        this.#host = host;
        this.#tell = tell;
        this.#slot = new Slot(host.easel, "stylizer", stage, () => host.engine());
        this.#slot.onLoaded = (model) => {
            this.#models.set(this.#slot.source!, model);
            this.engine = model.engine.kind;
            this.again();
        };
    }

    /** Whose its errors are. */
    get owner(): string {
        return this.#slot.as;
    }

    get running(): Running | undefined {
        const { model } = this.#slot;
        return model && { engine: model.engine, milliseconds: this.#milliseconds };
    }

    /** The styles that come with the page. */
    get shipped(): ModelEntry[] {
        return this.#slot.fitting(this.#host.models);
    }

    /** A style's model, where it has been loaded. */
    model(source: Source | undefined): Loaded | undefined {
        return source && this.#models.get(source);
    }

    /** Changes to an engine. Says whether that worked. */
    async use(engine: EngineChoice): Promise<boolean> {
        const wanted = this.#slot.source ?? this.#slot.asked;
        return wanted ? this.#slot.load(wanted, engine) : true;
    }

    /** Loads a style's model unless it is there. Says whether that worked; undefined where it was given up. */
    async hold(source: Source): Promise<boolean | undefined> {
        const ender = new AbortController();
        const { signal } = ender;
        this.#doing = { source, ender };
        const wanted = this.#slot.asked === source;
        const held = await (wanted ? this.#slot.ready(signal) : this.#slot.load(source, this.#host.engine(), signal));
        this.#doing = undefined;
        return signal.aborted ? undefined : held;
    }

    /** Why the last model that could not be held could not. */
    get failure(): unknown {
        return this.#slot.failure;
    }

    lose(): void {
        this.#slot.lose();
    }

    /** What comes is of another kind: the time that it takes is not known yet. */
    again(): void {
        this.#milliseconds = undefined;
        this.#host.ran();
    }

    /** Has the style that is held paint a picture, onto its plate. Says whether it was not given up. */
    async paint(job: Job, wanted: readonly Wanted[]): Promise<boolean> {
        const ender = new AbortController();
        const { plate, source, keepColor } = job;
        let tiles: TilesDone | undefined;
        this.#doing = { source, job, ender };
        this.#tell({ state: "busy" });
        try {
            const { engine } = this.#slot.model!;
            const onTile = (told: TilesDone) => this.#tell({ state: "busy", tiles: (tiles = told) });
            const painted = await this.#host.easel.stylize(
                { ...plate.pixels, keepColor },
                { onTile, signal: ender.signal },
                this.owner,
            );
            plate.put(source, keepColor, painted.rgba, wanted);
            this.#milliseconds = painted.milliseconds;
            this.#host.ran();
            clearError(this.owner);
            announce(words().stylize.done(titleOf(source), engine.name));
            this.#tell({ state: "done" });
            return true;
        } catch (error) {
            const cancelled = ender.signal.reason === CANCELLED;
            this.#tell({ state: cancelled ? "cancelled" : "done", tiles });
            if (cancelled) announce(words().stylize.cancelled(tiles?.done ?? 0, tiles?.of ?? 1));
            if (!ender.signal.aborted) throw error;
            return false;
        } finally {
            this.#doing = undefined;
        }
    }

    /** Has the style that is held paint a frame of a live picture. */
    async frame(pixels: Pixels, strength: number, keepColor: boolean): Promise<Pixels> {
        const request = { ...pixels, strength: strength / WHOLE, keepColor };
        const painted = await this.#host.easel.stylize(request, {}, this.owner);
        const before = this.#milliseconds ?? painted.milliseconds;
        this.#milliseconds = INERTIA * before + (1 - INERTIA) * painted.milliseconds;
        this.#host.ran();
        return painted;
    }

    /** The user wants no more of it. */
    cancel(): void {
        if (this.#doing?.job) this.#doing.ender.abort(CANCELLED);
    }

    /** Gives up what is of no use any more. */
    drop(useful: (source: Source, job?: Job) => boolean): void {
        if (this.#doing && !useful(this.#doing.source, this.#doing.job)) this.#doing.ender.abort();
    }
}

const CANCELLED = "cancelled";
