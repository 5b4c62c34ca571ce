/** What the page says, in each of its languages. What the engine says about a model is English everywhere. */

import type { EngineChoice } from "../easel.js";

const en = {
    name: "English",
    tabs: "What to do",
    language: "Language",
    promise: "Everything is computed on this device. No picture, seed or model leaves it.",
    openModel: "Open a model…",
    orDrop: "Or drop a picture or an .onnx file anywhere on this page.",
    dropHere: "Drop a picture or a model to open it",
    close: "Close",
    retry: "Try again",

    engine: "Engine",
    engines: { auto: "Automatic", webgpu: "WebGPU", wasm: "WASM" } as Record<EngineChoice, string>,
    noEngine: "No engine yet",
    each: (milliseconds: string) => `${milliseconds} ms per picture`,

    progress: {
        model: (size: string) => `Model: ${size}`,
        engine: (size: string) => `Engine: ${size}`,
        of: (loaded: string, total: string) => `${loaded} of ${total} downloaded`,
        kept: (size: string) => `${size}, kept from before`,
        ready: "Getting ready…",
    },
    offline: "From now on this page works without a connection too.",
    gpuLost: "The GPU stopped and took the picture with it. Try again: the page starts anew, on WASM if the GPU stays away.",
    loading: (file: string) => `Loading ${file}`,
    listDamaged: "The list of models (models/index.json) is damaged.",
    listUnanswered: "The list of models cannot be fetched: no answer from the server; check the connection.",
    listRefused: (status: string) => `The list of models cannot be fetched: ${status}`,
    noModel: "This page came without a model: open an .onnx file of yours.",
    noModelNamed: (name: string) =>
        `This page has no model named ${name} that fits here: choose another, or open an .onnx file of yours.`,
    noPng: "The picture cannot be written as PNG.",
    notCopied: "The browser does not let the page copy; the link is in the address bar.",

    seed: "Seed",
    seedHint: "Same seed, same pictures, everywhere.",
    seedWrong: "A whole number from 0 to 18446744073709551615.",
    newSeed: "New seed",
    model: "Model",
    ownModel: (file: string) => `${file} (yours)`,
    chooseModel: "Choose a model",
    download: "Download PNG",
    copyLink: "Copy link",
    copied: "Link copied",
    noLink: "A link cannot bring your file along.",
    about: "About this model",
    command: "The same on the command line",
    commandLabel: "Command",
    pictures: (count: number) => `${count} picture${count === 1 ? "" : "s"}`,
    fromTo: (least: number, most: number) => `From ${least} to ${most}.`,
    nothingYet: "No pictures yet",

    stylize: {
        tab: "Stylize",
        title: "Your picture, painted anew",
        lead: "Drop, paste or choose a picture, or switch the camera on; then choose who paints it.",
        picture: "Picture",
        choose: "Choose a picture…",
        samples: { mountains: "Mountains", lake: "Lake", village: "Village", sea: "Sea" },
        tryThese: "Pictures to try",
        snapshot: "snapshot",
        style: "Style",
        ownStyle: "Your own .onnx…",
        blend: "Blend several",
        shareOf: (style: string) => `Share of ${style}`,
        part: (style: string, percent: number) => (percent === 100 ? style : `${style} ${percent} %`),
        percent: (percent: number) => `${percent} %`,
        strength: "Strength",
        size: "Longest side",
        side: (side: number | "original") => (side === "original" ? "As it is" : `${side} pixels`),
        extent: (width: number, height: number) => `${width} × ${height} pixels`,
        keepColours: "Keep the picture’s colours",
        before: "Before",
        after: "After",
        split: "Before and after",
        splitAt: (percent: number) => `${percent} % before, ${100 - percent} % after`,
        only: "Only the result",
        working: "Painting…",
        tile: (done: number, of: number) => `${done} of ${of} tiles`,
        cancelled: (done: number, of: number) => `Cancelled after ${done} of ${of} tile${of === 1 ? "" : "s"}`,
        cancel: "Cancel",
        resume: "Go on",
        label: (picture: string, styles: string[], percent: number) => {
            if (styles.length === 0 || percent === 0) return picture;
            const painted = `${picture}, painted like ${styles.join(" and ")}`;
            return percent === 100 ? painted : `${painted}, strength ${percent} %`;
        },
        done: (style: string, engine: string) => `Painted like ${style} with ${engine}`,
        rate: (perSecond: string, width: number, height: number) => `${perSecond} a second, ${width} × ${height}`,
        noPicture: (file: string) => `${file}: this is not a picture that the browser can read`,
        tooLarge: (file: string, width: number, height: number) =>
            `${file}: ${width} × ${height} pixels are too many for a browser tab; make it smaller first, to at most 100 million pixels and 16384 a side`,
        notFetched: (file: string) => `${file} cannot be fetched: check the connection, or choose a picture of yours.`,
        camera: {
            start: "Camera",
            stop: "Stop",
            take: "Snapshot",
            turn: "Other camera",
            on: "The camera is on",
            off: "The camera is off",
            picture: "Live",
            denied: "The camera was not allowed: allow it in the browser’s settings for this page, or choose a picture.",
            none: "This device has no camera: choose a picture instead.",
            busy: "The camera gives no picture: another program may be using it.",
            unsafe: "The browser gives a camera only to pages that come over https.",
        },
    },

    digits: {
        tab: "Digits",
        title: "Digits out of noise",
        lead: "Noise, cleaned step by step until it is the digit that you asked for.",
        cls: "Which digit",
        all: "All",
        allOf: (count: number) => `all ${count} classes`,
        keys: "Or press a key from 0 to 9.",
        count: "How many",
        countEach: "Of each",
        sampler: "Sampler",
        samplers: { "dpm-solver": "DPM-Solver++", ddim: "DDIM", ancestral: "Ancestral" },
        steps: "Steps",
        guidance: "Guidance",
        draw: "Draw",
        cancel: "Cancel",
        denoiser: "Denoiser",
        step: (done: number, of: number) => `Step ${done} of ${of}`,
        drawing: (what: string) => `Drawing ${what}`,
        done: (what: string, engine: string) => `${what} with ${engine}`,
        cancelled: (done: number, of: number) => `Cancelled after step ${done} of ${of}`,
        drawn: (pictures: string, cls: string, seed: bigint) => `${pictures} of ${cls} drawn from seed ${seed}`,
        gan: "GAN, same seed",
        ganAbout: "A generator without steps: one look at the seed, and no say in which digit.",
        ganDrawn: (pictures: string, seed: bigint) => `${pictures} drawn from seed ${seed}`,
    },

    walk: {
        tab: "Latent walk",
        title: "A walk between seeds",
        lead: "Each seed is a place. Walk from one to the next, and push the picture along its strongest directions.",
        play: "Play",
        pause: "Pause",
        position: "Position",
        at: (seed: bigint) => `At seed ${seed}`,
        between: (from: bigint, to: bigint, percent: number) => `From seed ${from} to ${to}, ${percent} %`,
        seeds: "Seeds on the way",
        newSeeds: "New seeds",
        stop: (index: number) => `Seed ${index}`,
        goTo: (seed: string) => `Go to seed ${seed}`,
        remove: (seed: string) => `Remove seed ${seed}`,
        add: "Add a seed",
        directions: "Strongest directions",
        direction: (index: number) => `Direction ${index}`,
        share: (percent: string) => `${percent} %`,
        looking: (done: number, of: number) => `Looking for them: ${done} of ${of} pictures`,
        directionsAbout: "What changes the picture most, averaged over many places, with its share of all change.",
        reset: "Reset",
        picture: (where: string) => `Picture: ${where}`,
    },

    card: {
        title: "Title",
        network: "Network",
        pictures: "Pictures",
        data: "Data",
        steps: "Steps",
        run: "Run",
        verified: "Verified",
        licence: "Licence",
        program: "Made by",
        file: "File",
        kinds: { generator: "a generator", denoiser: "a denoiser", stylizer: "a stylizer", classifier: "a classifier" },
        grey: "grey",
        colour: "colour",
        anySize: "any size",
        noDifference: "no difference",
        difference: (most: string) => `at most ${most} off`,
        shapes: (count: number) => `${count} input shape${count === 1 ? "" : "s"}`,
        comma: ", ",
        colon: ": ",
    },
};

