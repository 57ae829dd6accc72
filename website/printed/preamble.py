"""What LaTeX must be told before the first page: fonts, signs, the website's macros."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from website.project import project

# Words that LaTeX has for other things already; the book's meaning is the one that counts.
_MACRO = r"\providecommand{{\{0}}}{{}}\renewcommand{{\{0}}}[{1}]{{{2}}}"
# Letters of code and labels that the text's fonts do not have, as formulas.
SIGNS = {
    "≤": r"\le",
    "≥": r"\ge",
    "≠": r"\ne",
    "≈": r"\approx",
    "→": r"\to",
    "√": r"\surd",
    "∎": r"\square",
    "∞": r"\infty",
    "×": r"\times",
    "−": "-",
    "′": r"{}^\prime",
    "⇒": r"\Rightarrow",
    "⟨": r"\langle",
    "⟩": r"\rangle",
    "½": r"\tfrac12",
    "α": r"\alpha",
    "β": r"\beta",
    "γ": r"\gamma",
    "δ": r"\delta",
    "ε": r"\varepsilon",
    "ζ": r"\zeta",
    "η": r"\eta",
    "θ": r"\theta",
    "κ": r"\kappa",
    "λ": r"\lambda",
    "μ": r"\mu",
    "ν": r"\nu",
    "ξ": r"\xi",
    "π": r"\pi",
    "ρ": r"\rho",
    "σ": r"\sigma",
    "τ": r"\tau",
    "φ": r"\varphi",
    "χ": r"\chi",
    "ψ": r"\psi",
    "ω": r"\omega",
    "Γ": r"\Gamma",
    "Δ": r"\Delta",
    "Θ": r"\Theta",
    "Λ": r"\Lambda",
    "Ξ": r"\Xi",
    "Π": r"\Pi",
    "Σ": r"\Sigma",
    "Φ": r"\Phi",
    "Ψ": r"\Psi",
    "Ω": r"\Omega",
    **{sign: f"{{}}_{digit}" for digit, sign in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    **{sign: f"{{}}^{digit}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    "ᵀ": r"{}^\top",
    "⁺": "{}^+",
    "⁻": "{}^-",
    **dict(zip("ₐₑₕᵢⱼₖₗₘₙₒₚₛₜₓ", (f"{{}}_{letter}" for letter in "aehijklmnopstx"), strict=True)),
}


def macros(given: dict[str, Any]) -> str:
    """The macros of MathJax as LaTeX."""
    lines = []
    for name, value in given.items():
        body, count = value if isinstance(value, list) else (value, 0)
        lines.append(_MACRO.format(name, count, body))
    return "\n".join(lines)


def configure(app: Sphinx, config: Config) -> None:
    """Fill in what LaTeX needs, from what the website has."""
    signs = "\n".join(
        rf"\newunicodechar{{{sign}}}{{\ensuremath{{{formula}}}}}" for sign, formula in SIGNS.items()
    )
    preamble = Path(__file__).with_name("book.tex").read_text(encoding="utf-8")
    config.today = f"Version {project(app)['version']}"  # the title page's, instead of a day
    config.latex_domain_indices = False
    config.latex_elements = {
        "papersize": "a4paper",
        "pointsize": "11pt",
        "extraclassoptions": "openany,oneside",
        "fontpkg": FONTS,
        "figure_align": "H",  # where the text has it
        "fncychap": "",
        "makeindex": "",
        "printindex": "",
        "preamble": "\n".join((preamble, signs, macros(config.mathjax3_config["tex"]["macros"]))),
        **config.latex_elements,
    }


FONTS = r"""
\setmainfont{Latin Modern Roman}
\setsansfont{Latin Modern Sans}
\setmonofont{Latin Modern Mono}
"""
