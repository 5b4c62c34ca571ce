/** The page's side of its service worker. */

/** In the session's storage: the page was loaded anew for the headers, and is not again. */
const RELOADED = "easel: loaded anew";

/**
 * How long the page may wait, in milliseconds: for headers without which the first picture only comes slower, and which
 * the next visit has, and for a newer build, which a browser that is busy with the old one puts off to the next time.
 */
const PATIENCE = { headers: 2_500, build: 2_000 };

/** Resolves when the user has begun something, which would be lost if the page were loaded anew. */
const touched = new Promise<undefined>((resolve) => {
    for (const name of ["pointerdown", "click", "keydown", "drop", "paste"]) {
        addEventListener(name, () => resolve(undefined), { capture: true, once: true });
    }
});

/**
 * Starts the service worker, before any model is loaded. Says whether the page is being loaded anew: with the headers
 * that allow threads, where the server sends none, or in a newer build. It is not once the user has begun something.
 */
export async function reloads(): Promise<boolean> {
    if (!("serviceWorker" in navigator)) return false;
    // Browsers refuse it in some private windows; the page works without.
    const registering = navigator.serviceWorker
        .register("sw.js", { updateViaCache: "none" })
        .catch(() => undefined);
    const wanted = (!crossOriginIsolated && (await headers(registering))) || (await newer());
    if (wanted) location.reload();
    return wanted;
}

/** Whether the next time the service worker sends the headers. */
async function headers(registering: Promise<ServiceWorkerRegistration | undefined>): Promise<boolean> {
    try {
        if (sessionStorage.getItem(RELOADED) !== null) return false;
        const ready = registering.then((registered) => registered && navigator.serviceWorker.ready);
        if (!(await Promise.race([touched, soon(ready, PATIENCE.headers)]))) return false;
        sessionStorage.setItem(RELOADED, "");
        return true;
    } catch {
        // Without a storage nothing would tell that it has been tried.
        return false;
    }
}

/** Whether a newer build, which was fetched during an earlier visit, has taken over. */
async function newer(): Promise<boolean> {
    const registered = await navigator.serviceWorker.getRegistration();
    // Once it takes over, the page has to be loaded anew.
    const waiting = await Promise.race([touched, registered?.waiting]);
    if (!waiting) return false;
    const { port1, port2 } = new MessageChannel();
    const taken = new Promise<boolean>((resolve) => {
        port1.onmessage = ({ data }) => data === false && resolve(false);
        navigator.serviceWorker.addEventListener("controllerchange", () => resolve(true), { once: true });
    });
    waiting.postMessage(null, [port2]);
    return (await soon(taken, PATIENCE.build)) === true;
}

/** What a promise gives, undefined where that takes too long. */
function soon<T>(promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
    return Promise.race([promise, new Promise<undefined>((resolve) => setTimeout(resolve, milliseconds))]);
}
