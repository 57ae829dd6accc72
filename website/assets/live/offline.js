// Answers from the kept copy of the book where the network does not. Registered by keep.js alone.
"use strict";

const KEPT = "kernels-book";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const address = new URL(request.url);
  if (request.method !== "GET" || address.origin !== location.origin) return;
  event.respondWith(
    fetch(request).catch(async (error) => {
      address.search = address.hash = "";
      if (address.pathname.endsWith("/")) address.pathname += "index.html";
      const cache = await caches.open(KEPT);
      const found = await cache.match(address);
      if (found) return found;
      throw error;
    })
  );
});
