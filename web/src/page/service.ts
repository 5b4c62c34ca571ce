/** The page's side of its service worker. */

/** A key of the session's storage: the page has been reloaded to get the headers. */
const RELOADED = "easel: reloaded";

/**
 * How long the page waits, in milliseconds, for the headers, without which only threads are missing, and for a newer
 * build. A browser still busy with the old build switches on the next visit.
 */
const TIMEOUT = { headers: 2_500, build: 2_000 };

/** Resolves when the user has begun something that a reload would lose. */
const touched = new Promise<undefined>((resolve) => {
    for (const name of ["pointerdown", "click", "keydown", "drop", "paste"]) {
        addEventListener(name, () => resolve(undefined), { capture: true, once: true });
    }
});

/**
 * Starts the service worker, before any model is loaded, and reloads the page if needed: to get the headers that threads
 * need, if the server does not send them, or a newer build. Returns whether it does; never if the user has begun
 * something.
 */
export async function reloadsPage(): Promise<boolean> {
    if (!("serviceWorker" in navigator)) return false;
    // Browsers refuse this in some private windows; the page works without it.
    const registering = navigator.serviceWorker
        .register("sw.js", { updateViaCache: "none" })
        .catch(() => undefined);
    const needed = (!crossOriginIsolated && (await sendsHeaders(registering))) || (await hasNewBuild());
    if (needed) location.reload();
    return needed;
}

/** Whether the service worker will send the headers after a reload. */
async function sendsHeaders(registering: Promise<ServiceWorkerRegistration | undefined>): Promise<boolean> {
    try {
        if (sessionStorage.getItem(RELOADED) !== null) return false;
        const ready = registering.then((registered) => registered && navigator.serviceWorker.ready);
        if (!(await Promise.race([touched, timeLimited(ready, TIMEOUT.headers)]))) return false;
        sessionStorage.setItem(RELOADED, "");
        return true;
    } catch {
        // Without storage, the page might reload again and again.
        return false;
    }
}

/** Whether a newer build, fetched during an earlier visit, has taken over. */
async function hasNewBuild(): Promise<boolean> {
    const registration = await navigator.serviceWorker.getRegistration();
    // Once it takes over, the page has to reload.
    const waiting = await Promise.race([touched, registration?.waiting]);
    if (!waiting) return false;
    const { port1, port2 } = new MessageChannel();
    const active = new Promise<boolean>((resolve) => {
        port1.onmessage = ({ data }) => data === false && resolve(false);
        navigator.serviceWorker.addEventListener("controllerchange", () => resolve(true), { once: true });
    });
    waiting.postMessage(null, [port2]);
    return (await timeLimited(active, TIMEOUT.build)) === true;
}

/** The promise's value; undefined if that takes too long. */
function timeLimited<T>(promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
    return Promise.race([promise, new Promise<undefined>((resolve) => setTimeout(resolve, milliseconds))]);
}
