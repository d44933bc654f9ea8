"""The functions of the expression language: they have no side effects, and a bound on the size of their results.

All ufuncs and elementwise blocks are in the language: they compute one number for each entry. Any other function must
be in a table, `SAME` or `MORE`. So functions that write a file, change an array, call another function or return text
are excluded, and so is a new block until it is put into a table.

The tables bound how many numbers a call makes, so that it can be refused before it runs. Functions in `SAME` make about
as many as they take. The others have a function with their own signature (`how_many.py`, `how_long.py`).
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.answers import answer
from chainrule.array import Array, node_of
from chainrule.block import Block
from chainrule.block.elementwise import Elementwise
from chainrule.expression.how_long import WORK
from chainrule.expression.how_many import MORE, in_dot, number, of_dot
from chainrule.expression.measures import same, together

__all__ = ["ATTRIBUTES", "LIBRARIES", "METHODS", "LanguageFunction", "functions_of", "is_elementwise"]

LIBRARIES = ("cr", "np", "np.linalg", "np.fft", "special")
"""The prefixes of function names."""

ATTRIBUTES = ("T", "mT")

SAME = {
    "np": """
        all allclose amax amin angle any append argmax argmin argpartition argsort argwhere around array array_equal
        array_equiv astype atleast_1d atleast_2d atleast_3d average block clip column_stack compress concat
        concatenate copy count_nonzero cross cumprod cumsum cumulative_prod cumulative_sum delete diag_indices_from
        diagonal diff digitize dsplit dstack ediff1d expand_dims extract fix flatnonzero flip fliplr flipud gradient
        hstack i0 imag interp intersect1d isclose iscomplex iscomplexobj isneginf isposinf isreal isrealobj ix_
        lexsort matrix_transpose max mean median min moveaxis nan_to_num nanargmax nanargmin nancumprod nancumsum
        nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar ndim nonzero packbits partition permute_dims
        polyadd polyder polydiv polymul polysub polyval prod ptp ravel ravel_multi_index real real_if_close reshape
        roll rollaxis rot90 round searchsorted select setdiff1d setxor1d shape sinc size sort sort_complex squeeze
        stack std sum swapaxes take_along_axis trace transpose trapezoid tril tril_indices_from trim_zeros triu
        triu_indices_from union1d unique unique_all unique_counts unique_inverse unique_values unravel_index unwrap
        var vstack where choose convolve correlate
    """,
    "np.linalg": """
        cholesky cond cross det diagonal eig eigh eigvals eigvalsh inv lstsq matrix_norm matrix_power matrix_rank
        matrix_transpose norm pinv slogdet solve svdvals tensorinv tensorsolve trace vector_norm
    """,
    "np.fft": "fftshift ifftshift",
    "cr": """
        alpha_dropout batch_norm binary_cross_entropy binary_cross_entropy_with_logits binary_hinge_loss cho_factor
        cho_solve cosine_embedding_loss cosine_similarity cross_entropy_loss dropout dropout1d dropout2d dropout3d expm
        feature_alpha_dropout gaussian_nll_loss glu group_norm hinge_embedding_loss hinge_loss huber_loss instance_norm
        kl_div l1_loss layer_norm log_softmax logm logsumexp margin_ranking_loss mean_squared_error mse_loss
        multi_margin_loss multilabel_soft_margin_loss nll_loss normalize pairwise_distance pixel_shuffle
        pixel_unshuffle poisson_nll_loss prelu rms_norm smooth_l1_loss soft_margin_loss softmax softmax_cross_entropy
        softmin solve_sylvester solve_triangular sqrtm squared_hinge_loss stop_gradient triplet_margin_loss
    """,
    "special": "sinc",
}
"""Functions whose results never have many more numbers than their arguments."""


METHODS: dict[str, tuple[int, Callable[..., float], Callable[..., int]]] = {
    **dict.fromkeys("sum mean prod max min std var ravel squeeze cumsum".split(), (1, same, same)),
    "clip": (2, same, same),
    "dot": (1, of_dot, in_dot),
    **dict.fromkeys(("reshape", "transpose"), (64, same, same)),
}
"""The methods of arrays: the maximum of positional arguments, the numbers that a call makes, and its time."""


# What is in the language ---------------------------------------------------------------------------------------------


class LanguageFunction:
    """A function of the language, and the cost of a call.

    Attributes
    ----------
    name : the name that the user writes, for messages.
    call : the function itself.
    makes : a function of the arguments that bounds how many numbers a call makes.
    works : a function of the arguments that estimates how many multiplications it does.
    """

    def __init__(self, name: str, call: Callable[..., Any], makes: Callable[..., float], works: Callable[..., float]):
        self.name = name
        self.call = call
        self.makes = makes
        self.works = works

    @functools.cached_property
    def positions(self) -> tuple[str, ...]:
        """The names of the positional parameters; none for a block, which never writes into an argument."""
        if isinstance(self.call, Block):
            return ()
        parameters = inspect.signature(self.call).parameters.values()
        return tuple(p.name for p in itertools.takewhile(lambda p: p.kind is not p.VAR_POSITIONAL, parameters))


@functools.cache
def functions_of(library: str) -> dict[str, LanguageFunction]:
    """The functions of a library that are in the language, by their names."""
    path = {"cr": "chainrule", "np": "numpy", "special": "scipy.special"}.get(library, f"numpy{library[2:]}")
    module = importlib.import_module(path)
    makes: dict[str, Callable[..., float]] = {
        **dict.fromkeys(SAME.get(library, "").split(), same),
        **MORE.get(library, {}),
    }
    found = {}
    for name, f in vars(module).items():
        if name in makes:
            found[name] = LanguageFunction(name, f, makes[name], WORK.get(library, {}).get(name, same))
        elif is_elementwise(f) and not name.startswith("_"):
            works = same if library != "special" else _by_order if name in RECURSIONS else _slowly
            found[name] = LanguageFunction(name, f, same, works)
    return found


def is_elementwise(f: Any) -> bool:
    """Whether a function computes one number for each entry."""
    return isinstance(f, Elementwise) or (isinstance(f, np.ufunc) and f.signature is None and answer(f) is not None)


def _slowly(*given: Any) -> int:
    """The work of special functions: some series take 10 µs for an entry."""
    return 1_000 * together(*given)


def _by_order(*given: Any) -> float:
    """The work of special functions that use a recurrence, with as many steps as their largest argument."""
    steps = max(abs(number(n)) for x in given for n in np.ravel(node_of(x).value if type(x) is Array else x))
    return together(*given) * (1_000 + 10 * (steps if math.isfinite(steps) else 0))


RECURSIONS = frozenset(
    """
    chndtr chndtrinc chndtrix eval_chebyc eval_chebys eval_chebyt eval_chebyu eval_gegenbauer eval_genlaguerre
    eval_hermite eval_hermitenorm eval_jacobi eval_laguerre eval_legendre eval_sh_chebyt eval_sh_chebyu eval_sh_jacobi
    eval_sh_legendre hyp1f1 hyperu lpmv mathieu_cem mathieu_modcem1 mathieu_modcem2 mathieu_modsem1 mathieu_modsem2
    mathieu_sem modstruve smirnov smirnovi struve
    yn
    """.split()
)
"""Special functions whose time grows with their arguments."""
