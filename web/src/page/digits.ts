/** The tab of digits: a class is asked for, and its pictures come out of the noise; a GAN's stand beside them. */

import type { EngineChoice, ModelCard, SampleStep } from "../easel.js";
import { show as showCard } from "./card.js";
import { DigitsForm } from "./digits-form.js";
import { fromQuery, Limits, type Plan } from "./digits-settings.js";
import { element } from "./elements.js";
import { GanSheet } from "./gan.js";
import { argumentOf, quoted, roleOf, type Source } from "./models.js";
import { announce, clearError, type Running, showError } from "./notices.js";
import { ofClasses, Sheet, square } from "./sheet.js";
import { Picker, Slot } from "./slot.js";
import { Stage } from "./stage.js";
import { allowLink, type Host, type Tab } from "./tab.js";
import { words } from "./words.js";

export class DigitsTab implements Tab {
    readonly name = "digits";
    readonly #host: Host;
    readonly #stage = new Stage(element("digits-figure", HTMLElement));
    readonly #slot: Slot;
    readonly #gan: GanSheet;
    readonly #picker: Picker;
    readonly #form: DigitsForm;
    readonly #download = element("digits-download", HTMLButtonElement);
    /** Names in the address that have not been looked up yet. */
    #names: { model: string | undefined; gan: string | undefined } | undefined;
    #limits: Limits | undefined;
    #ender: AbortController | undefined;
    #drawn: Plan | undefined;
    /** Whether the model is another than what is shown was made by. */
    #stale = true;
    #milliseconds: number | undefined;

