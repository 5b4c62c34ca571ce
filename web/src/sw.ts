/**
 * The service worker: it serves the page where there is no connection, all files of one build, and gives it the headers
 * without which there are no threads. Large files are the Worker's own care.
 *
 * A new build is fetched as a whole beside the old one, which stays in use as long as any of its pages is open.
 */

import { addressOf, cacheName, type Files, hash, isLarge, keyOf, LARGE } from "./files.js";

/** The hash of `files.json`, in a line before this script. */
declare const BUILD: string;

const scope = self as unknown as ServiceWorkerGlobalScope;
const folder = scope.registration.scope;
const own = cacheName(folder, BUILD);
const large = cacheName(folder, LARGE);

/** How often it is looked whether there is one page only. */
const LOOKS = 5;
const MILLISECONDS_BETWEEN = 100;

const ISOLATION = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
};

scope.addEventListener("install", (event) => event.waitUntil(install()));
scope.addEventListener("activate", (event) => event.waitUntil(activate()));

scope.addEventListener("message", (event) => {
    event.waitUntil(takeOver().catch(() => false).then((taken) => event.ports[0]?.postMessage(taken)));
});

scope.addEventListener("fetch", (event) => {
    const { request } = event;
    const path = pathOf(request.url);
    if (request.method === "GET" && path !== undefined && !isLarge(path)) event.respondWith(answer(path, request));
});

async function install(): Promise<void> {
    const list = await fetched("files.json", BUILD);
    const files = (await list.clone().json()) as Files;
    const cache = await caches.open(own);
    try {
        await cache.put("files.json", list);
        const small = Object.entries(files).filter(([path]) => !isLarge(path));
        const policy = policyOf(await (await fetched("index.html", files["index.html"]!.sha256)).text());
        const put = async (path: string, sha256: string) => cache.put(address(path), await fetched(path, sha256, policy));
        await Promise.all(small.map(([path, { sha256 }]) => put(path, sha256)));
    } catch (error) {
        await caches.delete(own);
        throw error;
    }
}

/** The content security policy of the page's own element, which does not reach its Workers; a header does. */
function policyOf(html: string): string | undefined {
    return /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1];
}

/** A file of this build, with the headers that it is served with, and a policy where it comes without one. */
async function fetched(path: string, sha256: string, policy?: string): Promise<Response> {
    // What the browser has is taken where it is the right one; the page just loaded the same files.
    for (const cache of ["default", "reload"] as const) {
        const response = await fetch(address(path), { cache });
        const bytes = new Uint8Array(await response.arrayBuffer());
        if (response.ok && (await hash(bytes)) === sha256) {
            const headers = new Headers(ISOLATION);
            const type = response.headers.get("content-type");
            if (type !== null) headers.set("content-type", type);
            const security = response.headers.get("content-security-policy") ?? policy;
            if (security !== undefined) headers.set("content-security-policy", security);
            return new Response(bytes, { headers });
        }
    }
    throw new Error(`${path}: not the file of this build`);
}

/** Drops what only older builds had. */
async function activate(): Promise<void> {
    const older = (await caches.keys()).filter((name) => name.startsWith(cacheName(folder, "")));
    await Promise.all(older.filter((name) => name !== own && name !== large).map((name) => caches.delete(name)));

    const list = await (await caches.open(own)).match("files.json");
    const files = (await list!.json()) as Files;
    const listed = new Set(Object.values(files).map((file) => keyOf(folder, file)));
    const kept = await caches.open(large);
    const gone = (await kept.keys()).filter(({ url }) => !listed.has(url));
    await Promise.all(gone.map((request) => kept.delete(request)));
    await scope.clients.claim();
}

/** Takes the place of an older build, unless another page than the one that asks would lose it. */
async function takeOver(): Promise<boolean> {
    for (let look = 0; look < LOOKS; look++) {
        const pages = await scope.clients.matchAll({ type: "window", includeUncontrolled: true });
        if (pages.filter(({ url }) => url.startsWith(folder)).length <= 1) {
            await scope.skipWaiting();
            return true;
        }
        // A page that is loaded anew is there twice for a moment.
        await new Promise((resolve) => setTimeout(resolve, MILLISECONDS_BETWEEN));
    }
    return false;
}

async function answer(path: string, request: Request): Promise<Response> {
    const cache = await caches.open(own);
    return (await cache.match(address(path))) ?? fetch(request);
}

/** The path of a file of the page's; undefined for what lies elsewhere. What comes after a `?` is for the page to read. */
function pathOf(url: string): string | undefined {
    const { origin, pathname } = new URL(url);
    const page = new URL(folder);
    if (origin !== page.origin || !pathname.startsWith(page.pathname)) return undefined;
    return decodeURIComponent(pathname.slice(page.pathname.length)) || "index.html";
}

function address(path: string): string {
    return addressOf(folder, path);
}
