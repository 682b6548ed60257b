import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

/** Puts a compressed twin beside every text file, so that the server only picks one. */
function compressed(): Plugin {
  let folder = "";
  return {
    name: "compressed",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    closeBundle() {
      for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
        if (!/\.(js|css|html|svg)$/.test(name)) continue;
        const file = join(folder, name);
        const bytes = readFileSync(file);
        const params = {
          [constants.BROTLI_PARAM_QUALITY]: 11,
          [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
        };
        writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params }));
        writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  // Relative, so that the pages work under any path prefix of a reverse proxy.
  base: "./",
  plugins: [compressed()],
  resolve: {
    alias: {
      "@": new URL("./src", import.meta.url).pathname,
      // What is written for React runs on Preact, which is a tenth of its size.
      "react/jsx-runtime": "preact/jsx-runtime",
      "react/jsx-dev-runtime": "preact/jsx-dev-runtime",
      "react-dom/client": "preact/compat/client",
      "react-dom": "preact/compat",
      react: "preact/compat",
    },
  },
  build: {
    outDir: process.env.WELLHEAD_PAGES ?? new URL("../src/wellhead/control/pages", import.meta.url).pathname,
    emptyOutDir: true,
    target: "es2022",
    // What is inlined as `data:` would need a wider Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: {
    port: 5173,
    proxy: Object.fromEntries(
      ["/admin", "/ready", "/health", "/metrics", "/openapi.json"].map((path) => [
        path,
        { target: process.env.WELLHEAD_CONTROL ?? "http://127.0.0.1:8081", headers: { origin: "" } },
      ]),
    ),
  },
});
