"""Coverage: the state of every public name of NumPy, of SciPy's modules that have twins, and of chainrule's functions.

`python -m chainrule.coverage > docs/coverage.md` writes the table. A state follows from the answer for a function: a
block declares whether it is differentiable, and a function made of blocks is. The tables here hold the other states.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

import chainrule
from chainrule.answers import answer
from chainrule.block import Block
from chainrule.standins.scipy_functions import TWINS, load_twins

__all__ = [
    "ABOUT_ARRAYS",
    "COVERED",
    "MODULES",
    "NOT_COVERED",
    "STATES",
    "PublicName",
    "coverage",
    "coverage_markdown",
    "stale_reasons",
]

STATES = {
    "differentiable": "Differentiable",
    "no gradient": "Without a gradient by nature",
    "not covered": "Not covered",
    "about arrays": "Not about derivatives",
}
"""The states, and their headings."""

TWINNED = (
    *("scipy.cluster.hierarchy", "scipy.cluster.vq", "scipy.fft", "scipy.fftpack", "scipy.integrate"),
    *("scipy.interpolate", "scipy.linalg", "scipy.ndimage", "scipy.optimize", "scipy.signal"),
    *("scipy.sparse", "scipy.sparse.linalg", "scipy.spatial", "scipy.spatial.distance"),
    *("scipy.spatial.transform", "scipy.stats"),
)
"""Modules of SciPy's whose functions have twins (see `chainrule.scipy`)."""
MODULES = ("numpy", "numpy.linalg", "numpy.fft", "scipy.special", *TWINNED, "chainrule")


class PublicName(NamedTuple):
    """The state of one public name.

    Attributes
    ----------
    state : one of STATES.
    note : which block answers for a function, or the reason for its state.
    """

    module: str
    name: str
    state: str
    note: str


# States not given by answers ----------------------------------------------------------------------------------------

WITHOUT_GRADIENT: dict[str, str] = {
    "numpy": (
        "all allclose any argmax argmin argpartition argsort argwhere array2string array_equal array_equiv "
        "array_repr array_str can_cast common_type count_nonzero digitize einsum_path flatnonzero iscomplex "
        "iscomplexobj isin isclose isneginf isposinf isreal isrealobj lexsort may_share_memory min_scalar_type "
        "nanargmax nanargmin ndim nonzero packbits ravel_multi_index result_type save savetxt savez "
        "savez_compressed searchsorted shape shares_memory size unpackbits unravel_index diag_indices_from "
        "tril_indices_from triu_indices_from empty empty_like ones ones_like zeros zeros_like sign round around"
    ),
    "numpy.linalg": "matrix_rank",
    "chainrule": "one_hot",
}
"""Functions made of blocks, or answered with plain values, that have no gradient."""

COVERED: dict[str, dict[str, str]] = {
    "numpy": {"made of numpy.vstack": "row_stack"},
    "scipy.special": {
        "as `chainrule.special`": "comb diric factorial log_softmax logsumexp multigammaln perm polygamma softmax "
        "spherical_in spherical_jn spherical_kn spherical_yn",
        "made of Bessel functions": "h1vp h2vp ivp jvp kvp yvp",
        "made of blocks": "assoc_laguerre lambertw softplus zeta",
    },
}
"""Functions that need no answer of their own, because they call others that have one."""

