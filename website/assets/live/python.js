// The page's side of the thread that runs Python.

const HERE = new URL(".", import.meta.url);
const SITE = new URL("../../", HERE);
// As the list of what each page needs names it.
const PAGE = decodeURI(location.pathname).slice(SITE.pathname.length).replace(/\.html$/, "");

export class Python {
  // `hear` is told what the thread says by itself: progress, starting, output, again.
  constructor(hear) {
    const address = JSON.stringify(String(new URL("worker.js", HERE)));
    const source = new Blob([`importScripts(${address});`], { type: "text/javascript" });
    const blob = URL.createObjectURL(source);
    this.waiting = new Map();
    this.asked = 0;
    this.worker = new Worker(blob);
    this.worker.onmessage = ({ data }) => {
      if (data.say !== "answer") return hear(data);
      const { done, failed } = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (data.error === undefined) done(data.value);
      else failed(new Error(data.error));
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.end(new Error(event.message || "the thread could not start"));
    };
    this.ready = this.ask("load", { live: String(new URL("live/", SITE)), page: PAGE }).finally(() => URL.revokeObjectURL(blob));
  }

  // A promise of the answer; refused when the thread is ended first.
  ask(what, more = {}) {
    const id = this.asked++;
    this.worker.postMessage({ ...more, ask: what, id });
    return new Promise((done, failed) => this.waiting.set(id, { done, failed }));
  }

  get idle() {
    return this.waiting.size === 0;
  }

  // The only way to stop code that does not return; its variables end with it.
  end(reason) {
    this.worker.terminate();
    for (const { failed } of this.waiting.values()) failed(reason);
    this.waiting.clear();
  }
}

export class Stopped extends Error {}
