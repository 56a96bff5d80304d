// What Markdown cannot say: figures with a picture for dark pages, the kinds of boxes, and mathematics for screen
// readers. Without this script a page shows the light pictures and plain quotations, and nothing else is missing.
(() => {
    'use strict';

    const main = document.querySelector('#mdbook-content main');
    figures();
    boxes();
    mathematics();

    // A paragraph that holds nothing but a picture in figures/ becomes a figure: its text is the caption, and beside
    // the picture for white pages stands the one for dark pages. Which of the two shows is the stylesheet's choice, so
    // a change of the theme needs no script.
    function figures() {
        const dark = [...main.querySelectorAll('p')].filter(isPicture).flatMap(figure);
        document.documentElement.classList.add('figures-ready');

        // The pictures for the other pages are fetched when somebody is about to change the theme.
        const fetchAll = () => dark.forEach((picture) => { picture.loading = 'eager'; });
        const button = document.getElementById('mdbook-theme-toggle');
        ['pointerenter', 'focus', 'click'].forEach((event) => button.addEventListener(event, fetchAll, { once: true }));
    }

    function isPicture(paragraph) {
        const alone = paragraph.children.length === 1 && !paragraph.textContent.trim();
        return alone && paragraph.querySelector('img[src^="figures/"]');
    }

    // mdbook writes each picture twice, in the text and, hidden, for the whole window after a click.
    function figure(paragraph) {
        const element = document.createElement('figure');
        const caption = document.createElement('figcaption');
        element.append(...paragraph.childNodes);
        paragraph.replaceWith(element);
        const pictures = [...element.querySelectorAll('img')];
        const dark = pictures.map((light) => withDark(light, element));

        // Screen readers read the text of the picture, and need not hear it twice.
        caption.textContent = pictures[0].alt;
        caption.setAttribute('aria-hidden', 'true');
        if (caption.textContent) element.append(caption);
        return dark;
    }

    function withDark(light, element) {
        const source = light.getAttribute('src');
        const dark = new Image();
        light.className = 'on-light';
        dark.className = 'on-dark';
        dark.alt = light.alt;
        // Not fetched while it is hidden.
        dark.loading = 'lazy';
        // Both pictures have one size, so nothing moves when they change places.
        light.addEventListener('load', () => {
            dark.width = light.naturalWidth;
            dark.height = light.naturalHeight;
        });
        // A picture that was drawn for white pages only is better than none.
        dark.addEventListener('error', () => element.classList.add('light-only'));
        show(light, source);
        show(dark, source.replace(/(\.\w+)$/, '-dark$1'), light);
        light.after(dark);
        return dark;
    }

    // Pixels are drawn at twice the size at which the text shows them, so that they are sharp on every screen. Lines in
    // an SVG have no pixels, and the whole window has room for all of them.
    function show(picture, source, place = picture) {
        const pixels = !source.endsWith('.svg') && !place.closest('.img-wrapper');
        if (pixels) picture.srcset = `${source} 2x`;
        picture.src = source;
    }

    // A quotation that begins with **Predict.**, **Trap.** or **Note.** is a box of that kind.
    function boxes() {
        for (const quote of main.querySelectorAll('blockquote')) {
            const start = quote.firstElementChild?.firstChild;
            const kind = start?.nodeName === 'STRONG' && /^(Predict|Trap|Note)\.?$/.exec(start.textContent);
            if (kind) quote.classList.add('callout', kind[1].toLowerCase());
        }
    }

    // KaTeX's HTML is hidden from screen readers; the TeX source that stands beside it is not.
    function mathematics() {
        for (const { value, firstElementChild: formula } of main.querySelectorAll('data.katex-src')) {
            formula.setAttribute('role', 'math');
            formula.setAttribute('aria-label', value.trim());
        }
    }
})();
