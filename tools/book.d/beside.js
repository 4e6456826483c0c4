// beside.js: what stands beside a hunk: what the lecture says of its lines, and
// the rows of the matrix that they turn.
'use strict';
const kit = require('./kit');
const lecture = require('./lecture');
const { shows } = require('./hunks');
const { escape, each, when } = require('./page');

function rowId(title) {
    const words = title.toLowerCase().match(/[a-z0-9]+/g);
    return 'row-' + words.join('-');
}

// --- the rows ---

function meaning(value) {
    return { y: 'holds', '-': 'not asked' }[value]
        || kit.cell(value).replace(/^fails: /, '');
}

// A row that a step turns; LINES are those that it rests on.
function turned(row, was, is, step, lines) {
    const kind = { y: 'good', '-': 'gone' }[is] || 'bad';
    const before = was === '-' ? 'was not asked' : meaning(was);
    return `<li class="${kind}"${when(lines, () =>
        ` data-lines="${lines.join(' ')}"`)}>
<a href="matrix.html#${rowId(row.title)}">${escape(row.title)}</a>
<span class="was">${kit.short(step.from)}: ${escape(before)} →
${kit.short(step.to)}: ${escape(meaning(is))}</span></li>`;
}

// The mistakes that spoil a line of this hunk.
function watchers(hunk, view) {
    const numbers = new Set(hunk.rows.filter(r => !r.same && r.new)
        .map(r => r.new.newNumber));
    return view.mutants.filter(m => [...m.lines].some(n => numbers.has(n)));
}

function linesOf(title, mistakes) {
    const lines = mistakes.filter(m => m.row === title)
        .flatMap(m => [...m.lines]);
    return [...new Set(lines)].sort((a, b) => a - b);
}

function guardsHtml(titles, mistakes) {
    const rows = titles.length === 1 ? '1 other row'
        : `${titles.length} other rows`;
    return `<details class="guards">
<summary>${rows} would notice a slip here</summary>
<ul class="turns">${each(titles, t =>
        `<li data-lines="${linesOf(t, mistakes).join(' ')}">
<a href="matrix.html#${rowId(t)}">${escape(t)}</a></li>`)}</ul></details>`;
}

// The rows that notice a mistake in these lines: those that the step turns, and
// the others, folded. What is shown here need not be shown at the end.
function rowsHtml(hunk, view, step) {
    const mistakes = watchers(hunk, view);
    const titles = [...new Set(mistakes.map(m => m.row))];
    const here = view.turns.filter(([row]) => titles.includes(row.title));
    const others = titles.filter(t => !here.some(([row]) => row.title === t));
    here.forEach(([row]) => view.tied.add(row.title));
    return when(here.length, () => `<div class="turned">
<h3>What these lines turn</h3>
<ul class="turns">${each(here, ([row, was, is]) =>
        turned(row, was, is, step, linesOf(row.title, mistakes)))}</ul></div>`)
        + when(others.length, () => guardsHtml(others, mistakes));
}

// --- the lecture ---

function inLecture(chapter, id, words) {
    return `<p class="from"><a href="${chapter.name}#${id}">${words}</a></p>`;
}

// What the chapter says of an excerpt. Its pictures are too wide for here.
function card(e, chapter) {
    const prose = e.prose.replace(/<(\/?)h[34][^>]*>/g, '<$1p>')
        .replace(/<pre[\s\S]*?<\/pre>/g,
            inLecture(chapter, e.id, '(as the lecture shows)'))
        .replace(/ id="[^"]*"/g, '');
    return `<article class="card" data-about="${e.number}" tabindex="0">
${prose.trim() || '<p>The lecture shows these lines.</p>'}${inLecture(chapter, e.id, 'in the lecture')}</article>`;
}

// Names that every program of this kind has: they say nothing of a step.
const common = new Set(`main server client room msg log host port name errno
    strerror log_event quit NULL sizeof static void char const struct return int
    size_t ssize_t for while else break continue unsigned bool atomic_int await
    die argc argv next err`.split(/\s+/));

// A line of code, without its remarks and strings.
function bareCode(line, kinds) {
    return [...line].map((c, i) => /rem|str|pre/.test(kinds[i] || '') ? ' ' : c)
        .join('');
}

// The names that a hunk brings or takes away.
function namesOf(hunk, view) {
    const of = which => new Set(hunk.rows.filter(r => !r.same && r[which])
        .flatMap(r => lecture.namesIn(bareCode(r[which].content.slice(1),
            view.kinds[which][r[which][which + 'Number'] - 1]))));
    const olds = of('old'), news = of('new');
    const names = [...news].filter(n => !olds.has(n))
        .concat([...olds].filter(n => !news.has(n)));
    return new Set(names.filter(n => !common.has(n)));
}

// Of the hunks that an excerpt shows, the one that has most names with this.
function akin(names, view) {
    let best = null, most = [];
    for (const e of view.said.filter(one => one.home)) {
        const own = namesOf(e.home, view);
        const shared = [...names].filter(n => own.has(n));
        if (shared.length > most.length)
            [best, most] = [e, shared];
    }
    return best && { excerpt: best, names: most.slice(0, 3) };
}

function quoteHtml({ sentence, of }, chapter) {
    return `<blockquote><p>${sentence.replace(/<\/?a\b[^>]*>/g, '')}</p>
${inLecture(chapter, of.id, `in the lecture, under “${escape(of.heading)}”`)}
</blockquote>`;
}

// Of a hunk that no excerpt shows: a sentence that has its names, or the hunk
// that is most like it.
function quoted(hunk, view, chapter) {
    const idea = inLecture(chapter, 'the-idea',
        'the idea of this step, in the lecture');
    if (hunk.number === 1 && !hunk.names.length)
        return `<p>The first line of each program says what it is about.</p>
${idea}`;
    const names = namesOf(hunk, view);
    const beyond = view.said.filter(e => e.home).map(e => e.prose).join(' ');
    const best = lecture.sentence(chapter.html, names, beyond,
        kit.short(chapter.rung));
    if (best)
        return quoteHtml(best, chapter);
    const like = akin(names, view);
    if (!like)
        return idea;
    const number = like.excerpt.home.number;
    return `<p>${each(like.names, n => `<code>${n}</code>`, ', ')}:
see what stands beside <a href="#h${number}">hunk ${number}</a>.</p>
${inLecture(chapter, like.excerpt.id, 'in the lecture')}`;
}

function besideHtml(hunk, view, step, chapter) {
    const own = view.said.filter(e => e.home === hunk);
    const elsewhere = view.said.filter(e => e.home && e.home !== hunk
        && hunk.rows.some(r => !r.same && shows(e, r)));
    return (each(own, e => card(e, chapter)) || quoted(hunk, view, chapter))
        + each(elsewhere, ({ home }) => `<p class="from">The lecture shows some
of these lines with those of
<a href="#h${home.number}">hunk ${home.number}</a>.</p>`)
        + rowsHtml(hunk, view, step);
}

module.exports = { besideHtml, turned, rowId };
