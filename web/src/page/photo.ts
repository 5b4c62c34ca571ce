/** Photos: the user's and the page's own pictures, read from files. */

import { stylizedPixels } from "../memory.js";
import { fileKind } from "./file-kind.js";
import { type Extent, headerExtent } from "./header.js";
import { PageError } from "./notices.js";
import type { Pixels } from "./stage.js";
import type { Sample, Size } from "./stylize-settings.js";
import { words } from "./words.js";

/** The largest picture that browsers can decode, and a canvas can hold. */
const MAX_PIXELS = 100e6;
const MAX_SIDE = 16_384;
/** In GB; not all browsers report it. */
const { deviceMemory } = navigator as { deviceMemory?: number };
/** The largest picture to stylize: each style's result takes as much memory as the picture. */
const MAX_STYLIZED_PIXELS = Math.min(40e6, stylizedPixels(deviceMemory));

/** A picture in a file, decoded when its pixels are needed. */
export class Photo {
    /** The user's file, or one of the page's own pictures. */
    readonly source: File | Sample;
    readonly #blob: Blob;
    readonly #extent: Extent;

    private constructor(source: File | Sample, blob: Blob, extent: Extent) {
        this.source = source;
        this.#blob = blob;
        this.#extent = extent;
    }

    /** Reads a picture's size, turned as its EXIF orientation says. */
    static async open(source: File | Sample): Promise<Photo> {
        const blob = source instanceof File ? source : await fetchSample(source);
        const text = words().stylize;
        const check = ({ width, height }: Extent) => {
            if (width * height <= MAX_PIXELS && Math.max(width, height) <= MAX_SIDE) return;
            throw new PageError(text.tooLarge(fileOf(source), width, height));
        };
        check((await headerExtent(blob).catch(() => undefined)) ?? { width: 0, height: 0 });
        const extent = await extentOf(blob);
        if (!extent) throw await notRead(fileOf(source), blob);
        check(extent);
        return new Photo(source, blob, extent);
    }

    /** The file's name. */
    get file(): string {
        return fileOf(this.source);
    }

    /** The file's name without the extension. */
    get stem(): string {
        return this.file.replace(/\.[^.]+$/, "");
    }

    /** The longest side when it is limited to `longest`; undefined if the picture keeps its size. */
    side(longest: Size): number | undefined {
        const { width, height } = this.#extent;
        const own = Math.max(width, height);
        const max = Math.min(own, Math.floor(own * Math.sqrt(MAX_STYLIZED_PIXELS / (width * height))));
        const side = longest === "original" ? max : Math.min(max, longest);
        return side === own ? undefined : side;
    }

    /** The width and height when the longest side is limited to `longest`. */
    extent(longest: Size): Extent {
        const scale = (this.side(longest) ?? Infinity) / Math.max(this.#extent.width, this.#extent.height);
        const side = (length: number) => Math.max(1, Math.round(length * Math.min(1, scale)));
        return { width: side(this.#extent.width), height: side(this.#extent.height) };
    }

    /** Decodes the picture in that size. */
    async pixels(longest: Size): Promise<Pixels> {
        const { width, height } = this.extent(longest);
        const resized = { resizeWidth: width, resizeHeight: height, resizeQuality: "high" } as const;
        const bitmap = await createImageBitmap(this.#blob, resized).catch(() => undefined);
        // Browsers make no bitmaps of vector graphics, but can draw them.
        const image = bitmap ?? (await imageOf(this.#blob));
        if (!image) throw await notRead(this.file, this.#blob);
        const pixels = pixelsOf(image, { width, height });
        bitmap?.close();
        return pixels;
    }
}

/** The pixels of an image in a size. */
export function pixelsOf(image: CanvasImageSource, { width, height }: Extent, mirrored = false): Pixels {
    const { data } = drawing(image, { width, height }, mirrored).getImageData(0, 0, width, height);
    return { width, height, rgba: data as Pixels["rgba"] };
}

/** Draws an image on a new canvas. */
export function drawing(
    image: CanvasImageSource,
    { width, height }: Extent,
    mirrored: boolean,
): CanvasRenderingContext2D {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("this browser cannot draw on a canvas");
    if (mirrored) context.setTransform(-1, 0, 0, 1, width, 0);
    context.drawImage(image, 0, 0, width, height);
    return context;
}

/** Whether a file is a model, by its name or by its first byte. */
export async function isModel(file: File): Promise<boolean> {
    if (/\.onnx$/i.test(file.name)) return true;
    const [first] = new Uint8Array(await file.slice(0, 1).arrayBuffer().catch(() => new ArrayBuffer(0)));
    return first === 8;
}

/** A picture's size as it is displayed, without decoding it. */
async function extentOf(blob: Blob): Promise<Extent | undefined> {
    const image = await imageOf(blob);
    // Vector graphics may have no size.
    return image?.naturalWidth && image.naturalHeight
        ? { width: image.naturalWidth, height: image.naturalHeight }
        : undefined;
}

/** The picture in a file; undefined if the browser cannot read it. */
async function imageOf(blob: Blob): Promise<HTMLImageElement | undefined> {
    const image = new Image();
    image.src = URL.createObjectURL(blob);
    try {
        return await new Promise((resolve) => {
            image.onload = () => resolve(image);
            image.onerror = () => resolve(undefined);
        });
    } finally {
        URL.revokeObjectURL(image.src);
    }
}

/** An error about a file that the browser cannot read, with its format if that is known. */
async function notRead(file: string, blob: Blob): Promise<PageError> {
    const [kind, text] = [await fileKind(blob), words().stylize];
    return new PageError(kind ? text.otherFormat(file, kind) : text.notAPicture(file));
}

async function fetchSample(sample: Sample): Promise<Blob> {
    const response = await fetch(sampleAddress(sample)).catch(() => undefined);
    if (!response?.ok) throw new PageError(words().stylize.notFetched(fileOf(sample)));
    return response.blob();
}

/** The address of one of the page's pictures. */
export function sampleAddress(sample: Sample): string {
    return `samples/${fileOf(sample)}`;
}

function fileOf(source: File | Sample): string {
    return source instanceof File ? source.name : `${source}.jpg`;
}
