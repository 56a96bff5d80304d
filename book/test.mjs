// Opens every page of the built book in Chromium, on a wide and on a narrow screen, in a light and in a dark theme, and
// says what is wrong with it: errors of scripts, requests that fail or leave this machine, pictures that do not show or
// do not follow the theme, mathematics that was not set, text that is hard to read, what is wider than the page, links
// that lead nowhere.
//
//     node book/test.mjs [--book FOLDER] [--src FOLDER] [--shots FOLDER]
//
// It needs Node 20, Chromium (or its path in CHROMIUM) and a book that was built, and nothing from npm. With `--shots`
// it also writes a picture of each page.

import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { audit, pictures, plainPictures } from './test_page.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const book = option('--book') ?? join(here, 'book');
const sources = option('--src') ?? join(here, 'src');
const shots = option('--shots');

const WIDTHS = [1280, 390];
const THEMES = { light: false, navy: true };
const OTHER_THEMES = { rust: false, coal: true, ayu: true };
const PATIENCE = 30_000;

function option(name) {
    const at = process.argv.indexOf(name);
    return at < 0 ? undefined : process.argv[at + 1];
}

/** The pages that SUMMARY.md names, in its order. */
function pages() {
    const summary = readFileSync(join(sources, 'SUMMARY.md'), 'utf8');
    return [...summary.matchAll(/\]\(([^)]+)\.md\)/g)].map(([, name]) => `${name}.html`);
}

