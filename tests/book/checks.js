// checks.js: looks at the book in a real browser.
//
//   node tests/book/checks.js BOOK CHECK     one of those below, by its name
//   node tests/book/checks.js --list         their names, one a line
//
// Exit status 0 if it holds; 1 if not, and stderr says why. A deadline only
// ends a hang: what is waited for is a state of the page, never a time.
'use strict';
const fs = require('fs');
const path = require('path');

const book = path.resolve(process.argv[2] || '.');
const deadline = 120000;
const drawn = [
    'index.html',
    'v5_locks.html',
    'step-v4_broadcast-v5_locks.html',
    'matrix.html',
];

function say(words) {
    process.exitCode = 1;
    process.stderr.write(words + '\n');
}

function must(holds, words) {
    if (!holds) throw new Error(words);
}

function pages() {
    return fs
        .readdirSync(book)
        .filter(f => f.endsWith('.html'))
        .sort();
}

function url(page) {
    return 'file://' + path.join(book, page);
}

// Where a browser may be: Debian's, macOS's, or the one that CHROMIUM names.
function browserAt() {
    const places = [
        process.env.CHROMIUM,
        ...(process.env.PATH || '')
            .split(':')
            .flatMap(d =>
                ['chromium', 'chromium-browser', 'google-chrome'].map(n =>
                    path.join(d, n)
                )
            ),
        '/Applications/Chromium.app/Contents/MacOS/Chromium',
        '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    ];
    return places.find(p => p && fs.existsSync(p));
}

// A context of its own for each check; a page that complains fails it.
async function open(browser, page, options) {
    const context = await browser.newContext({
        viewport: { width: 1280, height: 900 },
        ...options,
    });
    context.setDefaultTimeout(deadline);
    const tab = await context.newPage();
    tab.complaints = [];
    tab.on('console', m => {
        if (['error', 'warning'].includes(m.type()))
            tab.complaints.push(m.text());
    });
    tab.on('pageerror', e => tab.complaints.push(e.message));
    tab.on('requestfailed', r => tab.complaints.push('not loaded: ' + r.url()));
    tab.on('request', r => {
        if (!/^(file|data|blob):/.test(r.url()))
            tab.complaints.push('asks the network: ' + r.url());
    });
    if (page) await tab.goto(url(page));
    return tab;
}

// The rows of the matrix, from the file that the tests of the kit use.
function matrix() {
    const lines = fs
        .readFileSync('tests/matrix.tsv', 'utf8')
        .trim()
        .split('\n')
        .map(l => l.split('\t'));
    const columns = lines[0].slice(2);
    return lines
        .slice(1)
        .filter(l => !l[0].startsWith('#'))
        .map(l => ({
            title: l[0],
            points: l[1],
            cells: Object.fromEntries(columns.map((c, i) => [c, l[i + 2]])),
        }));
}

// --- links, without a browser ---

function anchors(text, page) {
    const ids = [...text.matchAll(/\bid="([^"]*)"/g)].map(m => m[1]);
    const twice = ids.find((id, i) => ids.indexOf(id) !== i);
    if (twice !== undefined) say(`${page}: the name "${twice}" is there twice`);
    return new Set(ids);
}

function decode(text) {
    return decodeURIComponent(
        text.replace(/&amp;/g, '&').replace(/&#39;/g, "'")
    );
}

function links() {
    const ids = new Map(
        pages().map(p => {
            const text = fs.readFileSync(path.join(book, p), 'utf8');
            return [
                p,
                {
                    ids: anchors(text, p),
                    links: [...text.matchAll(/\b(?:href|src)="([^"]*)"/g)].map(
                        m => decode(m[1])
                    ),
                },
            ];
        })
    );
    let seen = 0;
    for (const [page, { links: all }] of ids)
        for (const link of all) {
            if (/^(https?|data):/.test(link)) continue;
            seen++;
            const [file, anchor] = link.split('#');
            const to = file || page;
            if (!fs.existsSync(path.join(book, to)))
                say(`${page}: the link ${link} leads to no file`);
            else if (anchor && ids.has(to) && !ids.get(to).ids.has(anchor))
                say(`${page}: the link ${link} leads to no place in ${to}`);
        }
    must(seen > 1000, `only ${seen} links were seen`);
}

// --- in the browser ---

async function loads(browser) {
    const tab = await open(browser);
    for (const page of pages()) {
        tab.complaints.length = 0;
        await tab.goto(url(page), { waitUntil: 'load' });
        const heading = await tab.locator('h1').count();
        if (heading !== 1)
            say(`${page}: ${heading} headings of the first level`);
        tab.complaints.forEach(c => say(`${page}: ${c}`));
    }
}

async function narrow(browser) {
    const tab = await open(browser, null, {
        viewport: { width: 390, height: 844 },
    });
    for (const page of pages()) {
        await tab.goto(url(page));
        const wide = await tab.evaluate(
            () => document.documentElement.scrollWidth
        );
        if (wide > 390)
            say(`${page}: is ${wide} pixels wide on a screen of 390`);
    }
    await tab.goto(url('v5_locks.html'));
    must(
        !(await tab.locator('#way').isVisible()),
        'the way through covers a phone'
    );
    await tab.click('.menu');
    await tab.locator('#way').waitFor();
    await tab.keyboard.press('Escape');
    await tab.locator('#way').waitFor({ state: 'hidden' });
}

async function search(browser) {
    const tab = await open(browser, 'index.html');
    await tab.keyboard.press('/');
    must(
        (await tab.evaluate(() => document.activeElement.id)) === 'q',
        'the key / does not lead to the search'
    );
    const look = async words => {
        await tab.fill('#q', words);
        await tab.locator(`#found[data-words="${words}"] li`).first().waitFor();
        return tab
            .locator('#found li')
            .evaluateAll(items =>
                items.map(i => [i.dataset.href, i.textContent])
            );
    };
    const mutex = await look('mutex');
    must(
        mutex.some(([, text]) => /v5_locks/.test(text)),
        'a search for "mutex" does not find v5_locks: ' +
            mutex.map(f => f[0]).join(' ')
    );
    must((await look('mute')).length, 'the beginning of a word finds nothing');
    const found = await look('sigpipe');
    must(
        found.length && found.every(([, text]) => /sigpipe/i.test(text)),
        'a search for "sigpipe" finds what does not have the word'
    );
    await tab.fill('#q', 'xyzzyx');
    await tab.getByText('Nothing was found.').waitFor();
    must(
        (await tab.locator('#found mark').count()) === 0,
        'an empty search marks words'
    );
    const box = /^## (2\. .*)$/m.exec(
        fs.readFileSync('notes/boxes.md', 'utf8')
    )[1];
    await look(box.replace(/[^\w ]/g, ''));
    await tab.keyboard.press('ArrowDown');
    await tab.keyboard.press('Enter');
    await tab.waitForURL(/boxes\.html#2-/);
    must(!tab.complaints.length, tab.complaints.join('; '));
}

// Are both sides of a changed line there, and beside each other?
function sides(tab) {
    return tab
        .locator('.hunk .r.both')
        .first()
        .evaluate(row => {
            const [o, n] = [...row.querySelectorAll('code')].map(c =>
                c.getBoundingClientRect()
            );
            return {
                beside:
                    o.right <= n.left + 1 &&
                    Math.abs(o.top - n.top) < 2 &&
                    Math.abs(o.width - n.width) < 40,
                below: o.bottom <= n.top + 1,
            };
        });
}

async function step(browser) {
    const tab = await open(browser, 'step-v5_locks-v6_errors.html');
    must((await tab.locator('.hunk').count()) > 4, 'there are few hunks');
    must((await sides(tab)).below, 'one column: the new line is not below');
    await tab.check('#mode-two');
    must((await sides(tab)).beside, 'two columns do not stand side by side');
    const fold = tab.locator('.fold').first();
    must(
        !(await fold.locator('pre').isVisible()),
        'what is unchanged is not folded'
    );
    await fold.locator('summary').click();
    await fold.locator('pre').waitFor();
    await tab.click('.unfold');
    must(
        (await tab.locator('.fold:not([open])').count()) === 0,
        'Unfold all does not'
    );
    await tab.click('.unfold');
    must((await tab.locator('.fold[open]').count()) === 0, 'Fold all does not');
    must(
        (await tab.locator('del mark').count()) > 0 &&
            (await tab.locator('ins mark').count()) > 0,
        'no word is marked'
    );
    must(!tab.complaints.length, tab.complaints.join('; '));
}

// The new program, put together again from what the page shows.
function programOf(tab) {
    return tab.evaluate(() => {
        const lines = [];
        for (const part of document.querySelectorAll(
            '.fold > pre, .hunk > .code'
        )) {
            if (part.tagName === 'PRE')
                lines.push(...part.textContent.split('\n'));
            else
                for (const row of part.querySelectorAll('.r:not(.cut)'))
                    lines.push(
                        [...row.querySelectorAll('code')].pop().textContent
                    );
        }
        return lines.join('\n');
    });
}

async function whole(browser) {
    const tab = await open(browser);
    for (const page of pages().filter(p => p.startsWith('step-'))) {
        await tab.goto(url(page));
        const rung = page.replace(/^step-.*-|\.html$/g, '');
        const program = fs.readFileSync(`${rung}/server.c`, 'utf8').trimEnd();
        if ((await programOf(tab)) !== program)
            say(`${page}: what is shown is not ${rung}/server.c`);
    }
}

// Lines that moved are there twice, once gone and once new, and their hunks
// lead to each other.
async function moves(browser) {
    const tab = await open(browser);
    let seen = 0;
    for (const page of pages().filter(p => p.startsWith('step-'))) {
        await tab.goto(url(page));
        const lines = await tab.evaluate(() => {
            const of = tag =>
                [...document.querySelectorAll(`.r.moved ${tag}`)].map(e =>
                    e.textContent.trim()
                );
            return { gone: of('del'), come: of('ins') };
        });
        const both = lines.gone.filter(l => lines.come.includes(l));
        const to = await tab.getByText('lines moved to').count();
        const from = await tab.getByText('lines moved here from').count();
        seen += both.length;
        if (lines.gone.length && !both.length)
            say(`${page}: what moved away from somewhere is nowhere else`);
        if (Boolean(to) !== both.length > 0 || Boolean(from) !== Boolean(to))
            say(`${page}: ${both.length} lines moved, ${to} to, ${from} from`);
    }
    must(seen, 'no step moves a line');
}

async function followed(browser) {
    const tab = await open(browser, 'step-v4_broadcast-v5_locks.html');
    const card = tab.locator('.card').first();
    await card.hover();
    const lit = await tab.locator('.r.lit').allTextContents();
    must(
        lit.some(l => /lock/.test(l)),
        'a text on the lock lights no line with it: ' + lit.join('|')
    );
    const mistake = fs.readFileSync(
        'tests/mutants/v5_locks-broadcasts_without_the_lock.patch',
        'utf8'
    );
    const row = tab
        .locator('.turns li', {
            hasText: /^Killed-by: (.*)$/m.exec(mistake)[1],
        })
        .first();
    await row.hover();
    const turned = await tab.locator('.r.lit').allTextContents();
    must(
        turned.some(l => /lock\(&lock\)/.test(l)),
        'a row does not light the lines that turn it: ' + turned.join('|')
    );
    const said = await tab
        .locator('.hunk')
        .evaluateAll(hunks =>
            hunks
                .filter(
                    h => !h.querySelector('.beside a[href^="v5_locks.html#"]')
                )
                .map(h => h.id)
        );
    must(!said.length, 'no link to the lecture from ' + said.join(' '));
    await tab.evaluate(() => scrollTo(0, 0));
    await tab.keyboard.press('n');
    must(
        (await tab.evaluate(
            () =>
                document.activeElement.closest('.hunk') &&
                document.activeElement.closest('.hunk').id
        )) === 'h1',
        'the key n does not lead to the first hunk'
    );
    await tab.keyboard.press('n');
    must(
        (await tab.evaluate(
            () => document.activeElement.closest('.hunk').id
        )) === 'h2',
        'the key n does not lead to the next hunk'
    );
}

// The rows that a step page names must be those that the matrix says it turns.
async function turns(browser) {
    const tab = await open(browser);
    for (const page of pages().filter(p => p.startsWith('step-'))) {
        const [, from, to] = /^step-(.*)-(.*)\.html$/.exec(page);
        await tab.goto(url(page));
        const shown = new Set(
            await tab.locator('.turns li:has(.was) a').allTextContents()
        );
        const want = matrix()
            .filter(r => r.cells[from] !== r.cells[to])
            .map(r => r.title);
        want.filter(t => !shown.has(t)).forEach(t =>
            say(`${page}: lacks "${t}"`)
        );
        if (shown.size !== want.length)
            say(`${page}: names ${shown.size} rows, and ${want.length} turn`);
    }
}

async function lights(browser) {
    const tab = await open(browser, 'matrix.html');
    const rows = matrix();
    must(
        (await tab.locator('.cells tbody tr').count()) === rows.length,
        'the table has not all rows'
    );
    const row = rows.find(r => r.cells.v5_locks === 'n:sigpipe');
    const line = tab.locator('.cells tbody tr', { hasText: row.title }).first();
    await line.locator('td').nth(4).hover();
    const told = await tab.locator('.pointed').innerText();
    for (const word of [
        row.title,
        row.points + ' point',
        'v5_locks: fails',
        'By hand:',
    ])
        must(
            told.includes(word),
            `pointing at a cell does not say "${word}": ${told}`
        );
    await tab.locator('.cells thead a', { hasText: 'v7' }).focus();
    must(
        /v7_queue\s+Adds .*\s+Still wrong: /.test(
            await tab.locator('.pointed').innerText()
        ),
        'a column does not tell its rung'
    );
    await tab.click('[data-step="v4_broadcast-v5_locks"]');
    const want = rows.filter(
        r => r.cells.v4_broadcast !== r.cells.v5_locks
    ).length;
    const lit = await tab.locator('.cells td.lit').count();
    must(lit === want, `the step lights ${lit} cells, and turns ${want}`);
    must(
        (await tab.locator('.cells tbody tr:visible').count()) === want,
        'rows that the step does not turn are still there'
    );
    await tab.click('[data-step="v4_broadcast-v5_locks"]');
    await tab.fill('#rows', 'storm');
    must(
        (await tab.locator('.cells tbody tr:visible').count()) ===
            rows.filter(r => /storm/i.test(r.title)).length,
        'the filter does not'
    );
    must(!tab.complaints.length, tab.complaints.join('; '));
}

// A demo, as it stands on a page: what it shows, and when.
function demoOf(tab) {
    const screen = '.player .ap-term-text';
    const shows = (words, yes) =>
        tab.waitForFunction(
            ([at, w, want]) => {
                const now = document.querySelector(at);
                return Boolean(now) && now.innerText.includes(w) === want;
            },
            [screen, words, yes]
        );
    const twoFrames = () =>
        new Promise(done =>
            requestAnimationFrame(() => requestAnimationFrame(done))
        );
    return {
        button: words =>
            tab.locator('.player .controls button', { hasText: words }),
        text: () => tab.locator(screen).innerText(),
        shows: words => shows(words, true),
        lacks: words => shows(words, false),
        paused: () => tab.locator('.player[data-state=paused]').waitFor(),
        time: () => tab.evaluate(() => BOOK.player.getCurrentTime()),
        end: () => tab.evaluate(() => BOOK.player.getDuration()),
        frames: () => tab.evaluate(twoFrames),
    };
}

// It stands still, and not because it has come to the end.
async function stands(demo, words) {
    let before,
        now = -1;
    do {
        before = now;
        await demo.frames();
        now = await demo.time();
    } while (now !== before);
    must(now < (await demo.end()) - 0.3, words);
}

// Clicks on two buttons, with nothing in between.
function twoClicks(tab, first, second) {
    return tab.evaluate(
        numbers => {
            const buttons = document.querySelectorAll(
                '.player .controls button'
            );
            delete document.querySelector('.player').dataset.at;
            numbers.forEach(n => buttons[n].click());
        },
        [first, second]
    );
}

// The recording is played to its end first: what comes then hangs on no time.
async function plays(browser) {
    const tab = await open(browser, 'v5_locks.html');
    const demo = demoOf(tab);
    await tab.click('.player .start');
    await tab.selectOption('.player select', '4');
    await demo.shows('killed by SIGPIPE');
    await demo.paused();
    await demo.button('From the start').click();
    await demo.lacks('alice joins');
    for (let i = 0; i < 20; i++) {
        if ((await demo.text()).includes('alice joins')) break;
        await tab.evaluate(() => {
            delete document.querySelector('.player').dataset.at;
        });
        await demo.button('Step').click();
        await tab.waitForFunction(
            () => document.querySelector('.player').dataset.at
        );
        await demo.frames();
    }
    await demo.shows('alice joins');
    must(!(await demo.text()).includes('killed'), 'a step goes to the end');
    await demo.button('Play').click();
    await demo.shows('killed by SIGPIPE');
    await demo.paused();
    await demo.button('From the start').click();
    await twoClicks(tab, 0, 0);
    await demo.paused();
    await stands(demo, 'Pause does not pause it');
    await twoClicks(tab, 0, 1);
    await tab.waitForFunction(
        () => document.querySelector('.player').dataset.at
    );
    await stands(demo, 'a step while it plays does not pause it');
    must(!tab.complaints.length, tab.complaints.join('; '));
}

async function axe(browser, scheme, width) {
    const source = fs.readFileSync(
        require.resolve('axe-core/axe.min.js'),
        'utf8'
    );
    const look = [
        ...drawn,
        'instructor.html',
        'glossary.html',
        'flaws.html',
        'file-v5_locks-server.c.html',
    ].filter(p => pages().includes(p));
    must(look.length > 5, 'the pages to look at are not there');
    for (const page of look) {
        const tab = await open(browser, page, {
            colorScheme: scheme,
            viewport: { width, height: 900 },
        });
        if (await tab.locator('.player .start').count()) {
            await tab.click('.player .start');
            await tab.locator('.player .ap-term-text').waitFor();
        }
        await tab.evaluate(() =>
            document.querySelectorAll('details').forEach(d => {
                d.open = !d.closest('.cells');
            })
        );
        await tab.addScriptTag({ content: source });
        const found = await tab.evaluate(() =>
            window.axe.run(document, { resultTypes: ['violations'] })
        );
        found.violations
            .filter(v => /serious|critical/.test(v.impact))
            .forEach(v =>
                say(
                    `${page} (${scheme}): ${v.id}, ${v.help}: ` +
                        v.nodes
                            .slice(0, 3)
                            .map(
                                n =>
                                    n.target.join(' ') +
                                    ' ' +
                                    n.failureSummary.split('\n').pop()
                            )
                            .join('; ')
                )
            );
        await tab.context().close();
    }
}

async function unscripted(browser) {
    const bare = { javaScriptEnabled: false };
    const shows = async (page, words, options) => {
        const tab = await open(browser, page, { ...bare, ...options });
        const text = await tab.locator('body').innerText();
        for (const w of words)
            must(
                text.includes(w),
                `${page} without scripts does not say "${w}"`
            );
        return tab;
    };
    const rung = await shows('v5_locks.html', [
        'The idea',
        'alice joins',
        'killed by SIGPIPE',
    ]);
    const answer = rung.locator('main > details').last();
    must(
        !(await answer.locator('p').first().isVisible()),
        'an answer is not folded'
    );
    await answer.locator('summary').click();
    await answer.locator('p').first().waitFor();
    const one = await shows('step-v4_broadcast-v5_locks.html', [
        'lines unchanged',
        'pthread_mutex_lock(&lock);',
        'What these lines turn',
    ]);
    await one.check('#mode-two');
    must((await sides(one)).beside, 'two columns need a script');
    const table = await shows('matrix.html', [matrix()[0].title]);
    const first = table.locator('.cells tbody details').first();
    await first.locator('summary').click();
    must(/point/.test(await first.innerText()), 'a row does not unfold');
    const phone = await shows('index.html', [], {
        viewport: { width: 390, height: 844 },
    });
    await phone.click('.menu');
    await phone.locator('#way').waitFor();
    for (const dead of ['.theme', '.search', '.player'])
        must(
            !(await rung.locator(dead).first().isVisible()),
            `${dead} is shown, and does nothing without scripts`
        );
}

async function copies(browser) {
    const tab = await open(browser, 'v5_locks.html');
    const command = tab.locator('kbd.command').first();
    const want = await command.innerText();
    const button = tab.locator('.copy').first();
    await button.focus();
    await tab.keyboard.press('Enter');
    await tab
        .getByRole('button', { name: 'Copy ' + want })
        .filter({ hasText: 'Copied' })
        .first()
        .waitFor();
    await tab.focus('#q');
    await tab.keyboard.press('ControlOrMeta+V');
    must(
        (await tab.inputValue('#q')) === want,
        `what is copied is not "${want}": "` +
            (await tab.inputValue('#q')) +
            '"'
    );
}

async function themes(browser) {
    const tab = await open(browser, 'index.html', { colorScheme: 'light' });
    const paper = () =>
        tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await paper();
    await tab.getByRole('button', { name: 'Dark' }).click();
    const dark = await paper();
    must(light !== dark, 'the button Dark changes nothing');
    await tab.goto(url('v5_locks.html'));
    must(
        (await paper()) === dark,
        'the next page has forgotten what was chosen'
    );
    await tab.keyboard.press('Tab');
    must(
        (await tab.evaluate(() => document.activeElement.className)) === 'skip',
        'the first key Tab does not lead to "To the text"'
    );
}

async function printed(browser) {
    const tab = await open(browser, 'v5_locks.html');
    await tab.emulateMedia({ media: 'print' });
    must(
        !(await tab.locator('.way').isVisible()),
        'the way through is printed'
    );
    await tab.evaluate(() => dispatchEvent(new Event('beforeprint')));
    must(
        (await tab.locator('main > details:not([open])').count()) === 0,
        'answers stay folded on paper'
    );
}

// A picture shows nothing of what comes later, and at the end all of it.
async function pictures(browser) {
    const page = pages().find(p =>
        fs
            .readFileSync(path.join(book, p), 'utf8')
            .includes('src="images/notes-pictures-')
    );
    must(page, 'no page has a picture of a trace');
    const tab = await open(browser, page);
    const trace = tab.locator('.trace').first();
    await trace.evaluate(t => {
        for (let at = t; at; at = at.parentElement)
            if (at.tagName === 'DETAILS') at.open = true;
    });
    const shown = () =>
        trace.evaluate(t => {
            const cover = t.querySelector('.cover').getBoundingClientRect();
            const image = t.querySelector('img').getBoundingClientRect();
            return cover.width ? (cover.left - image.left) / image.width : 1;
        });
    must((await shown()) === 1, 'the picture is not all there at first');
    const step = trace.locator('button');
    await step.click();
    const first = await shown();
    must(first < 0.2, 'the first step does not cover the picture');
    await step.click();
    must((await shown()) > first, 'a step shows no more than the one before');
    await trace.locator('input').press('End');
    must((await shown()) === 1, 'at the end something is still covered');
    must(!tab.complaints.length, tab.complaints.join('; '));
}

function size() {
    let bytes = 0;
    const walk = folder => {
        for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
            const file = path.join(folder, entry.name);
            if (entry.isDirectory() && entry.name !== 'casts') walk(file);
            else if (entry.isFile()) bytes += fs.statSync(file).size;
        }
    };
    walk(book);
    must(
        bytes < 3e6,
        `the book has ${bytes} bytes without the casts: 3 MB are allowed`
    );
}

const checks = {
    loads,
    links,
    narrow,
    search,
    step,
    whole,
    moves,
    followed,
    turns,
    lights,
    plays,
    unscripted,
    copies,
    themes,
    printed,
    pictures,
    size,
    'axe-light': b => axe(b, 'light', 1280),
    'axe-dark': b => axe(b, 'dark', 390),
};
const bare = ['links', 'size'];

async function main() {
    if (process.argv[2] === '--list')
        return console.log(Object.keys(checks).join('\n'));
    const name = process.argv[3];
    if (!checks[name]) return say(`there is no check "${name}"`);
    if (bare.includes(name)) return checks[name]();
    const { chromium } = require('playwright-core');
    const browser = await chromium.launch({
        executablePath: browserAt(),
        args: ['--no-sandbox', '--disable-dev-shm-usage'],
        timeout: deadline,
    });
    try {
        return await checks[name](browser);
    } finally {
        await browser.close();
    }
}

main().catch(error => say(error.message));
