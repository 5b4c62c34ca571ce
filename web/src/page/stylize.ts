/** The tab of styles: a picture, painted by one model or by several, still or live. */

import type { EngineChoice } from "../easel.js";
import { show as showCard } from "./card.js";
import { Compare } from "./compare.js";
import { element } from "./elements.js";
import { Latest } from "./latest.js";
import { Live } from "./live.js";
import type { Source } from "./models.js";
import { clearError, Problem, type Running, showError } from "./notices.js";
import { type Job, Painter } from "./painter.js";
import { Photo } from "./photo.js";
import { Plate } from "./plate.js";
import { Sources } from "./sources.js";
import { type Pixels, Stage } from "./stage.js";
import { StylizeForm } from "./stylize-form.js";
import { commandLine, description, nameOf, resultFile } from "./stylize-says.js";
import { fromQuery, type Sample, type Size, type StylizeSettings, toQuery, WHOLE } from "./stylize-settings.js";
import { Styles, type Wanted } from "./styles.js";
import { allowLink, type Host, type Tab } from "./tab.js";
import { words } from "./words.js";

/** The longest side that takes an engine about a second. */
const USUAL_SIZE = { webgpu: 1024, wasm: 768 } as const;

interface Shown {
    photo: Photo;
    styles: readonly Wanted[];
    /** In percent. */
    strength: number;
}

export class StylizeTab implements Tab {
    readonly name = "stylize";
    readonly #host: Host;
    readonly #stage = new Stage(element("stylize-figure", HTMLElement));
    readonly #painter: Painter;
    readonly #compare = new Compare();
    readonly #settings: StylizeSettings;
    readonly #styles: Styles;
    readonly #sources: Sources;
    readonly #form: StylizeForm;
    readonly #live: Live;
    readonly #latest = new Latest();
    /** The name in the address that no style has. */
    #unknown: string | undefined;
    #photo: Photo | undefined;
    #plate: Plate | undefined;
    /** The styles of the last result; those that can be gone back to. */
    #styled: readonly Wanted[] = [];
    /** What the picture on the screen was made of; undefined where it is none that was painted. */
    #shown: Shown | undefined;
    /** Why a style that was wanted could not be had; said again when another has been painted in its place. */
    #failure: unknown;
    /** Counts what makes a picture that is being opened unwanted. */
    #turns = 0;

