// build.js: writes the book. To be run at the top of the kit, by tools/book:
//   node tools/book.d/build.js build/book
'use strict';
const fs = require('fs');
const path = require('path');
const kit = require('./kit');
const chapters = require('./chapters');
const lecture = require('./lecture');
const demos = require('./demos');
const matrix = require('./matrix');
const step = require('./step');
const search = require('./search');
const { escape, inline, each, when, way, around, fill } = require('./page');

// It is written beside the old one, which stays until all is there.
const out = process.argv[2] + '.new';

function write(name, text) {
    const file = path.join(out, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text);
}

function copy(from, to) {
    write(to, fs.readFileSync(from));
}

// --- a rung's page: the chapter, and what the book adds to it ---

function lede(rung) {
    const { adds, still } = kit.lessons.get(rung);
    const own = kit.steps.filter(s => s.to === rung);
    return `<div class="lede"><p>${when(adds, () => `Adds ${inline(adds)}.`)}
${when(still, () => `<span>Still wrong: ${inline(still)}.</span>`)}</p>
<p class="links">${each(own, s => `<a class="button" href="step-${s.name}.html">
The step from ${kit.short(s.from)}, side by side</a>`)}
<a class="button" href="#demo">The demo</a>
<a class="button" href="${chapters.nameOf(kit.program(rung))}">The program</a>
</p></div>`;
}

function before(html, id, more) {
    const heading = `<h2 id="${id}"`;
    return more ? html.replace(heading, () => `${more}\n${heading}`) : html;
}

function demoHtml(rung, casts) {
    if (casts.has(rung))
        return demos.figure(rung, casts.get(rung));
    return `<section class="demo"><h2 id="demo">The demo</h2>
<p>It could not be recorded here: <code>${demos.played(rung)}</code> says
why.</p>
</section>`;
}

function dress(page, casts) {
    const rung = path.basename(page.file, '.md');
    if (!kit.lessons.has(rung))
        return;
    page.rung = rung;
    const { html, found } = lecture.excerpts(page.html);
    page.excerpts = found;
    page.html = html.replace('</h1>', () => '</h1>\n' + lede(rung));
    page.html = before(page.html, 'still-wrong', demoHtml(rung, casts));
    const own = kit.steps.filter(s => s.to === rung);
    page.html = before(page.html, 'try-this', each(own, s => `<p class="more">
<a href="step-${s.name}.html">All of the step from ${s.from}, side by side,
with the rows that it turns</a></p>`));
}

// From an excerpt to where it stands in the step.
function leadToSteps(page, stepPages) {
    for (const s of stepPages.filter(one => one.to === page.rung))
        s.homes.forEach((hunk, id) => {
            page.html = page.html.replace(
                new RegExp(`<pre class="\\w+" id="${id}">[\\s\\S]*?</pre>`),
                pre => `${pre}
<p class="from"><a href="${s.name}#h${hunk}">in the whole step</a></p>`);
        });
}

// --- the way through ---

function groups(pages, stepPages) {
    const item = p => [p.name, p.title];
    const rungs = pages.filter(p => p.rung), rest = pages.filter(p => !p.rung);
    const kit = rest.filter(p => p.file === 'README.md')
        .map(p => [p.name, 'The kit']);
    return [['Begin', [['index.html', 'The way in']]],
        ['The rungs', rungs.map(item)],
        ['The steps', stepPages.map(p => [p.name, p.short])],
        ['Behind the rungs', rest.filter(p => /^notes\//.test(p.file)).map(item)
            .concat(kit)]];
}

function finish(pages, stepPages, others) {
    const groupList = groups(pages, stepPages);
    const order = groupList
        .filter(g => g[0] !== 'The steps')
        .flatMap(g => g[1]);
    const steps = groupList.find(g => g[0] === 'The steps')[1];
    for (const page of [...pages, ...stepPages, ...others]) {
        const line = steps.some(i => i[0] === page.name) ? steps : order;
        const at = line.findIndex(i => i[0] === page.name);
        write(page.name, fill({
            title: escape(page.title) + (page.name === 'index.html' ? ''
                : ' – One chat server in C'),
            class: page.kind || 'text',
            way: way(groupList, page.name, page.kind === 'step' ? []
                : chapters.parts(page.body)),
            body: page.body,
            around: at < 0 ? '' : around(line[at - 1], line[at + 1]),
        }));
    }
}

function assets(casts, images, pages) {
    const modules = name => require.resolve(name);
    const player = path.dirname(modules('asciinema-player')) + '/bundle/';
    copy(path.join(__dirname, 'style.css'), 'style.css');
    copy(path.join(__dirname, 'book.js'), 'book.js');
    copy(player + 'asciinema-player.min.js', 'player.js');
    copy(player + 'asciinema-player.css', 'player.css');
    copy(path.join(path.dirname(modules('lunr')), 'lunr.min.js'), 'lunr.js');
    write('search.js', search.script(pages));
    casts.forEach((cast, stage) =>
        write(`casts/${stage}.js`, demos.script(stage, cast)));
    images.forEach(file => copy(path.join(kit.root, file),
        'images/' + file.replace(/\//g, '-')));
}

function stepPage(s, pages) {
    const made = step.page(s, pages.find(p => p.rung === s.to));
    return { ...made, to: s.to, name: `step-${s.name}.html`, kind: 'step',
        title: `${s.from} → ${s.to}`, body: made.html,
        short: `${kit.short(s.from)} → ${kit.short(s.to)}` };
}

// What the book adds to two pages: the way in, and the matrix.
function addTo(pages, casts) {
    const page = file => pages.find(p => p.file === file);
    const index = page('NOTES.md'), table = page('notes/matrix.md');
    index.html = before(index.html, 'where-to-begin', matrix.glance());
    index.html = before(index.html, 'the-chapters', demoHtml('demo', casts));
    // The same, alive, stands in the place of the notes' table of text.
    table.html = table.html.replace(/<pre class="text"><code>behaviour [^]*?<\/pre>/, '')
        + matrix.page(page('notes/flaws.md'));
    table.kind = 'matrix-page';
}

function tell(stepPages) {
    for (const s of stepPages)
        console.log(`${s.title}: ${s.hunks} hunks; ${s.turns} rows turn, `
            + `${s.tied} of them beside their lines`);
}

async function main() {
    const [{ pages: all, chapters: order, images }, casts] = await Promise.all([
        chapters.all(), demos.all()]);
    const pages = order.map(f => all.get(f));
    const others = [...all.values()].filter(p => !order.includes(p.file));
    pages.forEach(p => dress(p, casts));
    const stepPages = kit.steps.map(s => stepPage(s, pages));
    pages.filter(p => p.rung).forEach(p => leadToSteps(p, stepPages));
    addTo(pages, casts);
    [...pages, ...others].forEach(p => { p.body = p.html; });
    fs.rmSync(out, { recursive: true, force: true });
    finish(pages, stepPages, others);
    assets(casts, images, pages);
    fs.rmSync(process.argv[2], { recursive: true, force: true });
    fs.renameSync(out, process.argv[2]);
    if (process.env.BOOK_TELL)
        tell(stepPages);
}

main().catch(error => {
    console.error('book: ' + error.message);
    process.exitCode = 1;
});
