/** The live picture: frame after frame of the camera, as large as is fast enough. */

import { Camera } from "./camera.js";
import { announce, clearError, showError } from "./notices.js";
import { Pace } from "./pace.js";
import type { Pixels } from "./stage.js";
import { words } from "./words.js";

/** Whose the errors about cameras are. */
const OWNER = "camera";
/** Numbers that change faster cannot be read. */
const MILLISECONDS_BETWEEN_TELLING = 500;

export interface Wishes {
    /** The camera is on, another one, or off. */
    changed(): void;
    /** Paints a frame; says whether that worked. */
    frame(pixels: Pixels): Promise<boolean>;
    /** How fast it is. */
    told(speed: { perSecond: number; extent: Pixels }): void;
}

export class Live {
    readonly #wishes: Wishes;
    #camera: Camera | undefined;
    /** Counts what makes a camera that is being opened unwanted. */
    #turns = 0;

    constructor(wishes: Wishes) {
        this.#wishes = wishes;
        document.addEventListener("visibilitychange", () => document.hidden && this.stop());
    }

    get on(): boolean {
        return this.#camera !== undefined;
    }

    /** Whether there is another camera. */
    get several(): boolean {
        return this.#camera?.several ?? false;
    }

    start(): Promise<void> {
        return this.#take(Camera.open(() => this.stop()));
    }

    /** Switches to the next camera. */
    async next(): Promise<void> {
        const camera = this.#camera;
        if (camera) await this.#take(camera.next(() => this.stop()));
    }

    stop(): void {
        this.#turns += 1;
        if (!this.#camera) return;
        this.#camera.close();
        this.#camera = undefined;
        announce(words().stylize.camera.off);
        this.#wishes.changed();
    }

    /** What the camera sees now. */
    async picture(): Promise<File | undefined> {
        return this.#camera?.picture();
    }

    /** Paints frames until the camera is off. */
    async run(): Promise<void> {
        let pace = new Pace();
        let camera = this.#camera;
        let told = -Infinity;
        while (this.#camera) {
            if (camera !== this.#camera) [camera, pace] = [this.#camera, new Pace()];
            const begun = performance.now();
            const frame = this.#camera.frame(pace.side);
            if (frame && !(await this.#wishes.frame(frame))) this.stop();
            await new Promise(requestAnimationFrame);
            if (!frame) continue;
            const now = performance.now();
            pace.learn(now - begun);
            if (pace.milliseconds === undefined || now - told < MILLISECONDS_BETWEEN_TELLING) continue;
            told = now;
            if (this.#camera) this.#wishes.told({ perSecond: 1000 / pace.milliseconds, extent: frame });
        }
    }

    async #take(opening: Promise<Camera>): Promise<void> {
        const turn = ++this.#turns;
        try {
            const camera = await opening;
            if (turn !== this.#turns) {
                camera.close();
                return;
            }
            this.#camera = camera;
            clearError(OWNER);
            announce(words().stylize.camera.on);
            this.#wishes.changed();
        } catch (error) {
            if (turn !== this.#turns) return;
            this.stop();
            showError(error, OWNER);
        }
    }
}
