// chapters.js: the texts of the kit as pages. It begins with NOTES.md, the
// chapters in notes/ and README.md, and goes on to every file that one of them
// links to, so that no link is dead.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawn } = require('child_process');
const kit = require('./kit');
const code = require('./code');
const { escape, bare } = require('./page');

// pandoc's reader for GitHub's Markdown names the headings as GitHub does.
function pandoc(markdown) {
    return new Promise((resolve, reject) => {
        const child = spawn(
            'pandoc',
            ['-f', 'gfm', '-t', 'html5', '--wrap=none', '--no-highlight'],
            { stdio: ['pipe', 'pipe', 'inherit'] }
        );
        let out = '';
        child.stdout.setEncoding('utf8').on('data', d => {
            out += d;
        });
        child
            .on('error', reject)
            .on('close', status =>
                status === 0 ? resolve(out) : reject(new Error('pandoc fails'))
            );
        child.stdin.end(markdown);
    });
}

function nameOf(file) {
    if (file === 'NOTES.md') return 'index.html';
    if (file.startsWith('notes/') && !file.slice(6).includes('/'))
        return path.basename(file, '.md') + '.html';
    return (
        'file-' + file.replace(/\.md$/, '').replace(/[^\w.-]/g, '-') + '.html'
    );
}

// The chapters in the order in which NOTES.md links them.
function inOrder() {
    const linked = [
        ...kit.read('NOTES.md').matchAll(/\]\((notes\/[\w.-]+\.md)/g),
    ].map(m => m[1]);
    const there = fs
        .readdirSync(path.join(kit.root, 'notes'))
        .sort()
        .filter(f => f.endsWith('.md'))
        .map(f => 'notes/' + f);
    return [...new Set(linked)]
        .filter(kit.has)
        .concat(there.filter(f => !linked.includes(f)));
}

// What a link to a folder means: the text in it, or its program.
function inFolder(file) {
    if (!fs.statSync(path.join(kit.root, file)).isDirectory()) return file;
    const within = fs.readdirSync(path.join(kit.root, file)).sort();
    const first =
        ['README.md', 'server.c'].find(f => within.includes(f)) ||
        within.find(f => /\.(c|h|patch|md)$/.test(f)) ||
        within[0];
    return inFolder(path.posix.join(file, first));
}

// Rewrites the links of a page; what they lead to is added to `wanted`.
function relink(html, file, wanted, images) {
    return html.replace(/\b(href|src)="([^"]*)"/g, (whole, attribute, link) => {
        if (/^(\w+:|#)/.test(link)) return whole;
        const [where, anchor] = link.split('#');
        const to = path.posix.normalize(
            path.posix.join(path.posix.dirname(file), decodeURI(where))
        );
        if (to.startsWith('..') || !kit.has(to))
            throw new Error(`${file} links to ${link}, which is not there`);
        if (/\.(svg|png|jpg|gif)$/.test(to)) {
            images.add(to);
            return `${attribute}="images/${to.replace(/\//g, '-')}"`;
        }
        const target = inFolder(to);
        wanted.add(target);
        return `${attribute}="${nameOf(target)}${anchor ? '#' + anchor : ''}"`;
    });
}

// A file that is no text in Markdown is shown as it stands, with its lines
// numbered by the style sheet.
function listing(file) {
    const text = kit.read(file).replace(/\n$/, '');
    const painted = /\.[ch]$/.test(file) ? code.c(text) : escape(text);
    return (
        `<h1>${escape(file)}</h1>\n<pre class="listing"><code>` +
        painted +
        '</code></pre>\n'
    );
}

// Wide tables can be scrolled by themselves. The book has its own previous and
// next.
function tidy(html) {
    return html
        .replace(/<!--[\s\S]*?-->/g, '')
        .replace(
            /<p>(?:(?!<\/p>)[\s\S])*>All chapters<(?:(?!<\/p>)[\s\S])*<\/p>/,
            ''
        )
        .replace(/<table>/g, '<div class="wide"><table>')
        .replace(/<\/table>/g, '</table></div>')
        .replace(/<th>\s*<\/th>/g, '<td></td>');
}

async function page(file, wanted, images) {
    if (!file.endsWith('.md'))
        return { file, name: nameOf(file), title: file, html: listing(file) };
    const html = tidy(
        code.blocks(relink(await pandoc(kit.read(file)), file, wanted, images))
    );
    const title = bare(
        (/<h1[^>]*>([\s\S]*?)<\/h1>/.exec(html) || [])[1] || file
    );
    return { file, name: nameOf(file), title, html };
}

// All pages, and the pictures in them.
async function all() {
    const pages = new Map(),
        images = new Set();
    let next = ['NOTES.md', ...inOrder(), 'README.md'];
    const chapters = next.slice();
    next = next.concat([...kit.lessons.keys()].map(kit.program));
    while (next.length) {
        const wanted = new Set();
        const made = await Promise.all(next.map(f => page(f, wanted, images)));
        made.forEach(p => pages.set(p.file, p));
        next = [...wanted].filter(f => !pages.has(f));
    }
    return { pages, chapters, images };
}

// The parts of a page: its headings of the second level.
function parts(html) {
    return [...html.matchAll(/<h2 id="([^"]*)"[^>]*>([\s\S]*?)<\/h2>/g)].map(
        m => [m[1], m[2].replace(/<a [^>]*>|<\/a>/g, '')]
    );
}

module.exports = { all, parts, nameOf };
