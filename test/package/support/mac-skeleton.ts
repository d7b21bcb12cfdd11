import { FuseState, FuseV1Options, FuseVersion } from '@electron/fuses';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** How a binary for Macs begins: 64 bits, little-endian, then the processor (mach-o/loader.h, mach/machine.h). */
const MACH_O_64 = 0xfeed_facf;
const ARM64 = 0x0100_000c;

/** A file that says it is for Apple silicon; nothing runs it. */
export function machO(content = ''): Buffer {
  const header = Buffer.alloc(32);
  header.writeUInt32LE(MACH_O_64, 0);
  header.writeUInt32LE(ARM64, 4);
  return Buffer.concat([header, Buffer.from(content, 'latin1')]);
}

export const isForAppleSilicon = (file: Buffer): boolean =>
  file.length >= 8 && file.readUInt32LE(0) === MACH_O_64 && file.readUInt32LE(4) === ARM64;

/** What packagers look for in Electron's binary to set its fuses. */
const SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX';

function fuses(): string {
  const count = Object.values(FuseV1Options).filter((each) => typeof each === 'number').length;
  const version = String.fromCharCode(Number(FuseVersion.V1));
  return `${SENTINEL}${version}${String.fromCharCode(count)}${String.fromCharCode(FuseState.ENABLE).repeat(count)}`;
}

export function write(file: string, content: string | Buffer): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

const plist = (name: string): string => `<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>CFBundleIconFile</key><string>electron.icns</string>
<key>CFBundleExecutable</key><string>${name}</string>
<key>CFBundleIdentifier</key><string>com.github.Electron</string>
<key>CFBundleName</key><string>${name}</string>
<key>CFBundlePackageType</key><string>APPL</string>
<key>NSPrincipalClass</key><string>AtomApplication</string>
</dict></plist>
`;

/** What a packager meets in an Electron for Macs: its folders, links, names and fuses, without a program in them. */
export function writeMacSkeleton(folder: string): void {
  const contents = join(folder, 'Electron.app', 'Contents');
  const app = (name: string, where: string): void => {
    write(join(where, 'Info.plist'), plist(name));
    write(join(where, 'MacOS', name), machO());
  };
  app('Electron', contents);
  for (const kind of ['', ' (GPU)', ' (Plugin)', ' (Renderer)']) {
    const name = `Electron Helper${kind}`;
    app(name, join(contents, 'Frameworks', `${name}.app`, 'Contents'));
  }
  const framework = join(contents, 'Frameworks', 'Electron Framework.framework');
  write(join(framework, 'Versions', 'A', 'Electron Framework'), machO(fuses()));
  for (const language of ['en', 'de', 'ja']) {
    write(join(framework, 'Versions', 'A', 'Resources', `${language}.lproj`, 'locale.pak'), language);
    write(join(contents, 'Resources', `${language}.lproj`, 'InfoPlist.strings'), '');
  }
  symlinkSync('A', join(framework, 'Versions', 'Current'));
  for (const name of ['Electron Framework', 'Resources']) {
    symlinkSync(join('Versions', 'Current', name), join(framework, name));
  }
  write(join(contents, 'Resources', 'electron.icns'), '');
  for (const name of ['LICENSE', 'LICENSES.chromium.html']) write(join(folder, name), name);
  write(join(folder, 'version'), '45.5.0');
}

// Node has no writer of archives.
const ZIP = `
import os, sys, zipfile
folder, archive = sys.argv[1:]
with zipfile.ZipFile(archive, 'w') as out:
    for at, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(at, name)
            inside = os.path.relpath(path, folder)
            if os.path.islink(path):
                link = zipfile.ZipInfo(inside)
                link.create_system = 3
                link.external_attr = 0o120777 << 16
                out.writestr(link, os.readlink(path))
            elif os.path.isfile(path):
                out.write(path, inside)
`;

/** Links stay links, as in the archives that Electron comes in. */
export function zip(folder: string, archive: string): void {
  execFileSync('python3', ['-c', ZIP, folder, archive]);
}
