/**
 * The service worker: it serves the page offline, all files from one build, with the headers that threads need. The
 * Worker caches large files itself.
 *
 * A new build is fetched as a whole beside the old one, which stays in use while any of its pages is open.
 */

import { builds } from "../../runtime-wasm/npm/builds.js";
import { addressOf, cacheName, type FileManifest, hash, isLarge, keyOf, LARGE, modulePath } from "./cache.js";

/** The hash of `files.json`, which the build puts in a line before this script. */
declare const BUILD: string;

const scope = self as unknown as ServiceWorkerGlobalScope;
const folder = scope.registration.scope;
const own = cacheName(folder, BUILD);
const large = cacheName(folder, LARGE);

/** How often, and at what interval, to check whether only one page is open. */
const CHECKS = 5;
const MILLISECONDS_BETWEEN_CHECKS = 100;

const ISOLATION = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
};

scope.addEventListener("install", (event) => event.waitUntil(install()));
scope.addEventListener("activate", (event) => event.waitUntil(activate()));

scope.addEventListener("message", (event) => {
    event.waitUntil(takeOver().catch(() => false).then((done) => event.ports[0]?.postMessage(done)));
});

scope.addEventListener("fetch", (event) => {
    const { request } = event;
    const path = pathOf(request.url);
    if (request.method === "GET" && path !== undefined && !isLarge(path)) event.respondWith(answer(path, request));
});

async function install(): Promise<void> {
    const list = await fetchFile("files.json", BUILD);
    const files = (await list.clone().json()) as FileManifest;
    const cache = await caches.open(own);
    try {
        await cache.put("files.json", list);
        const small = Object.entries(files).filter(([path]) => !isLarge(path) && !isOfOtherBuild(path));
        const policy = policyOf(await (await fetchFile("index.html", files["index.html"]!.sha256)).text());
        const put = async (path: string, sha256: string) => cache.put(address(path), await fetchFile(path, sha256, policy));
        await Promise.all(small.map(([path, { sha256 }]) => put(path, sha256)));
    } catch (error) {
        await caches.delete(own);
        throw error;
    }
}

/** Whether a file is a build of our module that this browser does not use. */
function isOfOtherBuild(path: string): boolean {
    return path.endsWith(".wasm") && path !== modulePath(builds()[0]!);
}

/** The content security policy in the page's meta element, which Workers need as a header. */
function policyOf(html: string): string | undefined {
    return /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1];
}

/** A file of this build, with the headers to serve it with; `policy` is for files that come without one. */
async function fetchFile(path: string, sha256: string, policy?: string): Promise<Response> {
    // The browser's HTTP cache has the files that the page just loaded, unless they are of another build.
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

/** Removes what only older builds had. */
async function activate(): Promise<void> {
    const older = (await caches.keys()).filter((name) => name.startsWith(cacheName(folder, "")));
    await Promise.all(older.filter((name) => name !== own && name !== large).map((name) => caches.delete(name)));

    const list = await (await caches.open(own)).match("files.json");
    const files = (await list!.json()) as FileManifest;
    const listed = new Set(Object.values(files).map((file) => keyOf(folder, file)));
    const cache = await caches.open(large);
    const unlisted = (await cache.keys()).filter(({ url }) => !listed.has(url));
    await Promise.all(unlisted.map((request) => cache.delete(request)));
    await scope.clients.claim();
}

/** Replaces an older build, unless pages other than the one that asks use it. */
async function takeOver(): Promise<boolean> {
    for (let check = 0; check < CHECKS; check++) {
        const pages = await scope.clients.matchAll({ type: "window", includeUncontrolled: true });
        if (pages.filter(({ url }) => url.startsWith(folder)).length <= 1) {
            await scope.skipWaiting();
            return true;
        }
        // A page that reloads is listed twice for a moment.
        await new Promise((resolve) => setTimeout(resolve, MILLISECONDS_BETWEEN_CHECKS));
    }
    return false;
}

async function answer(path: string, request: Request): Promise<Response> {
    const cache = await caches.open(own);
    return (await cache.match(address(path))) ?? fetch(request);
}

/** The path of a file of the page, without the query; undefined for other URLs. */
function pathOf(url: string): string | undefined {
    const { origin, pathname } = new URL(url);
    const page = new URL(folder);
    if (origin !== page.origin || !pathname.startsWith(page.pathname)) return undefined;
    return decodeURIComponent(pathname.slice(page.pathname.length)) || "index.html";
}

function address(path: string): string {
    return addressOf(folder, path);
}
