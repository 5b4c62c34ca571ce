/** Tabs after the ARIA pattern: arrow keys move between them, and only the open one is in the tab order. */

/** Sets up a list of tabs. `onOpen` is called with the panel's id when the user opens a tab. */
export function setUpTabs(list: HTMLElement, onOpen: (panel: string) => void): void {
    const tabs = tabsOf(list);
    list.addEventListener("click", (event) => {
        const tab = (event.target as Element).closest<HTMLElement>("[role=tab]");
        if (tab) onOpen(panelOf(tab));
    });
    list.addEventListener("keydown", (event) => {
        const from = tabs.indexOf(event.target as HTMLElement);
        const to = { ArrowRight: from + 1, ArrowLeft: from - 1, Home: 0, End: -1 }[event.key];
        if (from < 0 || to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
        event.preventDefault();
        const tab = tabs.at(to % tabs.length)!;
        tab.focus();
        onOpen(panelOf(tab));
    });
}

/** Shows a tab as open, and only its panel. */
export function showTab(list: HTMLElement, panel: string): void {
    for (const tab of tabsOf(list)) {
        const open = panelOf(tab) === panel;
        tab.setAttribute("aria-selected", String(open));
        tab.tabIndex = open ? 0 : -1;
        document.getElementById(panelOf(tab))!.hidden = !open;
    }
}

function tabsOf(list: HTMLElement): HTMLElement[] {
    return [...list.querySelectorAll<HTMLElement>("[role=tab]")];
}

function panelOf(tab: HTMLElement): string {
    return tab.getAttribute("aria-controls")!;
}
