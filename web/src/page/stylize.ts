/** The tab of styles: a picture, painted by one model or by several, still or live. */

import type { EngineChoice, Loaded, TilesDone } from "../easel.js";
import { show as showCard } from "./card.js";
import { Compare } from "./compare.js";
import { element } from "./elements.js";
import { Latest } from "./latest.js";
import { Live } from "./live.js";
import { fileOf, quoted, type Source } from "./models.js";
import { announce, clearError, Problem, type Running, showError } from "./notices.js";
import { Photo } from "./photo.js";
import { Plate } from "./plate.js";
import { Slot } from "./slot.js";
import { Sources } from "./sources.js";
import { type Pixels, Stage } from "./stage.js";
import { StylizeForm } from "./stylize-form.js";
import { fromQuery, type Sample, type Size, type StylizeSettings, toQuery, WHOLE } from "./stylize-settings.js";
import { Styles, titleOf, type Wanted } from "./styles.js";
import { allowLink, type Host, type Tab } from "./tab.js";
import { words } from "./words.js";

/** The longest side that takes an engine about a second. */
const USUAL_SIZE = { webgpu: 1024, wasm: 768 } as const;
/** Smaller tiles are faster without a GPU, and the work can be cancelled after each. */
const MOST_PIXELS_ON_WASM = 640 * 512;
/** Of the frames before, in the time that the badge shows: single frames vary. */
const INERTIA = 0.9;

/** What is being computed. */
interface Doing {
    plate: Plate;
    source: Source;
    keepColor: boolean;
    ender: AbortController;
}

export class StylizeTab implements Tab {
    readonly name = "stylize";
    readonly #host: Host;
    readonly #stage = new Stage(element("stylize-figure", HTMLElement));
    readonly #slot: Slot;
    readonly #compare = new Compare();
    readonly #settings: StylizeSettings;
    readonly #styles: Styles;
    readonly #sources: Sources;
    readonly #form: StylizeForm;
    readonly #live: Live;
    readonly #latest = new Latest();
    /** The name in the address that no style has. */
    #unknown: string | undefined;
    /** The styles' models that have been loaded; the slot holds one of them. */
    readonly #models = new Map<Source, Loaded>();
    #photo: Photo | undefined;
    #plate: Plate | undefined;
    #doing: Doing | undefined;
    /** The styles of the last result; those that can be gone back to. */
    #styled: readonly Wanted[] = [];
    /** Whether the picture on the screen is a result. */
    #done = false;
    /** Counts what makes a picture that is being opened unwanted. */
    #turns = 0;
    #milliseconds: number | undefined;

