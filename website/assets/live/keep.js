// Keeps the whole book, Python with it, on the reader's device; or removes it again.

const SITE = new URL("../../", import.meta.url);
const KEPT = "kernels-book";
// Kept last: where it is there, all the rest is.
const LIST = new URL("live/book.json", SITE);

export const possible = () => "serviceWorker" in navigator && "caches" in self;

export async function kept() {
  if (!possible() || !(await caches.has(KEPT))) return false;
  return Boolean(await (await caches.open(KEPT)).match(LIST));
}

async function list() {
  const answer = await fetch(LIST, { cache: "no-cache" });
  if (!answer.ok) throw new Error(`the list of files answers ${answer.status}`);
  return answer.json();
}

// Bytes of all of it.
export const size = async () => (await list()).total;

// `tell(got, total)` hears how far it is; `signal` ends it. Nothing is left of what did not end.
export async function keep(tell, signal) {
  const { files, total } = await list();
  try {
    const cache = await caches.open(KEPT);
    let got = 0;
    const waiting = [...files];
    const fetchSome = async () => {
      for (let next; (next = waiting.pop()); ) {
        const address = new URL(next.path, SITE);
        const answer = await fetch(address, { signal });
        if (!answer.ok) throw new Error(`${next.path} answers ${answer.status}`);
        await cache.put(address, answer);
        tell((got += next.bytes), total);
      }
    };
    await Promise.all(Array.from({ length: 6 }, fetchSome));
    await navigator.serviceWorker.register(new URL("offline.js", SITE));
    await navigator.serviceWorker.ready;
    await cache.put(LIST, new Response(JSON.stringify({ files, total })));
  } catch (error) {
    await remove();
    throw error;
  }
  navigator.storage?.persist?.();
  return total;
}

export async function remove() {
  await caches.delete(KEPT);
  const registered = await navigator.serviceWorker.getRegistration(SITE);
  await registered?.unregister();
}
