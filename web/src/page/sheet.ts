/** The canvas with the drawn pictures. */

import type { Drawing } from "../easel.js";

/** Shows a drawing, a canvas pixel for each of its pixels. */
export function paint(canvas: HTMLCanvasElement, drawing: Drawing, seed: bigint): void {
    canvas.width = drawing.width;
    canvas.height = drawing.height;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser gives the page no canvas");
    context.putImageData(new ImageData(drawing.rgba, drawing.width, drawing.height), 0, 0);
    canvas.setAttribute("aria-label", `${pictures(drawing.count)} drawn from seed ${seed}`);
}

/** `1 picture`, `64 pictures`. */
export function pictures(count: number): string {
    return `${count} picture${count === 1 ? "" : "s"}`;
}

/** Saves the canvas as a PNG file, its pixels as they are. */
export async function save(canvas: HTMLCanvasElement, name: string): Promise<void> {
    const png = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    if (!png) throw new Error("The picture cannot be written as PNG.");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(png);
    link.download = name;
    link.click();
    // The download has taken hold of the data by then.
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
