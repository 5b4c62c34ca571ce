/** Large files that were downloaded before, by what is in them. Without the browser's cache everything works, slower. */

import { addressOf, cacheName, type Files, keyOf, LARGE, type Listed } from "./files.js";

/** The page's folder, above that of its scripts. */
const folder = new URL("../", import.meta.url).href;

const listed = new Map<string, Listed>();
const unkept = new Set<string>();

/** Takes the list of the page's files. */
export function know(files: Files): void {
    for (const [path, file] of Object.entries(files)) {
        listed.set(addressOf(folder, path), file);
    }
}

/** What the list says of the file at an address. */
export function listedAt(address: string): Listed | undefined {
    return listed.get(address);
}

/** The file, where it is kept. */
export async function kept(file: Listed): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
        const found = await (await cache()).match(keyOf(folder, file));
        const bytes = found && new Uint8Array(await found.arrayBuffer());
        return bytes?.length === file.bytes ? bytes : undefined;
    } catch {
        return undefined;
    }
}

/** Keeps a file that arrived whole, where there is room for it. */
export async function keep(file: Listed, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
        await (await cache()).put(keyOf(folder, file), new Response(bytes));
        unkept.delete(file.sha256);
    } catch {
        unkept.add(file.sha256);
    }
}

/** Whether all that was downloaded is kept. */
export function allKept(): boolean {
    return unkept.size === 0;
}

/** Throws where there is none: in pages that came over an insecure connection, and in some private windows. */
function cache(): Promise<Cache> {
    return caches.open(cacheName(folder, LARGE));
}
