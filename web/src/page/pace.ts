/** How large the frames of a live picture can be to be fast enough. */

const LEAST_SIDE = 128;
const MOST_SIDE = 640;
/** Where the first frame is computed, before anything is known. */
const FIRST_SIDE = 192;
/** Sides are multiples of it: each new size costs the engine time. */
const STEP = 32;
/** What is aimed at, and what is borne before frames become smaller: more than 8 a second. */
const MILLISECONDS = { wanted: 90, most: 115 };
/** Of the frames before: single frames vary. */
const INERTIA = 0.7;
/** Frames of a size before another is tried: the first one of a size is slow. */
const FRAMES = 4;

export class Pace {
    #side = FIRST_SIDE;
    #frames = 0;
    #milliseconds = 0;

    /** The longest side of the next frame. */
    get side(): number {
        return this.#side;
    }

    /** The time that a frame of this size takes. Undefined where it is not known yet. */
    get milliseconds(): number | undefined {
        return this.#frames > 1 ? this.#milliseconds : undefined;
    }

    /** Learns how long a frame took from the camera to the screen. */
    learn(milliseconds: number): void {
        this.#frames += 1;
        if (this.#frames === 1) return;
        const before = this.#frames === 2 ? milliseconds : this.#milliseconds;
        this.#milliseconds = INERTIA * before + (1 - INERTIA) * milliseconds;
        if (this.#frames < FRAMES) return;
        // The work grows with the pixels, not with the side.
        const fitting = this.#side * Math.sqrt(MILLISECONDS.wanted / this.#milliseconds);
        const side = Math.min(MOST_SIDE, Math.max(LEAST_SIDE, Math.floor(fitting / STEP) * STEP));
        const change = this.#milliseconds > MILLISECONDS.most ? side < this.#side : side > this.#side;
        if (change) [this.#side, this.#frames] = [side, 0];
    }
}
