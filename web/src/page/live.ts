/** The live picture: frames of the camera, stylized one by one. */

import { Camera } from "./camera.js";
import { LiveResolution } from "./live-resolution.js";
import { announce, clearError, showError } from "./notices.js";
import type { Pixels } from "./stage.js";
import { words } from "./words.js";

/** The owner of errors about cameras. */
const OWNER = "camera";
/** Numbers that change faster cannot be read. */
const MILLISECONDS_PER_RATE = 500;

export interface LiveCallbacks {
    /** The camera was switched on or off, or to another one. */
    onSwitch(): void;
    /** Stylizes and shows a frame. Returns whether that worked. */
    onFrame(pixels: Pixels): Promise<boolean>;
    /** The frame rate, and the frames' size. */
    onRate(rate: { perSecond: number; extent: Pixels }): void;
}

export class Live {
    readonly #callbacks: LiveCallbacks;
    #camera: Camera | undefined;
    /** Increases when a camera that is being opened becomes obsolete. */
    #generation = 0;

    constructor(callbacks: LiveCallbacks) {
        this.#callbacks = callbacks;
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
        return this.#open(Camera.open(() => this.stop()));
    }

    /** Switches to the next camera. */
    async next(): Promise<void> {
        const camera = this.#camera;
        if (camera) await this.#open(camera.next(() => this.stop()));
    }

    stop(): void {
        this.#generation += 1;
        if (!this.#camera) return;
        this.#camera.close();
        this.#camera = undefined;
        announce(words().stylize.camera.off);
        this.#callbacks.onSwitch();
    }

    /** The camera's current picture. */
    async snapshot(): Promise<File | undefined> {
        return this.#camera?.snapshot();
    }

    /** Shows frames until the camera is off. */
    async run(): Promise<void> {
        let resolution = new LiveResolution();
        let camera = this.#camera;
        let reported = -Infinity;
        while (this.#camera) {
            if (camera !== this.#camera) [camera, resolution] = [this.#camera, new LiveResolution()];
            const start = performance.now();
            const frame = this.#camera.frame(resolution.side);
            if (frame && !(await this.#callbacks.onFrame(frame))) this.stop();
            await new Promise(requestAnimationFrame);
            if (!frame) continue;
            const now = performance.now();
            resolution.update(now - start);
            if (resolution.milliseconds === undefined || now - reported < MILLISECONDS_PER_RATE) continue;
            reported = now;
            if (this.#camera) this.#callbacks.onRate({ perSecond: 1000 / resolution.milliseconds, extent: frame });
        }
    }

    async #open(opening: Promise<Camera>): Promise<void> {
        const generation = ++this.#generation;
        try {
            const camera = await opening;
            if (generation !== this.#generation) {
                camera.close();
                return;
            }
            this.#camera = camera;
            clearError(OWNER);
            announce(words().stylize.camera.on);
            this.#callbacks.onSwitch();
        } catch (error) {
            if (generation !== this.#generation) return;
            this.stop();
            showError(error, OWNER);
        }
    }
}