    constructor(host: Host, query: URLSearchParams) {
        this.#host = host;
        this.#settings = fromQuery(query);
        this.#painter = new Painter(host, this.#stage, (work) => this.#form.work(work));
        const update = () => {
            clearError(this.#painter.owner);
            void this.#update();
        };
        const models = this.#painter.shipped;
        const names = this.#settings.shares.map(([name]) => name);
        this.#unknown = names.find((name) => !models.some((model) => model.name === name));
        this.#styles = new Styles(models, this.#settings.shares, update);
        this.#form = new StylizeForm(this.#settings, {
            change: update,
            cancel: () => this.#painter.cancel(),
            resume: update,
            save: () => void this.#save(),
        });
        this.#live = new Live({
            changed: () => this.#switched(),
            frame: (pixels) => this.#frame(pixels),
            told: (speed) => this.#form.live(speed),
        });
        this.#sources = new Sources({
            open: (picture) => void this.#open(picture),
            live: () => (this.#live.on ? this.#live.stop() : void this.#live.start()),
            take: () => void this.#take(),
            turn: () => void this.#live.next(),
        });
    }

    get running(): Running | undefined {
        return this.#painter.running;
    }

    async show(): Promise<void> {
        if (this.#photo) await this.#update();
        else await this.#open(this.#settings.sample);
        const name = this.#unknown;
        this.#unknown = undefined;
        if (name !== undefined) throw new Problem(words().noModelNamed(name));
        if (this.#styles.empty) throw new Problem(words().noModel);
    }

    hide(): void {
        this.#live.stop();
    }

    query(): URLSearchParams {
        return toQuery({ ...this.#settings, shares: this.#styles.shares });
    }

    async use(engine: EngineChoice): Promise<boolean> {
        this.#live.stop();
        // A load goes on: there has to be a model where the engine cannot be had.
        this.#painter.drop((_, job) => !job);
        let done = true;
        await this.#latest.ask(async () => {
            done = await this.#painter.use(engine);
        });
        return done;
    }

    /** Opens a style of the user's. */
    async open(file: File): Promise<void> {
        this.#unknown = undefined;
        this.#styles.add(file);
        if (this.#photo) await this.#update();
        else await this.#open(this.#settings.sample);
    }

    /** Shows a picture. */
    async picture(photo: Photo): Promise<void> {
        this.#turns += 1;
        clearError();
        this.#photo = photo;
        if (!(photo.source instanceof File)) this.#settings.sample = photo.source;
        this.#live.stop();
        await this.#update();
    }

    /** Opens a picture, of the page's or of the user's. Where it cannot be opened, the one before stays. */
    async #open(source: File | Sample): Promise<void> {
        const turn = ++this.#turns;
        try {
            const photo = await Photo.open(source);
            if (turn === this.#turns) await this.picture(photo);
        } catch (error) {
            if (turn !== this.#turns) return;
            this.#stage.busy(false);
            showError(error);
        }
    }

    lose(): void {
        this.#painter.lose();
    }

    /** Says everything anew, in the language that is set. */
    say(): void {
        this.#styles.say();
        this.#sources.say();
        this.#form.say();
        this.#compare.say();
        this.#settled();
    }

    /** The longest side that is wanted. */
    get #size(): Size {
        const guess = this.#host.engine() === "wasm" || !("gpu" in navigator) ? "wasm" : "webgpu";
        return this.#settings.size ?? USUAL_SIZE[this.#painter.engine ?? guess];
    }

    /** Draws what is set now; what is being computed and is no longer of use is given up. */
    #update(): Promise<void> {
        this.#host.changed();
        this.#settled();
        this.#painter.drop((source, job) => this.#wants(source, job));
        return this.#latest.ask(() => (this.#live.on ? this.#live.run() : this.#draw()));
    }

    /** Whether a style, and the picture that is being painted in it, are wanted. */
    #wants(source: Source, job?: Job): boolean {
        if (!this.#styles.wanted.some((style) => style.source === source)) return false;
        const keepsColor = job?.keepColor === this.#settings.keepColor;
        return !job || (job.plate.shows(this.#photo, this.#size) && keepsColor && !this.#live.on);
    }

    async #draw(): Promise<void> {
        this.#stage.busy(true);
        this.#failure = undefined;
        try {
            const plate = await this.#complete();
            if (plate) this.#paint(plate);
            if (plate && this.#failure !== undefined) showError(this.#failure, this.#painter.owner);
        } catch (error) {
            this.#settled();
            showError(error, this.#painter.owner);
        } finally {
            this.#stage.busy(false);
        }
    }

    /** The picture with what all styles that are wanted make of it; none where the work was given up. */
    async #complete(): Promise<Plate | undefined> {
        for (;;) {
            const plate = await this.#decoded();
            if (!plate || this.#live.on) return undefined;
            const { keepColor } = this.#settings;
            const missing = this.#styles.wanted.find(({ source }) => !plate.has(source, keepColor))?.source;
            if (!missing) return plate;
            const held = await this.#hold(missing);
            if (held === undefined) return undefined;
            // The slot has said that it is done.
            this.#stage.busy(true);
            // What the engine is, and so the usual size, is known when there is a model.
            if (!held || !plate.shows(plate.photo, this.#size)) continue;
            const done = await this.#painter.paint({ plate, source: missing, keepColor }, this.#styles.wanted);
            if (!done) return undefined;
            const alone = [{ source: missing, weight: 1 }];
            if (missing instanceof File) this.#styles.picture(missing, plate.mixed(alone, 1, keepColor));
        }
    }

    /** The picture in the size that is wanted. A new picture is shown as it is until there is more. */
    async #decoded(): Promise<Plate | undefined> {
        const [photo, size, engine, before] = [this.#photo, this.#size, this.#host.engine(), this.#plate];
        if (!photo || (before?.shows(photo, size) && before.engine === engine)) return before;
        let pixels: Pixels;
        try {
            pixels = await photo.pixels(size);
        } catch (error) {
            if (this.#photo === photo) this.#photo = before?.photo;
            throw error;
        }
        this.#plate = new Plate(photo, engine, pixels);
        if (before?.photo !== photo) {
            this.#show(pixels, pixels);
            this.#shown = undefined;
            this.#settled();
        }
        return this.#plate;
    }

    /**
     * Has a style's model ready. One that cannot be loaded is no longer wanted, nor gone back to. Undefined where the
     * work was given up.
     */
    async #hold(source: Source): Promise<boolean | undefined> {
        const held = await this.#painter.hold(source);
        if (held !== false) return held;
        this.#failure = this.#painter.failure;
        this.#styled = this.#styled.filter((style) => style.source !== source);
        this.#styles.drop(source, this.#styled);
        this.#host.changed();
        return false;
    }

    #paint(plate: Plate): void {
        const { wanted } = this.#styles;
        const { strength, keepColor } = this.#settings;
        this.#show(plate.pixels, plate.mixed(wanted, strength / WHOLE, keepColor));
        this.#styled = wanted;
        this.#shown = { photo: plate.photo, styles: wanted, strength };
        this.#settled();
    }

    #show(before: Pixels, after: Pixels): void {
        this.#compare.paint(before);
        this.#stage.paint(after);
    }

    /** Paints a frame of the live picture. */
    async #frame(pixels: Pixels): Promise<boolean> {
        const [first] = this.#styles.wanted;
        try {
            if (!first) this.#show(pixels, pixels);
            if (!first || !(await this.#hold(first.source))) return true;
            const painted = await this.#painter.frame(pixels, this.#settings.strength, this.#settings.keepColor);
            if (this.#live.on) this.#show(pixels, painted);
            return true;
        } catch (error) {
            showError(error, this.#painter.owner);
            return false;
        }
    }

    /** The camera is on, or another one, or off. */
    #switched(): void {
        const { on, several } = this.#live;
        this.#sources.live(on, several);
        // The models take turns, too slowly for live frames.
        this.#styles.single = on;
        this.#form.live(undefined);
        this.#painter.again();
        this.#shown = undefined;
        // What was on the screen before is drawn anew when the camera is off.
        void this.#update();
    }

    async #take(): Promise<void> {
        try {
            const picture = await this.#live.picture();
            if (picture) await this.#open(picture);
        } catch (error) {
            showError(error);
        }
    }

    /** Says what is shown and what can be done with it. */
    #settled(): void {
        const { source } = this.#photo ?? {};
        const { wanted } = this.#styles;
        this.#label();
        this.#form.ready(this.#shown !== undefined);
        const known = this.#settings.size !== undefined || this.#painter.engine !== undefined || wanted.length === 0;
        this.#form.size(known ? this.#size : undefined, this.#live.on, this.#plate?.pixels);
        this.#sources.show(this.#live.on ? undefined : source);
        const own = source instanceof File ? [source] : [];
        allowLink(element("stylize-link", HTMLButtonElement), [...own, ...wanted.map((style) => style.source)]);
        this.#card();
        this.#command();
    }

    #label(): void {
        const { wanted: styles } = this.#styles;
        const live = { name: words().stylize.camera.picture, styles, strength: this.#settings.strength };
        const still = { name: this.#plate ? nameOf(this.#plate.photo) : "", styles: [], strength: 0 };
        const painted = this.#shown && { ...this.#shown, name: nameOf(this.#shown.photo) };
        const { name, styles: seen, strength } = this.#live.on ? live : (painted ?? still);
        element("stylize-title", HTMLElement).textContent = name;
        this.#stage.label(this.#stage.empty ? words().nothingYet : description(name, seen, strength));
    }

    /** Shows the card of the strongest style. */
    #card(): void {
        const model = this.#painter.model(this.#styles.wanted[0]?.source);
        if (!model) return;
        showCard(element("stylize-card", HTMLDListElement), model);
        element("stylize-about", HTMLDetailsElement).hidden = false;
    }

    #command(): void {
        const { wanted } = this.#styles;
        const photo = this.#live.on || wanted.length === 0 ? undefined : this.#photo;
        element("stylize-command", HTMLElement).hidden = !photo;
        if (!photo) return;
        element("stylize-command-text", HTMLElement).textContent = commandLine(photo, wanted, this.#size, this.#settings);
    }

    async #save(): Promise<void> {
        if (this.#shown) await this.#stage.save(resultFile(this.#shown.photo, this.#shown.styles)).catch(showError);
    }
}
