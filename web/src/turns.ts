/** Taking turns at what can serve only one at a time. */

export class Turns {
    #last: Promise<void> = Promise.resolve();

    /** Waits for everybody who asked before, and gives the function that ends the turn. */
    async take(): Promise<() => void> {
        const before = this.#last;
        let end!: () => void;
        this.#last = new Promise((resolve) => (end = resolve));
        await before;
        return end;
    }
}
