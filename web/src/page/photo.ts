/** Pictures of the user's and of the page's, read from files. */

import { stylizedPixels } from "../memory.js";
import { type Extent, headerExtent } from "./header.js";
import { Problem } from "./notices.js";
import type { Pixels } from "./stage.js";
import type { Sample, Size } from "./stylize-settings.js";
import { words } from "./words.js";

/** What a browser decodes without running out of memory, and what a canvas holds. */
const MOST_PIXELS = 100e6;
const LONGEST_SIDE = 16_384;
/** In GB; not all browsers tell. */
const { deviceMemory } = navigator as { deviceMemory?: number };
/** What an engine takes. A style's result takes as much memory as the picture, and there can be several. */
const MOST_STYLIZED = Math.min(40e6, stylizedPixels(deviceMemory));

/** A picture in a file. It is decoded when its pixels are wanted, in the size in which they are. */
export class Photo {
    /** The user's file, or the name of one of the page's pictures. */
    readonly source: File | Sample;
    readonly #blob: Blob;
    readonly #extent: Extent;

    private constructor(source: File | Sample, blob: Blob, extent: Extent) {
        this.source = source;
        this.#blob = blob;
        this.#extent = extent;
    }

    /** Looks at a picture's size; a camera's orientation is followed. */
    static async open(source: File | Sample): Promise<Photo> {
        const blob = source instanceof File ? source : await fetched(source);
        const says = words().stylize;
        const check = ({ width, height }: Extent) => {
            if (width * height <= MOST_PIXELS && Math.max(width, height) <= LONGEST_SIDE) return;
            throw new Problem(says.tooLarge(fileOf(source), width, height));
        };
        check((await headerExtent(blob).catch(() => undefined)) ?? { width: 0, height: 0 });
        const extent = await extentOf(blob);
        if (!extent) throw new Problem(says.noPicture(fileOf(source)));
        check(extent);
        return new Photo(source, blob, extent);
    }

    /** The file's name. */
    get file(): string {
        return fileOf(this.source);
    }

    /** The same without what tells its format. */
    get stem(): string {
        return this.file.replace(/\.[^.]+$/, "");
    }

    /** The longest side of its pixels where that is to be this long. Undefined where they are all there are. */
    side(longest: Size): number | undefined {
        const { width, height } = this.#extent;
        const own = Math.max(width, height);
        const most = Math.min(own, Math.floor(own * Math.sqrt(MOST_STYLIZED / (width * height))));
        const side = longest === "original" ? most : Math.min(most, longest);
        return side === own ? undefined : side;
    }

    /** Its width and height where its longest side is to be this long. */
    extent(longest: Size): Extent {
        const scale = (this.side(longest) ?? Infinity) / Math.max(this.#extent.width, this.#extent.height);
        const side = (length: number) => Math.max(1, Math.round(length * Math.min(1, scale)));
        return { width: side(this.#extent.width), height: side(this.#extent.height) };
    }

    /** Decodes it. */
    async pixels(longest: Size): Promise<Pixels> {
        const { width, height } = this.extent(longest);
        const resized = { resizeWidth: width, resizeHeight: height, resizeQuality: "high" } as const;
        const bitmap = await createImageBitmap(this.#blob, resized).catch(() => undefined);
        // There are no bitmaps of vector graphics, but they can be drawn.
        const image = bitmap ?? (await imageOf(this.#blob));
        if (!image) throw new Problem(words().stylize.noPicture(this.file));
        const pixels = pixelsOf(image, { width, height });
        bitmap?.close();
        return pixels;
    }
}

/** The pixels of something that is seen, in a size. */
export function pixelsOf(image: CanvasImageSource, { width, height }: Extent, mirrored = false): Pixels {
    const { data } = drawing(image, { width, height }, mirrored).getImageData(0, 0, width, height);
    return { width, height, rgba: data as Pixels["rgba"] };
}

/** Draws something that is seen. What is transparent lies on white, as a JPEG file has it. */
export function drawing(
    image: CanvasImageSource,
    { width, height }: Extent,
    mirrored: boolean,
): CanvasRenderingContext2D {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("this browser gives the page no canvas");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    if (mirrored) context.setTransform(-1, 0, 0, 1, width, 0);
    context.drawImage(image, 0, 0, width, height);
    return context;
}

/** Whether a file is meant as a model: by its name, or as every ONNX model begins. */
export async function isModel(file: File): Promise<boolean> {
    if (/\.onnx$/i.test(file.name)) return true;
    const [first] = new Uint8Array(await file.slice(0, 1).arrayBuffer().catch(() => new ArrayBuffer(0)));
    return first === 8;
}

/** A picture's size as it is shown; nothing is decoded for it. */
async function extentOf(blob: Blob): Promise<Extent | undefined> {
    const image = await imageOf(blob);
    // Vector graphics need not have a size.
    return image?.naturalWidth && image.naturalHeight
        ? { width: image.naturalWidth, height: image.naturalHeight }
        : undefined;
}

/** The picture in a file, where the browser can read it. */
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

async function fetched(sample: Sample): Promise<Blob> {
    const response = await fetch(sampleAddress(sample)).catch(() => undefined);
    if (!response?.ok) throw new Problem(words().stylize.notFetched(fileOf(sample)));
    return response.blob();
}

/** Where one of the page's pictures is. */
export function sampleAddress(sample: Sample): string {
    return `samples/${fileOf(sample)}`;
}

function fileOf(source: File | Sample): string {
    return source instanceof File ? source.name : `${source}.jpg`;
}
