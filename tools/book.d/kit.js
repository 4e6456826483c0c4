// kit.js: what the book knows of the kit: its rungs, the matrix, the hints, and
// the mistakes in tests/mutants. All of it is read from the files that the
// tests themselves use.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');

const root = process.cwd();

function read(file) {
    return fs.readFileSync(path.join(root, file), 'utf8');
}

function has(file) {
    return fs.existsSync(path.join(root, file));
}

// Lines of a table, cut at the tabs; remarks are left out.
function table(file) {
    return read(file)
        .split('\n')
        .filter(l => l && !l.startsWith('#'))
        .map(l => l.split('\t'));
}

function ladder(words) {
    return execFileSync('bash', ['-c', `. tools/ladder.bash && ${words}`], {
        cwd: root,
        encoding: 'utf8',
    });
}

const columns = read('tests/matrix.tsv').split('\n')[0].split('\t').slice(2);

const rows = table('tests/matrix.tsv').map(cells => ({
    title: cells[0],
    points: Number(cells[1]),
    cells: Object.fromEntries(columns.map((c, i) => [c, cells[i + 2]])),
}));

// "BEFORE RUNG" a line: the steps of the ladder.
const steps = ladder('pairs')
    .trim()
    .split('\n')
    .map(line => {
        const [from, to] = line.split(' ');
        return { from, to, name: `${from}-${to}` };
    });

const questions = new Map(table('tests/hints.tsv').map(c => [c[0], c[1]]));

const classes = new Map(
    table('tests/verdict/classes.tsv').map(c => [c[0], c[2] || c[1]])
);

// What the table of NOTES.md says of a rung: what it adds, and its flaw.
const lessons = new Map(
    read('NOTES.md')
        .split('\n')
        .filter(l => /^\| \[\w+\]\(/.test(l))
        .map(l => l.split(/(?<!\\)\|/).map(c => c.trim()))
        .map(c => [/\[(\w+)\]/.exec(c[1])[1], { adds: c[2], still: c[3] }])
);

// A rung's program; of the framework, what a server includes.
function program(rung) {
    return [`${rung}/server.c`, `${rung}/${rung}.h`, `${rung}/${rung}.c`].find(
        has
    );
}

function short(rung) {
    const found = /^(v\d+)_/.exec(rung);
    return found ? found[1] : rung.replace('makefile_', '');
}

// The rows that a step turns, as [row, what it was, what it is].
function turns(step) {
    return rows
        .filter(r => r.cells[step.from] !== r.cells[step.to])
        .map(r => [r, r.cells[step.from], r.cells[step.to]]);
}

function cell(value) {
    if (value === 'y') return 'holds';
    if (value === '-') return 'not asked';
    return 'fails: ' + (classes.get(value.slice(2)) || value.slice(2));
}

// The hunks of a patch: what it expects, where, and its lines with their signs.
function hunksOf(patch) {
    return patch
        .split(/^(?=@@ )/m)
        .filter(h => h.startsWith('@@ '))
        .map(h => {
            const lines = h
                .split('\n')
                .slice(1)
                .filter(l => /^[-+ ]/.test(l));
            return {
                at: Number(/^@@ -(\d+)/.exec(h)[1]),
                lines,
                old: lines.filter(l => l[0] !== '+').map(l => l.slice(1)),
            };
        });
}

// Where a hunk stands in a program that has changed since: as near as can be to
// where it says, or 0. As patch does, it does without the outer lines if it
// must.
function placeOf(hunk, program) {
    for (let less = 0; less < 3; less++) {
        const run = hunk.old.slice(less, hunk.old.length - less);
        const places = program
            .map((_, i) => i + 1)
            .filter(n => run.every((l, i) => program[n - 1 + i] === l))
            .sort(
                (a, b) =>
                    Math.abs(a - hunk.at - less) - Math.abs(b - hunk.at - less)
            );
        if (run.length && places.length) return places[0] - less;
    }
    return 0;
}

// The lines of a program that a patch changes: those that it removes, and the
// ones between which it adds.
function touched(patch, program) {
    const lines = new Set();
    for (const hunk of hunksOf(patch)) {
        let number = placeOf(hunk, program);
        if (!number) continue;
        hunk.lines.forEach((line, i) => {
            if (line[0] === '-') lines.add(number++);
            else if (line[0] === ' ') number++;
            else if ((hunk.lines[i - 1] || ' ')[0] === ' ')
                lines.add(number - 1);
        });
    }
    return lines;
}

// The mistakes of a rung: each changes some lines of its program, and a row is
// known to notice (make mutants measures that).
function mutants(rung) {
    const program = read(`${rung}/server.c`).split('\n');
    return fs
        .readdirSync(path.join(root, 'tests/mutants'))
        .sort()
        .filter(f => f.startsWith(rung + '-') && f.endsWith('.patch'))
        .map(f => {
            const text = read('tests/mutants/' + f);
            const killer = /^Killed-by: (.*)$/m.exec(text);
            return {
                what: text.split('\nKilled-by')[0].replace(/\n/g, ' '),
                row: killer && killer[1],
                lines: touched(text, program),
            };
        });
}

module.exports = {
    root,
    read,
    has,
    table,
    columns,
    rows,
    steps,
    questions,
    classes,
    lessons,
    program,
    short,
    turns,
    cell,
    mutants,
    ladder,
};
