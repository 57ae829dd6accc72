"""The benchmark's results as a table in Markdown and as a figure."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ntklib.book.figures.style import COLOR, INK, new_axes
from ntklib.book.interactive import png, svg

# From here on the matrices of all contenders together do not fit a laptop.
LARGE = 8000

_ = "\u00a0"  # keeps a number and its unit on one line

_ORDER = (
    "ntklib",
    "ntklib, NumPy alone",
    "naive NumPy",
    "PyTorch",
    "scikit-ntk",
    "neural-tangents",
)


def _names(results: dict[str, Any]) -> list[str]:
    present = {name for row in results["table"] for name in row["contenders"]}
    return [name for name in _ORDER if name in present]


def _ratio(row: dict[str, Any], name: str) -> str:
    if name in row["errors"]:
        return "failed"
    c = row["contenders"].get(name)
    return f"{c['ratio_of_minima']:.2f} ({c['median_of_ratios']:.2f})" if c else ""


def _grid(header: list[str], rows: list[list[str]]) -> list[str]:
    line = "|" + "|".join(["---"] * len(header)) + "|"
    return [
        "| " + " | ".join(header) + " |",
        line,
        *("| " + " | ".join(r) + " |" for r in rows),
        "",
    ]


def _speed(rows: list[dict[str, Any]], names: list[str]) -> list[str]:
    return _grid(
        ["kernel", "*n*", "dtype", f"syrk,{_}s", *names],
        [
            [
                row["kernel"],
                str(row["n"]),
                row["dtype"],
                f"{row['contenders']['syrk']['seconds']:.3f}",
                *(_ratio(row, name) for name in names),
            ]
            for row in rows
        ],
    )


def _kind(api: str, blas: list[dict[str, Any]]) -> str:
    """One BLAS in words: its versions, of NumPy's copy and SciPy's, and its kernels."""
    own = [b for b in blas if b["internal_api"] == api]
    versions, kernels = (
        " and ".join(sorted({str(b[key]) for b in own})) for key in ("version", "architecture")
    )
    return f"{api.replace('openblas', 'OpenBLAS')} {versions} with its kernels for {kernels}"


def write_table(results: dict[str, Any], path: Path) -> None:
    """All results, in words and tables."""
    names = _names(results)
    blas = results["about"]["syrk"]["blas"]
    kinds = " and ".join(_kind(api, blas) for api in sorted({b["internal_api"] for b in blas}))
    text = [
        "### Time",
        "",
        f"Measured {results['date']} on {results['processor'].replace('(R)', '')}, "
        f"{results['threads']} threads, {kinds}. Standard Gaussian points in 784 dimensions. "
        "Entries: ratio of the smallest times to that of `syrk`, and in parentheses the median of "
        "the ratios, round by round. *Lecture* is the kernel of {prf:ref}`prp-relu-ntk`; *depth 3* "
        "has three hidden layers, all layers trained.",
        "",
        *_speed(results["table"], names),
    ]
    if any(row["n"] >= LARGE for row in results["table"]):
        text += [
            f"From $n={LARGE}$ on the matrices of all programs do not fit the memory at once. "
            "There each runs alone with `syrk`, and all but ntklib are timed once, so that the two "
            "figures of an entry differ by the noise of `syrk`.",
            "",
        ]
    for name, why in results["missing"].items():
        text += [f"{name}: {why}.", ""]
    if "scikit-ntk" in names:
        text += [
            "scikit-ntk has no kernel of the inner layer alone; its kernel of depth 1 stands in "
            "for that of the lecture.",
            "",
        ]
    if results["other_blas_kernel"]:
        kernel = results["other_blas_kernel"][0]["OPENBLAS_CORETYPE"]
        present = {n for row in results["other_blas_kernel"] for n in row["contenders"]}
        text += [
            f"The same with the BLAS kernels for another processor, `OPENBLAS_CORETYPE={kernel}`:",
            "",
        ]
        text += _speed(results["other_blas_kernel"], [n for n in names if n in present])
    text += [
        "### Error",
        "",
        "Largest error, relative to $\\sqrt{k(x,x)\\,k(x',x')}$, against 40 digits; *nearly "
        "parallel* are pairs at angles from $10^{-12}$ to $10^{-2}$ and their opposites:",
        "",
    ]
    text += _grid(
        ["kernel", "dtype", "pairs", *names],
        [
            [
                row["kernel"],
                row["dtype"],
                pairs,
                *(
                    f"{row['contenders'][name][pairs]:.1e}"
                    if pairs in row["contenders"].get(name, {})
                    else "failed"
                    for name in names
                ),
            ]
            for row in results["exactness"]
            for pairs in ("generic", "nearly parallel")
        ],
    )
    largest = max(row["n"] for row in results["table"])
    row = next(r for r in results["table"] if r["n"] == largest and r["dtype"] == "float64")
    text += [
        "### Memory",
        "",
        f"Peak memory of the process, {row['kernel']}, $n={largest}$, {row['dtype']}; the result "
        f"has {largest**2 * (8 if row['dtype'] == 'float64' else 4) / 1e9:.1f}{_}GB:",
        "",
    ]
    text += _grid(
        ["memory", *(n for n in names if n in row["contenders"])],
        [
            [
                f"peak,{_}GB",
                *(
                    f"{row['contenders'][n]['peak_bytes'] / 1e9:.1f}"
                    for n in names
                    if n in row["contenders"]
                ),
            ]
        ],
    )
    text += [
        "### Growth",
        "",
        "How the time of ntklib grows with $n$, $d$ and depth in float64, and its ratio to "
        "`syrk` of the same $n$ and $d$:",
        "",
    ]
    text += _grid(
        ["kernel", "*n*", "*d*", f"ntklib,{_}s", "ratio"],
        [
            [
                r["kernel"],
                str(r["n"]),
                str(r["d"]),
                f"{r['contenders']['ntklib']['seconds']:.3f}",
                f"{r['contenders']['ntklib']['ratio_of_minima']:.2f}",
            ]
            for r in results["scaling"]
        ],
    )
    n, d = results["by_threads"][0]["n"], results["by_threads"][0]["d"]
    text += [f"By threads, the lecture's kernel in float64 at $n={n}$ and $d={d}$:", ""]
    text += _grid(
        ["threads", f"syrk,{_}s", f"ntklib,{_}s", "ratio"],
        [
            [
                str(r["threads"]),
                f"{r['contenders']['syrk']['seconds']:.3f}",
                f"{r['contenders']['ntklib']['seconds']:.3f}",
                f"{r['contenders']['ntklib']['ratio_of_minima']:.2f}",
            ]
            for r in results["by_threads"]
        ],
    )
    e, s = results["empirical"], results["systems"]
    text += [
        "### Other work",
        "",
        f"The empirical kernel at $n={e['n']}$, $d={e['d']}$, $m={e['m']}$ takes "
        f"{e['contracted']:.3f}{_}s as a contraction over neurons. Through the Jacobian, which "
        f"fills {e['jacobian_bytes'] / 1e9:.1f}{_}GB, it takes {e['jacobian']:.2f}{_}s. A fit of "
        f"least norm with the contraction takes {e['fit']:.2f}{_}s.",
        "",
        f"A ridge system at $n={s['n']}$ takes {s['scipy']:.2f}{_}s by SciPy's Cholesky solve, "
        f"{s['double']:.2f}{_}s by `ntklib.systems.solve` in double precision, and "
        f"{s['mixed']:.2f}{_}s from a factor in single precision with refinement.",
        "",
    ]
    path.write_text("\n".join(text), encoding="utf-8")


def write_figure(results: dict[str, Any], *paths: Path) -> None:
    """The figure as an SVG to be put into a page, which colors its text, or as a PNG."""
    for path in paths:
        fig = figure(results)
        if path.suffix == ".svg":
            path.write_text(svg(fig, in_words(results), "bench") + "\n", encoding="utf-8")
        else:
            path.write_bytes(png(fig))


def _drawn(results: dict[str, Any]) -> list[dict[str, Any]]:
    """The largest size at which all took turns."""
    size = max((row["n"] for row in results["table"] if row["n"] < LARGE), default=0)
    return [row for row in results["table"] if row["n"] == size]


def in_words(results: dict[str, Any]) -> str:
    """What the figure shows."""
    rows = _drawn(results)
    parts = [
        f"{row['kernel']}, {row['dtype']}: "
        + ", ".join(
            f"{name} {row['contenders'][name]['median_of_ratios']:.1f}"
            if name in row["contenders"]
            else f"{name} failed"
            for name in _names(results)
        )
        for row in rows
    ]
    return (
        f"Time for the matrix on {rows[0]['n']} points in units of syrk, a dot for each program on "
        f"a logarithmic axis. {'; '.join(parts)}."
    )


def figure(results: dict[str, Any]) -> Figure:
    """Ratios to syrk at the largest size, a dot for each contender."""
    names, rows = _names(results), _drawn(results)
    fig, axes = new_axes(len(rows), 1, height=0.5 + len(rows) * (0.55 + 0.2 * len(names)))
    fig.get_layout_engine().set(h_pad=0.1)
    top = max(c["median_of_ratios"] for row in rows for c in row["contenders"].values())
    for ax, row in zip(axes, rows, strict=True):
        for y, name in enumerate(reversed(names)):
            if name not in row["contenders"]:
                ax.text(1.1, y, "failed", va="center", color=INK)
                continue
            ratio = row["contenders"][name]["median_of_ratios"]
            own = name.startswith("ntklib")
            color = COLOR["network"] if own else COLOR["muted"]
            ax.plot([1, ratio], [y, y], color=color, lw=1.5)
            ax.plot(ratio, y, "o" if own else "s", color=color, clip_on=False)
            ax.annotate(
                f"{ratio:.1f}",
                (ratio, y),
                (6, 0),
                textcoords="offset points",
                va="center",
                color=INK,
            )
        # The axis stands at one syrk, where the bars begin.
        ax.set_xscale("log")
        ax.set_xlim(1, 1.8 * top)
        ticks = [tick for tick in (1, 2, 5, 10, 20, 50) if tick < 1.8 * top]
        ax.set_xticks(ticks, list(map(str, ticks)))
        ax.minorticks_off()
        ax.set_yticks(range(len(names)), list(reversed(names)))
        ax.set_ylim(-0.6, len(names) - 0.4)
        ax.set_title(f"{row['kernel']}, {row['dtype']}", loc="left", fontsize="medium", pad=8)
    axes[-1].set_xlabel(f"time at $n={rows[0]['n']}$, in units of syrk")
    return fig
