// hunks.js: what one rung changes in the program of the one before, in hunks.
'use strict';
const { spawnSync } = require('child_process');
const diff2html = require('diff2html');
const { newMatcherFn, newDistanceFn } = require('diff2html/lib/rematch');
const kit = require('./kit');

const near = 3; // so many lines are shown around a change

// The whole of both files, line by line: -U asks for more lines than they have.
function compare(from, to) {
    const files = [`${from}/server.c`, `${to}/server.c`];
    const options = { cwd: kit.root, encoding: 'utf8' };
    const git = spawnSync('git', ['--no-pager', 'diff', '--no-index',
        '--no-color', '--no-ext-diff', '-U99999', '--', ...files], options);
    const out = git.error
        ? spawnSync('diff', ['-U99999', ...files], options)
        : git;
    return diff2html.parse(out.stdout)[0].blocks.flatMap(b => b.lines);
}

// Pairs of an old line and a new one that belong together, by diff2html.
const match = newMatcherFn(newDistanceFn(l => l.content.slice(1)));

function pairUp(olds, news) {
    if (!olds.length || !news.length || olds.length * news.length > 2500)
        return olds.map(o => [o, null]).concat(news.map(n => [null, n]));
    return match(olds, news).flatMap(([os, ns]) =>
        Array.from({ length: Math.max(os.length, ns.length) },
            (_, i) => [os[i] || null, ns[i] || null]));
}

// The lines in rows: {old, new}; where both are the same line, they are one.
function inRows(lines) {
    const rows = [];
    let olds = [], news = [];
    const flush = () => {
        pairUp(olds, news).forEach(([o, n]) => rows.push({ old: o, new: n }));
        olds = [];
        news = [];
    };
    for (const line of lines)
        if (line.type === 'delete')
            olds.push(line);
        else if (line.type === 'insert')
            news.push(line);
        else {
            flush();
            rows.push({ old: line, new: line, same: true });
        }
    flush();
    return rows;
}

// Where a function ends between two changes, a hunk ends, too.
function functionEnds(rows, from, to) {
    for (let i = from + 1; i < to; i++)
        if (rows[i].same && /^ \}/.test(rows[i].new.content))
            return i + 1;
    return 0;
}

// New functions that follow each other: after so many rows the next one begins
// a hunk of its own.
const long = 12;

function ends(row) {
    return Boolean(row && row.new && /^[ +]\}/.test(row.new.content));
}

function blank(row) {
    return Boolean(row && row.new && row.new.content.trim().length < 2);
}

function functionBegins(rows, i) {
    return ends(rows[i - 1]) || blank(rows[i - 1]) && ends(rows[i - 2]);
}

// Runs of changed rows, as [first, last, where the hunk must end].
function spansOf(rows) {
    const spans = [];
    rows.forEach((row, i) => {
        const last = spans[spans.length - 1];
        if (row.same)
            return;
        const next = last && i === last[1] + 1;
        const end = last && (next && i - last[0] >= long && functionBegins(rows, i)
            ? i : functionEnds(rows, last[1], i));
        if (last && !end && i - last[1] <= 2 * near + 1) {
            last[1] = i;
            return;
        }
        if (last && end && i - last[1] <= 2 * near + 3)
            last[2] = end < i && rows[end].same && blank(rows[end]) ? end + 1 : end;
        spans.push([i, i, rows.length]);
    });
    return spans;
}

// Hunks, with a few rows around them; what is between them is folded.
function cut(rows) {
    const out = [];
    let at = 0;
    for (const [first, last, limit] of spansOf(rows)) {
        const start = Math.max(at, first - near);
        const end = Math.min(limit, last + near + 1);
        if (start - at > 2)
            out.push({ fold: true, rows: rows.slice(at, start) });
        out.push({ rows: rows.slice(start - at > 2 ? start : at, end) });
        at = end;
    }
    if (at < rows.length)
        out.push({ fold: true, rows: rows.slice(at) });
    return out;
}

// The functions of a program: name, first line, last line.
function functions(rung) {
    return spawnSync('tools/functions', [`${rung}/server.c`], { cwd: kit.root,
        encoding: 'utf8' }).stdout.trim().split('\n').map(l => l.split('\t'))
        .map(([name, first, , last]) => ({ name, first: +first, last: +last }));
}

function functionAt(list, numbers) {
    const names = list
        .filter(f => numbers.some(n => n >= f.first && n <= f.last))
        .map(f => f.name);
    return [...new Set(names)];
}

// How many lines from i and j on are the same, but for how far they are
// indented.
function alike(olds, news, i, j) {
    const text = line => line.content.slice(1).trim();
    let n = 0;
    while (i + n < olds.length && j + n < news.length
        && olds[i + n].oldNumber === olds[i].oldNumber + n
        && news[j + n].newNumber === news[j].newNumber + n
        && text(olds[i + n]) === text(news[j + n]))
        n++;
    return n;
}

// Lines that went from one place to another: two or more that have something to
// say. A map from the number of an old line to that of the new one.
function moved(lines) {
    const olds = lines.filter(l => l.type === 'delete');
    const news = lines.filter(l => l.type === 'insert');
    const found = new Map();
    for (let i = 0; i < olds.length; i++)
        for (let j = 0; j < news.length; j++) {
            const n = alike(olds, news, i, j);
            const said = olds.slice(i, i + n).map(l => l.content).join('')
                .replace(/\W/g, '');
            if (n < 2 || said.length < 20 || found.has(olds[i].oldNumber))
                continue;
            for (let k = 0; k < n; k++)
                found.set(olds[i + k].oldNumber, news[j + k].newNumber);
        }
    return found;
}

// Does an excerpt of the lecture show the line of a row?
function shows(excerpt, row) {
    return Boolean((row.new && excerpt.news.has(row.new.newNumber))
        || (row.old && excerpt.olds.has(row.old.oldNumber)));
}

// Each excerpt is at home in the hunk that has most of its changed lines.
function settle(view) {
    const hunks = view.parts.filter(p => !p.fold);
    hunks.forEach((hunk, i) => {
        hunk.number = i + 1;
        const changed = hunk.rows.filter(r => !r.same);
        const news = changed.filter(r => r.new).map(r => r.new.newNumber);
        const olds = changed.filter(r => r.old).map(r => r.old.oldNumber);
        hunk.names = [...new Set([...functionAt(view.functions.new, news),
            ...functionAt(view.functions.old, olds)])];
    });
    for (const e of view.said) {
        let most = 0;
        for (const hunk of hunks) {
            const n = hunk.rows.filter(r => !r.same && shows(e, r)).length;
            if (n > most)
                [e.home, most] = [hunk, n];
        }
    }
    return hunks;
}

module.exports = { compare, inRows, cut, functions, functionAt, moved, shows,
    settle };
