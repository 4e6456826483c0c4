// code.js: how code and sessions look on a page.
'use strict';
const { escape, bare } = require('./page');

const words = (
    'auto break case char const continue default do double else enum ' +
    'extern float for goto if inline int long register return short signed ' +
    'sizeof static struct switch typedef union unsigned void volatile while ' +
    'size_t ssize_t atomic_int atomic_bool pthread_t pthread_mutex_t ' +
    'pthread_cond_t bool'
).split(' ');
const token = new RegExp(
    [
        '(/\\*[\\s\\S]*?(?:\\*/|$(?![\\s\\S]))|//.*)', // a remark
        '("(?:[^"\\\\\\n]|\\\\.)*"|\'(?:[^\'\\\\\\n]|\\\\.)*\')', // a string
        '(^[ \\t]*#[ \\t]*\\w+)', // of the preprocessor
        `\\b(${words.join('|')})\\b`,
    ].join('|'),
    'gm'
);
const names = ['', 'rem', 'str', 'pre', 'key'];

// The class of each character of a C text, '' for most.
function classes(text) {
    const out = new Array(text.length).fill('');
    for (const found of text.matchAll(token)) {
        const kind = names[found.findIndex((g, i) => i > 0 && g !== undefined)];
        out.fill(kind, found.index, found.index + found[0].length);
    }
    return out;
}

// Elements of our own, with short names: there are ten thousand of them.
const elements = { rem: 'c-r', str: 'c-s', pre: 'c-k', key: 'c-k' };

// HTML of a text whose characters have classes, and may be marked. What stands
// between two words of a class belongs to it if it is blank.
function paint(text, kinds, marks) {
    let html = '',
        tag = '',
        mark = false;
    const end = () => (tag ? `</${tag}>` : '') + (mark ? '</mark>' : '');
    for (let i = 0; i < text.length; i++) {
        const m = Boolean(marks && marks[i]);
        const t =
            text[i] === ' ' && m === mark ? tag : elements[kinds[i]] || '';
        if (t !== tag || m !== mark) {
            html += end() + (m ? '<mark>' : '') + (t ? `<${t}>` : '');
            [tag, mark] = [t, m];
        }
        html += escape(text[i]);
    }
    return html + end();
}

function c(text) {
    return paint(text, classes(text));
}

// The same for the lines of a diff: the sign stands before the code.
function diff(text) {
    return text
        .split('\n')
        .map(line => {
            const kind = { '+': 'ins', '-': 'del' }[line[0]];
            const html = line.slice(0, 1) + c(line.slice(1));
            return kind ? `<${kind}>${html}</${kind}>` : html;
        })
        .join('\n');
}

// A line of a session: whose terminal, and whether it is typed there.
function sessionLine(line) {
    const typed = /^([A-Z]?)([$>]) (.*)$/.exec(line);
    if (typed && typed[2] === '$')
        return (
            `<b class="who ${typed[1]}">${typed[1]}$</b> ` +
            `<kbd class="command">${escape(typed[3])}</kbd>`
        );
    if (typed)
        return (
            `<b class="who ${typed[1]}">${typed[1]}&gt;</b> ` +
            `<kbd>${escape(typed[3])}</kbd>`
        );
    const seen = /^([A-Z]) ( .*)$/.exec(line);
    if (seen)
        return `<b class="who ${seen[1]}">${seen[1]}</b> ${escape(seen[2])}`;
    if (/^#/.test(line)) return `<span class="rem">${escape(line)}</span>`;
    return escape(line);
}

// Commands of a shell: each line can be copied, but for what goes on in the
// next.
function shellLine(line) {
    if (!line.trim() || line.startsWith('#'))
        return `<span class="rem">${escape(line)}</span>`;
    return `<kbd class="command">${escape(line)}</kbd>`;
}

const ways = {
    c,
    diff,
    console: text => text.split('\n').map(sessionLine).join('\n'),
    sh: text =>
        text.includes('\\\n')
            ? `<kbd class="command">${escape(text)}</kbd>`
            : text.split('\n').map(shellLine).join('\n'),
};

// Every block of code in a page of pandoc's.
function blocks(html) {
    return html.replace(
        /<pre(?: class="([^"]*)")?><code>([\s\S]*?)<\/code><\/pre>/g,
        (_, name, inside) => {
            const text = bare(inside).replace(/\n$/, '');
            const way = ways[name];
            return (
                `<pre class="${name || 'text'}"><code>` +
                (way ? way(text) : escape(text)) +
                '</code></pre>'
            );
        }
    );
}

module.exports = { classes, paint, c, blocks };
