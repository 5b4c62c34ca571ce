/** The tab of latent walks: from seed to seed through a generator's latent space, and along its strongest directions. */

import { type Directions, type EngineChoice, GpuLost, type LatentPoint } from "../easel.js";
import { show as showCard } from "./card.js";
import { element } from "./elements.js";
import { LatestTask } from "./latest-task.js";
import { argumentOf, type Source } from "./models.js";
import { announce, clearError, type EngineStatus, showError } from "./notices.js";
import { SeedList } from "./seed-list.js";
import { randomSeed } from "./settings.js";
import { Sliders } from "./sliders.js";
import { ModelPicker, Slot } from "./slot.js";
import { Stage } from "./stage.js";
import { enableLink, type Host, setUpCopyLink, type Tab } from "./tab.js";
import { DIRECTIONS, fromQuery, MAX_PUSH, positionOf, toQuery, type WalkSettings } from "./walk-settings.js";
import { words } from "./words.js";

/** From one seed to the next. */
const MILLISECONDS_PER_SEED = 2000;
/** The weight of earlier frames in the average time that the badge shows. */
const SMOOTHING = 0.9;

const position = element("walk-position", HTMLInputElement);
const playButton = element("walk-play", HTMLButtonElement);
const downloadButton = element("walk-download", HTMLButtonElement);
const linkButton = element("walk-link", HTMLButtonElement);
const directionsHint = element("directions-hint", HTMLElement);

export class WalkTab implements Tab {
    readonly name = "walk";
    readonly #host: Host;
    readonly #stage = new Stage(element("walk-figure", HTMLElement));
    readonly #slot: Slot;
    readonly #picker: ModelPicker;
    readonly #settings: WalkSettings;
    readonly #seedList: SeedList;
    readonly #sliders: Sliders;
    readonly #frames = new LatestTask();
    readonly #thumbnails = new LatestTask();
    /** The model in the address, until it has been looked up. */
    #name: string | undefined;
    #chosen = false;
    #directions: Directions | undefined;
    /** Whether the directions are being computed. */
    #computing = false;
    /** Whether the seeds' pictures and the directions are those of another model. */
    #stale = true;
    /** Increases when the seeds change. */
    #generation = 0;
    /** The seeds and the position of the picture on the screen. */
    #drawn: Pick<WalkSettings, "seeds" | "at"> | undefined;
    #playing = false;
    #milliseconds: number | undefined;