NOT_COVERED: dict[str, dict[str, str]] = {
    "scipy.special": {
        "its derivative by the parameter that it finds has no closed form": (
            "bdtrik bdtrin btdtria btdtrib chndtridf fdtridfd nbdtrik nbdtrin stdtridf"
        ),
        "its density is a hypergeometric sum without a block": (
            "ncfdtr ncfdtri ncfdtridfd ncfdtridfn ncfdtrinc nctdtr nctdtridf nctdtrinc nctdtrit"
        ),
        "spheroidal wave functions: SciPy has too few digits to prove a rule": (
            "obl_ang1 obl_ang1_cv obl_cv obl_rad1 obl_rad1_cv obl_rad2 obl_rad2_cv pro_ang1 pro_ang1_cv pro_cv "
            "pro_rad1 pro_rad1_cv pro_rad2 pro_rad2_cv"
        ),
        "characteristic values by q: only those of Mathieu functions by x are known": "mathieu_a mathieu_b",
        "ellipsoidal harmonics: numbers by quadrature": "ellip_harm ellip_harm_2 ellip_normal",
        "SciPy gives its derivative itself: `diff_n=1`; of a plain degree, `eval_legendre` or `lpmv`": (
            "assoc_legendre_p assoc_legendre_p_all legendre_p legendre_p_all sph_harm_y sph_harm_y_all "
            "sph_legendre_p sph_legendre_p_all"
        ),
        "takes one plain number, and gives derivatives itself": (
            "lmbda lqmn lqn obl_cv_seq pbdn_seq pbdv_seq pbvv_seq pro_cv_seq riccati_jn riccati_yn"
        ),
    },
    "scipy.cluster.hierarchy": {"about the spread of heights": "inconsistent maxRstat maxinconsts"},
    "scipy.linalg": {
        "bases of subspaces: any rotation of one is as good; write `pinv`, or a projection": "null_space orth",
        "their factors are not unique": "cossin hessenberg ordqz qz schur",
        "with random numbers": "clarkson_woodruff_transform",
    },
    "scipy.ndimage": {
        "of a function of the user": (
            "generic_filter1d generic_gradient_magnitude generic_laplace geometric_transform "
            "labeled_comprehension vectorized_filter"
        ),
    },
    "scipy.spatial.distance": {
        "of truths": "dice hamming jaccard rogerstanimoto russellrao sokalsneath yule",
    },
}
"""Functions that have a derivative somewhere, but none here: the reason, and the names that have it."""

