/** The seeds of a walk, each with its picture: to go to, change, remove and add. */

import { element } from "./elements.js";
import { mark, parseSeed, randomSeed } from "./settings.js";
import { paint, type Pixels } from "./stage.js";
import { MAX_SEEDS, MIN_SEEDS } from "./walk-settings.js";
import { words } from "./words.js";

const list = element("walk-seeds", HTMLUListElement);
const hint = element("walk-seeds-hint", HTMLElement);

export interface SeedListCallbacks {
    /** The seeds have changed. */
    onChange(seeds: bigint[]): void;
    /** The user goes to one of them. */
    onGo(index: number): void;
}

export class SeedList {
    #seeds: bigint[];
    readonly #callbacks: SeedListCallbacks;

    constructor(seeds: bigint[], callbacks: SeedListCallbacks) {
        this.#seeds = seeds;
        this.#callbacks = callbacks;
        this.localise();
    }

    get seeds(): bigint[] {
        return this.#seeds;
    }

    /** Lists other seeds, which have no pictures yet. */
    set(seeds: bigint[]): void {
        this.#seeds = seeds;
        this.localise();
    }

    /** Shows the pictures of the seeds. */
    paint(pictures: Pixels): void {
        const length = pictures.width * pictures.height * 4;
        list.querySelectorAll("canvas").forEach((canvas, index) => {
            paint(canvas, { ...pictures, rgba: pictures.rgba.slice(index * length, (index + 1) * length) });
        });
    }

    /** Marks the seed that the walk is at; undefined between seeds. */
    highlight(index: number | undefined): void {
        list.querySelectorAll(".seed").forEach((seed, at) => seed.classList.toggle("current", at === index));
    }

    /** Rebuilds the list in the current language. Pictures and focus stay. */
    localise(): void {
        const pictures = [...list.querySelectorAll("canvas")];
        const focus = [...list.querySelectorAll<HTMLElement>("input, button")].indexOf(
            document.activeElement as HTMLElement,
        );
        const items = this.#seeds.map((seed, index) => this.#item(seed, index, pictures[index]));
        if (items.length < MAX_SEEDS) items.push(this.#addItem());
        list.replaceChildren(...items);
        hint.hidden = true;
        if (focus >= 0) list.querySelectorAll<HTMLElement>("input, button").item(focus)?.focus();
    }

    #item(seed: bigint, index: number, picture: HTMLCanvasElement | undefined): HTMLLIElement {
        const text = words().walk;
        const item = document.createElement("li");
        item.className = "seed";
        const go = document.createElement("button");
        go.type = "button";
        go.className = "picture";
        go.setAttribute("aria-label", text.goTo(String(seed)));
        go.append(picture ?? document.createElement("canvas"));
        go.addEventListener("click", () => this.#callbacks.onGo(index));

        const remove = this.#seeds.length > MIN_SEEDS ? this.#removeButton(seed, index) : undefined;
        const input = document.createElement("input");
        input.value = String(seed);
        input.inputMode = "numeric";
        input.maxLength = 20;
        input.setAttribute("aria-label", text.seed(index + 1));
        input.setAttribute("aria-describedby", hint.id);
        input.addEventListener("input", () => {
            const parsed = parseSeed(input.value);
            mark(input, hint, parsed === undefined ? words().seedError : undefined);
            if (parsed === undefined) return;
            this.#seeds = this.#seeds.map((seed, at) => (at === index ? parsed : seed));
            go.setAttribute("aria-label", text.goTo(String(parsed)));
            remove?.setAttribute("aria-label", text.remove(String(parsed)));
            this.#callbacks.onChange(this.#seeds);
        });
        item.append(go, input);
        if (remove) item.append(remove);
        return item;
    }

    #removeButton(seed: bigint, index: number): HTMLButtonElement {
        const remove = document.createElement("button");
        remove.type = "button";
        remove.className = "remove";
        remove.textContent = "×";
        remove.setAttribute("aria-label", words().walk.remove(String(seed)));
        remove.addEventListener("click", () => this.#change(this.#seeds.filter((_, at) => at !== index)));
        return remove;
    }

    #addItem(): HTMLLIElement {
        const item = document.createElement("li");
        const add = document.createElement("button");
        add.type = "button";
        add.className = "add";
        add.textContent = "+";
        add.setAttribute("aria-label", words().walk.add);
        add.addEventListener("click", () => this.#change([...this.#seeds, randomSeed()]));
        item.append(add);
        return item;
    }

    #change(seeds: bigint[]): void {
        this.set(seeds);
        this.#callbacks.onChange(seeds);
    }
}
