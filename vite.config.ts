import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vite';

/** The dashboard: one page for the node's server and for the app's window, so every address in it is relative. */
export default defineConfig({
  root: 'renderer',
  base: './',
  publicDir: false,
  cacheDir: '../.cache/vite-dashboard',
  plugins: [tailwindcss()],
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