ABOUT_ARRAYS: dict[str, dict[str, str]] = {
    "numpy": {
        "makes arrays": (
            "arange array asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray asmatrix bartlett "
            "blackman bmat diag_indices eye from_dlpack frombuffer fromfunction fromiter fromregex fromstring "
            "hamming hanning identity indices kaiser mask_indices require tri tril_indices triu_indices"
        ),
        "reads files": "fromfile genfromtxt load loadtxt",
        "writes numbers as text": "base_repr binary_repr format_float_positional format_float_scientific typename",
        "about types and shapes": (
            "broadcast_shapes isdtype isfortran isscalar issubdtype iterable mintypecode promote_types"
        ),
        "about dates": "busday_count busday_offset datetime_as_string datetime_data is_busday isnat",
        "makes functions and iterators": "frompyfunc nested_iters",
        "settings and information": (
            "get_include get_printoptions getbufsize geterr geterrcall info printoptions set_printoptions "
            "setbufsize seterr seterrcall show_config show_runtime test"
        ),
    },
    "numpy.fft": {"makes arrays": "fftfreq rfftfreq"},
    "scipy.special": {
        "makes zeros of a function": (
            "ai_zeros bei_zeros beip_zeros ber_zeros berp_zeros bi_zeros erf_zeros fresnel_zeros fresnelc_zeros "
            "fresnels_zeros jn_zeros jnjnp_zeros jnp_zeros jnyn_zeros kei_zeros keip_zeros kelvin_zeros ker_zeros "
            "kerp_zeros y0_zeros y1_zeros y1p_zeros yn_zeros ynp_zeros"
        ),
        "makes nodes and weights of a quadrature": (
            "c_roots cg_roots h_roots he_roots j_roots js_roots l_roots la_roots p_roots ps_roots roots_chebyc "
            "roots_chebys roots_chebyt roots_chebyu roots_gegenbauer roots_genlaguerre roots_hermite "
            "roots_hermitenorm roots_jacobi roots_laguerre roots_legendre roots_sh_chebyt roots_sh_chebyu "
            "roots_sh_jacobi roots_sh_legendre s_roots t_roots ts_roots u_roots us_roots"
        ),
        "makes a polynomial; its value is `eval_…`": (
            "chebyc chebys chebyt chebyu gegenbauer genlaguerre hermite hermitenorm jacobi laguerre legendre "
            "sh_chebyt sh_chebyu sh_jacobi sh_legendre"
        ),
        "of integers": "bernoulli euler factorial2 factorialk mathieu_even_coef mathieu_odd_coef stirling2",
        "settings": "geterr seterr",
    },
    "scipy.cluster.hierarchy": {"settings": "set_link_color_palette"},
    "scipy.fft": {
        "makes arrays": "fftfreq rfftfreq",
        "finds a length or an offset": "fhtoffset next_fast_len prev_fast_len",
        "settings": "get_workers register_backend set_backend set_global_backend set_workers skip_backend",
    },
    "scipy.fftpack": {"makes arrays": "fftfreq rfftfreq", "finds a length": "next_fast_len"},
    "scipy.linalg": {
        "makes constant matrices": "dft hadamard helmert hilbert invhilbert invpascal pascal",
        "functions of BLAS and LAPACK": "find_best_blas_type get_blas_funcs get_lapack_funcs",
    },
    "scipy.ndimage": {"makes arrays": "generate_binary_structure"},
    "scipy.signal": {
        "makes windows and test signals of plain numbers": (
            "chirp correlation_lags gausspulse get_window max_len_seq sawtooth square sweep_poly unit_impulse"
        ),
        "designs filters of plain numbers": (
            "band_stop_obj bessel besselap bilinear bilinear_zpk buttap butter buttord cheb1ap cheb1ord cheb2ap "
            "cheb2ord cheby1 cheby2 ellip ellipap ellipord findfreqs firls firwin firwin2 firwin_2d gammatone "
            "iircomb iirdesign iirfilter iirnotch iirpeak kaiser_atten kaiser_beta kaiserord remez savgol_coeffs"
        ),
        "checks": "check_COLA check_NOLA closest_STFT_dual_window czt_points",
    },
    "scipy.sparse": {
        "makes constant matrices": "eye eye_array identity rand random random_array",
        "about indices and files": "get_index_dtype load_npz safely_cast_index_arrays save_npz",
    },
    "scipy.sparse.linalg": {"settings": "use_solver"},
    "scipy.spatial": {"draws": "convex_hull_plot_2d delaunay_plot_2d voronoi_plot_2d"},
}
"""Functions that make or describe arrays: a description, and their names."""


# The table ------------------------------------------------------------------------------------------------------------


def coverage() -> list[PublicName]:
    """The state of every public name, by module.

    >>> [entry.note for entry in coverage() if entry.name == "tanh"]
    ['tanh']
    """
    return [_entry(module, name, value) for module in MODULES for name, value in _public(module)]


def _public(module: str) -> Iterator[tuple[str, Any]]:
    if module == "chainrule":
        for name, value in sorted(vars(chainrule).items()):
            if callable(value) and str(getattr(value, "__module__", "")).startswith("chainrule.blocks"):
                yield name, value
        return
    namespace = importlib.import_module(module)
    for name in sorted(set(namespace.__all__)):
        if not name.startswith("_"):
            yield name, getattr(namespace, name)


def _entry(module: str, name: str, value: Any) -> PublicName:
    if module in TWINNED and _has_twin(module, value):
        if TWINS[id(value)].differentiable:
            return PublicName(module, name, "differentiable", "a twin")
        return PublicName(module, name, "no gradient", "a plain value")
    kind = _kind(value)
    if kind:
        return PublicName(module, name, "about arrays", kind)
    handler = _answer(module, value)
    if isinstance(handler, Block):
        return PublicName(module, name, "differentiable" if handler.differentiable else "no gradient", handler.name)
    if handler is not None and name in WITHOUT_GRADIENT.get(module, "").split():
        return PublicName(module, name, "no gradient", "a plain value")
    if handler is not None:
        return PublicName(module, name, "differentiable", "made of blocks")
    for state, table in ("differentiable", COVERED), ("not covered", NOT_COVERED), ("about arrays", ABOUT_ARRAYS):
        for note, names in table.get(module, {}).items():
            if name in names.split():
                return PublicName(module, name, state, note)
    return PublicName(module, name, *(("not covered", "no twin") if module in TWINNED else ("", "")))


