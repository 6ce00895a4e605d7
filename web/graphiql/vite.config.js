import { readFileSync } from 'node:fs';

import { defineConfig } from 'vite';

export default defineConfig({
  base: '/graphiql/',
  plugins: [woff2Only(), notices()],
  build: {
    assetsInlineLimit: 0, // the page's policy allows fonts from files alone
    chunkSizeWarningLimit: 3000, // kB: the editor is one chunk
    license: { fileName: 'LICENSES.md' },
    modulePreload: { polyfill: false },
    target: 'es2022',
    rolldownOptions: { onLog: withoutDirectiveNotes },
  },
});

/** Every browser that runs GraphiQL reads woff2: the older copy of each font stays out. */
function woff2Only() {
  return {
    name: 'woff2-only',
    enforce: 'pre',
    transform: (css, id) =>
      id.includes('/@fontsource/') ? css.replace(/, url\([^)]+\.woff\) format\('woff'\)/g, '') : null,
  };
}

/** "use client" marks mean nothing in a page without server components; hundreds of notes would hide a real warning. */
function withoutDirectiveNotes(level, log, report) {
  if (log.code !== 'MODULE_LEVEL_DIRECTIVE') {
    report(level, log);
  }
}

/** What Vite's licence list cannot see: the one package that only a worker bundles, and what the editor embeds itself. */
function notices() {
  const files = ['picomatch-browser/LICENSE', 'monaco-editor/ThirdPartyNotices.txt'];
  const read = (file) => readFileSync(new URL(`node_modules/${file}`, import.meta.url), 'utf-8').trim();
  return {
    name: 'notices',
    generateBundle() {
      const source = files.map((file) => `${file}\n\n${read(file)}\n`).join('\n\n');
      this.emitFile({ type: 'asset', fileName: 'NOTICES.txt', source });
    },
  };
}
