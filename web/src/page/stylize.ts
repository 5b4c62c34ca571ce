/** The tab of styles: a photo or the live picture, in the style of one model or several. */

import type { EngineChoice } from "../easel.js";
import { loadBlend } from "./blend.js";
import { show as showCard } from "./card.js";
import { Compare } from "./compare.js";
import { element } from "./elements.js";
import { LatestTask } from "./latest-task.js";
import { Live } from "./live.js";
import type { Source } from "./models.js";
import { clearError, type EngineStatus, PageError, showError } from "./notices.js";
import { Photo } from "./photo.js";
import { PhotoLayers } from "./photo-layers.js";
import { Sources } from "./sources.js";
import { type Pixels, Stage } from "./stage.js";
import { StylizeForm } from "./stylize-form.js";
import { type StylizeJob, StylizeRunner } from "./stylize-runner.js";
import { fromQuery, PERCENT, type Sample, type Size, type StylizeSettings, toQuery } from "./stylize-settings.js";
import { commandLine, description, nameOf, resultFile } from "./stylize-text.js";
import { Styles, type StyleWeight } from "./styles.js";
import { enableLink, type Host, type Tab } from "./tab.js";
import { words } from "./words.js";

/** The longest side with which stylizing takes about a second. */
const DEFAULT_SIZE = { easel: 768, webgpu: 1024, wasm: 768 } as const;

/** What the result on the screen was made of. */
interface StylizeResult {
    photo: Photo;
    styles: readonly StyleWeight[];
    /** In percent. */
    strength: number;
}

export class StylizeTab implements Tab {
    readonly name = "stylize";
    readonly #host: Host;
    readonly #stage = new Stage(element("stylize-figure", HTMLElement));
    readonly #runner: StylizeRunner;
    readonly #compare = new Compare();
    readonly #settings: StylizeSettings;
    readonly #styles: Styles;
    readonly #sources: Sources;
    readonly #form: StylizeForm;
    readonly #live: Live;
    readonly #latest = new LatestTask();
    /** A style in the address that the page does not have. */
    #unknownStyle: string | undefined;
    #photo: Photo | undefined;
    #layers: PhotoLayers | undefined;
    /** The styles to go back to if the selected ones cannot be loaded. */
    #lastStyles: readonly StyleWeight[] = [];
    /** Undefined if the screen shows no result. */
    #result: StylizeResult | undefined;
    /** Why a selected style could not be loaded; shown again once another has taken its place. */
    #failure: unknown;
    /** Increases when a photo that is being opened becomes obsolete. */
    #generation = 0;

