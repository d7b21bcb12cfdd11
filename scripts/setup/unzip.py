"""Unpacks members of a wheel: unzip.py WHEEL FOLDER PREFIX... (only members under one of the prefixes)."""

import os
import sys
import zipfile

wheel, folder, *prefixes = sys.argv[1:]
root = os.path.realpath(folder)
with zipfile.ZipFile(wheel) as archive:
    for member in archive.infolist():
        if not any(member.filename == p or member.filename.startswith(p + "/") for p in prefixes):
            continue
        target = os.path.realpath(os.path.join(root, member.filename))
        if os.path.commonpath([root, target]) != root:
            sys.exit(f"{wheel}: member {member.filename!r} points outside the folder")
        archive.extract(member, root)
        mode = (member.external_attr >> 16) & 0o777
        if mode and not member.is_dir():
            os.chmod(target, mode | 0o600)