    constructor(host: Host, query: URLSearchParams) {
        this.#host = host;
        this.#name = query.get("model") ?? undefined;
        this.#settings = fromQuery(query);
        this.#slot = new Slot(host.easel, "walker", this.#stage, () => host.engine());
        this.#slot.onLoad = () => this.#modelLoaded();
        this.#picker = new ModelPicker(element("walk-model-field", HTMLElement), this.#slot, host.models, (model) =>
            void this.#load(model),
        );
        this.#slot.onSettled = () => this.#update();
        this.#seedList = new SeedList(this.#settings.seeds, {
            onChange: (seeds) => void this.#setSeeds(seeds),
            onGo: (index) => this.#goTo(index),
        });
        this.#sliders = new Sliders(this.#settings.pushes, () => this.#move());
        playButton.addEventListener("click", () => (this.#playing ? this.#pause() : this.#play()));
        position.addEventListener("input", () => this.#goTo(Number(position.value)));
        downloadButton.addEventListener("click", () => {
            const { seeds, at } = this.#settings;
            this.#stage.save(`walk-${seeds.join("-")}-${at.toFixed(2)}.png`).catch(showError);
        });
        element("walk-dice", HTMLButtonElement).addEventListener("click", () => {
            this.#settings.at = 0;
            this.#seedList.set(this.#settings.seeds.map(randomSeed));
            void this.#setSeeds(this.#seedList.seeds);
        });
        element("walk-controls", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
        setUpCopyLink(linkButton);
    }

    get engineStatus(): EngineStatus | undefined {
        const { model } = this.#slot;
        return model && { engine: model.engine, milliseconds: this.#milliseconds };
    }

    async show(): Promise<void> {
        if (!this.#chosen) {
            this.#slot.choose(this.#host.models, this.#name);
            this.#chosen = true;
            this.#name = undefined;
            this.#picker.update();
        }
        if (await this.#slot.ready()) await this.#begin();
    }

    hide(): void {
        this.#pause();
    }

    query(): URLSearchParams {
        const query = toQuery(this.#settings);
        const model = this.#name ?? this.#slot.nameForAddress(this.#host.models);
        if (model !== undefined) query.set("model", model);
        return query;
    }

    async setEngine(engine: EngineChoice): Promise<boolean> {
        this.#pause();
        const source = this.#slot.source ?? this.#slot.requested;
        return source ? this.#slot.load(source, engine) : true;
    }

    async open(file: File): Promise<void> {
        this.#chosen = true;
        await this.#load(file);
    }

    workerLost(): void {
        this.#slot.workerLost();
    }

    localise(): void {
        const text = words().walk;
        playButton.textContent = this.#playing ? text.pause : text.play;
        this.#seedList.localise();
        this.#sliders.localise();
        this.#showPosition();
        this.#update();
        if (this.#directions) directionsHint.textContent = text.directionsAbout;
        const { model } = this.#slot;
        if (model) showCard(element("walk-card", HTMLDListElement), model);
    }

    #update(): void {
        this.#picker.update();
        enableLink(linkButton, [this.#slot.source]);
    }

    async #load(source: Source): Promise<void> {
        this.#pause();
        if (await this.#slot.load(source, this.#host.engine())) await this.#begin();
    }

    /** Another model is loaded, or the same on another engine. */
    #modelLoaded(): void {
        const { card } = this.#slot.model!;
        element("walk-title", HTMLElement).textContent = card.title;
        showCard(element("walk-card", HTMLDListElement), this.#slot.model!);
        element("walk-about", HTMLDetailsElement).hidden = false;
        this.#stale = true;
        this.#milliseconds = undefined;
        this.#host.engineChanged();
    }

    /** Draws everything with a new model, once. */
    async #begin(): Promise<void> {
        if (!this.#stale) return;
        this.#stale = false;
        this.#directions = undefined;
        this.#computing = true;
        this.#sliders.show([]);
        const { model } = this.#slot;
        await this.#setSeeds(this.#settings.seeds);
        try {
            const text = words().walk;
            const directions = await this.#host.easel.directions(
                DIRECTIONS,
                ({ done, of }) => (directionsHint.textContent = text.directionsProgress(done, of)),
                this.#slot.role,
            );
            if (this.#slot.model !== model) return;
            this.#directions = directions;
            this.#computing = false;
            directionsHint.textContent = words().walk.directionsAbout;
            this.#sliders.show(directions.shares);
            this.#move();
        } catch (error) {
            directionsHint.textContent = "";
            // After the loss of a GPU they are computed again, on another engine if need be.
            if (!(error instanceof GpuLost)) {
                if (this.#slot.model !== model) return;
                this.#resetPushes();
            }
            showError(error, this.#slot.role);
        }
    }

    /** Without directions the picture cannot be pushed. */
    #resetPushes(): void {
        this.#computing = false;
        this.#settings.pushes.fill(0);
        this.#move();
    }

    get #pushed(): boolean {
        return this.#settings.pushes.some((push) => push !== 0);
    }

    /** Sets the seeds, and draws their pictures and the current frame. */
    async #setSeeds(seeds: bigint[]): Promise<void> {
        const generation = ++this.#generation;
        this.#settings.seeds = seeds;
        this.#settings.at = Math.min(this.#settings.at, seeds.length);
        position.max = String(seeds.length);
        this.#host.settingsChanged();
        this.#showCommand();
        if (!this.#slot.model) return;
        try {
            await this.#drawFrame();
            if (generation !== this.#generation) return;
            const points = seeds.map((seed) => ({ from: seed, to: seed, t: 0 }));
            const pictures = await this.#host.easel.render(points, this.#slot.role);
            if (generation !== this.#generation) return;
            this.#seedList.paint(pictures);
            clearError(this.#slot.role);
            this.#drawSliderEnds();
        } catch (error) {
            showError(error, this.#slot.role);
        }
    }

    #goTo(at: number): void {
        this.#settings.at = at;
        this.#move();
    }

    /** The position or the pushes have changed. */
    #move(): void {
        void this.#drawFrame();
        if (!this.#playing) this.#drawSliderEnds();
        this.#showCommand();
        this.#host.settingsChanged();
    }

    /** Draws the picture at the current position. */
    #drawFrame(): Promise<void> {
        return this.#frames.run(async () => {
            if (!(await this.#slot.ready())) return;
            // Without the directions the picture would not be the one that the settings describe.
            const waiting = this.#computing && this.#pushed;
            this.#stage.busy(waiting);
            if (waiting) {
                downloadButton.disabled = true;
                if (this.#stale) void this.#begin();
                return;
            }
            try {
                const { seeds, at } = this.#settings;
                const picture = await this.#host.easel.render([this.#point()], this.#slot.role);
                this.#stage.paint(picture);
                this.#drawn = { seeds, at };
                playButton.disabled = position.disabled = downloadButton.disabled = false;
                const before = this.#milliseconds;
                const now = picture.milliseconds;
                this.#milliseconds = before === undefined ? now : SMOOTHING * before + (1 - SMOOTHING) * now;
                this.#showPosition();
                this.#host.engineChanged();
            } catch (error) {
                this.#pause();
                showError(error, this.#slot.role);
            }
        });
    }

    /** Draws the pictures at the sliders' ends. */
    #drawSliderEnds(): void {
        void this.#thumbnails.run(async () => {
            const directions = (await this.#slot.ready()) && this.#directions;
            if (!directions) return;
            const ends = directions.shares.flatMap((_, slider) =>
                [-MAX_PUSH, MAX_PUSH].map((end) =>
                    this.#point(this.#settings.pushes.map((push, index) => (index === slider ? end : push))),
                ),
            );
            try {
                this.#sliders.paint(await this.#host.easel.render(ends, this.#slot.role));
            } catch (error) {
                showError(error, this.#slot.role);
            }
        });
    }

    /** The point of latent space at the current position, pushed along the directions. */
    #point(pushes = this.#settings.pushes): LatentPoint {
        const { seeds, at } = this.#settings;
        const { from, to, t } = positionOf(seeds, at);
        const point = { from: seeds[from]!, to: seeds[to]!, t };
        const directions = this.#directions;
        const dim = this.#slot.model?.card.latent?.dim ?? 0;
        // They may still be those of the model before.
        const usable = directions && directions.vectors.length === directions.shares.length * dim;
        if (!usable || pushes.every((push) => push === 0)) return point;
        const offset = new Float32Array(dim);
        directions.shares.forEach((_, index) => {
            for (let at = 0; at < dim; at++) offset[at]! += pushes[index]! * directions.vectors[index * dim + at]!;
        });
        return { ...point, offset };
    }

    #showPosition(): void {
        position.value = String(this.#settings.at);
        const { seeds, at } = this.#drawn ?? this.#settings;
        const text = words().walk;
        const { from, to, t } = positionOf(seeds, at);
        const percent = Math.round(t * 100);
        const description = percent === 0 ? text.at(seeds[from]!) : text.between(seeds[from]!, seeds[to]!, percent);
        element("walk-where", HTMLElement).textContent = this.#stage.empty ? "" : description;
        position.setAttribute("aria-valuetext", description);
        this.#stage.label(this.#stage.empty ? words().noPictures : text.picture(description));
        this.#seedList.highlight(percent === 0 ? from : undefined);
    }

    #play(): void {
        this.#playing = true;
        playButton.textContent = words().walk.pause;
        let before = performance.now();
        const next = async () => {
            if (!this.#playing) return;
            const now = performance.now();
            const { seeds, at } = this.#settings;
            this.#settings.at = (at + (now - before) / MILLISECONDS_PER_SEED) % seeds.length;
            before = now;
            await this.#drawFrame();
            requestAnimationFrame(() => void next());
        };
        void next();
    }

    #pause(): void {
        if (!this.#playing) return;
        this.#playing = false;
        playButton.textContent = words().walk.play;
        // The address and the sliders' ends are not updated while the walk plays.
        this.#settings.at = Number(this.#settings.at.toFixed(2));
        this.#move();
        announce(element("walk-where", HTMLElement).textContent ?? "");
    }

    /** Shows the command for the walk, unless the picture is pushed: the command line has no directions. */
    #showCommand(): void {
        const { source } = this.#slot;
        element("walk-command", HTMLElement).hidden = !source || this.#pushed;
        if (!source) return;
        const { seeds } = this.#settings;
        const command = `sample -m ${argumentOf(source)} --seeds ${seeds.join(",")} --walk 50 -o walk.gif`;
        element("walk-command-text", HTMLElement).textContent = command;
    }
}
