/** A place for one model on the page: the model it should hold, the one it holds, and the list to choose from. */

import type { Easel, EngineChoice, LoadedModel } from "../easel.js";
import { fileOf, locationOf, type ModelEntry, type Role, roleOfEntry, type Source } from "./models.js";
import { announce, clearError, PageError, showError } from "./notices.js";
import type { Stage } from "./stage.js";
import { words } from "./words.js";

export class Slot {
    /** The role of the model, and the name of the Worker's slot. */
    readonly role: Role;
    readonly #easel: Easel;
    readonly #stage: Stage;
    readonly #engine: () => EngineChoice;
    #loaded: { model: LoadedModel; engine: EngineChoice } | undefined;
    #source: Source | undefined;
    #requested: Source | undefined;
    #generation = 0;
    #loading: Promise<boolean> | undefined;

    /** Why the last load that failed did. */
    failure: unknown;
    /** Called when another model, or the same on another engine, is loaded. */
    onLoad: (model: LoadedModel) => void = () => {};
    /** Called after each load, successful or not. */
    onSettled: () => void = () => {};

    /** `engine` returns the engine chosen for the whole page. */
    constructor(easel: Easel, role: Role, stage: Stage, engine: () => EngineChoice) {
        this.#easel = easel;
        this.role = role;
        this.#stage = stage;
        this.#engine = engine;
    }

    get model(): LoadedModel | undefined {
        return this.#loaded?.model;
    }

    /** Where the model came from. */
    get source(): Source | undefined {
        return this.#source;
    }

    /** The model that was requested last. */
    get requested(): Source | undefined {
        return this.#requested;
    }

    /** The model's name in the address; undefined for the default model and for the user's files. */
    nameForAddress(models: ModelEntry[]): string | undefined {
        const source = this.#source ?? this.#requested;
        if (!source || source instanceof File) return undefined;
        return source === this.matching(models)[0] ? undefined : source.name;
    }

    /** The page's models for this slot. */
    matching(models: ModelEntry[]): ModelEntry[] {
        return models.filter((model) => roleOfEntry(model) === this.role);
    }

    /** Requests one of the page's models, by default the first. It is loaded when it is needed. */
    choose(models: ModelEntry[], name: string | undefined): void {
        const matching = this.matching(models);
        const found = name === undefined ? matching[0] : matching.find((model) => model.name === name);
        if (!found) throw new PageError(name === undefined ? words().noModel : words().unknownModel(name));
        this.#requested = found;
    }

    /** Loads the requested model if needed, on the page's engine. Returns whether there is a model. */
    async ready(signal?: AbortSignal): Promise<boolean> {
        if (this.#loading) return this.#loading;
        if (this.#loaded?.engine === this.#engine()) return true;
        const source = this.#source ?? this.#requested;
        return source ? this.load(source, this.#engine(), signal) : false;
    }

    /**
     * Loads a model. If that fails, the error is shown, and the model before stays, on its engine. `signal` aborts the
     * download.
     */
    load(source: Source, engine: EngineChoice, signal?: AbortSignal): Promise<boolean> {
        const loading = this.#load(source, engine, signal).finally(() => {
            if (this.#loading === loading) this.#loading = undefined;
        });
        this.#loading = loading;
        return loading;
    }

    async #load(source: Source, engine: EngineChoice, signal?: AbortSignal): Promise<boolean> {
        const generation = ++this.#generation;
        const before = this.#requested;
        this.#requested = source;
        clearError(this.role);
        this.#stage.busy(true);
        const name = fileOf(source);
        announce(words().loading(name));
        try {
            const model = await this.#easel.load(locationOf(source), {
                slot: this.role,
                kind: this.role === "denoiser" || this.role === "stylizer" ? this.role : "generator",
                engine,
                name,
                onProgress: (progress) => generation === this.#generation && this.#stage.progress(progress),
                signal,
            });
            this.#loaded = { model, engine };
            this.#source = source;
            // If another model was requested since, this one stays only if that load fails.
            while (this.#loading && generation !== this.#generation) await this.#loading;
            if (this.#loaded?.model !== model) return false;
            this.onLoad(model);
            return true;
        } catch (error) {
            if (generation === this.#generation) {
                this.#requested = this.#source ?? before;
                this.failure = error;
                if (!signal?.aborted) showError(error, this.role);
            }
            return false;
        } finally {
            if (generation === this.#generation) {
                this.#stage.progress(undefined);
                this.#stage.busy(false);
                this.onSettled();
            }
        }
    }

    /** The Worker has lost the model. It is loaded again when it is needed. */
    workerLost(): void {
        this.#loaded = undefined;
    }
}

/** The list of the models for a slot, shown if there is a choice. */
export class ModelPicker {
    readonly #field: HTMLElement;
    readonly #select: HTMLSelectElement;
    readonly #slot: Slot;
    readonly #models: ModelEntry[];
    readonly #other = new Option("", "");

    /** `onChange` is called with the model that the user chooses. */
    constructor(field: HTMLElement, slot: Slot, models: ModelEntry[], onChange: (model: ModelEntry) => void) {
        this.#field = field;
        this.#select = field.querySelector("select")!;
        this.#slot = slot;
        this.#models = slot.matching(models);
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
            if (model) onChange(model);
        });
    }

    /** Shows which model is loaded: one of the list, a file of the user's, or none. */
    update(): void {
        const { source, requested } = this.#slot;
        const own = source instanceof File;
        // Even a single model is a choice if the address names one that is not there.
        const unknown = source === undefined && requested === undefined && this.#models.length > 0;
        this.#field.hidden = this.#models.length + Number(own) < 2 && !unknown;
        this.#other.text = own ? words().ownModel(source.name) : words().chooseModel;
        this.#select.value = own ? "" : (source?.name ?? "");
    }
}
