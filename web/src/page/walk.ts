/** The tab of walks: from seed to seed through a generator's latent space, and along its strongest directions. */

import { type Directions, type EngineChoice, GpuLost } from "../easel.js";
import { slerp } from "../latent.js";
import { show as showCard } from "./card.js";
import { element } from "./elements.js";
import { Latest } from "./latest.js";
import { argumentOf, type Source } from "./models.js";
import { announce, clearError, type Running, showError } from "./notices.js";
import { randomSeed } from "./settings.js";
import { Sliders } from "./sliders.js";
import { Picker, Slot } from "./slot.js";
import { Stage } from "./stage.js";
import { Stops } from "./stops.js";
import { allowLink, copiesLink, type Host, type Tab } from "./tab.js";
import { DIRECTIONS, fromQuery, leg, MOST_PUSH, toQuery, type WalkSettings } from "./walk-settings.js";
import { words } from "./words.js";

/** From one seed to the next. */
const MILLISECONDS_A_LEG = 2000;
/** Of the frames before, in the time that the badge shows: single frames vary. */
const INERTIA = 0.9;

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
    readonly #picker: Picker;
    readonly #settings: WalkSettings;
    readonly #stops: Stops;
    readonly #sliders: Sliders;
    readonly #frames = new Latest();
    readonly #thumbnails = new Latest();
    #name: string | undefined;
    #chosen = false;
    /** The seeds' latent vectors, and the seeds that they are of. */
    #latents: Float32Array[] = [];
    #latentsOf: bigint[] | undefined;
    #directions: Directions | undefined;
    /** Whether the directions are on their way. */
    #looking = false;
    #stale = true;
    /** Counts what makes frames and thumbnails that are on their way worthless. */
    #turn = 0;
    #playing = false;
    #milliseconds: number | undefined;

    constructor(host: Host, query: URLSearchParams) {
        this.#host = host;
        this.#name = query.get("model") ?? undefined;
        this.#settings = fromQuery(query);
        this.#slot = new Slot(host.easel, "walker", this.#stage, () => host.engine());
        this.#slot.onLoaded = () => this.#model();
        this.#picker = new Picker(element("walk-model-field", HTMLElement), this.#slot, host.models, (model) =>
            void this.#load(model),
        );
        this.#slot.onSettled = () => this.#settled();
        this.#stops = new Stops(this.#settings.seeds, {
            change: (seeds) => void this.#seeds(seeds),
            go: (index) => this.#go(index),
        });
        this.#sliders = new Sliders(this.#settings.pushes, () => this.#moved());
        playButton.addEventListener("click", () => (this.#playing ? this.#pause() : this.#play()));
        position.addEventListener("input", () => this.#go(Number(position.value)));
        downloadButton.addEventListener("click", () => {
            const { seeds, at } = this.#settings;
            this.#stage.save(`walk-${seeds.join("-")}-${at.toFixed(2)}.png`).catch(showError);
        });
        element("walk-dice", HTMLButtonElement).addEventListener("click", () => {
            this.#settings.at = 0;
            this.#stops.set(this.#settings.seeds.map(randomSeed));
            void this.#seeds(this.#stops.seeds);
        });
        element("walk-controls", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
        copiesLink(linkButton);
    }

    get running(): Running | undefined {
        const { model } = this.#slot;
        return model && { engine: model.engine, milliseconds: this.#milliseconds };
    }

    async show(): Promise<void> {
        if (!this.#chosen) {
            this.#slot.choose(this.#host.models, this.#name);
            this.#chosen = true;
            this.#name = undefined;
            this.#picker.show();
        }
        if (await this.#slot.ready()) await this.#begin();
    }

    hide(): void {
        this.#pause();
    }

    query(): URLSearchParams {
        const query = toQuery(this.#settings);
        const model = this.#name ?? this.#slot.nameBeyondDefault(this.#host.models);
        if (model !== undefined) query.set("model", model);
        return query;
    }

    async use(engine: EngineChoice): Promise<boolean> {
        this.#pause();
        const wanted = this.#slot.source ?? this.#slot.asked;
        return wanted ? this.#slot.load(wanted, engine) : true;
    }

    async open(file: File): Promise<void> {
        this.#chosen = true;
        await this.#load(file);
    }

    lose(): void {
        this.#slot.lose();
    }

    /** Says everything anew, in the language that is set. */
    say(): void {
        const says = words().walk;
        playButton.textContent = this.#playing ? says.pause : says.play;
        this.#stops.say();
        this.#sliders.say();
        this.#where();
        this.#settled();
        if (this.#directions) directionsHint.textContent = says.directionsAbout;
        const { model } = this.#slot;
        if (model) showCard(element("walk-card", HTMLDListElement), model);
    }

    #settled(): void {
        this.#picker.show();
        allowLink(linkButton, [this.#slot.source]);
    }

    async #load(wanted: Source): Promise<void> {
        this.#pause();
        if (await this.#slot.load(wanted, this.#host.engine())) await this.#begin();
    }

    /** Another model is there, or the same on another engine. */
    #model(): void {
        const { card } = this.#slot.model!;
        element("walk-title", HTMLElement).textContent = card.title;
        showCard(element("walk-card", HTMLDListElement), this.#slot.model!);
        element("walk-about", HTMLDetailsElement).hidden = false;
        this.#stale = true;
        this.#milliseconds = undefined;
        this.#host.ran();
    }

    /** Draws everything that there is to draw with a model, once. */
    async #begin(): Promise<void> {
        if (!this.#stale) return;
        this.#stale = false;
        this.#directions = undefined;
        this.#looking = true;
        this.#sliders.show([]);
        const { model } = this.#slot;
        await this.#seeds(this.#settings.seeds);
        try {
            const says = words().walk;
            const directions = await this.#host.easel.directions(
                DIRECTIONS,
                ({ done, of }) => (directionsHint.textContent = says.looking(done, of)),
                this.#slot.as,
            );
            if (this.#slot.model !== model) return;
            this.#directions = directions;
            this.#looking = false;
            directionsHint.textContent = words().walk.directionsAbout;
            this.#sliders.show(directions.shares);
            this.#moved();
        } catch (error) {
            directionsHint.textContent = "";
            // Another GPU, or WASM, finds them.
            if (!(error instanceof GpuLost)) {
                if (this.#slot.model !== model) return;
                this.#unpushed();
            }
            showError(error, this.#slot.as);
        }
    }

    /** There are no directions: nothing can be pushed along them. */
    #unpushed(): void {
        this.#looking = false;
        this.#settings.pushes.fill(0);
        this.#moved();
    }

    get #pushed(): boolean {
        return this.#settings.pushes.some((push) => push !== 0);
    }

    /** Takes other seeds: their pictures, and the one in between. */
    async #seeds(seeds: bigint[]): Promise<void> {
        const turn = ++this.#turn;
        this.#settings.seeds = seeds;
        this.#settings.at = Math.min(this.#settings.at, seeds.length);
        position.max = String(seeds.length);
        this.#host.changed();
        this.#command();
        const dim = this.#slot.model?.card.latent?.dim;
        if (dim === undefined) return;
        const { easel } = this.#host;
        try {
            const latents = await Promise.all(seeds.map((seed) => easel.normals(seed, 0n, dim)));
            if (turn !== this.#turn) return;
            this.#latents = latents;
            this.#latentsOf = seeds;
            await this.#frame();
            this.#stops.paint(await easel.render(joined(latents), this.#slot.as));
            clearError(this.#slot.as);
            this.#ends();
        } catch (error) {
            showError(error, this.#slot.as);
        }
    }

    #go(at: number): void {
        this.#settings.at = at;
        this.#moved();
    }

    /** The picture is to be another. */
    #moved(): void {
        void this.#frame();
        if (!this.#playing) this.#ends();
        this.#command();
        this.#host.changed();
    }

    /** Draws the picture of where the walk is. */
    #frame(): Promise<void> {
        return this.#frames.ask(async () => {
            const z = (await this.#slot.ready()) && this.#point();
            if (!z) return;
            // Before the directions are known the picture would be another than the one that is asked for.
            const waits = this.#looking && this.#pushed;
            this.#stage.busy(waits);
            if (waits) {
                downloadButton.disabled = true;
                if (this.#stale) void this.#begin();
                return;
            }
            try {
                const picture = await this.#host.easel.render(z, this.#slot.as);
                this.#stage.paint(picture);
                playButton.disabled = position.disabled = downloadButton.disabled = false;
                const before = this.#milliseconds;
                const now = picture.milliseconds;
                this.#milliseconds = before === undefined ? now : INERTIA * before + (1 - INERTIA) * now;
                this.#where();
                this.#host.ran();
            } catch (error) {
                this.#pause();
                showError(error, this.#slot.as);
            }
        });
    }

    /** Draws what is at the sliders' ends. */
    #ends(): void {
        void this.#thumbnails.ask(async () => {
            const here = (await this.#slot.ready()) && this.#point();
            const directions = this.#directions;
            if (!here || !directions) return;
            const ends = directions.shares.flatMap((_, index) =>
                [-MOST_PUSH, MOST_PUSH].map((end) => {
                    const by = end - this.#settings.pushes[index]!;
                    return here.map((value, at) => value + by * directions.vectors[index * here.length + at]!);
                }),
            );
            try {
                this.#sliders.paint(await this.#host.easel.render(joined(ends), this.#slot.as));
            } catch (error) {
                showError(error, this.#slot.as);
            }
        });
    }

    /** The latent vector of where the walk is, pushed as the sliders say. None while the seeds' own are not there. */
    #point(): Float32Array | undefined {
        if (this.#latentsOf !== this.#settings.seeds) return undefined;
        const { from, to, t } = leg(this.#settings.seeds, this.#settings.at);
        const [a, b] = [this.#latents[from], this.#latents[to]];
        const dim = this.#slot.model?.card.latent?.dim;
        if (a?.length !== dim || b?.length !== dim || !a || !b) return undefined;
        const z = slerp(a, b, t);
        const { vectors } = this.#directions ?? { vectors: new Float32Array(0) };
        this.#settings.pushes.forEach((push, index) => {
            if ((index + 1) * z.length > vectors.length) return;
            for (let at = 0; at < z.length; at++) z[at]! += push * vectors[index * z.length + at]!;
        });
        return z;
    }

    /** Says where the walk is. */
    #where(): void {
        const { seeds, at } = this.#settings;
        const says = words().walk;
        const { from, to, t } = leg(seeds, at);
        const percent = Math.round(t * 100);
        const where = percent === 0 ? says.at(seeds[from]!) : says.between(seeds[from]!, seeds[to]!, percent);
        element("walk-where", HTMLElement).textContent = this.#stage.empty ? "" : where;
        position.value = String(at);
        position.setAttribute("aria-valuetext", where);
        this.#stage.label(this.#stage.empty ? words().nothingYet : says.picture(where));
        this.#stops.here(percent === 0 ? from : undefined);
    }

    #play(): void {
        this.#playing = true;
        playButton.textContent = words().walk.pause;
        let before = performance.now();
        const next = async () => {
            if (!this.#playing) return;
            const now = performance.now();
            const { seeds, at } = this.#settings;
            this.#settings.at = (at + (now - before) / MILLISECONDS_A_LEG) % seeds.length;
            before = now;
            await this.#frame();
            requestAnimationFrame(() => void next());
        };
        void next();
    }

    #pause(): void {
        if (!this.#playing) return;
        this.#playing = false;
        playButton.textContent = words().walk.play;
        // The address and the sliders' ends don't follow a walk that is playing.
        this.#settings.at = Number(this.#settings.at.toFixed(2));
        this.#moved();
        announce(element("walk-where", HTMLElement).textContent ?? "");
    }

    /** The walk's command, unless the walk is pushed aside: the command line knows no directions. */
    #command(): void {
        const { source } = this.#slot;
        element("walk-command", HTMLElement).hidden = !source || this.#pushed;
        if (!source) return;
        const { seeds } = this.#settings;
        const line = `sample -m ${argumentOf(source)} --seeds ${seeds.join(",")} --walk 50 -o walk.gif`;
        element("walk-command-text", HTMLElement).textContent = line;
    }
}

function joined(vectors: Float32Array[]): Float32Array {
    const all = new Float32Array(vectors.reduce((sum, vector) => sum + vector.length, 0));
    let at = 0;
    for (const vector of vectors) {
        all.set(vector, at);
        at += vector.length;
    }
    return all;
}