    constructor(host: Host, query: URLSearchParams) {
        this.#host = host;
        this.#settings = fromQuery(query);
        const update = () => {
            clearError(this.#slot.as);
            void this.#update();
        };
        this.#slot = new Slot(host.easel, "stylizer", this.#stage, () => host.engine());
        this.#slot.onLoaded = (model) => {
            this.#models.set(this.#slot.source!, model);
            this.#milliseconds = undefined;
            host.ran();
        };
        const models = this.#slot.fitting(host.models);
        const names = this.#settings.shares.map(([name]) => name);
        this.#unknown = names.find((name) => !models.some((model) => model.name === name));
        this.#styles = new Styles(models, this.#settings.shares, update);
        this.#form = new StylizeForm(this.#settings, {
            change: update,
            cancel: () => this.#doing?.ender.abort(),
            resume: update,
            save: () => void this.#stage.save(this.#file()).catch(showError),
        });
        this.#live = new Live({
            changed: () => this.#switched(),
            frame: (pixels) => this.#frame(pixels),
            told: (speed) => this.#form.live(speed),
        });
        this.#sources = new Sources({
            open: (picture) => void this.picture(picture),
            live: () => (this.#live.on ? this.#live.stop() : void this.#live.start()),
            take: () => void this.#take(),
            turn: () => void this.#live.next(),
        });
    }

    get running(): Running | undefined {
        const { model } = this.#slot;
        return model && { engine: model.engine, milliseconds: this.#milliseconds };
    }

    async show(): Promise<void> {
        if (this.#photo) await this.#update();
        else await this.picture(this.#settings.sample);
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
        this.#doing?.ender.abort();
        const wanted = this.#slot.source ?? this.#slot.asked;
        let done = true;
        await this.#latest.ask(async () => {
            if (wanted) done = await this.#slot.load(wanted, engine);
        });
        if (done) this.#plate = undefined;
        return done;
    }

    /** Opens a style of the user's. */
    async open(file: File): Promise<void> {
        this.#unknown = undefined;
        this.#styles.add(file);
        if (this.#photo) await this.#update();
        else await this.picture(this.#settings.sample);
    }

    /** Opens a picture, of the page's or of the user's. Where it cannot be opened, the one before stays. */
    async picture(source: File | Sample): Promise<void> {
        const turn = ++this.#turns;
        try {
            const photo = await Photo.open(source);
            if (turn !== this.#turns) return;
            clearError();
            this.#photo = photo;
            if (!(source instanceof File)) this.#settings.sample = source;
            this.#live.stop();
            await this.#update();
        } catch (error) {
            if (turn !== this.#turns) return;
            this.#stage.busy(false);
            showError(error);
        }
    }

    lose(): void {
        this.#slot.lose();
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
        return this.#settings.size ?? USUAL_SIZE[this.#slot.model?.engine.kind ?? guess];
    }

    /** Draws what is set now; what is being computed and is no longer of use is given up. */
    #update(): Promise<void> {
        this.#host.changed();
        this.#settled();
        if (this.#doing && !this.#wants(this.#doing)) this.#doing.ender.abort();
        return this.#latest.ask(() => (this.#live.on ? this.#live.run() : this.#draw()));
    }

    #wants({ plate, source, keepColor }: Doing): boolean {
        const still = plate.photo === this.#photo && plate.size === this.#size && keepColor === this.#settings.keepColor;
        return still && !this.#live.on && this.#styles.wanted.some((style) => style.source === source);
    }

    async #draw(): Promise<void> {
        this.#stage.busy(true);
        try {
            const plate = await this.#complete();
            if (plate) this.#paint(plate);
        } catch (error) {
            showError(error, this.#slot.as);
        } finally {
            this.#stage.busy(false);
        }
    }

    /** The picture with what all styles that are wanted make of it; none where the work was given up. */
    async #complete(): Promise<Plate | undefined> {
        for (;;) {
            const plate = await this.#decoded();
            if (!plate) return undefined;
            const { keepColor } = this.#settings;
            const missing = this.#styles.wanted.find(({ source }) => !plate.has(source, keepColor))?.source;
            if (!missing) return plate;
            // What the engine is, and so the usual size, is known when there is a model.
            if (!(await this.#hold(missing)) || plate.size !== this.#size) continue;
            if (!(await this.#stylize(plate, missing, keepColor))) return undefined;
        }
    }

    /** The picture in the size that is wanted. A new picture is shown as it is until there is more. */
    async #decoded(): Promise<Plate | undefined> {
        const [photo, size, before] = [this.#photo, this.#size, this.#plate];
        if (!photo || (before?.photo === photo && before.size === size)) return before;
        let pixels: Pixels;
        try {
            pixels = await photo.pixels(size);
        } catch (error) {
            if (this.#photo === photo) this.#photo = before?.photo;
            throw error;
        }
        this.#plate = new Plate(photo, size, pixels);
        this.#form.size(size, pixels);
        if (before?.photo !== photo) {
            this.#show(pixels, pixels);
            this.#done = false;
            this.#settled();
        }
        return this.#plate;
    }

    /** Makes the slot hold a style. One that cannot be loaded is no longer wanted. */
    async #hold(source: Source): Promise<boolean> {
        const held = this.#slot.asked === source ? this.#slot.ready() : this.#slot.load(source, this.#host.engine());
        if (await held) return true;
        this.#styles.drop(source, this.#styled.filter((style) => style.source !== source));
        this.#host.changed();
        return false;
    }

    /** Computes what a style makes of the picture. Says whether it was not given up. */
    async #stylize(plate: Plate, source: Source, keepColor: boolean): Promise<boolean> {
        const doing = (this.#doing = { plate, source, keepColor, ender: new AbortController() });
        let tiles: TilesDone | undefined;
        const onTile = (told: TilesDone) => this.#form.work({ state: "busy", tiles: (tiles = told) });
        this.#stage.busy(true);
        this.#form.work({ state: "busy" });
        try {
            const most = this.#slot.model?.engine.kind === "wasm" ? { mostPixels: MOST_PIXELS_ON_WASM } : {};
            const request = { ...plate.pixels, ...most, keepColor };
            const { signal } = doing.ender;
            const { rgba, milliseconds } = await this.#host.easel.stylize(request, { onTile, signal }, this.#slot.as);
            plate.put(source, keepColor, rgba, this.#styles.wanted);
            if (source instanceof File) this.#styles.picture(source, { ...plate.pixels, rgba });
            this.#milliseconds = milliseconds;
            this.#host.ran();
            clearError(this.#slot.as);
            announce(words().stylize.done(titleOf(source), this.#slot.model!.engine.name));
            this.#form.work({ state: "done" });
            return true;
        } catch (error) {
            if (!doing.ender.signal.aborted || !this.#wants(doing)) this.#form.work({ state: "done" });
            else this.#form.work({ state: "cancelled", tiles });
            if (!doing.ender.signal.aborted) throw error;
            return false;
        } finally {
            this.#doing = undefined;
        }
    }

    #paint(plate: Plate): void {
        const { wanted } = this.#styles;
        const { strength, keepColor } = this.#settings;
        this.#show(plate.pixels, plate.mixed(wanted, strength / WHOLE, keepColor));
        this.#styled = wanted;
        this.#done = true;
        this.#settled();
    }

    #show(before: Pixels, after: Pixels): void {
        this.#compare.paint(before);
        this.#stage.paint(after);
    }

    /** Paints a frame of the live picture, with the strongest style alone. */
    async #frame(pixels: Pixels): Promise<boolean> {
        const [first] = this.#styles.wanted;
        try {
            if (!first) this.#show(pixels, pixels);
            if (!first || !(await this.#hold(first.source))) return true;
            const { strength, keepColor } = this.#settings;
            const request = { ...pixels, strength: strength / WHOLE, keepColor };
            const painted = await this.#host.easel.stylize(request, {}, this.#slot.as);
            if (!this.#live.on) return true;
            this.#show(pixels, painted);
            const before = this.#milliseconds ?? painted.milliseconds;
            this.#milliseconds = INERTIA * before + (1 - INERTIA) * painted.milliseconds;
            this.#host.ran();
            return true;
        } catch (error) {
            showError(error, this.#slot.as);
            return false;
        }
    }

    /** The camera is on, or another one, or off. */
    #switched(): void {
        const { on, several } = this.#live;
        this.#sources.live(on, several);
        this.#form.live(undefined);
        this.#milliseconds = undefined;
        this.#done = false;
        // What was on the screen before is drawn anew when the camera is off.
        void this.#update();
    }

    async #take(): Promise<void> {
        try {
            const picture = await this.#live.picture();
            if (picture) await this.picture(picture);
        } catch (error) {
            showError(error);
        }
    }

    /** Says what is shown and what can be done with it. */
    #settled(): void {
        const says = words().stylize;
        const { wanted } = this.#styles;
        const live = this.#live.on;
        const picture = live ? says.camera.picture : this.#photo && nameOf(this.#photo.source);
        const styles = wanted.map(({ source, weight }) => says.part(titleOf(source), Math.round(WHOLE * weight)));
        const strength = this.#settings.strength;
        element("stylize-title", HTMLElement).textContent = picture ?? "";
        this.#stage.label(this.#stage.empty ? words().nothingYet : says.label(picture ?? "", styles, strength));
        this.#sources.show(live ? undefined : this.#photo?.source);
        this.#form.ready(this.#done && !live);
        const { source } = this.#photo ?? {};
        const own = source instanceof File ? [source] : [];
        allowLink(element("stylize-link", HTMLButtonElement), [...own, ...wanted.map((style) => style.source)]);
        this.#card();
        this.#command();
    }

    /** Shows the card of the strongest style. */
    #card(): void {
        const model = this.#styles.wanted[0] && this.#models.get(this.#styles.wanted[0].source);
        if (!model) return;
        showCard(element("stylize-card", HTMLDListElement), model);
        element("stylize-about", HTMLDetailsElement).hidden = false;
    }

    /** The same on the command line, which paints in one style at a time. */
    #command(): void {
        const [style, another] = this.#styles.wanted;
        const photo = this.#photo;
        element("stylize-command", HTMLElement).hidden = !photo || !style || another !== undefined || this.#live.on;
        if (!photo || !style) return;
        const { strength, keepColor } = this.#settings;
        const size = photo.side(this.#size);
        const line = ["stylize", quoted(photo.file), "-m", quoted(fileOf(style.source))];
        if (strength !== WHOLE) line.push("--strength", String(strength / WHOLE));
        if (keepColor) line.push("--keep-color");
        if (size !== undefined) line.push("--max-size", String(size));
        line.push("-o", quoted(this.#file()));
        element("stylize-command-text", HTMLElement).textContent = line.join(" ");
    }

    /** The result's file: `mountains-wave.png`. */
    #file(): string {
        const styles = this.#styles.wanted.map(({ source }) => fileOf(source).replace(/\.onnx$/i, ""));
        return `${[this.#photo?.stem, ...styles].join("-")}.png`;
    }
}

function nameOf(source: File | Sample): string {
    return source instanceof File ? source.name : words().stylize.samples[source];
}
