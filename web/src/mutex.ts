/** A lock that is granted in the order in which it is asked for. */
export class Mutex {
    #last: Promise<void> = Promise.resolve();

    /** Waits for the lock and returns the function that releases it. */
    async acquire(): Promise<() => void> {
        const previous = this.#last;
        let release!: () => void;
        this.#last = new Promise((resolve) => (release = resolve));
        await previous;
        return release;
    }
}
