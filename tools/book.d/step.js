// step.js: a step of the ladder as a page: two columns or one, with what the
// lecture says of each hunk, and the rows that it turns, beside it.
'use strict';
const { diffHighlight } = require('diff2html/lib/render-utils');
const kit = require('./kit');
const code = require('./code');
const lecture = require('./lecture');
const hunks = require('./hunks');
const { besideHtml, turned } = require('./beside');
const { inline, each, when } = require('./page');

// --- a row: an old line, a new one, or both ---

// Which characters of a line are marked, in the HTML of diff2html.
function marked(html) {
    const flags = [], chars = [];
    let on = false;
    for (const piece of html.match(/<[^>]*>|&[^;]*;|[\s\S]/g) || [])
        if (piece[0] === '<' && piece.length > 1)
            on = piece[1] !== '/';
        else {
            flags.push(on);
            chars.push(piece);
        }
    return joined(flags, chars);
}

// Where most of a line is new, marks say nothing; a blank is marked if it
// stands between two marked words.
function joined(flags, chars) {
    const words = flags.filter((_, i) => chars[i] !== ' ');
    if (words.filter(Boolean).length > 0.7 * words.length)
        return [];
    const next = i => {
        let at = i;
        while (chars[at] === ' ')
            at++;
        return at;
    };
    return flags.map((on, i) => chars[i] !== ' ' ? on
        : Boolean(i && flags[i - 1] && chars[i - 1] !== ' ' && flags[next(i)]));
}

function marks(row) {
    if (!row.old || !row.new)
        return {};
    const found = diffHighlight(row.old.content, row.new.content, false, {
        matching: 'words', diffStyle: 'word', matchWordsThreshold: 0.25,
        maxLineLengthHighlight: 10000 });
    return { old: marked(found.oldLine.content),
        new: marked(found.newLine.content) };
}

// view knows the classes of the characters of both files, what moved, and what
// each excerpt shows.
function painted(row, which, view, flags) {
    const line = row[which];
    const kinds = view.kinds[which][line[which + 'Number'] - 1];
    return code.paint(line.content.slice(1), kinds, flags);
}

function side(row, which, view, flags) {
    if (!row[which])
        return '';
    const tag = which === 'old' ? 'del' : 'ins';
    return `<b>${row[which][which + 'Number']}</b>`
        + `<code><${tag}>${painted(row, which, view, flags)}</${tag}></code>`;
}

function went(row, view) {
    return Boolean(row.old && view.moved.has(row.old.oldNumber)
        || row.new && view.arrived.has(row.new.newNumber));
}

function rowHtml(row, view) {
    if (row.same)
        return `<div class="r same"><b>${row.old.oldNumber}</b>`
            + `<b>${row.new.newNumber}</b>`
            + `<code>${painted(row, 'new', view)}</code></div>`;
    const flags = marks(row);
    const about = view.said.filter(e => hunks.shows(e, row)).map(e => e.number);
    const kind = row.old && row.new ? 'both' : row.old ? 'cut' : 'add';
    return `<div class="r ${kind}${went(row, view) ? ' moved' : ''}"`
        + when(about.length, () => ` data-about="${about.join(' ')}"`) + '>'
        + side(row, 'old', view, flags.old) + side(row, 'new', view, flags.new)
        + '</div>';
}

// --- a hunk, and what is folded between two ---

function codes(names) {
    return each(names, n => `<code>${n}</code>`, ', ');
}

function foldHtml(part, view) {
    const numbers = part.rows.map(r => r.new.newNumber);
    const names = hunks.functionAt(view.functions.new, numbers);
    const what = names.length > 4 ? names.slice(0, 3).concat('…') : names;
    const lines = numbers.length === 1 ? '1 line' : `${numbers.length} lines`;
    return `<details class="fold"><summary>${lines} unchanged`
        + when(what.length, () => ': ' + codes(what))
        + `</summary>
<pre class="code" style="--first: ${numbers[0] - 1}"><code>`
        + each(part.rows, r => `<i></i>${painted(r, 'new', view)}`, '\n')
        + '</code></pre></details>';
}

// The hunk in which a line of the old or the new program is changed.
function homeOf(which, number, view) {
    const here = r => !r.same && r[which]
        && r[which][which + 'Number'] === number;
    return view.parts.find(p => !p.fold && p.rows.some(here)).number;
}

function numbersHtml(numbers, own) {
    return each([...new Set(numbers)], n =>
        n === own ? 'within it' : `<a href="#h${n}">${n}</a>`, ', ');
}