    constructor(host: Host, query: URLSearchParams) {
        this.#host = host;
        this.#names = { model: query.get("model") ?? undefined, gan: query.get("gan") ?? undefined };
        const engine = () => host.engine();
        this.#slot = new Slot(host.easel, "denoiser", this.#stage, engine);
        this.#slot.onLoaded = ({ card }) => this.#model(card);
        this.#picker = new Picker(element("digits-model-field", HTMLElement), this.#slot, host.models, (model) =>
            void this.#load(model),
        );
        this.#slot.onSettled = () => this.#settled();
        this.#gan = new GanSheet(host.easel, host.models, engine, (model) => void this.#loadGan(model, host.engine()));
        this.#gan.slot.onSettled = () => this.#settled();
        this.#form = new DigitsForm(fromQuery(query), {
            draw: () => void this.#draw(),
            cancel: () => this.#ender?.abort(),
            seed: () => void this.#drawGan(),
        });
        this.#download.addEventListener("click", () => void this.#save());
        this.#layout();
    }

    get running(): Running | undefined {
        const { model } = this.#slot;
        if (model) return { engine: model.engine, milliseconds: this.#milliseconds };
        const gan = this.#gan.slot.model;
        return gan && { engine: gan.engine, milliseconds: this.#gan.milliseconds };
    }

    async show(): Promise<void> {
        this.#choose();
        // The engine comes with the first model; so the large picture is the one that shows its progress.
        const ready = this.#slot.asked !== undefined && (await this.#slot.ready());
        await Promise.all([this.#drawGan(), ready && this.#stale && this.#draw()]);
    }

    hide(): void {}

    query(): URLSearchParams {
        const { settings } = this.#form;
        const plan = this.#limits?.fit(settings) ?? settings;
        const query = new URLSearchParams();
        query.set("class", plan.cls === undefined ? "all" : String(plan.cls));
        query.set("n", String(plan.count));
        query.set("seed", String(plan.seed));
        query.set("sampler", plan.sampler);
        if (plan.steps !== undefined) query.set("steps", String(plan.steps));
        if (plan.guidance !== undefined && (this.#limits?.guided ?? true)) query.set("guidance", String(plan.guidance));
        const model = this.#names?.model ?? this.#slot.nameBeyondDefault(this.#host.models);
        if (model !== undefined) query.set("model", model);
        const gan = this.#names?.gan ?? this.#gan.slot.nameBeyondDefault(this.#host.models);
        if (gan !== undefined) query.set("gan", gan);
        return query;
    }

    async use(engine: EngineChoice): Promise<boolean> {
        const wanted = this.#slot.source ?? this.#slot.asked;
        const gan = this.#gan.slot.source ?? this.#gan.slot.asked;
        this.#ender?.abort();
        const done = wanted ? await this.#slot.load(wanted, engine) : true;
        return done && gan ? this.#gan.slot.load(gan, engine) : done;
    }

    async open(file: File, card: ModelCard): Promise<void> {
        try {
            this.#choose();
        } catch {
            // What the address names is not there; something else is wanted now anyway.
            this.#names = undefined;
        }
        if (roleOf(card) === "denoiser") await this.#load(file);
        else await this.#loadGan(file, this.#host.engine());
    }

    lose(): void {
        this.#slot.lose();
        this.#gan.slot.lose();
        this.#stale = true;
    }

    /** Says everything anew, in the language that is set. */
    say(): void {
        this.#form.say();
        this.#settled();
        this.#label();
        this.#command();
        const { model } = this.#slot;
        if (model) showCard(element("digits-card", HTMLDListElement), model);
    }

    /** Takes a key that chooses a class. */
    key(key: string): boolean {
        return this.#form.key(key);
    }

    /** Finds out what to load, the first time that it is needed. */
    #choose(): void {
        if (!this.#names) return;
        const { models } = this.#host;
        const { model, gan } = this.#names;
        const [denoiser, sheet] = [this.#slot, this.#gan.slot];
        // Either can be missing, not both.
        if (gan !== undefined || sheet.fitting(models).length > 0) sheet.choose(models, gan);
        if (model !== undefined || denoiser.fitting(models).length > 0 || !sheet.asked) {
            this.#layout(true);
            denoiser.choose(models, model);
        }
        this.#names = undefined;
        this.#layout();
        this.#settled();
    }

    /** Says which models are there. */
    #settled(): void {
        this.#picker.show();
        this.#gan.say();
        allowLink(element("digits-link", HTMLButtonElement), [this.#slot.source, this.#gan.slot.source]);
    }

    #layout(denoiser = this.#slot.asked !== undefined): void {
        element("digits", HTMLElement).classList.toggle("gan-only", !denoiser);
        this.#gan.alone = !denoiser;
    }

    async #load(wanted: Source): Promise<void> {
        this.#ender?.abort();
        const loaded = this.#slot.load(wanted, this.#host.engine());
        this.#layout();
        if (await loaded) await this.show();
        else this.#layout();
    }

    async #loadGan(wanted: Source, engine: EngineChoice): Promise<void> {
        if (await this.#gan.slot.load(wanted, engine)) await this.show();
    }

    /** Another model is there. */
    #model(card: ModelCard): void {
        this.#limits = new Limits(card);
        this.#form.allow(this.#limits);
        element("digits-title", HTMLElement).textContent = card.title;
        showCard(element("digits-card", HTMLDListElement), this.#slot.model!);
        element("digits-about", HTMLDetailsElement).hidden = false;
        this.#milliseconds = undefined;
        this.#stale = true;
        this.#host.ran();
    }

    async #drawGan(): Promise<void> {
        await this.#gan.draw(this.#form.settings.seed);
        if (!this.#gan.stage.empty && this.#slot.asked === undefined) this.#download.disabled = false;
        this.#command();
        this.#host.changed();
        this.#host.ran();
    }

    /** Samples what is set, in place of a sampling that is on its way. */
    async #draw(): Promise<void> {
        this.#ender?.abort();
        const ender = (this.#ender = new AbortController());
        const current = () => this.#ender === ender;
        this.#host.changed();
        if (!this.#slot.asked || !(await this.#slot.ready()) || !current()) {
            // The one that this was to replace is given up all the same.
            if (current()) this.#rest();
            return;
        }
        const plan = this.#limits!.fit(this.#form.settings);
        this.#stale = false;
        this.#command();
        this.#host.changed();

        const says = words().digits;
        let last: SampleStep | undefined;
        let sheet: Sheet | undefined;
        let begun = performance.now();
        const onStep = (step: SampleStep) => {
            if (!current()) return;
            if (!last) begun = performance.now();
            last = step;
            sheet ??= new Sheet(this.#shape(plan), step);
            sheet.put(step.first, step);
            this.#form.step(step);
            // Noise that becomes a picture flickers; whoever wants less of that sees the end.
            if (!reducedMotion.matches || step.done === step.of) this.#stage.paint(sheet);
        };
        this.#stage.busy(true, true);
        this.#form.drawing(true);
        this.#download.disabled = true;
        announce(says.drawing(this.#what(plan)));
        try {
            const labels = plan.cls === undefined ? this.#limits!.classes.map((_, index) => index) : [plan.cls];
            const { sampler, steps, guidance, seed, count } = plan;
            const request = { labels, seed, count, sampler, steps, guidance };
            const sampled = await this.#host.easel.sample(request, { onStep, signal: ender.signal }, this.#slot.as);
            if (!current()) return;
            sheet ??= new Sheet(this.#shape(plan), sampled);
            sheet.put(0, sampled);
            this.#stage.paint(sheet);
            this.#milliseconds = (performance.now() - begun) / (labels.length * count);
            this.#drawn = plan;
            this.#download.disabled = false;
            this.#label();
            clearError(this.#slot.as);
            announce(says.done(this.#what(plan), this.#slot.model!.engine.name));
            this.#host.ran();
        } catch (error) {
            if (!current()) return;
            if (ender.signal.aborted) {
                const where = says.cancelled(last?.done ?? 0, last?.of ?? plan.steps);
                this.#stage.label(where);
                announce(where);
            } else showError(error, this.#slot.as);
        } finally {
            if (current()) this.#rest();
        }
    }

    /** Nothing is being drawn any more. */
    #rest(): void {
        this.#ender = undefined;
        this.#stage.busy(false);
        this.#form.drawing(false);
    }

    #shape({ cls, count }: Plan) {
        return cls === undefined ? ofClasses(this.#limits!.classes.length, count) : square(count);
    }

    /** `8 pictures of 7 drawn from seed 1` */
    #what({ cls, count, seed }: Plan): string {
        const { pictures, digits } = words();
        const { classes } = this.#limits!;
        if (cls === undefined) return digits.drawn(pictures(count * classes.length), digits.allOf(classes.length), seed);
        return digits.drawn(pictures(count), classes[cls]!, seed);
    }

    #label(): void {
        this.#stage.label(this.#drawn ? this.#what(this.#drawn) : words().nothingYet);
    }

    #command(): void {
        const { settings } = this.#form;
        const source = this.#slot.source ?? this.#gan.slot.source;
        if (!source) return;
        const line = ["sample", "-m", argumentOf(source)];
        let same = words().command;
        if (this.#slot.source && this.#limits) {
            const plan = this.#limits.fit(settings);
            if (plan.cls !== undefined) line.push("--class", quoted(this.#limits.classes[plan.cls]!));
            // It gives each class a row, with its name; the page makes the best of its place.
            else if (this.#limits.classes.length > 1) same = words().digits.commandRows;
            line.push("-n", String(plan.count), "--seed", String(plan.seed), "--sampler", plan.sampler);
            line.push("--steps", String(plan.steps));
            if (this.#limits.guided) line.push("--guidance", String(plan.guidance));
        } else {
            line.push("-n", String(this.#gan.count), "--seed", String(settings.seed));
        }
        element("digits-command-text", HTMLElement).textContent = [...line, "-o", "digits.png"].join(" ");
        element("digits-command-says", HTMLElement).textContent = same;
        element("digits-command", HTMLElement).hidden = false;
    }

    async #save(): Promise<void> {
        const { seed, cls } = this.#drawn ?? this.#form.settings;
        const alone = this.#slot.asked === undefined;
        const name = cls === undefined || alone ? `seed-${seed}.png` : `${this.#limits!.classes[cls]}-seed-${seed}.png`;
        await (alone ? this.#gan.stage : this.#stage).save(name).catch(showError);
    }
}

const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
