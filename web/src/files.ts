/** The built page's files, and where browsers keep them. */

/** What `files.json` says of a file. */
export interface Listed {
    bytes: number;
    /** Hexadecimal. */
    sha256: string;
}

/** `files.json`: the page's files by their path beside it. */
export type Files = Record<string, Listed>;

/**
 * Whether a file is kept by its content when it is first used. The others, which are small, are the page itself: the
 * service worker has them all, of one build.
 */
export function isLarge(path: string): boolean {
    return path.endsWith(".onnx") || /^ort\/.*\.wasm$/.test(path);
}

/** A path's address. */
export function addressOf(folder: string, path: string): string {
    return new URL(path.split("/").map(encodeURIComponent).join("/"), folder).href;
}

/** The name of a cache of the page in this folder: other pages of the origin have their own. */
export function cacheName(folder: string, part: string): string {
    return `easel ${folder} ${part}`;
}

/** The part that has the large files. */
export const LARGE = "large";

/** What a large file is kept under. */
export function keyOf(folder: string, { sha256 }: Listed): string {
    return new URL(`kept/${sha256}`, folder).href;
}

/** A SHA-256, hexadecimal; undefined in pages that came over an insecure connection, which cannot tell. */
export async function hash(bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
    if (!("subtle" in crypto)) return undefined;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