/** Serves the book on a free port of this machine. */
async function serve() {
    const types = {
        '.css': 'text/css', '.gif': 'image/gif', '.html': 'text/html; charset=utf-8', '.js': 'text/javascript',
        '.png': 'image/png', '.svg': 'image/svg+xml', '.woff2': 'font/woff2',
    };
    const server = createServer((request, response) => {
        const path = file(new URL(request.url, 'http://book').pathname);
        if (!path) return response.writeHead(404).end();
        response.writeHead(200, { 'Content-Type': types[extname(path)] ?? 'application/octet-stream' });
        response.end(readFileSync(path));
    });
    await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
    return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** The file behind an address of the book, if there is one. */
function file(address) {
    const path = join(book, normalize(decodeURIComponent(address)), address.endsWith('/') ? 'index.html' : '');
    return existsSync(path) && statSync(path).isFile() ? path : undefined;
}

/** Chromium, spoken to over its pipe: one JSON object and a zero byte for each message. */
class Browser {
    constructor(profile) {
        const program = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
            .find(existsSync) ?? 'chromium';
        const flags = [
            '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--hide-scrollbars',
            '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions',
            '--disable-dev-shm-usage', '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank',
        ];
        this.process = spawn(program, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
        this.waiting = new Map();
        this.listeners = new Map();
        this.last = 0;
        this.process.on('error', (error) => this.fail(new Error(`${program} did not start: ${error.message}`)));
        this.process.on('exit', (code) => this.fail(new Error(`${program} ended early, with ${code}`)));
        this.process.stdio[3].on('error', () => {});
        let text = '';
        this.process.stdio[4].setEncoding('utf8').on('data', (chunk) => {
            const messages = (text + chunk).split('\0');
            text = messages.pop();
            messages.forEach((message) => this.receive(JSON.parse(message)));
        });
    }

    receive({ id, sessionId, method, params, result, error }) {
        if (!id) return this.listeners.get(sessionId)?.(method, params);
        const { done, failed } = this.waiting.get(id) ?? {};
        this.waiting.delete(id);
        return error ? failed?.(new Error(error.message)) : done?.(result);
    }

    fail(error) {
        this.broken = error;
        this.waiting.forEach(({ failed }) => failed(error));
        this.waiting.clear();
    }

    send(method, params = {}, sessionId = undefined) {
        if (this.broken) return Promise.reject(this.broken);
        const id = ++this.last;
        const answer = new Promise((done, failed) => this.waiting.set(id, { done, failed }));
        this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
        return inTime(answer, method);
    }

    async close() {
        this.process.removeAllListeners('exit');
        const ended = new Promise((done) => this.process.once('exit', done));
        await this.send('Browser.close').catch(() => this.process.kill());
        await inTime(ended, 'the end of Chromium').catch(() => this.process.kill('SIGKILL'));
    }

    /** A window of its own width and theme, with a storage of its own. */
    async open(width, theme) {
        const { browserContextId } = await this.send('Target.createBrowserContext');
        const { targetId } = await this.send('Target.createTarget', { url: 'about:blank', browserContextId });
        const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
        const tab = new Tab(this, sessionId);
        for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await tab.send(`${domain}.enable`);
        await tab.send('Emulation.setDeviceMetricsOverride',
            { width, height: 900, deviceScaleFactor: 1, mobile: width < 600 });
        await tab.send('Page.addScriptToEvaluateOnNewDocument',
            { source: `try { localStorage.setItem('mdbook-theme', '${theme}') } catch {}` });
        return tab;
    }
}

/** A window that remembers what went wrong in it. */
class Tab {
    constructor(browser, session) {
        this.send = (method, params) => browser.send(method, params, session);
        this.problems = [];
        this.addresses = new Map();
        browser.listeners.set(session, (method, params) => this.heard(method, params));
    }

    heard(method, params) {
        switch (method) {
            case 'Page.loadEventFired':
                return this.loaded?.();
            case 'Runtime.exceptionThrown': {
                const { text, exception } = params.exceptionDetails;
                return this.problem(`a script failed: ${exception?.description ?? text}`);
            }
            case 'Runtime.consoleAPICalled':
                if (!['error', 'assert'].includes(params.type)) return undefined;
                return this.problem(`the console says: ${params.args.map((arg) => arg.value ?? arg.description).join(' ')}`);
            case 'Log.entryAdded':
                if (params.entry.level !== 'error' || params.entry.source === 'network') return undefined;
                return this.problem(`the console says: ${params.entry.text}`);
            case 'Network.requestWillBeSent': {
                const { url } = params.request;
                this.addresses.set(params.requestId, url);
                if (/^(data|blob|about):/.test(url) || url.startsWith(`${this.origin}/`)) return undefined;
                return this.problem(`asks another host: ${url}`);
            }
            case 'Network.responseReceived':
                if (params.response.status < 400) return undefined;
                return this.problem(`answered with ${params.response.status}: ${params.response.url}`);
            case 'Network.loadingFailed':
                if (params.canceled) return undefined;
                return this.problem(`did not load (${params.errorText}): ${this.addresses.get(params.requestId)}`);
            default:
                return undefined;
        }
    }

    problem(text) {
        if (!this.problems.includes(text)) this.problems.push(text);
    }

    async go(address) {
        this.origin = new URL(address).origin;
        this.problems = [];
        const loaded = new Promise((done) => { this.loaded = done; });
        await this.send('Page.navigate', { url: address });
        await inTime(loaded, `loading ${address}`);
    }

    /** Calls a function in the page. */
    async call(task, ...args) {
        const expression = `(${task})(...${JSON.stringify(args)})`;
        const { result, exceptionDetails } =
            await this.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
    }

    async shot(path) {
        const { cssContentSize } = await this.send('Page.getLayoutMetrics');
        const clip = { x: 0, y: 0, width: cssContentSize.width, height: cssContentSize.height, scale: 1 };
        const { data } = await this.send('Page.captureScreenshot', { clip, captureBeyondViewport: true });
        writeFileSync(path, Buffer.from(data, 'base64'));
    }
}

function inTime(promise, what) {
    let timer;
    const late = new Promise((_, failed) => {
        timer = setTimeout(() => failed(new Error(`no answer within ${PATIENCE / 1000} s: ${what}`)), PATIENCE);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** One page in one window: what is wrong there, and where its links lead. */
async function look(tab, origin, page, width, theme) {
    try {
        await tab.go(`${origin}/${page}`);
        const { problems, links, counts } = await tab.call(audit);
        problems.push(...await tab.call(pictures, theme, THEMES[theme]));
        if (shots) await tab.shot(join(shots, `${page.replace('.html', '')}-${width}-${theme}.png`));
        if (width === WIDTHS[0]) problems.push(...await otherThemes(tab, theme));
        return { problems: [...problems, ...tab.problems], links, counts };
    } catch (error) {
        return { problems: [...tab.problems, `this is no page of the book: ${error.message}`], links: [], counts: {} };
    }
}

/** Changes the theme of an open page, as a reader does, and looks again at what depends on it. */
async function otherThemes(tab, own) {
    const problems = [];
    for (const [theme, dark] of Object.entries({ ...THEMES, ...OTHER_THEMES })) {
        if (theme === own) continue;
        problems.push(...await tab.call(pictures, theme, dark));
        const { problems: again } = await tab.call(audit);
        problems.push(...again.filter((problem) => problem.startsWith('hard to read')).map((problem) => `${theme}: ${problem}`));
    }
    return problems;
}

/** The page as it is where scripts are off. */
async function withoutScripts(tab, origin, page) {
    await tab.go(`${origin}/${page}`);
    return [...await tab.call(plainPictures), ...tab.problems];
}

/** What is wrong with a link of the book, if anything. */
function broken(link) {
    const { pathname, hash } = new URL(link);
    const path = file(pathname);
    if (!path) return `a link leads nowhere: ${pathname}`;
    const id = decodeURIComponent(hash.slice(1));
    if (!id || extname(path) !== '.html') return undefined;
    return readFileSync(path, 'utf8').includes(`id="${id}"`) ? undefined : `a link leads to no heading: ${pathname}${hash}`;
}

async function test(page, origin, tabs, plain) {
    const found = new Map();
    const note = (problem, where) => found.set(problem, (found.get(problem) ?? new Set()).add(where));
    let summary;
    const links = new Set();
    for (const { tab, width, theme } of tabs) {
        const seen = await look(tab, origin, page, width, theme);
        seen.problems.forEach((problem) => note(problem, `${width} ${theme}`));
        seen.links.forEach((link) => links.add(link));
        summary ??= Object.entries(seen.counts).map(([what, count]) => `${count} ${what}`).join(', ');
    }
    (await withoutScripts(plain, origin, page)).forEach((problem) => note(problem, 'no scripts'));
    [...links].map(broken).filter(Boolean).forEach((problem) => note(problem, 'links'));
    console.log(`${found.size ? 'FAIL' : 'ok  '} ${page}: ${summary}, ${links.size} links`);
    found.forEach((where, problem) => console.log(`     ${problem} [${[...where].join(', ')}]`));
    return found.size === 0;
}

async function main() {
    if (!file('/')) throw new Error(`there is no book in ${book}: build it first`);
    if (shots) mkdirSync(shots, { recursive: true });
    const profile = mkdtempSync(join(tmpdir(), 'book-test-'));
    const server = await serve();
    const browser = new Browser(profile);
    try {
        const tabs = [];
        for (const width of WIDTHS) {
            for (const theme of Object.keys(THEMES)) tabs.push({ tab: await browser.open(width, theme), width, theme });
        }
        const plain = await browser.open(WIDTHS[0], 'light');
        await plain.send('Emulation.setScriptExecutionDisabled', { value: true });
        const results = [];
        for (const page of pages()) results.push(await test(page, server.origin, tabs, plain));
        const passed = results.filter(Boolean).length;
        console.log(`${passed} passed, ${results.length - passed} failed`);
        return passed === results.length && passed > 0;
    } finally {
        await browser.close();
        server.close();
        // What Chromium leaves behind is no fault of the book.
        await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }).catch(() => {});
    }
}

main().then((good) => process.exit(good ? 0 : 1), (error) => {
    console.error(`book/test.mjs: ${error.message}`);
    process.exit(2);
});