    constructor(host: Host, query: URLSearchParams) {
        this.#host = host;
        this.#settings = fromQuery(query);
        this.#runner = new StylizeRunner(host, this.#stage, (status) => this.#form.showStatus(status));
        const update = () => {
            clearError(this.#runner.owner);
            void this.#update();
        };
        const models = this.#runner.shipped;
        const names = this.#settings.shares.map(([name]) => name);
        this.#unknownStyle = names.find((name) => !models.some((model) => model.name === name));
        this.#styles = new Styles(models, this.#settings.shares, update);
        this.#form = new StylizeForm(this.#settings, {
            onChange: update,
            onCancel: () => this.#runner.cancel(),
            onResume: update,
            onSave: () => void this.#save(),
        });
        this.#live = new Live({
            onSwitch: () => this.#liveSwitched(),
            onFrame: (pixels) => this.#showFrame(pixels),
            onRate: (rate) => this.#form.showRate(rate),
        });
        this.#sources = new Sources({
            onOpen: (picture) => void this.#open(picture),
            onLive: () => (this.#live.on ? this.#live.stop() : void this.#live.start()),
            onSnapshot: () => void this.#takeSnapshot(),
            onNextCamera: () => void this.#live.next(),
        });
    }

    get engineStatus(): EngineStatus | undefined {
        return this.#runner.engineStatus;
    }

    async show(): Promise<void> {
        if (this.#photo) await this.#update();
        else await this.#open(this.#settings.sample);
        const name = this.#unknownStyle;
        this.#unknownStyle = undefined;
        if (name !== undefined) throw new PageError(words().unknownModel(name));
        if (this.#styles.empty) throw new PageError(words().noModel);
    }

    hide(): void {
        this.#live.stop();
    }

    query(): URLSearchParams {
        return toQuery({ ...this.#settings, shares: this.#styles.shares });
    }

    async setEngine(engine: EngineChoice): Promise<boolean> {
        this.#live.stop();
        // A load is not aborted: if the engine does not work, the model is needed.
        this.#runner.abortUnless((_, job) => !job);
        let done = true;
        await this.#latest.run(async () => {
            done = await this.#runner.setEngine(engine);
        });
        return done;
    }

    /** Adds a style of the user's. */
    async open(file: File): Promise<void> {
        this.#unknownStyle = undefined;
        this.#styles.add(file);
        if (this.#photo) await this.#update();
        else await this.#open(this.#settings.sample);
    }

    async openPhoto(photo: Photo): Promise<void> {
        this.#generation += 1;
        clearError();
        this.#photo = photo;
        if (!(photo.source instanceof File)) this.#settings.sample = photo.source;
        this.#live.stop();
        await this.#update();
    }

    /** Opens a photo of the page's or the user's. If that fails, the one before stays. */
    async #open(source: File | Sample): Promise<void> {
        const generation = ++this.#generation;
        try {
            const photo = await Photo.open(source);
            if (generation === this.#generation) await this.openPhoto(photo);
        } catch (error) {
            if (generation !== this.#generation) return;
            this.#stage.busy(false);
            showError(error);
        }
    }

    workerLost(): void {
        this.#runner.workerLost();
    }

    localise(): void {
        this.#styles.localise();
        this.#sources.localise();
        this.#form.localise();
        this.#compare.localise();
        this.#updateControls();
    }

    /** The longest side, set or default. */
    get #size(): Size {
        const choice = this.#host.engine();
        const expected = choice !== "auto" ? choice : "gpu" in navigator ? "webgpu" : "easel";
        return this.#settings.size ?? DEFAULT_SIZE[this.#runner.engine ?? expected];
    }

    /** Draws the current settings; work that they no longer need is aborted. */
    #update(): Promise<void> {
        this.#host.settingsChanged();
        this.#updateControls();
        this.#runner.abortUnless((source, job) => this.#needs(source, job));
        return this.#latest.run(() => (this.#live.on ? this.#live.run() : this.#draw()));
    }

    /** Whether the current settings need a style, and the job that uses it. */
    #needs(source: Source, job?: StylizeJob): boolean {
        if (!this.#styles.selected.some((style) => style.source === source)) return false;
        if (!job) return true;
        const sameColours = job.keepColor === this.#settings.keepColor;
        return job.layers.match(this.#photo, this.#size) && sameColours && !this.#live.on;
    }

    async #draw(): Promise<void> {
        this.#stage.busy(true);
        this.#failure = undefined;
        try {
            const layers = await this.#completeLayers();
            if (layers) this.#showResult(layers);
            if (layers && this.#failure !== undefined) showError(this.#failure, this.#runner.owner);
        } catch (error) {
            this.#updateControls();
            showError(error, this.#runner.owner);
        } finally {
            this.#stage.busy(false);
        }
    }

    /** The photo with the results of all selected styles; undefined if the work was aborted. */
    async #completeLayers(): Promise<PhotoLayers | undefined> {
        for (;;) {
            const layers = await this.#decode();
            if (!layers || this.#live.on) return undefined;
            const { keepColor } = this.#settings;
            const missing = this.#styles.selected.find(({ source }) => !layers.has(source, keepColor))?.source;
            if (!missing) return layers;
            const loaded = await this.#load(missing);
            if (loaded === undefined) return undefined;
            // The slot has cleared it.
            this.#stage.busy(true);
            // The engine, and with it the default size, is known once a model is loaded.
            if (!loaded || !layers.match(layers.photo, this.#size)) continue;
            const done = await this.#runner.run({ layers, source: missing, keepColor }, this.#styles.selected);
            if (!done) return undefined;
            const alone = [{ source: missing, weight: 1 }];
            if (missing instanceof File) this.#styles.showResult(missing, layers.blend(alone, 1, keepColor).after);
        }
    }

    /** The photo in the current size. A new photo is shown as it is until there is a result. */
    async #decode(): Promise<PhotoLayers | undefined> {
        const [photo, size, engine, before] = [this.#photo, this.#size, this.#host.engine(), this.#layers];
        if (!photo || (before?.match(photo, size) && before.engine === engine)) return before;
        let pixels: Pixels;
        try {
            [pixels] = await Promise.all([photo.pixels(size), loadBlend()]);
        } catch (error) {
            if (this.#photo === photo) this.#photo = before?.photo;
            throw error;
        }
        this.#layers = new PhotoLayers(photo, engine, pixels);
        if (before?.photo !== photo) {
            this.#show(pixels, pixels);
            this.#result = undefined;
            this.#updateControls();
        }
        return this.#layers;
    }

    /** Loads a style's model; if that fails, the style is deselected. Undefined if the load was aborted. */
    async #load(source: Source): Promise<boolean | undefined> {
        const loaded = await this.#runner.load(source);
        if (loaded !== false) return loaded;
        this.#failure = this.#runner.failure;
        this.#lastStyles = this.#lastStyles.filter((style) => style.source !== source);
        this.#styles.revert(source, this.#lastStyles);
        this.#host.settingsChanged();
        return false;
    }

    #showResult(layers: PhotoLayers): void {
        const { selected } = this.#styles;
        const { strength, keepColor } = this.#settings;
        const { before, after } = layers.blend(selected, strength / PERCENT, keepColor);
        this.#show(before, after);
        this.#lastStyles = selected;
        this.#result = { photo: layers.photo, styles: selected, strength };
        this.#updateControls();
    }

    #show(before: Pixels, after: Pixels): void {
        this.#compare.paint(before);
        this.#stage.paint(after);
    }

    /** Stylizes and shows a live frame. Returns whether that worked. */
    async #showFrame(pixels: Pixels): Promise<boolean> {
        const [style] = this.#styles.selected;
        try {
            if (!style) this.#show(pixels, pixels);
            if (!style || !(await this.#load(style.source))) return true;
            const result = await this.#runner.runFrame(pixels, this.#settings.strength, this.#settings.keepColor);
            if (this.#live.on) this.#show(pixels, result);
            return true;
        } catch (error) {
            showError(error, this.#runner.owner);
            return false;
        }
    }

    /** The camera was switched on or off, or to another one. */
    #liveSwitched(): void {
        const { on, several } = this.#live;
        this.#sources.showLive(on, several);
        // Loading one model after the other for each frame would be too slow.
        this.#styles.single = on;
        this.#form.showRate(undefined);
        this.#runner.resetTime();
        this.#result = undefined;
        // Once the camera is off, the photo is drawn again.
        void this.#update();
    }

    async #takeSnapshot(): Promise<void> {
        try {
            const picture = await this.#live.snapshot();
            if (picture) await this.#open(picture);
        } catch (error) {
            showError(error);
        }
    }

    /** Updates the title, the controls, the model card and the command. */
    #updateControls(): void {
        const { source } = this.#photo ?? {};
        const { selected } = this.#styles;
        this.#showTitle();
        this.#form.enableDownload(this.#result !== undefined);
        const known = this.#settings.size !== undefined || this.#runner.engine !== undefined || selected.length === 0;
        this.#form.showSize(known ? this.#size : undefined, this.#live.on, this.#layers?.pixels);
        this.#sources.showOpen(this.#live.on ? undefined : source);
        const own = source instanceof File ? [source] : [];
        enableLink(element("stylize-link", HTMLButtonElement), [...own, ...selected.map((style) => style.source)]);
        this.#showCard();
        this.#showCommand();
    }

    #showTitle(): void {
        const { selected } = this.#styles;
        const live = { name: words().stylize.camera.picture, styles: selected, strength: this.#settings.strength };
        const plain = { name: this.#layers ? nameOf(this.#layers.photo) : "", styles: [], strength: 0 };
        const result = this.#result && { ...this.#result, name: nameOf(this.#result.photo) };
        const { name, styles, strength } = this.#live.on ? live : (result ?? plain);
        element("stylize-title", HTMLElement).textContent = name;
        this.#stage.label(this.#stage.empty ? words().noPictures : description(name, styles, strength));
    }

    /** Shows the card of the style with the largest share. */
    #showCard(): void {
        const model = this.#runner.model(this.#styles.selected[0]?.source);
        if (!model) return;
        showCard(element("stylize-card", HTMLDListElement), model);
        element("stylize-about", HTMLDetailsElement).hidden = false;
    }

    #showCommand(): void {
        const { selected } = this.#styles;
        const photo = this.#live.on || selected.length === 0 ? undefined : this.#photo;
        element("stylize-command", HTMLElement).hidden = !photo;
        if (!photo) return;
        const command = commandLine(photo, selected, this.#size, this.#settings);
        element("stylize-command-text", HTMLElement).textContent = command;
    }

    async #save(): Promise<void> {
        if (this.#result) await this.#stage.save(resultFile(this.#result.photo, this.#result.styles)).catch(showError);
    }
}
