// search.js: the index of the search, made at build time by lunr: a script that
// a page loads when somebody searches.
'use strict';
const zlib = require('zlib');
const lunr = require('lunr');
const { bare } = require('./page');

// A page in its sections: [link, heading, page, text].
function sections(page) {
    const out = [];
    const pieces = page.body.split(/(?=<h[123][ >])/);
    for (const piece of pieces) {
        const head =
            /^<h[123](?: id="([^"]*)")?[^>]*>([\s\S]*?)<\/h[123]>/.exec(piece);
        const text = bare(
            piece
                .replace(/<h[123][\s\S]*?<\/h[123]>/, '')
                .replace(/<(?:script|button)[\s\S]*?<\/(?:script|button)>/g, '')
                .replace(/<\/(p|li|td|pre|summary)>/g, ' ')
        )
            .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|127\.0\.0\.1:\d+/g, '')
            .replace(/\s+/g, ' ')
            .trim();
        if (head && (text || head[2]))
            out.push([
                page.name +
                    (head[1] && !piece.startsWith('<h1') ? '#' + head[1] : ''),
                bare(head[2]),
                page.title,
                text,
            ]);
    }
    return out;
}

function script(pages) {
    const found = pages.flatMap(sections);
    const index = lunr(function () {
        this.ref('n');
        this.field('heading', { boost: 8 });
        this.field('page', { boost: 3 });
        this.field('text');
        // v5_locks is found by "locks", too.
        found.forEach(([, heading, page, text], n) =>
            this.add({
                n,
                heading: heading + ' ' + heading.replace(/_/g, ' '),
                page: page + ' ' + page.replace(/_/g, ' '),
                text,
            })
        );
    });
    const packed = zlib.deflateSync(JSON.stringify({ found, index }), {
        level: 9,
    });
    return `BOOK.packed = "${packed.toString('base64')}";\n`;
}

module.exports = { script };
