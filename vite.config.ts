import tailwindcss from '@tailwindcss/vite';
import { writeFileSync } from 'node:fs';
import { defineConfig, type Plugin } from 'vite';

/** The packages whose code is in the page, for the notices and the bill of materials of the app. */
const notePackages: Plugin = {
  name: 'note-packages',
  writeBundle(_options, bundle) {
    const modules = Object.values(bundle).flatMap((each) =>
      each.type === 'chunk' ? Object.keys(each.modules) : [],
    );
    const names = modules.flatMap((id) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1] ?? []);
    writeFileSync('.cache/dashboard-packages.json', JSON.stringify([...new Set(names)].sort()));
  },
};

/** KaTeX brings each font in three formats; what shows this page knows the smallest. */
const woff2Only: Plugin = {
  name: 'woff2-only',
  enforce: 'pre',
  transform: {
    filter: { id: /\/katex(\.min)?\.css$/ },
    handler: (css) => ({
      code: css.replace(/,\s*url\([^)]+\)\s*format\("(?:woff|truetype)"\)/g, ''),
      map: null,
    }),
  },
};

/** The dashboard: one page for the node's server and for the app's window, so every address in it is relative. */
export default defineConfig({
  root: 'renderer',
  base: './',
  publicDir: false,
  cacheDir: '../.cache/vite-dashboard',
  plugins: [tailwindcss(), woff2Only, notePackages],
  build: {
    outDir: '../.cache/dashboard',
    emptyOutDir: true,
    target: ['chrome130', 'safari17'],
    reportCompressedSize: false,
    // Fonts inlined as `data:` are refused by the page's own rules of what it may load.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1_000,
  },
});
