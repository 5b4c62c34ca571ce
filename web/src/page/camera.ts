/** The camera. */

import { PageError } from "./notices.js";
import { drawing, pixelsOf } from "./photo.js";
import type { Pixels } from "./stage.js";
import { words } from "./words.js";

/** More than live frames need, for snapshots. */
const RESOLUTION: MediaTrackConstraints = { width: { ideal: 1920 }, height: { ideal: 1080 } };

export class Camera {
    /** Whether there is another camera. */
    readonly several: boolean;
    readonly #video: HTMLVideoElement;
    readonly #track: MediaStreamTrack;

    private constructor(video: HTMLVideoElement, track: MediaStreamTrack, several: boolean) {
        this.#video = video;
        this.#track = track;
        this.several = several;
    }

    /** Asks for a camera. `ended` is called when it is disconnected. */
    static async open(ended: () => void, which: MediaTrackConstraints = { facingMode: "user" }): Promise<Camera> {
        const devices = navigator.mediaDevices as MediaDevices | undefined;
        if (!devices) throw new PageError(words().stylize.camera.insecure);
        let stream: MediaStream | undefined;
        try {
            stream = await devices.getUserMedia({ video: { ...RESOLUTION, ...which }, audio: false });
            const track = stream.getVideoTracks()[0]!;
            track.addEventListener("ended", ended);
            const video = document.createElement("video");
            [video.muted, video.playsInline, video.srcObject] = [true, true, stream];
            await video.play();
            const cameras = (await devices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
            return new Camera(video, track, cameras.length > 1);
        } catch (error) {
            stream?.getTracks().forEach((track) => track.stop());
            throw new PageError(messageOf(error));
        }
    }

    /** Closes this one and opens the next: on a phone the one on the other side, else another device. */
    async next(ended: () => void): Promise<Camera> {
        const { facingMode, deviceId } = this.#track.getSettings();
        const devices = await navigator.mediaDevices.enumerateDevices();
        this.close();
        if (facingMode) return Camera.open(ended, { facingMode: facingMode === "user" ? "environment" : "user" });
        const ids = devices.filter(({ kind }) => kind === "videoinput").map((device) => device.deviceId);
        const id = ids[(ids.indexOf(deviceId ?? "") + 1) % ids.length];
        return Camera.open(ended, id ? { deviceId: { exact: id } } : {});
    }

    /** The current frame, scaled down to fit a square of this side; undefined while the next camera is being opened. */
    frame(side: number): Pixels | undefined {
        const { videoWidth, videoHeight } = this.#video;
        if (videoWidth === 0) return undefined;
        const scale = Math.min(1, side / Math.max(videoWidth, videoHeight));
        const extent = { width: Math.round(videoWidth * scale), height: Math.round(videoHeight * scale) };
        return pixelsOf(this.#video, extent, this.#mirrored);
    }

    /** The current frame in full resolution, as a PNG file. */
    async snapshot(): Promise<File> {
        const extent = { width: this.#video.videoWidth, height: this.#video.videoHeight };
        const { canvas } = drawing(this.#video, extent, this.#mirrored);
        const png = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
        if (!png) throw new PageError(words().noPng);
        return new File([png], `${words().stylize.snapshot}.png`, { type: png.type });
    }

    close(): void {
        this.#track.stop();
        this.#video.srcObject = null;
    }

    /** Frames are mirrored, unless the camera faces away from the user. */
    get #mirrored(): boolean {
        return this.#track.getSettings().facingMode !== "environment";
    }
}

function messageOf(error: unknown): string {
    const text = words().stylize.camera;
    switch (error instanceof DOMException ? error.name : "") {
        case "NotAllowedError":
        case "SecurityError":
            return text.denied;
        case "NotFoundError":
        case "OverconstrainedError":
            return text.missing;
        default:
            return text.busy;
    }
}
