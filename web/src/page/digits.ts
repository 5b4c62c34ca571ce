/** The tab of digits: pictures of a class sampled from a denoiser, beside those of a GAN. */

import type { EngineChoice, ModelCard, SampleStep } from "../easel.js";
import { show as showCard } from "./card.js";
import { DigitsForm } from "./digits-form.js";
import { fromQuery, Limits, type ResolvedSettings } from "./digits-settings.js";
import { element } from "./elements.js";
import { GanPanel } from "./gan.js";
import { argumentOf, quoted, roleOf, type Source } from "./models.js";
import { announce, clearError, type EngineStatus, showError } from "./notices.js";
import { ofClasses, PictureGrid, square } from "./picture-grid.js";
import { ModelPicker, Slot } from "./slot.js";
import { Stage } from "./stage.js";
import { enableLink, type Host, type Tab } from "./tab.js";
import { words } from "./words.js";

export class DigitsTab implements Tab {
    readonly name = "digits";
    readonly #host: Host;
    readonly #stage = new Stage(element("digits-figure", HTMLElement));
    readonly #slot: Slot;
    readonly #gan: GanPanel;
    readonly #picker: ModelPicker;
    readonly #form: DigitsForm;
    readonly #download = element("digits-download", HTMLButtonElement);
    /** The models in the address, until they have been looked up. */
    #names: { model: string | undefined; gan: string | undefined } | undefined;
    #limits: Limits | undefined;
    #controller: AbortController | undefined;
    #drawn: ResolvedSettings | undefined;
    /** Whether the pictures on the screen are those of another model. */
    #stale = true;
    #milliseconds: number | undefined;

