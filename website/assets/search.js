// Summaries of search results, with formulas as they are read and not as they are written.
"use strict";

const { htmlToText } = Search;
Search.htmlToText = (html, anchor) => {
  const page = new DOMParser().parseFromString(html, "text/html");
  page.querySelectorAll(".math .eqno").forEach((number) => number.remove());
  for (const formula of page.querySelectorAll(".math")) {
    const source = formula.textContent.trim();
    formula.textContent = FORMULAS[source] ?? source;
  }
  return htmlToText(page.documentElement.outerHTML, anchor).replace(/\s+/g, " ");
};
