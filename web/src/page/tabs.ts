/** The tabs, after the ARIA pattern: arrow keys move between them, and only the open one is in the tab order. */

/** Makes a list of tabs work. `choose` is told the panel's id when the user opens another. */
export function makeTabs(list: HTMLElement, choose: (panel: string) => void): void {
    const tabs = tabsOf(list);
    list.addEventListener("click", (event) => {
        const tab = (event.target as Element).closest<HTMLElement>("[role=tab]");
        if (tab) choose(panelOf(tab));
    });
    list.addEventListener("keydown", (event) => {
        const from = tabs.indexOf(event.target as HTMLElement);
        const to = { ArrowRight: from + 1, ArrowLeft: from - 1, Home: 0, End: -1 }[event.key];
        if (from < 0 || to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
        event.preventDefault();
        const tab = tabs.at(to % tabs.length)!;
        tab.focus();
        choose(panelOf(tab));
    });
}

/** Shows a tab as the open one, and its panel instead of the others. */
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