export type Words = typeof en;

const zh: Words = {
    name: "中文",
    tabs: "功能",
    language: "语言",
    promise: "所有计算都在本机完成。图像、种子和模型都不会离开这台设备。",
    openModel: "打开模型…",
    orDrop: "也可以把图片或 .onnx 文件拖到页面的任意位置。",
    dropHere: "松开即可打开图片或模型",
    close: "关闭",
    retry: "重试",

    engine: "引擎",
    engines: { auto: "自动", webgpu: "WebGPU", wasm: "WASM" },
    noEngine: "尚无引擎",
    each: (milliseconds) => `每张 ${milliseconds} 毫秒`,

    progress: {
        model: (size) => `模型：${size}`,
        engine: (size) => `引擎：${size}`,
        of: (loaded, total) => `已下载 ${loaded} / ${total}`,
        kept: (size) => `${size}，此前已保存`,
        ready: "正在准备…",
    },
    offline: "从现在起，此页面没有网络也能使用。",
    gpuLost: "GPU 停止了工作，正在生成的图像已丢失。请再试一次：页面会重新启动引擎，GPU 仍不可用时改用 WASM。",
    loading: (file) => `正在载入 ${file}`,
    listDamaged: "模型列表（models/index.json）已损坏。",
    listUnanswered: "无法获取模型列表：服务器没有响应，请检查网络连接。",
    listRefused: (status) => `无法获取模型列表：${status}`,
    noModel: "此页面没有附带模型：请打开你自己的 .onnx 文件。",
    noModelNamed: (name) => `这里没有名为 ${name} 的可用模型：请选择其他模型，或打开你自己的 .onnx 文件。`,
    noPng: "无法将图像保存为 PNG。",
    notCopied: "浏览器不允许页面复制；链接就在地址栏中。",

    seed: "种子",
    seedHint: "相同的种子，在任何地方都得到相同的图像。",
    seedWrong: "请输入 0 到 18446744073709551615 之间的整数。",
    newSeed: "换一个种子",
    model: "模型",
    ownModel: (file) => `${file}（你的文件）`,
    chooseModel: "选择模型",
    download: "下载 PNG",
    copyLink: "复制链接",
    copied: "链接已复制",
    noLink: "链接无法带上你的文件。",
    about: "关于此模型",
    command: "在命令行中得到同样的结果",
    commandLabel: "命令",
    pictures: (count) => `${count} 张图像`,
    fromTo: (least, most) => `请输入 ${least} 到 ${most}。`,
    nothingYet: "还没有图像",

    stylize: {
        tab: "风格",
        title: "换一种画法",
        lead: "拖入、粘贴或选择一张图片，也可以打开相机；然后选择由谁来画。",
        picture: "图片",
        choose: "选择图片…",
        samples: { mountains: "群山", lake: "湖", village: "村庄", sea: "海" },
        tryThese: "示例图片",
        snapshot: "snapshot",
        style: "风格",
        ownStyle: "你自己的 .onnx…",
        blend: "混合多种风格",
        shareOf: (style) => `${style} 的比例`,
        part: (style, percent) => (percent === 100 ? style : `${style} ${percent}%`),
        percent: (percent) => `${percent}%`,
        strength: "强度",
        size: "长边",
        side: (side) => (side === "original" ? "原始尺寸" : `${side} 像素`),
        extent: (width, height) => `${width} × ${height} 像素`,
        keepColours: "保留图片的颜色",
        before: "之前",
        after: "之后",
        split: "前后对比",
        splitAt: (percent) => `之前 ${percent}%，之后 ${100 - percent}%`,
        only: "只看结果",
        working: "正在绘制…",
        tile: (done, of) => `第 ${done} 块，共 ${of} 块`,
        cancelled: (done, of) => `已取消：完成了 ${of} 块中的 ${done} 块`,
        cancel: "取消",
        resume: "继续",
        label: (picture, styles, percent) => {
            if (styles.length === 0 || percent === 0) return picture;
            const painted = `${picture}，${styles.join(" 与 ")} 的风格`;
            return percent === 100 ? painted : `${painted}，强度 ${percent}%`;
        },
        done: (style, engine) => `已按 ${style} 的风格绘制，使用 ${engine}`,
        rate: (perSecond, width, height) => `每秒 ${perSecond} 帧，${width} × ${height}`,
        noPicture: (file) => `${file}：这不是浏览器能读取的图片`,
        tooLarge: (file, width, height) =>
            `${file}：${width} × ${height} 像素对浏览器来说太大；请先缩小到一亿像素以内，且每边不超过 16384`,
        notFetched: (file) => `无法获取 ${file}：请检查网络连接，或选择你自己的图片。`,
        camera: {
            start: "相机",
            stop: "停止",
            take: "拍照",
            turn: "切换相机",
            on: "相机已打开",
            off: "相机已关闭",
            picture: "实时画面",
            denied: "未获准使用相机：请在浏览器的设置中允许此页面使用，或选择一张图片。",
            none: "此设备没有相机：请选择一张图片。",
            busy: "相机没有画面：可能正被其他程序使用。",
            unsafe: "浏览器只允许通过 https 打开的页面使用相机。",
        },
    },

    digits: {
        tab: "数字",
        title: "从噪声到数字",
        lead: "一步一步去除噪声，直到出现你想要的数字。",
        cls: "哪个数字",
        all: "全部",
        allOf: (count) => `全部 ${count} 个`,
        keys: "也可以按 0 到 9 键。",
        count: "数量",
        countEach: "每个的数量",
        sampler: "采样器",
        samplers: { "dpm-solver": "DPM-Solver++", ddim: "DDIM", ancestral: "逐步采样" },
        steps: "步数",
        guidance: "引导强度",
        draw: "生成",
        cancel: "取消",
        denoiser: "去噪模型",
        step: (done, of) => `第 ${done} 步，共 ${of} 步`,
        drawing: (what) => `正在生成：${what}`,
        done: (what, engine) => `${what}，使用 ${engine}`,
        cancelled: (done, of) => `已取消：完成了 ${of} 步中的 ${done} 步`,
        drawn: (pictures, cls, seed) => `由种子 ${seed} 生成的 ${pictures}，类别 ${cls}`,
        gan: "GAN，同一种子",
        ganAbout: "没有步骤的生成器：只看一眼种子，也不能指定数字。",
        ganDrawn: (pictures, seed) => `由种子 ${seed} 生成的 ${pictures}`,
    },

    walk: {
        tab: "潜空间漫步",
        title: "在种子之间漫步",
        lead: "每个种子都是一个地点。从一个走到下一个，再沿着变化最强的方向推动图像。",
        play: "播放",
        pause: "暂停",
        position: "位置",
        at: (seed) => `在种子 ${seed} 处`,
        between: (from, to, percent) => `从种子 ${from} 到 ${to}，${percent}%`,
        seeds: "途经的种子",
        newSeeds: "全部换新",
        stop: (index) => `种子 ${index}`,
        goTo: (seed) => `前往种子 ${seed}`,
        remove: (seed) => `移除种子 ${seed}`,
        add: "添加种子",
        directions: "变化最强的方向",
        direction: (index) => `方向 ${index}`,
        share: (percent) => `${percent}%`,
        looking: (done, of) => `正在寻找：${of} 张图像中的 ${done} 张`,
        directionsAbout: "使图像变化最大的方向（取多处的平均），以及各自所占的比例。",
        reset: "复位",
        picture: (where) => `图像：${where}`,
    },

    card: {
        title: "标题",
        network: "网络",
        pictures: "图像",
        data: "数据",
        steps: "步数",
        run: "训练",
        verified: "验证",
        licence: "许可",
        program: "制作程序",
        file: "文件",
        kinds: { generator: "生成器", denoiser: "去噪模型", stylizer: "风格模型", classifier: "分类器" },
        grey: "灰度",
        colour: "彩色",
        anySize: "任意尺寸",
        noDifference: "没有差异",
        difference: (most) => `差异不超过 ${most}`,
        shapes: (count) => `${count} 种输入形状`,
        comma: "，",
        colon: "：",
    },
};

