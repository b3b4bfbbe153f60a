"""Verdicts as a page that needs nothing else, and as a cell of a notebook. What a user typed arrives as inert text."""

from __future__ import annotations

import html as _html
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from symgd.nodes.node import Node, access, tree_size
from symgd.printing.page import STARTER, Formula, katex, style
from symgd.printing.templates import environment
from symgd.verification.plain import LONG, NAMES, both, formula, inert, place, point, sentence
from symgd.verification.tex import Writer

if TYPE_CHECKING:
    from symgd.verification.verdict import Mistake, Verdict, Verification

__all__ = ["html", "notebook", "table"]

SIGNS: Final = {"proved": "✓", "equal": "✓", "conditional": "~", "different": "✗", "undecided": "?", "refused": "!"}
TITLES: Final = {
    "different": "The answer is not the derivative",
    "undecided": "It is not decided whether the answer is right",
    "conditional": "The answer is right under a condition",
}


def html(verification: Verification) -> str:
    """A page with a section for each parameter: the verdict, yours beside the exact derivative, what went wrong, and a point where it shows."""
    found = {verdict.status for verdict in verification.verdicts.values()}
    title = next((title for status, title in TITLES.items() if status in found), "The answer is right")
    return _page(title, groups=[_group(verification)])


def table(title: str, lead: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """A page about many answers: a table, and below it a section for each of them.

    `rows`: `row` (its number), `name`, `parameter`, `status`, `words`, and `verification`, None for what was refused.
    """
    groups = [
        {**_group(row["verification"]), "row": row["row"], "heading": f"Row {row['row']}{': ' if row['name'] else ''}{inert(row['name'])}"}
        for row in rows
        if row["verification"] is not None
    ]
    shown = [{**row, "verdicts": row["verification"] is not None} for row in rows]
    return _page(title, lead=lead, rows=shown, groups=groups)


def notebook(verification: Verification) -> str:
    """A fragment for notebooks, whose own MathJax sets the formulas; words are kept from it, whatever signs they hold."""
    write = Writer(verification)
    parts = [f"<p>{_words(sentence(verification.remark))}</p>"] if verification.remark else []
    for verdict in verification.verdicts.values():
        shown = _verdict(verification, write, verdict)
        parts.append(f"<p><b>{_formula(shown['partial'])} {SIGNS[verdict.status]} {_words(verdict.status)}:</b> {_words(shown['reason'])}</p>")
        if shown["needs"]:
            parts.append(f"<p>Right if {_words(shown['needs'])}.</p>")
        rows = [(label, _formula(shown[key])) for label, key in (("yours", "yours"), ("exact", "exact")) if shown[key]]
        for mistake in shown["mistakes"]:
            rows.append((_words(mistake["kind"]), _words(mistake["message"])))
            rows += [(label, _piece(mistake[label])) for label in ("where", "correct") if mistake[label]]
        if found := shown["witness"]:
            rows += [(_formula(name), _words(value)) for name, value in found["point"]]
            of = f" for {_formula(found['element'])}" if found["element"] else ""
            rows += [(f"yours{of}", _words(found["yours"])), ("the exact one", _words(found["exact"]))]
        cells = "".join(f'<tr><td style="text-align:left">{left}</td><td style="text-align:left">{right}</td></tr>' for left, right in rows)
        parts.append(f"<table>{cells}</table>" if cells else "")
        parts += [f"<p>{_words(note)}</p>" for note in shown["notes"]]
    return "".join(parts) or "<p>There is nothing to judge.</p>"


def _words(words: str) -> str:
    return f'<span class="tex2jax_ignore mathjax_ignore">{_html.escape(words)}</span>'


def _formula(part: Formula) -> str:
    return f"${_html.escape(part.tex)}$"


def _piece(part: Formula | str) -> str:
    return _words(part) if isinstance(part, str) else _formula(part)


def _page(title: str, *, lead: Sequence[str] = (), rows: Sequence[Mapping[str, Any]] = (), groups: Sequence[Mapping[str, Any]] = ()) -> str:
    scripts = [katex("katex.min.js").decode(), STARTER]
    hashes = " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)
    template = environment("html").get_template("verification.html.jinja")
    return template.render(
        title=title, lead=lead, rows=rows, groups=groups, signs=SIGNS,
        hashes=hashes, katex_css=style(), katex_js=scripts[0], starter=scripts[1],
    )  # fmt: skip


def _group(verification: Verification) -> dict[str, Any]:
    cost, write = verification.cost, Writer(verification)
    bodies = [cost._formula.expression, *(body for _, body in cost._formula.definitions)]
    short = sum(map(tree_size, bodies)) <= 4 * LONG
    return {
        "cost": Formula(_cost(verification, write), cost.text()) if short else None,
        "remark": sentence(verification.remark),
        "verdicts": [_verdict(verification, write, verdict) for verdict in verification.verdicts.values()],
    }


def _cost(verification: Verification, write: Writer) -> str:
    """The cost and its definitions, in the names of the rest of the page."""
    cost = verification.cost
    rows = [f"{write(access(cost._name))} &= {write(cost._formula.expression)}"]
    rows += [f"{write(target)} &= {write(body)}" for target, body in cost._formula.definitions]
    return r"\begin{aligned}" + r" \\ ".join(rows) + r"\end{aligned}"


def _verdict(verification: Verification, write: Writer, verdict: Verdict) -> dict[str, Any]:
    cost = verification.cost

    def shown(part: Node | None) -> Formula | None:
        words = formula(cost, part)
        return Formula(write(part), words) if part is not None and words else None

    found = verdict.witness
    witness = None
    if found is not None:
        yours, exact = both(found.yours, found.exact)
        names = [name for name, _ in write.point(found, NAMES)]
        witness = {
            "point": [(Formula(name, said), value) for name, (said, value) in zip(names, point(found), strict=True)],
            "element": Formula(write.element(verdict), "") if found.element else None,
            "yours": "no value" if yours == "NaN" else yours,
            "exact": exact,
        }
    return {
        "partial": Formula(write.partial(verdict), f"d{cost._name}/d{place(cost, verdict)}"),
        "status": verdict.status,
        "reason": sentence(verdict.reason)[:1].upper() + sentence(verdict.reason)[1:],
        "needs": inert(" and ".join(verdict.needs)) if not all(need in verdict.reason for need in verdict.needs) else "",
        "yours": shown(verdict.answer),
        "exact": shown(verdict.exact),
        "mistakes": [_mistake(write, verdict, mistake) for mistake in verdict.mistakes[:2]],
        "witness": witness,
        "notes": [sentence(note) for note in verdict.notes],
    }


def _mistake(write: Writer, verdict: Verdict, mistake: Mistake) -> dict[str, Any]:
    known = mistake.part is not None and tree_size(mistake.part) <= LONG
    return {
        "kind": inert(mistake.kind.replace("-", " ")).capitalize(),
        "message": "" if mistake.message in verdict.reason else sentence(mistake.message),
        "where": Formula(write.where(mistake), inert(mistake.where)) if known else _said(write, mistake.where),
        "correct": _said(write, mistake.correct),
    }


def _said(write: Writer, words: str) -> Formula | str:
    """What is said in the text language as a formula, if it is one."""
    found = write.formula(words) if words else None
    return Formula(found, words) if found else inert(words)
