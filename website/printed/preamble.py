"""What LaTeX must be told before the first page: fonts, signs, the website's macros."""

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from website.project import project

# Words that LaTeX has for other things already; the book's meaning is the one that counts.
_MACRO = r"\providecommand{{\{0}}}{{}}\renewcommand{{\{0}}}[{1}]{{{2}}}"


def _formulas(text: str) -> dict[str, str]:
    """Signs, and the names of their commands, in turn."""
    items = text.split()
    return {sign: f"\\{name}" for sign, name in zip(items[::2], items[1::2], strict=True)}


# Letters of code and labels that the text's fonts do not have, as formulas.
SIGNS = {
    **_formulas("≤ le ≥ ge ≠ ne ≈ approx → to √ surd ∎ square ∞ infty × times ⇒ Rightarrow"),
    **_formulas("⟨ langle ⟩ rangle ½ tfrac12 α alpha β beta γ gamma δ delta ε varepsilon ζ zeta"),
    **_formulas("η eta θ theta κ kappa λ lambda μ mu ν nu ξ xi π pi ρ rho σ sigma τ tau"),
    **_formulas("φ varphi χ chi ψ psi ω omega Γ Gamma Δ Delta Θ Theta Λ Lambda Ξ Xi Π Pi"),
    **_formulas("Σ Sigma Φ Phi Ψ Psi Ω Omega"),
    **{"−": "-", "′": r"{}^\prime", "ᵀ": r"{}^\top", "⁺": "{}^+", "⁻": "{}^-"},
    **{sign: f"{{}}_{digit}" for digit, sign in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    **{sign: f"{{}}^{digit}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **dict(zip("ₐₑₕᵢⱼₖₗₘₙₒₚₛₜₓ", (f"{{}}_{letter}" for letter in "aehijklmnopstx"), strict=True)),
}


def macros(given: dict[str, Any]) -> str:
    """The macros of MathJax as LaTeX."""
    both = {name: one if isinstance(one, list) else (one, 0) for name, one in given.items()}
    return "\n".join(_MACRO.format(name, count, body) for name, (body, count) in both.items())


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
