"""Cut Streamlit's icon font (375 kB, fetched by every reader) to the icons it can show.

Run when Streamlit changes its font (its digest, in the file name, is then another one):
`uv run --with fonttools --with brotli python ui/icons/make_subset.py`. It keeps every
icon whose name occurs in Streamlit's front end or in our pages, and writes
`MaterialSymbols-Rounded.<digest>.woff2` beside this file. The font is Google's Material
Symbols, Apache License 2.0.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import streamlit
from fontTools import subset  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

STATIC = Path(streamlit.__file__).resolve().parent / "static" / "static"
HERE = Path(__file__).resolve().parent


def main() -> None:
    """Write the small font."""
    source = next((STATIC / "media").glob("MaterialSymbols-Rounded.*.woff2"))
    font = TTFont(source)
    letters = {glyph: chr(code) for code, glyph in font.getBestCmap().items()}
    glyph_of_name = {
        name_ligature(first, ligature, letters): ligature.LigGlyph
        for ligatures in list_ligatures(font)
        for first, found in ligatures.items()
        for ligature in found
    }
    texts = [path.read_text("utf-8", "replace") for path in (STATIC / "js").glob("*.js")]
    texts += [path.read_text("utf-8") for path in HERE.parent.glob("*.py")]
    words = set(re.findall(r"[`\"':/]([a-z0-9_]{2,40})(?=[`\"':])", "\n".join(texts)))
    kept = sorted(words & set(glyph_of_name))
    for ligatures in list_ligatures(font):
        for first, found in list(ligatures.items()):
            ligatures[first] = [x for x in found if name_ligature(first, x, letters) in kept]
    options = subset.Options(layout_features=["*"], flavor="woff2", notdef_outline=True)
    cutter = subset.Subsetter(options)
    cutter.populate(
        text="".join(sorted(set("".join(kept)))), glyphs=[glyph_of_name[name] for name in kept]
    )
    cutter.subset(font)
    subset.save_font(font, HERE / source.name, options)


def list_ligatures(font: TTFont) -> list[dict[str, Any]]:
    """Return the font's tables of ligatures: first letter to what may follow it."""
    tables = [t for lookup in font["GSUB"].table.LookupList.Lookup for t in lookup.SubTable]
    inner = [getattr(table, "ExtSubTable", table) for table in tables]
    return [table.ligatures for table in inner if hasattr(table, "ligatures")]


def name_ligature(first: str, ligature: Any, letters: dict[str, str]) -> str:  # noqa: ANN401
    """Return the name of an icon: the letters that turn into it."""
    return "".join(letters.get(glyph, "?") for glyph in [first, *ligature.Component])


if __name__ == "__main__":
    main()
