// lecture.js: what a chapter says of the lines of a step. The excerpts under
// "The lines that matter" are cut out of the difference, so it is known where
// each of them stands in the program.
'use strict';
const { bare } = require('./page');

// The HTML of a part of a chapter, from its heading to the next.
function part(html, id) {
    const start = html.indexOf(`<h2 id="${id}"`);
    if (start < 0) return '';
    const end = html.indexOf('<h2 ', start + 4);
    return html.slice(
        html.indexOf('</h2>', start) + 5,
        end < 0 ? undefined : end
    );
}

// A paragraph that ends with a colon speaks of what follows it.
function handOver(prose) {
    const last = prose.lastIndexOf('<p>');
    return last >= 0 && /:\s*<\/p>\s*$/.test(prose)
        ? [prose.slice(0, last), prose.slice(last)]
        : [prose, ''];
}

// The excerpts, each with its lines and the prose that belongs to it. They get
// names, so that a step can lead to them: the chapter's HTML is returned, too.
function excerpts(html) {
    const text = part(html, 'the-lines-that-matter');
    const found = [];
    let number = 0;
    const named = text.replace(
        /<pre class="(c|diff)">/g,
        (_, kind) => `<pre class="${kind}" id="lines-${++number}">`
    );
    let before = '';
    const pieces = named.split(
        /(<pre class="(?:c|diff)" id="lines-\d+">[\s\S]*?<\/pre>)/
    );
    pieces.forEach((piece, i) => {
        if (i % 2 === 0) {
            const [own, next] = handOver(piece);
            if (found.length) found[found.length - 1].prose += own;
            before = found.length ? next : piece;
            return;
        }
        found.push({
            id: /id="(lines-\d+)"/.exec(piece)[1],
            kind: /class="(\w+)"/.exec(piece)[1],
            lines: bare(piece).split('\n'),
            prose: before,
        });
    });
    return { html: text ? html.replace(text, () => named) : html, found };
}

// Where a run of lines stands in a file: the number of its first line, or 0.
function find(run, lines) {
    const same = (a, b) => a.trim() === b.trim();
    for (let at = 0; at + run.length <= lines.length; at++)
        if (run.every((line, i) => same(line, lines[at + i]))) return at + 1;
    return 0;
}

// Three dots stand for lines that are left out.
function runs(lines) {
    const out = [[]];
    for (const line of lines)
        if (/^[ +-]?\s*\.\.\.\s*$/.test(line)) out.push([]);
        else out[out.length - 1].push(line);
    return out.filter(run => run.length);
}

// The numbers of the lines of a file that an excerpt shows; SIGN is the one
// that the other side of a difference has.
function shown(excerpt, lines, sign) {
    const numbers = new Set();
    for (const run of runs(excerpt.lines)) {
        const own =
            excerpt.kind === 'c'
                ? run
                : run.filter(l => l[0] !== sign).map(l => l.slice(1));
        const at = own.some(l => l.trim()) ? find(own, lines) : 0;
        for (let i = 0; at && i < own.length; i++) numbers.add(at + i);
    }
    return numbers;
}

// The paragraphs of a chapter, with the part that each stands in, but for the
// questions: their answers speak of programs that were changed.
function paragraphs(html) {
    const out = [];
    let heading = '',
        id = '';
    const asked = html.indexOf('<h2 id="questions"');
    const text = asked < 0 ? html : html.slice(0, asked);
    for (const m of text.matchAll(
        /<h2 id="([^"]*)"[^>]*>([\s\S]*?)<\/h2>|<p>([\s\S]*?)<\/p>/g
    ))
        if (m[1] !== undefined) [id, heading] = [m[1], bare(m[2])];
        else out.push({ html: m[3], heading, id, whole: m[0] });
    return out;
}

function namesIn(text) {
    return text.match(/[A-Za-z_]\w{2,}/g) || [];
}

// The names in the code spans of a sentence.
function spoken(sentence) {
    return new Set(
        [...sentence.matchAll(/<code>([\s\S]*?)<\/code>/g)]
            .map(m => bare(m[1]))
            .filter(c => !/^(make|redis-cli|nc) /.test(c))
            .flatMap(namesIn)
    );
}

function sentences(html) {
    return paragraphs(html)
        .filter(p => p.id && !/python|try-this/.test(p.id))
        .flatMap(p =>
            p.html
                .split(/(?<=[.:?!])\s+(?=[A-Z<(])/)
                .filter(s => bare(s).length > 45)
                .map(s => ({ sentence: s, of: p, names: spoken(s) }))
        );
}

// The sentence that says most of a hunk: it speaks of the names that the hunk's
// lines have. A name that stands everywhere says little, and a sentence that
// only leads over to something else is the second choice. What is said already,
// beside an excerpt, is not said again, and what is said of another program is
// not meant.
function sentence(html, names, already, rung) {
    const said = sentences(html).filter(s =>
        (bare(s.sentence).match(/\bv\d+\b|\w+\.c\b/g) || []).every(
            v => v === rung
        )
    );
    const count = new Map();
    said.forEach(s =>
        s.names.forEach(n => count.set(n, (count.get(n) || 0) + 1))
    );
    let best = null,
        most = 0.3;
    for (const s of said.filter(one => !already.includes(one.sentence))) {
        let score = 0;
        s.names.forEach(n => {
            score += names.has(n) ? 1 / count.get(n) : 0;
        });
        score *= /:$/.test(bare(s.sentence)) ? 0.5 : 1;
        if (score > most) [best, most] = [s, score];
    }
    return best;
}

module.exports = { part, excerpts, shown, sentence, namesIn };
