/** The seeds that a walk passes, each with its picture: to go to, to change, to leave out, to add to. */

import { element } from "./elements.js";
import { mark, parseSeed, randomSeed } from "./settings.js";
import { paint, type Pixels } from "./stage.js";
import { LEAST_SEEDS, MOST_SEEDS } from "./walk-settings.js";
import { words } from "./words.js";

const list = element("stops", HTMLUListElement);
const hint = element("stops-hint", HTMLElement);

export interface StopWishes {
    /** The seeds are others. */
    change(seeds: bigint[]): void;
    /** Walk to one of them. */
    go(index: number): void;
}

export class Stops {
    #seeds: bigint[];
    readonly #wishes: StopWishes;

    constructor(seeds: bigint[], wishes: StopWishes) {
        this.#seeds = seeds;
        this.#wishes = wishes;
        this.say();
    }

    get seeds(): bigint[] {
        return this.#seeds;
    }

    /** Lists seeds, still without pictures. */
    set(seeds: bigint[]): void {
        this.#seeds = seeds;
        this.say();
    }

    /** Shows the pictures of the seeds, one after the other in `rgba`. */
    paint(pictures: Pixels): void {
        const length = pictures.width * pictures.height * 4;
        list.querySelectorAll("canvas").forEach((canvas, index) => {
            paint(canvas, { ...pictures, rgba: pictures.rgba.slice(index * length, (index + 1) * length) });
        });
    }

    /** Shows at which of them the walk is; at none on the way. */
    here(index: number | undefined): void {
        list.querySelectorAll(".stop").forEach((stop, at) => stop.classList.toggle("here", at === index));
    }

    /** Makes the list anew, in the language that is set. Pictures and focus stay. */
    say(): void {
        const pictures = [...list.querySelectorAll("canvas")];
        const focused = [...list.querySelectorAll<HTMLElement>("input, button")].indexOf(
            document.activeElement as HTMLElement,
        );
        const items = this.#seeds.map((seed, index) => this.#item(seed, index, pictures[index]));
        if (items.length < MOST_SEEDS) items.push(this.#adder());
        list.replaceChildren(...items);
        hint.hidden = true;
        if (focused >= 0) list.querySelectorAll<HTMLElement>("input, button").item(focused)?.focus();
    }

    #item(seed: bigint, index: number, picture: HTMLCanvasElement | undefined): HTMLLIElement {
        const says = words().walk;
        const item = document.createElement("li");
        item.className = "stop";
        const go = document.createElement("button");
        go.type = "button";
        go.className = "picture";
        go.setAttribute("aria-label", says.goTo(String(seed)));
        go.append(picture ?? document.createElement("canvas"));
        go.addEventListener("click", () => this.#wishes.go(index));

        const remove = this.#seeds.length > LEAST_SEEDS ? this.#remover(seed, index) : undefined;
        const input = document.createElement("input");
        input.value = String(seed);
        input.inputMode = "numeric";
        input.maxLength = 20;
        input.setAttribute("aria-label", says.stop(index + 1));
        input.setAttribute("aria-describedby", hint.id);
        input.addEventListener("input", () => {
            const typed = parseSeed(input.value);
            mark(input, hint, typed === undefined ? words().seedWrong : undefined);
            if (typed === undefined) return;
            this.#seeds = this.#seeds.map((seed, at) => (at === index ? typed : seed));
            go.setAttribute("aria-label", says.goTo(String(typed)));
            remove?.setAttribute("aria-label", says.remove(String(typed)));
            this.#wishes.change(this.#seeds);
        });
        item.append(go, input);
        if (remove) item.append(remove);
        return item;
    }

    #remover(seed: bigint, index: number): HTMLButtonElement {
        const remove = document.createElement("button");
        remove.type = "button";
        remove.className = "remove";
        remove.textContent = "×";
        remove.setAttribute("aria-label", words().walk.remove(String(seed)));
        remove.addEventListener("click", () => this.#change(this.#seeds.filter((_, at) => at !== index)));
        return remove;
    }

    #adder(): HTMLLIElement {
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
        this.#wishes.change(seeds);
    }
}
