// matrix.js: the matrix as a table to point at. Without scripts each row
// unfolds, and each column leads to its rung.
'use strict';
const kit = require('./kit');
const { escape, bare, each, when } = require('./page');
const { rowId } = require('./beside');

// The title of a row to where it is shown by hand: [page#part, its heading].
// The chapter on flaws names the rows of a section in italics.
function byHand(flaws) {
    const shown = new Map();
    let id = '', heading = '';
    for (const m of flaws.html.matchAll(
        /<h2 id="([^"]*)"[^>]*>([\s\S]*?)<\/h2>|<p>Rows?: ([\s\S]*?)<\/p>/g))
        if (m[1] !== undefined)
            [id, heading] = [m[1], m[2]];
        else
            for (const row of m[3].matchAll(/<em>([\s\S]*?)<\/em>/g))
                shown.set(bare(row[1]).replace(/\s+/g, ' '),
                    [`${flaws.name}#${id}`, heading]);
    return shown;
}

function cellHtml(value, rung, row) {
    const step = kit.steps.find(s => s.to === rung);
    const turns = when(step && row.cells[step.from] !== value,
        () => ` data-turn="${step.name}"`);
    if (value === 'y')
        return `<td class="y"${turns}>✓</td>`;
    if (value === '-')
        return `<td${turns}></td>`;
    return `<td class="n"${turns}>✗<i class="vh"> ${escape(value.slice(2))}</i></td>`;
}

function failure(rung, row) {
    const how = kit.cell(row.cells[rung]).replace(/^fails: /, '');
    return `${kit.short(rung)} (${escape(how)})`;
}

function rowHtml(row, shown) {
    const hand = shown.get(row.title);
    const fails = kit.columns
        .filter(c => row.cells[c].startsWith('n:'))
        .map(c => failure(c, row));
    const points = row.points === 1 ? '1 point' : `${row.points} points`;
    return `<tr id="${rowId(row.title)}"><th scope="row"><details>
<summary>${escape(row.title)}</summary>
<p>${points}. ${escape(kit.questions.get(row.title) || '')}</p>
${when(fails.length, () => `<p>Fails in ${fails.join(', ')}.</p>`)}
${when(hand, () => `<p>By hand: <a href="${hand[0]}">${hand[1]}</a></p>`)}
</details></th>${each(kit.columns, c => cellHtml(row.cells[c], c, row))}</tr>`;
}

function head(rung) {
    const page = { chat: 'socketserver' }[rung] || rung;
    const { adds = '', still = '' } = kit.lessons.get(rung) || {};
    return `<th scope="col" data-rung="${rung}" data-adds="${escape(adds)}"
data-still="${escape(still)}">
<a href="${page}.html"><span>${kit.short(rung)}</span></a></th>`;
}

function stepButton(step) {
    return `<button type="button" data-step="${step.name}" aria-pressed="false">
${kit.short(step.from)} → ${kit.short(step.to)}
<span class="count">${kit.turns(step).length}</span></button>`;
}

function page(flaws) {
    const shown = byHand(flaws);
    return `<div class="matrix" id="table">
<p>${kit.rows.length} rows, ${kit.columns.length} columns. A cross is a known
flaw: the test <em>must</em> fail there. Unfold a row for its points, the first
question of its hint, and where it fails by hand.</p>
<div class="steps" role="group" aria-label="What a step turns" hidden>
<span>What a step turns:</span> ${each(kit.steps, stepButton, '\n')}
<label class="filter">Rows with <input type="search" id="rows"
 placeholder="quit, crash, line"></label></div>
<div class="wide tall" tabindex="0" role="region" aria-label="The matrix">
<table class="cells">
<caption class="vh">Every behaviour, and every rung</caption>
<thead><tr><th scope="col">behaviour</th>${each(kit.columns, head)}</tr></thead>
<tbody>${each(kit.rows, r => rowHtml(r, shown), '\n')}</tbody></table></div>
<div class="pointed" hidden></div>
</div>`;
}

// --- the ladder at a glance: a line a rung, and in it every row ---

const glanced = { left: 98, line: 15, high: 12, across: 734 };

// Neighbours that are the same are one: [kind, first, how many].
function runs(kinds) {
    const out = [];
    kinds.forEach((kind, i) => {
        if (i && kinds[i - 1] === kind)
            out[out.length - 1][2]++;
        else
            out.push([kind, i, 1]);
    });
    return out;
}

function bar(rung, rows, y) {
    const wide = glanced.across / rows.length;
    const names = { y: 'y', '-': 'none' };
    const kinds = rows.map(r => names[r.cells[rung]] || 'n');
    return `<a href="${rung}.html"><text x="0" y="${y + 10}">${rung}</text>`
        + each(runs(kinds), ([kind, first, n]) => `<rect class="${kind}"
 x="${(glanced.left + first * wide).toFixed(1)}" y="${y}"
 width="${(n * wide).toFixed(1)}" height="${glanced.high}"/>`) + '</a>';
}

function glance() {
    const rungs = kit.columns.filter(c => /^v\d/.test(c)).reverse();
    const rows = kit.rows.filter(r => rungs.some(c => r.cells[c] !== '-'));
    return `<figure class="glance">
<svg viewBox="0 0 832 ${rungs.length * glanced.line}" role="group"
 aria-label="Every behaviour on every rung">
${each(rungs, (r, i) => bar(r, rows, i * glanced.line))}</svg>
<figcaption>The ladder at a glance: across, ${rows.length} behaviours; upwards,
the rungs. Blue holds, orange is a known flaw, pale is not asked.
<a href="matrix.html#table">The whole matrix</a></figcaption></figure>`;
}

module.exports = { page, glance };
