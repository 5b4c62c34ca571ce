/** Files dropped anywhere on the page. */

/** Calls `open` with a dropped file; `overlay` is shown while one is dragged over the page. */
export function onDrop(overlay: HTMLElement, open: (file: File) => void): void {
    const carriesFile = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    document.addEventListener("dragover", (event) => {
        if (!carriesFile(event)) return;
        event.preventDefault();
        overlay.hidden = false;
    });
    document.addEventListener("dragleave", (event) => {
        // Moving between elements of the page is not leaving it.
        if (event.relatedTarget === null) overlay.hidden = true;
    });
    document.addEventListener("drop", (event) => {
        if (!carriesFile(event)) return;
        event.preventDefault();
        overlay.hidden = true;
        const file = event.dataTransfer?.files[0];
        if (file) open(file);
    });
}