def _has_twin(module: str, value: Any) -> bool:
    load_twins(module)
    return id(value) in TWINS


def _kind(value: Any) -> str:
    if isinstance(value, ModuleType):
        return "a module"
    if inspect.isclass(value):
        return "a type"
    return "" if callable(value) else "a constant"


def _answer(module: str, value: Any) -> Any:
    if module == "chainrule":
        return value
    if module in TWINNED:
        return value if _has_twin(module, value) else None
    try:
        return answer(value)
    except TypeError:  # not hashable
        return None


def stale_reasons() -> list[str]:
    """Names in the tables that are answered for now, or that do not exist."""
    stale = []
    for table in COVERED, NOT_COVERED, ABOUT_ARRAYS:
        for module, reasons in table.items():
            namespace = importlib.import_module(module)
            for name in " ".join(reasons.values()).split():
                if not hasattr(namespace, name) or _answer(module, getattr(namespace, name)) is not None:
                    stale.append(f"{module}.{name}")
    for module, names in WITHOUT_GRADIENT.items():
        namespace = importlib.import_module(module)
        for name in names.split():
            handler = _answer(module, getattr(namespace, name, None))
            if not hasattr(namespace, name) or (isinstance(handler, Block) and handler.differentiable):
                stale.append(f"{module}.{name}")
    return stale


# The document ---------------------------------------------------------------------------------------------------------


def coverage_markdown() -> str:
    """The table as a Markdown document: counts first, then a section for each module."""
    import scipy

    entries = coverage()
    lines = [
        "# What is covered",
        "",
        f"Every public name of NumPy {np.__version__}, SciPy {scipy.__version__}'s `scipy.special` and modules with",
        "twins, and the functions for neural networks. Written by `python -m chainrule.coverage > docs/coverage.md`.",
        "",
        "- *Differentiable*: called with a recorded array it records, and has a gradient.",
        "- *Without a gradient by nature*: integers, booleans, steps and descriptions; works on values, and the",
        "  gradient is zero or ends there.",
        "- *Not covered*: an error that says what to write.",
        "- *Not about derivatives*: types, constants, and what makes or describes arrays; works as without chainrule.",
        "",
        "| module | " + " | ".join(heading.lower() for heading in STATES.values()) + " |",
        "|---" * (1 + len(STATES)) + "|",
    ]
    for module in (*MODULES, "all"):
        mine = [e for e in entries if module in (e.module, "all")]
        counts = [sum(e.state == state for e in mine) for state in STATES]
        lines.append(f"| {module} | " + " | ".join(map(str, counts)) + " |")
    for module in MODULES:
        lines += ["", f"## {module}"]
        for state, heading in STATES.items():
            mine = [e for e in entries if (e.module, e.state) == (module, state)]
            if mine:
                lines += ["", f"### {heading}: {len(mine)}", "", *_rows(mine, state)]
    return "\n".join(lines) + "\n"


def _rows(entries: list[PublicName], state: str) -> list[str]:
    """Differentiable functions in a table, one a row; the others grouped by their note."""
    if state == "differentiable":
        return ["| function | answered by |", "|---|---|", *(f"| `{e.name}` | {e.note} |" for e in entries)]
    notes = dict.fromkeys(e.note if state != "no gradient" else "" for e in entries)
    rows = []
    for note in notes:
        names = ", ".join(f"`{e.name}`" for e in entries if note in (e.note, ""))
        rows.append(f"- {note}: {names}" if note else names)
    return rows


if __name__ == "__main__":
    print(coverage_markdown(), end="")
