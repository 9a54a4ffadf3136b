"""Small distributions that extend the packages, installed as a user's would be: by pip, into a folder of their own."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import processes

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXTENSIONS = Path(__file__).parent / "extensions"


def install(name: str, target: Path) -> None:
    """Install ``tests/extensions/<name>`` into ``target``.

    The wheel is put together here, as no build tool need be installed: the modules beside ``pyproject.toml`` and what
    that says.
    """
    source = EXTENSIONS / name
    settings = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stem = f"{settings['name'].replace('-', '_')}-{settings['version']}"
    points = "\n".join(
        f"[{group}]\n" + "\n".join(f"{key} = {value}" for key, value in entries.items())
        for group, entries in settings["entry-points"].items()
    )
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(source.glob("*.py"))}
    files[f"{stem}.dist-info/METADATA"] = (
        f"Metadata-Version: 2.1\nName: {settings['name']}\nVersion: {settings['version']}\n"
    )
    files[f"{stem}.dist-info/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{stem}.dist-info/entry_points.txt"] = points
    record = f"{stem}.dist-info/RECORD"
    files[record] = "".join(f"{path},,\n" for path in [*files, record])
    target.mkdir(parents=True, exist_ok=True)
    wheel = target / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    processes.run([*command, "--target", str(target), str(wheel)], check=True, timeout=120)
    wheel.unlink()
