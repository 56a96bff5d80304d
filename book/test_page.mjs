// What test.mjs does inside a page. Each function is sent to the browser as text, so it uses nothing outside itself.

/** Waits until the page stands still, and lists what is wrong with it, its links within the book, and what it holds. */
export async function audit() {
    const problems = [];
    const main = document.querySelector('#mdbook-content main');
    const short = (text) => text.trim().replace(/\s+/g, ' ').slice(0, 60);

    const images = [...document.images];
    images.forEach((image) => { image.loading = 'eager'; });
    await Promise.allSettled(images.map((image) => image.decode()));
    await document.fonts.ready;

    for (const image of images) {
        if (!image.naturalWidth) problems.push(`a picture does not show: ${image.getAttribute('src')}`);
    }
    mathematics();
    contrast();
    overflow();
    const here = (selector) => main.querySelectorAll(selector).length;
    return {
        problems,
        links: [...document.querySelectorAll('a[href], link[href]')].map((link) => link.href)
            .filter((href) => href.startsWith(location.origin)),
        counts: { figures: here('figure'), formulas: here('.katex'), 'pieces of code': here('pre > code') },
    };

    function mathematics() {
        main.querySelectorAll('.katex-error').forEach((error) => problems.push(`mathematics failed: ${error.title}`));
        const walker = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
            const { data, parentElement } = walker.currentNode;
            if (parentElement.closest('code, pre, .katex, script, style')) continue;
            if (/\$|\\[a-zA-Z]{2,}|\\[{}]|```|\*\*/.test(data)) problems.push(`mathematics or Markdown is left in: ${short(data)}`);
        }
        const fonts = [...document.fonts].filter(({ family, status }) => family.includes('KaTeX') && status === 'loaded');
        if (main.querySelector('.katex') && !fonts.length) problems.push('mathematics has not got its fonts');
    }

    function overflow() {
        const limit = Math.min(main.getBoundingClientRect().right, document.documentElement.clientWidth) + 1;
        const scrolls = (element) => getComputedStyle(element).overflowX !== 'visible';
        const free = (element) => {
            for (let up = element.parentElement; up !== main; up = up.parentElement) if (scrolls(up)) return false;
            return true;
        };
        for (const element of main.querySelectorAll('*')) {
            if (element.parentElement.closest('.katex') || element.getBoundingClientRect().right <= limit || !free(element)) continue;
            const name = element.localName + (element.className ? `.${element.className}` : '');
            problems.push(`wider than the page: ${name}: ${short(element.textContent)}`);
        }
        // On a telephone a long formula may scroll; on a desk nothing shows that it goes on.
        for (const formula of main.querySelectorAll('.katex-display')) {
            const excess = formula.scrollWidth - formula.clientWidth;
            if (innerWidth > 1000 && excess > 1) problems.push(`a formula is cut, by ${excess}: ${short(formula.textContent)}`);
        }
        const { scrollWidth, clientWidth } = document.documentElement;
        if (scrollWidth > clientWidth) problems.push(`the page scrolls sideways: ${scrollWidth} > ${clientWidth}`);
    }

    // Contrast as WCAG 2 measures it, of each text with what it stands on.
    function contrast() {
        const roots = [main, ...document.querySelectorAll('.sidebar, .menu-title')];
        const worst = new Map();
        for (const element of roots.flatMap((root) => [root, ...root.querySelectorAll('*')])) {
            const text = [...element.childNodes].filter(({ nodeType }) => nodeType === 3).map(({ data }) => data).join('');
            if (!text.trim() || !element.checkVisibility()) continue;
            const ground = groundOf(element);
            const ratio = between(over(color(getComputedStyle(element).color), ground), ground);
            const kind = `${element.localName}.${element.className}`;
            if (ratio < 4.5 && ratio < (worst.get(kind)?.ratio ?? 5)) worst.set(kind, { ratio, text: short(text) });
        }
        worst.forEach(({ ratio, text }, kind) => problems.push(`hard to read (${ratio.toFixed(2)}): ${kind}: ${text}`));
    }

    function groundOf(element) {
        const layers = [];
        for (let up = element; up; up = up.parentElement) layers.push(color(getComputedStyle(up).backgroundColor));
        return layers.reverse().reduce((ground, layer) => over(layer, ground), [1, 1, 1, 1]);
    }

    function color(text) {
        const [r, g, b, a = 1] = text.match(/-?[\d.]+(e-?\d+)?/g).map(Number);
        return text.startsWith('color(') ? [r, g, b, a] : [r / 255, g / 255, b / 255, a];
    }

    function over([r, g, b, a], ground) {
        return [r, g, b].map((part, i) => a * part + (1 - a) * ground[i]).concat(1);
    }

    function between(one, other) {
        const light = (parts) => {
            const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const [dim, bright] = [light(one), light(other)].sort((a, b) => a - b);
        return (bright + 0.05) / (dim + 0.05);
    }
}

/** Chooses a theme, as a reader does, and lists the figures that do not show the picture for it. */
export async function pictures(theme, dark) {
    const problems = [];
    const main = document.querySelector('#mdbook-content main');
    document.getElementById(`mdbook-theme-${theme}`)?.click();
    if (!document.documentElement.classList.contains(theme)) problems.push(`the theme ${theme} cannot be chosen`);
    for (const left of main.querySelectorAll('p img[src^="figures/"]')) {
        if (!left.closest('p').textContent.trim()) problems.push(`not made a figure: ${left.getAttribute('src')}`);
    }
    for (const figure of main.querySelectorAll('figure')) {
        const shown = [...figure.querySelectorAll('img')].filter((image) => image.checkVisibility());
        const source = shown[0]?.getAttribute('src') ?? 'nothing';
        if (shown.length !== 1) problems.push(`${theme}: a figure shows ${shown.length} pictures: ${source}`);
        else if (/-dark\.\w+$/.test(source) !== dark) problems.push(`${theme}: a figure shows ${source}`);
        else await shown[0].decode().catch(() => problems.push(`${theme}: ${source} does not show`));
        if (!figure.querySelector('figcaption')?.textContent.trim()) problems.push(`a figure has no caption: ${source}`);
    }
    return problems;
}

/** Where scripts are off, every figure's light picture shows. */
export async function plainPictures() {
    const problems = [];
    for (const image of document.querySelectorAll('main :not(.img-wrapper) > img')) {
        await image.decode().catch(() => {});
        const { width } = image.getBoundingClientRect();
        if (!image.checkVisibility({ visibilityProperty: true }) || !image.naturalWidth || !width) {
            problems.push(`does not show without scripts: ${image.getAttribute('src')}`);
        }
        if (width > image.parentElement.getBoundingClientRect().width + 1) problems.push(`wider than the page: ${image.getAttribute('src')}`);
    }
    return problems;
}