export type Language = "en" | "zh";

const LANGUAGES: Record<Language, Words> = { en, zh };

let current: Language = "en";
const listeners: (() => void)[] = [];

/** The language that a tag such as `zh-TW` asks for, where the page has it. */
export function parseLanguage(tag: string | null): Language | undefined {
    const language = tag?.toLowerCase().split("-")[0];
    return language === "en" || language === "zh" ? language : undefined;
}

/** The first of the browser's languages that the page has. */
export function browsersLanguage(): Language {
    return navigator.languages.map(parseLanguage).find((language) => language !== undefined) ?? "en";
}

/** What the page says, in the language that is set. */
export function words(): Words {
    return LANGUAGES[current];
}

export function language(): Language {
    return current;
}

/** Does something whenever the language changes. */
export function onLanguage(listener: () => void): void {
    listeners.push(listener);
}

/** Makes the page speak a language: what its HTML names by `data-say` and `data-say-label`, and all who listen. */
export function setLanguage(language: Language): void {
    current = language;
    document.documentElement.lang = language === "zh" ? "zh-Hans" : language;
    for (const element of document.querySelectorAll<HTMLElement>("[data-say]")) {
        element.textContent = said(element.dataset["say"]!);
    }
    for (const element of document.querySelectorAll<HTMLElement>("[data-say-label]")) {
        element.setAttribute("aria-label", said(element.dataset["sayLabel"]!));
    }
    listeners.forEach((listener) => listener());
}

/** What the page's HTML names by its path: `digits.tab`. */
function said(path: string): string {
    let found: unknown = words();
    for (const key of path.split(".")) found = (found as Record<string, unknown>)[key];
    if (typeof found !== "string") throw new Error(`the page has no words for ${path}`);
    return found;
}
