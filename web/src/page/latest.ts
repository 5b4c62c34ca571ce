/** Work of which only the last wish matters, as drawing what is set. */
export class Latest {
    #wish: (() => Promise<void>) | undefined;
    #working: Promise<void> | undefined;

    /** Does this once what is on its way is done, unless something else is asked for until then. */
    ask(work: () => Promise<void>): Promise<void> {
        this.#wish = work;
        this.#working ??= this.#work().finally(() => (this.#working = undefined));
        return this.#working;
    }

    async #work(): Promise<void> {
        while (this.#wish) {
            const work = this.#wish;
            this.#wish = undefined;
            await work();
        }
    }
}