    constructor(host: Host, query: URLSearchParams) {
        this.#host = host;
        this.#names = { model: query.get("model") ?? undefined, gan: query.get("gan") ?? undefined };
        const engine = () => host.engine();
        this.#slot = new Slot(host.easel, "denoiser", this.#stage, engine);
        this.#slot.onLoad = ({ card }) => this.#modelLoaded(card);
        this.#picker = new ModelPicker(element("digits-model-field", HTMLElement), this.#slot, host.models, (model) =>
            void this.#load(model),
        );
        this.#slot.onSettled = () => this.#updateModels();
        this.#gan = new GanPanel(host.easel, host.models, engine, (model) => void this.#loadGan(model, host.engine()));
        this.#gan.slot.onSettled = () => this.#updateModels();
        this.#form = new DigitsForm(fromQuery(query), {
            onDraw: () => void this.#draw(),
            onCancel: () => this.#controller?.abort(),
            onSeed: () => void this.#drawGan(),
        });
        this.#download.addEventListener("click", () => void this.#save());
        this.#layout();
    }

    get engineStatus(): EngineStatus | undefined {
        const { model } = this.#slot;
        if (model) return { engine: model.engine, milliseconds: this.#milliseconds };
        const gan = this.#gan.slot.model;
        return gan && { engine: gan.engine, milliseconds: this.#gan.milliseconds };
    }

    async show(): Promise<void> {
        this.#choose();
        // The first load also downloads the engine; the large figure shows its progress.
        const ready = this.#slot.requested !== undefined && (await this.#slot.ready());
        await Promise.all([this.#drawGan(), ready && this.#stale && this.#draw()]);
    }

    hide(): void {}

    query(): URLSearchParams {
        const { settings } = this.#form;
        const resolved = this.#limits?.resolve(settings) ?? settings;
        const query = new URLSearchParams();
        query.set("class", resolved.cls === undefined ? "all" : String(resolved.cls));
        query.set("n", String(resolved.count));
        query.set("seed", String(resolved.seed));
        query.set("sampler", resolved.sampler);
        if (resolved.steps !== undefined) query.set("steps", String(resolved.steps));
        if (resolved.guidance !== undefined && (this.#limits?.guided ?? true)) query.set("guidance", String(resolved.guidance));
        const model = this.#names?.model ?? this.#slot.nameForAddress(this.#host.models);
        if (model !== undefined) query.set("model", model);
        const gan = this.#names?.gan ?? this.#gan.slot.nameForAddress(this.#host.models);
        if (gan !== undefined) query.set("gan", gan);
        return query;
    }

    async setEngine(engine: EngineChoice): Promise<boolean> {
        const denoiser = this.#slot.source ?? this.#slot.requested;
        const gan = this.#gan.slot.source ?? this.#gan.slot.requested;
        this.#controller?.abort();
        const done = denoiser ? await this.#slot.load(denoiser, engine) : true;
        return done && gan ? this.#gan.slot.load(gan, engine) : done;
    }

    async open(file: File, card: ModelCard): Promise<void> {
        try {
            this.#choose();
        } catch {
            // The page lacks a model that the address names; the user has opened another.
            this.#names = undefined;
        }
        if (roleOf(card) === "denoiser") await this.#load(file);
        else await this.#loadGan(file, this.#host.engine());
    }

    workerLost(): void {
        this.#slot.workerLost();
        this.#gan.slot.workerLost();
        this.#stale = true;
    }

    localise(): void {
        this.#form.localise();
        this.#updateModels();
        this.#label();
        this.#command();
        const { model } = this.#slot;
        if (model) showCard(element("digits-card", HTMLDListElement), model);
    }

    key(key: string): boolean {
        return this.#form.key(key);
    }

    /** Chooses the models to load, once. */
    #choose(): void {
        if (!this.#names) return;
        const { models } = this.#host;
        const { model, gan } = this.#names;
        const [denoiserSlot, ganSlot] = [this.#slot, this.#gan.slot];
        // One of them can be missing, but not both.
        if (gan !== undefined || ganSlot.matching(models).length > 0) ganSlot.choose(models, gan);
        if (model !== undefined || denoiserSlot.matching(models).length > 0 || !ganSlot.requested) {
            this.#layout(true);
            denoiserSlot.choose(models, model);
        }
        this.#names = undefined;
        this.#layout();
        this.#updateModels();
    }

    /** Shows which models are loaded. */
    #updateModels(): void {
        this.#picker.update();
        this.#gan.localise();
        enableLink(element("digits-link", HTMLButtonElement), [this.#slot.source, this.#gan.slot.source]);
    }

    #layout(denoiser = this.#slot.requested !== undefined): void {
        element("digits", HTMLElement).classList.toggle("gan-only", !denoiser);
        this.#gan.alone = !denoiser;
    }

    async #load(source: Source): Promise<void> {
        this.#controller?.abort();
        const loaded = this.#slot.load(source, this.#host.engine());
        this.#layout();
        if (await loaded) await this.show();
        else this.#layout();
    }

    async #loadGan(source: Source, engine: EngineChoice): Promise<void> {
        if (await this.#gan.slot.load(source, engine)) await this.show();
    }

    /** Another denoiser is loaded. */
    #modelLoaded(card: ModelCard): void {
        this.#limits = new Limits(card);
        this.#form.setLimits(this.#limits);
        element("digits-title", HTMLElement).textContent = card.title;
        showCard(element("digits-card", HTMLDListElement), this.#slot.model!);
        element("digits-about", HTMLDetailsElement).hidden = false;
        this.#milliseconds = undefined;
        this.#stale = true;
        this.#host.engineChanged();
    }

    async #drawGan(): Promise<void> {
        await this.#gan.draw(this.#form.settings.seed);
        if (!this.#gan.stage.empty && this.#slot.requested === undefined) this.#download.disabled = false;
        this.#command();
        this.#host.settingsChanged();
        this.#host.engineChanged();
    }

    /** Samples with the current settings. A sampling in progress is aborted. */
    async #draw(): Promise<void> {
        this.#controller?.abort();
        const controller = (this.#controller = new AbortController());
        const current = () => this.#controller === controller;
        this.#host.settingsChanged();
        if (!this.#slot.requested || !(await this.#slot.ready()) || !current()) {
            if (current()) this.#finish();
            return;
        }
        const settings = this.#limits!.resolve(this.#form.settings);
        this.#stale = false;
        this.#command();
        this.#host.settingsChanged();

        const text = words().digits;
        let last: SampleStep | undefined;
        let grid: PictureGrid | undefined;
        let start = performance.now();
        const onStep = (step: SampleStep) => {
            if (!current()) return;
            if (!last) start = performance.now();
            last = step;
            grid ??= new PictureGrid(this.#shape(settings), step);
            grid.put(step.first, step);
            this.#form.showStep(step);
            // Noise that turns into a picture flickers.
            if (!reducedMotion.matches || step.done === step.of) this.#stage.paint(grid);
        };
        this.#stage.busy(true, true);
        this.#form.showDrawing(true);
        this.#download.disabled = true;
        announce(text.drawing(this.#describe(settings)));
        try {
            const { cls, sampler, steps, guidance, seed, count } = settings;
            const labels = cls === undefined ? this.#limits!.classes.map((_, index) => index) : [cls];
            const request = { labels, seed, count, sampler, steps, guidance };
            const pictures = await this.#host.easel.sample(request, { onStep, signal: controller.signal }, this.#slot.role);
            if (!current()) return;
            grid ??= new PictureGrid(this.#shape(settings), pictures);
            grid.put(0, pictures);
            this.#stage.paint(grid);
            this.#milliseconds = (performance.now() - start) / (labels.length * count);
            this.#drawn = settings;
            this.#download.disabled = false;
            this.#label();
            clearError(this.#slot.role);
            announce(text.done(this.#describe(settings), this.#slot.model!.engine.name));
            this.#host.engineChanged();
        } catch (error) {
            if (!current()) return;
            if (controller.signal.aborted) {
                const message = text.cancelled(last?.done ?? 0, last?.of ?? settings.steps);
                this.#stage.label(message);
                announce(message);
            } else showError(error, this.#slot.role);
        } finally {
            if (current()) this.#finish();
        }
    }

    /** No sampling is in progress any more. */
    #finish(): void {
        this.#controller = undefined;
        this.#stage.busy(false);
        this.#form.showDrawing(false);
    }

    #shape({ cls, count }: ResolvedSettings) {
        return cls === undefined ? ofClasses(this.#limits!.classes.length, count) : square(count);
    }

    /** `8 pictures of 7 drawn from seed 1` */
    #describe({ cls, count, seed }: ResolvedSettings): string {
        const { pictures, digits } = words();
        const { classes } = this.#limits!;
        if (cls === undefined) return digits.drawn(pictures(count * classes.length), digits.allOf(classes.length), seed);
        return digits.drawn(pictures(count), classes[cls]!, seed);
    }

    #label(): void {
        this.#stage.label(this.#drawn ? this.#describe(this.#drawn) : words().noPictures);
    }

    #command(): void {
        const { settings } = this.#form;
        const source = this.#slot.source ?? this.#gan.slot.source;
        if (!source) return;
        const line = ["sample", "-m", argumentOf(source)];
        let heading = words().command;
        if (this.#slot.source && this.#limits) {
            const { cls, count, seed, sampler, steps, guidance } = this.#limits.resolve(settings);
            if (cls !== undefined) line.push("--class", quoted(this.#limits.classes[cls]!));
            // The program gives each class a labelled row.
            else if (this.#limits.classes.length > 1) heading = words().digits.commandRows;
            line.push("-n", String(count), "--seed", String(seed), "--sampler", sampler);
            line.push("--steps", String(steps));
            if (this.#limits.guided) line.push("--guidance", String(guidance));
        } else {
            line.push("-n", String(this.#gan.count), "--seed", String(settings.seed));
        }
        element("digits-command-text", HTMLElement).textContent = [...line, "-o", "digits.png"].join(" ");
        element("digits-command-heading", HTMLElement).textContent = heading;
        element("digits-command", HTMLElement).hidden = false;
    }

    async #save(): Promise<void> {
        const { seed, cls } = this.#drawn ?? this.#form.settings;
        const alone = this.#slot.requested === undefined;
        const name = cls === undefined || alone ? `seed-${seed}.png` : `${this.#limits!.classes[cls]}-seed-${seed}.png`;
        await (alone ? this.#gan.stage : this.#stage).save(name).catch(showError);
    }
}

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
