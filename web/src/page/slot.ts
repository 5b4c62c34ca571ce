/** A place for one model on the page: what it was asked to hold, what it holds, and the list to choose from. */

import type { Easel, EngineChoice, Loaded } from "../easel.js";
import { fileOf, type ModelEntry, type Role, roleOfEntry, type Source, whereabouts } from "./models.js";
import { announce, clearError, Problem, showError } from "./notices.js";
import type { Stage } from "./stage.js";
import { words } from "./words.js";

export class Slot {
    readonly #easel: Easel;
    readonly #role: Role;
    readonly #stage: Stage;
    readonly #engine: () => EngineChoice;
    #loaded: { model: Loaded; engine: EngineChoice } | undefined;
    #source: Source | undefined;
    #asked: Source | undefined;
    #loads = 0;
    #loading: Promise<boolean> | undefined;

    /** Why the last load that failed did. */
    failure: unknown;
    /** Told when another model, or the same on another engine, is there. */
    onLoaded: (model: Loaded) => void = () => {};
    /** Told when it is known anew what is held: after each load, successful or not. */
    onSettled: () => void = () => {};

    /** `engine` gives the engine that is wanted for the whole page. */
    constructor(easel: Easel, role: Role, stage: Stage, engine: () => EngineChoice) {
        this.#easel = easel;
        this.#role = role;
        this.#stage = stage;
        this.#engine = engine;
    }

    /** What the Worker calls the model. */
    get as(): Role {
        return this.#role;
    }

    get model(): Loaded | undefined {
        return this.#loaded?.model;
    }

    /** Where the model came from. */
    get source(): Source | undefined {
        return this.#source;
    }

    /** The name of a shipped model that is not the first; what an address needs to bring it back. */
    nameBeyondDefault(models: ModelEntry[]): string | undefined {
        const source = this.#source ?? this.#asked;
        if (!source || source instanceof File) return undefined;
        return source === this.fitting(models)[0] ? undefined : source.name;
    }

    /** The models for this place among those of the page. */
    fitting(models: ModelEntry[]): ModelEntry[] {
        return models.filter((model) => roleOfEntry(model) === this.#role);
    }

    /** Asks for a shipped model, the first that fits where no name is given. It is loaded when it is needed. */
    choose(models: ModelEntry[], name: string | undefined): void {
        const fitting = this.fitting(models);
        const found = name === undefined ? fitting[0] : fitting.find((model) => model.name === name);
        if (!found) throw new Problem(name === undefined ? words().noModel : words().noModelNamed(name));
        this.#asked = found;
    }

    get asked(): Source | undefined {
        return this.#asked;
    }

    /** Loads what was asked for unless it is there, on the engine that is wanted. Says whether there is a model. */
    async ready(signal?: AbortSignal): Promise<boolean> {
        if (this.#loading) return this.#loading;
        if (this.#loaded?.engine === this.#engine()) return true;
        const wanted = this.#source ?? this.#asked;
        return wanted ? this.load(wanted, this.#engine(), signal) : false;
    }

    /**
     * Loads a model. When that fails, the reason is shown, and the model before stays, with its engine. `signal` ends
     * the download.
     */
    load(wanted: Source, engine: EngineChoice, signal?: AbortSignal): Promise<boolean> {
        const loading = this.#load(wanted, engine, signal).finally(() => {
            if (this.#loading === loading) this.#loading = undefined;
        });
        this.#loading = loading;
        return loading;
    }

    async #load(wanted: Source, engine: EngineChoice, signal?: AbortSignal): Promise<boolean> {
        const turn = ++this.#loads;
        const before = this.#asked;
        this.#asked = wanted;
        clearError(this.#role);
        this.#stage.busy(true);
        const name = fileOf(wanted);
        announce(words().loading(name));
        try {
            const model = await this.#easel.load(whereabouts(wanted), {
                as: this.#role,
                kind: this.#role === "denoiser" || this.#role === "stylizer" ? this.#role : "generator",
                engine,
                name,
                onProgress: (progress) => turn === this.#loads && this.#stage.progress(progress),
                signal,
            });
            this.#loaded = { model, engine };
            this.#source = wanted;
            // Another was asked for since; this one stays where that fails.
            while (this.#loading && turn !== this.#loads) await this.#loading;
            if (this.#loaded?.model !== model) return false;
            this.onLoaded(model);
            return true;
        } catch (error) {
            if (turn === this.#loads) {
                this.#asked = this.#source ?? before;
                this.failure = error;
                if (!signal?.aborted) showError(error, this.#role);
            }
            return false;
        } finally {
            if (turn === this.#loads) {
                this.#stage.progress(undefined);
                this.#stage.busy(false);
                this.onSettled();
            }
        }
    }

    /** The Worker is gone, and the model with it; it is loaded again when it is needed. */
    lose(): void {
        this.#loaded = undefined;
    }
}

/** Lists the models that fit a slot, where there is a choice. `change` is told what the user chooses. */
export class Picker {
    readonly #field: HTMLElement;
    readonly #select: HTMLSelectElement;
    readonly #slot: Slot;
    readonly #models: ModelEntry[];
    readonly #other = new Option("", "");

    constructor(field: HTMLElement, slot: Slot, models: ModelEntry[], change: (model: ModelEntry) => void) {
        this.#field = field;
        this.#select = field.querySelector("select")!;
        this.#slot = slot;
        this.#models = slot.fitting(models);
        this.#other.hidden = true;
        this.#select.replaceChildren(
            this.#other,
            ...this.#models.map(({ name, title }) => {
                const option = new Option(title, name);
                option.lang = "en";
                return option;
            }),
        );
        this.#select.addEventListener("change", () => {
            const model = this.#models.find(({ name }) => name === this.#select.value);
            if (model) change(model);
        });
    }

    /** Makes the list say what is loaded: one of them, a file of the user's, or nothing yet. */
    show(): void {
        const { source, asked } = this.#slot;
        const own = source instanceof File;
        // A single model is something to choose where the address asks for one that is not there.
        const lost = source === undefined && asked === undefined && this.#models.length > 0;
        this.#field.hidden = this.#models.length + Number(own) < 2 && !lost;
        this.#other.text = own ? words().ownModel(source.name) : words().chooseModel;
        this.#select.value = own ? "" : (source?.name ?? "");
    }
}
