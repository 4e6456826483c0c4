// page.js: a page of the book: the template, the way through at the left, and
// what a page's HTML is made of.
'use strict';
const fs = require('fs');
const path = require('path');

const template = fs.readFileSync(path.join(__dirname, 'template.html'), 'utf8');

function escape(text) {
    return String(text).replace(/[&<>"']/g, c => ({ '&': '&amp;', '<': '&lt;',
        '>': '&gt;', '"': '&quot;', "'": '&#39;' })[c]);
}

// `words` in backticks are code, as in the tables of the notes.
function inline(text) {
    return escape(text).replace(/`([^`]*)`/g, '<code>$1</code>')
        .replace(/\*([^*]*)\*/g, '<em>$1</em>');
}

// The HTML of each of a list.
function each(list, html, between = '') {
    return list.map(html).join(between);
}

// HTML that is there only if something holds.
function when(holds, html) {
    return holds ? html() : '';
}

function bare(html) {
    return html.replace(/<[^>]*>/g, '').replace(/&lt;/g, '<')
        .replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&#39;/g, "'")
        .replace(/&amp;/g, '&');
}

// The way through, with the parts of the page that is being read.
function way(groups, current, parts) {
    const part = ([id, words]) => `<li><a href="#${id}">${words}</a></li>`;
    const inside = when(parts.length, () =>
        `<ol class="parts">${each(parts, part)}</ol>`);
    const item = ([href, title]) => href === current
        ? `<li><a href="${href}" aria-current="page">${escape(title)}</a>
${inside}</li>`
        : `<li><a href="${href}">${escape(title)}</a></li>`;
    const list = items => `<ul>${each(items, item, '\n')}</ul>`;
    const open = /^step-/.test(current) ? ' open' : '';
    return each(groups, ([heading, items]) => heading === 'The steps'
        ? `<details${open}><summary>${heading}</summary>
${list(items)}</details>`
        : `<h2>${heading}</h2>\n${list(items)}`, '\n');
}

// Previous and next.
function around(previous, next) {
    const link = (to, rel, sign) => to ? `<a rel="${rel}" href="${to[0]}">
<span>${sign}</span> ${escape(to[1])}</a>` : '<span></span>';
    return `<nav class="around" aria-label="Previous and next">`
        + link(previous, 'prev', 'Previous') + link(next, 'next', 'Next')
        + '</nav>';
}

function fill(values) {
    return template.replace(/\{\{(\w+)\}\}/g, (_, name) => values[name] || '');
}

module.exports = { escape, inline, each, when, bare, way, around, fill };
