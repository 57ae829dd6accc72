// What the button of a statement, a figure or an exercise opens: a citation as text and as BibTeX,
// the permanent link, and a report of an error that is filled in. page.js fetches it when it is asked for.
"use strict";

(() => {
  const root = new URL(document.documentElement.dataset.content_root || "./", location.href);
  const { author, base, doi, repository, title, version, year } = window.CITATION;

  function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  // Name, label and address of what a button belongs to; a file has no address to cite.
  function line(place) {
    const number = place.querySelector(".caption-number").textContent;
    const name = number.replace(/\s+/g, " ").trim();
    const here = location.origin + location.pathname;
    const home = base || (location.protocol.startsWith("http") ? root.href : "");
    const url = home && `${home}${here.slice(root.href.length)}#${place.id}`;
    return { name, label: place.id, url };
  }

  function plain({ name, label, url }) {
    const address = [doi && `https://doi.org/${doi}`, url].filter(Boolean).join(", ");
    return `${author}. ${title}. Version ${version}, ${year}. ${name} (${label}).${address && ` ${address}`}`;
  }

  function bibtex({ name, label, url }) {
    const fields = {
      author: `{${author}}`, title, year, version, note: `${name} (${label})`, doi, url,
    };
    const rows = Object.entries(fields).filter(([, value]) => value);
    return `@misc{ntklib-${label},\n${rows.map(([key, value]) => `  ${key} = {${value}}`).join(",\n")}\n}`;
  }

  // What the reader's own cells below a line have printed, up to the next statement.
  function printed(place) {
    const found = [];
    for (const one of document.querySelectorAll("article :is(.admonition[id], .cell_output.own)")) {
      if (!(place.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING)) continue;
      if (one.matches(".admonition")) break;
      found.push(one.innerText.trim());
    }
    return found.join("\n").slice(0, 1500);
  }

  function report(place) {
    const { name, label, url } = line(place);
    const own = printed(place);
    const body = [
      `${name} (\`${label}\`), version ${version}`, url, "", "What it says:", "", "What is right, and why:", "",
      ...(own ? ["What my own cells printed:", "```", own, "```"] : []),
    ].join("\n");
    return `${repository}/issues/new?${new URLSearchParams({ title: `${name} (${label}): `, body })}`;
  }

  // A text with a button that copies it; where a browser does not let it, the text is selected.
  function copied(kind, box, text) {
    const button = element("button", { type: "button", textContent: `Copy ${kind}` });
    const told = element("span", { className: "told" });
    told.setAttribute("role", "status");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
        told.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(box);
        told.textContent = "Selected, to be copied by hand";
      }
    });
    return element("div", { className: "cite-part" }, box, element("p", {}, button, " ", told));
  }

  function panel(place) {
    const found = line(place);
    const entry = element("pre", { tabIndex: 0, textContent: bibtex(found) });
    entry.setAttribute("role", "group");
    entry.setAttribute("aria-label", "BibTeX");
    const box = element(
      "div", { className: "cite-panel" },
      copied("text", element("p", { textContent: plain(found) }), plain(found)),
      copied("BibTeX", entry, bibtex(found)),
    );
    if (found.url) {
      const permanent = element("a", { href: found.url, textContent: found.url });
      box.append(copied("link", element("p", {}, permanent), found.url));
    }
    if (repository) {
      const error = element("a", { href: report(place), rel: "external noopener", textContent: "Report an error in this line" });
      error.addEventListener("click", () => (error.href = report(place)));
      box.append(element("p", {}, error));
    }
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", `How to cite ${found.name}`);
    return box;
  }

  window.cite = (button) => {
    const place = button.closest("figure[id], .admonition[id]");
    const open = place.querySelector(":scope .cite-panel");
    if (open) open.remove();
    else button.parentElement.after(panel(place));
    button.setAttribute("aria-expanded", String(!open));
  };
})();
