/** Runs the styles' models, one of which is loaded at a time. */

import type { EngineChoice, EngineInUse, LoadedModel, TileProgress } from "../easel.js";
import type { ModelEntry, Source } from "./models.js";
import { announce, clearError, type EngineStatus } from "./notices.js";
import type { PhotoLayers } from "./photo-layers.js";
import { Slot } from "./slot.js";
import type { Pixels, Stage } from "./stage.js";
import { PERCENT } from "./stylize-settings.js";
import { type StyleWeight, titleOf } from "./styles.js";
import type { Host } from "./tab.js";
import { words } from "./words.js";

/** The weight of earlier frames in the average time that the badge shows. */
const SMOOTHING = 0.9;

/** The state of the current job: running, cancelled by the user, or neither. */
export interface JobStatus {
    state: "running" | "cancelled" | "done";
    tiles?: TileProgress | undefined;
}

/** A photo to stylize with a style. */
export interface StylizeJob {
    layers: PhotoLayers;
    source: Source;
    keepColor: boolean;
}

export class StylizeRunner {
    readonly #host: Host;
    readonly #onStatus: (status: JobStatus) => void;
    readonly #slot: Slot;
    readonly #models = new Map<Source, LoadedModel>();
    /** What is in progress: loading a style, or with a job, stylizing. */
    #current: { source: Source; job?: StylizeJob; controller: AbortController } | undefined;
    #milliseconds: number | undefined;
    /** The engine that was used last, which stays known when the Worker is lost. */
    engine: EngineInUse["kind"] | undefined;

    constructor(host: Host, stage: Stage, onStatus: (status: JobStatus) => void) {
        this.#host = host;
        this.#onStatus = onStatus;
        this.#slot = new Slot(host.easel, "stylizer", stage, () => host.engine());
        this.#slot.onLoad = (model) => {
            this.#models.set(this.#slot.source!, model);
            this.engine = model.engine.kind;
            this.resetTime();
        };
    }

    /** The owner of its errors. */
    get owner(): string {
        return this.#slot.role;
    }

    get engineStatus(): EngineStatus | undefined {
        const { model } = this.#slot;
        return model && { engine: model.engine, milliseconds: this.#milliseconds };
    }

    /** The page's own styles. */
    get shipped(): ModelEntry[] {
        return this.#slot.matching(this.#host.models);
    }

    /** A style's model, if it has been loaded. */
    model(source: Source | undefined): LoadedModel | undefined {
        return source && this.#models.get(source);
    }

    /** Switches to an engine. Returns whether that worked. */
    async setEngine(engine: EngineChoice): Promise<boolean> {
        const source = this.#slot.source ?? this.#slot.requested;
        return source ? this.#slot.load(source, engine) : true;
    }

    /** Loads a style's model unless it is loaded. Returns whether that worked; undefined if it was aborted. */
    async load(source: Source): Promise<boolean | undefined> {
        const controller = new AbortController();
        const { signal } = controller;
        this.#current = { source, controller };
        const requested = this.#slot.requested === source;
        const loading = requested ? this.#slot.ready(signal) : this.#slot.load(source, this.#host.engine(), signal);
        const loaded = await loading;
        this.#current = undefined;
        return signal.aborted ? undefined : loaded;
    }

    /** Why the last load that failed did. */
    get failure(): unknown {
        return this.#slot.failure;
    }

    workerLost(): void {
        this.#slot.workerLost();
    }

    /** Forgets the time per picture. */
    resetTime(): void {
        this.#milliseconds = undefined;
        this.#host.engineChanged();
    }

    /** Stylizes with the loaded model, and adds the result to the layers. Returns false if it was aborted. */
    async run(job: StylizeJob, styles: readonly StyleWeight[]): Promise<boolean> {
        const controller = new AbortController();
        const { layers, source, keepColor } = job;
        let tiles: TileProgress | undefined;
        this.#current = { source, job, controller };
        this.#onStatus({ state: "running" });
        try {
            const { engine } = this.#slot.model!;
            const result = await this.#host.easel.stylize(
                { ...layers.pixels, keepColor },
                {
                    onTile: (progress) => this.#onStatus({ state: "running", tiles: (tiles = progress) }),
                    signal: controller.signal,
                },
                this.owner,
            );
            layers.add(source, keepColor, result, styles);
            this.#milliseconds = result.milliseconds;
            this.#host.engineChanged();
            clearError(this.owner);
            announce(words().stylize.done(titleOf(source), engine.name));
            this.#onStatus({ state: "done" });
            return true;
        } catch (error) {
            const cancelled = controller.signal.reason === CANCELLED;
            this.#onStatus({ state: cancelled ? "cancelled" : "done", tiles });
            if (cancelled) announce(words().stylize.cancelled(tiles?.done ?? 0, tiles?.of ?? 1));
            if (!controller.signal.aborted) throw error;
            return false;
        } finally {
            this.#current = undefined;
        }
    }

    /** Stylizes a live frame with the loaded model. */
    async runFrame(pixels: Pixels, strength: number, keepColor: boolean): Promise<Pixels> {
        const request = { ...pixels, strength: strength / PERCENT, keepColor };
        const result = await this.#host.easel.stylize(request, {}, this.owner);
        const before = this.#milliseconds ?? result.milliseconds;
        this.#milliseconds = SMOOTHING * before + (1 - SMOOTHING) * result.milliseconds;
        this.#host.engineChanged();
        return result;
    }

    /** Cancels the current job on behalf of the user. */
    cancel(): void {
        if (this.#current?.job) this.#current.controller.abort(CANCELLED);
    }

    /** Aborts the current load or job unless it is needed. */
    abortUnless(needed: (source: Source, job?: StylizeJob) => boolean): void {
        if (this.#current && !needed(this.#current.source, this.#current.job)) this.#current.controller.abort();
    }
}

const CANCELLED = "cancelled";
