/** The resolution of live frames: as high as the frame rate allows. */

const MIN_SIDE = 128;
const MAX_SIDE = 640;
/** The first frame's side, before any time is known. */
const FIRST_SIDE = 192;
/** Sides are multiples of it, since every new size costs the engine time. */
const STEP = 32;
/** The time of a frame to aim at, and that above which frames become smaller: more than 8 frames per second. */
const MILLISECONDS = { target: 90, max: 115 };
/** The weight of earlier frames in the average time. */
const SMOOTHING = 0.7;
/** The frames of one size before another is tried: the first one of a size is slow. */
const FRAMES_PER_SIZE = 4;

export class LiveResolution {
    #side = FIRST_SIDE;
    #frames = 0;
    #milliseconds = 0;

    /** The longest side of the next frame. */
    get side(): number {
        return this.#side;
    }

    /** The time of a frame of this size; undefined if not known yet. */
    get milliseconds(): number | undefined {
        return this.#frames > 1 ? this.#milliseconds : undefined;
    }

    /** Adds the time that a frame took from the camera to the screen. */
    update(milliseconds: number): void {
        this.#frames += 1;
        if (this.#frames === 1) return;
        const before = this.#frames === 2 ? milliseconds : this.#milliseconds;
        this.#milliseconds = SMOOTHING * before + (1 - SMOOTHING) * milliseconds;
        if (this.#frames < FRAMES_PER_SIZE) return;
        // The work grows with the number of pixels.
        const ideal = this.#side * Math.sqrt(MILLISECONDS.target / this.#milliseconds);
        const side = Math.min(MAX_SIDE, Math.max(MIN_SIDE, Math.floor(ideal / STEP) * STEP));
        const change = this.#milliseconds > MILLISECONDS.max ? side < this.#side : side > this.#side;
        if (change) [this.#side, this.#frames] = [side, 0];
    }
}
