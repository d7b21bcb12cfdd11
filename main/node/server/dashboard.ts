import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';

/** One file of a page. */
export interface PageFile {
  readonly body: Buffer;
  readonly type: string;
  readonly etag: string;
  /** Its name changes with its content. */
  readonly immutable: boolean;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

/** What a page of ours may load: itself and nothing else. Also the app's window uses it. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self' ws://127.0.0.1:* ws://localhost:*",
  "worker-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The built dashboard, read once; true when it answered. API paths never look like one of its files. */
export type Dashboard = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean;

/** @param folder as the build left it; one that is not there serves a page that says what to do */
export function dashboardIn(folder: string): Dashboard {
  const files = pageFilesIn(folder);
  return (incoming, outgoing) => {
    if (incoming.method !== 'GET' && incoming.method !== 'HEAD') return false;
    const path = (incoming.url ?? '').replace(/[?#].*$/, '');
    const file = files.get(path === '/' ? '/index.html' : path) ?? (path === '/' ? notBuilt : undefined);
    if (file === undefined) return false;
    outgoing.setHeader('content-security-policy', CONTENT_SECURITY_POLICY);
    outgoing.setHeader('referrer-policy', 'no-referrer');
    outgoing.setHeader('etag', file.etag);
    outgoing.setHeader('cache-control', file.immutable ? 'public, max-age=31536000, immutable' : 'no-cache');
    if (incoming.headers['if-none-match'] === file.etag) {
      outgoing.writeHead(304).end();
      return true;
    }
    outgoing.writeHead(200, { 'content-type': file.type, 'content-length': file.body.length });
    outgoing.end(incoming.method === 'HEAD' ? undefined : file.body);
    return true;
  };
}

/** By path, `/index.html` among them; empty when there is no such folder. */
export function pageFilesIn(folder: string): ReadonlyMap<string, PageFile> {
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch {
    return new Map();
  }
  return new Map(
    names.map((name) => {
      const path = `/${relative(folder, name).split(sep).join('/')}`;
      const type = types[extname(name)] ?? 'application/octet-stream';
      return [path, fileOf(readFileSync(name), type, path.startsWith('/assets/'))];
    }),
  );
}

function fileOf(body: Buffer, type: string, immutable: boolean): PageFile {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { body, type, etag, immutable };
}

const notBuilt = fileOf(
  Buffer.from(
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Skein</title>' +
      '<p>The dashboard is not built. Run <code>npm run setup</code> in the checkout, then start Skein again.</p></html>',
  ),
  'text/html; charset=utf-8',
  false,
);