// Where the lines that moved from here are now, and where others came from.
function moves(hunk, view) {
    const rows = hunk.rows.filter(r => !r.same && went(r, view));
    const to = rows.filter(r => r.old && view.moved.has(r.old.oldNumber))
        .map(r => homeOf('new', view.moved.get(r.old.oldNumber), view));
    const from = rows.filter(r => r.new && view.arrived.has(r.new.newNumber))
        .map(r => homeOf('old', view.arrived.get(r.new.newNumber), view));
    const words = (say, numbers) => when(numbers.length, () => `
<span class="count">${say} ${numbersHtml(numbers, hunk.number)}</span>`);
    return words('lines moved to', to) + words('lines moved here from', from);
}

function count(rows) {
    const plus = rows.filter(r => !r.same && r.new).length;
    const minus = rows.filter(r => !r.same && r.old).length;
    return { plus, minus };
}

function hunkHtml(hunk, view, step, chapter) {
    const { plus, minus } = count(hunk.rows);
    const outside = hunk.number === 1 ? 'the top of the file'
        : 'outside the functions';
    const n = hunk.number;
    return `<section class="hunk" id="h${n}" aria-label="Hunk ${n}">
<h2><a href="#h${n}">${n}</a> ${codes(hunk.names) || outside}
<span class="count">+${plus} −${minus}</span>${moves(hunk, view)}</h2>
<div class="beside">${besideHtml(hunk, view, step, chapter)}</div>
<div class="code">${each(hunk.rows, r => rowHtml(r, view))}</div>
</section>`;
}

// --- the page ---

// The classes of the characters of a text, line by line.
function kindsOf(text) {
    const kinds = code.classes(text);
    let at = 0;
    return text.split('\n').map(line => {
        const own = kinds.slice(at, at + line.length);
        at += line.length + 1;
        return own;
    });
}

function look(step, chapter) {
    const [was, is] = [step.from, step.to].map(r => kit.read(`${r}/server.c`));
    const lines = hunks.compare(step.from, step.to);
    const moved = hunks.moved(lines);
    return {
        kinds: { old: kindsOf(was), new: kindsOf(is) },
        moved, arrived: new Map([...moved].map(([o, n]) => [n, o])),
        functions: { old: hunks.functions(step.from),
            new: hunks.functions(step.to) },
        parts: hunks.cut(hunks.inRows(lines)),
        turns: kit.turns(step), tied: new Set(), mutants: kit.mutants(step.to),
        said: chapter.excerpts.map((e, i) => ({ ...e, number: i + 1,
            news: lecture.shown(e, is.split('\n'), '-'),
            olds: lecture.shown(e, was.split('\n'), '+') })),
    };
}

const modes = `<fieldset class="modes"><legend>Show</legend>
<label><input type="radio" name="mode" id="mode-text" checked>
the text beside the code</label>
<label><input type="radio" name="mode" id="mode-two"> side by side</label>
<button type="button" class="unfold" hidden>Unfold all</button>
<span class="keys" hidden><kbd>n</kbd> and <kbd>p</kbd>: next and previous
hunk</span>
</fieldset>`;

function restHtml(view, step) {
    const rest = view.turns.filter(([row]) => !view.tied.has(row.title));
    return `<section class="rest">
<h2 id="the-step-as-a-whole">The step as a whole</h2>
<p>The rows beside the lines are measured: in <code>tests/mutants</code> each
mistake spoils some lines, and names the row that notices. ${rest.length
        ? 'These rows turn, too, and no single place turns them:'
        : 'Every row that turns stands beside its lines.'}</p>
<ul class="turns">${each(rest, t => turned(...t, step))}</ul></section>`;
}

// The page of a step; chapter is the lecture of the rung that it leads to.
function page(step, chapter) {
    const view = look(step, chapter);
    const all = hunks.settle(view);
    const { plus, minus } = count(all.flatMap(h => h.rows));
    const body = each(view.parts, p => p.fold ? foldHtml(p, view)
        : hunkHtml(p, view, step, chapter), '\n');
    const html = `<h1>${step.from} → ${step.to}</h1>
<p class="lede">Adds ${inline(kit.lessons.get(step.to).adds)}.
${plus} lines added, ${minus} removed, in ${all.length} places.
<a href="${chapter.name}">The lecture of this step</a>.</p>
${modes}
<div class="step">
${body}
</div>
${restHtml(view, step)}`;
    const homes = view.said.filter(e => e.home).map(e => [e.id, e.home.number]);
    return { html, homes: new Map(homes), hunks: all.length,
        tied: view.tied.size, turns: view.turns.length };
}

module.exports = { page };
