// Summaries of search results, with formulas as they are read and not as they are written.
"use strict";

const { htmlToText } = Search;
const texts = new Map(); // a page is found once for each of its headings, and is long

const readable = (html) => {
  const page = new DOMParser().parseFromString(html, "text/html");
  page.querySelectorAll(".math .eqno").forEach((number) => number.remove());
  for (const formula of page.querySelectorAll(".math")) {
    const source = formula.textContent.trim();
    formula.textContent = FORMULAS[source] ?? source;
  }
  return (page.querySelector('[role="main"]') ?? page.documentElement).outerHTML;
};

Search.htmlToText = (html, anchor) => {
  if (!texts.has(html)) texts.set(html, readable(html));
  return htmlToText(texts.get(html), anchor).replace(/\s+/g, " ");
};
