import tailwindcss from '@tailwindcss/vite';
import { defineConfig, type Plugin } from 'vite';

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
  plugins: [tailwindcss(), woff2Only],
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
